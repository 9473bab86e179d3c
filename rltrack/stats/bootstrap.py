"""Intervals by the stratified bootstrap: runs are drawn again, within each task.

Why not over all scores: an experiment has its tasks for sure, and its seeds by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from rltrack.stats.scores import (
    Floats,
    iqm_of_many,
    mean_of_many,
    median_of_many,
    score_matrix,
)

Statistic = Literal["iqm", "mean", "median", "optimality_gap"]

RESAMPLES: Final = 2000
CONFIDENCE: Final = 0.95
#: Numbers that are drawn at a time: enough to be fast, and no more memory than a few of these.
_BATCH_NUMBERS: Final = 4_000_000

OfMany = Callable[[Floats], Floats]
"""A statistic of many matrices at once: (n_matrices, n_runs, n_tasks) to (n_matrices,)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number, and where it may lie."""

    point: float
    low: float
    high: float
    confidence: float
    n_runs: int


def statistic_of_many(name: Statistic, threshold: float = 1.0) -> OfMany:
    """A statistic by its name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in get_args(Statistic):
        raise ValueError(f"statistic {name!r}: one of {', '.join(get_args(Statistic))} is known")
    if name == "optimality_gap":
        return lambda scores: np.asarray(np.maximum(threshold - scores, 0.0).mean(axis=(1, 2)))
    named: dict[str, OfMany] = {
        "iqm": iqm_of_many,
        "mean": mean_of_many,
        "median": median_of_many,
    }
    return named[name]


def interval(
    scores: npt.ArrayLike,
    statistic: Statistic | OfMany = "iqm",
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
    threshold: float = 1.0,
) -> Interval:
    """A statistic with its stratified bootstrap interval (the percentile method).

    Args:
        scores: shape (n_runs, n_tasks) or (n_runs,).
        statistic: its name, or a function of (n_matrices, n_runs, n_tasks) to (n_matrices,).
        confidence: of the interval, between 0 and 1.
        resamples: how often runs are drawn.
        rng: draws them; by default one of a fixed seed, so that the same scores have the same
            interval.
        threshold: of the optimality gap.

    Raises:
        ValueError: an argument is not what it may be, or `scores` is empty or has a NaN.

    Source: Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    matrix = score_matrix(scores)
    check(confidence, resamples)
    of_many = statistic_of_many(statistic, threshold) if isinstance(statistic, str) else statistic
    draws = np.concatenate([of_many(drawn) for drawn in resampled(matrix, resamples, rng)])
    low, high = percentiles(draws, confidence)
    point = float(of_many(matrix[np.newaxis])[0])
    return Interval(point, float(low), float(high), confidence, len(matrix))


def check(confidence: float, resamples: int) -> None:
    """Refuse what is no confidence, or no number of resamples.

    Raises:
        ValueError: one is not what it may be.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: between 0 and 1 was expected, as 0.95")
    if resamples < 1:
        raise ValueError(f"resamples={resamples}: 1 or more was expected")


def percentiles(draws: Floats, confidence: float) -> Floats:
    """Both ends of an interval over the first axis of `draws`."""
    tail = 100 * (1 - confidence) / 2
    return np.asarray(np.percentile(draws, [tail, 100 - tail], axis=0))


def generator(rng: np.random.Generator | None) -> np.random.Generator:
    """The caller's, or one whose draws are always the same."""
    return np.random.default_rng(0) if rng is None else rng


def resampled(
    matrix: Floats, resamples: int, rng: np.random.Generator | None = None
) -> Iterator[Floats]:
    """Matrices whose runs were drawn again for each task, some at a time.

    Args:
        matrix: shape (n_runs, n_tasks).
        resamples: how many.
        rng: draws them.

    Yields:
        Arrays of the shape (some, n_runs, n_tasks).
    """
    draw = generator(rng)
    n_runs, n_tasks = matrix.shape
    most = max(1, _BATCH_NUMBERS // matrix.size)
    for start in range(0, resamples, most):
        count = min(most, resamples - start)
        chosen = draw.integers(0, n_runs, size=(count, n_runs, n_tasks))
        yield np.take_along_axis(matrix[np.newaxis], chosen, axis=1)
