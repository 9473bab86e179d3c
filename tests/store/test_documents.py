"""Documents of a project: whole or not at all, and no change lost without a word."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from rltrack.errors import NotFoundError, StorageError, UsageError
from rltrack.store.documents import MAX_BYTES, ConflictError, Documents, proof_of_kinds


@pytest.fixture
def views(tmp_path: Path) -> Documents:
    (tmp_path / "p").mkdir()
    return Documents(tmp_path, "p", "views", now=lambda: 100.0)


def test_a_document_is_saved_read_replaced_and_deleted(views: Documents) -> None:
    """Each change has a version of its own."""
    first = views.put("a", {"name": "A"}, new=True, by="ann")
    assert views.get("a") == first
    assert (first.saved_at, first.by, first.body) == (100.0, "ann", {"name": "A"})
    second = views.put("a", {"name": "B"}, was=first.version)
    assert second.version != first.version
    assert views.all() == ([second], [])
    views.delete("a", was=second.version)
    assert views.all() == ([], [])
    with pytest.raises(NotFoundError):
        views.get("a")


def test_who_saves_what_somebody_else_has_changed_is_told(views: Documents) -> None:
    """And nothing is lost."""
    mine = views.put("a", 1)
    theirs = views.put("a", 2, was=mine.version, by="bob")
    with pytest.raises(ConflictError, match="bob has saved 'a' meanwhile") as told:
        views.put("a", 3, was=mine.version)
    assert told.value.document == theirs
    with pytest.raises(ConflictError, match="already"):
        views.put("a", 3, new=True)
    with pytest.raises(ConflictError):
        views.delete("a", was=mine.version)
    assert views.get("a") == theirs
    views.delete("a")
    with pytest.raises(ConflictError, match="deleted meanwhile"):
        views.put("a", 3, was=theirs.version)


def test_a_damaged_document_is_told_and_kept(views: Documents, tmp_path: Path) -> None:
    """It may be all that somebody has."""
    views.put("a", 1)
    views.put("b", 2)
    path = tmp_path / "p" / ".documents" / "views" / "a.json"
    path.write_text('{"version": "1", "bo')
    found, damaged = views.all()
    assert ([one.id for one in found], damaged) == (["b"], ["a"])
    with pytest.raises(StorageError, match="damaged"):
        views.get("a")
    views.put("a", 3)
    assert views.get("a").body == 3
    assert path.with_name("a.100.damaged").read_text().startswith('{"version": "1"')


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", ".a", "a" * 65, "a\n"])
def test_an_id_is_no_path(views: Documents, name: str) -> None:
    """What a request says never leaves the folder."""
    with pytest.raises(UsageError):
        views.put(name, 1)
    with pytest.raises(UsageError):
        views.get(name)


def test_what_is_no_document_is_refused(views: Documents, tmp_path: Path) -> None:
    """Nothing is written then."""
    with pytest.raises(UsageError, match="no JSON"):
        views.put("a", float("nan"))
    with pytest.raises(UsageError, match="are the most"):
        views.put("a", "x" * MAX_BYTES)
    with pytest.raises(UsageError, match="no kind"):
        Documents(tmp_path, "p", "secrets")
    with pytest.raises(NotFoundError):
        Documents(tmp_path, "other", "views").put("a", 1)
    assert views.all() == ([], [])


def test_a_change_can_be_seen_without_reading(views: Documents, tmp_path: Path) -> None:
    """So that open pages follow."""
    assert proof_of_kinds(tmp_path / "p") == {}
    views.put("a", 1)
    before = proof_of_kinds(tmp_path / "p")
    views.put("a", 2)
    assert proof_of_kinds(tmp_path / "p") != before


def _count(root: Path, times: int) -> None:
    numbers = Documents(root, "p", "colours")
    for _ in range(times):
        while True:
            now = numbers.get("n")
            try:
                numbers.put("n", now.body + 1, was=now.version)
                break
            except ConflictError:
                continue


def test_processes_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each adds to what it has read, and reads again when it was too late."""
    (tmp_path / "p").mkdir()
    Documents(tmp_path, "p", "colours").put("n", 0)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count, args=(tmp_path, 30)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Documents(tmp_path, "p", "colours").get("n").body == 90
