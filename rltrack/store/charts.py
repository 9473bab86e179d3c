"""Charts that runs have logged: how each is drawn, and all of one key together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rltrack._values import finite
from rltrack.errors import NotFoundError
from rltrack.plot.presets import read_preset
from rltrack.plot.spec import filled, overlaid
from rltrack.store.media import media_of
from rltrack.store.run import RunReader
from rltrack.store.tables import KINDS, Steps, tables_of


def drawn(root: Path, chart: Mapping[str, Any]) -> dict[str, Any]:
    """How a chart is drawn; where it was logged by the name of a preset, as that is now.

    Args:
        root: the folder of all projects.
        chart: what a row says of it.
    """
    spec = chart.get("spec") or None
    if spec is None and (preset := read_preset(str(chart.get("preset")), root)) is not None:
        try:
            spec = filled(preset, chart.get("fields") or {}, chart.get("strings") or {})
        except KeyError:  # it asks for a column that was not said
            return dict(chart)
        return {**chart, "spec": spec, "overlay": overlaid(spec)}
    return dict(chart)


def chart_of(
    root: Path, runs: Sequence[RunReader], key: str, steps: Steps = "last"
) -> dict[str, Any]:
    """The chart of several runs, with their rows.

    Raises:
        NotFoundError: none of them has one, or it is of a preset that is not there.
    """
    found: dict[str, Any] | None = None
    for run in runs:
        for item in media_of(run, [key]):
            if item.kind in KINDS and isinstance(item.facts.get("chart"), dict):
                found = drawn(root, item.facts["chart"])
    if found is None:
        raise NotFoundError(f"none of {len(runs)} runs has a chart {key!r}")
    if found.get("overlay") is None:
        raise NotFoundError(
            f"chart {key!r} is drawn by {found.get('preset')!r}, which is not there; "
            "Api.create_custom_chart makes it"
        )
    table = tables_of(runs, key, steps)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {**found["overlay"], "data": {"name": "table", "values": finite(rows)}}
