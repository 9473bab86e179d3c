"""What a run printed, read from its journal when somebody asks for it.

A training may print a million lines. They are read one after the other, and only those that may
still change are held; of a run that goes on also its newest, since who looks on asks again and again.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Final

from rltrack.folder import RunFolder
from rltrack.journal.reader import Entry, JournalReader
from rltrack.journal.records import CONSOLE_REACH, ConsoleLogged

_COLOURS: Final = re.compile("\x1b\\[[0-9;:]*m")


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """A line, as a terminal shows it. W&B's names for what it tells are there, too."""

    number: int
    """Counted from 0, by each writer for itself."""
    time_ns: int
    """When it was first seen, to a fifth of a second; nanoseconds since the epoch."""
    stream: str
    """``stdout`` or ``stderr``."""
    text: str
    writer: str
    """The process that printed it, by the name of its journal."""
    coloured: str = ""
    """The text with the sequences that set its colours, if it has any; else as it is."""

    @property
    def timestamp(self) -> dt.datetime:
        """When it was first seen, in UTC."""
        return dt.datetime.fromtimestamp(self.time_ns / 1e9, dt.UTC)

    @property
    def level(self) -> str:
        """``error`` for stderr, and nothing for stdout."""
        return "error" if self.stream == "stderr" else ""

    @property
    def label(self) -> str:
        """The writer."""
        return self.writer

    @property
    def content(self) -> str:
        """The text."""
        return self.text


def without_colours(text: str) -> str:
    """A text without the sequences that set its colours."""
    return _COLOURS.sub("", text) if "\x1b" in text else text


def read_console(folder: RunFolder, *, without: Set[str] = frozenset()) -> Iterator[ConsoleLine]:
    """The lines that a run's processes printed: of one process after the other, in their order.

    Args:
        folder: of the run.
        without: writers whose lines are not meant.
    """
    shown = Shown("")
    for item in JournalReader(folder.journal).poll():
        if not isinstance(item, Entry) or not isinstance(item.record, ConsoleLogged):
            continue
        if item.writer in without:
            continue
        if item.writer != shown.writer:
            yield from shown.rest()
            shown = Shown(item.writer)
        yield from shown.take(item.record)
    yield from shown.rest()


#: Of a run that goes on, so many of its newest lines are kept for the next call.
KEPT_LINES: Final = 50_000


class LiveConsole:
    """The newest lines of a run that goes on: asking again reads only what is new. For any thread.

    Args:
        folder: of the run.
        without: writers whose lines are not meant.
    """

    def __init__(self, folder: RunFolder, *, without: Set[str] = frozenset()) -> None:
        self._reader = JournalReader(folder.journal)
        self._without = without
        self._writers: dict[str, tuple[Shown, deque[ConsoleLine]]] = {}
        self._lock = threading.Lock()

    def lines(self, last: int) -> deque[ConsoleLine]:
        """The last `last` lines, `KEPT_LINES` at most; of one process after the other."""
        with self._lock:
            for item in self._reader.poll():
                if not isinstance(item, Entry) or not isinstance(item.record, ConsoleLogged):
                    continue
                if item.writer in self._without:
                    continue
                if item.writer not in self._writers:
                    self._writers[item.writer] = (Shown(item.writer), deque(maxlen=KEPT_LINES))
                shown, settled = self._writers[item.writer]
                settled.extend(shown.take(item.record))
            found: deque[ConsoleLine] = deque(maxlen=max(0, last))
            for shown, settled in self._writers.values():
                found.extend(settled)
                found.extend(shown.open())
            return found


class Shown:
    """The lines of one process that may still change."""

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self._lines: dict[int, ConsoleLine] = {}
        self._first = 0

    def take(self, record: ConsoleLogged) -> Iterator[ConsoleLine]:
        """Take what was recorded; yields the lines that can no more change."""
        number = record.line
        for number, text in enumerate(record.text.split("\n"), record.line):
            if number < self._first:
                continue  # it was told before it changed
            known = self._lines.get(number)
            time_ns = record.time_ns if known is None else known.time_ns
            self._lines[number] = ConsoleLine(
                number, time_ns, record.stream, without_colours(text), self.writer, text
            )
        yield from self._up_to(number + 1 - CONSOLE_REACH)

    def all_but_last(self) -> Iterator[ConsoleLine]:
        """The lines behind which another has begun."""
        yield from self._up_to(max(self._lines, default=-1))

    def last(self) -> ConsoleLine | None:
        """The newest line."""
        return self._lines[max(self._lines)] if self._lines else None

    def open(self) -> list[ConsoleLine]:
        """The lines that are left, which stay."""
        return [self._lines[number] for number in sorted(self._lines)]

    def rest(self) -> Iterator[ConsoleLine]:
        """The lines that are left."""
        yield from self._up_to(max(self._lines, default=-1) + 1)

    def _up_to(self, end: int) -> Iterator[ConsoleLine]:
        for number in range(self._first, end):
            if line := self._lines.pop(number, None):
                yield line
        self._first = max(self._first, end)
