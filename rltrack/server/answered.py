"""Charts that were asked for before, as long as nothing has changed in their runs.

Of each question there is one answer, the last: while a training goes on, the one before is of no
use to anybody.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

#: Of all answers together; several pages that show one project ask for the same charts.
MOST_BYTES: Final = 64 << 20


class Answered:
    """Answers by question; the least lately used go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()
        """By the digest of a question: that of the state that the answer follows from, and it."""
        self._bytes = 0

    def answer(self, question: object, state: object, work: Callable[[], bytes]) -> bytes:
        """The answer as it was, or from `work`.

        Args:
            question: what is asked; as JSON, as is `state`.
            state: of all that the answer follows from besides.
            work: finds the answer.
        """
        asked, now = _digest(question), _digest(state)
        with self._lock:
            known = self._known.get(asked)
            if known is not None and known[0] == now:
                self._known.move_to_end(asked)
                return known[1]
        found = work()
        with self._lock:
            if (before := self._known.pop(asked, None)) is not None:
                self._bytes -= len(before[1])
            self._known[asked] = (now, found)
            self._bytes += len(found)
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._known.popitem(last=False)[1][1])
        return found


def _digest(value: object) -> bytes:
    """Of a question that names a hundred runs, twenty bytes are kept."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=20).digest()
