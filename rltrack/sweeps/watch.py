"""The thread of an agent while a trial runs: heartbeat, requests to stop, and early stopping."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from rltrack.sweeps.ledger import Ledger, Request, Trial
from rltrack.sweeps.stopping import Judge

#: How soon a request from another process is heard.
LOOK_INTERVAL_S: Final = 1.0
#: At first sooner, for trials that are short.
FIRST_LOOK_S: Final = 0.1
BEAT_INTERVAL_S: Final = 5.0

TAKEN_OVER: Final = "another agent, which took the trial over"


class Heart:
    """Says that an agent lives, as long as it does."""

    def __init__(self, ledger: Ledger, interval_s: float = BEAT_INTERVAL_S) -> None:
        self._ledger = ledger
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rltrack-agent", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            self._ledger.beat()


class Watch:
    """Looks after one trial on a thread of its own, and stops it when it is to stop.

    Args:
        ledger: of the agent.
        trial: that runs.
        judge: of early stopping, if there is any.
        stop: called once, with the reason.
    """

    def __init__(
        self,
        ledger: Ledger,
        trial: Trial,
        judge: Judge | None,
        stop: Callable[[str], None],
        interval_s: float = LOOK_INTERVAL_S,
    ) -> None:
        self.reason: str | None = None
        """Why it was stopped; None if it was not."""
        self.is_lost = False
        """Whether another agent took the trial over."""
        self.asked: Request | None = None
        """What somebody wanted of the trial."""
        self.fault: Exception | None = None
        """What went wrong while it looked."""
        self._ledger = ledger
        self._trial = trial
        self._judge = judge
        self._stop = stop
        self._interval_s = interval_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rltrack-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = min(FIRST_LOOK_S, self._interval_s)
        while not self._done.wait(pause_s):
            pause_s = min(pause_s * 1.5, self._interval_s)
            try:
                if (reason := self._look()) is not None:
                    self.reason = reason
                    self._stop(reason)
                    return
            except Exception as fault:  # a fault of ours must not end the user's training
                self.fault = fault
                self._judge = None

    def _look(self) -> str | None:
        ledger, trial = self._ledger, self._trial
        ledger.poll()
        if not ledger.is_mine(trial):
            self.is_lost = True
            return TAKEN_OVER
        if ledger.state == "CANCELED":
            self.asked = "cancel"
            return "its sweep, which was canceled"
        now = ledger.trials[trial.number]
        if now.asked is not None:
            self.asked = now.asked
            return now.stop_reason or f"somebody who wanted to {now.asked} it"
        return self._judge.verdict(ledger, trial) if self._judge is not None else None
