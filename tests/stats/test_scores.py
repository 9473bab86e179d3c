"""Scores of few runs, against rliable's stored results, scipy's, and values worked by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats as scipy_stats

from rltrack import stats
from rltrack.stats.bootstrap import Statistic
from rltrack.stats.scores import iqm_of_many

SCORES = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-1e6, 1e6),
)
ORDER: list[Statistic] = ["iqm", "median", "mean", "optimality_gap"]


@pytest.fixture(scope="module")
def rliable() -> dict[str, Any]:
    """Scores of two methods, and what rliable 1.2.0 made of them."""
    path = Path(__file__).parents[1] / "data" / "rliable.json"
    found: dict[str, Any] = json.loads(path.read_text())
    assert found["order"] == ORDER
    return found


@pytest.mark.parametrize("method", ["A", "B"])
def test_points_and_intervals_are_those_of_rliable(rliable: dict[str, Any], method: str) -> None:
    """The points exactly; the intervals as far as two draws of many agree."""
    scores = rliable[method]
    points = rliable["points"][method]
    lows, highs = rliable["intervals"][method]
    for at, statistic in enumerate(ORDER):
        found = stats.interval(scores, statistic, resamples=20_000)

        assert found.point == pytest.approx(points[at], abs=1e-12)
        assert found.low == pytest.approx(lows[at], abs=0.01)
        assert found.high == pytest.approx(highs[at], abs=0.01)
        assert (found.n_runs, found.confidence) == (len(scores), 0.95)
    plain = [stats.interquartile_mean, stats.median, stats.mean, stats.optimality_gap]
    assert [one(scores) for one in plain] == pytest.approx(points, abs=1e-12)


def test_profiles_and_improvement_are_those_of_rliable(rliable: dict[str, Any]) -> None:
    """As far as two draws of many agree."""
    a, b, at = rliable["A"], rliable["B"], rliable["thresholds"]
    low, high = stats.profile_interval(a, at, resamples=5000)
    found = stats.improvement_interval(a, b, resamples=5000)

    assert stats.performance_profile(a, at) == pytest.approx(rliable["profile"], abs=1e-12)
    assert low == pytest.approx(rliable["profile_interval"][0], abs=0.02)
    assert high == pytest.approx(rliable["profile_interval"][1], abs=0.02)
    assert found.point == pytest.approx(rliable["improvement"], abs=1e-12)
    assert [found.low, found.high] == pytest.approx(rliable["improvement_interval"], abs=0.015)


def test_values_worked_by_hand() -> None:
    """Eight runs of one task: the middle half is 3, 4, 5, 6."""
    scores = [8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0]

    assert stats.interquartile_mean(scores) == pytest.approx((3 + 4 + 5 + 6) / 4)
    assert stats.median(scores) == 4.5
    assert stats.mean(scores) == pytest.approx(129 / 8)
    assert stats.optimality_gap([0.5, 2.0], threshold=1.0) == 0.25
    assert stats.standard_deviation([1.0, 3.0]) == pytest.approx(math.sqrt(2))
    assert stats.normalized([1.0, 3.0], 1, 5).ravel().tolist() == [0.0, 0.5]
    assert stats.performance_profile([1, 2, 3, 4], [0, 2, 2.5, 4]).tolist() == [1, 0.5, 0.5, 0]
    assert stats.probability_of_improvement([1, 2], [2, 0]) == pytest.approx((0 + 1 + 0.5 + 1) / 4)
    # Of two tasks, the median is of their means over runs: (0 + 10) / 2 and (4 + 2) / 2.
    assert stats.median([[0.0, 4.0], [10.0, 2.0]]) == 4.0


@given(SCORES)
def test_iqm_is_scipys_trimmed_mean(scores: np.ndarray) -> None:
    """A second definition; and it does not leave the range of the scores."""
    found = stats.interquartile_mean(scores)

    assert found == pytest.approx(
        scipy_stats.trim_mean(scores, 0.25, axis=None), rel=1e-9, abs=1e-6
    )
    assert scores.min() - 1e-6 <= found <= scores.max() + 1e-6
    assert iqm_of_many(np.stack([scores, scores + 1])) == pytest.approx(
        [found, found + 1], rel=1e-9, abs=1e-6
    )


@given(SCORES, SCORES)
def test_improvement_is_mann_whitneys(x: np.ndarray, y: np.ndarray) -> None:
    """And that of Y over X is the rest to 1."""
    tasks = min(x.shape[1], y.shape[1])
    x, y = x[:, :tasks], y[:, :tasks]
    found = stats.probability_of_improvement(x, y)
    expected = [
        scipy_stats.mannwhitneyu(x[:, t], y[:, t], alternative="greater", method="asymptotic")
        .statistic / (len(x) * len(y))
        for t in range(tasks)
    ]  # fmt: skip

    assert found == pytest.approx(float(np.mean(expected)))
    assert stats.probability_of_improvement(y, x) == pytest.approx(1 - found)


def test_the_same_scores_have_the_same_interval() -> None:
    """A chart does not flicker; another generator draws others."""
    scores = np.random.default_rng(1).normal(size=(5, 3))

    assert stats.interval(scores) == stats.interval(scores)
    assert stats.interval(scores) != stats.interval(scores, rng=np.random.default_rng(2))
    narrow, wide = stats.interval(scores, confidence=0.5), stats.interval(scores, confidence=0.99)
    assert wide.low < narrow.low < narrow.point < narrow.high < wide.high


def test_runs_are_drawn_within_their_task() -> None:
    """Tasks of very different scales: an interval over all scores would be as wide as both."""
    scores = np.array([[0.0, 1000.0], [1.0, 1001.0], [2.0, 1002.0]])
    found = stats.interval(scores, "mean")

    assert 500 <= found.low <= found.high <= 502


@pytest.mark.parametrize("scores", [[], [[]], [[[1.0]]], [1.0, math.nan]])
def test_what_are_no_scores(scores: Any) -> None:
    """A crashed run has no score, and the caller must say what it counts as."""
    with pytest.raises(ValueError, match=r"expected|NaN"):
        stats.interquartile_mean(scores)


def test_wrong_arguments_are_told() -> None:
    """Each with what may be."""
    with pytest.raises(ValueError, match="one of iqm, mean"):
        stats.interval([1.0], "best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.interval([1.0], confidence=95)
    with pytest.raises(ValueError, match="1 or more"):
        stats.interval([1.0], resamples=0)
    with pytest.raises(ValueError, match="the same tasks"):
        stats.probability_of_improvement([[1.0, 2.0]], [[1.0]])
    with pytest.raises(ValueError, match="equal"):
        stats.normalized([1.0], 2, 2)
    with pytest.raises(ValueError, match="no standard deviation"):
        stats.standard_deviation([1.0])


def test_few_runs_are_told() -> None:
    """Under five."""
    assert stats.warn_of_few(5) is None
    with pytest.warns(stats.FewRunsWarning, match="3 runs: fewer than 5 say little"):
        stats.warn_of_few(3)
