"""Event files as real writers make them, and what TensorBoard's own reader finds in them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Series = dict[str, list[tuple[int, Any]]]


@pytest.fixture
def event_scalars() -> Callable[[Path], Series]:
    """Reads the scalars of one folder as TensorBoard's EventAccumulator does, unsampled."""

    def read(folder: Path) -> Series:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        return {
            tag: sorted(((e.step, e.value) for e in events.Scalars(tag)), key=lambda pair: pair[0])
            for tag in events.Tags()["scalars"]
        }

    return read


@pytest.fixture
def write_scalars() -> Callable[..., None]:
    """Writes ``x`` at some steps with torch's writer, into a file of its own."""
    from torch.utils.tensorboard import SummaryWriter

    def write(folder: Path, steps: Any, *, tag: str = "x", purge_step: int | None = None) -> None:
        # Files are read by name, which begins with the second in which they were begun.
        suffix = f".{len(list(folder.glob('*')))}" if folder.exists() else ""
        with SummaryWriter(str(folder), purge_step=purge_step, filename_suffix=suffix) as writer:
            for step in steps:
                writer.add_scalar(tag, step / 3 + (purge_step or 0), step, walltime=time.time())

    return write
