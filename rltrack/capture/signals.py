"""SIGTERM: the machine takes the process back, or somebody ends it.

Its default action ends a process before Python learns of it. As long as runs are going on, and
only where nobody else handles the signal, it is handled so that they are ended first; then the
default action follows, and a shell sees what it saw without us.

    1. The handler runs in the main thread, wherever that was: perhaps inside of a write, with
       a lock held. So runs are ended by a thread of their own, and the main thread waits.
    2. What the main thread holds then is never given back. If that is a journal, `end` says
       so, and the signal is sent again a moment later, when the write is through.
    3. Whatever else may be stuck is not waited for longer than `WAIT_S`: schedulers send
       SIGKILL after half a minute.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

WAIT_S: Final = 15.0
_AGAIN_S: Final = 0.01

#: The mask of signals of each thread that is forking.
_fork: Final = threading.local()


class TerminationWatch:
    """Calls `end` when the process is asked to terminate, and lets it terminate then.

    Args:
        end: ends all runs. It is called in a thread, and answers False if it cannot now since
            the main thread is in the middle of a write.
    """

    def __init__(self, end: Callable[[], bool]) -> None:
        self._end = end
        self._watches_forks = False

    def start(self) -> None:
        """Handle SIGTERM from now on, unless somebody does already."""
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        ):
            return
        signal.signal(signal.SIGTERM, self._handle)
        if not self._watches_forks and hasattr(os, "register_at_fork"):
            self._watches_forks = True
            os.register_at_fork(
                before=_hold_back, after_in_parent=_let_through, after_in_child=self._be_a_child
            )

    def stop(self) -> None:
        """Leave the signal as it was found, unless somebody took it over after us."""
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) == self._handle
        ):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _be_a_child(self) -> None:
        self.stop()
        _let_through()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        done: list[bool] = []
        ender = threading.Thread(
            target=lambda: done.append(self._end()), name="rltrack-end", daemon=True
        )
        ender.start()
        ender.join(WAIT_S)
        if done == [False]:
            again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _hold_back() -> None:
    """Before a fork: Python forgets a signal that a child gets before it has begun to be one.

    A worker that is terminated as soon as it was started would never end.
    """
    _fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _let_through() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _fork.mask)


def interrupt_main_thread() -> None:
    """Do what Ctrl-C does, from another thread."""
    if hasattr(signal, "pthread_kill"):
        # To the thread, not to the process: only so does a sleep in it end at once.
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()
