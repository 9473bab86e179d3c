"""What the machine does to figures, taken out of them."""

from __future__ import annotations

import numpy as np


def touch_memory(gib: int = 2) -> None:
    """Take memory and give it back, so that what follows finds it there.

    A virtual machine gives memory that nobody used for a while back to its host, and gets it
    again page by page: ten times slower than memory it has, whoever asks.
    """
    for _ in range(2):
        pieces = [np.ones(1 << 27) for _ in range(gib)]
        pieces.clear()
