"""Where a run comes from."""

import subprocess
import sys
from pathlib import Path

import pytest

import rltrack
from rltrack.capture.git import Git, find_checkout
from rltrack.journal.process import host_name


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("print(1)\n")
    git(folder, "add", "train.py")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_run_knows_its_command_its_machine_and_its_commit(checkout: Path, tmp_path: Path) -> None:
    """A result without the code that gave it cannot be repeated."""
    script = (
        "import rltrack, sys, time\n"
        "with rltrack.init(project='p', dir=sys.argv[1]) as run:\n"
        "    run.log({'a': 1}); time.sleep(0.5)\n"
    )
    (checkout / "train.py").write_text(script)
    root = tmp_path / "runs"

    subprocess.run(
        [sys.executable, "train.py", str(root)],
        cwd=checkout,
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "RLTRACK_PROVENANCE": "true", "HOME": str(tmp_path)},
    )

    (run,) = rltrack.Api(root).runs("p")
    assert run.metadata["command"] == [sys.executable, "train.py", str(root)]
    assert run.metadata["host"] == host_name()
    assert run.metadata["git"]["commit"] == git(checkout, "rev-parse", "HEAD")
    assert run.metadata["git"]["branch"] == "main"
    assert run.metadata["git"]["dirty"] is True


def test_a_clean_checkout_is_not_dirty(checkout: Path) -> None:
    """Only then is the commit the code that ran."""
    found = Git(checkout).difference(git(checkout, "rev-parse", "HEAD"))

    assert found is not None
    assert found.facts() == {"dirty": False, "untracked": 0}
    assert found.patch == b""


def test_outside_of_git_nothing_is_said_of_it(tmp_path: Path) -> None:
    """An empty answer, not a wrong one."""
    assert find_checkout(tmp_path) is None
