"""Blocks of points: the same bits, however they were made."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rltrack.store.aggregate import Aggregator, aggregate
from rltrack.store.blocks import (
    BLOCK_POINTS,
    FACTOR,
    BlockBuilder,
    Blocks,
    blocks_of,
    level_count,
    levels_of,
    pick_level,
)
from rltrack.store.columns import Floats, Ints

VALUES = st.floats() | st.sampled_from([0.1, math.nan, math.inf, -math.inf, 1.7e308, -1.7e308])


def points(values: list[float]) -> tuple[Ints, Ints, Floats]:
    step = np.arange(len(values), dtype=np.int64) * 3
    return step, step * 10**9 + 2**60, np.array(values, np.float64)


def bits(levels: list[Blocks]) -> list[object]:
    return [
        [
            None if column is None else np.ascontiguousarray(column).tobytes()
            for column in (
                b.step, b.time_ns, b.count, b.odd, b.min, b.max, b.mean, b.last,
            )
        ]
        for b in levels
    ]  # fmt: skip


@given(st.lists(VALUES, min_size=1, max_size=300), st.integers(1, 70))
def test_a_block_says_what_its_points_are(values: list[float], size: int) -> None:
    """Count, NaN, infinities, bounds, mean and last of exactly its points."""
    step, time_ns, array = points(values)
    found = blocks_of(step, time_ns, array, size)
    for at in range(len(found)):
        part = values[at * size : (at + 1) * size]
        finite = [value for value in part if math.isfinite(value)]
        assert found.step[at] == step[at * size]
        assert found.time_ns[at] == time_ns[at * size]
        assert found.count[at] == len(part)
        odd = [0, 0, 0] if found.odd is None else found.odd[:, at].tolist()
        assert odd == [
            sum(map(math.isnan, part)), part.count(math.inf), part.count(-math.inf)
        ]  # fmt: skip
        assert found.finite[at] == len(finite)
        assert repr(float(found.last[at])) == repr(part[-1])
        if not finite:
            assert math.isnan(found.min[at])
            assert math.isnan(found.mean[at])
            continue
        assert (found.min[at], found.max[at]) == (min(finite), max(finite))
        assert min(finite) <= found.mean[at] <= max(finite)
        mean = float(sum(map(Fraction, finite)) / len(finite))  # which no rounding makes infinite
        largest = max(map(abs, finite))
        assert found.mean[at] == pytest.approx(mean, rel=1e-9, abs=1e-9 * largest + 1e-320)


@given(
    st.lists(VALUES, min_size=1, max_size=40),
    st.integers(1, 60),
    st.lists(st.integers(1, 400), min_size=1, max_size=20),
)
def test_points_that_come_in_pieces_make_the_same_blocks(
    values: list[float], repeats: int, pieces: list[int]
) -> None:
    """Bit for bit: a run that was sealed in parts is drawn like one that was not."""
    step, time_ns, array = points(values * repeats)
    builder, summed = BlockBuilder(), Aggregator()
    at = turn = 0
    while at < len(array):
        end = at + pieces[turn % len(pieces)]
        turn += 1
        builder.add(step[at:end], time_ns[at:end], array[at:end])
        summed.add(step[at:end], array[at:end])
        at = end

    assert bits(builder.levels()) == bits(levels_of(step, time_ns, array))
    assert builder.count == len(array)
    assert builder.step_in_order
    assert repr(summed.result()) == repr(aggregate(step, array))


def test_each_level_is_sixteen_times_coarser_and_loses_no_spike() -> None:
    """One value in a million stands out on every level."""
    values = np.zeros(1_000_000)
    values[654_321] = 7.0
    values[123_456] = -np.inf
    step = np.arange(len(values))
    levels = levels_of(step, step, values)

    assert len(levels) == level_count(len(values))
    assert len(levels[-1]) <= 16
    for level, found in enumerate(levels):
        size = BLOCK_POINTS * FACTOR**level
        assert len(found) == -(-len(values) // size)
        assert found.step.tolist() == list(range(0, len(values), size))
        assert found.count.sum() == len(values)
        assert np.nanmax(found.max) == 7.0
        assert found.odd is not None
        assert found.odd.sum(axis=1).tolist() == [0, 0, 1]


def test_the_mean_of_the_largest_floats_is_one_of_them() -> None:
    """A sum of them is not."""
    values = np.full(10_000, 1.7e308)
    step = np.arange(len(values))
    for found in levels_of(step, step, values):
        assert np.all(found.mean == 1.7e308)


@given(st.integers(1, 10**9), st.integers(2, 2000))
def test_a_level_is_fine_enough_and_no_finer_than_need_be(count: int, buckets: int) -> None:
    """Four blocks a bucket at least; on the next level it would be fewer."""
    level = pick_level(count, buckets)
    size = 1 if level is None else BLOCK_POINTS * FACTOR**level
    above = BLOCK_POINTS if level is None else size * FACTOR
    if level is not None:
        assert count / size >= 4 * buckets
    assert count / above < 4 * buckets
