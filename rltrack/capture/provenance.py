"""Where a run comes from: the command, the machine, and the commit of the code."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from rltrack.journal.process import host_name
from rltrack.journal.records import Json

#: A repository on a slow disk must not be waited for.
_GIT_TIMEOUT_S = 10.0


class Provenance:
    """Records at once what is known at once, and git's answers when they come.

    Args:
        record: told facts by name, twice at most; the second time from another thread.
        folder: the folder whose git checkout is meant.
        git: whether git is asked at all.
    """

    def __init__(
        self, record: Callable[[Mapping[str, Json]], None], folder: Path, *, git: bool = True
    ) -> None:
        record(process_facts())
        self._record = record
        self._folder = folder
        self._thread: threading.Thread | None = None
        if git and any((parent / ".git").exists() for parent in (folder, *folder.parents)):
            self._thread = threading.Thread(target=self._ask_git, name="rltrack-git", daemon=True)
            self._thread.start()

    def _ask_git(self) -> None:
        if facts := git_facts(self._folder):
            self._record({"git": facts})

    def close(self) -> None:
        """Give git a moment to answer; a run must not wait longer for it."""
        if self._thread is not None:
            self._thread.join(timeout=0.2)


def process_facts() -> dict[str, Json]:
    """The command line, the interpreter and the machine."""
    return {
        "command": [sys.executable, *sys.argv],
        "program": sys.argv[0] if sys.argv else "",
        "folder": _current_folder(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "host": host_name(),
        "pid": os.getpid(),
        "cpu_count": os.cpu_count(),
    }


def _current_folder() -> str | None:
    """Where the process is; None if somebody removed that."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def git_facts(folder: Path) -> dict[str, Json]:
    """Commit, branch, remote and whether tracked files differ from the commit; empty without git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {
        "commit": commit,
        "branch": _git(folder, "rev-parse", "--abbrev-ref", "HEAD"),
        "remote": _git(folder, "config", "--get", "remote.origin.url"),
        "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no")),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    import subprocess

    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            # Never ask for a password, never take the lock of a user's own git command.
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
