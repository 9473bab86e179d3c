"""Labels of a classification as places in a list of classes, whatever they are: numbers or names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rltrack.errors import UsageError
from rltrack.extras import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def listed(values: Any, what: str) -> list[Any]:
    """A list, an array, a tensor or a Series as Python's own list.

    Raises:
        UsageError: it is missing, empty or not of one dimension.
    """
    if values is None:
        raise UsageError(f"{what} is missing")
    found = values.tolist() if hasattr(values, "tolist") else list(values)
    if not found:
        raise UsageError(f"{what} is empty")
    if isinstance(found[0], (list, tuple)):
        raise UsageError(f"{what} has a label for each sample, and these are lists")
    return found


def scores_of(values: Any, samples: int, what: str) -> npt.NDArray[np.float64]:
    """Scores of shape (samples, classes); one column is that of the second of two classes.

    Raises:
        UsageError: they are not, or one of them is no number.
    """
    numpy = require("numpy", extra="analysis")
    if values is None:
        raise UsageError(f"{what} is missing")
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        scores: npt.NDArray[np.float64] = numpy.asarray(values, numpy.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{what} are numbers, of shape (samples, classes)") from None
    if scores.ndim == 1:
        scores = numpy.stack([1 - scores, scores], axis=1)
    if scores.ndim != 2 or len(scores) != samples:
        raise UsageError(f"{what} is of shape {scores.shape}, and there are {samples} labels")
    if not numpy.isfinite(scores).all():
        row = int(numpy.argmin(numpy.isfinite(scores).all(axis=1)))
        raise UsageError(f"{what}: those of sample {row} are not finite")
    return scores


def places(
    labels: Sequence[Any], count: int | None, names: Sequence[Any] | None, what: str
) -> tuple[npt.NDArray[np.int64], list[Any]]:
    """Each label as its place among the classes, and the classes.

    Args:
        labels: ints are places, if there are so many classes; all else is one of `names`, or, if
            there are none, of the labels that occur, in order.
        count: of classes, where it is known.
        names: of the classes.
        what: the labels are, for messages.

    Raises:
        UsageError: a label is of no class, or there are more than `count`.
    """
    np = require("numpy", extra="analysis")
    if names is not None and count is not None and len(names) != count:
        raise UsageError(f"there are {count} classes, and {len(names)} names of them")
    count = len(names) if names is not None else count
    known = {_key(name): place for place, name in enumerate(names or ())}
    if names is not None and all(_key(label) in known for label in labels):
        return np.array([known[_key(label)] for label in labels], np.int64), list(names)
    if all(isinstance(label, (bool, int)) for label in labels):
        if count is None:
            classes = sorted(set(labels))
            at = {label: place for place, label in enumerate(classes)}
            return np.array([at[label] for label in labels], np.int64), classes
        if wrong := [label for label in labels if not 0 <= label < count]:
            raise UsageError(f"{what}: there is {wrong[0]}, and {count} classes are from 0")
        return np.array(labels, np.int64), list(names) if names is not None else list(range(count))
    if names is not None:
        wrong = [label for label in labels if _key(label) not in known]
        raise UsageError(f"{what}: {wrong[0]!r} is none of the classes {list(names)}")
    classes = sorted(set(labels), key=lambda label: (str(type(label)), label))
    if count is not None and len(classes) != count:
        raise UsageError(
            f"{what}: {len(classes)} classes occur, and there are scores of {count}; "
            "name all of them by labels="
        )
    at = {label: place for place, label in enumerate(classes)}
    return np.array([at[label] for label in labels], np.int64), classes


def _key(label: Any) -> Any:
    """As one type, so that True is not 1, and 1 not "1"."""
    return (type(label) is bool, label)
