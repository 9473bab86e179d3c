"""Specifications by name: our own, and those that a project keeps in ``charts/<name>.json``."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rltrack._names import folder_name
from rltrack.errors import UsageError
from rltrack.settings import resolve

CHARTS: Final = "charts"
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"


def _spec(mark: Any, encoding: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "$schema": _SCHEMA,
        "title": "${string:title}",
        "width": "container",
        "height": "container",
        "data": {"name": "table"},
        "mark": mark,
        "encoding": encoding,
        **more,
    }


def _column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"field": f"${{field:{name}}}", "type": kind, **more}


def line(x_type: str, stroke: bool) -> dict[str, Any]:
    """Lines over a column of some type, of a colour for each value of another."""
    encoding = {
        "x": _column("x", x_type),
        "y": _column("y", "quantitative", scale={"zero": False}),
    }
    if stroke:
        encoding["color"] = _column("stroke", "nominal")
    return _spec({"type": "line", "tooltip": True, "clip": True}, encoding)


_CURVE: Final = {
    "x": _column("x", "quantitative", scale={"domain": [0, 1]}),
    "y": _column("y", "quantitative", scale={"domain": [0, 1]}),
    "color": _column("class", "nominal"),
}

#: By name, as W&B calls them but for the first part.
BUILT_IN: Final[dict[str, dict[str, Any]]] = {
    "rltrack/line/v0": line("quantitative", stroke=False),
    "rltrack/scatter/v0": _spec(
        {"type": "point", "tooltip": True, "filled": True},
        {
            "x": _column("x", "quantitative", scale={"zero": False}),
            "y": _column("y", "quantitative", scale={"zero": False}),
        },
    ),
    "rltrack/bar/v0": _spec(
        {"type": "bar", "tooltip": True},
        {"y": _column("label", "nominal", sort="-x"), "x": _column("value", "quantitative")},
    ),
    "rltrack/histogram/v0": _spec(
        {"type": "bar", "tooltip": True},
        {
            "x": _column("value", "quantitative", bin={"maxbins": 50}),
            "y": {"aggregate": "count", "type": "quantitative", "title": "count"},
        },
    ),
    "rltrack/lineseries/v0": _spec(
        {"type": "line", "tooltip": True, "clip": True},
        {
            "x": _column("step", "quantitative", title="${string:xname}"),
            "y": _column("lineVal", "quantitative", title="", scale={"zero": False}),
            "color": _column("lineKey", "nominal", title=""),
        },
    ),
    "rltrack/area-under-curve/v0": _spec(
        {"type": "line", "tooltip": True, "interpolate": "linear"}, _CURVE
    ),
    "rltrack/confusion_matrix/v1": _spec(
        {"type": "rect", "tooltip": True},
        {
            "x": _column("Predicted", "nominal", sort=None),
            "y": _column("Actual", "nominal", sort=None),
            "color": _column("nPredictions", "quantitative"),
        },
    ),
}


def write_preset(
    root: Path, project: str, name: str, display_name: str, spec: str | Mapping[str, Any]
) -> str:
    """Keep a specification in a project; what `plot_table` takes as its name.

    Raises:
        UsageError: it is no JSON object, or the name is none.
    """
    if not name or "/" in name:
        raise UsageError(f"create_custom_chart(name={name!r}): a name without a slash is asked for")
    if isinstance(spec, str):
        try:
            spec = json.loads(spec)
        except ValueError as why:
            raise UsageError(f"create_custom_chart: the spec is no JSON: {why}") from None
    if not isinstance(spec, Mapping):
        raise UsageError("create_custom_chart: the spec is an object of Vega-Lite")
    path = _path(root, project, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    text = json.dumps({"name": name, "display_name": display_name, "spec": spec}, indent=1)
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
    return f"{project}/{name}"


def read_preset(name: str, root: Path | None = None) -> dict[str, Any] | None:
    """A specification that a project keeps; None if it is not there, or not yet.

    Args:
        name: ``project/name``.
        root: the folder of all projects; by default that of the settings.
    """
    project, slash, leaf = name.rpartition("/")
    if not slash or not project or not leaf:
        return None
    try:
        text = _path(root or Path(resolve().dir or "."), project, leaf).read_text(encoding="utf-8")
        spec = json.loads(text)["spec"]
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None
    return spec if isinstance(spec, dict) else None


def _path(root: Path, project: str, name: str) -> Path:
    return root / folder_name(project) / CHARTS / f"{folder_name(name)}.json"
