"""A run while it goes on: its newest values, and the lines that it prints.

It reads the journal once, from its beginning, and then only what is new. Of rows nothing is kept
but the newest value of each metric, so it costs a long run no more than a short one.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from rltrack.folder import RunFolder
from rltrack.journal.format import FRAME_HEAD_SIZE
from rltrack.journal.reader import JournalReader, RowBlock
from rltrack.journal.records import ConsoleLogged, Json, Row, RowFlag
from rltrack.store.console import ConsoleLine, Shown


@dataclass(frozen=True, slots=True)
class Newest:
    """What a metric was last logged as."""

    value: Json
    step: int
    time_ns: int


class RunTail:
    """Follows one run.

    Args:
        folder: of the run.
        without: writers whose lines are not meant.
    """

    def __init__(self, folder: RunFolder, *, without: Set[str] = frozenset()) -> None:
        self.newest: dict[str, Newest] = {}
        """Of each metric; those of the machine begin with ``system.``."""
        self.row: Row | None = None
        """The newest row of the training."""
        self.rows = 0
        """Rows of the training that were read."""
        self._folder = folder
        self._reader = JournalReader(folder.journal)
        self._without = without
        self._shown: dict[str, Shown] = {}

    def poll(self) -> Iterator[ConsoleLine]:
        """Read what is new; yields the lines that are whole by now, each once.

        A line that changes after another has begun behind it is not told again.
        """
        self._folder.catch_up()
        for item in self._reader.poll():
            if isinstance(item, RowBlock):
                # All of one schema: nothing of the others is newer than in the last.
                last = (item.count - 1) * item.schema.frame_size + FRAME_HEAD_SIZE
                self._take(item.schema.row(item.data, last), item.count)
            elif isinstance(item.record, Row):
                self._take(item.record, 1)
            elif isinstance(item.record, ConsoleLogged) and item.writer not in self._without:
                shown = self._shown.setdefault(item.writer, Shown(item.writer))
                yield from shown.take(item.record)
        for shown in self._shown.values():
            yield from shown.all_but_last()

    def _take(self, row: Row, count: int) -> None:
        for key, value in row.values.items():
            self.newest[key] = Newest(value, row.step, row.time_ns)
        if RowFlag.SYSTEM not in row.flags:
            self.row = row
            self.rows += count

    def last(self) -> list[ConsoleLine]:
        """The line that each process is at, which may still grow, as a progress bar does."""
        return [line for shown in self._shown.values() if (line := shown.last()) is not None]

    def close(self) -> None:
        """Close what is open."""
        self._reader.close()
