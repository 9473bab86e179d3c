"""The examples of sweeps run as their first lines say, with small budgets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("sweep_grid.py", [], "the best is a = 3, with a loss of 0.10"),
        ("sweep_torch.py", ["--trials", "6", "--epochs", "20"], "learning_rate  importance"),
        (
            "sweep_sb3_ppo.py",
            ["--trials", "2", "--seeds", "2", "--total-timesteps", "1000", "--turn", "500"],
            "with an IQM of",
        ),
        (
            "sweep_pbt.py",
            ["--population", "2", "--generations", "2", "--timesteps", "512"],
            "which was better",
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
