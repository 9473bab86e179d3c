"""The TAB key, as a shell asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rltrack


def completed(line: str, root: Path) -> set[str]:
    """What bash would be told behind this line."""
    environ = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(root.parent / "completed"),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    program = "import sys; from rltrack.cli import main; sys.argv = ['rltrack']; main()"
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)
    told = (root.parent / "completed").read_text()
    return {word.strip() for word in told.split("\n") if word.strip()}


def test_commands_projects_and_runs_are_completed(root: Path) -> None:
    """Runs by id, by name, and by project/id."""
    for run_id, name in (("run-a", "calm-wren-1"), ("run-b", "bold-otter-2")):
        rltrack.init(project="cart pole", id=run_id, name=name).finish()
    rltrack.init(project="walker", id="other").finish()

    assert {"show", "sql", "settings"} <= completed("rltrack s", root)
    assert completed("rltrack ls wal", root) == {"walker"}
    assert completed("rltrack show run-", root) == {"run-a", "run-b"}
    assert completed("rltrack show bold", root) == {"bold-otter-2"}
    assert completed("rltrack config run-a run-", root) == {"run-a", "run-b"}
    assert completed("rltrack show walker/", root) == {"walker/other"}
    assert completed("rltrack show nothing/", root) == set()
    assert completed("rltrack mv run-a wal", root) == {"walker"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_takes(shell: str) -> None:
    """As far as the shell is there to say so."""
    script = subprocess.run(
        [sys.executable, "-m", "rltrack", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "rltrack" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
