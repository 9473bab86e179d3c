"""Which runs, in which order and groups: as W&B's `Api.runs` takes it, or as a text.

    {"config.learning_rate": {"$lt": 1e-3}, "tags": "baseline", "$or": [{…}, {…}]}
    config.learning_rate < 1e-3 and tags has baseline and (… or …)

A filter names fields and what each must be: a value, or operators ($eq $ne $gt $gte $lt $lte
$in $nin $exists $regex $not), all of which must hold; $and, $or and $nor join filters. The
text form is told in `text_filter.py`. Both come to the same tree, see `predicate.py`.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rltrack.errors import UsageError
from rltrack.store.fields import Field, config_but, field
from rltrack.store.predicate import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Equals,
    Every,
    Exists,
    Inverse,
    Matches,
    Not,
    Predicate,
    Sign,
    Some,
    Where,
)

#: Ways to say which runs.
Filters = Mapping[str, Any] | str
#: Ways to say in which order.
Orders = str | Sequence[str]

Now = Callable[[], float]


def compile_filters(filters: Filters | None, *, now: Now = time.time) -> Predicate:
    """A test of runs.

    Args:
        filters: a dict, or a text; None is all runs.
        now: seconds since the epoch, for ages such as ``2h ago``.

    Raises:
        UsageError: an operator or a field is not known, or an operand is of a wrong type.
    """
    if isinstance(filters, str):
        from rltrack.store.text_filter import parse_filter

        return parse_filter(filters, now=now)
    if not isinstance(filters, Mapping | None):
        raise UsageError(
            f"filters={filters!r} must be a dict or a text, for example {{'state': 'finished'}} "
            "or 'state = finished'"
        )
    return Every(tuple(_compile(name, wanted, now) for name, wanted in (filters or {}).items()))


def _compile(name: str, wanted: Any, now: Now) -> Predicate:
    if name in ("$and", "$or", "$nor"):
        if not isinstance(wanted, (list, tuple)) or not wanted:
            raise UsageError(f"filters: {name} takes a list of filters, not {wanted!r}")
        parts = tuple(_compile_dict(one, now) for one in wanted)
        if name == "$and":
            return Every(parts)
        return Some(parts) if name == "$or" else Not(Some(parts))
    if name == "$not":
        return Not(_compile_dict(wanted, now))
    if not isinstance(name, str) or name.startswith("$"):
        raise UsageError(
            f"filters: there is no operator {name!r}; $and, $or, $nor and $not join filters"
        )
    asked = field(name)
    return Where(asked, _condition(asked, wanted, now))


def _compile_dict(filters: Any, now: Now) -> Predicate:
    if not isinstance(filters, Mapping):
        raise UsageError(f"filters: {filters!r} must be a dict, as in {{'state': 'finished'}}")
    return compile_filters(filters, now=now)


# -- conditions ----------------------------------------------------------------------------------

_SIGNS: Final[dict[str, Sign]] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def _condition(asked: Field, wanted: Any, now: Now) -> Condition:
    if not isinstance(wanted, Mapping) or not any(str(key).startswith("$") for key in wanted):
        return Equals(operand(asked, wanted, now))
    parts = tuple(_operator(asked, sign, value, now) for sign, value in wanted.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _operator(asked: Field, sign: str, value: Any, now: Now) -> Condition:
    if sign in ("$eq", "$ne"):
        equals = Equals(operand(asked, value, now))
        return equals if sign == "$eq" else Inverse(equals)
    if sign in _SIGNS:
        return Compare(_SIGNS[sign], operand(asked, value, now))
    if sign in ("$in", "$nin"):
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise UsageError(f"filters: {sign} of '{asked}' takes a list, not {value!r}")
        among = AnyOf(tuple(Equals(operand(asked, choice, now)) for choice in value))
        return among if sign == "$in" else Inverse(among)
    if sign == "$exists":
        return Exists() if value else Inverse(Exists())
    if sign == "$regex":
        return Matches(pattern(asked, value))
    if sign == "$not":
        return Inverse(_condition(asked, value, now))
    known = ", ".join(["$eq", "$ne", *_SIGNS, "$in", "$nin", "$exists", "$regex", "$not"])
    raise UsageError(f"filters: there is no operator {sign!r} (on '{asked}'); there are {known}")


_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])\w*\s+ago", re.IGNORECASE)
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def operand(asked: Field, value: Any, now: Now) -> Any:
    """The operand; of a time, a date, ISO text or an age becomes seconds since the epoch.

    Raises:
        UsageError: it is no time, and the field is one.
    """
    if not asked.is_time:
        return list(value) if isinstance(value, tuple) else value
    if isinstance(value, str):
        if age := _AGE.fullmatch(value.strip()):
            return now() - float(age[1]) * _UNIT_S[age[2].lower()]
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise UsageError(
                f"filters: {asked}={value!r} is no time; write 2026-01-31T12:00:00, 2h ago, "
                "or seconds"
            ) from None
    if isinstance(value, dt.datetime):
        # Like W&B's: a time without a zone is UTC.
        zone = value.tzinfo or dt.UTC
        return value.replace(tzinfo=zone).timestamp()
    return value


def pattern(asked: Field, value: Any) -> re.Pattern[str]:
    """A regular expression.

    Raises:
        UsageError: it is none.
    """
    try:
        return re.compile(value)
    except (re.error, TypeError) as mistake:
        raise UsageError(
            f"filters: $regex of '{asked}' is no regular expression: {mistake}"
        ) from None


# -- order ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """A field to sort by. Runs without it, or with NaN in it, come last either way."""

    field: Field
    descending: bool = False


def compile_orders(order: Orders) -> tuple[Order, ...]:
    """Fields to sort by: ``+created_at``, ``-summary_metrics.loss``, ``-max(eval/return)``.

    Args:
        order: one, or several of which the first counts most.

    Raises:
        UsageError: there is no such field.
    """
    return tuple(map(_order, [order] if isinstance(order, str) else order))


def _order(order: Any) -> Order:
    if not isinstance(order, str) or not order.lstrip("+-"):
        raise UsageError(f"order={order!r} must name a field, for example '-created_at'")
    return Order(field(order.lstrip("+-"), "order"), order.startswith("-"))


# -- groups --------------------------------------------------------------------------------------


def compile_groups(
    keys: str | Sequence[str] | None = None, all_config_but: Sequence[str] | None = None
) -> tuple[Field, ...]:
    """Fields to group by; see `Runs.group_by`.

    Raises:
        UsageError: there is no such field, or the keys are no list of texts.
    """
    for name, given in (("keys", keys), ("all_config_but", all_config_but)):
        is_list = isinstance(given, (list, tuple)) and all(isinstance(k, str) for k in given)
        if not (given is None or is_list or (name == "keys" and isinstance(given, str))):
            raise UsageError(f"group: {name}={given!r} must be a list of texts, as in ['seed']")
    named = [keys] if isinstance(keys, str) else keys or []
    found = [field(name, "group") for name in named]
    if all_config_but is not None:
        found.append(config_but(all_config_but))
    if not found:
        raise UsageError("group: name a field, as in 'config.env', or all_config_but=['seed']")
    return tuple(found)

