"""A line on the terminal for what takes long: how much of it is done."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

from rltrack._terminal import say

#: What takes less is not worth a line.
_PATIENCE_S: Final = 2.0
_TERMINAL_S: Final = 0.2
_LOG_S: Final = 30.0


class Progress:
    """Counts bytes and files, from any thread, and says so now and then.

    On a terminal one line that changes; in a log a line each half a minute.

    Args:
        what: is done, for example ``model: 3 files``.
        total_bytes: of it all.
    """

    def __init__(self, what: str, total_bytes: int) -> None:
        self._what = what
        self._total = max(total_bytes, 1)
        self._done = 0
        self._lock = threading.Lock()
        self._is_terminal = bool(sys.stderr and sys.stderr.isatty())
        self._next_at = time.monotonic() + _PATIENCE_S
        self._shown = False

    def add(self, size: int) -> None:
        """So many more bytes are done."""
        with self._lock:
            self._done += size
            now = time.monotonic()
            if now < self._next_at:
                return
            self._next_at = now + (_TERMINAL_S if self._is_terminal else _LOG_S)
            self._show()

    def _show(self) -> None:
        self._shown = True
        told = (
            f"{self._what}: {self._done / 2**20:,.0f} of {self._total / 2**20:,.0f} MiB, "
            f"{min(self._done / self._total, 1):.0%}"
        )
        if not self._is_terminal:
            say(told)
            return
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"\r\x1b[Krltrack: {told}")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._shown and self._is_terminal:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()


@contextlib.contextmanager
def progress(what: str, total_bytes: int) -> Iterator[Progress]:
    """`Progress` for the time of a block."""
    shown = Progress(what, total_bytes)
    try:
        yield shown
    finally:
        shown.close()
