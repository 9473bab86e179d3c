"""What a metric of a run amounts to: what a table of runs sorts and filters by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from rltrack.store.columns import Floats, Ints

#: Points that are looked at together: sums are of these, and then of the sums, so that the same
#: points give the same bits wherever they were read from.
CHUNK: Final = 1 << 16
_MANY: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """All numbers that were logged under one key, in the order of reading."""

    count: int
    """Points, those that are not finite among them."""
    nan: int
    pos_inf: int
    neg_inf: int
    min: float
    """Of the finite values, like `max` and `mean`; NaN where there is none."""
    max: float
    mean: float
    last: float
    """The last value as logged."""
    first_step: int
    last_step: int
    min_step: int
    """Where `min` was first reached; `first_step` where there is none."""
    max_step: int

    @property
    def finite(self) -> int:
        """Points that are finite."""
        return self.count - self.nan - self.pos_inf - self.neg_inf


def aggregate(step: Ints, values: Floats) -> Aggregate:
    """Sum up points in order; at least one."""
    found = Aggregator()
    found.add(step, values)
    return found.result()


class Aggregator:
    """Sums up points that come one after the other.

    However they are cut into pieces, the result has the same bits.
    """

    def __init__(self) -> None:
        self.count = 0
        """Points so far."""
        self._whole: list[Aggregate] = []
        self._steps: list[Ints] = []
        self._values: list[Floats] = []
        self._waiting = 0

    def add(self, step: Ints, values: Floats) -> None:
        """Take the points that follow."""
        self.count += len(values)
        at = 0
        while at < len(values):
            taken = min(len(values) - at, CHUNK - self._waiting)
            # A copy of what waits: it may be a view of an array that grows.
            whole = taken == CHUNK
            part = slice(at, at + taken)
            self._steps.append(step[part] if whole else step[part].copy())
            self._values.append(values[part] if whole else values[part].copy())
            self._waiting += taken
            at += taken
            if self._waiting == CHUNK:
                self._whole.append(self._of_waiting())
                self._steps, self._values, self._waiting = [], [], 0
        if len(self._whole) > _MANY:
            # Folded from the left, so that it does not matter when it happens.
            self._whole = [_fold(self._whole)]

    def _of_waiting(self) -> Aggregate:
        if len(self._steps) > 1:
            self._steps = [np.concatenate(self._steps)]
            self._values = [np.concatenate(self._values)]
        return _of_chunk(self._steps[0], self._values[0])

    def result(self) -> Aggregate:
        """All points so far; at least one."""
        return _fold([*self._whole, *([self._of_waiting()] if self._waiting else [])])

    def result_with(self, step: Ints, values: Floats) -> Aggregate:
        """The same with those that follow, fewer than `CHUNK`, which are not kept; none waits."""
        assert not self._waiting
        return _fold([*self._whole, *([_of_chunk(step, values)] if len(values) else [])])


def _fold(parts: list[Aggregate]) -> Aggregate:
    found = parts[0]
    for part in parts[1:]:
        found = _joined(found, part)
    return found


def _of_chunk(step: Ints, values: Floats) -> Aggregate:
    finite = np.isfinite(values)
    whole = bool(finite.all())
    some = values if whole else values[finite]
    at = step if whole else step[finite]
    least = int(np.argmin(some)) if len(some) else -1
    greatest = int(np.argmax(some)) if len(some) else -1
    return Aggregate(
        count=len(values),
        nan=0 if whole else int(np.isnan(values).sum()),
        pos_inf=0 if whole else int((values == np.inf).sum()),
        neg_inf=0 if whole else int((values == -np.inf).sum()),
        min=float(some[least]) if len(some) else np.nan,
        max=float(some[greatest]) if len(some) else np.nan,
        mean=_mean(some),
        last=float(values[-1]),
        first_step=int(step[0]),
        last_step=int(step[-1]),
        min_step=int(at[least]) if len(some) else int(step[0]),
        max_step=int(at[greatest]) if len(some) else int(step[0]),
    )


def _mean(values: Floats) -> float:
    if not len(values):
        return float("nan")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean())
        # A sum may be beyond the largest float, a mean never is.
        return mean if np.isfinite(mean) else float((values / len(values)).sum())


def merged(parts: Iterable[Aggregate]) -> Aggregate:
    """Points that follow each other, summed up together; at least one part."""
    return _fold(list(parts))


def _joined(first: Aggregate, second: Aggregate) -> Aggregate:
    finite = first.finite + second.finite
    if not second.finite:
        least = greatest = first
        mean = first.mean
    elif not first.finite:
        least = greatest = second
        mean = second.mean
    else:
        least = second if second.min < first.min else first
        greatest = second if second.max > first.max else first
        mean = first.mean * (first.finite / finite) + second.mean * (second.finite / finite)
        # Rounding may put the mean of equal values beside them.
        mean = min(max(mean, least.min), greatest.max)
    return Aggregate(
        count=first.count + second.count,
        nan=first.nan + second.nan,
        pos_inf=first.pos_inf + second.pos_inf,
        neg_inf=first.neg_inf + second.neg_inf,
        min=least.min,
        max=greatest.max,
        mean=mean,
        last=second.last,
        first_step=first.first_step,
        last_step=second.last_step,
        min_step=least.min_step if finite else first.first_step,
        max_step=greatest.max_step if finite else first.first_step,
    )
