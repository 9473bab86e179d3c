"""Scalars that are on a GPU: rows wait for them, programs do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import rltrack
from rltrack._device import MOST_WAITING, DeviceRows
from rltrack._values import is_on_device
from rltrack.journal.records import Row

ReadRows = Callable[[Path], list[Row]]

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


class Late:
    """A value that arrives when it is let through."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.arrived = threading.Event()

    def wait(self) -> Mapping[str, Any]:
        assert self.arrived.wait(30)
        return {"a": self.value}


def test_rows_are_written_in_order_and_the_caller_waits_for_none() -> None:
    """Whichever arrives first."""
    rows, written = DeviceRows(), []
    late = [Late(number) for number in range(3)]
    for value in late:
        rows.put(value, lambda values: written.append(values["a"]))
    assert written == []
    assert not rows.flush(0.01)

    for value in reversed(late):
        value.arrived.set()

    assert rows.flush(30)
    assert written == [0, 1, 2]


def test_so_many_may_be_on_their_way_and_no_more() -> None:
    """Else a program that outruns its GPU would fill the memory."""
    rows, written = DeviceRows(), []
    first = Late(0)
    for _ in range(MOST_WAITING):
        rows.put(first, lambda values: written.append(values["a"]))
    threading.Timer(0.1, first.arrived.set).start()

    began = time.monotonic()
    rows.put(first, lambda values: written.append(values["a"]))

    assert time.monotonic() - began > 0.05
    assert rows.flush(30)
    assert len(written) == MOST_WAITING + 1


def test_the_thread_is_there_only_as_long_as_rows_wait() -> None:
    """The next row starts another."""
    rows, written = DeviceRows(), []
    for number in range(3):
        value = Late(number)
        value.arrived.set()
        rows.put(value, lambda values: written.append(values["a"]))
        assert rows.flush(30)

    assert written == [0, 1, 2]


def test_a_tensor_on_the_host_is_written_at_once() -> None:
    """Nothing has to be waited for."""
    assert not is_on_device(torch.tensor(1.0))
    assert not is_on_device(1.0)


@needs_cuda
def test_a_loss_on_the_gpu_is_logged_without_waiting_for_it(
    root: Path, read_rows: ReadRows
) -> None:
    """A second of work is under way, and `log` returns in milliseconds."""
    run = rltrack.init(project="p", settings={"quiet": True})
    run.log({"loss": torch.ones((), device="cuda"), "step": 0})
    torch.cuda.synchronize()
    torch.cuda._sleep(2_000_000_000)  # cycles
    loss = torch.ones((), device="cuda", requires_grad=True) * 2

    began = time.monotonic()
    run.log({"before": 1, "loss": loss, "after": 2.0})
    elapsed = time.monotonic() - began

    assert not torch.cuda.current_stream().query()
    assert elapsed < 0.1
    assert run.summary["loss"] == 2.0
    run.finish()
    assert run.folder is not None
    assert [row.values for row in read_rows(run.folder / "journal")] == [
        {"loss": 1.0, "step": 0},
        {"before": 1, "loss": 2.0, "after": 2.0},
    ]


@needs_cuda
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_numbers_of_every_kind_come_from_the_gpu(root: Path, dtype: torch.dtype) -> None:
    """As they do from the host."""
    run = rltrack.init(project="p", settings={"quiet": True})
    run.log({"a": torch.ones(1, dtype=dtype, device="cuda")})

    assert run.summary["a"] == 1
