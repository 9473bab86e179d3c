"""Many files, large ones, odd ones; a kill in the middle."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.manifest import Entry, checked_path, lines_of, parse_manifest
from rltrack.errors import ArtifactError, UsageError

PATHS = st.text(min_size=1, max_size=40).filter(lambda text: _is_path(text))


def _is_path(text: str) -> bool:
    try:
        checked_path(text)
    except UsageError:
        return False
    return True


@given(st.dictionaries(PATHS.map(checked_path), st.integers(0, 2**62), max_size=20))
def test_a_list_of_files_reads_as_it_was_written(files: dict[str, int]) -> None:
    """Any name that may be one, in any order, as the same bytes."""
    entries = [Entry(path, "d" * 64, size) for path, size in files.items()]
    lines = list(lines_of(entries))

    assert list(parse_manifest(lines).values()) == sorted(entries, key=lambda e: e.path)
    assert list(lines_of(reversed(entries))) == lines
    assert all(line.count(b"\n") == 1 for line in lines)


@pytest.mark.parametrize(
    "line",
    [b'["../x", "d", 1]', b'["/etc/x", "d", 1]', b'["x"]', b"{}", b"\xff", b'["x", "d", []]'],
)
def test_a_list_that_somebody_made_up_is_refused(line: bytes) -> None:
    """A download writes nowhere else."""
    with pytest.raises((ArtifactError, UsageError)):
        parse_manifest([line])


def test_thousands_of_files(root: Path, tmp_path: Path) -> None:
    """In threads; names that are odd among them; a link to a file, one to nowhere, one to itself."""
    data = tmp_path / "data"
    for number in range(2500):
        path = data / f"{number % 50}" / f"ä {number}\n.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number % 100))
    (data / "link").symlink_to(data / "0" / "ä 0\n.txt")
    (data / "nowhere").symlink_to("gone")
    (data / "self").symlink_to(data)
    (data / "empty").write_bytes(b"")
    with rltrack.init(project="p", settings={"quiet": True}) as run:
        artifact = rltrack.Artifact("data", "dataset")
        artifact.add_dir(data)
        run.log_artifact(artifact)
    got = Path(artifact.download(tmp_path / "got"))

    assert artifact.file_count == 2502
    assert (got / "7" / "ä 7\n.txt").read_text() == "7"
    assert (got / "link").read_text() == "0"
    assert (got / "empty").read_bytes() == b""
    artifact.verify(got)


def test_a_large_file_is_not_written_again(tmp_path: Path) -> None:
    """It is looked at first; and what is there needs no second copy."""
    blobs = Blobs(tmp_path / "root")
    large = tmp_path / "large"
    with large.open("wb") as file:
        for number in range(80):
            file.write(bytes([number]) * (1 << 20))
    done: list[int] = []
    digest, size = blobs.add_file(large, progress=done.append)
    before = blobs.path(digest).stat()
    again, _ = blobs.add_file(large)

    assert (size, sum(done)) == (80 << 20, 80 << 20)
    assert again == digest == hashlib.sha256(large.read_bytes()).hexdigest()
    assert blobs.path(digest).stat().st_ino == before.st_ino
    assert before.st_mode & 0o222 == 0


def test_a_root_takes_over_what_another_has(tmp_path: Path) -> None:
    """An artifact that was made before `init(dir=…)`."""
    here, there = Blobs(tmp_path / "here"), Blobs(tmp_path / "there")
    digest, _ = here.add_bytes(b"hello")
    there.adopt_from(here, digest)

    assert there.read(digest) == b"hello"


def test_a_kill_in_the_middle_leaves_no_half_version(root: Path, tmp_path: Path) -> None:
    """And what was kept of it is not kept a second time."""
    data = tmp_path / "data"
    data.mkdir()
    for number in range(400):
        (data / f"{number}.bin").write_bytes(os.urandom(50_000))
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import sys, rltrack
            with rltrack.init(project="p", settings={"quiet": True}) as run:
                for number in range(1000):
                    artifact = rltrack.Artifact("data", "dataset")
                    artifact.add_dir(sys.argv[1])
                    with artifact.new_file("number") as file:
                        file.write(str(number))
                    run.log_artifact(artifact)
        """)
    )
    process = subprocess.Popen([sys.executable, str(script), str(data)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not list((root / "artifacts").glob("p/data/v1.json")) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = rltrack.Api(root).artifacts("dataset", "p/data")

    assert len(found) >= 2
    for artifact in found:
        artifact.verify(artifact.download(tmp_path / artifact.version))
    contents = [p for p in (root / "artifacts" / "blobs").rglob("*") if len(p.name) == 64]
    assert len(contents) <= 400 + 2 * (len(found) + 1)
