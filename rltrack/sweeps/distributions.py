"""How a parameter is drawn: each of W&B's distributions as an inverse CDF of a uniform number.

`draw(u)` never falls as `u` goes from 0 to 1, so one stream of uniform numbers is a sample of any
of them, and a sampler that knows only uniform numbers can search all of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from statistics import NormalDist
from typing import Any, Final, Protocol

from rltrack.journal.records import Json

#: `normal` has no value at 0 and 1.
_ALMOST_0: Final = 2.0**-53
_ALMOST_1: Final = 1 - 2.0**-53


class Distribution(Protocol):
    """What a parameter may be, and how often."""

    def draw(self, u: float) -> Any:
        """The value below which lies the share `u` of all draws, from 0 to 1."""
        ...

    def choices(self) -> tuple[Json, ...] | None:
        """All values in their order; None if they cannot be counted, or not alike often."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """One value."""

    value: Json

    def draw(self, u: float) -> Json:
        """The value."""
        return self.value

    def choices(self) -> tuple[Json, ...]:
        """The value alone."""
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of some values: all alike often, or as `probabilities` say, which sum to 1."""

    values: tuple[Json, ...]
    probabilities: tuple[float, ...] | None = None

    def draw(self, u: float) -> Json:
        """A value, in the order in which they are given."""
        return self.values[self.index(u)]

    def index(self, u: float) -> int:
        """The place of the value of `u`."""
        if self.probabilities is None:
            return min(int(u * len(self.values)), len(self.values) - 1)
        below = list(accumulate(self.probabilities))
        at = min(bisect_right(below, u), len(below) - 1)
        while self.probabilities[at] == 0 and at > 0:  # u is 1, and the last is never drawn
            at -= 1
        return at

    def choices(self) -> tuple[Json, ...] | None:
        """The values, if all are alike often."""
        return self.values if self.probabilities is None else None


@dataclass(frozen=True, slots=True)
class IntUniform:
    """Each integer from `min` to `max`, both included."""

    min: int
    max: int

    def draw(self, u: float) -> int:
        """An integer."""
        return min(self.min + int(u * (self.max - self.min + 1)), self.max)

    def choices(self) -> tuple[Json, ...]:
        """All of them."""
        return tuple(range(self.min, self.max + 1))


@dataclass(frozen=True, slots=True)
class Uniform:
    """A number from `min` to `max`."""

    min: float
    max: float

    def draw(self, u: float) -> float:
        """A number."""
        return min(self.min + u * (self.max - self.min), self.max)

    def choices(self) -> None:
        """Too many."""


@dataclass(frozen=True, slots=True)
class LogUniform:
    """A positive number from `min` to `max` whose logarithm is uniform.

    Four of W&B's distributions are this one. ``log_uniform`` gives the natural logarithms of the
    bounds, ``log_uniform_values`` the bounds; X for which log(1/X) is uniform, as the ``inv_``
    ones have it, is no other X than one for which log(X) is.
    """

    min: float
    max: float

    def draw(self, u: float) -> float:
        """A number."""
        if u <= 0 or u >= 1:
            return self.max if u >= 1 else self.min  # which their logarithms may miss by a bit
        low, high = math.log(self.min), math.log(self.max)
        return min(max(math.exp(low + u * (high - low)), self.min), self.max)

    def choices(self) -> None:
        """Too many."""


@dataclass(frozen=True, slots=True)
class Normal:
    """Gauss's bell around `mu`, with the standard deviation `sigma`."""

    mu: float = 0.0
    sigma: float = 1.0

    def draw(self, u: float) -> float:
        """A number."""
        return NormalDist(self.mu, self.sigma).inv_cdf(min(max(u, _ALMOST_0), _ALMOST_1))

    def choices(self) -> None:
        """Too many."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A positive number whose natural logarithm is normal, with `mu` and `sigma`."""

    mu: float = 0.0
    sigma: float = 1.0

    def draw(self, u: float) -> float:
        """A number."""
        return math.exp(Normal(self.mu, self.sigma).draw(u))

    def choices(self) -> None:
        """Too many."""


@dataclass(frozen=True, slots=True)
class Beta:
    """A number from 0 to 1 with the density x^(a-1) (1-x)^(b-1), but for a factor."""

    a: float = 1.0
    b: float = 1.0

    def draw(self, u: float) -> float:
        """A number."""
        if u <= 0 or u >= 1:
            return float(u >= 1)
        low, high = 0.0, 1.0
        # Halving is slow and never wrong: 60 halvings are 0.1 ms, once a trial.
        while (middle := (low + high) / 2) not in (low, high) and high - low > 1e-17:
            if _beta_cdf(middle, self.a, self.b) < u:
                low = middle
            else:
                high = middle
        return high

    def choices(self) -> None:
        """Too many."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """``round(X / q) * q`` of another distribution; integers, if `q` is one.

    At the ends it may leave the bounds of X, as with W&B: of 1 to 10 with q = 4 come 0, 4 and 8.
    """

    of: Uniform | LogUniform | Normal | LogNormal | Beta
    q: float

    def draw(self, u: float) -> float:
        """A multiple of `q`."""
        return multiple(round(self.of.draw(u) / self.q), self.q)

    def choices(self) -> tuple[Json, ...] | None:
        """From the lowest bound of a uniform number in steps of `q`, up to the highest."""
        if not isinstance(self.of, Uniform):
            return None
        # A little more than the quotient, which misses the last step of 0 to 0.3 by 0.1.
        steps = int((self.of.max - self.of.min) / self.q * (1 + 1e-12))
        return tuple(
            _plus(self.of.min, multiple(step, self.q), self.q) for step in range(steps + 1)
        )


def multiple(count: int, q: float) -> float:
    """`count` times `q` as one would write it: 3 times 0.1 is 0.3."""
    return count * q if isinstance(q, int) else float(count * Decimal(repr(q)))


def _plus(start: float, distance: float, q: float) -> float:
    if isinstance(q, int) and start == int(start):
        return int(start) + int(distance)
    return float(Decimal(repr(start)) + Decimal(repr(distance)))


def _beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # It converges fast on one side of the mean only; on the other the mirrored one does.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation of the fraction in Abramowitz and Stegun 26.5.8."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d or tiny)
    value = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or tiny)
            c = 1 + numerator / c or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
