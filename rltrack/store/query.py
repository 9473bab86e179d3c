"""Which runs, and in which order: filters and orders as W&B's `Api.runs` takes them, or as text.

    {"config.learning_rate": {"$lt": 1e-3}, "tags": "baseline", "$or": [{…}, {…}]}
    config.learning_rate < 1e-3 and tags has baseline and (… or …)        see `language.py`

A filter names fields and what each must be: a value, or operators ($eq $ne $gt $gte $lt $lte
$in $nin $exists $regex $not), all of which must hold; $and, $or and $nor join filters. As in
MongoDB, a field with many values (`tags`) fits if one of them does, a field that is missing
equals None, and values of different types have no order. A field is one of a run, `config.<key>`,
`summary.<key>`, or what a metric amounts to: `max(eval/mean_reward)`.

A filter is a function of a run, and of a whole table of runs at once (`Filter.mask`): the table
keeps each field as a column, of which numbers are compared by NumPy and all else once a value.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from rltrack.errors import UsageError
from rltrack.store.run import RunDigest

if TYPE_CHECKING:
    from rltrack.store.table import RunTable

Mask = npt.NDArray[np.bool_]
Read = Callable[[RunDigest], Sequence[Any]]
Fits = Callable[[Sequence[Any]], bool]
#: Fits of runs whose field is one number, all at once.
FitNumbers = Callable[[npt.NDArray[np.float64]], Mask]


class _Missing:
    """In the place of a value: the run has none."""

    def __repr__(self) -> str:
        return "nothing"


_MISSING: Final = _Missing()


def _given(value: str | None) -> list[str]:
    """What was not chosen is missing."""
    return [] if value is None else [value]


#: Each field's values; `name` is both that is shown and the id, which W&B calls so.
_FIELDS: Final[dict[str, Callable[[RunDigest], Sequence[Any]]]] = {
    "id": lambda run: [run.id],
    "name": lambda run: [run.name, run.id],
    "display_name": lambda run: [run.name],
    "displayName": lambda run: [run.name],
    "state": lambda run: [run.state],
    "tags": lambda run: list(run.tags),
    "group": lambda run: _given(run.group),
    "job_type": lambda run: _given(run.job_type),
    "jobType": lambda run: _given(run.job_type),
    "sweep": lambda run: _given(run.sweep),
    "host": lambda run: [run.host],
    "notes": lambda run: _given(run.notes),
    "created_at": lambda run: [run.created_at],
    "createdAt": lambda run: [run.created_at],
    "heartbeat_at": lambda run: [run.heartbeat_at],
}
#: What a metric amounts to, as a field.
AGGREGATES: Final = (
    "min", "max", "mean", "last", "count", "nan", "first_step", "last_step", "min_step", "max_step",
)  # fmt: skip
_AGGREGATE: Final = re.compile(r"(?P<attribute>[a-z_]+)\((?P<metric>.+)\)")
_TIMES: Final = ("created_at", "createdAt", "heartbeat_at")
_MAPPINGS: Final[dict[str, Callable[[RunDigest], dict[str, Any]]]] = {
    "config": lambda run: run.config,
    "summary_metrics": lambda run: run.summary,
    "summary": lambda run: run.summary,
}


class Filter:
    """A test of runs."""

    def __call__(self, run: RunDigest) -> bool:
        """Whether a run fits."""
        raise NotImplementedError

    def mask(self, table: RunTable) -> Mask:
        """Which runs of a table fit."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _All(Filter):
    parts: list[Filter]

    def __call__(self, run: RunDigest) -> bool:
        return all(part(run) for part in self.parts)

    def mask(self, table: RunTable) -> Mask:
        found = np.ones(len(table), np.bool_)
        for part in self.parts:
            found &= part.mask(table)
        return found


@dataclass(frozen=True, slots=True)
class _Any(Filter):
    parts: list[Filter]

    def __call__(self, run: RunDigest) -> bool:
        return any(part(run) for part in self.parts)

    def mask(self, table: RunTable) -> Mask:
        found = np.zeros(len(table), np.bool_)
        for part in self.parts:
            found |= part.mask(table)
        return found


@dataclass(frozen=True, slots=True)
class _Not(Filter):
    part: Filter

    def __call__(self, run: RunDigest) -> bool:
        return not self.part(run)

    def mask(self, table: RunTable) -> Mask:
        return ~self.part.mask(table)


@dataclass(frozen=True, slots=True)
class _Test(Filter):
    """One field, and what it must be."""

    field: str
    read: Read
    fits: Fits
    fit_numbers: FitNumbers | None

    def __call__(self, run: RunDigest) -> bool:
        return self.fits(self.read(run))

    def mask(self, table: RunTable) -> Mask:
        return table.column(self.field, self.read).mask(self.fits, self.fit_numbers)


