"""Files that are open for reading: only those that were used last, however many runs are shown.

A process may hold 1024 files open, on macOS 256, and a project may have ten thousand runs. What is
put out here is not closed under the hands of a thread that reads it: whoever got a handle holds it,
and it is closed when the last one lets go.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

_Handle = TypeVar("_Handle")

#: Of each kind of file; more than a chart has runs, most often.
MOST_OPEN: Final = 64


class Handles(Generic[_Handle]):
    """The open handles of many owners.

    Args:
        most: how many stay open.
    """

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._open: OrderedDict[int, _Handle] = OrderedDict()
        # An owner may be collected, and so call `close`, on a thread that is in here.
        self._lock = threading.RLock()

    def of(self, owner: object, opened: Callable[[], _Handle]) -> _Handle:
        """The handle of an owner.

        Args:
            owner: calls `close` when it is done, at the latest as it is collected.
            opened: opens it, where it is not open or not any more.
        """
        with self._lock:
            handle = self._open.get(id(owner))
            if handle is not None:
                self._open.move_to_end(id(owner))
                return handle
        # Not under the lock: to open a file on a network may take long.
        handle = opened()
        with self._lock:
            self._open[id(owner)] = handle
            put_out = [
                self._open.popitem(last=False)[1] for _ in range(len(self._open) - self._most)
            ]
        del put_out  # what this closes is closed outside of the lock, too
        return handle

    def close(self, owner: object) -> None:
        """Let go of the handle of an owner, if there is one."""
        with self._lock:
            handle = self._open.pop(id(owner), None)
        del handle

    def __len__(self) -> int:
        return len(self._open)


class Descriptor:
    """A file that is open for reading, and closed when nobody holds it.

    Raises:
        OSError: it cannot be opened.
    """

    __slots__ = ("fd", "identity", "size")

    def __init__(self, path: Path) -> None:
        self.fd = -1
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(self.fd)
        self.size = found.st_size
        self.identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        """Which file it is; another one of the same name has another."""

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
