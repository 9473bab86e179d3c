"""Scores and curves of runs: from what was logged to what statistics take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from rltrack.journal.definitions import STEP
from rltrack.stats.curves import Curve
from rltrack.stats.scores import Floats

Take = Literal["last", "mean_of_last", "max", "min"]


class HasSeries(Protocol):
    """A run whose metrics can be read."""

    def series(self, key: str, x_axis: str = ...) -> tuple[Floats, Floats]:
        """The points of a metric over an axis; empty if it was never logged."""


class HasConfig(Protocol):
    """A run whose config can be read."""

    @property
    def config(self) -> Mapping[str, Any]:
        """With what it was started."""


_Run = TypeVar("_Run", bound=HasConfig)


def experiments(runs: Iterable[_Run], but: Sequence[str] = ("seed",)) -> dict[str, list[_Run]]:
    """Find the runs that belong together: equal in config but for the seed.

    Args:
        runs: of `Api`, or anything with a ``config``.
        but: keys that may differ; ``seed`` stands for ``env.seed``, too.

    Returns:
        Runs by a name that tells their experiment from the others, for example ``lr=0.1``; in the
        order in which the first of each comes.
    """
    found: dict[str, list[_Run]] = {}
    flats: dict[str, dict[str, str]] = {}
    for run in runs:
        flat = {
            key: value
            for key, value in _flat(run.config)
            if key not in but and key.rpartition(".")[2] not in but
        }
        key = json.dumps(flat, sort_keys=True)
        flats[key] = flat
        found.setdefault(key, []).append(run)
    telling = [
        key
        for key in dict.fromkeys(key for flat in flats.values() for key in flat)
        if len({flat.get(key) for flat in flats.values()}) > 1
    ]
    named: dict[str, list[_Run]] = {}
    for key, members in found.items():
        flat = flats[key]
        parts = [f"{one}={_text(flat[one])}" for one in telling if one in flat]
        # An experiment may lack all that tells the others apart.
        name = ", ".join(parts) or ("all runs" if len(found) == 1 else "plain")
        named[name if name not in named else json.dumps(flat)] = members  # "1" is not 1
    return named


def _text(value: str) -> str:
    found = json.loads(value)
    return found if isinstance(found, str) else value


def _flat(config: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", json.dumps(value, sort_keys=True, default=str)


def curves_of(runs: Iterable[HasSeries], key: str, x_axis: str = STEP) -> list[Curve]:
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
    runs: Iterable[HasSeries], key: str, take: Take = "mean_of_last", last: int = 100
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
