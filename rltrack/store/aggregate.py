"""What a metric of a run amounts to: what a table of runs sorts and filters by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from rltrack.store.columns import Floats, Ints

#: Points that are looked at together: sums are of these, and then of the sums, so that the same
#: points give the same bits wherever they were read from.
_CHUNK: Final = 1 << 16


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
    parts = [
        _of_chunk(step[at : at + _CHUNK], values[at : at + _CHUNK])
        for at in range(0, len(values), _CHUNK)
    ]
    return merged(parts)


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
    with np.errstate(over="ignore"):
        mean = float(values.mean())
        # A sum may be beyond the largest float, a mean never is.
        return mean if np.isfinite(mean) else float((values / len(values)).sum())


def merged(parts: Iterable[Aggregate]) -> Aggregate:
    """Points that follow each other, summed up together; at least one part."""
    first, *others = parts
    if not others:
        return first
    found = [part for part in (first, *others) if part.finite]
    finite = sum(part.finite for part in found)
    least = min(found, key=lambda part: part.min, default=first)
    greatest = max(found, key=lambda part: part.max, default=first)
    mean = sum(part.mean * (part.finite / finite) for part in found) if found else float("nan")
    return Aggregate(
        count=sum(part.count for part in (first, *others)),
        nan=sum(part.nan for part in (first, *others)),
        pos_inf=sum(part.pos_inf for part in (first, *others)),
        neg_inf=sum(part.neg_inf for part in (first, *others)),
        min=least.min,
        max=greatest.max,
        # Rounding may put the mean of equal values beside them.
        mean=min(max(mean, least.min), greatest.max) if found else mean,
        last=others[-1].last,
        first_step=first.first_step,
        last_step=others[-1].last_step,
        min_step=least.min_step if found else first.first_step,
        max_step=greatest.max_step if found else first.first_step,
    )
