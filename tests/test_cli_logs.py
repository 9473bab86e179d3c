"""`rltrack logs` and `rltrack tail`: a run, watched from another terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

import rltrack
from rltrack.cli import main
from rltrack.journal.records import ConsoleLogged

#: A training that ends when it is told to.
TRAINING = """
import os, sys, time, rltrack
with rltrack.init(project="p", id="r", settings={"silent": True, "console": "wrap"}) as run:
    for step in range(20):
        run.log({"loss": 1 / (step + 1)})
    print("begun", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    while not os.path.exists("go on"):
        time.sleep(0.02)
    print("50%", end="", flush=True)
    run.log({"loss": 0.125, "note": "half"})
    while not os.path.exists("end"):
        time.sleep(0.02)
    print("\\r100%", flush=True)
    print("done")
"""


@pytest.fixture
def training(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        cwd=root.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: "begun" in lines(root))
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(holds: object) -> None:
    assert callable(holds)
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def lines(root: Path) -> list[str]:
    try:
        return [line.text for line in rltrack.Api(root).run("p/r").console_logs()]
    except rltrack.Error:
        return []


def command(root: Path, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rltrack", *arguments],
        cwd=root.parent,
        env=os.environ | {"COLUMNS": "60", "LINES": "24"},
        text=True,
        stdout=stdout,
    )


@pytest.fixture
def ended(root: Path) -> rltrack.Run:
    """A run with what one process printed."""
    with rltrack.init(project="p", id="r") as run:
        for number, (stream, text) in enumerate(
            [("stdout", "one"), ("stderr", "two\ttabbed"), ("stdout", "three \x1b]0;title\x07")]
        ):
            run.record(ConsoleLogged(time.time_ns(), stream, text, number))
        run.log({"loss": 0.5})
    return run


def typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_logs_prints_what_a_run_printed(
    ended: rltrack.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing that would act on the terminal of who looks."""
    assert typed(capsys, "logs", "r") == "one\ntwo\ttabbed\nthree ]0;title\n"
    assert typed(capsys, "logs", "r", "--last", "1") == "three ]0;title\n"
    assert typed(capsys, "logs", "r", "--stream", "stderr") == "two\ttabbed\n"
    assert typed(capsys, "logs", "r", "--stream", "stdout", "--last", "5").count("\n") == 2
    assert typed(capsys, "logs", "r", "--last", "0") == ""
    assert re.fullmatch(r"(\d\d:\d\d:\d\d  .+\n){3}", typed(capsys, "logs", "r", "--times"))


def test_logs_as_json_tell_time_stream_and_writer(
    ended: rltrack.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other programs read them."""
    found = json.loads(typed(capsys, "logs", "r", "--json"))

    assert [(one["number"], one["stream"]) for one in found] == [
        *((0, "stdout"), (1, "stderr"), (2, "stdout"))
    ]
    assert abs(found[0]["time"] - time.time()) < 60
    assert len({one["writer"] for one in found}) == 1


def test_following_what_has_ended_ends(
    ended: rltrack.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all of it, down to the line that nothing came behind."""
    assert typed(capsys, "logs", "r", "-f") == typed(capsys, "logs", "r")
    told = typed(capsys, "tail", "r").splitlines()
    assert told[:3] == ["one", "two\ttabbed", "three ]0;title"]
    assert told[3:] == ["step 0  loss=0.5", f"{ended.name} is finished"]


def test_logs_follow_a_run_until_it_ends(root: Path, training: subprocess.Popen[bytes]) -> None:
    """Each line as soon as it is whole; a bar once, as it was at last."""
    with command(root, "logs", "r", "-f") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "begun\n"
        (root.parent / "go on").touch()
        assert follower.stdout.readline() == "to stderr\n"
        (root.parent / "end").touch()
        assert follower.stdout.read() == "100%\ndone\n"
    assert follower.returncode == 0
    assert training.wait(30) == 0


def test_tail_tells_programs_of_lines_and_values(
    root: Path, training: subprocess.Popen[bytes]
) -> None:
    """An object a line, and the state at last."""
    (root.parent / "go on").touch()
    with command(root, "tail", "r", "--json") as follower:
        assert follower.stdout is not None
        found = []
        for line in follower.stdout:
            found.append(json.loads(line))
            if found[-1].get("values", {}).get("note") == "half":
                (root.parent / "end").touch()

    values = [one for one in found if one["type"] == "values"]
    assert values[-1]["values"] == {"loss": 0.125, "note": "half"}
    assert values[-1]["step"] == 20
    assert [one["text"] for one in found if one["type"] == "console"][-1] == "done"
    assert found[-1] == {"type": "end", "state": "finished"}


def test_tail_draws_values_in_place_on_a_terminal(
    root: Path, training: subprocess.Popen[bytes]
) -> None:
    """Lines scroll by above them, and a bar is where it is."""
    ours, its = pty.openpty()
    screen = pyte.Screen(60, 24)
    stream = pyte.ByteStream(screen)

    def shown() -> list[str]:
        return [line.rstrip() for line in screen.display if line.strip()]

    def read_until(text: str) -> None:
        while not any(text in line for line in shown()):
            stream.feed(os.read(ours, 1 << 16))

    with command(root, "tail", "r", stdout=its) as follower:
        os.close(its)
        read_until("loss")
        assert shown()[0] == "begun"
        assert shown()[-1] == "  loss  0.05"
        assert "(p/r)  running" in shown()[-2]

        (root.parent / "go on").touch()
        read_until("half")
        assert shown()[:3] == ["begun", "to stderr", "50%"]
        assert shown()[-2:] == ["  loss  0.125", "  note  half"]

        (root.parent / "end").touch()
        read_until("finished")
        with contextlib.suppress(OSError):  # nobody has it open any more
            while data := os.read(ours, 1 << 16):
                stream.feed(data)
    os.close(ours)
    assert shown()[:4] == ["begun", "to stderr", "100%", "done"]
    assert shown()[-2:] == ["  loss  0.125", "  note  half"]
    assert follower.returncode == 0
