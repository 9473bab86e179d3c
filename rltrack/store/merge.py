"""Which logged rows are one row, and in which order rows are read.

    order   step, then the writer's clock, the writer's name, and the order of writing
    one row rows of one writer with one step, points left out; and with these, over all writers,
            rows with one step that the caller named (EXPLICIT)
    alone   points (POINT): many may share one step, and each survives

A row that was logged in parts stands where its last part stands, and of one key the last
value counts. The clock of a writer never goes back here: where the machine's did, the order
of writing decides within a writer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rltrack.journal.records import RowFlag
from rltrack.store.columns import Growing, Ints, RowNumbers


class Rows:
    """The rows of one stream as they were written, before any merging."""

    def __init__(self) -> None:
        self.step: Growing[np.int64] = Growing(np.int64)
        self.time_ns: Growing[np.int64] = Growing(np.int64)
        self.clock_ns: Growing[np.int64] = Growing(np.int64)
        """The greatest time of the writer so far."""
        self.writer: Growing[np.int32] = Growing(np.int32)
        self.sequence: Growing[np.int64] = Growing(np.int64)
        self.flags: Growing[np.uint8] = Growing(np.uint8)
        self._in_order = True
        self._last_step = np.iinfo(np.int64).min
        self._last_row_step = np.iinfo(np.int64).min

    def __len__(self) -> int:
        return self.step.size

    def extend(
        self,
        step: Ints,
        time_ns: Ints,
        clock_ns: Ints,
        writer: int,
        sequence: Ints,
        flags: npt.NDArray[np.uint8],
    ) -> None:
        """Append rows of one writer, in the order of writing."""
        if self._in_order:
            self._in_order = self._continues(step, flags, writer)
        self.step.extend(step)
        self.time_ns.extend(time_ns)
        self.clock_ns.extend(clock_ns)
        self.writer.extend(np.full(len(step), writer, np.int32))
        self.sequence.extend(sequence)
        self.flags.extend(flags)

    def _continues(self, step: Ints, flags: npt.NDArray[np.uint8], writer: int) -> bool:
        """Whether, with these rows, each is a row of its own, and they stand in order."""
        if self.writer.size and (self.writer.view[0] != writer):
            return False  # several writers: their clocks decide
        if step[0] < self._last_step or not is_ascending(step):
            return False
        merging = step[(flags & RowFlag.POINT) == 0]
        if len(merging):
            if merging[0] <= self._last_row_step or not bool(np.all(merging[1:] > merging[:-1])):
                return False
            self._last_row_step = int(merging[-1])
        self._last_step = int(step[-1])
        return True

    def merged(self, writers: list[str]) -> Merged:
        """The rows as they are read.

        Args:
            writers: names of the writers, by the numbers in `writer`.
        """
        if self._in_order:
            return Merged(self.step.view, self.time_ns.view, None, None)
        step, flags = self.step.view, self.flags.view
        order = self._order(writers)
        group = _groups(step[order], self.writer.view[order], flags[order])
        # Rows of one group stand where the last of them stands.
        count = int(group.max()) + 1
        last = np.empty(count, np.int64)
        last[group] = np.arange(len(order))  # of equal indices, the last assignment counts
        rank = np.empty(count, np.int64)
        rank[np.argsort(last)] = np.arange(count)
        ends = order[np.sort(last)]
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        row = np.empty(len(order), np.int32)
        row[order] = rank[group]
        return Merged(step[ends], self.time_ns.view[ends], place, row)

    def _order(self, writers: list[str]) -> Ints:
        """Rows in order. The sorts are stable, and rows of one writer are in order already."""
        step = self.step.view
        if len(writers) == 1:
            return np.argsort(step, kind="stable")
        rank = np.empty(len(writers), np.int64)
        rank[np.argsort(np.array(writers))] = np.arange(len(writers))
        return np.lexsort((rank[self.writer.view], self.clock_ns.view, step))

    @property
    def nbytes(self) -> int:
        """Memory that is held."""
        arrays = (self.step, self.time_ns, self.clock_ns, self.writer, self.sequence, self.flags)
        return sum(array.nbytes for array in arrays)


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The rows of a stream, merged and in order."""

    step: Ints
    """Of each merged row; ascending, with repeats where points share a step."""
    time_ns: Ints
    """Of each merged row: when its last part was logged."""
    _place: Ints | None
    """Of each written row: its place in the order, before merging. None: as written."""
    _row: RowNumbers | None
    """Of each written row: the merged row that it is part of. None: as written."""

    def __len__(self) -> int:
        return len(self.step)

    @property
    def is_as_written(self) -> bool:
        """Whether each row was written as one, in this order."""
        return self._place is None

    def locate(self, written: RowNumbers) -> tuple[Ints | slice, RowNumbers]:
        """Find points among the merged rows.

        Args:
            written: the written row of each point of a key; ascending.

        Returns:
            Which points count, in order, and the merged row of each; ascending, no repeats.
        """
        if self._place is None or self._row is None:
            return slice(None), written
        take = ascending_order(self._place[written])
        row = self._row[written[take]]
        # A part of a row may stand before a point, and the row behind it.
        again = ascending_order(row)
        take, row = take[again], row[again]
        last = np.append(row[1:] != row[:-1], True) if len(row) else np.empty(0, np.bool_)
        return take[last], row[last]


def _groups(step: Ints, writer: RowNumbers, flags: npt.NDArray[np.uint8]) -> Ints:
    """Number the groups of rows that are one row; the arguments are in reading order."""
    group = np.empty(len(step), np.int64)
    point = (flags & RowFlag.POINT) != 0
    points = np.flatnonzero(point)
    group[points] = np.arange(len(points))
    rest = np.flatnonzero(~point)
    if not len(rest):
        return group
    owner = writer[rest].astype(np.int64)
    by_writer = np.lexsort((owner, step[rest]))
    first = _first_of_each(step[rest][by_writer], owner[by_writer])
    explicit = (flags[rest][by_writer] & RowFlag.EXPLICIT) != 0
    shared = np.logical_or.reduceat(explicit, np.flatnonzero(first))[np.cumsum(first) - 1]
    # What one caller named is one row with all that others named: they share an owner.
    owner[by_writer[shared]] = -1
    together = np.lexsort((owner, step[rest]))
    first = _first_of_each(step[rest][together], owner[together])
    group[rest[together]] = len(points) + np.cumsum(first) - 1
    return group


def _first_of_each(step: Ints, owner: Ints) -> npt.NDArray[np.bool_]:
    first = np.ones(len(step), np.bool_)
    first[1:] = (step[1:] != step[:-1]) | (owner[1:] != owner[:-1])
    return first


def is_ascending(values: npt.NDArray[np.generic]) -> bool:
    """Whether no value is less than the one before it; with a NaN in it, it is not."""
    return bool(np.all(values[1:] >= values[:-1]))  # type: ignore[operator]


def ascending_order(values: npt.NDArray[np.generic]) -> Ints:
    """The stable order of `values`; most often they are in it already."""
    if is_ascending(values):
        return np.arange(len(values))
    return np.argsort(values, kind="stable")
