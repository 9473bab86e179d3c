"""Turn what a run's journal said into columns on disk. Never in the training process.

What is sealed is never changed: rows are sealed when no later row can belong before or into
them. That is all of them once the run is over. While it goes on, it is those below the greatest
step so far; rows of that step are kept beside the parts, for the next row may join them. Where
a row comes later that belongs before the floor, the parts are given up (see `content.py`).

    1. take the lease; somebody else's means that somebody else does it
    2. parts of what is in memory; their files have a new number, so nothing is overwritten
    3. the overview: of the new parts, or at the end one of the whole run
    4. records, kept rows, and where the reader of the journal stood
    5. the manifest, atomically; only now it counts

Killed anywhere, it leaves files that no manifest names, and the next one starts again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from rltrack.errors import SegmentError
from rltrack.journal.reader import Entry
from rltrack.store.aggregate import Aggregator, aggregate
from rltrack.store.blocks import BlockBuilder
from rltrack.store.columns import OBJECT, Ints, RowNumbers
from rltrack.store.content import FILE_NAMES, STREAMS, Content, StreamName, journal_files
from rltrack.store.entries import write_entries
from rltrack.store.manifest import (
    Manifest,
    StreamState,
    lease,
    next_number,
    read_manifest,
    sweep,
    touch,
    write_manifest,
)
from rltrack.store.overview import OverviewWriter
from rltrack.store.segments import KeyPoints, Part, write_part
from rltrack.store.stream import Points

#: Values that are sealed together while a run goes on: what a reader holds in memory at most.
PART_VALUES: Final = 2 << 20
#: Times of rows that are held while the overview of a whole run is made.
_HELD_ROWS: Final = 2 << 20


def seal(content: Content, *, final: bool) -> bool:
    """Seal what can be sealed; whether the segments are others now.

    Who asked must then make a new `Content`, also where somebody else had sealed.

    Args:
        content: between two polls.
        final: the run is over and all of its journal was read.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    folder = content.folder.segments
    cuts = {name: _cut(content, name, final=final) for name in STREAMS}
    if not final and not any(cut.rows for cut in cuts.values()):
        return False
    with lease(folder) as got:
        if not got:
            return False
        try:
            there = read_manifest(folder)
        except SegmentError:
            there = None
        if content.manifest is not None and there != content.manifest:
            return True  # another process was faster
        sweep(folder, content.manifest)
        _Sealing(content, cuts, final=final).write()
    return True


@dataclass(frozen=True, slots=True)
class _Cut:
    """How much of a stream is sealed."""

    rows: int
    """Merged rows, from the first in memory on."""
    floor: int | None
    """The least step of the rows that stay."""


def _cut(content: Content, name: StreamName, *, final: bool) -> _Cut:
    stream = content.streams[name]
    rows = stream.merged(content.feed.writers)
    last = stream.last_step()
    if last is None:
        sealed = content.sealed.get(name)
        return _Cut(0, sealed.state.floor if sealed else None)
    if final:
        return _Cut(len(rows), last + 1)
    count = int(np.searchsorted(rows.step, last, side="left"))
    if 2 * count < len(rows):  # most rows share one step: it would be done again and again
        sealed = content.sealed.get(name)
        return _Cut(0, sealed.state.floor if sealed else None)
    return _Cut(count, last)


