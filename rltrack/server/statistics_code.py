"""The lines of Python that give the numbers of the statistics page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

_TEMPLATE: Final = """\
import numpy as np
import rltrack
from rltrack import stats

api = rltrack.Api({root!r})
runs_of = {groups}


def score(task, ids):
    runs = [api.run(f"{project}/{{id}}") for id in ids]
    return stats.scores_of(runs, {metric!r}, {take!r}, last={last})


scores = {{
    name: np.column_stack([score(task, ids) for task, ids in tasks.items()])
    for name, tasks in runs_of.items()
}}
{normalise}for name, found in scores.items():
    print(name, "n =", len(found))
    for statistic in ("iqm", "median", "mean", "optimality_gap"):
        print("  ", statistic, stats.interval(found, statistic, threshold={threshold!r}))
"""
_NORMALISE: Final = """\
low, high = {low}, {high}  # of each task
scores = {{name: stats.normalized(found, low, high) for name, found in scores.items()}}
"""
_VERSUS: Final = """\
baseline = scores[{baseline!r}]
for name, found in scores.items():
    if name != {baseline!r}:
        print(name, "better than", {baseline!r}, stats.improvement_interval(found, baseline))
"""


def lines_of(
    root: str,
    project: str,
    groups: Mapping[str, Mapping[str, Sequence[str]]],
    *,
    metric: str,
    take: str,
    last: int,
    limits: Mapping[str, Sequence[float]] | None,
    threshold: float,
    baseline: str | None,
    x: str,
) -> str:
    """A program that prints what the page shows.

    Args:
        root: the folder of all projects.
        project: of the runs.
        groups: name to task to ids of runs.
        metric: of which the scores are.
        take: see `rltrack.stats.scores_of`.
        last: see there.
        limits: of each task, what is 0 and what is 1.
        threshold: of the optimality gap.
        baseline: the group that the others are compared with.
        x: over which the curves are drawn.
    """
    if not groups:
        return ""
    tasks = list(next(iter(groups.values())))
    normalise = ""
    if limits is not None:
        low, high = ([limits[task][end] for task in tasks] for end in (0, 1))
        normalise = _NORMALISE.format(low=low, high=high)
    text = _TEMPLATE.format(
        root=root,
        project=project.replace("{", "{{").replace("}", "}}").replace("\\", "\\\\"),
        groups=_groups(groups),
        metric=metric,
        take=take,
        last=last,
        normalise=normalise,
        threshold=threshold,
    )
    if len(groups) > 1:
        text += _VERSUS.format(baseline=baseline)
    return text + (
        "\n# The curves\n"
        "for name, tasks in runs_of.items():\n"
        "    ids = [id for found in tasks.values() for id in found]\n"
        f"    curves = stats.curves_of([api.run(f{project + '/{id}'!r}) for id in ids], "
        f"{metric!r}, {x!r})\n"
        "    x, values = stats.align(curves)\n"
        '    print(name, stats.band(x, values, "iqm", "bootstrap").name)\n'
    )


def _groups(groups: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    lines = ["{"]
    for name, tasks in groups.items():
        lines.append(f"    {name!r}: {{")
        lines += [f"        {task!r}: {list(ids)!r}," for task, ids in tasks.items()]
        lines.append("    },")
    return "\n".join([*lines, "}"])
