"""What a run comes to: its state, its exit code, and the traceback of what ended it."""

from __future__ import annotations

import os
import signal
from typing import Final, NamedTuple

from rltrack.folder import State

#: W&B's exit code of a run that Ctrl-C ended.
EXIT_INTERRUPTED: Final = 255
#: As shells write the end by a signal.
EXIT_TERMINATED: Final = 128 + signal.SIGTERM

#: Set by schedulers that send SIGTERM to take a machine back.
_SCHEDULERS: Final = ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST")


class End(NamedTuple):
    """How a run ended."""

    state: State
    exit_code: int
    traceback: str | None = None


def by_code(exit_code: int) -> End:
    """The end of a program that says with which code."""
    return End("failed" if exit_code else "finished", exit_code)


def by_error(error: BaseException | None) -> End:
    """The end that an exception makes of a block, or of a process; None left it on purpose."""
    if error is None:
        return by_code(0)
    if isinstance(error, KeyboardInterrupt):
        return End("killed", EXIT_INTERRUPTED)
    if isinstance(error, SystemExit):
        return by_code(error.code if isinstance(error.code, int) else int(error.code is not None))
    import traceback

    return End("failed", 1, "".join(traceback.format_exception(error)))


def by_termination() -> End:
    """The end by SIGTERM: of a scheduler, which takes the machine back, or of somebody."""
    scheduled = any(os.environ.get(name) for name in _SCHEDULERS)
    return End("preempted" if scheduled else "killed", EXIT_TERMINATED)
