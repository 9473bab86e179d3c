"""Consecutive points of a series, summed up in blocks: what a chart of a long run is drawn from.

A block of level 0 holds 64 points, by their places in the series, and one of each level above 16
of the level below. The last block of a level may hold fewer. The same points give the same bits,
however they were cut into pieces on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rltrack.store.columns import Floats, Ints

BLOCK_POINTS: Final = 64
FACTOR: Final = 16
#: A level of so few blocks has none above it.
_TOP_BLOCKS: Final = 16
#: On average, so that the edge of a bucket is wrong by a quarter of it at most.
_BLOCKS_A_BUCKET: Final = 4
#: Blocks with values that are not finite, which take copies: as many as a core's cache holds.
_ROWS_AT_ONCE: Final = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Blocks that follow each other; all columns have one entry a block."""

    step: Ints
    """Of the first point, like `time_ns`."""
    time_ns: Ints
    count: Ints
    odd: Ints | None
    """How many of these points are NaN, +Inf and -Inf: shape (3, blocks). None: not one is."""
    min: Floats
    """Of the finite values, like `max` and `mean`; NaN where there is none."""
    max: Floats
    mean: Floats
    last: Floats
    """As logged."""

    def __len__(self) -> int:
        return len(self.step)

    @property
    def finite(self) -> Ints:
        """Points of each block that are finite."""
        return self.count if self.odd is None else self.count - self.odd.sum(axis=0)

    def slice(self, first: int, end: int) -> Blocks:
        """Some of the blocks."""
        return Blocks(
            self.step[first:end],
            self.time_ns[first:end],
            self.count[first:end],
            None if self.odd is None else self.odd[:, first:end],
            self.min[first:end],
            self.max[first:end],
            self.mean[first:end],
            self.last[first:end],
        )

    @staticmethod
    def concatenate(parts: Sequence[Blocks]) -> Blocks:
        """Blocks that follow each other; at least one part."""
        if len(parts) == 1:
            return parts[0]
        odd = None
        if any(part.odd is not None for part in parts):
            nothing = [np.zeros((3, len(part)), np.int64) for part in parts]
            odd = np.concatenate(
                [
                    none if part.odd is None else part.odd
                    for part, none in zip(parts, nothing, strict=True)
                ],
                axis=1,
            )
        return Blocks(
            np.concatenate([part.step for part in parts]),
            np.concatenate([part.time_ns for part in parts]),
            np.concatenate([part.count for part in parts]),
            odd,
            np.concatenate([part.min for part in parts]),
            np.concatenate([part.max for part in parts]),
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.last for part in parts]),
        )


