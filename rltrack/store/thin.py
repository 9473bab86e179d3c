"""Many points to few buckets, of which each keeps what a pixel must not lose.

A series is given as its points, or as blocks of points (see `line.py`), of which each goes whole
into the bucket of its first point. All series of a chart share one grid. Where every run has at most one point at each x, and no
more x occur than buckets were asked for, the grid is these x and nothing is lost. Otherwise
it is of equal buckets, whose width is a round number and whose edges are multiples of it: so
while a run grows, a bucket that is full keeps its points, and the picture does not tremble.

The same question about the same points gives the same bytes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rltrack.store.blocks import Blocks, blocks_of, joined
from rltrack.store.columns import Floats, Ints
from rltrack.store.series import Series

MIN_BUCKETS: Final = 2
_ROUND: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """One series on a grid; all columns are as long as the grid."""

    count: Floats
    """Points in the bucket."""
    nan: Floats
    pos_inf: Floats
    neg_inf: Floats
    min: Floats
    """Of the finite values, like `max` and `mean`; NaN where there is none."""
    max: Floats
    mean: Floats
    last: Floats
    """The last value as logged; NaN where there is no point."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The buckets that the series of a chart share."""

    x: Floats
    """One x for each bucket, ascending: the points' own, or the middle of the bucket."""
    lower: Floats
    """From where on a point belongs to the bucket; up to the next bucket's `lower`."""
    width: float
    """In units of x; 0 if exact."""

    @property
    def is_exact(self) -> bool:
        """Whether each bucket holds at most one point of each run, at its own x."""
        return self.width == 0.0


def own_grid(shown: Sequence[Series], buckets: int) -> Grid | None:
    """The grid of every x that occurs, if these are few, and no series has two points at one."""
    exact = _own_places(shown, buckets)
    return None if exact is None else Grid(exact, exact, 0.0)


def even_grid(places: Sequence[Floats], low: float, high: float, buckets: int) -> Grid:
    """The grid of equal buckets.

    Args:
        places: where the points or blocks of each series stand, ascending in [low, high].
        low: where the chart begins, in units of x.
        high: where it ends.
        buckets: how many there may be at most; 2 or more.
    """
    width = _round_width(low, high, buckets)
    first, last = math.floor(low / width), math.floor(high / width)
    lower: Floats = (first + np.arange(last - first + 1, dtype=np.float64)) * width
    used = np.zeros(len(lower), np.bool_)
    for x in places:
        starts = np.searchsorted(x, lower, side="left")
        starts[0] = 0
        used |= _lengths(starts, len(x)) > 0
    # Empty buckets are left out; the point before the next `lower` still falls to the left.
    lower = lower[used]
    middle: Floats = np.clip(lower + width / 2, low, high)
    return Grid(middle, lower, width)


def log_grid(places: Sequence[Floats], low: float, high: float, buckets: int) -> Grid:
    """The grid of buckets that are equal on a logarithmic axis; arguments as of `even_grid`, above 0.

    Its `width` is that of the last bucket, in units of x.
    """
    span = max(math.log10(high) - math.log10(low), 1e-9)
    # A round share of a decade, so that edges stay while a run grows.
    each = 2.0 ** math.floor(math.log2(max(1, buckets - 2) / span))
    first, last = math.floor(math.log10(low) * each), math.floor(math.log10(high) * each)
    lower = 10.0 ** ((first + np.arange(last - first + 1, dtype=np.float64)) / each)
    used = np.zeros(len(lower), np.bool_)
    for x in places:
        starts = np.searchsorted(x, lower, side="left")
        starts[0] = 0
        used |= _lengths(starts, len(x)) > 0
    upper = lower * 10.0 ** (1 / each)
    middle = np.clip(np.sqrt(lower * upper), low, high)
    return Grid(middle[used], lower[used], float(upper[-1] - lower[-1]))


def _own_places(shown: Sequence[Series], buckets: int) -> Floats | None:
    """Every x that occurs, if these are few and no run has two points at one."""
    for series in shown:
        if len(series.x) > buckets or not bool(np.all(series.x[1:] > series.x[:-1])):
            return None
    places = np.unique(np.concatenate([np.empty(0), *(series.x for series in shown)]))
    return places if len(places) <= buckets else None


def _round_width(low: float, high: float, buckets: int) -> float:
    """The least round width of which `buckets` cover [low, high], wherever the edges fall."""
    # Divided before it is subtracted: the difference of two large numbers may be infinite.
    least = high / (buckets - 1) - low / (buckets - 1)
    # Below the spacing of floats, the edges of neighbours would be one.
    finest = 4 * float(np.spacing(max(abs(low), abs(high), 1e-290)))
    least = max(least, finest) if low < high else max(1.0, finest)
    exponent = math.floor(math.log10(least))
    for power in itertools.count(exponent):
        for digit in _ROUND:
            width = digit * 10.0**power if power >= 0 else digit / 10.0**-power
            # The count, too, is looked at: it may be one off by a rounding of `least`.
            if width >= least and math.floor(high / width) - math.floor(low / width) < buckets:
                return width
    raise AssertionError("two buckets hold every range")


def thin(points: Series, grid: Grid) -> Buckets:
    """Put points onto a grid that was made for them, among others."""
    nowhere = np.zeros(len(points.x), np.int64)
    return thin_blocks(points.x, blocks_of(nowhere, nowhere, points.y, size=1), grid)


def thin_blocks(x: Floats, blocks: Blocks, grid: Grid) -> Buckets:
    """Put blocks onto a grid that was made for them, among others.

    Args:
        x: where each block stands; ascending.
        blocks: each goes whole into one bucket.
        grid: of all series of the chart.
    """
    length = len(grid.x)
    starts = np.searchsorted(x, grid.lower, side="left")
    if length:
        starts[0] = 0
    used = np.flatnonzero(_lengths(starts, len(x)))
    count, nan, pos_inf, neg_inf = np.zeros((4, length))
    low, high, mean, last = np.full((4, length), np.nan)
    if len(used):
        found = joined(blocks, starts[used])
        count[used] = found.count
        if found.odd is not None:
            nan[used], pos_inf[used], neg_inf[used] = found.odd
        low[used], high[used] = found.min, found.max
        mean[used], last[used] = found.mean, found.last
    return Buckets(count, nan, pos_inf, neg_inf, low, high, mean, last)


def _lengths(starts: Ints, end: int) -> Ints:
    """From each start to the next, and of the last to the end."""
    found = np.empty_like(starts)
    found[:-1] = starts[1:] - starts[:-1]
    found[-1:] = end - starts[-1:]
    return found
