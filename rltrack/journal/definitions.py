"""What `define_metric` said: which metric is the x axis of which, and what a metric amounts to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from rltrack.journal.records import Json, MetricDefined

STEP: Final = "_step"
TIMESTAMP: Final = "_timestamp"
RUNTIME: Final = "_runtime"
#: Axes that every row has.
ROW_AXES: Final = (STEP, TIMESTAMP, RUNTIME)

#: What a metric may be summed up as; `best` is what its goal says.
AMOUNTS: Final = ("min", "max", "mean", "last", "first", "best", "copy", "none")

_Field = TypeVar("_Field")


class Figures(Protocol):
    """All numbers that were logged under one key, in the order of their steps."""

    @property
    def min(self) -> float:
        """Of the finite ones, like `max` and `mean`."""

    @property
    def max(self) -> float:
        """The greatest."""

    @property
    def mean(self) -> float:
        """Their mean."""

    @property
    def finite(self) -> int:
        """How many are finite."""

    @property
    def count(self) -> int:
        """How many there are."""


class Definitions:
    """The definitions of a run; a later one of the same name counts.

    Each field of a metric is what its own definition says, else the definition of the longest
    ``prefix*`` that says something of it.
    """

    def __init__(self) -> None:
        self._exact: dict[str, MetricDefined] = {}
        self._prefixes: dict[str, MetricDefined] = {}

    def add(self, definition: MetricDefined) -> None:
        """Take one more."""
        if definition.name.endswith("*"):
            self._prefixes[definition.name[:-1]] = definition
        else:
            self._exact[definition.name] = definition

    def get(self, name: str) -> MetricDefined | None:
        """The definition of exactly this name, a ``prefix*`` perhaps."""
        return self._prefixes.get(name[:-1]) if name.endswith("*") else self._exact.get(name)

    def axis(self, key: str) -> str:
        """The default x axis of a metric."""
        axis = self._field(key, lambda definition: definition.step_metric) or STEP
        return STEP if axis == key else axis

    def is_hidden(self, key: str) -> bool:
        """Whether charts of a metric are not made by themselves."""
        return bool(self._field(key, lambda definition: definition.hidden or None))

    def is_synced(self, key: str) -> bool:
        """Whether rows without the x axis stand at the last value of it."""
        return self._field(key, lambda definition: definition.step_sync) is not False

    def amounts(self, key: str) -> tuple[str, ...]:
        """What a metric is summed up as, some of `AMOUNTS`; empty for its last value."""
        summary = self._field(key, lambda definition: definition.summary)
        return tuple(summary.split(",")) if summary else ()

    def goal(self, key: str) -> str:
        """``minimize`` or ``maximize``."""
        return self._field(key, lambda definition: definition.goal) or "minimize"

    def sums_up(self) -> bool:
        """Whether any metric is summed up by more than its last value."""
        return any(found.summary for found in (*self._exact.values(), *self._prefixes.values()))

    def _field(self, key: str, of: Callable[[MetricDefined], _Field | None]) -> _Field | None:
        exact = self._exact.get(key)
        if exact is not None and (value := of(exact)) is not None:
            return value
        fitting = [prefix for prefix in self._prefixes if key.startswith(prefix)]
        for prefix in sorted(fitting, key=len, reverse=True):
            if (value := of(self._prefixes[prefix])) is not None:
                return value
        return None

    def summed_up(
        self,
        latest: Mapping[str, Json],
        figures: Callable[[str], Figures | None],
        first: Callable[[str], float],
    ) -> dict[str, Json]:
        """A summary: of each key the last value, or what its definition wants.

        An amount of ``loss`` has the key ``loss.min``. Values that are not finite have no part in
        amounts, and are counted as ``loss.not_finite``.

        Args:
            latest: the last value of each key.
            figures: the numbers of a key; None if it has none.
            first: the first number of a key.
        """
        summary: dict[str, Json] = {}
        for key, last in latest.items():
            amounts = self.amounts(key)
            found = figures(key) if amounts else None
            if not amounts or (found is None and "none" not in amounts):
                summary[key] = last
                continue
            for amount in amounts:
                if amount == "copy":
                    summary[key] = last
                elif amount != "none" and found is not None:
                    summary[f"{key}.{amount}"] = self._amount(amount, key, last, found, first)
            if amounts != ("none",) and found is not None and found.count > found.finite:
                summary[f"{key}.not_finite"] = found.count - found.finite
        return summary

    def _amount(
        self, amount: str, key: str, last: Json, found: Figures, first: Callable[[str], float]
    ) -> Json:
        if amount == "last":
            return last
        if amount == "first":
            return first(key)
        if amount == "best":
            return found.max if self.goal(key) == "maximize" else found.min
        return float(getattr(found, amount))
