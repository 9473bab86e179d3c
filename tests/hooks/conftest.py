"""What tests of the TensorBoard hook read: a run's points, and the same with TensorBoard's own reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.api import Run as ReadRun

#: By tag, each value with its step, in the order of steps.
Series = dict[str, list[tuple[int, Any]]]


@pytest.fixture
def series() -> Callable[[rltrack.Run | ReadRun], Series]:
    """Reads a run's values, by key; those of one step are in the order of logging."""

    def read(run: rltrack.Run | ReadRun) -> Series:
        assert run.folder is not None
        rows = rltrack.Api(run.folder.parent.parent).run(run.path).history(pandas=False)
        found: Series = defaultdict(list)
        for row in rows:
            for key in row.keys() - {"_step", "_timestamp", "_runtime", "global_step"}:
                assert row["global_step"] == row["_step"]
                found[key].append((row["_step"], row[key]))
        return dict(found)

    return read


@pytest.fixture
def warnings_of(
    read_records: Callable[[Path], list[Any]],
) -> Callable[[rltrack.Run], list[str]]:
    """Reads what a run's user was warned of."""

    def read(run: rltrack.Run) -> list[str]:
        assert run.folder is not None
        return [
            record.message
            for record in read_records(run.folder / "journal")
            if type(record).__name__ == "Noted"
        ]

    return read


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
