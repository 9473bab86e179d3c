"""A program as its user starts it, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Started = subprocess.CompletedProcess[str]


@pytest.fixture
def start(tmp_path: Path, root: Path) -> Callable[..., Started]:
    """Runs `rltrack run` on the text of a program, in `tmp_path`."""

    def start(code: str, *arguments: str, program: Sequence[str] = ("train.py",)) -> Started:
        (tmp_path / "train.py").write_text(code, encoding="utf-8")
        return typed(tmp_path, *program, *arguments)

    return start


@pytest.fixture
def printed(start: Callable[..., Started]) -> Callable[..., Any]:
    """What such a program prints as JSON at its end; it must succeed."""

    def printed(code: str, *arguments: str) -> Any:
        done = start(code, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return printed


def typed(folder: Path, *arguments: str) -> Started:
    """`rltrack run …` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "rltrack", "run", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
