"""What every test has around it: nothing of the user's, and nothing left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import psutil
import pytest

from rltrack import _active
from rltrack.journal.reader import Entry, JournalReader, RowBlock
from rltrack.journal.records import Record, Row

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("rltrack", deadline=None)
hypothesis.settings.register_profile("long", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("rltrack")

#: How long a thread or process that is ending may take for it.
_PATIENCE_S = 5.0


@pytest.fixture(autouse=True)
def _no_settings_but_the_tests(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A test must not depend on what its user exported, or wrote into a settings file.

    Nothing is captured that a test does not ask for: each run would start threads and processes.
    """
    for name in list(os.environ):
        if name.startswith(("RLTRACK_", "WANDB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", os.devnull)
    monkeypatch.setenv("RLTRACK_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("RLTRACK_PROVENANCE", "false")
    monkeypatch.setenv("RLTRACK_CONSOLE", "off")
    monkeypatch.setenv("RLTRACK_DISABLE_STATS", "true")


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Runs end with their test, and so do threads and processes: a leak names its test."""
    threads = set(threading.enumerate())
    processes = _children()
    yield
    for run in reversed(list(_active.live)):
        run.finish()
    _active.forget_finished()
    left = _left(threads, processes)
    end = time.monotonic() + _PATIENCE_S
    while left and time.monotonic() < end:
        gc.collect()  # not always: with torch loaded it takes a fifth of a second
        time.sleep(0.01)
        left = _left(threads, processes)
    if left:
        pytest.fail(f"left behind: {', '.join(left)}")


def _left(threads: set[threading.Thread], processes: set[int]) -> list[str]:
    """The threads and processes that are there now, and were not before."""
    started = [repr(thread) for thread in threading.enumerate() if thread not in threads]
    return started + [f"process {pid}" for pid in _children() - processes]


def _children() -> set[int]:
    """The processes that this one started, and that still run."""
    numbers: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):  # psutil looks at every process
        with contextlib.suppress(OSError):  # the thread has ended
            numbers.update(map(int, task.read_text().split()))
    found = set()
    for number in numbers:
        try:
            child = psutil.Process(number)
            tracker = "multiprocessing.resource_tracker" in " ".join(child.cmdline())
            if not tracker and child.status() != psutil.STATUS_ZOMBIE:
                found.add(number)
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


@pytest.fixture(scope="session")
def missing() -> Callable[[str, str], NoReturn]:
    """To be called with a program that is not there, and what to install.

    Skips on a user's machine; fails where everything has to be there.
    """

    def missing(program: str, package: str) -> NoReturn:
        told = f"{program} is missing: install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)

    return missing
