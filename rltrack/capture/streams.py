"""`sys.stdout` and `sys.stderr`, overheard: each `write` of theirs is told to whoever listens.

The stream stays the object that it was, and only its `write` is another as long as somebody
listens. So `isatty`, `fileno`, `encoding` and `buffer` are its own, whoever holds the stream
holds what is heard, and it can be left whatever was put in its place meanwhile.

    1. Text goes to the stream first, and what that raises is raised: what could not be written
       was not said.
    2. Then it is appended to a deque. No lock is taken, so a signal handler that prints in the
       middle of a print, a fork, or a warning of our own waits for nobody.
    3. A forked child hears nothing any more: nobody is there who would take it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

#: Told the name of a stream, and what was written to it.
Listener = Callable[[str, str], None]


class _Overheard:
    """One stream."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name = name
        self._stream = stream
        self._had_its_own = "write" in getattr(stream, "__dict__", {})
        self._write = stream.write
        self.listeners: tuple[Listener, ...] = ()
        stream.write = self._hear  # type: ignore[method-assign]

    def _hear(self, text: str, /) -> Any:
        written = self._write(text)
        for listener in self.listeners:
            listener(self._name, text)
        return written

    def leave(self) -> bool:
        """Give the stream its `write` back; False if somebody put another one over ours."""
        if getattr(self._stream, "__dict__", {}).get("write") != self._hear:
            return False
        if self._had_its_own:
            self._stream.write = self._write  # type: ignore[method-assign]
        else:
            del self._stream.write
        return True

    def is_of(self, stream: object) -> bool:
        return self._stream is stream


_overheard: Final[list[_Overheard]] = []
_watches_forks: Final[list[bool]] = []


def listen(listener: Listener, only: Callable[[TextIO], bool] = lambda stream: True) -> list[str]:
    """Have `listener` told what is written to stdout and stderr from now on.

    Args:
        listener: called in the thread that writes; it must neither wait nor raise.
        only: which streams are meant.

    Returns:
        The streams that cannot be overheard, since they let nobody set their `write`.
    """
    refused = []
    streams: list[TextIO] = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or any(stream is one for one in streams) or not only(stream):
            continue  # none at all (pythonw), or one object for both
        streams.append(stream)
        known = next((one for one in _overheard if one.is_of(stream)), None)
        if known is None:
            try:
                known = _Overheard(name, stream)
            except (AttributeError, TypeError):
                refused.append(name)
                continue
            _overheard.append(known)
        known.listeners = (*known.listeners, listener)
    if not _watches_forks and hasattr(os, "register_at_fork"):
        _watches_forks.append(True)
        os.register_at_fork(after_in_child=_be_a_child)
    return refused


def unlisten(listener: Listener) -> None:
    """Tell `listener` nothing any more; streams to which nobody listens are what they were."""
    for one in list(_overheard):
        one.listeners = tuple(other for other in one.listeners if other != listener)
        # Where somebody has wrapped our `write` it stays, and only passes on what it is given.
        if not one.listeners and one.leave():
            _overheard.remove(one)


def _be_a_child() -> None:
    for one in list(_overheard):
        one.listeners = ()
        if one.leave():
            _overheard.remove(one)
