"""`define_metric`, and what the metrics of a run amount to while it goes on.

Only runs that define a summary pay for it: their journal is wrapped in one that also counts.
Readers count the same from the journal, in `rltrack.store`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from rltrack._values import is_array
from rltrack.errors import UsageError
from rltrack.journal.definitions import AMOUNTS, Definitions
from rltrack.journal.null import Journal
from rltrack.journal.records import Json, MetricDefined, Record, Row, RowFlag

GOALS: Final = ("minimize", "maximize")


class Metric(NamedTuple):
    """How the metrics of a name are drawn and summed up; what `define_metric` returns."""

    name: str
    step_metric: str | None = None
    step_sync: bool | None = None
    hidden: bool | None = None
    summary: tuple[str, ...] | None = None
    goal: str | None = None


def checked_metric(
    name: object,
    step_metric: object,
    step_sync: object,
    hidden: object,
    summary: object,
    goal: object,
) -> Metric:
    """A metric as a caller of `define_metric` describes it.

    Raises:
        UsageError: an argument is not what it may be.
    """
    if not isinstance(name, str) or not name:
        raise UsageError(f"Unhandled define_metric() arg: name={name!r} must be text")
    if "*" in name[:-1]:
        raise UsageError(f"define_metric({name!r}): a * may only stand at the end of a name")
    if isinstance(step_metric, Metric):
        step_metric = step_metric.name
    if step_metric is not None and not isinstance(step_metric, str):
        raise UsageError(f"Unhandled define_metric() arg: step_metric={step_metric!r}")
    for argument, value in (("step_sync", step_sync), ("hidden", hidden)):
        if value is not None and not isinstance(value, bool):
            raise UsageError(f"Unhandled define_metric() arg: {argument}={value!r} must be a bool")
    if goal is not None and goal not in GOALS:
        raise UsageError(
            f"Unhandled define_metric() arg: goal={goal!r}; there are {', '.join(GOALS)}"
        )
    amounts = None
    if summary is not None:
        given = summary.split(",") if isinstance(summary, str) else summary
        if not isinstance(given, (list, tuple)):
            raise UsageError(f"Unhandled define_metric() arg: summary={summary!r} must be text")
        amounts = tuple(dict.fromkeys(str(amount).strip() for amount in given))
        if unknown := [amount for amount in amounts if amount not in AMOUNTS]:
            raise UsageError(
                f"Unhandled define_metric() arg: summary={unknown[0]!r}; there are "
                f"{', '.join(AMOUNTS)}"
            )
    return Metric(
        name,
        step_metric,
        step_sync if isinstance(step_sync, bool) else None,
        hidden if isinstance(hidden, bool) else None,
        amounts,
        goal if isinstance(goal, str) else None,
    )


class Metrics:
    """The definitions of a run, and what is summed up as they say."""

    checked = staticmethod(checked_metric)

    def __init__(self) -> None:
        self.definitions = Definitions()
        self._counting: SummingJournal | None = None

    def define(self, metric: Metric, time_ns: int, *, overwrite: bool) -> MetricDefined:
        """Take a definition, with what an earlier one of its name said and it does not."""
        earlier = None if overwrite else self.definitions.get(metric.name)
        if earlier is not None:
            before = Metric(
                metric.name,
                earlier.step_metric,
                earlier.step_sync,
                earlier.hidden,
                tuple(earlier.summary.split(",")) if earlier.summary else None,
                earlier.goal,
            )
            said = {name: value for name, value in metric._asdict().items() if value is not None}
            metric = before._replace(**said)
        definition = MetricDefined(
            time_ns,
            metric.name,
            metric.step_metric,
            ",".join(metric.summary) if metric.summary else None,
            metric.goal,
            bool(metric.hidden),
            metric.step_sync,
        )
        self.definitions.add(definition)
        return definition

    def add(self, definition: MetricDefined) -> None:
        """Take a definition that is recorded already."""
        self.definitions.add(definition)

    def counting(self, journal: Journal) -> Journal:
        """What to write to, so that rows are summed up; counting begins again."""
        if self._counting is not None:
            self._counting.begin_again()
        elif self.definitions.sums_up():
            self._counting = SummingJournal(journal, self.definitions)
        return self._counting or journal

    def count_all(self, rows: Iterable[Row]) -> None:
        """Sum up rows that were written before."""
        if self._counting is not None:
            for row in rows:
                self._counting.count(row.values, row.step, row.flags)

    def summary(self, latest: Mapping[str, Json]) -> dict[str, Json]:
        """A summary, given the last value of each key."""
        return dict(latest) if self._counting is None else self._counting.summary(latest)


class Sum:
    """The numbers of one key so far. Of one row, that is of one step, the last value counts."""

    __slots__ = ("_first", "_total", "_waiting", "count", "finite", "first_value", "max", "min")

    def __init__(self) -> None:
        self.count = 0
        self.finite = 0
        self.min = math.inf
        self.max = -math.inf
        self.first_value = math.nan
        self._first = (0, 0)
        self._total = 0.0
        self._waiting: tuple[int, int, float] | None = None
        """Step, order of writing and value of the last row, to which more may come."""

    @property
    def mean(self) -> float:
        """Of the finite values."""
        return self._total / self.finite if self.finite else math.nan

    def add(self, value: float, step: int, order: int, *, alone: bool) -> None:
        """Take one more.

        Args:
            value: the number.
            step: of its row.
            order: counts up with the rows, as they are written.
            alone: it is a point, which no other value of its step replaces.
        """
        if alone:
            self._settle(step, order, value)
            return
        if self._waiting is not None and self._waiting[0] != step:
            self._settle(*self._waiting)
        self._waiting = (step, order, value)

    def _settle(self, step: int, order: int, value: float) -> None:
        if not self.count or (step, order) < self._first:
            self._first, self.first_value = (step, order), value
        self.count += 1
        if math.isfinite(value):
            self.finite += 1
            self._total += value
            self.min = min(self.min, value)
            self.max = max(self.max, value)

    def so_far(self) -> Sum:
        """A copy with the last value in it; later ones may still replace that here."""
        copied = Sum()
        for name in self.__slots__:
            setattr(copied, name, getattr(self, name))
        if copied._waiting is not None:
            copied._settle(*copied._waiting)
        if not copied.finite:
            copied.min = copied.max = math.nan
        return copied


class SummingJournal:
    """A journal that also sums up what is written, of keys whose definition wants that.

    Args:
        journal: what is written to.
        definitions: of the run; new ones are seen after `begin_again`.
    """

    def __init__(self, journal: Journal, definitions: Definitions) -> None:
        self._journal = journal
        self._definitions = definitions
        self._sums: dict[str, Sum | None] = {}
        self._order = 0

    def begin_again(self) -> None:
        """Forget what was counted, since a definition is another; the caller holds `lock`."""
        self._sums = {}
        self._order = 0

    @property
    def name(self) -> str:
        """Of the journal."""
        return self._journal.name

    @property
    def lock(self) -> threading.RLock:
        """Of the journal."""
        return self._journal.lock

    @property
    def rows(self) -> int:
        """Of the journal."""
        return self._journal.rows

    @property
    def lost(self) -> int:
        """Of the journal."""
        return self._journal.lost

    def write_row(self, values: Mapping[str, object], step: int, time_ns: int, flags: int) -> bool:
        """Append a row of plain numbers, and count it; False if some value is not one."""
        if not self._journal.write_row(values, step, time_ns, flags):
            return False
        self.count(values, step, flags)
        return True

    def write(self, record: Record) -> None:
        """Append any record, and count it if it is a row."""
        self._journal.write(record)
        if isinstance(record, Row):
            self.count(record.values, record.step, record.flags)

    def count(self, values: Mapping[str, Any], step: int, flags: int) -> None:
        """Take the values of a row."""
        if flags & RowFlag.SYSTEM:
            return
        sums = self._sums
        self._order += 1
        for key, value in values.items():
            try:
                known = sums[key]
            except KeyError:
                known = sums[key] = Sum() if self._wants(key) else None
            if known is not None and (isinstance(value, (int, float)) or is_array(value)):
                known.add(float(value), step, self._order, alone=bool(flags & RowFlag.POINT))

    def _wants(self, key: str) -> bool:
        return self._definitions.amounts(key) not in ((), ("none",), ("copy",))

    def summary(self, latest: Mapping[str, Json]) -> dict[str, Json]:
        """`latest` with what is summed up in the place of last values."""
        with self.lock:
            sums = {key: one.so_far() for key, one in self._sums.items() if one is not None}
        counted = {key: one for key, one in sums.items() if one.count}
        return self._definitions.summed_up(
            latest, counted.get, lambda key: counted[key].first_value
        )

    def last_row(self) -> tuple[int, int] | None:
        """Of the journal."""
        return self._journal.last_row()

    def latest(self) -> dict[str, Json]:
        """The last value written under each key."""
        return self._journal.latest()

    def sync(self) -> None:
        """Make what was written safe from power loss."""
        self._journal.sync()

    def close(self) -> None:
        """Write what is left."""
        self._journal.close()
