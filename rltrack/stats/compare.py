"""More than one number: how many runs reach a score, and how likely one method beats another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rltrack.stats.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Interval,
    check,
    generator,
    percentiles,
    resampled,
)
from rltrack.stats.scores import Floats, as_array, score_matrix


def performance_profile(scores: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """Which part of all runs scores more than each threshold.

    Args:
        scores: shape (n_runs, n_tasks) or (n_runs,), normalised where tasks differ in scale.
        thresholds: shape (n_thresholds,).

    Returns:
        Fractions of the shape (n_thresholds,), which never rise with the threshold.

    Raises:
        ValueError: `scores` is empty, or has a NaN.

    Source: Agarwal et al. 2021 (run-score distributions), https://arxiv.org/abs/2108.13264
    """
    return as_array(_profiles(score_matrix(scores)[np.newaxis], as_array(thresholds))[0])


def _profiles(scores: Floats, thresholds: Floats) -> Floats:
    """Profiles of many matrices: (n_matrices, n_thresholds)."""
    flat = np.sort(scores.reshape(len(scores), -1), axis=1)
    above = [flat.shape[1] - np.searchsorted(row, thresholds, side="right") for row in flat]
    share: Floats = as_array(above) / flat.shape[1]
    return share


def profile_interval(
    scores: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> tuple[Floats, Floats]:
    """The stratified bootstrap interval of `performance_profile` at each threshold.

    Args:
        scores: see `performance_profile`.
        thresholds: see `performance_profile`.
        confidence: of the interval, at each threshold by itself.
        resamples: how often runs are drawn.
        rng: draws them; by default one of a fixed seed.

    Returns:
        Low and high ends, each of the shape (n_thresholds,).
    """
    check(confidence, resamples)
    at = as_array(thresholds)
    draws = [_profiles(drawn, at) for drawn in resampled(score_matrix(scores), resamples, rng)]
    low, high = percentiles(np.concatenate(draws), confidence)
    return low, high


def probability_of_improvement(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """How likely a run of X scores more than a run of Y, on a task drawn at random.

    Args:
        x: scores of one method, shape (n_runs, n_tasks) or (n_runs,).
        y: of the other, with the same tasks; it may have another number of runs.

    Returns:
        The mean over tasks of P(X > Y) + P(X = Y) / 2: between 0 and 1, and 0.5 of equals. It is the
        Mann-Whitney statistic divided by the number of pairs.

    Raises:
        ValueError: the tasks are not as many, or scores are empty or have a NaN.

    Source: Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    of_x, of_y = _both(x, y)
    return float(_improvements(of_x[np.newaxis], of_y[np.newaxis])[0])


def improvement_interval(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Interval:
    """`probability_of_improvement` with its interval; runs of X and Y are drawn apart.

    Args:
        x: see `probability_of_improvement`.
        y: see `probability_of_improvement`.
        confidence: of the interval.
        resamples: how often runs are drawn.
        rng: draws them; by default one of a fixed seed.
    """
    check(confidence, resamples)
    of_x, of_y = _both(x, y)
    draw = generator(rng)
    draws = [
        _improvements(next(resampled(of_x, 1, draw)), next(resampled(of_y, 1, draw)))
        for _ in range(resamples)
    ]
    low, high = percentiles(np.concatenate(draws), confidence)
    point = float(_improvements(of_x[np.newaxis], of_y[np.newaxis])[0])
    return Interval(point, float(low), float(high), confidence, min(len(of_x), len(of_y)))


def _both(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    of_x, of_y = score_matrix(x), score_matrix(y)
    if of_x.shape[1] != of_y.shape[1]:
        raise ValueError(
            f"X has {of_x.shape[1]} tasks, and Y {of_y.shape[1]}: give both the same tasks, in the "
            "same order"
        )
    return of_x, of_y


def _improvements(x: Floats, y: Floats) -> Floats:
    """Of many pairs of matrices; each (n_matrices, n_runs, n_tasks)."""
    first, second = x[:, :, np.newaxis, :], y[:, np.newaxis, :, :]
    wins = (first > second) + 0.5 * (first == second)
    return np.asarray(wins.mean(axis=(1, 2, 3)))
