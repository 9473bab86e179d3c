"""What a run printed, read back."""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.capture.terminal import Transcript
from rltrack.folder import RunFolder
from rltrack.journal.records import CONSOLE_REACH, ConsoleLogged
from rltrack.journal.writer import JournalWriter
from rltrack.store.console import LiveConsole, read_console
from rltrack.store.tail import RunTail

PIECES = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.sampled_from(["a\n", "b", "\r10%", "\n", "\x1b[A\rup", "many\n" * CONSOLE_REACH]),
    ),
    max_size=30,
)


@given(st.lists(PIECES, max_size=6))
def test_lines_are_those_of_the_transcript(batches: list[list[tuple[str, str]]]) -> None:
    """However they were cut into records; who follows has each line once, and in order."""
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder(Path(name))
        transcript = Transcript()
        tail, live = RunTail(folder), LiveConsole(folder)
        followed, expected = [], []
        with contextlib.closing(JournalWriter(folder.journal)) as writer:
            for batch in batches:
                for stream, text in batch:
                    transcript.feed(stream, text)
                for change in transcript.take():
                    text = "\n".join(change.lines)
                    writer.write(ConsoleLogged(time.time_ns(), change.stream, text, change.number))
                followed += list(tail.poll())
                expected += transcript.settled()
                seen = [line.text for line in live.lines(10**6)]
                assert seen[: len(expected)] == expected
                assert len(seen) == transcript.count
        expected += transcript.settled(all_of_them=True)
        found = list(read_console(folder))
        assert list(live.lines(7)) == found[-7:]
        followed += tail.last()
        tail.close()

    assert [line.text for line in found] == expected
    assert [line.number for line in found] == list(range(len(expected)))
    assert [line.number for line in followed] == list(range(len(expected)))


def test_a_line_tells_when_where_and_who(root: Path) -> None:
    """By our names, and by those of W&B's `console_logs`."""
    with rltrack.init(project="p", id="r") as run:
        run.record(ConsoleLogged(1_700_000_000_500_000_000, "stderr", "warned\nagain", 0))

    first, second = rltrack.Api(root).run("p/r").console_logs()

    assert (first.stream, first.text, first.number) == ("stderr", "warned", 0)
    assert first.timestamp == dt.datetime(2023, 11, 14, 22, 13, 20, 500_000, dt.UTC)
    assert (first.level, first.content, first.label) == ("error", "warned", first.writer)
    assert (second.number, second.content) == (1, "again")


def test_last_lines_are_the_newest(root: Path) -> None:
    """Of one stream, where that is asked for."""
    with rltrack.init(project="p", id="r") as run:
        for number in range(200):
            stream = "stderr" if number % 2 else "stdout"
            run.record(ConsoleLogged(number, stream, f"line {number}", number))
    found = rltrack.Api(root).run("p/r")

    assert [line.text for line in found.console_logs(last=2)] == ["line 198", "line 199"]
    assert [line.text for line in found.console_logs(last=2, stream="stdout")] == [
        *("line 196", "line 198")
    ]
    assert list(found.console_logs(last=0)) == []
    with pytest.raises(rltrack.UsageError, match="there are stdout and stderr"):
        found.console_logs(stream="both")


def test_a_run_that_goes_on_is_read_once(root: Path) -> None:
    """And asking again tells what is new; at its end all is as it is read anew."""
    run = rltrack.init(project="p", id="r")
    found = rltrack.Api(root).run("p/r")
    for number in range(100):
        run.record(ConsoleLogged(number, "stdout", f"line {number}", number))
        assert [line.text for line in found.console_logs(last=2)] == [
            f"line {n}" for n in (number - 1, number) if n >= 0
        ]
    assert len(list(found.console_logs())) == 100
    run.finish()

    assert len(list(found.console_logs(last=1000))) == 100


def test_a_resumed_run_has_the_lines_of_all_its_processes(root: Path) -> None:
    """One after the other; a fork has its own alone."""
    for text in ("first", "second"):
        with rltrack.init(project="p", id="r", resume="allow") as run:
            run.record(ConsoleLogged(time.time_ns(), "stdout", text, 0))
            run.log({"a": 1})
    with rltrack.init(project="p", id="f", fork_from="r?_step=0") as run:
        run.record(ConsoleLogged(time.time_ns(), "stdout", "of the fork", 0))
    api = rltrack.Api(root)

    lines = list(api.run("p/r").console_logs())
    assert [line.text for line in lines] == ["first", "second"]
    assert len({line.writer for line in lines}) == 2
    assert [line.text for line in api.run("p/f").console_logs()] == ["of the fork"]


def test_a_tail_has_the_newest_values(root: Path) -> None:
    """Of rows of plain numbers, and of others."""
    with rltrack.init(project="p", id="r") as run:
        tail = rltrack.Api(root).run("p/r").tail()
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})
        run.log({"note": "text", "count": 3})
        run.log_system({"system.cpu": 12.5})
        assert list(tail.poll()) == []

    assert {key: found.value for key, found in tail.newest.items()} == {
        "loss": 0.001,
        "note": "text",
        "count": 3,
        "system.cpu": 12.5,
    }
    assert tail.row is not None
    assert (tail.row.step, tail.rows) == (1000, 1001)
    tail.close()
