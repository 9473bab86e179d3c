"""What was read of a run: rows and records, of which the older may lie in sealed columns.

    journal ──► records ──► book            config, summary, definitions, notes, the end
           └──► rows ─────► sealed parts    on disk, merged and in order: see `seal.py`
                      └───► streams         in memory: all that came behind them

Sealed parts are taken for true as long as no row comes that belongs before their end. One that
does makes all of the content come from the journal again, in memory: `is_broken`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from rltrack.errors import SegmentError
from rltrack.folder import RunFolder
from rltrack.journal.book import RecordBook
from rltrack.journal.branches import Cuts
from rltrack.journal.reader import SUFFIX, Damage, Entry, JournalReader, Pause, RowBlock
from rltrack.journal.records import ConsoleLogged, Json, Resumed, Row, WriterOpened
from rltrack.store.aggregate import CHUNK, Aggregate, Aggregator, merged
from rltrack.store.columns import OBJECT, Column
from rltrack.store.entries import read_entries
from rltrack.store.manifest import Manifest, number_of, read_manifest
from rltrack.store.merge import Merged
from rltrack.store.overview import Overview
from rltrack.store.sealed import SealedStream
from rltrack.store.segments import Part
from rltrack.store.stream import Feed, Points, Stamp, Stream

StreamName = Literal["default", "system"]

#: How the files of a stream are called.
FILE_NAMES: Final[dict[StreamName, str]] = {"default": "history", "system": "system"}
STREAMS: Final[tuple[StreamName, ...]] = ("default", "system")

_log: Final = logging.getLogger("rltrack.store")


class Content:
    """All that was read of a run's journal so far.

    Args:
        folder: of the run.
        created_ns: when the run began, as `run.json` says; segments of another run in the same
            folder are not taken for its own.
        opened: told of each process that began to write.
        use_segments: take what is sealed for true.
        cuts: rows that are hidden, as far as that is known; what is found is added to it.
    """

    def __init__(
        self,
        folder: RunFolder,
        created_ns: int,
        opened: Callable[[str, WriterOpened], None],
        *,
        use_segments: bool = True,
        cuts: Cuts | None = None,
    ) -> None:
        self.folder = folder
        self._cuts = Cuts() if cuts is None else cuts
        self._is_cut = False
        self.created_ns = created_ns
        self._opened = opened
        self.book = RecordBook()
        self.trouble: str | None = None
        """Why the journal could not be read at the last poll."""
        self.manifest: Manifest | None = None
        self.unsealed: list[Entry] = []
        """Records that no segment has yet."""
        self.is_full = False
        """Whether the last poll stopped for its `most_values`, before the end."""
        self._kept: list[Entry] = []
        self._files: list[str] = []
        self._overviews: list[Overview] | None = None
        self._joined: dict[tuple[StreamName, str], tuple[int, Points]] = {}
        self._joined_rows: dict[StreamName, tuple[int, Merged]] = {}
        self._sums: dict[str, _Sum] = {}
        self.lines: dict[tuple[StreamName, str, str], tuple[tuple[int, int], Any]] = {}
        """Notes of `line.py`: what it made of a metric over an axis, and of which state: rows, and
        when the run was created."""
        self._begin(self._checked_manifest() if use_segments else None)

    def _begin(self, manifest: Manifest | None) -> None:
        self.streams: dict[StreamName, Stream] = {name: Stream() for name in STREAMS}
        self.sealed: dict[StreamName, SealedStream] = {}
        self.manifest = self._unfed = manifest
        state = manifest.journal if manifest else None
        self.journal = JournalReader(self.folder.journal, state)
        self.damage: list[Damage] = self.journal.damage
        self.feed = Feed(self.streams["default"], self.streams["system"], self._cuts)
        if manifest is None:
            return
        for name in STREAMS:
            stream_state = manifest.streams[name]
            self.sealed[name] = SealedStream(self.folder.segments, FILE_NAMES[name], stream_state)
            self.streams[name].floor = stream_state.floor

    def _checked_manifest(self) -> Manifest | None:
        """The manifest, if its files are there and it is of this run's journal."""
        try:
            manifest = read_manifest(self.folder.segments)
            if manifest is None or manifest.created_ns != self.created_ns:
                return None
            there = _sizes(self.folder.segments)
            for name, size in manifest.files.items():
                if there.get(name) != size:
                    found = (
                        f"has {there[name]} bytes, and not {size}" if name in there else "is gone"
                    )
                    raise SegmentError(f"{self.folder.segments / name} {found}")
            self._files = journal_files(self.folder.journal)
            if not set(manifest.journal_files) <= set(self._files):
                return None  # the journal is the truth, also of what is gone
            # Looked through before anything is taken from it.
            self._read_back(manifest)
        except SegmentError as damage:
            tell_damage(damage)
            return None
        return manifest

    def _read_back(self, manifest: Manifest) -> None:
        entries = [
            entry
            for name in manifest.records
            for entry in read_entries(self.folder.segments / name)
        ]
        self._kept = read_entries(self.folder.segments / manifest.kept) if manifest.kept else []
        for entry in entries:
            self._take(entry)
        self._is_cut = False  # what is sealed was sealed without what these hide

    # -- reading the journal -----------------------------------------------------------------

    @property
    def is_all_sealed(self) -> bool:
        """Whether segments hold all that the journal had when they were made, and no file came."""
        manifest = self.manifest
        return manifest is not None and manifest.settled and self._files == manifest.journal_files

    def look_again(self) -> None:
        """See which files the journal has by now."""
        self._files = journal_files(self.folder.journal)

    def poll(self, *, final: bool, most_values: int | None = None) -> bool:
        """Take what is new in the journal; whether anything is.

        Args:
            final: nobody writes any more.
            most_values: stop at a good place once more values than these are in memory.
        """
        before = (len(self.damage), self.trouble)
        found = bool(self._kept)
        self._feed_kept()
        self.trouble = None
        self.is_full = False
        try:
            for item in self.journal.poll(final=final, pauses=most_values is not None):
                found = True
                if isinstance(item, Pause):
                    self.feed.flush()
                    if most_values is not None and self.value_count > most_values:
                        self.is_full = True
                        break
                elif isinstance(item, RowBlock):
                    self.feed.add_block(item)
                elif isinstance(item.record, Row):
                    self.feed.add_row(item.writer, item.sequence, item.record)
                elif not isinstance(
                    item.record, ConsoleLogged
                ):  # read when asked for: `console.py`
                    self.unsealed.append(item)
                    self._take(item)
        except OSError as refusal:  # the next poll tries again; other runs must not suffer
            self.trouble = f"the journal cannot be read: {refusal}"
        self.feed.flush()
        self._forget_old_lines()
        return found or (len(self.damage), self.trouble) != before

    def _forget_old_lines(self) -> None:
        """Nobody asks for them again, and a server of many live runs would keep one of each metric."""
        rows = {name: len(stream.rows) for name, stream in self.streams.items()}
        for place in [place for place, note in self.lines.items() if note[0][0] != rows[place[0]]]:
            del self.lines[place]

    def _feed_kept(self) -> None:
        """Rows that were read before the parts were sealed, and stayed out of them."""
        manifest, self._unfed = self._unfed, None
        if manifest is None:
            return
        for entry, clock_ns in zip(self._kept, manifest.kept_clocks, strict=True):
            assert isinstance(entry.record, Row)
            if clock_ns > entry.record.time_ns:
                self.feed.set_clock(entry.writer, clock_ns)
            self.feed.add_row(entry.writer, entry.sequence, entry.record)
        self.feed.flush()
        for writer, clock_ns in manifest.clocks.items():
            self.feed.set_clock(writer, clock_ns)
        self._kept = []

    def _take(self, entry: Entry) -> None:
        if isinstance(entry.record, WriterOpened):
            self._opened(entry.writer, entry.record)
        else:
            if isinstance(entry.record, Resumed) and self._cuts.add(entry.record):
                self._is_cut = True
            self.book.take(entry)

    @property
    def is_broken(self) -> bool:
        """Whether a row came that belongs before the end of what is sealed, or rows were hidden."""
        return self._is_cut or any(stream.is_broken for stream in self.streams.values())

    # -- rows --------------------------------------------------------------------------------

    def rows(self, name: StreamName) -> Merged:
        """The rows of a stream, merged and in order."""
        late = self.streams[name].merged(self.feed.writers)
        sealed = self.sealed.get(name)
        if sealed is None or not sealed.rows:
            return late
        count = len(self.streams[name].rows)
        known = self._joined_rows.get(name)
        if known is None or known[0] != count:
            step, time_ns = sealed.row_times()
            if len(late):
                step = np.concatenate([step, late.step])
                time_ns = np.concatenate([time_ns, late.time_ns])
            known = self._joined_rows[name] = (count, Merged(step, time_ns, None, None))
        return known[1]

    def row_count(self, name: StreamName) -> int:
        """How many rows a stream has."""
        sealed = self.sealed.get(name)
        return len(self.streams[name].merged(self.feed.writers)) + (sealed.rows if sealed else 0)

    def last_step(self, name: StreamName) -> int | None:
        """The greatest step of a row; None without rows."""
        sealed = self.sealed.get(name)
        late = self.streams[name].last_step()
        if late is None or not sealed or sealed.state.last_step is None:
            return late if late is not None or not sealed else sealed.state.last_step
        return max(late, sealed.state.last_step)

    def last_time_ns(self) -> int:
        """When the last row of the history was logged; 0 without rows."""
        late = self.streams["default"].rows.time_ns.view
        if len(late):
            return int(late.max())
        sealed = self.sealed.get("default")
        return int(sealed.row_times()[1].max()) if sealed and sealed.rows else 0

    def points(self, key: str, name: StreamName) -> Points | None:
        """The points of a key, merged and in order; None if it was never logged."""
        stream = self.streams[name]
        late = stream.points(key, self.feed.writers)
        sealed = self.sealed.get(name)
        column = sealed.column(key) if sealed and sealed.rows else None
        if sealed is None or column is None:
            if late is None or sealed is None or not sealed.rows:
                return late
            return Points(late.row + sealed.rows, late.bits, late.kinds, late.column)
        if late is None or not len(late):
            return Points(column.row.view, column.bits.view, column.kinds.view, column)
        count = len(stream.rows)
        known = self._joined.get((name, key))
        if known is None or known[0] != count:
            known = self._joined[name, key] = (count, _join(column, late, sealed.rows))
        return known[1]

    def keys(self, name: StreamName) -> list[str]:
        """The keys of a stream."""
        sealed = self.sealed.get(name)
        known = sealed.keys() if sealed and sealed.rows else []
        return list(dict.fromkeys([*known, *self.streams[name].columns]))

    def latest(self) -> dict[str, tuple[Stamp, Json]]:
        """Of each key of the history the last value in the order of writing, and its stamp."""
        sealed = self.sealed.get("default")
        found = sealed.latest() if sealed and sealed.rows else {}
        late = self.streams["default"].latest
        for key, known in late.items():
            if key not in found or found[key][0] <= known[0]:
                found[key] = known
        return {key: found[key] for key in self.keys("default")}

    # -- sums --------------------------------------------------------------------------------

    def overviews(self) -> list[Overview]:
        """The overview files of what is sealed, in the order of the parts."""
        if self._overviews is None:
            names = self.manifest.overviews if self.manifest else []
            self._overviews = [Overview.open(self.folder.segments / name) for name in names]
        return self._overviews

    def overviews_of(self, name: StreamName) -> list[tuple[Overview, list[Part]]]:
        """Each overview file, and the parts of a stream that it is of."""
        if self.manifest is None:
            return []
        found, before = [], 0
        for overview, file in zip(self.overviews(), self.manifest.overviews, strict=True):
            number = number_of(file)
            parts = [p for p in self.sealed[name].parts if before < p.number <= number]
            found.append((overview, parts))
            before = number
        return found

    def aggregates(self) -> dict[str, Aggregate]:
        """What each numeric key of the history amounts to; sorted by key."""
        found: dict[str, list[Aggregate]] = {}
        for overview in self.overviews():
            for key in overview.keys("default"):
                entry = overview.entry("default", key)
                if entry is not None:
                    found.setdefault(key, []).append(entry.aggregate)
        stream = self.streams["default"]
        rows = stream.merged(self.feed.writers)
        for key, column in stream.columns.items():
            if column.is_numeric:
                known = self._sums.setdefault(key, _Sum())
                if (summed := known.update(stream, key, rows, self.feed.writers)) is not None:
                    found.setdefault(key, []).append(summed)
        return {key: merged(found[key]) for key in sorted(found)}

    # -- memory ------------------------------------------------------------------------------

    @property
    def value_count(self) -> int:
        """Values that are in memory and not sealed."""
        return sum(stream.value_count for stream in self.streams.values())

    @property
    def nbytes(self) -> int:
        """Memory that rows take, about."""
        return sum(stream.nbytes for stream in self.streams.values()) + sum(
            sealed.nbytes for sealed in self.sealed.values()
        )

    def release(self) -> None:
        """Give the rows back. Those that are sealed are read again when asked for; others are gone."""
        self._joined.clear()
        self._joined_rows.clear()
        self._sums.clear()
        self.lines.clear()
        self._overviews = None
        for sealed in self.sealed.values():
            sealed.release()
        for name in STREAMS:
            self.streams[name] = Stream()
        self.feed = Feed(self.streams["default"], self.streams["system"], self._cuts)

    def forget_sealed(self) -> None:
        """Give the columns back that were read; they are read again when asked for."""
        if any(sealed.nbytes for sealed in self.sealed.values()):
            self._joined.clear()
            self._joined_rows.clear()
            for sealed in self.sealed.values():
                sealed.release()

    def close(self) -> None:
        """Close the journal's files; the next poll opens them again."""
        self.journal.close()


