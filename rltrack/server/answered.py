"""Charts that were asked for before, as long as nothing has changed in their runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

#: Of all answers together; several pages that show one project ask for the same charts.
MOST_BYTES: Final = 64 << 20


class Answered:
    """Answers by question; the least lately used go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0

    def answer(self, question: Hashable, work: Callable[[], bytes]) -> bytes:
        """The answer as it was, or from `work`.

        Args:
            question: holds all that the answer follows from, the state of the runs included.
            work: finds the answer.
        """
        with self._lock:
            known = self._known.get(question)
            if known is not None:
                self._known.move_to_end(question)
                return known
        found = work()
        with self._lock:
            self._bytes += len(found) - len(self._known.get(question, b""))
            self._known[question] = found
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._known.popitem(last=False)[1])
        return found
