"""`wandb.gym.monitor`, `wandb.integration.gym.monitor`: the videos of gymnasium."""

from __future__ import annotations

from rltrack import _active, _init


def monitor() -> None:
    """Record the videos that gymnasium's `RecordVideo` writes, in this run or the next."""
    if run := _active.current():
        _init.start_hooks(run, monitor_gym=True)
    else:
        _init.hooks_of_later_runs.add("monitor_gym")
