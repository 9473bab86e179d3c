"""Precision over recall, and true over false positives, of each class against all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rltrack.errors import UsageError
from rltrack.extras import require
from rltrack.media.table import Table
from rltrack.plot.chart import Chart
from rltrack.plot.classes import listed, places, scores_of
from rltrack.plot.presets import BUILT_IN

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_PRESET: Final = "rltrack/area-under-curve/v0"
#: Points of a ROC curve: more than a screen can show.
_MOST_POINTS: Final = 1000


def pr_curve(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    interp_size: int = 21,
    title: str = "Precision-Recall Curve",
    split_table: bool = False,
) -> Chart:
    """Precision over recall, a line a class.

    Args:
        y_true: the class of each sample: a place in the columns of `y_probas`, or a name.
        y_probas: scores, of shape (samples, classes); of two classes that of the second is enough.
        labels: names of the classes.
        classes_to_plot: those that are drawn, by place or name; by default all that occur.
        interp_size: at how many recalls between 0 and 1 the precision is given. It is the best
            that is had at that recall or a higher one.
        title: of the chart.
        split_table: show the table as a panel of its own, too.

    Raises:
        UsageError: these do not fit together. It is a `ValueError`.
    """
    np = require("numpy", extra="analysis")
    if interp_size < 2:
        raise UsageError(f"pr_curve(interp_size={interp_size}): 2 or more")
    recalls = np.linspace(0, 1, interp_size)
    rows = []
    for name, positive, scores in _classes(y_true, y_probas, labels, classes_to_plot):
        if not positive.any():
            continue
        true, false = _counts(positive, scores)
        precision = true / (true + false)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(true / true[-1], recalls - 1e-12)
        rows += [
            [name, float(recall), float(best[place])]
            for recall, place in zip(recalls, at, strict=True)
        ]
    table = _table(["class", "recall", "precision"], rows)
    return _chart(table, "recall", "precision", title, split_table)


def roc_curve(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    title: str = "ROC Curve",
    split_table: bool = False,
) -> Chart:
    """True positives over false positives, a line a class; arguments as for `pr_curve`.

    A class that all samples are of, or none, has no curve.
    """
    np = require("numpy", extra="analysis")
    rows = []
    for name, positive, scores in _classes(y_true, y_probas, labels, classes_to_plot):
        if positive.all() or not positive.any():
            continue
        true, false = _counts(positive, scores)
        rates = np.stack([false / false[-1], true / true[-1]], axis=1)
        rates = np.concatenate([[[0.0, 0.0]], rates])
        # Of points on one line, the outer ones are enough.
        steps = np.diff(rates, axis=0)
        turns = steps[1:, 0] * steps[:-1, 1] != steps[1:, 1] * steps[:-1, 0]
        rates = rates[np.concatenate([[True], turns, [True]])]
        if len(rates) > _MOST_POINTS:
            rates = rates[np.linspace(0, len(rates) - 1, _MOST_POINTS).astype(int)]
        rows += [[name, fpr, tpr] for fpr, tpr in rates.tolist()]
    table = _table(["class", "fpr", "tpr"], rows)
    return _chart(table, "fpr", "tpr", title, split_table)


def _classes(
    y_true: Any, y_probas: Any, labels: Sequence[str] | None, wanted: Sequence[Any] | None
) -> list[tuple[str, npt.NDArray[np.bool_], Floats]]:
    """Of each class its name, whether a sample is of it, and the scores."""
    true = listed(y_true, "y_true")
    scores = scores_of(y_probas, len(true), "y_probas")
    at, names = places(true, scores.shape[1], labels, "y_true")
    chosen = (
        range(len(names)) if wanted is None else _chosen(listed(wanted, "classes_to_plot"), names)
    )
    return [(str(names[place]), at == place, scores[:, place]) for place in chosen]


def _chosen(wanted: Sequence[Any], names: Sequence[Any]) -> list[int]:
    found = []
    for one in wanted:
        if one in names:
            found.append(list(names).index(one))
        elif type(one) is int and 0 <= one < len(names):
            found.append(one)
        else:
            raise UsageError(f"classes_to_plot: {one!r} is none of the classes {list(names)}")
    return found


def _counts(positive: npt.NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """True and false positives, for each threshold from the highest score down."""
    np = require("numpy", extra="analysis")
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(positive[order], dtype=np.float64)
    # Samples with one score are all above a threshold or none is.
    last = np.concatenate([np.diff(scores[order]) != 0, [True]])
    false = np.arange(1, len(true) + 1) - true
    return true[last], false[last]


def _table(columns: list[str], rows: list[list[Any]]) -> Table:
    if not rows:
        raise UsageError("no class has samples that are of it and samples that are not")
    return Table(columns, rows)


def _chart(table: Table, x: str, y: str, title: str, split_table: bool) -> Chart:
    fields = {"x": x, "y": y, "class": "class"}
    return Chart(
        table, _PRESET, BUILT_IN[_PRESET], fields, {"title": title}, split_table=split_table
    )
