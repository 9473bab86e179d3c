"""How the process is being left: the code of `sys.exit`, or the exception that ended it.

Python's exit hooks are not told. What an uncaught exception was stands in `sys.last_value`;
the code of `sys.exit` stands nowhere, so as long as runs are going on it is noted on its way.
"""

from __future__ import annotations

import sys
from typing import NoReturn


class ExitWatch:
    """Notes the argument of `sys.exit` between `start` and `stop`."""

    def __init__(self) -> None:
        self._original = sys.exit
        self._noted: SystemExit | None = None

    def start(self) -> None:
        """Begin to watch; what was noted before is forgotten."""
        if sys.exit != self._exit:
            self._original = sys.exit
            sys.exit = self._exit
        self._noted = None

    def stop(self) -> None:
        """Leave `sys.exit` as it was found, unless somebody wrapped it after us."""
        if sys.exit == self._exit:
            sys.exit = self._original

    def _exit(self, status: object = None, /) -> NoReturn:
        self._noted = SystemExit(status)
        self._original(status)  # type: ignore[arg-type]

    def error(self) -> BaseException | None:
        """What ends the process, in its exit hooks; None for a program that came to its end."""
        # In a notebook an exception ends a cell, and the program goes on.
        if hasattr(sys, "ps1") or "IPython" in sys.modules:
            return None
        uncaught: BaseException | None = getattr(sys, "last_value", None)
        return uncaught or self._noted
