"""A journal that keeps nothing but the last values: for ``mode="disabled"``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from rltrack.journal.records import Json, Record, Row


class Journal(Protocol):
    """What a run writes to."""

    @property
    def name(self) -> str:
        """Of this writer; empty where nothing is written."""

    @property
    def lock(self) -> threading.RLock:
        """Held while a row is written."""

    @property
    def rows(self) -> int:
        """Rows written by this process."""

    @property
    def lost(self) -> int:
        """Records that the disk refused and the buffer had no room for."""

    def write_row(self, values: Mapping[str, object], step: int, time_ns: int, flags: int) -> bool:
        """Append a row of plain numbers; False if some value is not one. The caller holds `lock`."""

    def write(self, record: Record) -> None:
        """Append any record."""

    def latest(self) -> dict[str, Json]:
        """The last value written under each key."""

    def last_row(self) -> tuple[int, int] | None:
        """Step and time in nanoseconds of the last row; None before there is one."""

    def sync(self) -> None:
        """Make what was written safe from power loss."""

    def close(self) -> None:
        """Write what is left."""


class NullJournal:
    """Accepts everything, and remembers the last value of each key."""

    def __init__(self) -> None:
        self.name = ""
        self.lock = threading.RLock()
        self.rows = 0
        self.lost = 0
        self._latest: dict[str, Json] = {}
        self._last_row: tuple[int, int] | None = None

    def write_row(self, values: Mapping[str, object], step: int, time_ns: int, flags: int) -> bool:
        """Remember the values if they are plain numbers."""
        if not all(type(value) in (float, int, bool) for value in values.values()):
            return False
        self.rows += 1
        self._latest.update(values)  # type: ignore[arg-type]
        self._last_row = step, time_ns
        return True

    def write(self, record: Record) -> None:
        """Remember the values of a row, and nothing else."""
        if isinstance(record, Row):
            self.rows += 1
            self._latest.update(record.values)
            self._last_row = record.step, record.time_ns

    def latest(self) -> dict[str, Json]:
        """The last value written under each key."""
        return dict(self._latest)

    def last_row(self) -> tuple[int, int] | None:
        """Step and time in nanoseconds of the last row; None before there is one."""
        return self._last_row

    def sync(self) -> None:
        """Nothing is there to be made safe."""

    def close(self) -> None:
        """Nothing is left to be written."""
