"""A copy of a server that goes on meanwhile: its folder, and its accounts where they are SQLite.

    <backup>/backup.json    when, by which rltrack, how much; written last: without it there is none
             files.jsonl    path, size and SHA-256 of each file
             root/          the folder of all projects, but for what is made again from it
             hub.sqlite     the accounts

What the server had acknowledged before the backup began is in it, since files only grow at their
end or are replaced as a whole, and are copied against the order in which they are written: facts
before the journal they tell of, of a writer's segments the last first, the list of an artifact's
contents before the contents. What comes meanwhile may be in it in part; a journal that ends in the
middle of a record is read up to there, and the machine that recorded it sends the rest.

Files that are never written again (media, contents of artifacts) are hard links where the disk is
the same: a backup beside its root takes little room, and is none against the disk's own end.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from rltrack._version import __version__
from rltrack.artifacts.collection import ARTIFACTS, BLOBS
from rltrack.errors import StorageError, UsageError
from rltrack.folder import HUB, RUN_JSON
from rltrack.hub.config import HubConfig
from rltrack.hub.database import schema_of, sqlite_file
from rltrack.hub.root_format import FORMAT_FILE

FORMAT: Final = 1
_TOLD: Final = "backup.json"
_LIST: Final = "files.jsonl"
_ROOT: Final = "root"
_DATABASE: Final = "hub.sqlite"
_CLAIM: Final = ".claim"
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup holds, as `backup.json` says it."""

    made_at: float
    """When it began, in seconds since the epoch."""
    files: int
    size_bytes: int
    linked: int
    """How many of the files are hard links into the root."""
    schema: str | None
    """Of the accounts; None: they are not in it, but in PostgreSQL."""
    list_digest: str
    """SHA-256 of `files.jsonl`."""
    rltrack: str = __version__
    format: int = FORMAT


def back_up(config: HubConfig, target: Path) -> Backup:
    """Make a backup; the server may run meanwhile, and machines may send.

    Args:
        config: of the server.
        target: a folder that is empty, or is not there yet.

    Raises:
        UsageError: there is no server's folder, or the target holds something.
        StorageError: something cannot be read, or not be written.
    """
    root = config.root.absolute()
    if not root.is_dir():
        raise UsageError(f"there is no folder {root}; say which by --dir")
    if target.absolute().is_relative_to(root):
        raise UsageError(f"{target} lies in {root}, which it would be a copy of; choose another")
    _claim_empty(target, "a backup goes into an empty folder")
    database = sqlite_file(config.database_url)
    began, count, size, linked, schema = time.time(), 0, 0, 0, None
    try:
        with open(target / _LIST, "w", encoding="ascii") as listing:

            def note(path: str, copied: _Copied) -> None:
                nonlocal count, size, linked
                count, size, linked = count + 1, size + copied.size, linked + copied.is_link
                entry = {"path": path, "size": copied.size, "sha256": copied.digest}
                listing.write(json.dumps(entry) + "\n")

            for path in _files(root):
                place = f"{_ROOT}/{path}"
                with suppress(FileNotFoundError):  # deleted meanwhile, as it is then in the copy
                    note(place, _copy(root / path, target / place, link=_is_final(path)))
            if database is not None and database.exists():  # last: who owns a run is there, too
                _copy_database(database, target / _DATABASE)
                schema = schema_of(f"sqlite:///{(target / _DATABASE).absolute()}")
                note(_DATABASE, _Copied(*_digest(target / _DATABASE), False))
        told = Backup(
            made_at=began,
            files=count,
            size_bytes=size,
            linked=linked,
            schema=schema,
            list_digest=_digest(target / _LIST)[1],
        )
        os.sync()
        (target / _TOLD).write_text(json.dumps(asdict(told), indent=1) + "\n", encoding="utf-8")
        os.sync()
    except (OSError, sqlite3.Error) as failure:
        raise StorageError(f"the backup {target} is not whole: {failure}") from failure
    return told


def restore(config: HubConfig, source: Path) -> Backup:
    """Make a server's folder out of a backup. What is restored is held against its digests.

    Args:
        config: of the new server; its folder is empty or not there yet.
        source: the backup.

    Raises:
        UsageError: it is no whole backup, or of a newer rltrack, or there is a server already.
        StorageError: it was harmed, or cannot be written.
    """
    told = _read(source)
    root, database = config.root.absolute(), sqlite_file(config.database_url)
    if told.schema is None and database is not None:
        raise UsageError(
            f"{source} holds no accounts: they were in PostgreSQL; restore that by pg_restore, "
            "and say its --database"
        )
    if told.schema is not None and database is None:
        raise UsageError(f"{source} holds accounts in SQLite; restore without --database")
    _claim_empty(root, "a backup is restored into an empty folder")
    if database is not None and database.exists():
        raise UsageError(f"there is a database {database} already; say another --database")
    try:
        for path, size, digest in _listed(source, told):
            place = root / path.removeprefix(f"{_ROOT}/")
            if path == _DATABASE:
                assert database is not None
                place = database
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch(mode=0o600)
            if _copy(source / path, place, link=False)[:2] != (size, digest):
                raise StorageError(
                    f"{source / path} was harmed: it is not what its digest says; "
                    f"take another backup, and remove {root}"
                )
        os.sync()
    except FileNotFoundError as failure:
        raise StorageError(f"{failure.filename} of the backup is missing") from failure
    except OSError as failure:
        raise StorageError(f"{root} is not whole: {failure}") from failure
    return told


