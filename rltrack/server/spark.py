"""The small curve of a project in the list of all: one metric of its newest runs."""

from __future__ import annotations

import math
from typing import Any, Final

from rltrack.server.statistics import likely
from rltrack.store.panel import panel
from rltrack.store.project import Project

_RUNS: Final = 5
#: Of a project with more, only so many are looked through for the metric.
_LOOKED_AT: Final = 200
_POINTS: Final = 60


def spark_of(project: Project, metric: str | None) -> dict[str, Any]:
    """The newest runs' curves of a metric, of few points each.

    Args:
        project: it.
        metric: by default, or if no run has it, what most likely says how good a run is.

    Returns:
        ``metric``, all ``metrics``, and ``lines``, the newest run last: ``slot`` and ``points``, each ``[x, y]``.
    """
    newest = sorted(project.runs(), key=lambda run: -run.digest().created_at)[:_LOOKED_AT]
    metrics = sorted({key for run in newest for key in run.digest().metrics})
    chosen = metric if metric in metrics else likely(metrics)
    having = [run.id for run in newest if chosen in run.digest().aggregates][:_RUNS]
    lines: list[dict[str, Any]] = []
    if chosen is not None:
        found = panel(project.find(having), chosen, buckets=_POINTS)
        for run_id, buckets in reversed(list(found.series.items())):
            points = [
                (float(x), float(y))
                for x, y in zip(found.grid.x, buckets.last, strict=True)
                if math.isfinite(y)
            ]
            lines.append({"slot": project.slot(run_id), "points": points})
    return {"metric": chosen, "metrics": metrics, "lines": lines}
