"""Read what a run was when its last process left it: where the next one goes on.

It is read from the journal with the standard library alone, since that is all that recording
needs. Of plain rows only the steps are looked at, and the last one of each kind is decoded:
a million rows take a tenth of a second.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from rltrack._past import Past
from rltrack.folder import RunFolder
from rltrack.journal.book import RecordBook
from rltrack.journal.branches import Cuts
from rltrack.journal.format import FRAME_HEAD_SIZE
from rltrack.journal.reader import SUFFIX, Entry, JournalReader, RowBlock
from rltrack.journal.records import Json, MetricDefined, Resumed, Row, RowFlag

_Stamp: TypeAlias = "tuple[int, str, int]"


def read_past(
    folder: RunFolder, *, up_to: int | None = None, writers: list[str] | None = None
) -> Past:
    """Read what a run was.

    Args:
        folder: of the run.
        up_to: as if nothing was logged after this step.
        writers: those who wrote before; by default all whose journals are there.
    """
    cuts = Cuts()
    writers = journal_writers(folder) if writers is None else writers
    if up_to is not None:
        cuts.add(Resumed(0, writers, up_to))
    while True:
        reading = _Reading(cuts)
        reading.read(folder)
        if not reading.found_cuts:
            break
    past = reading.past
    past.writers, past.cuts = writers, cuts
    return past


def journal_writers(folder: RunFolder) -> list[str]:
    """The names of those who wrote a run's journal, sorted."""
    files = folder.journal.glob(f"*{SUFFIX}") if folder.journal.is_dir() else []
    return sorted({path.name.rpartition("-")[0] for path in files})


class _Reading:
    """One reading of a journal, with what is known to be hidden."""

    def __init__(self, cuts: Cuts) -> None:
        self.past = Past()
        self.found_cuts = False
        self._cuts = cuts
        self._book = RecordBook()
        self._latest: dict[str, tuple[_Stamp, Json]] = {}
        self._definitions: dict[str, tuple[_Stamp, MetricDefined]] = {}

    def read(self, folder: RunFolder) -> None:
        """Read it all."""
        for item in JournalReader(folder.journal).poll(final=True):
            if isinstance(item, RowBlock):
                self._block(item)
            elif isinstance(item, Entry):
                self._entry(item)
        past, book = self.past, self._book
        past.config, past.facts = book.config.values(), book.facts.values()
        past.pinned = book.summary.values()
        shown = book.merged_summary(self._latest)
        in_order = sorted(self._latest.items(), key=lambda found: found[1][0])
        past.latest = {key: value for key, (_, value) in in_order}
        past.removed = frozenset(past.latest) - frozenset(shown)
        past.definitions = [
            defined for _, defined in sorted(self._definitions.values(), key=lambda found: found[0])
        ]

    def _entry(self, entry: Entry) -> None:
        record = entry.record
        if isinstance(record, Row):
            self._row(entry.writer, entry.sequence, record)
            return
        if isinstance(record, Resumed) and self._cuts.add(record):
            self.found_cuts = True
        if isinstance(record, MetricDefined):
            self._keep(self._definitions, record.name, _stamp(entry, record.time_ns), record)
        self._book.take(entry)

    def _row(self, writer: str, sequence: int, row: Row) -> None:
        last = self._cuts.last_step(writer)
        if row.flags & RowFlag.SYSTEM or (last is not None and row.step > last):
            return
        if not row.flags & RowFlag.POINT:
            self.past.next_step = max(self.past.next_step, row.step + 1)
        for key, value in row.values.items():
            self._keep(self._latest, key, (row.time_ns, writer, sequence), value)

    def _block(self, block: RowBlock) -> None:
        """Rows of one schema, which are all of one kind: the last that is shown stands for them."""
        size = block.schema.frame_size
        first = block.schema.row(block.data, FRAME_HEAD_SIZE)
        if first.flags & RowFlag.SYSTEM:
            return
        steps = steps_of(block)
        last = self._cuts.last_step(block.writer)
        shown = [(at, step) for at, step in enumerate(steps) if last is None or step <= last]
        if not shown:
            return
        at = shown[-1][0]
        self._row(
            block.writer,
            block.sequence + at,
            block.schema.row(block.data, at * size + FRAME_HEAD_SIZE),
        )
        if not first.flags & RowFlag.POINT:
            self.past.next_step = max(self.past.next_step, 1 + max(step for _, step in shown))

    @staticmethod
    def _keep(known: dict[str, tuple[_Stamp, Any]], key: str, stamp: _Stamp, value: object) -> None:
        if key not in known or known[key][0] <= stamp:
            known[key] = (stamp, value)


def _stamp(entry: Entry, time_ns: int) -> _Stamp:
    return time_ns, entry.writer, entry.sequence


def steps_of(block: RowBlock) -> list[int]:
    """The step of each row of a block."""
    before = FRAME_HEAD_SIZE + 4
    one = struct.Struct(f"<{before}xq{block.schema.frame_size - before - 8}x")
    return [step for (step,) in one.iter_unpack(block.data)]


def shown_rows(folder: RunFolder, past: Past, writer: str) -> Iterator[Row]:
    """The rows of a run's past that are shown, and those of `writer`, decoded one by one."""
    writers, cuts = {*past.writers, writer}, past.cuts or Cuts()
    for item in JournalReader(folder.journal).poll(final=True):
        if item.writer not in writers:
            continue
        last = cuts.last_step(item.writer)
        if isinstance(item, RowBlock):
            rows = item.rows()
        elif isinstance(item.record, Row):
            rows = iter((item.record,))
        else:
            continue
        for row in rows:
            if not row.flags & RowFlag.SYSTEM and (last is None or row.step <= last):
                yield row


def copy_journal(source: RunFolder, target: RunFolder) -> None:
    """Let a run have the journal and the media of another, as they are now.

    Files that nobody writes to any more are linked, where the file system can; the last segment
    of each writer is copied, since its writer may live.

    Raises:
        OSError: it cannot be written.
    """
    target.journal.mkdir(parents=True, exist_ok=True)
    last = {path.name.rpartition("-")[0]: path for path in _segments(source)}
    for path in _segments(source):
        copy = shutil.copyfile if path in last.values() else _link
        copy(path, target.journal / path.name)
    if source.media.is_dir():
        shutil.copytree(
            source.media,
            target.media,
            copy_function=_link,
            ignore=shutil.ignore_patterns(".*"),  # files that are being written
        )


def _segments(folder: RunFolder) -> list[Path]:
    """The segments of a run; those of one writer in order."""
    return sorted(folder.journal.glob(f"*{SUFFIX}"))


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
