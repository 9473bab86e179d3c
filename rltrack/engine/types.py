"""Arrow's types as DuckDB names them, and one type for the columns of several files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rltrack.media.table_kinds import arrow

TEXT: Final = "VARCHAR"
JSON: Final = "JSON"
_NOTHING: Final = '"NULL"'
_INTS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED: Final = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FLOATS: Final = ("FLOAT", "DOUBLE")


def duck_type(field: Any) -> str:
    """The type of a field of an Arrow schema, with its mark."""
    if (field.metadata or {}).get(b"rltrack") in (b"json", b"media"):
        return JSON
    return _type(field.type)


def _type(found: Any) -> str:
    pa = arrow()
    types = pa.types
    simple = {
        pa.bool_(): "BOOLEAN",
        pa.int8(): "TINYINT",
        pa.int16(): "SMALLINT",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
        pa.uint8(): "UTINYINT",
        pa.uint16(): "USMALLINT",
        pa.uint32(): "UINTEGER",
        pa.uint64(): "UBIGINT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
        pa.date32(): "DATE",
        pa.null(): _NOTHING,
    }
    if found in simple:
        return simple[found]
    if types.is_binary(found) or types.is_large_binary(found):
        return "BLOB"
    if types.is_timestamp(found):
        return "TIMESTAMP" if found.tz is None else "TIMESTAMP WITH TIME ZONE"
    if types.is_time(found):
        return "TIME"
    if types.is_decimal(found) and found.precision <= 38:
        return f"DECIMAL({found.precision}, {found.scale})"
    if types.is_list(found) or types.is_large_list(found):
        return f"{_type(found.value_type)}[]"
    return TEXT


def common_type(one: str, other: str) -> str:
    """A type that holds the values of both: where nothing else does, texts."""
    if one == other or other == _NOTHING:
        return one
    if one == _NOTHING:
        return other
    both = (one, other)
    if all(kind in _INTS for kind in both):
        return max(both, key=_INTS.index)
    if all(kind in _UNSIGNED for kind in both):
        return max(both, key=_UNSIGNED.index)
    if all(kind in (*_INTS, *_UNSIGNED) for kind in both):
        return "HUGEINT" if "UBIGINT" in both else "BIGINT"
    if all(kind in (*_INTS, *_UNSIGNED, *_FLOATS) or kind.startswith("DECIMAL") for kind in both):
        return "DOUBLE"
    if all(kind.endswith("[]") for kind in both):
        return f"{common_type(one[:-2], other[:-2])}[]"
    return TEXT


def common_columns(files: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The columns of all files, in the order in which they come, each of a type for all."""
    found: dict[str, str] = {}
    for columns in files:
        for name, kind in columns.items():
            found[name] = common_type(found[name], kind) if name in found else kind
    return found


def sql_names(names: Sequence[str]) -> list[str]:
    """Names as SQL can have them: each once, whatever its case, and none empty."""
    taken: set[str] = set()
    found = []
    for name in names:
        told = base = name.replace("\0", "") or "_"
        number = 1
        while told.lower() in taken:
            told = f"{base}_{number}"
            number += 1
        taken.add(told.lower())
        found.append(told)
    return found
