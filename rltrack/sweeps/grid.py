"""Every point of a grid once, by its number: agents agree on it without a word."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from typing import Any

from rltrack.journal.records import Json
from rltrack.sweeps.mistakes import Mistakes
from rltrack.sweeps.space import Space


class Grid:
    """All combinations of the values of a space, numbered.

    Parameters are sorted by name, and the last changes fastest, as with W&B; a value that is
    given twice counts once. Numbers are computed and nothing is listed, so that a grid may have
    any size.

    Args:
        space: whose parameters all have choices; see `check`.
        shuffle: a seed that shuffles the order; None keeps it.
    """

    def __init__(self, space: Space, shuffle: int | None = None) -> None:
        self._axes = {name: _unique(one.choices() or ()) for name, one in space.parameters.items()}
        self._shuffle = shuffle
        self.size = math.prod(len(axis) for axis in self._axes.values())
        """How many points there are."""

    def point(self, number: int) -> dict[str, Any]:
        """The values of a point, by dotted name; the first has the number 0."""
        rest = number if self._shuffle is None else _shuffled(number, self.size, self._shuffle)
        values: dict[str, Any] = {}
        for name in reversed(self._axes):
            rest, at = divmod(rest, len(self._axes[name]))
            values[name] = self._axes[name][at]
        return dict(reversed(values.items()))

    def number(self, values: Mapping[str, Any]) -> int | None:
        """The number of a point; None if there is none of these values."""
        number = 0
        for name, axis in self._axes.items():
            if name not in values:
                return None
            keys = [_key(one) for one in axis]
            if (key := _key(values[name])) not in keys:
                return None
            number = number * len(axis) + keys.index(key)
        if self._shuffle is None:
            return number
        return next(n for n in range(self.size) if _shuffled(n, self.size, self._shuffle) == number)


def check(space: Space, mistakes: Mistakes) -> None:
    """Note the parameters that cannot be in a grid."""
    for name, distribution in space.parameters.items():
        if distribution.choices() is None:
            where = "parameters." + ".parameters.".join(space.paths[name])
            mistakes.add(
                where,
                "a grid needs values, a constant, int_uniform or q_uniform; method: random draws "
                "from the rest",
            )


def _unique(values: tuple[Json, ...]) -> list[Json]:
    """Each value once; 1 and 1.0 are one, and True is another."""
    found: dict[str, Json] = {}
    for value in values:
        found.setdefault(_key(value), value)
    return list(found.values())


def _key(value: Json) -> str:
    same = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(same, sort_keys=True)


def _shuffled(number: int, size: int, seed: int) -> int:
    """The place of `number` in a permutation of `size` numbers: Feistel's, so without a list."""
    bits = max(2, (size - 1).bit_length())
    bits += bits % 2
    half = bits // 2
    mask = (1 << half) - 1
    while True:
        left, right = number >> half, number & mask
        for turn in range(4):
            mixed = random.Random(f"{seed}/{turn}/{right}").getrandbits(half)
            left, right = right, left ^ mixed
        number = left << half | right
        if number < size:  # else walk on, until it is one of ours again
            return number