def compile_filters(filters: Mapping[str, Any] | str | None) -> Filter:
    """A test of runs.

    Args:
        filters: as MongoDB has them, or a text as `language.py` has it; None for all runs.

    Raises:
        UsageError: an operator or a field is not known, or an operand is of a wrong type.
    """
    if isinstance(filters, str):
        from rltrack.store.language import parse_filter

        filters = parse_filter(filters)
    if not isinstance(filters, Mapping | None):
        raise UsageError(
            f"filters={filters!r} must be a dict, for example {{'state': 'finished'}}, or a text, "
            "for example 'state = finished'"
        )
    return _All([_compile(name, wanted) for name, wanted in (filters or {}).items()])


def _compile(name: str, wanted: Any) -> Filter:
    if name in ("$and", "$or", "$nor"):
        if not isinstance(wanted, (list, tuple)) or not wanted:
            raise UsageError(f"filters: {name} takes a list of filters, not {wanted!r}")
        tests = [compile_filters(one) for one in wanted]
        if name == "$and":
            return _All(tests)
        return _Any(tests) if name == "$or" else _Not(_Any(tests))
    if name == "$not":
        return _Not(compile_filters(wanted))
    if name.startswith("$"):
        raise UsageError(
            f"filters: there is no operator {name!r}; $and, $or, $nor and $not join filters"
        )
    read = field_reader(name)
    return _Test(name, read, _condition(name, wanted), _number_condition(name, wanted))


# -- fields --------------------------------------------------------------------------------------


def field_reader(name: str, asked: str = "filters") -> Read:
    """How a field's values are found; a field that a run lacks has none.

    Raises:
        UsageError: runs have no such field.
    """
    if name in _FIELDS:
        return _FIELDS[name]
    if aggregate := _AGGREGATE.fullmatch(name):
        attribute, metric = aggregate["attribute"], aggregate["metric"]
        if attribute not in AGGREGATES:
            known = ", ".join(f"{one}(…)" for one in AGGREGATES)
            raise UsageError(f"{asked}: a metric has no {attribute!r}; there are {known}")

        def read_aggregate(run: RunDigest) -> Sequence[Any]:
            found = run.aggregates.get(metric)
            return [] if found is None else [getattr(found, attribute)]

        return read_aggregate
    mapping, _, path = name.partition(".")
    if mapping not in _MAPPINGS or not path:
        known = ", ".join([*_FIELDS, "config.<key>", "summary.<key>", "max(<metric>)"])
        raise UsageError(f"{asked}: runs have no field {name!r}; there are {known}")
    values = _MAPPINGS[mapping]

    def read(run: RunDigest) -> Sequence[Any]:
        found = _lookup(values(run), path)
        if isinstance(found, _Missing) and path.endswith(".value"):  # W&B's way to say config.x
            found = _lookup(values(run), path.removesuffix(".value"))
        if isinstance(found, _Missing):
            return []
        return [found, *found] if isinstance(found, list) else [found]

    return read


def _lookup(values: Any, path: str) -> Any:
    """A dotted path in nested mappings, of which a key may hold dots itself."""
    if not isinstance(values, Mapping):
        return _MISSING
    if path in values:
        return values[path]
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:count])
        if head in values:
            found = _lookup(values[head], ".".join(parts[count:]))
            if not isinstance(found, _Missing):
                return found
    return _MISSING


# -- conditions ----------------------------------------------------------------------------------


def _condition(name: str, wanted: Any) -> Fits:
    if not isinstance(wanted, Mapping) or not any(str(key).startswith("$") for key in wanted):
        return _equals(_operand(name, wanted))
    tests = [_operator(name, sign, operand) for sign, operand in wanted.items()]
    return lambda values: all(test(values) for test in tests)


def _operator(name: str, sign: str, operand: Any) -> Fits:
    if sign in ("$eq", "$ne"):
        equals = _equals(_operand(name, operand))
        return equals if sign == "$eq" else lambda values: not equals(values)
    if sign in _ORDERS:
        bound, compare = _operand(name, operand), _ORDERS[sign]
        return lambda values: any(
            _ordered(value, bound) and compare(value, bound) for value in values
        )
    if sign in ("$in", "$nin"):
        if not isinstance(operand, (list, tuple, set, frozenset)):
            raise UsageError(f"filters: {sign} of {name!r} takes a list, not {operand!r}")
        choices = [_equals(_operand(name, choice)) for choice in operand]
        found = sign == "$in"
        return lambda values: any(choice(values) for choice in choices) == found
    if sign == "$exists":
        return lambda values: bool(values) == bool(operand)
    if sign == "$regex":
        pattern = _pattern(name, operand)
        return lambda values: any(isinstance(v, str) and bool(pattern.search(v)) for v in values)
    if sign == "$not":
        inverse = _condition(name, operand)
        return lambda values: not inverse(values)
    known = ", ".join(["$eq", "$ne", *_ORDERS, "$in", "$nin", "$exists", "$regex", "$not"])
    raise UsageError(f"filters: there is no operator {sign!r} (on {name!r}); there are {known}")


