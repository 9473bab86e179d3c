"""Buckets, against a second definition that is slow and plain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rltrack.store.blocks import blocks_of
from rltrack.store.series import MAX_X, Series
from rltrack.store.thin import Buckets, Grid, even_grid, own_grid, thin, thin_blocks

X = st.floats(-MAX_X, MAX_X) | st.integers(-20, 20).map(float)
Y = st.floats() | st.sampled_from([0.1, math.nan, math.inf, -math.inf, 1.7e308, -1.7e308])
POINTS = st.lists(st.tuples(X, Y), min_size=1, max_size=40)


def series_of(points: list[tuple[float, float]]) -> Series:
    points = sorted(points, key=lambda point: point[0])
    return Series(np.array([x for x, _ in points]), np.array([y for _, y in points]))


def grid_of(shown: list[Series], low: float, high: float, buckets: int) -> Grid:
    return own_grid(shown, buckets) or even_grid([series.x for series in shown], low, high, buckets)


def made(runs: list[list[tuple[float, float]]], buckets: int) -> tuple[Grid, list[Buckets]]:
    shown = [series_of(points) for points in runs]
    low = min(series.x[0] for series in shown)
    high = max(series.x[-1] for series in shown)
    grid = grid_of(shown, float(low), float(high), buckets)
    return grid, [thin(series, grid) for series in shown]


@given(st.lists(POINTS, min_size=1, max_size=4), st.integers(2, 30))
def test_each_bucket_says_what_its_points_are(
    runs: list[list[tuple[float, float]]], buckets: int
) -> None:
    """Counts, bounds, mean and last of exactly the points that fall into it."""
    grid, thinned = made(runs, buckets)
    for points, found in zip(runs, thinned, strict=True):
        inside: list[list[float]] = [[] for _ in grid.x]
        for x, y in sorted(points, key=lambda point: point[0]):
            inside[sum(bool(lower <= x) for lower in grid.lower[1:])].append(y)
        for at, values in enumerate(inside):
            finite = [value for value in values if math.isfinite(value)]
            assert found.count[at] == len(values)
            assert found.nan[at] == sum(map(math.isnan, values))
            assert found.pos_inf[at] == values.count(math.inf)
            assert found.neg_inf[at] == values.count(-math.inf)
            assert same(found.min[at], min(finite, default=math.nan))
            assert same(found.max[at], max(finite, default=math.nan))
            assert same(found.last[at], values[-1] if values else math.nan)
            mean = sum(value / len(finite) for value in finite) if finite else math.nan
            assert same(found.mean[at], mean) or found.mean[at] == pytest.approx(
                mean, rel=1e-9, abs=1e-9 * max(map(abs, finite)) + 1e-320
            )
            assert not finite or min(finite) <= found.mean[at] <= max(finite)


@given(st.lists(POINTS, min_size=1, max_size=4), st.integers(2, 30))
def test_a_grid_holds_all_runs_in_no_more_buckets_than_asked_for(
    runs: list[list[tuple[float, float]]], buckets: int
) -> None:
    """No point is lost, whatever the axis, and no bucket of the grid is empty in all runs."""
    grid, thinned = made(runs, buckets)

    assert len(grid.x) == len(grid.lower) <= buckets
    assert bool(np.all(np.diff(grid.lower) > 0))
    assert bool(np.all(np.diff(grid.x) >= 0))
    for points, found in zip(runs, thinned, strict=True):
        assert found.count.sum() == len(points)
    assert bool(np.all(sum(found.count for found in thinned) > 0))


@given(st.lists(POINTS, min_size=1, max_size=4), st.integers(2, 30))
def test_exact_means_that_every_point_is_there(
    runs: list[list[tuple[float, float]]], buckets: int
) -> None:
    """One point of a run at each x, at its own x, with its own value; and else it is not said."""
    grid, thinned = made(runs, buckets)
    places = {x for points in runs for x, _ in points}
    alone = all(len({x for x, _ in points}) == len(points) for points in runs)

    assert grid.is_exact == (alone and len(places) <= buckets)
    if grid.is_exact:
        assert grid.x.tolist() == sorted(places)
        for points, found in zip(runs, thinned, strict=True):
            there = found.count > 0
            drawn = zip((grid.x[there] + 0.0).tolist(), found.last[there].tolist(), strict=True)
            assert repr(list(drawn)) == repr(
                [(x + 0.0, y) for x, y in sorted(points, key=lambda p: p[0])]
            )


@given(st.integers(1, 5000), st.integers(1, 500), st.integers(10, 400))
@example(1000, 1, 100)
def test_full_buckets_keep_their_points_while_a_run_grows(
    length: int, more: int, buckets: int
) -> None:
    """Otherwise the whole picture trembles at every new point."""

    def buckets_of(count: int) -> tuple[float, dict[float, float]]:
        steps = np.arange(float(count))
        series = Series(steps, np.sin(steps))
        grid = grid_of([series], 0.0, count - 1.0, buckets)
        return grid.width, dict(
            zip(grid.lower.tolist(), thin(series, grid).mean.tolist(), strict=True)
        )

    width, before = buckets_of(length)
    grown, after = buckets_of(length + more)

    if width == grown:
        full = list(before)[:-1]
        assert {lower: before[lower] for lower in full} == {lower: after[lower] for lower in full}


@given(
    st.lists(Y, min_size=1, max_size=60),
    st.integers(1, 40),
    st.sampled_from([1, 4, 64]),
    st.integers(2, 40),
)
def test_blocks_go_whole_into_the_bucket_of_their_first_point(
    values: list[float], repeats: int, size: int, buckets: int
) -> None:
    """So counts add up, and no bound of all points is lost, wherever the edges fall."""
    y = np.array(values * repeats)
    x = np.arange(float(len(y)))
    blocks = blocks_of(x.astype(np.int64), x.astype(np.int64), y, size)
    grid = even_grid([x[::size]], 0.0, float(x[-1]), buckets)
    found = thin_blocks(x[::size], blocks, grid)

    finite = y[np.isfinite(y)]
    assert found.count.sum() == len(y)
    assert found.nan.sum() == np.isnan(y).sum()
    assert found.pos_inf.sum() == (y == np.inf).sum()
    assert found.neg_inf.sum() == (y == -np.inf).sum()
    if len(finite):
        assert np.nanmin(found.min) == finite.min()
        assert np.nanmax(found.max) == finite.max()
    place = np.searchsorted(grid.lower[1:], x[::size], side="right")
    assert found.count.tolist() == np.bincount(place, blocks.count, len(grid.x)).tolist()


@given(
    st.lists(Y, min_size=1, max_size=60),
    st.integers(1, 40),
    st.sampled_from([4, 64]),
    st.integers(1, 5),
)
def test_blocks_that_lie_in_one_bucket_each_are_as_good_as_their_points(
    values: list[float], repeats: int, size: int, blocks_a_bucket: int
) -> None:
    """A chart is the same from the overview; but for the last bits of a mean."""
    y = np.array(values * repeats)
    x = np.arange(float(len(y)))
    lower = x[:: size * blocks_a_bucket]
    grid = Grid(lower, lower, float(size * blocks_a_bucket))
    nowhere = np.zeros(len(y), np.int64)
    raw = thin(Series(x, y), grid)
    found = thin_blocks(x[::size], blocks_of(nowhere, nowhere, y, size), grid)

    for name in ("count", "nan", "pos_inf", "neg_inf", "min", "max", "last"):
        assert np.array_equal(getattr(found, name), getattr(raw, name), equal_nan=True)
    assert np.array_equal(np.isnan(found.mean), np.isnan(raw.mean))
    for at in np.flatnonzero(~np.isnan(raw.mean)).tolist():
        largest = max(abs(raw.min[at]), abs(raw.max[at]))
        near = pytest.approx(raw.mean[at], rel=1e-9, abs=1e-9 * largest + 1e-320)
        assert found.mean[at] == near


def test_steps_as_large_as_they_may_be_have_their_places() -> None:
    """Beyond 2**53 neighbours share a float, and so a place, and none is lost."""
    step = np.array([-(2**63), -(2**53) - 1, 0, 2**53 + 1, 2**63 - 2, 2**63 - 1])
    y = np.arange(6.0)
    x = step.astype(np.float64)
    grid = even_grid([x], float(x[0]), float(x[-1]), 4)
    found = thin_blocks(x, blocks_of(step, step, y, size=1), grid)

    assert len(grid.x) <= 4
    assert found.count.sum() == 6
    assert (found.min[0], found.max[-1], found.last[-1]) == (0.0, 5.0, 5.0)


def test_a_spike_never_vanishes() -> None:
    """One value in a million is in the bounds of its bucket."""
    y = np.zeros(1_000_000)
    y[654_321] = 7.0
    series = Series(np.arange(1_000_000.0), y)
    grid = grid_of([series], 0.0, 999_999.0, 500)

    assert np.nanmax(thin(series, grid).max) == 7.0


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
