"""What a trial goes on from: its own newest checkpoint, or that of the trial that it copies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rltrack._credentials import connection
from rltrack._trial import trial_of
from rltrack.api import Api
from rltrack.errors import NotFoundError
from rltrack.folder import RunFolder, run_folder
from rltrack.store.run import RunReader

#: A run that has ended on another machine may still be on its way to the server.
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.5

if TYPE_CHECKING:
    from rltrack._run import Run
    from rltrack.artifacts.artifact import Artifact


def latest_checkpoint(run: Run, type: str | None = "model") -> Artifact | None:
    """The newest artifact from which a trial goes on, as used by its run; None to begin anew.

    Of a trial that an agent left behind it is the newest that its run logged. With
    ``method: pbt`` it is the newest of the run that the trial goes on from, which may be another
    member's: so weights are copied.

    Args:
        run: the trial's run.
        type: of the artifact, as `Run.log_artifact` was told; None takes any.
    """
    trial = trial_of(run.settings)
    folder = run.run_folder
    if trial is None or folder is None:
        return None
    found: Artifact | str | None = _newest(folder, type) if run.resumed else None
    if found is None and trial.parent is not None:
        root = folder.path.parent.parent
        found = _newest(run_folder(root, run.project, trial.parent), type)
        found = found or _of_server(run, trial.parent, type)
    return None if found is None else run.use_artifact(found, use_as="checkpoint")


def _of_server(run: Run, parent: str, type: str | None) -> Artifact | None:
    """The newest artifact of a run of another machine, once the server has all of that."""
    told = connection(run.settings)
    if told is None or run.settings.mode != "online":
        return None
    entity = run.settings.entity
    path = f"{entity}/{run.project}/{parent}" if entity else f"{run.project}/{parent}"
    api = Api(base_url=told.server, api_key=told.api_key)
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            there = api.run(path)
            logged = [one for one in there.logged_artifacts() if type in (None, one.type)]
            if logged and there.state != "running":
                return logged[-1]
        except NotFoundError:
            pass
        if time.monotonic() > end:
            run.warn(
                "checkpoint",
                f"{told.server} has no checkpoint of run {path}, from which this trial was to go "
                "on: it begins anew",
            )
            return None
        time.sleep(_PAUSE_S)


def _newest(folder: RunFolder, type: str | None) -> str | None:
    """The name of the newest artifact that a run logged."""
    if not folder.run_json.exists():
        return None
    reader = RunReader(folder)
    reader.refresh()
    logged = [
        link.artifact
        for link in reader.artifacts()
        if link.role == "logged" and type in (None, link.type)
    ]
    return logged[-1] if logged else None
