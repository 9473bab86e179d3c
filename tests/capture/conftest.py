"""Programs of users, run as they are: in a process of their own, with a terminal if they need one."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.folder import run_folders
from rltrack.journal.records import Noted
from rltrack.store.run import RunReader

ROWS, COLUMNS = 33, 101


@dataclass(frozen=True)
class Program:
    """What came of a program that records a run."""

    status: int
    out: str
    """What it printed: to stdout, or to its terminal."""
    err: str
    root: Path

    @property
    def run(self) -> rltrack.api.Run:
        (found,) = run_folders(self.root, "p")
        return rltrack.Api(self.root).run(f"p/{found.path.name}")

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What is recorded of the console: streams and lines."""
        return [(line.stream, line.text) for line in self.run.console_logs()]

    @property
    def notes(self) -> list[Noted]:
        """What its user should see beside the run."""
        (found,) = run_folders(self.root, "p")
        reader = RunReader(found)
        reader.refresh()
        return reader.notes()

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.lines]

    @property
    def output_log(self) -> list[str]:
        (found,) = run_folders(self.root, "p")
        return (found.files / "output.log").read_text(encoding="utf-8").splitlines()


RunProgram = Callable[..., Program]


def environment(root: Path, console: str, **more: str) -> dict[str, str]:
    return os.environ | {
        "RLTRACK_DIR": str(root),
        "RLTRACK_PROJECT": "p",
        "RLTRACK_CONSOLE": console,
        "RLTRACK_SILENT": "true",
        "PYTHONUNBUFFERED": "",
        **more,
    }


def written(root: Path, text: str) -> list[str]:
    """The command that runs a program."""
    file = root.parent / "train.py"
    begin = "import os, sys, time\nimport rltrack\n"
    file.write_text(begin + textwrap.dedent(text), encoding="utf-8")
    return [sys.executable, str(file)]


@pytest.fixture
def program(root: Path) -> RunProgram:
    """Runs the text of a program; what it prints goes into pipes."""

    def run(text: str, *, console: str = "wrap", **options: Any) -> Program:
        env = environment(root, console, **options.pop("env", {}))
        command = options.pop("command", lambda words: words)(written(root, text))
        done = subprocess.run(
            command,
            cwd=root.parent,
            env=env,
            capture_output=True,
            timeout=60,
            check=False,
            **options,
        )
        out, err = (one.decode("utf-8", "replace") for one in (done.stdout, done.stderr))
        return Program(done.returncode, out, err, root)

    return run


@pytest.fixture
def program_on_terminal(root: Path) -> RunProgram:
    """Runs the text of a program on a terminal of its own."""

    def run(text: str, *, console: str = "wrap") -> Program:
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(
            written(root, text),
            cwd=root.parent,
            env=environment(root, console),
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        seen = b""
        try:
            while data := os.read(ours, 1 << 16):
                seen += data
        except OSError:  # nobody has it open any more
            pass
        finally:
            os.close(ours)
        return Program(process.wait(60), seen.decode("utf-8", "replace"), "", root)

    return run
