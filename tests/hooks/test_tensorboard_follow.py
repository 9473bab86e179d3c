"""`sync_tensorboard(logdir, follow=True)`: the event files of other processes, as they grow."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch.utils.tensorboard import SummaryWriter

import rltrack
from rltrack.hooks.tensorboard import sync_tensorboard

Series = dict[str, list[tuple[int, Any]]]
Read = Callable[[rltrack.Run], Series]
Warnings = Callable[[rltrack.Run], list[str]]

PATIENCE_S = 30.0


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="tb", settings={"silent": True})


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def write(folder: Path, steps: range, purge_step: int | None = None) -> None:
    count = len(list(folder.glob("*"))) if folder.exists() else 0
    with SummaryWriter(str(folder), purge_step=purge_step, filename_suffix=f".{count}") as writer:
        for step in steps:
            writer.add_scalar("x", step / 3, step)


OTHER = """
import sys, time
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter(sys.argv[1], flush_secs=1)
for step in range(300):
    writer.add_scalar("x", step / 7, step)
    if step in (100, 200):
        writer.flush()
        print("half", flush=True)
        sys.stdin.readline()
writer.close()
"""


def test_another_process_is_followed_live_and_to_its_end(
    run: rltrack.Run, tmp_path: Path, series: Read, event_scalars: Callable[[Path], Series]
) -> None:
    """Its folder is not there yet when following begins."""
    log = tmp_path / "log"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", OTHER, str(log / "a")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        sync = sync_tensorboard(log, follow=True, poll_s=0.05)
        other.stdout.readline()
        until(lambda: len(series(run).get("x", [])) == 101)
        other.stdin.write("on\n")
        other.stdin.flush()
        other.stdout.readline()
        until(lambda: len(series(run)["x"]) == 201)
        other.communicate("on\n")
    sync.close()  # reads the rest
    run.finish()

    assert series(run) == event_scalars(log / "a")
    assert len(series(run)["x"]) == 300


def test_the_past_is_read_with_restarts_and_new_folders_are_found(
    run: rltrack.Run, tmp_path: Path, series: Read, event_scalars: Callable[[Path], Series]
) -> None:
    write(tmp_path / "a", range(20))
    write(tmp_path / "a", range(10, 15), purge_step=10)
    sync_tensorboard(tmp_path, follow=True, poll_s=0.02)
    until(lambda: "x" in series(run))
    write(tmp_path / "b", range(5))
    run.finish()

    found = series(run)
    assert found == {
        "x": event_scalars(tmp_path / "a")["x"],
        "b/x": event_scalars(tmp_path / "b")["x"],
    }


def test_a_restart_of_what_the_run_has_already_is_told(
    run: rltrack.Run, tmp_path: Path, series: Read, warnings_of: Warnings
) -> None:
    """A run only appends."""
    write(tmp_path, range(10))
    sync_tensorboard(tmp_path, follow=True, poll_s=0.02)
    until(lambda: len(series(run).get("x", [])) == 10)
    write(tmp_path, range(5, 8), purge_step=5)
    run.finish()

    assert [step for step, _ in series(run)["x"]] == [0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 8, 9]
    (warning,) = warnings_of(run)
    assert "restarted at step 5" in warning


def test_torn_tails_wait_and_damage_is_told_once(
    run: rltrack.Run, tmp_path: Path, series: Read, warnings_of: Warnings
) -> None:
    write(tmp_path / "source", range(10))
    (source,) = (tmp_path / "source").iterdir()
    data = source.read_bytes()
    torn = tmp_path / "log" / "torn" / source.name
    torn.parent.mkdir(parents=True)
    torn.write_bytes(data[:-7])
    sync_tensorboard(tmp_path / "log", follow=True, poll_s=0.02)
    until(lambda: len(series(run).get("x", [])) == 9)
    with torn.open("ab") as file:
        file.write(data[-7:])
    until(lambda: len(series(run)["x"]) == 10)
    with torn.open("ab") as file:
        file.write(b"this is no record of any kind")
    run.finish()

    (warning,) = warnings_of(run)
    assert "cannot be read on" in warning
    assert len(series(run)["x"]) == 10


def test_a_file_that_was_replaced_is_told_and_read_from_its_start(
    run: rltrack.Run, tmp_path: Path, series: Read, warnings_of: Warnings
) -> None:
    """Two writers of tensorboardX that start in the same second have one file."""
    write(tmp_path / "one", range(10))
    write(tmp_path / "two", range(100, 103))
    (one,), (two,) = (tmp_path / "one").iterdir(), (tmp_path / "two").iterdir()
    log = tmp_path / "log" / "events.out.tfevents.1"
    log.parent.mkdir()
    log.write_bytes(one.read_bytes())
    sync_tensorboard(log.parent, follow=True, poll_s=0.02)
    until(lambda: len(series(run).get("x", [])) == 10)
    log.write_bytes(two.read_bytes())
    until(lambda: len(series(run)["x"]) == 13)
    run.finish()

    assert [step for step, _ in series(run)["x"]] == [*range(10), 100, 101, 102]
    assert "was replaced" in warnings_of(run)[0]


def test_what_this_process_writes_is_not_read_as_well(
    root: Path, tmp_path: Path, series: Read
) -> None:
    """With both ways asked for, float64 and once."""
    run = rltrack.init(project="tb", sync_tensorboard=True, settings={"silent": True})
    with SummaryWriter(str(tmp_path / "mine")) as mine:
        mine.add_scalar("x", 0.1, 1)
        sync_tensorboard(tmp_path, follow=True, poll_s=0.02)
        mine.add_scalar("x", 0.2, 2)
        mine.flush()
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", CHILD, str(tmp_path / "child")], check=True
        )
    run.finish()

    assert series(run) == {"x": [(1, 0.1), (2, 0.2)], "y": [(1, 0.5)]}


CHILD = """
import sys
from torch.utils.tensorboard import SummaryWriter
with SummaryWriter(sys.argv[1]) as writer:
    writer.add_scalar("y", 0.5, 1)
"""
