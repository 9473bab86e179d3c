"""Who goes on with a run: one process at a time.

    1. A process that wants to go on with a run lists the run's leases, ``lease-<n>``, and looks
       whether the holder of the last one lives, and whether the process of `run.json` does.
    2. If neither does, it makes ``lease-<n+1>``, which succeeds for one process only. So two
       that found the same dead holder do not both take over from it.
    3. It is given back when the run ends. A holder that was killed leaves it, for 1.

A process on another host cannot be seen: then the heartbeat, the mtime of `run.json` or of the
lease, speaks for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rltrack.errors import JournalError, UsageError
from rltrack.folder import RunFacts, RunFolder
from rltrack.journal.process import is_alive, this_process

#: As readers judge it: the heartbeat comes every 5 s, and network file systems show it late.
HEARTBEAT_TIMEOUT_S: Final = 60.0
_NAME: Final = "lease-"


@dataclass(frozen=True, slots=True)
class Lease:
    """The leave to go on with a run."""

    path: Path

    def give_back(self) -> None:
        """Let others have it."""
        with contextlib.suppress(OSError):  # the folder is gone, or read-only: then it is stale
            self.path.unlink()


def take_lease(folder: RunFolder) -> Lease:
    """Become the one who goes on with a run.

    Raises:
        UsageError: another process does, or the run's own process still lives.
        OSError: the folder cannot be written.
    """
    numbers = sorted(_numbers(folder.path))
    last = numbers[-1] if numbers else 0
    if last:
        _refuse_if_held(folder, folder.path / f"{_NAME}{last}")
    _refuse_if_alive(folder)
    path = folder.path / f"{_NAME}{last + 1}"
    host, pid, process = this_process()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise _is_taken(folder, "another process that began at the same moment") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"host": host, "pid": pid, "process": process}, file)
    for number in numbers:
        with contextlib.suppress(OSError):
            (folder.path / f"{_NAME}{number}").unlink()
    return Lease(path)


def _numbers(folder: Path) -> list[int]:
    names = [name.removeprefix(_NAME) for name in os.listdir(folder) if name.startswith(_NAME)]
    return [int(name) for name in names if name.isdecimal()]


def _refuse_if_held(folder: RunFolder, path: Path) -> None:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        host, pid, process = holder["host"], holder["pid"], holder["process"]
    except FileNotFoundError:
        return  # given back a moment ago
    except (OSError, ValueError, KeyError, TypeError):
        host, pid, process = "", 0, ""  # it was killed, or is not done, in the middle of writing
    if _lives(host, pid, process, path, folder.run_json):
        raise _is_taken(folder, f"process {pid} on {host}" if host else "a process")


def _refuse_if_alive(folder: RunFolder) -> None:
    try:
        facts: RunFacts = folder.read_facts()
    except (FileNotFoundError, JournalError):
        return
    if facts.state == "running" and _lives(facts.host, facts.pid, facts.process, folder.run_json):
        here = " (this one)" if facts.pid == os.getpid() else ""
        raise _is_taken(folder, f"process {facts.pid}{here} on {facts.host}")


def _lives(host: str, pid: int, process: str, *signs_of_life: Path) -> bool:
    alive = is_alive(host, pid, process) if host else None
    if alive is not None:
        return alive
    return time.time() - max(map(_modified, signs_of_life)) <= HEARTBEAT_TIMEOUT_S


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_taken(folder: RunFolder, by: str) -> UsageError:
    return UsageError(
        f"run {folder.path.name!r} is being written by {by}; wait until it has ended, end it with "
        f"`rltrack stop {folder.path.name}`, or start a new run"
    )
