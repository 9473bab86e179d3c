"""How far a run's copy is: `sync.json` in its folder, and the lock of who is at it.

The file is for people and for `finish`; nothing relies on it. What the server has, it says itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rltrack.journal.process import is_alive, this_process

SYNC_JSON: Final = "sync.json"
_LOCK: Final = "sync.lock"

Phase = Literal["sending", "waiting", "refused", "complete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """What is known of a run's copy."""

    server: str
    phase: Phase = "sending"
    """``sending`` while all goes well, ``waiting`` for the server, ``refused`` for good, and
    ``complete`` when it has all of a run that has ended."""
    project: str | None = None
    """Where it is there, with its entity; None until that is known."""
    url: str | None = None
    """The run's page."""
    sent_bytes: int = 0
    """Which the server has."""
    left_bytes: int = 0
    """Which it has not, of those that there are."""
    error: str | None = None
    """What happened last, until it goes well again."""
    updated_ns: int = 0
    host: str = ""
    pid: int = 0
    process: str = ""

    @property
    def is_being_sent(self) -> bool:
        """Whether the process that wrote this is still at it, as far as can be seen from here."""
        return self.pid != 0 and is_alive(self.host, self.pid, self.process) is not False

    @property
    def told(self) -> str:
        """In a few words."""
        if self.phase == "complete":
            return "complete"
        if self.phase == "refused":
            return "refused"
        left = f"{self.left_bytes / 2**20:.1f} MiB left" if self.left_bytes else "up to date"
        if self.phase == "waiting":
            left = f"waiting, {left}" if self.left_bytes else "waiting"
        return left if self.is_being_sent else f"{left}, not running"


def read_state(folder: Path) -> SyncState | None:
    """The state of a run's copy; None where none was ever begun."""
    try:
        said = json.loads((folder / SYNC_JSON).read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(SyncState)}
        return SyncState(**{name: value for name, value in said.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_state(folder: Path, state: SyncState, *, sends: bool = True) -> None:
    """Replace the state. A folder that is full or gone is survived: it is only told.

    Args:
        folder: of the run.
        state: it.
        sends: this process is the one that sends the run.
    """
    host, pid, process = this_process() if sends else ("", 0, "")
    state = dataclasses.replace(
        state, host=host, pid=pid, process=process, updated_ns=time.time_ns()
    )
    part = folder / f".{SYNC_JSON}.{os.getpid()}"
    with contextlib.suppress(OSError):
        part.write_text(json.dumps(dataclasses.asdict(state), indent=1), encoding="utf-8")
        os.replace(part, folder / SYNC_JSON)


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[bool]:
    """Whether this process is now the one that sends the run; it ends with the process, too.

    Where the file system cannot lock, two may send: the server takes the same bytes once.
    """
    try:
        fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        yield True
        return
    try:
        try:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except (ImportError, OSError):
            pass
        yield True
    finally:
        os.close(fd)
