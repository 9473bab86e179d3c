"""Curves of many runs on one grid, and the band that they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats as scipy_stats

import rltrack
from rltrack import stats
from rltrack.stats import Curve

VALUES = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 9), st.integers(1, 6)), elements=st.floats(-1e3, 1e3)
)


def curve(*points: tuple[float, float]) -> Curve:
    x, y = np.array(points, dtype=float).reshape(-1, 2).T
    return Curve(x, y)


def test_nothing_is_made_up_beyond_a_runs_end() -> None:
    """Nor before its beginning; in between stands the value of the point before."""
    x, values = stats.align(
        [curve((0, 1), (2, 2), (4, 3)), curve((1, 10), (2, 20)), curve()], grid=[0, 1, 2, 3, 4, 5]
    )
    nan = np.nan

    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(
        values, [[1, 1, 2, 2, 3, nan], [nan, 10, 20, nan, nan, nan], [nan] * 6]
    )
    assert stats.band(x, values, "mean", "none").count.tolist() == [1, 2, 2, 1, 1, 0]


def test_a_grid_reaches_from_the_first_point_to_the_last() -> None:
    """Evenly; of points of one x it is one point, of which the last value counts."""
    x, _ = stats.align([curve((0, 1), (10, 2)), curve((5, 3), (20, 4))], n_points=5)
    assert x.tolist() == [0, 5, 10, 15, 20]
    one, at = stats.align([curve((3, 1), (3, 2))])
    assert (one.tolist(), at.tolist()) == ([3.0], [[2.0]])
    with pytest.raises(ValueError, match="no run has a point"):
        stats.align([curve()])
    with pytest.raises(ValueError, match="2 or more"):
        stats.align([curve((1, 1))], n_points=1)


@given(VALUES)
def test_lines_are_those_of_numpy_and_scipy(values: np.ndarray) -> None:
    """Point by point."""
    x = np.arange(values.shape[1])

    for centre, expected in {
        "mean": values.mean(axis=0),
        "median": np.median(values, axis=0),
        "iqm": scipy_stats.trim_mean(values, 0.25, axis=0),
        "min": values.min(axis=0),
        "max": values.max(axis=0),
    }.items():
        found = stats.band(x, values, centre, "none")  # type: ignore[arg-type]
        np.testing.assert_allclose(found.centre, expected, rtol=1e-9, atol=1e-9)


@given(VALUES, st.data())
def test_runs_that_have_ended_have_no_part(values: np.ndarray, data: st.DataObject) -> None:
    """A point with NaN is that of the other runs alone."""
    gone = data.draw(arrays.arrays(np.bool_, values.shape))
    with_holes = np.where(gone, np.nan, values)
    x = np.arange(values.shape[1])
    found = stats.band(x, with_holes, "iqm", "std")
    for at in range(values.shape[1]):
        left = values[~gone[:, at], at]
        assert found.count[at] == len(left)
        if not len(left):
            assert np.isnan([found.centre[at], found.low[at], found.high[at]]).all()
            continue
        line = scipy_stats.trim_mean(left, 0.25)
        wide = np.std(left, ddof=1) if len(left) > 1 else 0.0
        np.testing.assert_allclose(
            [found.centre[at], found.low[at], found.high[at]],
            [line, line - wide, line + wide],
            rtol=1e-9,
            atol=1e-7,
        )


def test_spreads() -> None:
    """Each by hand: 1, 3 and 8 at one point."""
    x, values = [0.0], [[1.0], [3.0], [8.0]]
    deviation = np.sqrt((9 + 1 + 16) / 2)

    def ends(spread: str) -> list[float]:
        found = stats.band(x, values, "mean", spread)  # type: ignore[arg-type]
        return [float(found.low[0]), float(found.centre[0]), float(found.high[0])]

    assert ends("minmax") == [1, 4, 8]
    assert ends("std") == pytest.approx([4 - deviation, 4, 4 + deviation])
    assert ends("sem") == pytest.approx([4 - deviation / 3**0.5, 4, 4 + deviation / 3**0.5])
    assert ends("none") == [4, 4, 4]
    assert stats.band(x, values).name == "IQM, 95 % CI"
    assert stats.band(x, values, "median", "minmax").name == "median, min–max"


def test_the_bootstrap_is_that_of_scores() -> None:
    """At each point as if it were the only one; the same each time."""
    values = np.random.default_rng(3).normal(size=(8, 4))
    found = stats.band(np.arange(4), values, "iqm", "bootstrap", resamples=20_000)
    again = stats.band(np.arange(4), values, "iqm", "bootstrap", resamples=20_000)

    np.testing.assert_array_equal(found.low, again.low)
    for at in range(4):
        alone = stats.interval(values[:, at], "iqm", resamples=20_000)
        assert found.centre[at] == pytest.approx(alone.point)
        assert [found.low[at], found.high[at]] == pytest.approx([alone.low, alone.high], abs=0.04)


def test_the_bootstrap_draws_within_tasks() -> None:
    """Runs of two tasks are never all of one."""
    values = np.array([[0.0], [0.0], [10.0], [10.0]])
    apart = stats.band([0], values, "mean", tasks=["a", "a", "b", "b"])
    mixed = stats.band([0], values, "mean")

    assert (apart.low[0], apart.high[0]) == (5, 5)
    assert mixed.low[0] < 5 < mixed.high[0]


def test_the_last_episodes() -> None:
    """The mean of as many as there are, up to the window; one that is NaN does not count."""
    found = stats.smooth_episodes(curve((0, 1), (1, 3), (2, np.nan), (3, 8)), window=2)

    np.testing.assert_allclose(found.y, [1, 2, 3, 8])
    with pytest.raises(ValueError, match="1 or more"):
        stats.smooth_episodes(found, window=0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"centre": "best"}, "one of iqm, mean"),
        ({"spread": "wide"}, "one of bootstrap, std"),
        ({"confidence": 2.0}, "between 0 and 1"),
        ({"tasks": ["a"]}, "tasks of 1 runs"),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, object], told: str) -> None:
    """Each with what may be."""
    with pytest.raises(ValueError, match=told):
        stats.band([0.0], [[1.0], [2.0]], **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        stats.band([0.0, 1.0], [[1.0]])


def test_from_runs_to_a_band(root: Path) -> None:
    """Three seeds, over timesteps; one crashed early, one never logged the metric."""
    for seed, length in enumerate((5, 5, 3, 0)):
        with rltrack.init(project="p", config={"seed": seed}, settings={"quiet": True}) as run:
            for step in range(length):
                run.log({"episode/return": float(seed + step), "global_step": 100 * step})
    ((_, runs),) = rltrack.Api().runs("p").group_by(but=["seed"])
    curves = stats.curves_of(runs, "episode/return", "global_step")
    found = stats.sample_efficiency(curves, [0, 200, 400], centre="mean", spread="minmax")

    assert [len(one.x) for one in curves] == [5, 5, 3, 0]
    assert found.centre.tolist() == [1, 3, 4.5]
    assert found.count.tolist() == [3, 3, 2]
    np.testing.assert_array_equal(
        stats.scores_of(runs, "episode/return", last=2), [3.5, 4.5, 3.5, np.nan]
    )
    assert stats.scores_of(runs, "episode/return", "max")[:3].tolist() == [4, 5, 4]
    assert stats.scores_of(runs, "episode/return", "last")[:3].tolist() == [4, 5, 4]


def test_experiments_are_equal_but_for_the_seed() -> None:
    """Their name says in what they differ; nested seeds are seeds, and "1" is not 1."""

    class Started:
        def __init__(self, **config: object) -> None:
            self.config = config

    runs = [Started(lr=lr, env={"id": "Cart", "seed": s}, seed=s) for s in (0, 1) for lr in (1, 2)]
    found = stats.experiments(runs)
    assert {name: len(members) for name, members in found.items()} == {"lr=1": 2, "lr=2": 2}
    assert len(stats.experiments([Started(a=1), Started(a="1")])) == 2
    assert list(stats.experiments(runs, but=["seed", "lr"])) == ["all runs"]
