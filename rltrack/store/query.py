"""Which runs, and in which order: filters and orders as W&B's `Api.runs` takes them.

    {"config.learning_rate": {"$lt": 1e-3}, "tags": "baseline", "$or": [{…}, {…}]}

A filter names fields and what each must be: a value, or operators ($eq $ne $gt $gte $lt $lte
$in $nin $exists $regex $not), all of which must hold; $and, $or and $nor join filters. As in
MongoDB, a field with many values (`tags`) fits if one of them does, a field that is missing
equals None, and values of different types have no order.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rltrack.errors import UsageError
from rltrack.store.run import RunDigest

Predicate = Callable[[RunDigest], bool]


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
    "host": lambda run: [run.host],
    "notes": lambda run: _given(run.notes),
    "created_at": lambda run: [run.created_at],
    "createdAt": lambda run: [run.created_at],
    "heartbeat_at": lambda run: [run.heartbeat_at],
}
_TIMES: Final = ("created_at", "createdAt", "heartbeat_at")
_MAPPINGS: Final[dict[str, Callable[[RunDigest], dict[str, Any]]]] = {
    "config": lambda run: run.config,
    "summary_metrics": lambda run: run.summary,
    "summary": lambda run: run.summary,
}


def compile_filters(filters: Mapping[str, Any] | None) -> Predicate:
    """A test of runs.

    Raises:
        UsageError: an operator or a field is not known, or an operand is of a wrong type.
    """
    if not isinstance(filters, Mapping | None):
        raise UsageError(f"filters={filters!r} must be a dict, for example {{'state': 'finished'}}")
    tests = [_compile(name, wanted) for name, wanted in (filters or {}).items()]
    return lambda run: all(test(run) for test in tests)


def _compile(name: str, wanted: Any) -> Predicate:
    if name in ("$and", "$or", "$nor"):
        if not isinstance(wanted, (list, tuple)) or not wanted:
            raise UsageError(f"filters: {name} takes a list of filters, not {wanted!r}")
        tests = [compile_filters(one) for one in wanted]
        if name == "$and":
            return lambda run: all(test(run) for test in tests)
        found = name == "$or"
        return lambda run: any(test(run) for test in tests) == found
    if name == "$not":
        inverse = compile_filters(wanted)
        return lambda run: not inverse(run)
    if name.startswith("$"):
        raise UsageError(
            f"filters: there is no operator {name!r}; $and, $or, $nor and $not join filters"
        )
    read = _reader(name)
    fits = _condition(name, wanted)
    return lambda run: fits(read(run))


# -- fields --------------------------------------------------------------------------------------


def _reader(name: str, asked: str = "filters") -> Callable[[RunDigest], Sequence[Any]]:
    """How a field's values are found; a field that a run lacks has none."""
    if name in _FIELDS:
        return _FIELDS[name]
    mapping, _, path = name.partition(".")
    if mapping not in _MAPPINGS or not path:
        known = ", ".join([*_FIELDS, "config.<key>", "summary_metrics.<key>"])
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

Fits = Callable[[Sequence[Any]], bool]


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


def sort_runs(runs: list[RunDigest], order: str) -> list[RunDigest]:
    """`runs` by a field: ``+created_at``, ``-summary_metrics.loss``, ``config.seed``.

    Runs without the field, or with NaN in it, come last, whichever the direction.

    Raises:
        UsageError: there is no such field.
    """
    if not isinstance(order, str) or not order.lstrip("+-"):
        raise UsageError(f"order={order!r} must name a field, for example '-created_at'")
    descending = order.startswith("-")
    read = _reader(order.lstrip("+-"), "order")

    def place(run: RunDigest) -> tuple[str, Any] | None:
        values = read(run)
        if not values or values[0] is None or values[0] != values[0]:
            return None
        kind = _kind(values[0])
        return kind, values[0] if kind in ("bool", "number", "text") else repr(values[0])

    # In the order of creation where the field is the same, or missing.
    by_creation = sorted(runs, key=lambda run: (run.created_at, run.id))
    placed = [run for run in by_creation if place(run) is not None]
    placed.sort(key=lambda run: place(run) or ("", 0), reverse=descending)
    return placed + [run for run in by_creation if place(run) is None]
