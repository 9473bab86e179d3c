"""Histograms of many steps as one picture: `POST /api/projects/{project}/histograms`.

    {"key": "gradients/fc1.weight", "runs": ["id", …],
     "x": "auto",                   global_step where a run has it, or _step; or an axis
     "columns": 200, "bins": 64,    at most so many along and across
     "outliers": false}             whether the range holds all values, or 99.8 % of them

answers

    {"x": "global_step", "edges": [b + 1 numbers], "grid": [c + 1 numbers],
     "outside": 12.0,               values beyond the range
     "runs": [{"run": "id", "counts": [[b numbers] or null, …c], "histograms": 1234}],
     "missing": [ids of runs without one]}

All runs share edges and grid, so that they can be compared. Each logged histogram has bins of its
own; a bin that lies across several of the picture's is shared out among them by width, and those
of the steps that share a column are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rltrack.errors import NotFoundError
from rltrack.server.answers import Refusal
from rltrack.store.columns import OBJECT, Floats
from rltrack.store.project import Project
from rltrack.store.run import RunReader
from rltrack.store.series import axis_values

MAX_COLUMNS: Final = 1000
MAX_BINS: Final = 512
MAX_RUNS: Final = 20
#: Part of all values that may lie outside of the range at each end, unless outliers are wanted.
_TAIL: Final = 0.001


@dataclass(frozen=True, slots=True)
class Counted:
    """The histograms of one run, in the order of its rows."""

    x: Floats
    edges: list[Floats]
    counts: list[Floats]


def histogram_answer(project: Project, body: Any) -> dict[str, Any]:
    """The merged histograms of some runs.

    Raises:
        Refusal: something in the question is not what it may be.
        NotFoundError: no run has histograms of that name.
    """
    asked = _checked(body)
    key, runs = asked["key"], project.find(asked["runs"])
    readers = {run_id: run for run_id, run in runs.items() if run is not None}
    x = asked["x"]
    if x == "auto":
        counts = any("global_step" in run.logged_keys() for run in readers.values())
        x = "global_step" if counts else "_step"
    counted = {run_id: histograms_of(run, key, x) for run_id, run in readers.items()}
    counted = {run_id: one for run_id, one in counted.items() if len(one.x)}
    if not counted:
        raise NotFoundError(f"none of {len(asked['runs'])} runs has histograms {key!r}")
    every = list(counted.values())
    edges = common_edges(every, asked["bins"], outliers=asked["outliers"])
    grid = common_grid(every, asked["columns"])
    merged = {run_id: merge(one, grid, edges) for run_id, one in counted.items()}
    inside = sum(float(np.nansum(one)) for one in merged.values())
    whole = sum(float(part.sum()) for one in every for part in one.counts)
    return {
        "x": x,
        "edges": edges.tolist(),
        "grid": grid.tolist(),
        "outside": max(0.0, round(whole - inside, 3)),
        "runs": [
            {
                "run": run_id,
                "histograms": len(counted[run_id].x),
                # Three decimals: shared-out bins have many more, and none is seen.
                "counts": [
                    None if np.isnan(column[0]) else np.round(column, 3).tolist() for column in one
                ],
            }
            for run_id, one in merged.items()
        ],
        "missing": [run_id for run_id in asked["runs"] if run_id not in counted],
    }


def histogram_keys(run: RunReader, keys: Sequence[str]) -> list[str]:
    """Those of the names under which a run has logged histograms."""
    with run.lock:
        return [
            key
            for key in keys
            if (points := run.points(key)) is not None
            and OBJECT in points.column.seen
            and any(map(_is_histogram, points.column.objects[:8]))
        ]


def histograms_of(run: RunReader, key: str, x: str) -> Counted:
    """The histograms of a run that stand somewhere on an axis."""
    with run.lock:
        points = run.points(key)
        if points is None:
            return Counted(np.empty(0), [], [])
        places = np.flatnonzero(points.kinds == OBJECT)
        values: list[Any] = [points.column.objects[int(points.bits[at])] for at in places]
        fits = [at for at, value in enumerate(values) if _is_histogram(value)]
        at = axis_values(run, x, points.row[places[fits]])
    found = [(at[n], values[fit]) for n, fit in enumerate(fits) if np.isfinite(at[n])]
    return Counted(
        np.array([place for place, _ in found]),
        [np.asarray(value["bins"], np.float64) for _, value in found],
        [np.asarray(value["values"], np.float64) for _, value in found],
    )


def _is_histogram(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("_type") == "histogram"
        and isinstance(value.get("bins"), list)
        and isinstance(value.get("values"), list)
        and len(value["bins"]) == len(value["values"]) + 1 > 1
    )


def common_edges(counted: list[Counted], bins: int, *, outliers: bool) -> Floats:
    """Equal bins over the values of all histograms; without outliers over nearly all of them."""
    low = np.concatenate([edges[:-1] for one in counted for edges in one.edges])
    high = np.concatenate([edges[1:] for one in counted for edges in one.edges])
    counts = np.concatenate([part for one in counted for part in one.counts])
    held = counts > 0
    if not held.any():
        held[:] = True
    low, high, counts = low[held], high[held], counts[held]
    first, last = float(low.min()), float(high.max())
    total = counts.sum()
    if not outliers and total > 0:
        order = np.argsort(low, kind="stable")
        first = float(low[order][np.searchsorted(np.cumsum(counts[order]), total * _TAIL)])
        order = np.argsort(-high, kind="stable")
        last = float(high[order][np.searchsorted(np.cumsum(counts[order]), total * _TAIL)])
    if not first < last:
        first, last = first - 0.5, last + 0.5
    return np.linspace(first, last, bins + 1)


def common_grid(counted: list[Counted], columns: int) -> Floats:
    """Edges of columns along the axis, each as wide as the others, none finer than the steps."""
    every = np.unique(np.concatenate([one.x for one in counted]))
    first, last = float(every[0]), float(every[-1])
    if len(every) == 1:
        return np.array([first - 0.5, first + 0.5])
    # Half a step on each side, so that a histogram stands in the middle of its column.
    steps = min(columns, len(every), max(2, round((last - first) / np.diff(every).min()) + 1))
    half = (last - first) / (steps - 1) / 2
    return np.linspace(first - half, last + half, steps + 1)


def merge(counted: Counted, grid: Floats, edges: Floats) -> Floats:
    """Counts of each column and bin; a column without a histogram is NaN."""
    merged = np.full((len(grid) - 1, len(edges) - 1), np.nan)
    columns = np.clip(np.searchsorted(grid, counted.x, side="right") - 1, 0, len(merged) - 1)
    for column, own, counts in zip(columns.tolist(), counted.edges, counted.counts, strict=True):
        below = np.concatenate([[0.0], np.cumsum(counts)])
        shared = np.diff(np.interp(edges, own, below))
        # The first edge counts what lies on it, too.
        merged[column] = shared if np.isnan(merged[column][0]) else merged[column] + shared
    return merged


def _checked(body: Any) -> dict[str, Any]:
    defaults = {"x": "auto", "columns": 200, "bins": 64, "outliers": False}
    asked: dict[str, Any] = defaults | (body if isinstance(body, dict) else {})
    runs = asked.get("runs")
    checks: tuple[tuple[str, bool, str], ...] = (
        ("key", isinstance(asked.get("key"), str), "the name of histograms"),
        (
            "runs",
            isinstance(runs, list)
            and 0 < len(runs) <= MAX_RUNS
            and all(isinstance(one, str) for one in runs),
            f"a list of up to {MAX_RUNS} run ids",
        ),
        ("x", isinstance(asked["x"], str), "auto or an axis"),
        ("columns", _is_count(asked["columns"], MAX_COLUMNS), f"from 2 to {MAX_COLUMNS}"),
        ("bins", _is_count(asked["bins"], MAX_BINS), f"from 2 to {MAX_BINS}"),
        ("outliers", isinstance(asked["outliers"], bool), "true or false"),
    )
    for name, fits, wanted in checks:
        if not fits:
            raise Refusal(400, f"{name}={asked.get(name)!r}", f"it must be {wanted}")
    return asked


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 2 <= value <= most
