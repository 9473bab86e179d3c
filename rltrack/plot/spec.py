"""Vega-Lite specifications with gaps: which there are, how they are filled, and how runs are told apart.

``${field:x}`` is a column, ``${string:title}`` a text. The rows are data of the name ``table``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

DATA: Final = "table"
RUN: Final = "run"
_GAP: Final = re.compile(r"\$\{(field|string):([^}]+)\}")


def field_names(spec: Any) -> set[str]:
    """The columns that a specification asks for."""
    found: set[str] = set()

    def look(text: str) -> str:
        found.update(name for kind, name in _GAP.findall(text) if kind == "field")
        return text

    _each_text(spec, look)
    return found


def filled(
    spec: Mapping[str, Any], fields: Mapping[str, str], strings: Mapping[str, str]
) -> dict[str, Any]:
    """A specification with columns and texts in the gaps; a text that is not given is empty."""

    def fill(text: str) -> str:
        gap = _GAP.fullmatch(text)
        if gap is not None and gap[1] == "field":
            return escaped(fields[gap[2]])
        return _GAP.sub(
            lambda one: fields[one[2]] if one[1] == "field" else strings.get(one[2], ""), text
        )

    made: dict[str, Any] = _each_text(spec, fill)
    return {**made, "data": {"name": DATA}}


def escaped(column: str) -> str:
    """A column as Vega-Lite takes it, to which dots and brackets are a path into an object."""
    return re.sub(r"([.\[\]\\])", r"\\\1", column)


def overlaid(spec: dict[str, Any]) -> dict[str, Any]:
    """The same for the rows of several runs: by colour, or where that is taken, beside each other.

    Args:
        spec: with its gaps filled.
    """
    encoding = spec.get("encoding")
    if (
        not isinstance(encoding, dict)
        or spec.get("layer")
        or ("color" in encoding and _is_area(spec))
    ):
        inner = {
            key: value for key, value in spec.items() if key not in ("data", "$schema", "title")
        }
        outer: dict[str, Any] = {
            key: spec[key] for key in ("$schema", "title", "data") if key in spec
        }
        return {**outer, "facet": {"field": RUN, "type": "nominal"}, "columns": 2, "spec": inner}
    run = {"field": RUN, "type": "nominal", "title": "run"}
    told = dict(encoding)
    if "color" in encoding:
        dashed = _mark(spec) == "line"
        told["strokeDash" if dashed else "shape"] = encoding["color"]
    told["color"] = run
    if _mark(spec) == "bar":
        told["yOffset" if "sort" in encoding.get("y", {}) else "xOffset"] = {"field": RUN}
    return {**spec, "encoding": told}


def _mark(spec: Mapping[str, Any]) -> str:
    mark = spec.get("mark")
    return str(mark.get("type") if isinstance(mark, Mapping) else mark)


def _is_area(spec: Mapping[str, Any]) -> bool:
    """Whether colour shows a number, and not which group something is of."""
    return _mark(spec) in ("rect", "area", "arc")


def _each_text(value: Any, work: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return work(value)
    if isinstance(value, Mapping):
        return {str(key): _each_text(item, work) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each_text(item, work) for item in value]
    return value
