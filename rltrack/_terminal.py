"""What rltrack says on the terminal: few lines, on stderr, each with its name in front."""

from __future__ import annotations

import contextlib
import sys


def say(message: str) -> None:
    """Print a line, where there is a terminal or a log to print to."""
    # A closed or missing stderr (pythonw, a daemon) must not end a training.
    # A signal handler may get here in the middle of a print, which no print may enter again.
    with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
        if sys.stderr is not None:  # where `print` would go to stdout
            print(f"rltrack: {message}", file=sys.stderr, flush=True)