def _number_condition(name: str, wanted: Any) -> FitNumbers | None:
    """`_condition` for runs whose field is one number; None where NumPy has no such operator."""
    if not isinstance(wanted, Mapping) or not any(str(key).startswith("$") for key in wanted):
        wanted = {"$eq": wanted}
    tests: list[tuple[Callable[[Any, Any], Any], float]] = []
    for sign, operand in wanted.items():
        bound = _operand(name, operand)
        if sign not in _NUMBER_SIGNS or not _is_plain_number(bound):
            return None
        tests.append((_NUMBER_SIGNS[sign], float(bound)))

    def fits(numbers: npt.NDArray[np.float64]) -> Mask:
        found = np.ones(len(numbers), np.bool_)
        for compare, bound in tests:
            found &= compare(numbers, bound)
        return found

    return fits


def _is_plain_number(value: Any) -> bool:
    """Whether a float holds it exactly."""
    return type(value) is float or (type(value) is int and abs(value) <= 2**53)


_NUMBER_SIGNS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def _operand(name: str, operand: Any) -> Any:
    """The operand; of a time, a date or ISO text becomes seconds since the epoch."""
    if name not in _TIMES:
        return list(operand) if isinstance(operand, tuple) else operand
    if isinstance(operand, str):
        try:
            operand = dt.datetime.fromisoformat(operand)
        except ValueError:
            raise UsageError(
                f"filters: {name}={operand!r} is no time; write 2026-01-31T12:00:00, or seconds"
            ) from None
    if isinstance(operand, dt.datetime):
        # Like W&B's: a time without a zone is UTC.
        zone = operand.tzinfo or dt.UTC
        return operand.replace(tzinfo=zone).timestamp()
    return operand


def _pattern(name: str, operand: Any) -> re.Pattern[str]:
    try:
        return re.compile(operand)
    except (re.error, TypeError) as mistake:
        raise UsageError(
            f"filters: $regex of {name!r} is no regular expression: {mistake}"
        ) from None


def _equals(wanted: Any) -> Fits:
    if wanted is None:
        return lambda values: not values or any(value is None for value in values)
    return lambda values: any(_kind(value) == _kind(wanted) and value == wanted for value in values)


def _ordered(value: Any, bound: Any) -> bool:
    return _kind(value) == _kind(bound) and _kind(value) in ("number", "text", "bool")


def _kind(value: Any) -> str:
    """Values of one kind can be compared. True is not 1 here."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


# -- order ---------------------------------------------------------------------------------------


def parse_order(order: str) -> tuple[str, Read, bool]:
    """A field, how it is read, and whether the order is descending.

    Args:
        order: ``+created_at``, ``-summary_metrics.loss``, ``-max(eval/mean_reward)``.

    Raises:
        UsageError: there is no such field.
    """
    if not isinstance(order, str) or not order.lstrip("+-"):
        raise UsageError(f"order={order!r} must name a field, for example '-created_at'")
    name = order.lstrip("+-")
    return name, field_reader(name, "order"), order.startswith("-")


def orders_of(order: str | Sequence[str]) -> list[tuple[str, Read, bool]]:
    """Orders, the first of which counts most.

    Raises:
        UsageError: one of them is none.
    """
    return [parse_order(one) for one in ([order] if isinstance(order, str) else order)]


def place_of(values: Sequence[Any]) -> tuple[str, Any] | None:
    """Where a field's values stand in an order; None for a run that comes last."""
    if not values or values[0] is None or values[0] != values[0]:
        return None
    kind = _kind(values[0])
    return kind, values[0] if kind in ("bool", "number", "text") else repr(values[0])


def sort_runs(runs: list[RunDigest], order: str | Sequence[str]) -> list[RunDigest]:
    """`runs` by fields; those without a field, or with NaN in it, come last in each direction.

    Raises:
        UsageError: there is no such field.
    """
    from rltrack.store.table import RunTable

    table = RunTable(runs)
    return [runs[at] for at in table.sorted(orders_of(order)).tolist()]
