"""A run to record into, and a second pair of eyes on SB3's logger."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

import rltrack
from rltrack.journal.records import Noted, Record, Row


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Policies this small are slower on two threads, and the cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Oracle(BaseCallback, KVWriter):
    """Notes what SB3 hands to its writers, as any other writer would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.dumps: list[tuple[dict[str, Any], int]] = []

    def _on_training_start(self) -> None:
        if self not in self.logger.output_formats:
            self.logger.output_formats.append(self)

    def _on_step(self) -> bool:
        return True

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0
    ) -> None:
        self.dumps.append((copy.copy(key_values), step))


@pytest.fixture
def oracle() -> Oracle:
    """A callback that sees what SB3's logger dumps."""
    return Oracle()


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    """A run that is going on."""
    return rltrack.init(project="tests", settings={"silent": True})


class Recorded:
    """What a finished run holds."""

    def __init__(self, rows: list[Row], records: list[Record]) -> None:
        self.rows = rows
        self.episodes = [row for row in rows if "episode/return" in row.values]
        self.videos = [row for row in rows if "eval/video" in row.values]
        self.dumps = [row for row in rows if row not in self.episodes + self.videos]
        self.records = records
        self.warnings = [r.message for r in records if isinstance(r, Noted)]

    def of_logger(self) -> list[tuple[dict[str, Any], int]]:
        """Each dump as `Oracle` has it."""
        return [
            ({key: v for key, v in row.values.items() if key != "global_step"}, row.step)
            for row in self.dumps
        ]


@pytest.fixture
def recorded(
    read_rows: Callable[[Path], list[Row]], read_records: Callable[[Path], list[Record]]
) -> Callable[[rltrack.Run], Recorded]:
    """Finishes a run and reads it back."""

    def read(run: rltrack.Run) -> Recorded:
        run.finish()
        assert run.folder is not None
        folder = run.folder / "journal"
        return Recorded(read_rows(folder), read_records(folder))

    return read
