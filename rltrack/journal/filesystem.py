"""What kind of file system a folder is on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: Types in /proc/self/mountinfo where several hosts may see one file, or where a mapped store
#: is not sure to reach it.
NETWORK_TYPES: Final = frozenset(
    [
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "smb3",
        "smbfs",
        "wekafs",
    ]
)


def is_network_filesystem(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether `folder` is on a network file system; False where that cannot be known."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    path = os.path.realpath(folder)
    longest, answer = -1, False
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or not kind:
            continue
        mount = _unescape(fields[4])
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        # Of two mounts on one point, the later hides the earlier.
        if inside and len(mount) >= longest:
            longest, answer = len(mount), kind[0] in NETWORK_TYPES
    return answer


def _unescape(field: str) -> str:
    r"""Mountinfo writes blanks in paths as octal: ``\040``."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field
