"""The values of one key, as arrays that grow.

A point is a row number, 64 bits and a kind that says what the bits are: so ints stay exact,
bools stay bools, and a key that was an int in one row and a float in the next loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from rltrack.journal.records import Json

FLOAT: Final = 0
INT: Final = 1
BOOL: Final = 2
#: The bits are a place in `Column.objects`.
OBJECT: Final = 3

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.uint8]
RowNumbers = npt.NDArray[np.int32]

#: How a journal's schema names the kinds.
KIND_OF_LETTER: Final = {"d": FLOAT, "q": INT, "?": BOOL}

_Number = TypeVar("_Number", bound=np.generic)


class Growing(Generic[_Number]):
    """An array that grows at its end. What is in it never changes, so a view of it stays true."""

    __slots__ = ("_data", "size")

    def __init__(self, dtype: type[_Number]) -> None:
        self._data: npt.NDArray[_Number] = np.empty(0, dtype)
        self.size = 0

    @classmethod
    def of(cls, values: npt.NDArray[_Number]) -> Growing[_Number]:
        """An array that begins with `values`, which nobody else changes."""
        made = cls.__new__(cls)
        made._data, made.size = values, len(values)
        return made

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Append `values`, which are converted where their type is another."""
        size = self.size + len(values)
        if size > len(self._data):
            grown = np.empty(max(size, len(self._data) * 3 // 2), self._data.dtype)
            grown[: self.size] = self.view
            self._data = grown
        self._data[self.size : size] = values
        self.size = size

    @property
    def view(self) -> npt.NDArray[_Number]:
        """What is there, without a copy."""
        return self._data[: self.size]

    @property
    def nbytes(self) -> int:
        """Memory that is held."""
        return self._data.nbytes


class Column:
    """All points of one key, in the order of their rows."""

    __slots__ = ("bits", "has_media", "kinds", "located", "objects", "row", "seen")

    def __init__(self) -> None:
        self.row: Growing[np.int32] = Growing(np.int32)
        self.bits: Growing[np.int64] = Growing(np.int64)
        self.kinds: Growing[np.uint8] = Growing(np.uint8)
        self.objects: list[Json] = []
        self.seen: set[int] = set()
        """Kinds that occur."""
        self.has_media = False
        self.located: tuple[object, Ints | slice, RowNumbers] | None = None
        """A note of `Stream.points`: where the points stand among the merged rows."""

    def __len__(self) -> int:
        return self.row.size

    def extend(self, row: npt.NDArray[Any], bits: Ints, kinds: Kinds) -> None:
        """Append points; `row` is ascending and above all that are there."""
        self.row.extend(row)
        self.bits.extend(bits)
        self.kinds.extend(kinds)

    def add_object(self, value: Json) -> int:
        """Keep a value that is no number; the bits of its point."""
        self.objects.append(value)
        self.has_media = self.has_media or bool(media_references(value))
        return len(self.objects) - 1

    @property
    def is_numeric(self) -> bool:
        """Whether at least one point is a number."""
        return bool(self.seen - {OBJECT})

    def value(self, at: int) -> Json:
        """One point, as Python's own type."""
        kind = int(self.kinds.view[at])
        bits = self.bits.view[at : at + 1]
        if kind == FLOAT:
            return float(bits.view(np.float64)[0])
        if kind == INT:
            return int(bits[0])
        return bool(bits[0]) if kind == BOOL else self.objects[int(bits[0])]

    @property
    def nbytes(self) -> int:
        """Memory that is held, objects left out."""
        return self.row.nbytes + self.bits.nbytes + self.kinds.nbytes


def encode_values(column: Column, values: Sequence[Json]) -> tuple[Ints, Kinds]:
    """Values of any kind, as the bits and kinds of points of `column`."""
    bits = np.empty(len(values), np.int64)
    floats = bits.view(np.float64)
    kinds = np.empty(len(values), np.uint8)
    for at, value in enumerate(values):
        if isinstance(value, bool):
            bits[at], kinds[at] = value, BOOL
        elif isinstance(value, int) and -(2**63) <= value < 2**63:
            bits[at], kinds[at] = value, INT
        elif isinstance(value, float):
            floats[at], kinds[at] = value, FLOAT
        else:
            bits[at], kinds[at] = column.add_object(value), OBJECT
    return bits, kinds


def as_floats(bits: Ints, kinds: Kinds, seen: set[int]) -> Floats:
    """Points that are numbers, as floats: for charts, where a float is exact enough.

    Args:
        bits: of points of which none is an object.
        kinds: of the same points.
        seen: kinds that may occur.
    """
    numbers = seen - {OBJECT}
    if numbers == {FLOAT}:
        return bits.view(np.float64)
    if FLOAT not in numbers:
        return bits.astype(np.float64)
    return np.where(kinds == FLOAT, bits.view(np.float64), bits.astype(np.float64))


def media_references(value: Json) -> list[dict[str, Any]]:
    """The references to files in a logged value: itself, or the items of a group or list."""
    if isinstance(value, dict) and isinstance(value.get("items"), list) and "_type" in value:
        value = value["items"]
    found = value if isinstance(value, list) else [value]
    return [
        item
        for item in found
        if isinstance(item, dict)
        and isinstance(item.get("_type"), str)
        and isinstance(item.get("path"), str)
    ]
