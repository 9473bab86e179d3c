"""Scores and curves of runs: from what was logged to what statistics take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from rltrack.journal.definitions import STEP
from rltrack.stats.curves import Curve
from rltrack.stats.scores import Floats

if TYPE_CHECKING:
    from rltrack.api import Run

Take = Literal["last", "mean_of_last", "max", "min"]


def curves_of(runs: Iterable[Run], key: str, x_axis: str = STEP) -> list[Curve]:
    """The points of a metric, run by run, in the order of x.

    Args:
        runs: of `Api`.
        key: the metric.
        x_axis: another metric, ``_step``, ``_runtime`` or ``_timestamp``.

    Returns:
        A curve a run; an empty one of a run that never logged the metric.
    """
    return [Curve(*run.series(key, x_axis)) for run in runs]


def scores_of(
    runs: Iterable[Run], key: str, take: Take = "mean_of_last", last: int = 100
) -> Floats:
    """One score for each run: NaN of one that never logged the metric.

    Args:
        runs: of `Api`.
        key: the metric, for example ``episode/return``.
        take: which of its values: the last, the mean of the last ones, the greatest, the least.
        last: how many for ``mean_of_last``; 100 episodes are the community's default.

    Returns:
        Shape (n_runs,). Of several tasks, put their columns beside each other.
    """
    scores = []
    for curve in curves_of(runs, key):
        y = curve.y[~np.isnan(curve.y)]
        if not len(y):
            scores.append(float("nan"))
        elif take == "last":
            scores.append(float(y[-1]))
        elif take == "mean_of_last":
            scores.append(float(y[-last:].mean()))
        else:
            scores.append(float(y.max() if take == "max" else y.min()))
    return np.array(scores)
