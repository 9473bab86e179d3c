"""Curves of many runs on one grid, and the band that they make.

A run has a value from its first point to its last: in between, that of the point before. Beyond its
end it has none: it is left out there, and the number of runs falls visibly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from rltrack.stats.bootstrap import CONFIDENCE, RESAMPLES, check, generator, percentiles
from rltrack.stats.scores import Floats, as_array

Centre = Literal["iqm", "mean", "median", "min", "max"]
Spread = Literal["bootstrap", "std", "sem", "minmax", "none"]


class Curve(NamedTuple):
    """The points of one run: x rises, or stays."""

    x: Floats
    """Shape (n_points,)."""
    y: Floats
    """Shape (n_points,); NaN has no part in a band."""


@dataclass(frozen=True, slots=True)
class Band:
    """What many runs amount to at each x."""

    x: Floats
    centre: Floats
    low: Floats
    high: Floats
    count: npt.NDArray[np.int64]
    """How many runs have a value there."""
    name: str
    """Of the statistic and the spread, for a legend, for example ``IQM, 95 % CI``."""


def align(
    curves: Sequence[Curve], n_points: int = 300, grid: npt.ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Put runs on one grid, by the value of the point before; nothing is made up beyond a run's end.

    Args:
        curves: of the runs.
        n_points: of the grid, evenly from the first x of all runs to the last.
        grid: the grid itself, ascending, instead of `n_points`.

    Returns:
        The grid, of the shape (n_points,), and values of the shape (n_runs, n_points), with NaN
        where a run has none.

    Raises:
        ValueError: there is no curve, or a grid of fewer than two points.
    """
    there = [curve for curve in curves if len(curve.x)]
    if not there:
        raise ValueError("no run has a point of this metric")
    if grid is not None:
        x = as_array(grid)
    elif n_points < 2:
        raise ValueError(f"n_points={n_points}: 2 or more were expected")
    else:
        first, last = min(c.x[0] for c in there), max(c.x[-1] for c in there)
        x = np.linspace(first, last, n_points) if last > first else np.array([first])
    values = np.full((len(curves), len(x)), np.nan)
    for row, curve in enumerate(curves):
        if not len(curve.x):
            continue
        before = np.searchsorted(curve.x, x, side="right") - 1
        inside = (before >= 0) & (x <= curve.x[-1])
        values[row, inside] = curve.y[before[inside]]
    return x, values


def smooth_episodes(curve: Curve, window: int = 100) -> Curve:
    """The mean of the last episodes at each one: what RL papers draw.

    Args:
        curve: a value for each episode.
        window: how many episodes; the first ones have as many as there are.

    Raises:
        ValueError: the window is below 1.
    """
    if window < 1:
        raise ValueError(f"window={window}: 1 or more was expected")
    valid = ~np.isnan(curve.y)
    sums = np.concatenate([[0.0], np.cumsum(np.where(valid, curve.y, 0.0))])
    counts = np.concatenate([[0], np.cumsum(valid)])
    end = np.arange(1, len(curve.y) + 1)
    start = np.maximum(end - window, 0)
    n = counts[end] - counts[start]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Curve(curve.x, np.where(n, (sums[end] - sums[start]) / n, np.nan))


def band(
    x: npt.ArrayLike,
    values: npt.ArrayLike,
    centre: Centre = "iqm",
    spread: Spread = "bootstrap",
    *,
    tasks: Sequence[object] | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Band:
    """What runs amount to at each point of a grid.

    Args:
        x: the grid, of the shape (n_points,).
        values: shape (n_runs, n_points); NaN where a run has no value.
        centre: the line.
        spread: around it: ``bootstrap`` is the stratified bootstrap interval over runs, ``std`` one
            sample standard deviation of the runs to each side, ``sem`` that over the root of n,
            ``minmax`` the least and greatest run. The last three are of the runs, whatever `centre`.
        tasks: of each run, within which runs are drawn again; by default all are of one.
        confidence: of the bootstrap interval.
        resamples: of the bootstrap.
        rng: draws runs; by default one of a fixed seed, so that a chart is always the same.

    Returns:
        A band; where no run has a value all is NaN.

    Raises:
        ValueError: an argument is not what it may be.

    Source: Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    at, found = as_array(x), as_array(values)
    if found.ndim != 2 or found.shape[1] != len(at) or not len(found):
        raise ValueError(f"values of the shape (n_runs, {len(at)}) were expected: {found.shape}")
    if centre not in get_args(Centre):
        raise ValueError(f"centre={centre!r}: one of {', '.join(get_args(Centre))} was expected")
    if spread not in get_args(Spread):
        raise ValueError(f"spread={spread!r}: one of {', '.join(get_args(Spread))} was expected")
    check(confidence, resamples)
    count = np.sum(~np.isnan(found), axis=0)
    line = _centres(found[np.newaxis], centre)[0]
    if spread == "bootstrap":
        low, high = _bootstrap(found, centre, tasks, confidence, resamples, rng)
    else:
        low, high = _plain_spread(found, line, count, spread)
    return Band(at, line, low, high, count, _name(centre, spread, confidence))


def _centres(values: Floats, centre: Centre) -> Floats:
    """The line of each of many sets of runs: (n_sets, n_runs, n_points) to (n_sets, n_points)."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    count = np.sum(~np.isnan(values), axis=1)
    if centre == "min":
        return ordered[:, 0]
    if centre == "max":
        last = np.maximum(count - 1, 0)[:, np.newaxis]
        return np.take_along_axis(ordered, last, axis=1)[:, 0]
    place = np.arange(values.shape[1])[np.newaxis, :, np.newaxis]
    if centre == "mean":
        cut = np.zeros_like(count)
    elif centre == "iqm":
        cut = count // 4
    else:
        cut = np.maximum(count - 1, 0) // 2  # what is left of the middle: one value, or two
    kept = (place >= cut[:, np.newaxis]) & (place < (count - cut)[:, np.newaxis])
    total = np.sum(np.where(kept, ordered, 0.0), axis=1)
    n = count - 2 * cut
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, total / n, np.nan)


