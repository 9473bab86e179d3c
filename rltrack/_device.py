"""Scalars that are on a GPU when they are logged.

To ask for one's value waits for all that the GPU was told to do before: milliseconds, in which
the program prepares nothing. So it is copied to the host behind the work that makes it, and a
thread writes its row when the copy is there. Rows arrive in the order in which they were logged,
some milliseconds later than others; a run that is killed within these loses them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

#: Rows that may be on their way; beyond, `log` waits for the oldest.
MOST_WAITING: Final = 4096


class HostCopy(Protocol):
    """Values that are on their way from a device."""

    def wait(self) -> Mapping[str, Any]:
        """The values, as soon as they are there."""


class CudaCopy:
    """Torch scalars that are copied from their GPUs to pinned memory."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        import torch  # whose tensors these are

        self._hosts: dict[str, Any] = {}
        self._events = []
        for name, value in values.items():
            host = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
            self._hosts[name] = host.copy_(value.detach(), non_blocking=True)
        for device in {value.device for value in values.values()}:
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(device))
            self._events.append(event)

    def wait(self) -> Mapping[str, Any]:
        """The tensors on the host."""
        for event in self._events:
            event.synchronize()
        return self._hosts


class DeviceRows:
    """Writes rows when their last value is there, in order, on a thread of its own.

    Threads may put rows at once. The thread lives as long as rows are on their way.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[HostCopy, Callable[[Mapping[str, Any]], None]]] = deque()
        self._writer: threading.Thread | None = None

    def put(self, copy: HostCopy, write: Callable[[Mapping[str, Any]], None]) -> None:
        """Have `write` called with the values of `copy`; it must not raise."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < MOST_WAITING)
            self._waiting.append((copy, write))
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._work, name="rltrack-device", daemon=True
                )
                self._writer.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._writer = None
                    self._changed.notify_all()
                    return
                copy, write = self._waiting[0]
            write(copy.wait())
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was put is written, `timeout_s` at most; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_s)
