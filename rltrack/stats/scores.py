"""One number for many runs: each of these takes a score matrix, or many of them at once."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Fewer runs than this say little, whatever the statistic.
FEW_RUNS: Final = 5


class FewRunsWarning(UserWarning):
    """An interval over fewer than five runs is wide, and still too narrow."""


def score_matrix(scores: npt.ArrayLike) -> Floats:
    """Scores as float64 of the shape (n_runs, n_tasks).

    Args:
        scores: shape (n_runs, n_tasks), or (n_runs,) of one task.

    Raises:
        ValueError: there is none, or one is NaN. A crashed run has no score: the caller decides
            whether to leave it out or to count it as a failure.
    """
    found = np.asarray(scores, dtype=np.float64)
    if found.ndim == 1:
        found = found[:, np.newaxis]
    if found.ndim != 2 or not found.size:
        raise ValueError(
            f"scores of the shape (n_runs, n_tasks) were expected, and not {found.shape}"
        )
    if np.isnan(found).any():
        raise ValueError(
            f"{int(np.isnan(found).sum())} of {found.size} scores are NaN; leave those runs out, "
            "or count each as a failure"
        )
    return found


def interquartile_mean(scores: npt.ArrayLike) -> float:
    """Mean of the middle half of all scores.

    As robust to an outlier seed as the median, and steadier with few seeds.

    Args:
        scores: one score per run and task, for example the mean episode return over the last 100
            episodes. Shape (n_runs, n_tasks) or (n_runs,); any one unit.

    Returns:
        The 25 % trimmed mean of the flattened scores, in the unit of `scores`.

    Raises:
        ValueError: `scores` is empty, or has a NaN.

    Source: Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    return float(iqm_of_many(score_matrix(scores)[np.newaxis])[0])


def mean(scores: npt.ArrayLike) -> float:
    """Mean over tasks of the mean over runs.

    Args:
        scores: shape (n_runs, n_tasks) or (n_runs,).

    Raises:
        ValueError: `scores` is empty, or has a NaN.
    """
    return float(mean_of_many(score_matrix(scores)[np.newaxis])[0])


def median(scores: npt.ArrayLike) -> float:
    """Median over tasks of the mean over runs; of one task, the median over runs.

    Args:
        scores: shape (n_runs, n_tasks) or (n_runs,).

    Raises:
        ValueError: `scores` is empty, or has a NaN.

    Source: Agarwal et al. 2021, for several tasks, https://arxiv.org/abs/2108.13264
    """
    return float(median_of_many(score_matrix(scores)[np.newaxis])[0])


def optimality_gap(scores: npt.ArrayLike, threshold: float = 1.0) -> float:
    """By how much runs fall short of a score beyond which more does not count.

    Args:
        scores: shape (n_runs, n_tasks) or (n_runs,), normalised.
        threshold: the score to be reached, for example 1 for a human's.

    Returns:
        The mean of ``max(threshold - score, 0)``: 0 is best.

    Raises:
        ValueError: `scores` is empty, or has a NaN.

    Source: Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    return float(np.mean(np.maximum(threshold - score_matrix(scores), 0.0)))


def standard_deviation(scores: npt.ArrayLike) -> float:
    """Mean over tasks of the sample standard deviation over runs (divided by n - 1).

    Raises:
        ValueError: `scores` is empty, or has a NaN, or there is one run only.
    """
    found = score_matrix(scores)
    if len(found) < 2:
        raise ValueError("one run has no standard deviation; two or more do")
    return float(np.mean(np.std(found, axis=0, ddof=1)))


def normalized(scores: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> Floats:
    """Scores on a scale on which `low` is 0 and `high` is 1.

    Args:
        scores: shape (n_runs, n_tasks) or (n_runs,).
        low: of each task, for example a random policy's; one number or shape (n_tasks,).
        high: of each task, for example a human's.

    Returns:
        Shape (n_runs, n_tasks).

    Raises:
        ValueError: `low` and `high` are equal, or `scores` is empty or has a NaN.
    """
    bottom, top = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if np.any(top == bottom):
        raise ValueError("low and high of a task are equal: nothing can be put between them")
    found: Floats = (score_matrix(scores) - bottom) / (top - bottom)
    return found


def warn_of_few(n_runs: int) -> str | None:
    """Tell that there are few runs; the words, or None if there are enough.

    Args:
        n_runs: of one task.
    """
    if n_runs >= FEW_RUNS:
        return None
    told = f"{n_runs} {'run' if n_runs == 1 else 'runs'}: fewer than {FEW_RUNS} say little"
    warnings.warn(told, FewRunsWarning, stacklevel=3)
    return told


# -- many matrices at once ---------------------------------------------------------------------


def iqm_of_many(scores: Floats) -> Floats:
    """IQM of each matrix.

    Args:
        scores: shape (n_matrices, n_runs, n_tasks).

    Returns:
        Shape (n_matrices,).
    """
    flat = scores.reshape(len(scores), -1)
    cut = flat.shape[1] // 4
    if not cut:
        return np.asarray(flat.mean(axis=1))
    middle = np.partition(flat, (cut, flat.shape[1] - cut - 1), axis=1)
    return np.asarray(middle[:, cut : flat.shape[1] - cut].mean(axis=1))


def mean_of_many(scores: Floats) -> Floats:
    """`mean` of each matrix of the shape (n_matrices, n_runs, n_tasks)."""
    return np.asarray(scores.mean(axis=(1, 2)))


def median_of_many(scores: Floats) -> Floats:
    """`median` of each matrix of the shape (n_matrices, n_runs, n_tasks)."""
    if scores.shape[2] == 1:
        return np.asarray(np.median(scores[:, :, 0], axis=1))
    return np.asarray(np.median(scores.mean(axis=1), axis=1))


def as_array(value: Any) -> Floats:
    """Numbers as float64."""
    found: Floats = np.asarray(value, dtype=np.float64)
    return found
