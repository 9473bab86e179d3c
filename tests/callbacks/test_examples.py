"""The examples of this folder's callbacks run as their first lines say, with small budgets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("lightning_logger.py", ["--epochs", "2"], "in 2 epochs"),
        ("sb3_resume_exactly.py", ["--total-timesteps", "3000"], "\nthe same"),
    ],
)
def test_an_example_runs(name: str, arguments: list[str], said: str, tmp_path: Path) -> None:
    """In a folder of its own, as a user would."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert "warning" not in done.stderr.lower()
