"""The demo is what a newcomer sees first: it must work alone, and end when told to."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

import rltrack
from rltrack.demo import PROJECT, demo
from rltrack.errors import MissingExtraError


class Terminal:
    """`rltrack demo` on a terminal of its own, as a user has it."""

    def __init__(self, *arguments: str) -> None:
        self.output = ""
        primary, replica = pty.openpty()
        self._primary = primary
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rltrack", "demo", *arguments],
            stdin=replica,
            stdout=replica,
            stderr=replica,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
            start_new_session=True,
        )
        os.close(replica)

    def read_until(self, pattern: str, timeout_s: float = 90) -> str:
        """Read on until `pattern` is there; the text that fits."""
        end = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self.output)):
            assert time.monotonic() < end, self.output
            if select.select([self._primary], [], [], 0.2)[0]:
                try:
                    self.output += os.read(self._primary, 65536).decode(errors="replace")
                except OSError:  # the program has ended
                    found = re.search(pattern, self.output)
                    assert found, self.output
                    break
        return found[0]

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._primary)


def states(root: Path) -> list[str]:
    return [json.loads(path.read_text())["state"] for path in root.rglob("run.json")]


def test_the_demo_trains_serves_and_says_what_is_next(root: Path) -> None:
    """With a page to look at from its first second, and videos in the end."""
    terminal = Terminal("--seeds", "2", "--timesteps", "2048", "--port", "0")
    try:
        url = terminal.read_until(r"http://127\.0\.0\.1:\d+")
        terminal.read_until("Still serving")
        with urllib.request.urlopen(f"{url}/api/projects/{PROJECT}/runs") as answer:
            served = json.load(answer)["runs"]
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == 0
    finally:
        terminal.close()

    assert "Trained 2 x PPO" in terminal.output
    assert "rltrack ls cartpole-demo" in terminal.output
    assert {run["state"] for run in served} == {"finished"}
    runs = list(rltrack.Api(root).runs(PROJECT))
    assert sorted(run.config["seed"] for run in runs) == [0, 1]
    for run in runs:
        assert run.summary["global_step"] == 2048
        assert {"eval/video", "episode/return", "train/loss"} <= run.summary.keys()
        assert list((run.folder / "media").rglob("*.mp4"))
    code = re.search(r"In Python:\s+(.*?)\s+Still", terminal.output, re.DOTALL)
    assert code
    lines = [line.removeprefix("  ") for line in code[1].splitlines()]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True)


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing_running(root: Path, way: signal.Signals) -> None:
    """Trainings are sessions of their own, and would go on; their runs say what became of them."""
    terminal = Terminal("--seeds", "2", "--timesteps", "10000000", "--port", "0")
    try:
        terminal.read_until(r"mean return \d+ · \d+")
        children = terminal.children()
        terminal.process.send_signal(way)
        terminal.read_until("Stopped")
        assert terminal.process.wait(30) == 130
    finally:
        terminal.close()

    assert len(children) >= 2
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert states(root) == ["killed", "killed"]


def test_without_a_terminal_it_ends_when_the_training_does(root: Path) -> None:
    """In a script or in CI nobody can type Ctrl-C."""
    arguments = ["--seeds", "1", "--timesteps", "512", "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "rltrack", "demo", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Try next:" in done.stdout
    assert states(root) == ["finished"]


def test_what_is_missing_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first error of a newcomer should be the last."""
    find_spec = importlib.util.find_spec

    def find(name: str, *arguments: Any) -> Any:
        gone = name in ("pygame", "uvicorn")
        return None if gone else find_spec(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(MissingExtraError, match=r"pygame, uvicorn; type: pip install 'rltrack\["):
        demo(seeds=1)


def test_a_training_that_fails_is_shown(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its output is hidden while all is well."""
    (tmp_path / "torch.py").write_text("raise OSError('libtorch is unwell')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert demo(seeds=1, total_timesteps=512, port=0, dir=str(root), stay=False) == 1
    told = capsys.readouterr().err
    assert "Seed 0 failed:" in told
    assert "libtorch is unwell" in told
