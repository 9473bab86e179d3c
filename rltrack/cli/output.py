"""What commands share: the folder and the run that are meant, and how answers are printed."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltrack._values import finite
from rltrack.errors import NotFoundError, UsageError
from rltrack.settings import resolve

if TYPE_CHECKING:
    from rltrack.api import Api, Run
    from rltrack.sync.state import SyncState


def root_of(options: argparse.Namespace) -> Path:
    """The folder of all projects that a command means."""
    return Path(resolve(dir=options.dir).dir or ".").absolute()


def api_of(options: argparse.Namespace) -> Api:
    """What a command reads: a folder, or the server that it names."""
    from rltrack.api import Api

    if options.server is None:
        return Api(root_of(options))
    if options.dir is not None:
        raise UsageError("--dir and --server: runs are read from the one or from the other")
    return Api(base_url=options.server)


def find(api: Api, name: str) -> Run:
    """The run that a user means: by project/id, by id, or by name if only one has it."""
    if "/" in name:
        return api.run(name)
    found = [
        run for project in api.projects() for run in api.runs(project) if name in (run.id, run.name)
    ]
    exact = [run for run in found if run.id == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise NotFoundError(
            f"no run with id or name {name!r} in {api.root}; `rltrack ls` lists projects"
        )
    several = ", ".join(f"{run.project}/{run.id}" for run in found)
    raise NotFoundError(
        f"{len(found)} runs are called {name!r}: {several}; say which by project/id"
    )


def copy_of(run: Run) -> SyncState | None:
    """How far the run's copy on a server is; None if it was never sent to one."""
    from rltrack.sync.state import read_state

    return read_state(Path(run.folder)) if run.folder else None


def facts(run: Run) -> dict[str, Any]:
    """What `--json` prints of a run."""
    return {
        "id": run.id,
        "name": run.name,
        "project": run.project,
        "state": run.state,
        "created_at": run.created_at,
        "tags": list(run.tags),
        "group": run.group,
        "last_step": run.lastHistoryStep,
        "config": dict(run.config),
        "summary": dict(run.summary),
        "sync": _described(copy_of(run)),
    }


def _described(copy: SyncState | None) -> dict[str, Any] | None:
    if copy is None:
        return None
    told = {name: getattr(copy, name) for name in ("server", "url", "phase", "error")}
    return told | {"sent_bytes": copy.sent_bytes, "left_bytes": copy.left_bytes}


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under dotted names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value and "_type" not in value:
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def print_json(value: object) -> None:
    """JSON as everybody reads it: what is not finite is a text."""
    print(json.dumps(finite(value), indent=2, default=str))


def print_table(header: list[str], rows: list[list[object]]) -> None:
    """Columns as wide as their widest cell."""
    texts = [header, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def ago(seconds_since_epoch: object) -> str:
    """How long ago, in the largest unit that fits."""
    assert isinstance(seconds_since_epoch, float)
    age = max(0.0, time.time() - seconds_since_epoch)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= size:
            return f"{age / size:.0f} {unit} ago"
    return f"{age:.0f} s ago"


def count(step: int | None) -> str:
    """A number of steps, with separators."""
    return "-" if step is None else f"{step:,}"


def brief(summary: Any, most: int = 3) -> str:
    """The few numbers of a summary that say most in a list."""
    first = ("eval/mean_reward", "rollout/ep_rew_mean", "episode/return", "val/loss", "loss")
    numbers = {
        key: value
        for key, value in dict(summary).items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and not key.startswith("_")
    }
    chosen = [key for key in first if key in numbers] + [key for key in numbers if key not in first]
    return "  ".join(f"{key}={text(numbers[key])}" for key in chosen[:most])


def text(value: object) -> str:
    """A value, as short as a line needs it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict) and "_type" in value:
        return f"({value['_type']}) {value.get('path', '')}".rstrip()
    told = value if isinstance(value, str) else json.dumps(finite(value), default=str)
    return told if len(told) <= 200 else f"{told[:197]}..."
