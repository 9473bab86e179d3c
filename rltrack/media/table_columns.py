"""The columns of a table while it is made: their names, what kind of cells they have, and why not.

A cell is looked at once, when it comes; cells of one column become an Arrow array together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rltrack._values import float_of
from rltrack.errors import UsageError
from rltrack.media.base import Media
from rltrack.media.table_kinds import (
    JSON_MARK,
    MEDIA_MARK,
    SIMPLE,
    arrow,
    arrow_type,
    asked_kind,
    clean,
    is_view,
    kind_of_type,
    merged,
    seen,
    texts_of_json,
)

if TYPE_CHECKING:
    import pyarrow as pa

#: How a media among mixed values is written; no JSON text begins so.
MEDIA_SIGN = "\0"


@dataclass(slots=True)
class Column:
    """One column."""

    name: str
    kind: str = "null"
    optional: bool = True
    """Whether a cell may be None."""
    is_fixed: bool = False
    """Whether the caller said what it holds."""
    type: Any = None
    """In Arrow, where it is not the usual one of its kind: a float32, a category."""

    @property
    def mark(self) -> dict[bytes, bytes] | None:
        """What its field says beyond the type."""
        if self.kind == "media":
            return MEDIA_MARK
        return JSON_MARK if self.kind in ("json", "any") else None


@dataclass(slots=True)
class Columns:
    """The columns of one table.

    Args:
        names: in order.
        mixed: a column may have cells of several types.
    """

    names: Sequence[Any]
    dtype: Any = None
    optional: bool | Sequence[bool] | Mapping[str, bool] = True
    mixed: bool = False
    all: list[Column] = field(init=False)
    media: list[Media] = field(init=False, default_factory=list)
    """Those in cells, by number."""

    def __post_init__(self) -> None:
        names = checked_names(self.names)
        kinds = _each(self.dtype, names, "dtype")
        holes = _each(self.optional, names, "optional")
        self.all = [Column(name) for name in names]
        for column, dtype, optional in zip(self.all, kinds, holes, strict=True):
            column.optional = bool(optional) if optional is not None else True
            if dtype is not None:
                column.kind, column.is_fixed = asked_kind(dtype), True
        if self.mixed:
            for column in self.all:
                column.is_fixed = False

    def copy(self) -> Columns:
        """The same columns, which may change apart from these."""
        made = Columns([], mixed=self.mixed)
        made.all = [
            Column(one.name, one.kind, one.optional, one.is_fixed, one.type) for one in self.all
        ]
        made.media = list(self.media)
        return made

    def place(self, name: str) -> int:
        """Which column it is.

        Raises:
            UsageError: there is none of that name.
        """
        for at, column in enumerate(self.all):
            if column.name == name:
                return at
        there = ", ".join(repr(column.name) for column in self.all)
        raise UsageError(f"the table has no column {name!r}; it has {there or 'none'}")

    # -- what comes ------------------------------------------------------------------------

    def widen(self, column: Column, kind: str, cell: Any = None) -> None:
        """Let a column have cells of `kind`, too.

        Raises:
            TypeError: it cannot.
        """
        if kind == "null":
            if not column.optional:
                raise TypeError(
                    f"column {column.name!r} has no holes (optional=False), and None came"
                )
            return
        both = merged(column.kind, kind)
        if both is None and self.mixed:
            both = "any"
        if both is None or (column.is_fixed and both != column.kind):
            raise TypeError(
                f"column {column.name!r} holds {column.kind}, and {_short(cell)} is {kind}; "
                "convert it, or make the table with allow_mixed_types=True"
            )
        if both != column.kind:
            column.kind, column.type = both, None

    def look(self, cells: Sequence[Any]) -> tuple[Any, ...]:
        """The cells of a row in the form in which they are kept; columns widen as they must.

        Raises:
            TypeError: one does not fit its column; then no column has changed.
        """
        found = [seen(cell) for cell in cells]
        before = [(column.kind, column.type) for column in self.all]
        try:
            for column, (cell, kind) in zip(self.all, found, strict=True):
                self.widen(column, kind, cell)
        except TypeError:
            for column, (was, type_) in zip(self.all, before, strict=True):
                column.kind, column.type = was, type_
            raise
        return tuple(cell for cell, _ in found)

    def array(self, column: Column, cells: Sequence[Any], first: int = 0) -> pa.Array:
        """Cells of one column as Arrow.

        Args:
            column: widened as it must be.
            cells: any.
            first: number of the first one's row, for messages.

        Raises:
            TypeError: one does not fit.
        """
        types = dict.fromkeys(map(type, cells))  # in the order in which they come
        if not types.keys() <= SIMPLE.keys():
            cells = self._looked_at(column, cells, first)
        else:
            for one in types:
                try:
                    self.widen(column, SIMPLE[one])
                except TypeError:
                    row, cell = next(
                        (row, cell) for row, cell in enumerate(cells) if type(cell) is one
                    )
                    raise TypeError(
                        f"row {first + row}, column {column.name!r}: {_short(cell)} is "
                        f"{SIMPLE[one]}, and the column holds {column.kind}"
                        + ("" if column.optional else " and no None")
                        + "; convert it, or make the table with allow_mixed_types=True"
                    ) from None
        return self._packed(column, cells)

    def _looked_at(self, column: Column, cells: Sequence[Any], first: int) -> list[Any]:
        found = []
        for row, cell in enumerate(cells):
            try:
                value, kind = seen(cell)
                self.widen(column, kind, value)
            except TypeError as why:
                raise TypeError(f"row {first + row}: {why}") from None
            found.append(value)
        return found

    def _packed(self, column: Column, cells: Sequence[Any]) -> pa.Array:
        pa = arrow()
        column.type = None
        if column.kind == "media":
            numbers = [None if cell is None else self._number(cell) for cell in cells]
            return pa.array(numbers, pa.int64())
        if column.kind in ("json", "any"):
            return pa.array(self._as_json(cells), pa.string())
        try:
            return pa.array(cells, arrow_type(column.kind))
        except UnicodeEncodeError:
            texts = [clean(cell) if isinstance(cell, str) else cell for cell in cells]
            return pa.array(texts, arrow_type(column.kind))
        except (OverflowError, pa.ArrowInvalid):
            # An int of more than 64 bits, or one among floats that is no float exactly.
            if column.kind == "int" and not column.is_fixed:
                self.widen(column, "float")
            if column.kind != "float":
                raise TypeError(
                    f"column {column.name!r}: one of its numbers has more than 64 bits"
                ) from None
            return pa.array([None if cell is None else float_of(cell) for cell in cells])

    def _as_json(self, cells: Sequence[Any]) -> list[str | None]:
        texts = texts_of_json([None if isinstance(cell, Media) else cell for cell in cells])
        for row, cell in enumerate(cells):
            if isinstance(cell, Media):
                texts[row] = f"{MEDIA_SIGN}{self._number(cell)}"
        return texts

    def _number(self, media: Media) -> int:
        self.media.append(media)
        return len(self.media) - 1

    def taken(self, column: Column, array: Any, first: int = 0) -> pa.Array:
        """A column of Arrow's that came from elsewhere.

        Raises:
            TypeError: it does not fit.
        """
        kind = kind_of_type(array.type)
        fits = kind is not None and merged(column.kind, kind) is not None
        if not fits or column.kind in ("json", "any") or (column.is_fixed and column.kind != kind):
            return self.array(column, array.to_pylist(), first)
        assert kind is not None
        if array.null_count and not column.optional:
            row = array.is_null().index(True).as_py()
            raise TypeError(
                f"row {first + row}: column {column.name!r} has no holes (optional=False), "
                "and None came"
            )
        plain = plain_type(array.type)
        if kind != "null":
            known = column.type if column.kind != "null" else plain
            self.widen(column, kind)
            column.type = plain if known == plain else None
        return array if array.type == plain else array.cast(plain)

    # -- how they are kept -----------------------------------------------------------------

    def batch(self, arrays: Iterable[Any]) -> pa.RecordBatch:
        """Arrays of all columns as rows, each field with what kind of column it is now."""
        pa = arrow()
        arrays = list(arrays)
        fields = [
            pa.field(column.name, array.type, metadata={b"kind": column.kind.encode()})
            for column, array in zip(self.all, arrays, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def plain_type(found: Any) -> Any:
    """A type as others read it too: DuckDB has no half floats, and views of texts are for memory."""
    pa = arrow()
    types = pa.types
    if types.is_large_string(found):
        return pa.string()
    if types.is_large_binary(found):
        return pa.binary()
    if types.is_float16(found):
        return pa.float32()
    if types.is_timestamp(found):
        return pa.timestamp("us", tz=None if found.tz is None else "UTC")
    if types.is_date(found):
        return pa.date32()
    if types.is_dictionary(found):
        return plain_type(found.value_type)
    if is_view(found, "string"):
        return pa.string()
    if is_view(found, "binary"):
        return pa.binary()
    if types.is_large_list(found) or types.is_fixed_size_list(found) or types.is_list(found):
        return pa.list_(plain_type(found.value_type))
    return found


def checked_names(names: Iterable[Any]) -> list[str]:
    """Names of columns as texts.

    Raises:
        UsageError: one is there twice, or is no name.
    """
    found: list[str] = []
    for name in names:
        if not isinstance(name, (str, int, float)) and not hasattr(name, "item"):
            raise UsageError(f"{name!r} is no name of a column: names are texts")
        found.append(clean(str(name)))
    if len(set(found)) < len(found):
        twice = sorted({name for name in found if found.count(name) > 1})
        raise UsageError(f"a table has each column once, and {twice[0]!r} is there several times")
    return found


def _each(said: Any, names: list[str], what: str) -> list[Any]:
    """What was said for all columns, or for each."""
    if isinstance(said, Mapping):
        if unknown := sorted(set(map(str, said)) - set(names)):
            raise UsageError(f"{what}: the table has no column {unknown[0]!r}; it has {names}")
        return [said.get(name) for name in names]
    if not isinstance(said, (list, tuple)):
        return [said] * len(names)
    if len(said) != len(names):
        raise UsageError(f"{what} is said for {len(said)} columns, and the table has {len(names)}")
    return list(said)


def _short(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:57]}…"
