"""Exceptions that end a thread: Python prints them and goes on, and a run should know of them."""

from __future__ import annotations

import threading
from collections.abc import Callable


class ThreadWatch:
    """Tells of each exception that ends a thread, between `start` and `stop`.

    Args:
        tell: given the exception, in the thread that it ended.
    """

    def __init__(self, tell: Callable[[BaseException], None]) -> None:
        self._tell = tell
        self._original = threading.excepthook

    def start(self) -> None:
        """Begin to watch."""
        if threading.excepthook != self._hook:
            self._original = threading.excepthook
            threading.excepthook = self._hook

    def stop(self) -> None:
        """Leave Python's hook as it was found, unless somebody wrapped it after us."""
        if threading.excepthook == self._hook:
            threading.excepthook = self._original

    def _hook(self, fault: threading.ExceptHookArgs, /) -> None:
        self._original(fault)
        if fault.exc_value is not None and not isinstance(fault.exc_value, SystemExit):
            self._tell(fault.exc_value)
