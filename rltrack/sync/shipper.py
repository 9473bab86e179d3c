"""Drives shipments: until what there is has been sent, or until the run has ended and all is there.

A server that cannot be reached is asked again, at growing and random intervals, so that a hundred
trainings do not all come back in the same second. While a run goes on that has no end; after its
end, it has.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from rltrack.errors import Error
from rltrack.folder import RunFolder
from rltrack.sync.client import Client, LaterError, RefusedError
from rltrack.sync.shipment import Shipment
from rltrack.sync.state import Phase, SyncState, write_state

#: From one look at the journal to the next.
LOOK_S: Final = 1.0
#: How soon the end of the run is seen.
_TICK_S: Final = 0.1
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 30.0
#: How long after the end of a run a server is waited for that cannot be reached.
PATIENCE_S: Final = 3600.0
_STATE_S: Final = 0.5


class Shipper:
    """One run's shipment, and what is said of it in `sync.json`.

    Args:
        folder: of the run.
        client: asks the server.
        project: the run's project there; by default its own.
        told: called with the state as it changes.
    """

    def __init__(
        self,
        folder: RunFolder,
        client: Client,
        project: str | None = None,
        *,
        told: Callable[[SyncState], None] = lambda state: None,
    ) -> None:
        self.shipment = Shipment(folder, client, project)
        self.state = SyncState(server=client.server)
        self._folder = folder
        self._client = client
        self._told = told
        self._written_at = 0.0
        self._waits = 0
        self._stopped = False

    def stop(self) -> None:
        """Have it return soon, from another thread; what is on its way arrives."""
        self._stopped = True

    def follow(self, *, patience_s: float = PATIENCE_S) -> SyncState:
        """Send until the run has ended and the server has all of it.

        Args:
            patience_s: how long after the run's end a server is waited for that does not answer.
        """
        return self._drive(until_end=True, patience_s=patience_s)

    def send_what_is_there(self, *, patience_s: float) -> SyncState:
        """Send what there is now, also of a run that goes on.

        Args:
            patience_s: how long a server is waited for that does not answer.
        """
        return self._drive(until_end=False, patience_s=patience_s)

    def _drive(self, *, until_end: bool, patience_s: float) -> SyncState:
        silent_since: float | None = None
        while not self._stopped:
            try:
                more = self.shipment.advance()
            except LaterError as refusal:
                now = time.monotonic()
                if silent_since is None or (until_end and not self.shipment.is_over):
                    silent_since = now
                self._say("waiting", str(refusal))
                if now - silent_since >= patience_s:
                    return self.state
                self._wait(self._pause(refusal))
                continue
            except (RefusedError, FileNotFoundError) as refusal:
                told = str(refusal) if isinstance(refusal, Error) else "the run's folder is gone"
                return self._say("refused", told)
            silent_since, self._waits = None, 0
            if self.shipment.is_complete:
                return self._say("complete", self._left_out())
            self._say("sending", self._left_out(), often=True)
            if not more:
                if not until_end:
                    return self._say("sending", self._left_out())
                self._wait(LOOK_S)
        return self._say(self.state.phase, self.state.error)

    def _left_out(self) -> str | None:
        left_out = self.shipment.left_out
        if not left_out:
            return None
        path, why = next(iter(left_out.items()))
        more = f" and {len(left_out) - 1} more files" if len(left_out) > 1 else ""
        return f"{path}{more} cannot be sent: {why}"

    def _pause(self, refusal: LaterError) -> float:
        longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * float(1 << self._waits))
        self._waits = min(self._waits + 1, 16)
        own = longest * random.uniform(0.5, 1.0)
        return own if refusal.after_s is None else max(own, refusal.after_s)

    def _wait(self, seconds: float) -> None:
        """Sleep, but not over the run's end: whoever ended it may be waiting."""
        end, before = time.monotonic() + seconds, self._identity()
        while (left := end - time.monotonic()) > 0 and not self._stopped:
            if self._identity() != before:
                return
            time.sleep(min(_TICK_S, left))

    def _identity(self) -> int:
        """Which file `run.json` is: it is replaced when what it says changes."""
        try:
            return self._folder.run_json.stat().st_ino
        except OSError:
            return 0

    def _say(self, phase: Phase, error: str | None, *, often: bool = False) -> SyncState:
        now = time.monotonic()
        shipment = self.shipment
        before, self.state = (
            self.state,
            SyncState(
                server=self._client.server,
                project=shipment.project,
                phase=phase,
                url=shipment.url or self.state.url,
                sent_bytes=shipment.sent_bytes,
                left_bytes=shipment.left_bytes,
                error=error,
            ),
        )
        if self.state != before or not often:
            self._told(self.state)
            if not often or now - self._written_at >= _STATE_S:
                write_state(self._folder.path, self.state)
                self._written_at = now
        return self.state
