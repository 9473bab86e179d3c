"""What a disk may do to a hub: links in its folders, and no space left."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rltrack.hub.folder_storage import FolderStorage
from rltrack.server.answers import Refusal
from rltrack.store.gc import garbage
from tests.hub.test_storage_contract import CREATED_NS, SEGMENT, digest, facts, refused


@contextmanager
def full_from(size: int) -> Iterator[None]:
    """No file grows beyond a size: the kernel refuses it as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_takes_nothing_and_says_so(tmp_path: Path) -> None:
    """Not half of it either: what follows goes where the client thinks."""
    storage = FolderStorage(tmp_path)
    storage.claim("p", "r", CREATED_NS)
    storage.append("p", "r", SEGMENT, 0, bytes(1000))
    storage.put_facts("p", "r", facts(), {})
    with full_from(2000):
        refused(507, storage.append, "p", "r", SEGMENT, 1000, bytes(5000))
        refused(507, storage.put_facts, "p", "r", facts(notes="x" * 5000), {})
        refused(507, storage.blob_append, "p", digest(bytes(5000)), 5000, 0, bytes(5000))

    assert storage.sizes("p", "r") == {SEGMENT: 1000}
    assert (tmp_path / "p" / "r" / "run.json").read_bytes() == facts()
    assert storage.append("p", "r", SEGMENT, 1000, bytes(5000)) == 6000
    there = sorted(path.name for path in (tmp_path / "p" / "r").iterdir())
    assert there == [".claim", "journal", "run.json"]


@pytest.mark.parametrize("link", ["p", "p/r", "p/r/journal", "p/r/files", "p/r/files/sub"])
def test_a_link_on_the_way_is_not_followed(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    (outside / "r").mkdir(parents=True)
    storage = FolderStorage(tmp_path / "root")
    path = tmp_path / "root" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(outside, target_is_directory=True)
    told = []
    for call in (
        lambda: storage.claim("p", "r", CREATED_NS),
        lambda: storage.append("p", "r", SEGMENT, 0, b"x"),
        lambda: storage.put_facts("p", "r", facts(), {}),
        lambda: storage.place_file("p", "r", "files/sub/x", digest(b""), 0),
    ):
        try:
            call()
        except Refusal as refusal:
            told.append(refusal.status)

    assert 409 in told
    assert [inside for inside in outside.rglob("*") if inside.name != "r"] == []


def test_a_file_that_is_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "root")
    storage.claim("p", "r", CREATED_NS)
    storage.append("p", "r", SEGMENT, 0, b"abc")
    secret = tmp_path / "secret"
    secret.write_bytes(b"abc")
    folder = tmp_path / "root" / "p" / "r"
    (folder / "files").mkdir()
    for path in (folder / "files" / "x", folder / "run.json", folder / "stop"):
        path.symlink_to(secret)
    (folder / "journal" / "b-000001.rlj").symlink_to(secret)

    refused(409, storage.append, "p", "r", "b-000001.rlj", 0, b"abcdef")
    storage.put_facts("p", "r", facts(), {})
    storage.blob_append("p", digest(b"new"), 3, 0, b"new")
    assert storage.place_file("p", "r", "files/x", digest(b"new"), 3)

    assert secret.read_bytes() == b"abc"
    assert (folder / "files" / "x").read_bytes() == b"new"
    assert storage.stop_request("p", "r") is None
    assert storage.files("p", "r") == {"files/x": 3}
    assert storage.sizes("p", "r") == {SEGMENT: 3}


def test_what_a_client_never_came_back_to_is_garbage_after_a_week(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    storage.blob_append("p", digest(bytes(9)), 9, 0, bytes(5))

    assert garbage(tmp_path) == []
    (found,) = garbage(tmp_path, now=lambda: time.time() + 8 * 86400)
    assert (found.kind, found.bytes) == ("leftover", 5)
    assert found.remove()
    assert storage.blob_missing("p", [digest(bytes(9))]) == {digest(bytes(9)): 0}
