"""`sys.stdout` and `sys.stderr`, overheard: each `write` of theirs is told to whoever listens.

The stream stays the object that it was, and only its `write` is another as long as somebody
listens. So `isatty`, `fileno`, `encoding` and `buffer` are its own, whoever holds the stream
holds what is heard, and it can be left whatever was put in its place meanwhile.

    1. Text goes to the stream first, and what that raises is raised: what could not be written
       was not said.
    2. Then it is appended to a deque. No lock is taken, so a signal handler that prints in the
       middle of a print, a fork, or a warning of our own waits for nobody.
    3. A forked child hears nothing any more: nobody is there who would take it.
    4. IPython puts a `write` of its own over ours with each cell, and behind the cell that which
       it found before: that is not ours, if ours came in the middle of the cell. So ours is put on
       top again when a cell begins. Only the last one that was put there tells; so nothing is
       told twice, however many of them are below one another.
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
        self.name = name
        self.listeners: tuple[Listener, ...] = ()
        self._stream = stream
        self.ear = _Ear(self, stream)

    def put_on_top(self) -> None:
        """See to it that ours is the `write` that is called first."""
        there = getattr(getattr(self._stream, "__dict__", {}).get("write"), "__self__", None)
        if there is not self.ear:
            self.ear = there if isinstance(there, _Ear) else _Ear(self, self._stream)

    def leave(self) -> bool:
        """Give the stream its `write` back; False if somebody put another one over ours."""
        return self.ear.remove(self._stream)

    def is_of(self, stream: object) -> bool:
        return self._stream is stream


class _Ear:
    """A `write` of ours, in the place of another."""

    def __init__(self, owner: _Overheard, stream: TextIO) -> None:
        self._owner = owner
        self._was_its_own = "write" in getattr(stream, "__dict__", {})
        self._write = stream.write
        stream.write = self._hear  # type: ignore[method-assign]

    def _hear(self, text: str, /) -> Any:
        written = self._write(text)
        owner = self._owner
        if owner.ear is self:
            for listener in owner.listeners:
                listener(owner.name, text)
        return written

    def remove(self, stream: TextIO) -> bool:
        """Put the other one back; False if ours is not the one that is there."""
        if getattr(stream, "__dict__", {}).get("write") != self._hear:
            return False
        if self._was_its_own:
            stream.write = self._write  # type: ignore[method-assign]
        else:
            del stream.write
        return True


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
        else:
            known.put_on_top()
        known.listeners = (*known.listeners, listener)
    if not _watches_forks and hasattr(os, "register_at_fork"):
        _watches_forks.append(True)
        os.register_at_fork(after_in_child=_be_a_child)
    _watch_cells()
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


# -- cells of IPython ----------------------------------------------------------------------------

#: The shells whose cells are watched.
_shells: Final[list[Any]] = []


def _watch_cells() -> None:
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and all(shell is not one for one in _shells):
        _shells.append(shell)
        shell.events.register("pre_run_cell", _when_a_cell_begins)


def _when_a_cell_begins(info: object) -> None:
    for one in _overheard:
        if one.listeners:
            one.put_on_top()
