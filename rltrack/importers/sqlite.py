"""Other tools' SQLite files, which are read and never written."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from rltrack.errors import ArchiveError


@contextlib.contextmanager
def read_only(file: Path) -> Iterator[sqlite3.Connection]:
    """A file that its owner may be writing at this moment.

    Raises:
        ArchiveError: it is no SQLite file, or is damaged.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True, timeout=10)
        ) as store:
            yield store
    except sqlite3.DatabaseError as damage:
        raise ArchiveError(f"{file} cannot be read as SQLite: {damage}") from damage


def columns_of(store: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table; none if there is no such table."""
    return {row[1] for row in store.execute(f'PRAGMA table_info("{table}")')}


def iso_ns(text: object) -> int | None:
    """A date as ISO 8601 writes it, in nanoseconds since the epoch; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return round(moment.timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return None
