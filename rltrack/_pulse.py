"""The one thread of a run: it says that the run lives, and hears if it is to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

#: How soon a request from another process is heard.
LOOK_INTERVAL_S: Final = 1.0


class Pulse:
    """Calls `look` every second and `beat` every `interval_s` seconds on a daemon thread.

    Args:
        beat: syncs the journal, which may take a while.
        look: sees whether somebody wants something; cheap.
        interval_s: from one beat to the next.
    """

    def __init__(
        self, beat: Callable[[], None], look: Callable[[], None], interval_s: float
    ) -> None:
        self._beat = beat
        self._look = look
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rltrack-pulse", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        beat_at = time.monotonic() + self._interval_s
        while not self._stopped.wait(min(LOOK_INTERVAL_S, self._interval_s)):
            self._look()
            if time.monotonic() >= beat_at:
                self._beat()
                beat_at = time.monotonic() + self._interval_s

    def stop(self) -> None:
        """End the thread; a beat that is under way is waited for, but not for ever."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
