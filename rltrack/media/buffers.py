"""Copies of arrays into memory that was used before.

A fresh block of memory costs a page fault for each 4 KiB, which for a picture is twenty times the
copy itself. So blocks that held the pixels of media are kept, and taken again once no array lies
in them: their reference count says so, whoever had a view of them. (Where it says less, as in
other Pythons than CPython, a block is never taken again, and memory is fresh each time.)
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Smaller ones come from memory that the process has already; larger ones are rare.
_POOLED: Final = range(64 << 10, 32 << 20)
#: What is kept for the next media at most.
_KEPT_BYTES: Final = 64 << 20

_lock = threading.Lock()
_blocks: list[npt.NDArray[np.uint8]] = []


def copy_of(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of an array, laid out in memory as it is."""
    import numpy as np

    if array.nbytes not in _POOLED:
        return array.copy(order="K")
    if array.flags.c_contiguous:
        return _dense_copy(array)
    # The axes from the largest stride to the smallest: so the copy is one run of bytes.
    axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    dense = array.transpose(axes)
    if not dense.flags.c_contiguous:
        return array.copy(order="K")
    return _dense_copy(dense).transpose(np.argsort(axes))


def _dense_copy(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import numpy as np

    copy: npt.NDArray[Any] = np.ndarray(array.shape, array.dtype, _block(array.nbytes))
    np.copyto(copy, array)
    return copy


def _block(size: int) -> npt.NDArray[np.uint8]:
    """A block of at least so many bytes, in which no array lies."""
    import numpy as np

    # A fork in the middle would leave the child a lock that nobody frees: then memory is fresh.
    if not _lock.acquire(blocking=False):
        return np.empty(size, np.uint8)
    try:
        for block in _blocks:
            # Three references: the list's, the name's, and that of the argument.
            if sys.getrefcount(block) == 3 and size <= block.nbytes <= 2 * size:
                return block
        block = np.empty(size, np.uint8)
        _blocks.append(block)
        while sum(one.nbytes for one in _blocks) > _KEPT_BYTES:
            del _blocks[0]  # which lives on as long as an array lies in it
        return block
    finally:
        _lock.release()
