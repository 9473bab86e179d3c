"""Memory is taken again only when nobody looks at it any more."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from rltrack.media import buffers
from rltrack.media.buffers import copy_of

SHAPES = [(300, 300, 3), (3, 300, 300), (1 << 18,), (600, 700)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "bool"])
@pytest.mark.parametrize("order", ["C", "F", "moved", "sliced"])
def test_a_copy_is_equal_and_shares_nothing(shape: tuple[int, ...], dtype: str, order: str) -> None:
    data = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    if order == "F":
        data = np.asfortranarray(data)
    elif order == "moved":
        data = np.moveaxis(data, 0, -1)
    elif order == "sliced":
        data = data[::2]

    copy = copy_of(data)

    assert np.array_equal(copy, data)
    assert copy.dtype == data.dtype
    assert not np.shares_memory(copy, data)


def test_a_block_is_taken_again_when_no_view_of_it_is_left() -> None:
    data = np.ones((256, 256, 3), np.uint8)
    first = copy_of(data)
    view = first[10:20].transpose(2, 1, 0)
    del first
    second = copy_of(data * 2)
    assert (view == 1).all(), "a view keeps its block"
    assert not np.shares_memory(view, second)
    place = second.ctypes.data
    del second

    assert copy_of(data).ctypes.data == place


def test_what_is_kept_is_bounded() -> None:
    """A run that logged a hundred large videos once must not hold them for ever."""
    for size in range(1, 200):
        copy_of(np.zeros(size << 17, np.uint8))

    assert sum(block.nbytes for block in buffers._blocks) <= 64 << 20


def test_threads_never_get_the_same_block() -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        data = np.full((128, 256, 3), number, np.uint8)
        for _ in range(300):
            copy = copy_of(data)
            if not (copy == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
