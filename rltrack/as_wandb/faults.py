"""W&B's errors and classes that other libraries name in ``except`` and `isinstance`."""

from __future__ import annotations

import rltrack
from rltrack.errors import Error


class CommError(Error):
    """W&B's: its server does not answer. Never raised here."""


class AuthenticationError(CommError):
    """W&B's: its server does not know the user. Never raised here."""


class WandbCoreNotAvailableError(Error):
    """W&B's: its helper process is missing. Never raised here, where there is none."""


class _DisabledRun(type):
    def __instancecheck__(cls, run: object) -> bool:
        return isinstance(run, rltrack.Run) and run.disabled


class RunDisabled(metaclass=_DisabledRun):
    """W&B's old class of a disabled run: what a run is that was begun with ``mode="disabled"``."""


class SummaryDisabled:
    """W&B's old class of such a run's summary: here it is a summary as any other."""
