"""The trial of a sweep in which a run begins: what the agent chose for it.

An agent in this process says so by a context variable, since its function calls `init` without
naming the trial; one in another process by the environment, in W&B's words or ours.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from rltrack._config import as_mapping
from rltrack._config_file import read_config
from rltrack.settings import Settings, from_environment


@dataclass
class Trial:
    """What an agent chose for the runs that begin in a trial.

    Attributes:
        sweep_id: of the sweep.
        parameters: nested; the config's, locked.
        project: that the runs belong to.
        dir: folder of all projects.
        run_id: of the first run; further runs of the trial have ids of their own.
        resume: whether the first run goes on with what an agent that died left.
        parent: id of the run whose weights the trial goes on from, if it copies one.
        runs: that have begun.
        entity: the user or team on whose server's project the sweep is.
    """

    sweep_id: str
    parameters: Mapping[str, Any]
    project: str | None = None
    dir: str | None = None
    run_id: str | None = None
    resume: bool = False
    parent: str | None = None
    runs: list[Any] = field(default_factory=list)
    entity: str | None = None

    def settings(self, chosen: Settings) -> Settings:
        """The settings of the next run, of those that were chosen."""
        first = not self.runs
        return dataclasses.replace(
            chosen,
            sweep_id=self.sweep_id,
            project=self.project or chosen.project,
            entity=self.entity or chosen.entity,
            dir=self.dir or chosen.dir,
            run_id=self.run_id if first else None,
            resume="allow" if first and self.resume else None,
        )

    def dropped(self, project: str | None, run_id: str | None, entity: str | None) -> list[str]:
        """The arguments of `init` that the sweep decides."""
        told = []
        if project is not None and self.project not in (None, project):
            told.append("project")
        if run_id is not None and run_id != self.run_id:
            told.append("id")
        return told + (["entity"] if entity is not None else [])

    def config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, with what `values` has beside them in nested ones."""
        return _merged(values, self.parameters)


#: In the environment of a program: `Trial.parent`.
PARENT: Final = "RLTRACK_SWEEP_PARENT"

current: Final[ContextVar[Trial | None]] = ContextVar("rltrack_trial", default=None)

#: The trial that the environment names; kept, since a process may begin several runs.
_of_environment: Final[dict[tuple[str | None, ...], Trial]] = {}


def trial_of(chosen: Settings, environ: Mapping[str, str] = os.environ) -> Trial | None:
    """The trial in which this code runs; None if it is in none."""
    if (trial := current.get()) is not None:
        return trial
    if chosen.sweep_id is None:
        return None
    told = from_environment(environ)
    key = (chosen.sweep_id, chosen.sweep_param_path, told.run_id, str(os.getpid()))
    if key not in _of_environment:
        path = chosen.sweep_param_path
        parameters = as_mapping(read_config(path)) if path is not None else {}
        resume = told.resume == "allow"
        _of_environment[key] = Trial(
            chosen.sweep_id,
            parameters,
            told.project,
            told.dir,
            told.run_id,
            resume,
            environ.get(PARENT),
        )
    return _of_environment[key]


def _merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over`, in whose nested mappings the rest of `values`' is kept."""
    found = dict(over)
    for key, value in over.items():
        below = values.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            found[key] = {**below, **_merged(below, value)}
    return found
