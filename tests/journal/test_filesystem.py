"""Which folders are on a network: there, a store into a map is not sure to arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from rltrack.journal.filesystem import is_network_filesystem

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /home rw shared:2 - nfs4 server:/home rw
24 23 8:2 / /home/me/scratch rw - xfs /dev/sdb1 rw
25 22 0:30 / /mnt/my\040share rw master:1 propagate_from:2 - cifs //server/share rw
26 22 0:31 / /lustre rw - lustre a@tcp:/fs rw
27 22 0:32 / /twice rw - ext4 /dev/sdc rw
28 22 0:33 / /twice rw - fuse.sshfs me@host: rw
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/", False),
        ("/tmp/runs", False),
        ("/home/me/runs", True),
        ("/home/me/scratch/runs", False),
        ("/homes/me", False),
        ("/mnt/my share/runs", True),
        ("/lustre", True),
        ("/twice/a", True),
    ],
)
def test_the_innermost_mount_decides(tmp_path: Path, folder: str, expected: bool) -> None:
    """A local scratch disk inside a home of the network, blanks in names, mounts over mounts."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTS)

    assert is_network_filesystem(Path(folder), mountinfo) is expected


def test_where_it_cannot_be_known_the_disk_is_local(tmp_path: Path) -> None:
    """No /proc on a Mac."""
    assert is_network_filesystem(tmp_path, tmp_path / "none") is False
