"""When the disk says no: nothing is raised in the training, and nothing is dropped silently."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rltrack.errors import StorageError
from rltrack.folder import RunFolder
from rltrack.journal import writer as writer_module
from rltrack.journal.reader import Entry, JournalReader
from rltrack.journal.records import Noted, Record, Row
from rltrack.journal.writer import JournalWriter

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


def script(folder: Path, text: str, *, limit_bytes: int) -> subprocess.CompletedProcess[str]:
    """Runs a program in which no file may grow beyond a limit, until it calls `space()`."""
    head = f"""
        import resource, rltrack
        from rltrack.journal import writer
        writer.RETRY_S = 0.0
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, hard))
        def space():
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        def start(**settings):
            return rltrack.init(project="p", id="r", dir="runs", settings=settings)
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(text)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def warnings(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "warning" in line]


def test_a_full_disk_is_one_warning_and_no_row_is_lost_once_there_is_space(
    tmp_path: Path, read_rows: ReadRows
) -> None:
    """Somebody clears the quota in the night, and the run has its rows."""
    done = script(
        tmp_path,
        """
        run = start()
        for step in range(3000):
            run.log({"a": step / 2, "n": step} if step % 7 else {"text": "x"})
        assert run.summary["n"] == 2999
        space()
        run.log({"a": 1.0, "n": 3000})
        run.finish()
        """,
        limit_bytes=40_000,
    )

    assert done.returncode == 0, done.stderr
    (told,) = warnings(done)
    assert "cannot grow (File too large)" in told
    assert "kept in memory" in told
    folder = RunFolder(tmp_path / "runs" / "p" / "r")
    assert [row.step for row in read_rows(folder.journal)] == list(range(3001))
    facts = folder.read_facts()
    assert (facts.state, facts.lost_rows) == ("finished", 0)


def test_more_than_the_buffer_holds_is_counted_and_marks_the_run(tmp_path: Path) -> None:
    """There is an end to memory; what is lost is said in the run, not only on a terminal."""
    done = script(
        tmp_path,
        """
        run = start(buffer_bytes=10_000)
        for step in range(3000):
            run.log({"a": float(step)} if step < 2000 else {"b": float(step)})
        space()
        run.log({"b": 1.0})
        run.finish()
        """,
        limit_bytes=40_000,
    )

    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / "runs" / "p" / "r")
    reader = JournalReader(folder.journal)
    rows = 0
    notes = []
    for item in reader.poll(final=True):
        if isinstance(item, Entry):
            rows += isinstance(item.record, Row)
            notes += [item.record] if isinstance(item.record, Noted) else []
        else:
            rows += len(list(item.rows()))
    lost = 3001 - rows
    assert lost > 1000
    assert folder.read_facts().lost_rows == lost
    assert [(note.level, note.lost_rows) for note in notes] == [("warning", lost)]
    assert reader.damage == []  # the row of a new set of keys, behind the loss, can be read
    assert any(f"{lost} rows are lost" in line for line in warnings(done))


