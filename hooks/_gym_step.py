"""At which ``global_step`` something of an env happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import rltrack

GLOBAL_STEP: Final = "global_step"
#: How often the run is asked, which takes as long as a hundred timesteps of a small env.
_ASK_EVERY_S: Final = 1.0


class GlobalStep:
    """The timesteps so far, over all envs, in the sense of a run.

    An env knows its own. Who else logs a ``global_step`` may know better: a callback that counts
    all envs, or the training beside which this env is for evaluation. Whichever is more counts;
    what was logged here is no news.

    Args:
        run: it.
        count: who knows for certain; then nobody else is asked.
    """

    def __init__(self, run: rltrack.Run, count: Callable[[], int] | None = None) -> None:
        self._run = run
        self._count = count
        self._ours: int | None = None
        self._others = 0
        self._asked_s = -_ASK_EVERY_S
        self._before = self._logged() or 0 if run.resumed else 0

    def now(self, timesteps: int) -> int:
        """The global step, where `timesteps` were counted in this process."""
        if self._count is not None:
            return int(self._count())
        if (now_s := time.monotonic()) - self._asked_s >= _ASK_EVERY_S:
            self._asked_s = now_s
            logged = self._logged()
            if logged is not None and logged != self._ours:
                self._others = logged
        self._ours = max(self._before + timesteps, self._others)
        return self._ours

    def go_on(self) -> None:
        """What an env counts has been set to what it was when its training was interrupted."""
        self._before = self._others = 0
        self._ours, self._asked_s = None, -_ASK_EVERY_S

    def _logged(self) -> int | None:
        logged = self._run.summary.get(GLOBAL_STEP)
        return int(logged) if isinstance(logged, (int, float)) and logged == logged else None
