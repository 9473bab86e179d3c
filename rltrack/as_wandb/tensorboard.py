"""`wandb.tensorboard.patch` and `unpatch`: what is written for TensorBoard."""

from __future__ import annotations

from rltrack import _active, _init


def patch(
    save: bool = True,
    tensorboard_x: bool | None = None,
    pytorch: bool | None = None,
    root_logdir: str = "",
) -> None:
    """Record what this process writes for TensorBoard, in this run or in those to come.

    Args:
        save: accepted: event files stay where they are.
        tensorboard_x: accepted: all writers are heard.
        pytorch: the same.
        root_logdir: only what is written below this folder.
    """
    run = _active.current()
    if run is None:
        _init.hooks_of_later_runs.add("sync_tensorboard")
    elif root_logdir and not run.disabled:
        from rltrack.hooks.tensorboard import sync_tensorboard

        sync_tensorboard(root_logdir, run=run)
    else:
        _init.start_hooks(run, sync_tensorboard=True)


def unpatch() -> None:
    """Leave further runs alone; what a run that goes on records, it records to its end."""
    _init.hooks_of_later_runs.discard("sync_tensorboard")
