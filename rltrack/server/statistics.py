"""Statistics of experiments over seeds and tasks, as the dashboard asks for them.

All numbers are those of `rltrack.stats`, and the answer has the lines of Python that give the same
ones. What has no score is told, and never silently left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np

from rltrack.errors import Error
from rltrack.server.answers import Refusal, is_number
from rltrack.server.statistics_code import lines_of
from rltrack.stats.bootstrap import Statistic, interval
from rltrack.stats.compare import improvement_interval, performance_profile, profile_interval
from rltrack.stats.curves import Curve, sample_efficiency, smooth_episodes
from rltrack.stats.runs import Take, curves_of, experiments, scores_of
from rltrack.stats.scores import FEW_RUNS, Floats, normalized
from rltrack.store.panel import common_axis
from rltrack.store.project import ListedRun, Project
from rltrack.store.run import RunReader
from rltrack.store.series import series

#: Groups that are shown before anybody chooses, and at most.
FIRST_GROUPS: Final = 6
MOST_GROUPS: Final = 24
MOST_RUNS: Final = 400
THRESHOLDS: Final = 81
GRID: Final = 60
STATISTICS: Final[tuple[Statistic, ...]] = ("iqm", "median", "mean", "optimality_gap")
#: States in which a run did not get to its end by itself.
_BROKEN: Final = frozenset({"crashed", "failed", "killed", "preempted"})

_ASKED: Final[dict[str, Any]] = {
    "metric": None,
    "take": "mean_of_last",
    "last": 100,
    "task": None,
    "but": ["seed"],
    "limits": None,
    "threshold": 1.0,
    "crashed": "count",
    "chosen": None,
    "baseline": None,
}


@dataclass
class _Member:
    """One run of a group."""

    run: ListedRun
    task: str
    score: float = math.nan
    curve: Curve | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        return self.run.digest().config


class _Read:
    """A reader as `rltrack.stats` takes runs."""

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader

    def series(self, key: str, x_axis: str = "_step") -> tuple[Floats, Floats]:
        found = series(self._reader, key, x_axis)
        return (np.empty(0), np.empty(0)) if found is None else (found.x, found.y)


def checked(body: Any) -> dict[str, Any]:
    """A request with its defaults.

    Raises:
        Refusal: something in it is not what it may be.
    """
    if not isinstance(body, dict):
        raise Refusal(400, "the body is no object", f"send some of {', '.join(_ASKED)}")
    asked = _ASKED | body

    def check(name: str, fits: bool, wanted: str) -> None:
        if not fits:
            raise Refusal(400, f"{name}={asked[name]!r}", f"it must be {wanted}")

    check("metric", asked["metric"] is None or isinstance(asked["metric"], str), "a metric")
    check("take", asked["take"] in get_args(Take), f"one of {', '.join(get_args(Take))}")
    check("last", type(asked["last"]) is int and asked["last"] > 0, "a number above 0")
    check("task", asked["task"] is None or isinstance(asked["task"], str), "a key of config")
    check("but", _are_texts(asked["but"]), "keys of config")
    check("limits", _are_limits(asked["limits"]), "observed, or a low and a high of each task")
    check("threshold", is_number(asked["threshold"]), "a number")
    check("crashed", asked["crashed"] in ("count", "leave out"), "count, or leave out")
    check("chosen", asked["chosen"] is None or _are_texts(asked["chosen"]), "names")
    check("baseline", asked["baseline"] is None or isinstance(asked["baseline"], str), "a name")
    return asked


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_limits(limits: Any) -> bool:
    if limits is None or limits == "observed":
        return True
    return isinstance(limits, dict) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(map(is_number, pair))
        and pair[0] != pair[1]
        for pair in limits.values()
    )


def statistics(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    """The numbers of experiments.

    Args:
        project: of the runs.
        asked: of `checked`.

    Returns:
        ``experiments``: all that there are; ``groups``: those that were asked for, with scores,
        intervals and curves; ``thresholds`` and ``x``: of profiles and curves; ``python``.
    """
    found = project.metrics()
    metric = asked["metric"] or likely([one.key for one in found])
    listed = sorted(project.runs(), key=lambda run: run.digest().created_at)
    with_metric = [run for run in listed if metric in run.digest().aggregates]
    # A run that never logged it is one of its experiment all the same: it may have crashed.
    by_name = experiments(
        [_Member(run, _task_of(run, asked["task"])) for run in listed],
        [*asked["but"], *([asked["task"]] if asked["task"] else [])],
    )
    by_name = {
        name: members
        for name, members in by_name.items()
        if any(metric in member.run.digest().aggregates for member in members)
    }
    largest = sorted(by_name, key=lambda name: -len(by_name[name]))[:FIRST_GROUPS]
    chosen = [
        name
        for name in by_name
        if (name in asked["chosen"] if asked["chosen"] is not None else name in largest)
    ][:MOST_GROUPS]
    answer: dict[str, Any] = {
        "metric": metric,
        "metrics": [one.key for one in found],
        "keys": _keys(listed),
        "experiments": [
            {"name": name, "n_runs": len(members)} for name, members in by_name.items()
        ],
        "chosen": chosen,
        "groups": [],
        "thresholds": [],
        "grid": [],
        "x": None,
        "baseline": None,
        "python": "",
        "warnings": [],
    }
    if metric is None or not chosen:
        return answer
    x = common_axis((run for run in with_metric), metric)
    groups = {name: by_name[name] for name in chosen}
    _read(project, groups, metric, x, asked)
    return answer | {"x": x} | _numbers(project, groups, metric, x, asked)


def likely(keys: Sequence[str]) -> str | None:
    """The metric that most likely says how good a run is."""
    for ending in ("episode/return", "ep_rew_mean", "return", "reward", "score"):
        for key in keys:
            if key.endswith(ending):
                return key
    return keys[0] if keys else None


def _task_of(run: ListedRun, key: str | None) -> str:
    value: Any = run.digest().config
    for part in key.split(".") if key else ():
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if key is None else str(value)


def _keys(runs: Iterable[ListedRun]) -> list[str]:
    """Keys of config that can name a task: texts."""
    found: dict[str, None] = {}
    for run in runs:
        for key, value in run.digest().config.items():
            if isinstance(value, str):
                found[key] = None
            elif isinstance(value, Mapping):
                found |= {
                    f"{key}.{inner}": None for inner in value if isinstance(value[inner], str)
                }
    return sorted(found)


def _read(
    project: Project,
    groups: Mapping[str, list[_Member]],
    metric: str,
    x: str,
    asked: Mapping[str, Any],
) -> None:
    """Put a score and a curve to each run."""
    members = [member for group in groups.values() for member in group]
    if len(members) > MOST_RUNS:
        raise Refusal(
            400, f"{len(members)} runs at once", f"choose experiments of {MOST_RUNS} runs together"
        )
    readers = project.find([member.run.id for member in members])
    for member in members:
        reader = readers[member.run.id]
        if reader is None:
            continue
        try:
            one = [_Read(reader)]
            member.score = float(scores_of(one, metric, asked["take"], asked["last"])[0])
            member.curve = curves_of(one, metric, x)[0]
        except Error:
            continue  # damaged: it has no score, which is told


def _numbers(
    project: Project,
    groups: dict[str, list[_Member]],
    metric: str,
    x: str,
    asked: Mapping[str, Any],
) -> dict[str, Any]:
    leave_out = asked["crashed"] == "leave out"

    def counts(member: _Member) -> bool:
        broken = member.run.digest().state in _BROKEN
        return not math.isnan(member.score) and not (leave_out and broken)

    tasks_of = {
        name: {member.task for member in members if counts(member)}
        for name, members in groups.items()
    }
    known = {name: tasks for name, tasks in tasks_of.items() if tasks}
    tasks = sorted(set.intersection(*known.values())) if known else []
    warnings: list[str] = []
    if left := sorted(set().union(*known.values()) - set(tasks)):
        warnings.append(f"not all groups have {', '.join(left)}: left out for all")
    limits = _limits(groups, tasks, counts, asked["limits"])
    if len(tasks) > 1 and limits is None:
        warnings.append(
            f"scores of {len(tasks)} tasks are averaged as they are: normalise them, or one task "
            "with large returns decides"
        )
    used: dict[str, dict[str, list[_Member]]] = {}
    for name, members in groups.items():
        if name in known and tasks:
            by_task = {task: [m for m in members if m.task == task and counts(m)] for task in tasks}
            least = min(map(len, by_task.values()))
            used[name] = {task: there[:least] for task, there in by_task.items()}
    scores = {name: _matrix(by_task, limits) for name, by_task in used.items()}
    baseline = asked["baseline"] if asked["baseline"] in scores else next(iter(scores), None)
    thresholds = _thresholds(scores)
    grid = _grid(used)
    return {
        "groups": [
            _describe(
                project, name, members, used.get(name), scores.get(name), baseline, scores,
                thresholds, grid, limits, leave_out, asked,
            )
            for name, members in groups.items()
        ],
        "tasks": tasks,
        "limits": limits,
        "thresholds": thresholds,
        "grid": grid,
        "baseline": baseline,
        "warnings": warnings,
        "python": lines_of(
            str(project.root.absolute()),
            project.name,
            {
                name: {task: [m.run.id for m in there] for task, there in by_task.items()}
                for name, by_task in used.items()
            },
            metric=metric,
            take=asked["take"],
            last=asked["last"],
            limits=limits,
            threshold=asked["threshold"],
            baseline=baseline,
            x=x,
        ),
    }  # fmt: skip


def _limits(
    groups: Mapping[str, list[_Member]], tasks: Sequence[str], counts: Any, asked: Any
) -> dict[str, list[float]] | None:
    """Of each task, what is 0 and what is 1."""
    if asked is None:
        return None
    found: dict[str, list[float]] = {}
    for task in tasks:
        if asked != "observed":
            if task not in asked:
                raise Refusal(400, f"limits: nothing for {task!r}", "give each task a low and high")
            found[task] = [float(end) for end in asked[task]]
            continue
        seen = [m.score for group in groups.values() for m in group if m.task == task and counts(m)]
        low, high = min(seen), max(seen)
        found[task] = [low, high if high > low else low + 1]
    return found


def _matrix(by_task: Mapping[str, list[_Member]], limits: dict[str, list[float]] | None) -> Floats:
    found = np.column_stack([[member.score for member in there] for there in by_task.values()])
    if limits is None:
        return np.asarray(found, np.float64)
    low, high = ([limits[task][end] for task in by_task] for end in (0, 1))
    return normalized(found, low, high)


def _thresholds(scores: Mapping[str, Floats]) -> list[float]:
    finite = [found[np.isfinite(found)] for found in scores.values()]
    values = np.concatenate(finite) if finite else np.empty(0)
    if not len(values):
        return []
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.04 or 1.0
    return [float(value) for value in np.linspace(low - room, high + room, THRESHOLDS)]


def _grid(used: Mapping[str, Mapping[str, list[_Member]]]) -> list[float]:
    curves = [
        m.curve
        for by_task in used.values()
        for there in by_task.values()
        for m in there
        if m.curve is not None and len(m.curve.x)
    ]
    if not curves:
        return []
    first, last = min(c.x[0] for c in curves), max(c.x[-1] for c in curves)
    return [float(at) for at in np.linspace(first, last, GRID)] if last > first else [float(first)]


def _describe(
    project: Project,
    name: str,
    members: list[_Member],
    used: Mapping[str, list[_Member]] | None,
    scores: Floats | None,
    baseline: str | None,
    all_scores: Mapping[str, Floats],
    thresholds: list[float],
    grid: list[float],
    limits: dict[str, list[float]] | None,
    leave_out: bool,
    asked: Mapping[str, Any],
) -> dict[str, Any]:
    taken = {id(m) for there in (used or {}).values() for m in there}
    n_runs = 0 if scores is None else len(scores)
    told: dict[str, Any] = {
        "name": name,
        "n_runs": n_runs,
        "n_all": len(members),
        "runs": [
            {
                "id": m.run.id,
                "name": m.run.digest().name,
                "state": m.run.digest().state,
                "slot": project.slot(m.run.id),
                "task": m.task,
                "score": m.score,
                "counts": id(m) in taken,
                "why": None if id(m) in taken else _why(m, leave_out),
            }
            for m in members
        ],
        "few": scores is not None and n_runs < FEW_RUNS,
        "intervals": {},
        "profile": None,
        "curve": None,
        "versus": None,
    }
    if scores is None or used is None or not np.isfinite(scores).all():
        return told
    for statistic in STATISTICS:
        found = interval(scores, statistic, threshold=asked["threshold"])
        told["intervals"][statistic] = [found.point, found.low, found.high]
    low, high = profile_interval(scores, thresholds)
    share = performance_profile(scores, thresholds)
    told["profile"] = {"share": share.tolist(), "low": low.tolist(), "high": high.tolist()}
    told["curve"] = _curve(used, grid, limits, asked)
    if baseline is not None and baseline != name:
        better = improvement_interval(scores, all_scores[baseline])
        told["versus"] = [better.point, better.low, better.high]
    return told


def _why(member: _Member, leave_out: bool) -> str:
    if math.isnan(member.score):
        return "it has no score"
    if leave_out and member.run.digest().state in _BROKEN:
        return f"it {member.run.digest().state}"
    return "the other tasks have fewer runs, or not all groups have this task"


def _curve(
    used: Mapping[str, list[_Member]],
    grid: list[float],
    limits: dict[str, list[float]] | None,
    asked: Mapping[str, Any],
) -> dict[str, Any] | None:
    """IQM over runs at each point of the grid, and how many runs have a value there."""
    if len(grid) < 2:
        return None
    curves, tasks = [], []
    for task, there in used.items():
        for member in there:
            assert member.curve is not None  # it has a score
            curve = member.curve
            if asked["take"] == "mean_of_last":
                curve = smooth_episodes(curve, asked["last"])
            if limits is not None:
                low, high = limits[task]
                curve = Curve(curve.x, (curve.y - low) / (high - low))
            curves.append(curve)
            tasks.append(task)
    # Half the draws of a number: they are for the eye, at each of many points.
    band = sample_efficiency(curves, grid, tasks=tasks, resamples=1000)
    return {
        "centre": band.centre.tolist(),
        "low": band.low.tolist(),
        "high": band.high.tolist(),
        "count": band.count.tolist(),
    }
