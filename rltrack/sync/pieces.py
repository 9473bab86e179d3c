"""How much is sent at once: what takes about a second, so that nothing else waits for long."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

_LEAST_BYTES: Final = 64 << 10
_MOST_BYTES: Final = 8 << 20
_QUICK_S: Final = 0.5
_SLOW_S: Final = 2.0


class Pieces:
    """The size of the next request, which follows the network.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.bytes = 1 << 20
        self._clock = clock

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Learn from the request in the block; one that fails was too large, too."""
        began = self._clock()
        try:
            yield
        except BaseException:
            self.bytes = max(_LEAST_BYTES, self.bytes // 2)
            raise
        took = self._clock() - began
        if took > _SLOW_S:
            self.bytes = max(_LEAST_BYTES, self.bytes // 2)
        elif took < _QUICK_S:
            self.bytes = min(_MOST_BYTES, self.bytes * 2)
