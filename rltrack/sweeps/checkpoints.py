"""What a trial goes on from: its own newest checkpoint, or that of the trial that it copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltrack._trial import trial_of
from rltrack.folder import RunFolder, run_folder
from rltrack.store.run import RunReader

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
    found = _newest(folder, type) if run.resumed else None
    if found is None and trial.parent is not None:
        root = folder.path.parent.parent
        found = _newest(run_folder(root, run.project, trial.parent), type)
    return None if found is None else run.use_artifact(found, use_as="checkpoint")


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
