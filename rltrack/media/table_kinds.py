"""The kinds of a table's columns: what each cell may be, and how it is kept in Arrow.

    null      nothing but None yet         bool int float text bytes    time utc date
    list:…    lists of one of these        json     lists and dicts of anything
    media     an image, a video…           any      whatever JSON holds, where types may be mixed

A column has one kind. Ints among floats are floats; None is in a column of any kind unless it is
said to have no holes; all else is a `TypeError` at the call, unless the table takes mixed types.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rltrack._values import Unstorable, finite, is_array, plain
from rltrack.extras import require
from rltrack.media.base import Media
from rltrack.media.direct import as_media

#: Cells of these types are kept as they are.
SIMPLE: Final[dict[type, str]] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "text",
    bytes: "bytes",
    dt.date: "date",
}
#: Mark of a field whose texts are JSON, or references to media as JSON.
JSON_MARK: Final = {b"rltrack": b"json"}
MEDIA_MARK: Final = {b"rltrack": b"media"}

_BY_TYPE: Final[dict[Any, str]] = {
    **SIMPLE,
    dt.datetime: "time",
    list: "json",
    tuple: "json",
    dict: "json",
    object: "any",
    Any: "any",
}
_BY_NAME: Final = {"number": "float", "string": "text", "boolean": "bool", "str": "text"}
_NAMES: Final = (*SIMPLE.values(), "time", "utc", "json", "media", "any")


def arrow() -> Any:
    """PyArrow, in which tables are kept.

    Raises:
        MissingExtraError: it is not installed.
    """
    return require("pyarrow", extra="analysis")


def merged(kind: str, other: str) -> str | None:
    """The kind of a column that has cells of both; None if there is none."""
    if kind == other or other == "null":
        return kind
    if kind == "null":
        return other
    if {kind, other} == {"int", "float"}:
        return "float"
    if "any" in (kind, other):
        return "any"
    if kind.startswith("list:") and other.startswith("list:"):
        items = merged(kind[5:], other[5:])
        return "json" if items is None else f"list:{items}"
    if {kind[:5], other[:5]} == {"list:", "json"}:
        return "json"
    return None


def asked_kind(dtype: Any) -> str:
    """The kind that a caller means by a type, or by the name of one.

    Raises:
        TypeError: it means none.
    """
    if isinstance(dtype, type) and issubclass(dtype, Media):
        return "media"
    try:
        if dtype in _BY_TYPE:
            return _BY_TYPE[dtype]
    except TypeError:  # not hashable
        pass
    if isinstance(dtype, str) and (name := _BY_NAME.get(dtype, dtype)) in _NAMES:
        return name
    numpy = require("numpy", extra="analysis")
    try:
        letter = numpy.dtype(dtype).kind
    except TypeError:
        letter = ""
    found = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "text", "M": "time"}
    if letter not in found:
        raise TypeError(f"dtype={dtype!r} is no type of a column; there are {', '.join(_NAMES)}")
    return found[letter]


def seen(cell: Any) -> tuple[Any, str]:
    """A cell in the form in which it is kept, and its kind.

    Raises:
        TypeError: it has no form in a table.
    """
    kind = SIMPLE.get(type(cell))
    if kind is not None:
        return cell, kind
    if isinstance(cell, Media):
        return cell, "media"
    if isinstance(cell, dt.datetime):
        if cell.tzinfo is None:
            return cell, "time"
        return cell.astimezone(dt.UTC), "utc"
    if (made := as_media(cell)) is not None:
        return made, "media"
    if is_array(cell):
        return _of_array(cell)
    if isinstance(cell, (list, tuple)):
        return _of_list(cell)
    try:
        value = plain(cell)
    except Unstorable as why:
        raise TypeError(str(why)) from None
    return value, SIMPLE.get(type(value), "json")


def _of_array(cell: Any) -> tuple[Any, str]:
    if hasattr(cell, "detach"):
        cell = cell.detach().cpu()
    value = cell.tolist()  # of any size: a cell is no chart
    return seen(value) if type(value).__module__ == "builtins" else (str(value), "text")


def _of_list(cell: Sequence[Any]) -> tuple[Any, str]:
    kinds = {SIMPLE.get(type(item)) for item in cell}
    kind: str | None = "null"
    for one in kinds:
        kind = None if kind is None or one is None else merged(kind, one)
    if kind in ("null", "bool", "int", "float", "text"):
        return list(cell), f"list:{kind}"
    items = [seen(item) for item in cell]
    if any(kind == "media" for _, kind in items):
        raise TypeError("a list of media is no cell; give each a column or a row of its own")
    whole: str | None = "null"
    for _, one in items:
        whole = None if whole is None else merged(whole, one)
    if whole is not None and (whole.startswith("list:") or whole in ("int", "float", "text")):
        return [item for item, _ in items], f"list:{whole}"
    try:
        return plain(list(cell)), "json"
    except Unstorable as why:
        raise TypeError(str(why)) from None


# -- in Arrow --------------------------------------------------------------------------------------


def arrow_type(kind: str) -> Any:
    """How a column of that kind is kept in memory."""
    pa = arrow()
    if kind.startswith("list:"):
        return pa.list_(arrow_type(kind[5:]))
    types = {
        "null": pa.null,
        "bool": pa.bool_,
        "int": pa.int64,
        "float": pa.float64,
        "bytes": pa.binary,
        "time": lambda: pa.timestamp("us"),
        "utc": lambda: pa.timestamp("us", tz="UTC"),
        "date": pa.date32,
        "media": pa.int64,  # the number of the media among those of the table
    }
    return types.get(kind, pa.string)()


def kind_of_type(found: Any) -> str | None:
    """The kind of an Arrow column that came from elsewhere; None for one with no such form."""
    pa = arrow()
    types = pa.types
    tests: tuple[tuple[str, Any], ...] = (
        ("null", types.is_null),
        ("bool", types.is_boolean),
        ("int", types.is_integer),
        ("float", types.is_floating),
        ("float", types.is_decimal),
        ("text", types.is_string),
        ("text", types.is_large_string),
        ("bytes", types.is_binary),
        ("bytes", types.is_large_binary),
        ("date", types.is_date),
    )
    for kind, test in tests:
        if test(found):
            return kind
    if is_view(found, "string"):
        return "text"
    if is_view(found, "binary"):
        return "bytes"
    if types.is_timestamp(found):
        return "time" if found.tz is None else "utc"
    if types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found):
        items = kind_of_type(found.value_type)
        return None if items is None else f"list:{items}"
    if types.is_dictionary(found):
        return kind_of_type(found.value_type)
    return None


def is_view(found: Any, of: str) -> bool:
    """Whether it is the type of views of texts or bytes, which older PyArrow does not have."""
    test = getattr(arrow().types, f"is_{of}_view", None)
    return bool(test and test(found))


def texts_of_json(cells: Sequence[Any]) -> list[str | None]:
    """Cells as JSON that everybody reads; None stays None."""
    return [
        None
        if cell is None
        else json.dumps(finite(_speakable(cell)), ensure_ascii=False, default=str)
        for cell in cells
    ]


def _speakable(cell: Any) -> Any:
    if isinstance(cell, (dt.date, dt.datetime)):
        return cell.isoformat()
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, Mapping):
        return {str(key): _speakable(item) for key, item in cell.items()}
    return [_speakable(item) for item in cell] if isinstance(cell, list) else cell


def clean(text: str) -> str:
    """A text as others take it: what is no character is a question mark."""
    return text.encode("utf-8", "replace").decode()
