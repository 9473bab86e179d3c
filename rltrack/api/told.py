"""What to say of a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rltrack.store.project import Project


def no_such_run(project: Project, run_id: str) -> str:
    """There is no run of that id; perhaps one of that name, or of an id that is near."""
    project.refresh()
    names = {run.digest().name: run.id for run in project.runs()}
    if run_id in names:
        return (
            f"no run with id {run_id!r} in project {project.name!r}; "
            f"the run of that name has the id {names[run_id]!r}"
        )
    known = [run.id for run in project.runs()]
    return (
        f"no run {run_id!r} among the {len(known)} runs of project {project.name!r}; "
        f"{near(run_id, known)}"
    )


def near(asked: str, known: Iterable[str]) -> str:
    """What to do next: the name that was probably meant, or some that are there."""
    names = sorted(known)
    if near := difflib.get_close_matches(asked, names, n=1):
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"there are {', '.join(names[:8])}{more}" if names else "it has none"