def block_count(points: int, level: int) -> int:
    """How many blocks of a level so many points make."""
    size: int = BLOCK_POINTS * FACTOR**level
    return -(-points // size)


def level_count(points: int) -> int:
    """How many levels there are above so many points; at least one."""
    level = 0
    while block_count(points, level) > _TOP_BLOCKS:
        level += 1
    return level + 1


def pick_level(points: int, buckets: int) -> int | None:
    """The coarsest level that is fine enough for a chart; None where single points are wanted.

    Args:
        points: how many are shown.
        buckets: into how many they go.
    """
    found = None
    size = BLOCK_POINTS
    while points >= size * buckets * _BLOCKS_A_BUCKET:
        found = 0 if found is None else found + 1
        size *= FACTOR
    return found


def blocks_of(step: Ints, time_ns: Ints, values: Floats, size: int = BLOCK_POINTS) -> Blocks:
    """Points in blocks of `size`; the last block may hold fewer."""
    count = len(values)
    if size == 1:
        return _singles(step, time_ns, values)
    whole = count // size * size
    parts = []
    if whole:
        parts.append(_whole_blocks(step[:whole:size], time_ns[:whole:size], values[:whole], size))
    if whole < count:
        rest = values[whole:]
        parts.append(
            _whole_blocks(step[whole : whole + 1], time_ns[whole : whole + 1], rest, len(rest))
        )
    return Blocks.concatenate(parts) if parts else _singles(step, time_ns, values)


def _singles(step: Ints, time_ns: Ints, values: Floats) -> Blocks:
    finite = np.isfinite(values)
    ones = np.ones(len(values), np.int64)
    if finite.all():
        return Blocks(step, time_ns, ones, None, values, values, values, values)
    known = np.where(finite, values, np.nan)
    return Blocks(step, time_ns, ones, _odd(values), known, known, known, values)


def _odd(values: Floats) -> Ints:
    """Which values are NaN, +Inf, -Inf."""
    return np.array([np.isnan(values), values == np.inf, values == -np.inf]).astype(np.int64)


def _whole_blocks(step: Ints, time_ns: Ints, values: Floats, size: int) -> Blocks:
    table = values.reshape(-1, size)
    odd = None
    with np.errstate(over="ignore", invalid="ignore"):
        least, greatest, mean = table.min(axis=1), table.max(axis=1), table.mean(axis=1)
        # The mean is not finite where a value is not, or where the sum is beyond the largest float.
        rest = np.flatnonzero(~np.isfinite(mean))
        for first in range(0, len(rest), _ROWS_AT_ONCE):
            rows = rest[first : first + _ROWS_AT_ONCE]
            some = table[rows]
            least[rows], greatest[rows], mean[rows] = _of_finite(some)
            found = _odd(some).sum(axis=2)
            if found.any():
                odd = np.zeros((3, len(table)), np.int64) if odd is None else odd
                odd[:, rows] = found
    # Rounding may put the mean of equal values beside them.
    mean = np.clip(mean, least, greatest)
    counts = np.full(len(table), size, np.int64)
    return Blocks(
        step.copy(), time_ns.copy(), counts, odd, least, greatest, mean, table[:, -1].copy()
    )


def _of_finite(table: Floats) -> tuple[Floats, Floats, Floats]:
    """Least, greatest and mean of what is finite in each row; NaN where nothing is."""
    finite = np.isfinite(table)
    count = finite.sum(axis=1)
    none = count == 0
    least = np.where(finite, table, np.inf).min(axis=1)
    greatest = np.where(finite, table, -np.inf).max(axis=1)
    known = np.where(finite, table, 0.0)
    mean = known.sum(axis=1) / count
    beyond = ~(np.isfinite(mean) | none)
    if beyond.any():
        # Divided before they are added.
        mean[beyond] = (known[beyond] / count[beyond, np.newaxis]).sum(axis=1)
    least[none] = greatest[none] = mean[none] = np.nan
    return least, greatest, mean


def coarser(blocks: Blocks) -> Blocks:
    """The level above."""
    begin = np.arange(0, len(blocks), FACTOR)
    return joined(blocks, begin)


def joined(blocks: Blocks, begin: Ints) -> Blocks:
    """Blocks put together.

    Args:
        blocks: at least one.
        begin: which of them are the first of those that become one; ascending, from 0 on.
    """
    end = np.empty_like(begin)
    end[:-1], end[-1] = begin[1:], len(blocks)
    count = np.add.reduceat(blocks.count, begin)
    odd = None if blocks.odd is None else np.add.reduceat(blocks.odd, begin, axis=1)
    finite = blocks.finite
    total = count if odd is None else np.add.reduceat(finite, begin)
    least = np.fmin.reduceat(blocks.min, begin)
    greatest = np.fmax.reduceat(blocks.max, begin)
    known = blocks.mean if odd is None else np.where(finite > 0, blocks.mean, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.add.reduceat(known * finite, begin) / total
        if (~np.isfinite(mean) & (total > 0)).any():
            # Weighted before they are added, where a sum is beyond the largest float.
            weights = finite / np.repeat(np.maximum(total, 1), end - begin)
            weighted = np.add.reduceat(known * weights, begin)
            mean = np.where(np.isfinite(mean), mean, np.where(total > 0, weighted, np.nan))
    return Blocks(
        blocks.step[begin],
        blocks.time_ns[begin],
        count,
        odd,
        least,
        greatest,
        np.clip(mean, least, greatest),
        blocks.last[end - 1],
    )


def levels_of(step: Ints, time_ns: Ints, values: Floats) -> list[Blocks]:
    """All levels of blocks of a series, the finest first."""
    return _with_levels_above(blocks_of(step, time_ns, values))


def _with_levels_above(finest: Blocks) -> list[Blocks]:
    levels = [finest]
    while len(levels[-1]) > _TOP_BLOCKS:
        levels.append(coarser(levels[-1]))
    return levels


class BlockBuilder:
    """Makes blocks of points that come one after the other, in pieces of any length."""

    def __init__(self) -> None:
        self.count = 0
        """Points so far."""
        self.step_in_order = True
        """Whether no step was less than the one before it."""
        self.time_in_order = True
        self.first: tuple[int, int] = (0, 0)
        """Step and time of the first point."""
        self.last: tuple[int, int] = (0, 0)
        self._blocks: list[Blocks] = []
        self._rest: tuple[Ints, Ints, Floats] | None = None

    def add(self, step: Ints, time_ns: Ints, values: Floats) -> None:
        """Take the points that follow."""
        if not len(values):
            return
        if not self.count:
            self.first = self.last = (int(step[0]), int(time_ns[0]))
        self.step_in_order &= self.last[0] <= step[0] and bool(np.all(step[1:] >= step[:-1]))
        self.time_in_order &= self.last[1] <= time_ns[0] and bool(
            np.all(time_ns[1:] >= time_ns[:-1])
        )
        self.last = (int(step[-1]), int(time_ns[-1]))
        self.count += len(values)
        if self._rest is not None:
            step, time_ns, values = (
                np.concatenate(pair)
                for pair in zip(self._rest, (step, time_ns, values), strict=True)
            )
        whole = len(values) // BLOCK_POINTS * BLOCK_POINTS
        if whole:
            self._blocks.append(blocks_of(step[:whole], time_ns[:whole], values[:whole]))
        # A copy: it must not keep a whole piece in memory.
        rest = (step[whole:].copy(), time_ns[whole:].copy(), values[whole:].copy())
        self._rest = rest if len(rest[0]) else None

    def levels(self) -> list[Blocks]:
        """All levels, the finest first; at least one point was added."""
        rest = [blocks_of(*self._rest)] if self._rest is not None else []
        return _with_levels_above(Blocks.concatenate([*self._blocks, *rest]))
