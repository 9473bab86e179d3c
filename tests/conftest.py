"""What every test has around it: nothing of the user's, and nothing left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

from rltrack import _init
from rltrack.journal.reader import Entry, JournalReader, RowBlock
from rltrack.journal.records import Record, Row

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("rltrack", deadline=None)
hypothesis.settings.load_profile("rltrack")

#: How long a thread or process that is ending may take for it.
_PATIENCE_S = 5.0


@pytest.fixture(autouse=True)
def _no_settings_but_the_tests(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A test must not depend on what its user exported, or wrote into a settings file.

    Git is asked for nothing: each run would start three processes.
    """
    for name in list(os.environ):
        if name.startswith(("RLTRACK_", "WANDB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", os.devnull)
    monkeypatch.setenv("RLTRACK_PROVENANCE", "false")


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Runs end with their test, and so do threads and processes: a leak names its test."""
    threads = set(threading.enumerate())
    processes = set(_children())
    yield
    for run in reversed(list(_init._live)):
        run.finish()
    _init._forget_finished()
    gc.collect()
    left: list[str] = []
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        left = [repr(thread) for thread in set(threading.enumerate()) - threads]
        left += [repr(process) for process in set(_children()) - processes]
        if not left:
            return
        time.sleep(0.01)
    pytest.fail(f"left behind: {', '.join(left)}")


def _children() -> list[psutil.Process]:
    """The processes that this one started, and that still run."""
    found = []
    for child in psutil.Process().children():
        try:
            tracker = "multiprocessing.resource_tracker" in " ".join(child.cmdline())
            if not tracker and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of projects, which `rltrack.init` uses without being told."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("RLTRACK_DIR", str(folder))
    return folder


@pytest.fixture
def read_rows() -> Callable[[Path], list[Row]]:
    """Reads the rows of a journal folder, which must have no damage."""

    def read(folder: Path) -> list[Row]:
        reader = JournalReader(folder)
        rows: list[Row] = []
        for item in reader.poll(final=True):
            if isinstance(item, RowBlock):
                rows += item.rows()
            elif isinstance(item.record, Row):
                rows.append(item.record)
        assert reader.damage == []
        return rows

    return read


@pytest.fixture
def read_records() -> Callable[[Path], list[Record]]:
    """Reads what a journal folder holds apart from rows of plain numbers."""

    def read(folder: Path) -> list[Record]:
        reader = JournalReader(folder)
        records = [item.record for item in reader.poll(final=True) if isinstance(item, Entry)]
        assert reader.damage == []
        return records

    return read
