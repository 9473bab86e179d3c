"""What `log` has returned survives: killed processes, and many at once."""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import rltrack
from rltrack.folder import run_folders
from rltrack.journal.process import is_alive
from rltrack.journal.reader import Damage, Entry, JournalReader, RowBlock
from rltrack.journal.records import Finished, Row, WriterOpened
from rltrack.journal.writer import JournalWriter

TRIALS = 24


class Counter:
    """A number in memory that processes share; it survives the death of the one that counts."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def set(self, count: int) -> None:
        self._memory[:8] = struct.pack("<Q", count)

    def get(self) -> int:
        return int(struct.unpack("<Q", self._memory[:8])[0])


def killed_while(work: Callable[[Counter], None], rows_before: int) -> int:
    """Runs `work` in a child, kills it at a random moment, and says how far it had counted."""
    counter = Counter()
    pid = os.fork()
    if pid == 0:
        try:
            work(counter)
        finally:
            os._exit(1)
    while counter.get() < rows_before:
        time.sleep(0.0005)
    time.sleep(random.uniform(0, 0.02))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    return counter.get()


def read(folder: Path) -> tuple[list[int], list[Damage]]:
    reader = JournalReader(folder)
    steps: list[int] = []
    for item in reader.poll(final=True):
        if isinstance(item, RowBlock):
            steps += [row.step for row in item.rows()]
        elif isinstance(item.record, Row):
            steps.append(item.record.step)
    return steps, reader.damage


@pytest.mark.parametrize(
    ("mapped", "segment_bytes"),
    [(True, 64 << 20), (True, 1 << 20), (False, 64 << 20), (False, 4000)],
)
def test_a_killed_process_loses_no_row_whose_call_returned(
    tmp_path: Path, mapped: bool, segment_bytes: int
) -> None:
    """At any moment, the change of segments among them, and through the map or without it."""
    for trial in range(TRIALS):
        folder = tmp_path / str(trial)

        def write(counter: Counter, folder: Path = folder) -> None:
            writer = JournalWriter(folder, mapped=mapped, segment_bytes=segment_bytes)
            step = 0
            while True:
                if step % 500 == 7:
                    writer.write(Row(step, 1, {"text": "x" * 100}))
                else:
                    with writer.lock:
                        assert writer.write_row({"a": float(step), "n": step}, step, 1, 0)
                step += 1
                counter.set(step)

        acknowledged = killed_while(write, rows_before=random.choice([1, 10, 12_000]))

        steps, damage = read(folder)
        assert steps[:acknowledged] == list(range(acknowledged))
        assert len(steps) <= acknowledged + 1  # the one that was under way may be there
        assert damage == []


def test_a_killed_run_reads_like_one_that_goes_on(root: Path) -> None:
    """The same through `init` and `log`; and that it is dead can be seen."""
    for trial in range(TRIALS):
        run_id = f"run{trial}"

        def train(counter: Counter, run_id: str = run_id) -> None:
            run = rltrack.init(project="killed", id=run_id, settings={"silent": True})
            for step in range(10**9):
                run.log({"loss": 1 / (step + 1), "epoch": step})
                counter.set(step + 1)

        acknowledged = killed_while(train, rows_before=random.choice([1, 100, 5000]))

        steps, damage = read(root / "killed" / run_id / "journal")
        assert steps[:acknowledged] == list(range(acknowledged))
        assert damage == []
        records = [
            item.record
            for item in JournalReader(root / "killed" / run_id / "journal").poll(final=True)
            if isinstance(item, Entry)
        ]
        assert not any(isinstance(record, Finished) for record in records)
        (opened,) = (record for record in records if isinstance(record, WriterOpened))
        assert is_alive(opened.host, opened.pid, opened.process) is False


def test_sixty_four_processes_log_into_one_project(root: Path) -> None:
    """A cluster's array job on one folder: no lock, no server, and no row lost."""
    processes, rows = 64, 300
    go = Counter()
    children = []
    for number in range(processes):
        pid = os.fork()
        if pid == 0:
            try:
                while not go.get():
                    time.sleep(0.001)
                run = rltrack.init(
                    project="crowd", name=f"worker {number}", settings={"silent": True}
                )
                for step in range(rows):
                    run.log({"worker": number, "value": step / rows})
            finally:
                os._exit(0)  # with no finish
        children.append(pid)
    go.set(1)
    for pid in children:
        os.waitpid(pid, 0)

    folders = list(run_folders(root, "crowd"))
    assert len(folders) == processes
    for folder in folders:
        assert read(folder.journal) == (list(range(rows)), [])
    assert {folder.read_facts().name for folder in folders} == {
        f"worker {n}" for n in range(processes)
    }


def test_sixty_four_processes_write_one_journal(tmp_path: Path) -> None:
    """As the workers of one run do, on its folder."""
    children = []
    for number in range(64):
        pid = os.fork()
        if pid == 0:
            try:
                writer = JournalWriter(tmp_path)
                for step in range(300):
                    with writer.lock:
                        writer.write_row({"a": 1.0}, number * 1000 + step, 1, 0)
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)

    steps, damage = read(tmp_path)

    assert sorted(steps) == [number * 1000 + step for number in range(64) for step in range(300)]
    assert damage == []
