"""What is known of runs that have ended, kept between processes.

A SQLite file in the user's cache folder, one for each root, never beside the runs: these may lie
on a network file system, on which SQLite is not safe. It is derived, may be deleted at any time,
and any fault of it means only that runs are read again.

A run's digest is taken for true as long as its `run.json` is the file that it was: every change
of a run, by its training or by an edit, replaces that file.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import marshal
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from rltrack.store.aggregate import Aggregate
from rltrack.store.run import RunDigest

#: Of the file's layout, and of what marshal writes.
_VERSION: Final = f"4/{sys.implementation.cache_tag}/{marshal.version}"
_BUSY_S: Final = 5.0
_log: Final = logging.getLogger("rltrack.store")

_Answer = TypeVar("_Answer")

_FIELDS: Final = tuple(field.name for field in fields(RunDigest))
_LARGE: Final = ("config", "summary", "aggregates")
_SMALL: Final = tuple(name for name in _FIELDS if name not in _LARGE)
_SUMS: Final = tuple(field.name for field in fields(Aggregate))

#: What tells that a `run.json` is the file that it was: mtime in nanoseconds, size, and inode.
Proof = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Known:
    """A run as it was when it had ended."""

    proof: Proof
    digest: RunDigest


def cache_folder() -> Path:
    """Where derived files of this user lie: ``RLTRACK_CACHE_DIR``, or ``~/.cache/rltrack``."""
    if chosen := os.environ.get("RLTRACK_CACHE_DIR"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "rltrack"


def proof_of(run_json: str | os.PathLike[str]) -> Proof | None:
    """What tells this `run.json` from others; None if there is none."""
    try:
        found = os.stat(run_json)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class CatalogFile:
    """The catalog of one root. Any thread may use it; no method raises for a fault of the file."""

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:20]
        self.path = (folder or cache_folder()) / f"{name}.sqlite"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._broken = False

    def load(self, project: str) -> dict[str, Known]:
        """What is known of a project's runs, by the names of their folders."""

        def work(connection: sqlite3.Connection) -> dict[str, Known]:
            rows = connection.execute(
                "SELECT folder, mtime_ns, size, inode, digest FROM runs WHERE project = ?",
                (project,),
            )
            return {
                folder: Known((mtime_ns, size, inode), _unpack(packed))
                for folder, mtime_ns, size, inode, packed in rows
            }

        return self._do(work) or {}

    def store(self, project: str, known: Mapping[str, Known]) -> None:
        """Keep what is known of runs, by the names of their folders."""
        rows = [(project, folder, *one.proof, _pack(one.digest)) for folder, one in known.items()]
        if rows:
            self._do(
                lambda connection: connection.executemany(
                    "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", rows
                )
            )

    def forget(self, project: str, folders: Iterable[str]) -> None:
        """Forget runs that are gone."""
        gone = [(project, folder) for folder in folders]
        if gone:
            self._do(
                lambda connection: connection.executemany(
                    "DELETE FROM runs WHERE project = ? AND folder = ?", gone
                )
            )

    def close(self) -> None:
        """Close the file; it opens again when asked."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _do(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer | None:
        """Work with the file, in one short transaction; None where it cannot be used."""
        with self._lock:
            if self._broken:
                return None
            try:
                connection = self._open()
                with connection:
                    return work(connection)
            except (sqlite3.Error, OSError, ValueError, TypeError, EOFError) as fault:
                self._give_up(fault)
                return None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=_BUSY_S, check_same_thread=False)
            self._connection = connection
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.execute("CREATE TABLE IF NOT EXISTS about (version TEXT)")
                about = connection.execute("SELECT version FROM about").fetchall()
                if about != [(_VERSION,)]:
                    connection.execute("DROP TABLE IF EXISTS runs")
                    connection.execute("DELETE FROM about")
                    connection.execute("INSERT INTO about VALUES (?)", (_VERSION,))
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS runs (project TEXT, folder TEXT, mtime_ns INTEGER, "
                    "size INTEGER, inode INTEGER, digest BLOB, PRIMARY KEY (project, folder)) "
                    "WITHOUT ROWID"
                )
        return self._connection

    def _give_up(self, fault: Exception) -> None:
        """Go on without the file; one that is damaged is removed, so that the next has a new one."""
        self._broken = True
        _log.info("the catalog %s is left alone: %s", self.path, fault)
        with contextlib.suppress(Exception):
            if self._connection is not None:
                self._connection.close()
        self._connection = None
        if not isinstance(fault, (sqlite3.OperationalError, OSError)):
            for path in (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")):
                with contextlib.suppress(OSError):
                    path.unlink()


# -- digests as bytes ------------------------------------------------------------------------------


class _Aggregates(Mapping[str, Aggregate]):
    """Aggregates that are made when somebody looks: most tables show none of them."""

    def __init__(self, packed: dict[str, tuple[Any, ...]]) -> None:
        self._packed = packed

    def __getitem__(self, key: str) -> Aggregate:
        return Aggregate(**dict(zip(_SUMS, self._packed[key], strict=True)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, key: object) -> bool:
        return key in self._packed

    def __repr__(self) -> str:
        return repr(dict(self))


class _Kept(RunDigest):
    """A digest of which the large parts are unpacked when somebody looks."""

    __slots__ = ("_packed",)
    _packed: Sequence[bytes]

    def __init__(self, small: Sequence[Any], packed: Sequence[bytes]) -> None:
        for name, value in zip(_SMALL, small, strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_packed", packed)

    def _unpack(self, name: str) -> Any:
        return marshal.loads(self._packed[_LARGE.index(name)])

    @property
    def config(self) -> dict[str, Any]:
        """See `RunDigest`."""
        found: dict[str, Any] = self._unpack("config")
        return found

    @property
    def summary(self) -> dict[str, Any]:
        """See `RunDigest`."""
        found: dict[str, Any] = self._unpack("summary")
        return found

    @property
    def aggregates(self) -> Mapping[str, Aggregate]:
        """See `RunDigest`."""
        return _Aggregates(self._unpack("aggregates"))

    def __reduce__(self) -> tuple[Any, ...]:
        return _Kept, (tuple(getattr(self, name) for name in _SMALL), self._packed)


def _pack(digest: RunDigest) -> bytes:
    sums = {
        key: tuple(getattr(one, name) for name in _SUMS) for key, one in digest.aggregates.items()
    }
    large = [marshal.dumps(value) for value in (digest.config, digest.summary, sums)]
    small = [_plain(getattr(digest, name)) for name in _SMALL]
    return marshal.dumps((small, large))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _unpack(packed: bytes) -> RunDigest:
    """A digest; marshal is read by the version of Python that wrote it: see `_VERSION`."""
    return _Kept(*marshal.loads(packed))
