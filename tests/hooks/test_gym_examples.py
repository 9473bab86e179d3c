"""The examples that film run as their first lines say, with small budgets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("vector_env_videos.py", ["--generations", "2"], "episode 0: return"),
        # One game of Pong takes some 800 timesteps.
        (
            "atari_dqn.py",
            ["--total-timesteps", "1050", "--learning-starts", "1000"],
            "1 games, films of 1",
        ),
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
