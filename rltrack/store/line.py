"""A metric over an axis, of which a chart reads what it shows, and no more.

A line is a chain of pieces, each with its points in order of x: what is sealed, part by part or
in one, and behind it what is in memory. A piece of sealed points knows blocks of 64 points, and
of 16 times more on each level above, from its overview; one in memory makes them when asked.

A range of points is covered by as few blocks as there are, coarse in the middle and fine at both
ends, where less than a block is left by single points. So every point of a range is in exactly one
block, no block reaches beyond the range, and sealed points and points in memory, which are the
same points at the same places, are covered alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import numpy as np

from rltrack.errors import SegmentError
from rltrack.journal.definitions import ROW_AXES, RUNTIME, STEP
from rltrack.store.blocks import BLOCK_POINTS, FACTOR, Blocks, blocks_of, levels_of
from rltrack.store.columns import OBJECT, Floats, Ints
from rltrack.store.content import Content, StreamName
from rltrack.store.merge import is_ascending
from rltrack.store.overview import Entry, Overview
from rltrack.store.run import RunReader
from rltrack.store.segments import Group, Part
from rltrack.store.series import Series, seconds, series

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Blocks, and where they stand: the x of the first point of each."""

    x: Floats
    blocks: Blocks

    @staticmethod
    def concatenate(parts: Sequence[Placed]) -> Placed:
        """Blocks that follow each other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return _singles(Series(np.empty(0), np.empty(0)))
        return Placed(
            np.concatenate([part.x for part in parts]),
            Blocks.concatenate([part.blocks for part in parts]),
        )


class Piece(Protocol):
    """Points in order of x, by their places from 0 on."""

    count: int
    first: float
    last: float

    def place(self, x: float, *, behind: bool) -> int:
        """How many points have a smaller x; or, `behind`, one that is not greater."""

    def points(self, first: int, end: int) -> Series:
        """The points of some places."""

    def blocks(self, level: int, first: int, end: int) -> Placed:
        """Whole blocks of a level, by their numbers."""

    @property
    def levels(self) -> int:
        """How many levels of blocks there are."""

    @property
    def nbytes(self) -> int:
        """Memory that is held."""


class Line:
    """The points of one metric of one run over an axis.

    Args:
        pieces: in order; the last x of each is not greater than the first of the next.
        again: asked for the same pieces from the journal, where a file of one is damaged; there are
            none any more where the run is gone.
    """

    def __init__(
        self, pieces: Sequence[Piece], again: Callable[[SegmentError], Sequence[Piece]]
    ) -> None:
        self._pieces = pieces
        self._again = again
        self.count = sum(piece.count for piece in pieces)
        self.first = pieces[0].first
        self.last = pieces[-1].last

    def count_between(self, low: float, high: float) -> int:
        """How many points have ``low <= x <= high``."""
        if low <= self.first and self.last <= high:
            return self.count
        return self._trusting(
            lambda: sum(end - first for _, first, end in self._between(low, high))
        )

    def above_zero(self) -> float | None:
        """The least x above zero, where a logarithmic axis may begin; None without one."""
        if self.first > 0:
            return self.first
        if self.last <= 0:
            return None

        def look() -> float | None:
            for piece in self._pieces:
                at = piece.place(0.0, behind=True)
                if at < piece.count:
                    return float(piece.points(at, at + 1).x[0])
            return None

        return self._trusting(look)

    def points(self, low: float, high: float) -> Series:
        """The points with ``low <= x <= high``, each exactly."""
        return self._trusting(
            lambda: _chained(
                [piece.points(first, end) for piece, first, end in self._between(low, high)]
            )
        )

    def blocks(self, level: int | None, low: float, high: float) -> Placed:
        """The same points, in blocks of at most that level; None for blocks of one point each."""
        top = -1 if level is None else level
        return self._trusting(
            lambda: Placed.concatenate(
                [
                    covered
                    for piece, first, end in self._between(low, high)
                    for covered in _covered(piece, top, first, end)
                ]
            )
        )

    def _trusting(self, read: Callable[[], _Answer]) -> _Answer:
        try:
            return read()
        except SegmentError as damage:
            self._pieces = self._again(damage)
            return read()

    def _between(self, low: float, high: float) -> list[tuple[Piece, int, int]]:
        found = []
        for piece in self._pieces:
            if piece.last < low or piece.first > high:
                continue
            first = 0 if low <= piece.first else piece.place(low, behind=False)
            end = piece.count if piece.last <= high else piece.place(high, behind=True)
            if first < end:
                found.append((piece, first, end))
        return found

    @property
    def nbytes(self) -> int:
        """Memory that is held."""
        return sum(piece.nbytes for piece in self._pieces)


def _chained(parts: Sequence[Series]) -> Series:
    """Points that follow each other."""
    if len(parts) == 1:
        return parts[0]
    return Series(
        np.concatenate([np.empty(0), *(part.x for part in parts)]),
        np.concatenate([np.empty(0), *(part.y for part in parts)]),
    )


def _covered(piece: Piece, level: int, first: int, end: int) -> list[Placed]:
    """Blocks that hold the points of some places and no others, none above `level`."""
    if level < 0:
        return [_singles(piece.points(first, end))] if first < end else []
    level = min(level, piece.levels - 1)
    size = BLOCK_POINTS * FACTOR**level
    begin = -(-first // size)
    # The last block of a piece may be short, and counts as whole where the piece ends.
    stop = -(-end // size) if end == piece.count else end // size
    if begin >= stop:
        return _covered(piece, level - 1, first, end)
    found = _covered(piece, level - 1, first, begin * size)
    found.append(piece.blocks(level, begin, stop))
    return found + (_covered(piece, level - 1, stop * size, end) if stop * size < end else [])


def _singles(points: Series) -> Placed:
    nowhere = np.zeros(len(points.x), np.int64)
    return Placed(points.x, blocks_of(nowhere, nowhere, points.y, size=1))


class MemoryPiece:
    """Points in memory."""

    def __init__(self, points: Series) -> None:
        self._points = points
        self.count = len(points.x)
        self.first = float(points.x[0])
        self.last = float(points.x[-1])
        self._levels: list[Placed] | None = None

    def place(self, x: float, *, behind: bool) -> int:
        """See `Piece`."""
        return int(np.searchsorted(self._points.x, x, side="right" if behind else "left"))

    def points(self, first: int, end: int) -> Series:
        """See `Piece`."""
        return Series(self._points.x[first:end], self._points.y[first:end])

    def blocks(self, level: int, first: int, end: int) -> Placed:
        """See `Piece`."""
        whole = self._all()[level]
        return Placed(whole.x[first:end], whole.blocks.slice(first, end))

    @property
    def levels(self) -> int:
        """See `Piece`."""
        return len(self._all())

    def _all(self) -> list[Placed]:
        if self._levels is None:
            nowhere = np.zeros(self.count, np.int64)
            self._levels = [
                Placed(self._points.x[:: BLOCK_POINTS * FACTOR**level], blocks)
                for level, blocks in enumerate(levels_of(nowhere, nowhere, self._points.y))
            ]
        return self._levels

    @property
    def nbytes(self) -> int:
        """See `Piece`."""
        return self._points.x.nbytes + self._points.y.nbytes


#: Turns the steps and times of points into their x.
Axis = Callable[[Ints, Ints], Floats]


class SealedPiece:
    """Sealed points, of which blocks come from the overview, and single ones from the parts."""

    def __init__(
        self, overview: Overview, entry: Entry, parts: Sequence[Part], axis: Axis, by_step: bool
    ) -> None:
        self._overview = overview
        self._entry = entry
        self._parts = parts
        self._axis = axis
        self._by_step = by_step
        self.count = entry.points
        ends = (
            np.array([entry.first_step, entry.last_step]),
            np.array([entry.first_time_ns, entry.last_time_ns]),
        )
        self.first, self.last = (float(x) for x in axis(*ends))
        self._whole: dict[int, Placed] = {}
        self._groups: list[tuple[int, Part, Group]] | None = None
        self._read: dict[tuple[int, int], Series] = {}

    @property
    def levels(self) -> int:
        """See `Piece`."""
        return self._entry.levels

    def blocks(self, level: int, first: int, end: int) -> Placed:
        """See `Piece`."""
        if (whole := self._whole.get(level)) is not None:
            return Placed(whole.x[first:end], whole.blocks.slice(first, end))
        found = self._overview.level(self._entry, level, first, end)
        placed = Placed(self._axis(found.step, found.time_ns), found)
        if first == 0 and end * BLOCK_POINTS * FACTOR**level >= self.count:
            self._whole[level] = placed
        return placed

    def place(self, x: float, *, behind: bool) -> int:
        """See `Piece`."""
        side: Literal["left", "right"] = "right" if behind else "left"
        first, end = 0, self.count
        for level in reversed(range(self.levels)):
            size = BLOCK_POINTS * FACTOR**level
            begin = first // size
            found = self.blocks(level, begin, -(-end // size))
            # Of the last block that begins before the place; the place itself may be its end.
            before = int(np.searchsorted(found.x, x, side=side)) - 1
            if before < 0:
                return first
            first, end = (begin + before) * size, min(end, (begin + before + 1) * size)
        points = self.points(first, end)
        return first + int(np.searchsorted(points.x, x, side=side))

    def points(self, first: int, end: int) -> Series:
        """See `Piece`."""
        parts = []
        for at, part, group in self._placed_groups():
            if at < end and first < at + group.count:
                whole = self._points_of(at, part, group)
                cut = slice(max(first - at, 0), end - at)
                parts.append(Series(whole.x[cut], whole.y[cut]))
        return _chained(parts)

    def _placed_groups(self) -> list[tuple[int, Part, Group]]:
        if self._groups is None:
            found, at = [], 0
            for part in self._parts:
                for group in part.groups(self._entry.key):
                    found.append((at, part, group))
                    at += group.count
            if at != self.count:
                raise SegmentError(f"{self._parts[0].folder}: overview and parts do not agree")
            self._groups = found
        return self._groups

    def _points_of(self, at: int, part: Part, group: Group) -> Series:
        known = self._read.get((part.number, at))
        if known is None:
            chunk = part.read([group])
            times = np.empty(0, np.int64)
            if not self._by_step:
                times = part.times()[chunk.row - part.first_row]
            known = Series(self._axis(chunk.step, times), chunk.floats())
            while len(self._read) >= 8:  # both ends of a zoom, and where it was before
                self._read.pop(next(iter(self._read)))
            self._read[part.number, at] = known
        return known

    @property
    def nbytes(self) -> int:
        """See `Piece`."""
        blocks = sum(len(placed.x) for placed in self._whole.values()) * 72
        return blocks + sum(read.x.nbytes + read.y.nbytes for read in self._read.values())


def line(run: RunReader, key: str, x: str = STEP, stream: StreamName = "default") -> Line | None:
    """A metric over an axis; None where the run has no numbers under `key`, or no place for them.

    Args:
        run: where it was logged.
        key: the metric.
        x: the axis, as for `series`.
        stream: of the run's history, or of its machine's samples.
    """
    with run.lock:
        return run.ask(lambda content: _known_line(run, content, key, x, stream))


def _known_line(
    run: RunReader, content: Content, key: str, x: str, stream: StreamName
) -> Line | None:
    """The line as it was made before, if nothing has come since."""
    state = (len(content.streams[stream].rows), content.created_ns)
    known = content.lines.get((stream, key, x))
    if known is None or known[0] != state:
        known = content.lines[stream, key, x] = (state, _line(run, content, key, x, stream))
    return known[1]


def _line(run: RunReader, content: Content, key: str, x: str, stream: StreamName) -> Line | None:
    def again(damage: SegmentError) -> Sequence[Piece]:
        run.distrust(damage)
        found = line(run, key, x, stream)
        return [] if found is None else found._pieces

    pieces = _sealed_pieces(run, content, key, x, stream)
    if pieces is not None:
        late = _late(run, content, key, x, stream)
        if late is None:
            return Line(pieces, again) if pieces else None
        if is_ascending(late.x) and (not pieces or pieces[-1].last <= late.x[0]):
            return Line([*pieces, MemoryPiece(late)], again)
    found = series(run, key, x, stream)
    return Line([MemoryPiece(found)], again) if found is not None else None


def _sealed_pieces(
    run: RunReader, content: Content, key: str, x: str, stream: StreamName
) -> list[Piece] | None:
    """The sealed points of a metric; None where they have no order on the axis."""
    if x not in ROW_AXES:
        return None
    sealed = content.sealed.get(stream)
    if sealed is None or not sealed.rows:
        return []
    by_step = x == STEP
    axis = _axis(x, run.created_ns)
    found: list[Piece] = []
    for overview, parts in content.overviews_of(stream):
        entry = overview.entry(stream, key)
        if entry is None:
            continue
        in_order = entry.step_in_order if by_step else entry.time_in_order
        if not in_order or entry.kinds >> OBJECT & 1:
            return None
        piece = SealedPiece(overview, entry, parts, axis, by_step=by_step)
        if found and found[-1].last > piece.first:
            return None
        found.append(piece)
    return found


def _late(run: RunReader, content: Content, key: str, x: str, stream: StreamName) -> Series | None:
    """The points that are in memory, behind those that are sealed."""
    rows = content.streams[stream].merged(content.feed.writers)
    points = content.streams[stream].points(key, content.feed.writers)
    if points is None or not points.column.is_numeric:
        return None
    row, y = points.numbers()
    at = _axis(x, run.created_ns)(rows.step[row], rows.time_ns[row])
    return Series(at, y) if len(at) else None


def _axis(x: str, created_ns: int) -> Axis:
    """Steps, seconds since the epoch, or seconds since the run began."""
    if x == STEP:
        return lambda step, time_ns: step.astype(np.float64)
    began = created_ns if x == RUNTIME else 0
    return lambda step, time_ns: seconds(time_ns, began)
