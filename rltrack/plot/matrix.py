"""How often each class was taken for each other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rltrack.errors import UsageError
from rltrack.extras import require
from rltrack.media.table import Table
from rltrack.plot.chart import Chart
from rltrack.plot.classes import listed, places, scores_of
from rltrack.plot.presets import BUILT_IN

_PRESET: Final = "rltrack/confusion_matrix/v1"


def confusion_matrix(
    probs: Any = None,
    y_true: Any = None,
    preds: Any = None,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion Matrix Curve",
    split_table: bool = False,
) -> Chart:
    """A cell for each pair of classes: how many samples of the one were taken for the other.

    Args:
        probs: scores, of shape (samples, classes), of which the highest is the prediction.
        y_true: the class of each sample: a place in `class_names`, or one of them.
        preds: the class that was predicted, likewise; instead of `probs`.
        class_names: by default the labels that occur.
        title: of the chart.
        split_table: show the table as a panel of its own, too.

    Raises:
        UsageError: these do not fit together, or a label is of no class. It is a `ValueError`.
    """
    np = require("numpy", extra="analysis")
    if (probs is None) == (preds is None):
        raise UsageError(
            "Must provide probabilities or predictions but not both to confusion matrix"
        )
    true = listed(y_true, "y_true")
    if probs is not None:
        scores = scores_of(probs, len(true), "probs")
        actual, classes = places(true, scores.shape[1], class_names, "y_true")
        predicted = scores.argmax(axis=1)
    else:
        found = listed(preds, "preds")
        if len(found) != len(true):
            raise UsageError(f"preds has {len(found)} labels, and y_true {len(true)}")
        both, classes = places([*true, *found], None, class_names, "y_true and preds")
        actual, predicted = both[: len(true)], both[len(true) :]
    count = len(classes)
    counts = np.bincount(actual * count + predicted, minlength=count * count).tolist()
    names = [str(one) for one in classes]
    rows = [[names[at // count], names[at % count], number] for at, number in enumerate(counts)]
    table = Table(["Actual", "Predicted", "nPredictions"], rows)
    fields = {name: name for name in table.columns}
    return Chart(
        table, _PRESET, BUILT_IN[_PRESET], fields, {"title": title}, split_table=split_table
    )