class _Sealing:
    """One pass of sealing, with the lease in hand."""

    def __init__(self, content: Content, cuts: dict[StreamName, _Cut], *, final: bool) -> None:
        self._content = content
        self._cuts = cuts
        self._final = final
        self._folder = content.folder.segments
        self._number = next_number(self._folder)
        self._files: dict[str, int] = {}
        self._states: dict[str, StreamState] = {}

    def write(self) -> None:
        """Write all files, and at last the manifest."""
        old = self._content.manifest
        records = list(old.records) if old else []
        files = dict(old.files) if old else {}
        for name in STREAMS:
            self._states[name] = self._write_part(name)
            touch(self._folder)
        overviews = self._write_overview(list(old.overviews) if old else [])
        if self._content.unsealed:
            records.append(self._write_entries("records", self._content.unsealed))
        kept = [] if self._final else self._kept_rows()
        kept_name = self._write_entries("kept", [entry for _, entry in kept]) if kept else ""
        files |= self._files
        parts = {
            f"{FILE_NAMES[name]}{kind}"
            for name in STREAMS
            for part in self._states[name].parts
            for kind in (
                f"-{part['number']:06d}.parquet",
                f"-rows-{part['number']:06d}.parquet",
                f"-{part['number']:06d}.index",
            )
        }
        named = {*records, *overviews, kept_name, *parts}
        write_manifest(
            self._folder,
            Manifest(
                created_ns=self._content.created_ns,
                settled=self._final,
                journal=self._content.journal.state(),
                journal_files=journal_files(self._content.folder.journal),
                clocks=self._content.feed.clocks_ns,
                streams=self._states,
                overviews=overviews,
                records=records,
                kept=kept_name,
                kept_clocks=[clock for clock, _ in kept],
                files={name: size for name, size in files.items() if name in named},
            ),
        )

    def _write_entries(self, name: str, entries: list[Entry]) -> str:
        path = self._folder / f"{name}-{self._number:06d}.bin"
        self._files[path.name] = write_entries(path, entries)
        return path.name

    def _kept_rows(self) -> list[tuple[int, Entry]]:
        """The rows that stay, each with its writer's clock."""
        kept = []
        for name in STREAMS:
            floor, stream = self._cuts[name].floor, self._content.streams[name]
            least = int(np.iinfo(np.int64).min) if floor is None else floor
            kept += [
                (clock, Entry(writer, sequence, row))
                for writer, clock, sequence, row in stream.rows_from(
                    least, self._content.feed.writers
                )
            ]
        return kept

    # -- parts ---------------------------------------------------------------------------------

    def _write_part(self, name: StreamName) -> StreamState:
        content, cut = self._content, self._cuts[name]
        old = content.sealed[name].state if name in content.sealed else StreamState()
        if not cut.rows:
            return old
        stream = content.streams[name]
        rows = stream.merged(content.feed.writers)
        self._files |= write_part(
            self._folder,
            FILE_NAMES[name],
            self._number,
            first_row=old.rows,
            step=rows.step[: cut.rows],
            time_ns=rows.time_ns[: cut.rows],
            keys=[
                KeyPoints(key, found.row, found.bits, found.kinds, found.column, stream.latest[key])
                for key, found in self._new_points(name)
            ],
            order=content.keys(name),
        )
        part = {"number": self._number, "first_row": old.rows, "rows": cut.rows}
        return StreamState(
            parts=[*old.parts, part],
            floor=cut.floor,
            last_step=int(rows.step[cut.rows - 1]),
            values=old.values + stream.value_count,
        )

    def _new_points(self, name: StreamName) -> Iterator[tuple[str, Points]]:
        """The points in memory that are sealed now, by key."""
        stream, writers = self._content.streams[name], self._content.feed.writers
        for key in stream.columns:
            points = stream.points(key, writers)
            assert points is not None
            count = int(np.searchsorted(points.row, self._cuts[name].rows, side="left"))
            if count:
                yield (
                    key,
                    Points(
                        points.row[:count], points.bits[:count], points.kinds[:count], points.column
                    ),
                )

    # -- overview ------------------------------------------------------------------------------

    def _write_overview(self, old: list[str]) -> list[str]:
        """The names of the overview files that count from now on."""
        was_whole = self._content.manifest is not None and self._content.manifest.settled
        nothing_new = not any(cut.rows for cut in self._cuts.values())
        if nothing_new and (was_whole or not self._final):
            return old
        path = self._folder / f"overview-{self._number:06d}.rlo"
        with OverviewWriter(path) as writer:
            for name in STREAMS:
                if self._final and self._content.sealed.get(name) is not None:
                    self._overview_of_all(writer, name)
                else:
                    self._overview_of_new(writer, name)
        self._files[path.name] = path.stat().st_size
        return [path.name] if self._final else [*old, path.name]

    def _overview_of_new(self, writer: OverviewWriter, name: StreamName) -> None:
        rows = self._content.streams[name].merged(self._content.feed.writers)
        for key, points in self._new_points(name):
            row, values = points.numbers()
            if not len(row):
                continue
            step, time_ns = rows.step[row], rows.time_ns[row]
            builder = BlockBuilder()
            builder.add(step, time_ns, values)
            writer.add(name, key, builder, aggregate=aggregate(step, values), kinds=_mask(points))

    def _overview_of_all(self, writer: OverviewWriter, name: StreamName) -> None:
        """One overview of all parts, so that it does not matter how the run was cut into them."""
        parts = [
            Part(self._folder, FILE_NAMES[name], part["number"], part["first_row"], part["rows"])
            for part in self._states[name].parts
        ]
        times = _RowTimes(parts)
        for key in parts[-1].keys() if parts else []:
            builder, summed, kinds = BlockBuilder(), Aggregator(), 0
            for part in parts:
                for chunk in part.chunks(key):
                    step, row, values = chunk.step, chunk.row, None
                    kinds |= sum(1 << kind for kind in chunk.seen)
                    if OBJECT in chunk.seen:
                        number = chunk.kinds != OBJECT
                        step, row = step[number], row[number]
                        values = chunk.floats()[number]
                    else:
                        values = chunk.floats()
                    builder.add(step, times.of(part, row), values)
                    summed.add(step, values)
            if summed.count:
                writer.add(name, key, builder, aggregate=summed.result(), kinds=kinds)
            touch(self._folder)
        for part in parts:
            part.close()


class _RowTimes:
    """When rows were logged; of a few million rows at a time."""

    def __init__(self, parts: list[Part]) -> None:
        self._known: dict[int, Ints] = {}
        self._all_fit = sum(part.rows for part in parts) <= _HELD_ROWS

    def of(self, part: Part, row: Ints | RowNumbers) -> Ints:
        """Nanoseconds of each of some rows of a part."""
        if part.number not in self._known:
            if not self._all_fit:
                self._known.clear()
            self._known[part.number] = part.times()
        return self._known[part.number][row - part.first_row]


def _mask(points: Points) -> int:
    return sum(1 << kind for kind in np.flatnonzero(np.bincount(points.kinds)).tolist())
