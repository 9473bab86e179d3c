"""Changes of many runs at once, as a table of runs makes them: edited, moved, deleted, put back.

Each run stands for itself: where one cannot be changed the others are, and the answer says which
and why. An answer holds what undoes it, so that the page needs to remember nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rltrack.errors import Error, StorageError, UsageError
from rltrack.server.answers import Refusal
from rltrack.store.edit import edit, move
from rltrack.store.project import Project
from rltrack.store.run import RunDigest, RunReader
from rltrack.store.trash import delete, find, restore

MOST_RUNS: Final = 10_000
#: Facts of a run that a page changes, and how they are read.
_FACTS: Final[dict[str, Callable[[RunDigest], Any]]] = {
    "name": lambda run: run.name,
    "notes": lambda run: run.notes,
    "group": lambda run: run.group,
    "job_type": lambda run: run.job_type,
    "tags": lambda run: list(run.tags),
}


def edit_runs(project: Project, body: Any) -> dict[str, Any]:
    """Change names, notes, groups, job types and tags.

    Args:
        project: of the runs.
        body: ``changes``: a list of ``{"run": id, "facts": {…}}``; also with ``config`` and
            ``summary``, keys to be set, ``removed_config`` and ``removed_summary``.

    Returns:
        ``undo``: the changes that put the facts back; ``failed``: runs, and why.

    Raises:
        Refusal: the body is not what it may be.
    """
    changes = body.get("changes") if isinstance(body, dict) else None
    if not isinstance(changes, list) or not all(map(_is_change, changes)):
        raise Refusal(
            400,
            "changes must be a list of runs and facts",
            f'send {{"changes": [{{"run": id, "facts": {{…}}}}]}} with some of {", ".join(_FACTS)}',
        )
    found = _found(project, [one["run"] for one in changes])
    undo: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for one in changes:
        run_id = one["run"]

        def change(run: RunReader, one: dict[str, Any] = one) -> dict[str, Any]:
            digest, facts = run.digest(), one.get("facts", {})
            before = {name: read(digest) for name, read in _FACTS.items() if name in facts}
            edit(run.folder, **{name: value for name, value in one.items() if name != "run"})
            return {"run": run.id, "facts": before}

        _each(run_id, found[run_id], change, undo, failed)
    _found(project, [one["run"] for one in undo])  # so that the next list shows it
    # Undone in the other direction: a run may have been named twice.
    return {"undo": undo[::-1], "failed": failed}


def delete_runs(project: Project, body: Any) -> dict[str, Any]:
    """Move runs into the trash; ``done`` and ``failed`` say which."""
    return _of_each(project, body, lambda run: delete(project.root, run.folder).run_id)


def stop_runs(project: Project, body: Any) -> dict[str, Any]:
    """Ask trainings to end, as Ctrl-C in their terminals would; ``done`` were asked."""

    def ask(run: RunReader) -> str:
        if run.digest().state != "running":
            raise UsageError(f"run {run.id!r} has ended")
        try:
            run.folder.ask_to_stop("the dashboard")
        except OSError as refusal:
            raise StorageError(f"{run.folder.path} cannot be written ({refusal})") from refusal
        return run.id

    return _of_each(project, body, ask)


def restore_runs(root: Path, project: str, body: Any) -> dict[str, Any]:
    """Put runs back that were deleted; with the last of its runs a project had gone, too."""
    done: list[str] = []
    failed: list[dict[str, str]] = []
    for run_id in run_ids_of(body):
        try:
            restore(root, find(root, f"{project}/{run_id}"))
            done.append(run_id)
        except Error as mistake:
            failed.append({"run": run_id, "error": str(mistake)})
    return {"done": done, "failed": failed}


def move_runs(
    project: Project, body: Any, may_write: Callable[[str], bool] = lambda target: True
) -> dict[str, Any]:
    """Put runs into the project ``to``, if the one who asks `may_write` there.

    Raises:
        Refusal: it does not say which.
    """
    target = body.get("to") if isinstance(body, dict) else None
    if not isinstance(target, str) or not target or target == project.name:
        raise Refusal(400, f"to={target!r}", "it must be the name of another project")
    if not may_write(target):
        raise Refusal(403, f"you may not add runs to {target!r}", "ask its owner for access")

    def change(run: RunReader) -> str:
        move(project.root, run.folder, target)
        return run.id

    return _of_each(project, body, change)


def _of_each(project: Project, body: Any, change: Callable[[RunReader], str]) -> dict[str, Any]:
    done: list[str] = []
    failed: list[dict[str, str]] = []
    for run_id, run in _found(project, run_ids_of(body)).items():
        _each(run_id, run, change, done, failed)
    return {"done": done, "failed": failed}


def _each(
    run_id: str,
    run: RunReader | None,
    change: Callable[[RunReader], Any],
    done: list[Any],
    failed: list[dict[str, str]],
) -> None:
    if run is None:
        failed.append({"run": run_id, "error": f"there is no run {run_id!r} any more"})
        return
    try:
        done.append(change(run))
    except Error as mistake:
        failed.append({"run": run_id, "error": str(mistake)})


def _found(project: Project, run_ids: list[str]) -> dict[str, RunReader | None]:
    return project.find(list(dict.fromkeys(run_ids)))


def run_ids_of(body: Any) -> list[str]:
    """The runs that a request names, each once.

    Raises:
        Refusal: it names none, or too many.
    """
    runs = body.get("runs") if isinstance(body, dict) else None
    if (
        not isinstance(runs, list)
        or len(runs) > MOST_RUNS
        or not all(isinstance(run_id, str) for run_id in runs)
    ):
        raise Refusal(400, f"runs must be a list of at most {MOST_RUNS} ids", "send their ids")
    return list(dict.fromkeys(runs))


def _is_change(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("run"), str)
        and len(one) > 1
        and all(_fits(name, value) for name, value in one.items() if name != "run")
    )


def _fits(name: str, value: Any) -> bool:
    if name == "facts":
        return isinstance(value, dict) and value.keys() <= _FACTS.keys()
    if name in ("removed_config", "removed_summary"):
        return isinstance(value, list) and all(isinstance(key, str) for key in value)
    return name in ("config", "summary") and isinstance(value, dict)