def _plain_spread(
    values: Floats, line: Floats, count: npt.NDArray[np.int64], spread: Spread
) -> tuple[Floats, Floats]:
    if spread == "none":
        return line.copy(), line.copy()
    if spread == "minmax":
        there = count > 0
        low = np.min(np.where(np.isnan(values), np.inf, values), axis=0)
        high = np.max(np.where(np.isnan(values), -np.inf, values), axis=0)
        return np.where(there, low, np.nan), np.where(there, high, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = values - np.nansum(values, axis=0) / count
        wide = np.sqrt(np.nansum(centred**2, axis=0) / (count - 1))
        if spread == "sem":
            wide = wide / np.sqrt(count)
    wide = np.where(count > 1, wide, 0.0)  # one run alone has no spread to show
    return line - wide, line + wide


def _bootstrap(
    values: Floats,
    centre: Centre,
    tasks: Sequence[object] | None,
    confidence: float,
    resamples: int,
    rng: np.random.Generator | None,
) -> tuple[Floats, Floats]:
    """Whole runs are drawn, so that a curve stays one; a run that has ended is drawn as one."""
    draw = generator(rng)
    n_runs, n_points = values.shape
    named = list(tasks) if tasks is not None else [None] * n_runs
    if len(named) != n_runs:
        raise ValueError(f"tasks of {len(named)} runs, and values of {n_runs}")
    groups = [np.flatnonzero([name == task for name in named]) for task in dict.fromkeys(named)]
    chosen = np.concatenate(
        [group[draw.integers(0, len(group), size=(resamples, len(group)))] for group in groups],
        axis=1,
    )
    low, high = np.empty(n_points), np.empty(n_points)
    step = max(1, 8_000_000 // (resamples * n_runs))
    for start in range(0, n_points, step):
        part = slice(start, start + step)
        draws = _centres(values[:, part][chosen], centre)
        with np.errstate(invalid="ignore"):
            low[part], high[part] = _nan_percentiles(draws, confidence)
    return low, high


def _nan_percentiles(draws: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Percentiles over draws; those without any run at a point have no part in it."""
    if not np.isnan(draws).any():
        low, high = percentiles(draws, confidence)
        return low, high
    tail = 100 * (1 - confidence) / 2
    found = np.full((2, draws.shape[1]), np.nan)
    some = ~np.isnan(draws).all(axis=0)
    found[:, some] = np.nanpercentile(draws[:, some], [tail, 100 - tail], axis=0)
    return found[0], found[1]


def _name(centre: Centre, spread: Spread, confidence: float) -> str:
    line = "IQM" if centre == "iqm" else centre
    around = {
        "bootstrap": f"{confidence * 100:g} % CI",
        "std": "std",
        "sem": "std error",
        "minmax": "min–max",
        "none": "",
    }[spread]
    return f"{line}, {around}" if around else line


def sample_efficiency(curves: Sequence[Curve], at: npt.ArrayLike, **options: object) -> Band:
    """A band at chosen numbers of timesteps: how good runs are after how much experience.

    Args:
        curves: of the runs.
        at: the numbers of timesteps, ascending.
        options: see `band`.
    """
    x, values = align(curves, grid=at)
    return band(x, values, **options)  # type: ignore[arg-type]