def journal_files(folder: Path) -> list[str]:
    """The names of a journal's segments, sorted; empty where there is none."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as cause:
        raise SegmentError(f"{folder} cannot be read: {cause}") from cause


def _sizes(folder: Path) -> dict[str, int]:
    """Names and sizes of the files of a folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries}
    except OSError as cause:
        raise SegmentError(f"{folder} cannot be read: {cause}") from cause


class _Sum:
    """What the points of a key in memory amount to.

    Whole chunks are looked at once. The points behind them are looked at each time, where they
    are: copies of them, a bit longer each second and of each key, would tear the memory of a
    server of many live runs to pieces.
    """

    def __init__(self) -> None:
        self._whole = Aggregator()
        self._place = 0
        """Points in whole chunks."""
        self._points = 0
        self._in_order = True
        self._result: Aggregate | None = None

    def update(
        self, stream: Stream, key: str, rows: Merged, writers: list[str]
    ) -> Aggregate | None:
        """Take what is new; the sum, if there is any number at all."""
        count = len(stream.columns[key])
        if count == self._points:
            return self._result
        self._points = count
        points = stream.points(key, writers)
        assert points is not None
        if not (rows.is_as_written and self._in_order):
            self._whole, self._place = Aggregator(), 0
        self._in_order = rows.is_as_written
        late = points.from_place(self._place)
        row, values = late.numbers()
        step = rows.step[row]
        if whole := len(values) // CHUNK * CHUNK:
            self._whole.add(step[:whole], values[:whole])
            step, values = step[whole:], values[whole:]
            self._place += int(np.flatnonzero(late.kinds != OBJECT)[whole - 1]) + 1
        if self._whole.count or len(values):
            self._result = self._whole.result_with(step, values)
        return self._result


def _join(sealed: Column, late: Points, first_row: int) -> Points:
    """The points that are sealed, and behind them those in memory."""
    column = Column()
    column.objects = [*sealed.objects, *late.column.objects]
    column.seen = sealed.seen | late.column.seen
    column.has_media = sealed.has_media or late.column.has_media
    bits = late.bits
    if sealed.objects and OBJECT in late.column.seen:
        bits = np.where(late.kinds == OBJECT, bits + len(sealed.objects), bits)
    column.extend(sealed.row.view, sealed.bits.view, sealed.kinds.view)
    column.extend(late.row + first_row, bits, late.kinds)
    return Points(column.row.view, column.bits.view, column.kinds.view, column)


def tell_damage(damage: SegmentError) -> None:
    """Derived files cannot be read: they are made again, and somebody should know."""
    _log.warning("%s; it is made again from the journal, which has all of it", damage)
