"""The README names what is there, and nothing that is not."""

import re
import subprocess
import sys
from pathlib import Path

from rltrack.settings import table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_the_one_that_the_settings_print() -> None:
    """A setting that the README does not name is found by nobody."""
    assert table() in README


def test_every_command_is_in_the_readme_and_has_help() -> None:
    """And the README names no command that is not there."""
    help_text = subprocess.run(
        [sys.executable, "-m", "rltrack", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = set(re.findall(r"^    (\w+) ", help_text, flags=re.MULTILINE))

    assert commands == set(re.findall(r"^\| `rltrack (\w+)", README, flags=re.MULTILINE))
    assert {"ls", "show", "ui", "demo"} <= commands


def test_the_python_of_the_readme_is_python() -> None:
    """What a newcomer pastes must at least compile."""
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)

    assert len(blocks) >= 3
    for block in blocks:
        compile(block, "README.md", "exec")