def verify(source: Path) -> Backup:
    """Read a whole backup and hold it against its digests.

    Raises:
        UsageError: it is no whole backup, or of a newer rltrack.
        StorageError: it was harmed.
    """
    told = _read(source)
    for path, size, digest in _listed(source, told):
        try:
            if _digest(source / path) == (size, digest):
                continue
        except OSError as failure:
            raise StorageError(f"{source / path} cannot be read: {failure.strerror}") from failure
        raise StorageError(f"{source / path} was harmed: it is not what its digest says")
    return told


# -- what is copied, and in which order ------------------------------------------------------------


def _files(root: Path) -> Iterator[str]:
    """Paths of a root's files, those that are written first last."""
    blobs = f"{ARTIFACTS}/{BLOBS}"
    yield from _walk(root, "", lambda path: path in (blobs, HUB))
    yield from _walk(root, blobs, lambda _: False)
    yield f"{HUB}/{FORMAT_FILE}"


def _walk(root: Path, folder: str, skip: Callable[[str], bool]) -> Iterator[str]:
    folders, files = [], []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif entry.is_file(follow_symlinks=False):
                    files.append(path)
    except FileNotFoundError:
        return
    names = {path.rpartition("/")[2] for path in files}
    is_run = RUN_JSON in names or _CLAIM in names
    # The last segment of each writer first; of a run, its facts before all in its folders.
    for path in sorted(files, reverse=True):
        if not path.endswith((".part", ".lock")):
            yield path
    for path in sorted(folders):
        derived = is_run and path.endswith("/segments")
        if not derived and not skip(path):
            yield from _walk(root, path, skip)


def _is_final(path: str) -> bool:
    """Whether nobody writes into the file again; others may hold links to it as well."""
    parts = path.split("/")
    return parts[:2] == [ARTIFACTS, BLOBS] or (len(parts) > 3 and parts[2] == "media")


# -- files -----------------------------------------------------------------------------------------


class _Copied(NamedTuple):
    """What became of a file."""

    size: int
    digest: str
    is_link: bool


def _copy(source: Path, target: Path, *, link: bool) -> _Copied:
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        with suppress(OSError):  # another disk, or one without links
            os.link(source, target, follow_symlinks=False)
            return _Copied(*_digest(target), True)
    size, hasher = 0, hashlib.sha256()
    with open(source, "rb") as reading, open(target, "wb") as writing:
        # What is there now: a run that goes on would be copied for ever.
        left = os.fstat(reading.fileno()).st_size
        while piece := reading.read(min(_PIECE_BYTES, left)):
            writing.write(piece)
            hasher.update(piece)
            size, left = size + len(piece), left - len(piece)
    with suppress(FileNotFoundError):  # the time of `run.json` is its heartbeat
        shutil.copystat(source, target)
    return _Copied(size, hasher.hexdigest(), False)


def _copy_database(source: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, not three


def _digest(path: Path) -> tuple[int, str]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _claim_empty(folder: Path, why: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first = next(iter(os.listdir(folder)), None)
    except OSError as failure:
        raise UsageError(f"{folder} cannot be used: {failure.strerror}") from failure
    if first is not None:
        raise UsageError(f"{folder} holds {first!r} already; {why}")


# -- what a backup says ----------------------------------------------------------------------------


def _read(source: Path) -> Backup:
    try:
        said: dict[str, Any] = json.loads((source / _TOLD).read_text(encoding="utf-8"))
        written_as = said["format"]
        if written_as > FORMAT:
            raise UsageError(
                f"{source} is of a newer rltrack (format {written_as}, this one reads up to "
                f"{FORMAT}): upgrade first"
            )
        return Backup(**{name: said[name] for name in Backup.__slots__})
    except FileNotFoundError:
        raise UsageError(
            f"{source} is no backup, or one that was broken off: it has no {_TOLD}"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as failure:
        raise UsageError(f"{source / _TOLD} cannot be read: {failure}") from failure


def _listed(source: Path, told: Backup) -> Iterator[tuple[str, int, str]]:
    if _digest(source / _LIST)[1] != told.list_digest:
        raise StorageError(f"{source / _LIST} was harmed: it is not what its digest says")
    with open(source / _LIST, encoding="ascii") as listing:
        for line in listing:
            entry = json.loads(line)
            yield entry["path"], entry["size"], entry["sha256"]