def test_a_disk_that_stays_full_ends_the_run_all_the_same(tmp_path: Path) -> None:
    """`finish` says how many rows were left, and does not raise."""
    done = script(
        tmp_path,
        """
        run = start()
        for step in range(1000):
            run.log({"a": float(step)})
        run.finish()
        print(run.state)
        """,
        limit_bytes=20_000,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "finished\n"
    assert any("rows are lost" in line for line in warnings(done))
    assert RunFolder(tmp_path / "runs" / "p" / "r").read_facts().lost_rows > 0


def test_strict_mode_raises_for_each_row_that_the_disk_refuses(
    tmp_path: Path, read_rows: ReadRows
) -> None:
    """Who asked for it wants to stop, and a row whose call raised is not there."""
    done = script(
        tmp_path,
        """
        from rltrack.errors import StorageError
        run = start(strict=True)
        returned, raised = [], 0
        for step in range(1000):
            try:
                run.log({"a": float(step)}, step=step)
                returned.append(step)
            except StorageError:
                raised += 1
        space()
        run.finish()
        print(len(returned), raised)
        """,
        limit_bytes=20_000,
    )

    assert done.returncode == 0, done.stderr
    returned, raised = map(int, done.stdout.split())
    assert raised == 1000 - returned > 100
    folder = RunFolder(tmp_path / "runs" / "p" / "r")
    assert [row.step for row in read_rows(folder.journal)] == list(range(returned))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    if os.environ.get("CI") == "true":
        pytest.skip("mounts nothing in CI; the limits of the other tests do the same there")
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("mapped", [True, False])
def test_a_disk_that_fills_up_is_no_signal_and_no_loss(
    small_disk: Path, mapped: bool, monkeypatch: pytest.MonkeyPatch, read_rows: ReadRows
) -> None:
    """A store into a map of a full disk would be a SIGBUS: what is mapped is there already."""
    monkeypatch.setattr(writer_module, "RETRY_S", 0.0)
    told: list[str] = []
    writer = JournalWriter(small_disk / "journal", mapped=mapped, on_trouble=told.append)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(900_000 if mapped else 1_900_000))
    for step in range(40_000):
        with writer.lock:
            assert writer.write_row({"a": float(step), "n": step}, step, 1, 0)
    assert len(told) == 1
    assert "No space left on device" in told[0]
    ballast.unlink()
    with writer.lock:
        writer.write_row({"a": 0.0, "n": 0}, 40_000, 1, 0)
    writer.close()

    # All of them take more than the disk: those that fitted are there, in order, and the rest is
    # counted.
    steps = [row.step for row in read_rows(small_disk / "journal")]
    assert steps[:30_000] == list(range(30_000))
    assert len(steps) + writer.lost == 40_001


def test_a_folder_that_was_removed_comes_back_with_its_rows(
    tmp_path: Path, read_rows: ReadRows
) -> None:
    """`rm -r` in the wrong place, or a cleaner of old files."""
    told: list[str] = []
    folder = tmp_path / "run" / "journal"
    writer = JournalWriter(folder, on_trouble=told.append)
    for step in range(100):
        with writer.lock:
            writer.write_row({"a": float(step)}, step, 1, 0)
        if step == 30:
            shutil.rmtree(tmp_path / "run")
        if step == 60:
            writer.sync()
    writer.close()

    assert [row.step for row in read_rows(folder)] == list(range(100))
    assert len(told) == 1
    assert "was removed while the run was going on; it is back" in told[0]


@pytest.mark.parametrize("mapped", [True, False])
def test_a_removed_segment_is_back_also_if_it_ends_first(
    tmp_path: Path, mapped: bool, read_rows: ReadRows
) -> None:
    """The next segment begins before anybody looked after the last."""
    folder = tmp_path / "journal"
    writer = JournalWriter(folder, segment_bytes=20_000, mapped=mapped)
    for step in range(100):
        writer.write(Row(step, 0, {"text": "x" * 400}))
        if step == 30:
            shutil.rmtree(folder)
    writer.close()

    assert len(list(folder.iterdir())) > 1
    assert [row.step for row in read_rows(folder)] == list(range(100))


def test_a_folder_that_cannot_come_back_is_told_once(tmp_path: Path) -> None:
    """Its place is taken by a file: the rows so far are lost with it, and finishing still works."""
    told: list[str] = []
    folder = tmp_path / "journal"
    writer = JournalWriter(folder, on_trouble=told.append)
    shutil.rmtree(folder)
    folder.write_text("in the way")
    for step in range(3):
        with writer.lock:
            writer.write_row({"a": 1.0}, step, 1, 0)
        writer.sync()
    writer.close()

    assert len(told) == 1


def test_strict_trouble_at_the_end_still_closes(tmp_path: Path) -> None:
    """The file must not stay open, or the second `close` raise again."""

    def raise_it(message: str) -> None:
        raise StorageError(message)

    folder = tmp_path / "journal"
    writer = JournalWriter(folder, on_trouble=raise_it)
    shutil.rmtree(folder)

    with pytest.raises(StorageError, match="it is back"):
        writer.close()
    writer.close()
