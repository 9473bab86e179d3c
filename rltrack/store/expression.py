"""Metrics that a chart computes of others: ``eval/return / 500``, ``ema(train/loss, 0.99)``.

    sum      =  product (("+" | "-") product)*
    product  =  signed (("*" | "/" | "%") signed)*
    signed   =  "-" signed | power
    power    =  atom ("**" signed)?
    atom     =  number | metric | function "(" sum ("," sum)* ")" | "(" sum ")"

A metric is written as it is called, slashes and all: the longest metric that a run has counts. So
``a/b`` is the metric of that name where there is one, and else a quotient. In double quotes it may
hold anything. Metrics that were not logged in the same rows meet at every x that any of them has,
each with its last value there or before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from rltrack.errors import UsageError
from rltrack.store.columns import Floats
from rltrack.store.run import RunReader, StreamName
from rltrack.store.series import Series, series

#: Values of the metrics at the x that all of them share, by name.
Values = dict[str, Floats]
_MOST_LETTERS: Final = 1000
_DEEPEST: Final = 50
_NUMBER: Final = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NAME: Final = re.compile(r"[^\W\d][\w./]*")
_CALL: Final = re.compile(r"([a-z]\w*)\s*\(")


@dataclass(frozen=True, slots=True)
class Expression:
    """What is computed, of which metrics."""

    keys: tuple[str, ...]
    value: Callable[[Values], Floats]

    def series(self, run: RunReader, x: str, stream: StreamName = "default") -> Series | None:
        """Its points in a run, over an axis; None where the run lacks one of the metrics."""
        found: dict[str, Series] = {}
        for key in self.keys:
            points = series(run, key, x, stream)
            if points is None:
                return None
            found[key] = points
        if not found:
            return None
        at = next(iter(found.values())).x
        if not all(np.array_equal(points.x, at) for points in found.values()):
            at = np.unique(np.concatenate([points.x for points in found.values()]))
            # Before its first value, a metric has none.
            at = at[at >= max(points.x[0] for points in found.values())]
        values = {
            key: points.y
            if len(points.x) == len(at)
            else points.y[np.searchsorted(points.x, at, side="right") - 1]
            for key, points in found.items()
        }
        with np.errstate(all="ignore"):
            y = np.broadcast_to(self.value(values), at.shape)
        return Series(at, np.ascontiguousarray(y, dtype=np.float64))


def is_expression(text: str) -> bool:
    """Whether a text that is no metric may be something to compute."""
    return re.search(r"[-+*/%(]", text) is not None


def may_be_name(text: str) -> bool:
    """Whether a text that cannot be computed is nothing worse than a metric that is not there."""
    return re.fullmatch(r"[\w./-]+", text) is not None


def parse(text: str, keys: Collection[str]) -> Expression:
    """What a text says.

    Args:
        text: the expression.
        keys: the metrics that there are.

    Raises:
        UsageError: it is none.
    """
    if len(text) > _MOST_LETTERS:
        raise UsageError(f"an expression of {len(text)} letters; at most {_MOST_LETTERS} are read")
    return _Parser(text, keys).whole()


class _Parser:
    def __init__(self, text: str, keys: Collection[str]) -> None:
        self._text = text
        # Only those that occur at all, the longest first.
        self._known = sorted((key for key in keys if key and key in text), key=len, reverse=True)
        self._at = 0
        self._depth = 0
        self._used: dict[str, None] = {}

    def whole(self) -> Expression:
        value = self._sum()
        if self._rest():
            raise self._fault(f"{self._rest()!r} was not expected")
        if not self._used:
            raise self._fault("it names no metric")
        return Expression(tuple(self._used), value)

    def _sum(self) -> Callable[[Values], Floats]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._fault(f"it is deeper than {_DEEPEST} levels")
        value = self._product()
        while sign := self._take("+", "-"):
            value = _both(np.add if sign == "+" else np.subtract, value, self._product())
        self._depth -= 1
        return value

    def _product(self) -> Callable[[Values], Floats]:
        value = self._signed()
        while sign := self._take("*", "/", "%"):
            value = _both(_PRODUCTS[sign], value, self._signed())
        return value

    def _signed(self) -> Callable[[Values], Floats]:
        minus = 0
        while self._take("-"):
            minus += 1
        value = self._power()
        return (lambda values: -value(values)) if minus % 2 else value

    def _power(self) -> Callable[[Values], Floats]:
        value = self._atom()
        return _both(np.power, value, self._signed()) if self._take("**") else value

    def _atom(self) -> Callable[[Values], Floats]:
        if self._take("("):
            value = self._sum()
            self._expect(")")
            return value
        rest = self._rest()
        if quoted := re.match(r'"([^"]*)"', rest):
            self._at += quoted.end()
            if quoted[1] not in self._known:
                raise self._fault(f"there is no metric {quoted[1]!r}")
            return self._metric(quoted[1])
        if number := _NUMBER.match(rest):
            self._at += number.end()
            constant = np.float64(number[0])
            return lambda values: constant  # type: ignore[return-value]
        for key in self._known:
            if rest.startswith(key) and not re.match(r"[\w(]", rest[len(key) :]):
                self._at += len(key)
                return self._metric(key)
        if call := _CALL.match(rest):
            return self._call(call)
        name = _NAME.match(rest)
        if name is None:
            raise self._fault(f"a metric or a number was expected, and {rest[:20]!r} was found")
        raise self._fault(f"there is no metric {name[0]!r}")

    def _metric(self, key: str) -> Callable[[Values], Floats]:
        self._used[key] = None
        return lambda values: values[key]

    def _call(self, call: re.Match[str]) -> Callable[[Values], Floats]:
        name = call[1]
        if name not in _FUNCTIONS:
            known = ", ".join(sorted(_FUNCTIONS))
            raise self._fault(f"there is no function {name!r}; there are {known}")
        self._at += call.end()
        given = [self._sum()]
        while self._take(","):
            given.append(self._sum())
        self._expect(")")
        function, least, most = _FUNCTIONS[name]
        if not least <= len(given) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise self._fault(f"{name} takes {wanted} values, and got {len(given)}")
        return lambda values: function(*(one(values) for one in given))

    def _rest(self) -> str:
        rest = self._text[self._at :]
        self._at += len(rest) - len(rest.lstrip())
        return rest.strip()

    def _take(self, *signs: str) -> str | None:
        rest = self._rest()
        for sign in signs:
            # `**` is no product of a product.
            if rest.startswith(sign) and not (sign == "*" and rest.startswith("**")):
                self._at += len(sign)
                return sign
        return None

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            found = repr(self._rest()[:20]) if self._rest() else "nothing"
            raise self._fault(f"{sign!r} was expected, and {found} was found")

    def _fault(self, what: str) -> UsageError:
        return UsageError(f"{self._text!r} cannot be computed: {what}")


def _both(
    function: Callable[[Floats, Floats], Floats],
    left: Callable[[Values], Floats],
    right: Callable[[Values], Floats],
) -> Callable[[Values], Floats]:
    return lambda values: function(left(values), right(values))


# -- functions -------------------------------------------------------------------------------------


def _ema(values: Floats, weight: npt.ArrayLike = 0.9) -> Floats:
    """Exponential moving average without the bias towards zero; behind a NaN it starts anew."""
    kept = float(np.clip(_one(weight), 0.0, 0.9999))
    found = np.full(len(values), np.nan)
    for start, end in _finite_pieces(values):
        piece = values[start:end]
        ones = np.ones(len(piece))
        found[start:end] = _recursive(piece, kept) / _recursive(ones, kept)
    return found


def _recursive(values: Floats, weight: float) -> Floats:
    """``s[i] = weight * s[i - 1] + values[i]``, a stretch at a time."""
    if weight == 0.0:
        return values
    # Within a stretch, powers of the weight stay far from the smallest float.
    size = max(1, int(50 / -np.log(weight)))
    found = np.empty(len(values))
    powers = weight ** np.arange(min(size, len(values)))
    carried = 0.0
    for start in range(0, len(values), size):
        piece = values[start : start + size]
        power = powers[: len(piece)]
        found[start : start + size] = power * (np.cumsum(piece / power) + weight * carried)
        carried = float(found[start + len(piece) - 1])
    return found


def _running_mean(values: Floats, window: npt.ArrayLike = 100) -> Floats:
    """The mean of the last values at each point; of those that are no numbers, none counts."""
    width = max(1, int(_one(window)))
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - width, 0)
    mean: Floats = (sums[end] - sums[start]) / (counts[end] - counts[start])
    return mean


def _diff(values: Floats) -> Floats:
    return np.diff(values, prepend=np.nan)


def _finite_pieces(values: Floats) -> Sequence[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.isfinite(values), prepend=False, append=False))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _one(values: npt.ArrayLike) -> float:
    """Of something that must be a number, and is drawn as one."""
    return float(np.ravel(values)[0])


_PRODUCTS: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
}
#: By name, with how many values each takes at least and at most.
_FUNCTIONS: Final[dict[str, tuple[Callable[..., Floats], int, int]]] = {
    "abs": (np.abs, 1, 1),
    "exp": (np.exp, 1, 1),
    "log": (np.log, 1, 1),
    "log2": (np.log2, 1, 1),
    "log10": (np.log10, 1, 1),
    "sqrt": (np.sqrt, 1, 1),
    "min": (np.minimum, 2, 2),
    "max": (np.maximum, 2, 2),
    "cummin": (np.fmin.accumulate, 1, 1),
    "cummax": (np.fmax.accumulate, 1, 1),
    "cumsum": (np.cumsum, 1, 1),
    "diff": (_diff, 1, 1),
    "ema": (_ema, 1, 2),
    "mean": (_running_mean, 1, 2),
}
