"""What a caller of `log` may say: names, a step, a time; each checked before anything is written."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Final

from rltrack._values import Unstorable, flatten
from rltrack.errors import UsageError

#: Keys of a row that are its own: the step is an argument, the time a fact.
STEP_KEY: Final = "_step"
TIME_KEY: Final = "_timestamp"

#: Beyond, one step and the next are one number to whoever counts in float64, as browsers do.
MAX_STEP: Final = 2**53
#: As far as nanoseconds in 63 bits reach: the year 2262.
_MAX_TIME_S: Final = 2**63 / 1e9


def integer_step(step: Any) -> int:
    """A step given by the user: any integer, or a float with nothing behind the point."""
    whole = getattr(step, "is_integer", None)  # of float, and of NumPy's floats
    try:
        number = int(step) if whole and whole() else operator.index(step)
    except TypeError:
        raise TypeError(
            f"log(step={step!r}): a step is an integer, not {type(step).__name__}"
        ) from None
    if abs(number) > MAX_STEP:
        raise UsageError(
            f"log(step={step!r}): a step is at most 2**53, or charts could not tell it"
        )
    return int(number)


def nanoseconds(seconds: object) -> int:
    """A time given by the user in seconds since the epoch."""
    if isinstance(seconds, (int, float)) and abs(seconds) < _MAX_TIME_S:
        whole = int(seconds)  # apart, since a product of both would be rounded to 128 ns
        return whole * 10**9 + round((seconds - whole) * 1e9)
    raise Unstorable(f"{seconds!r} is no time in seconds since 1970")


def flat_values(data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return flatten(data)
    except RecursionError:
        raise ValueError("log: a dictionary contains itself") from None


def check_names(data: Mapping[Any, Any]) -> None:
    for name in data:
        if not isinstance(name, str):
            raise TypeError(
                f"Key values passed to `log` must be strings, and {name!r} is {type(name).__name__}"
            )
        if not name:
            raise ValueError("log: a metric needs a name, and '' is none")


def plain_names(keys: tuple[str, ...]) -> bool:
    """Whether rows of these names need no second look: all are texts, and none has a meaning of its own."""
    return all(isinstance(key, str) and key and key not in (STEP_KEY, TIME_KEY) for key in keys)
