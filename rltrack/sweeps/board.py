"""Where agents of a sweep tell each other what they do: the few steps of which a ledger is made.

In a folder they are files; through a server they are requests, that it answers by the same steps
on its own folder. So agents of both kinds may share one sweep.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from rltrack.errors import StorageError


class Board(Protocol):
    """What a ledger needs of the place where it is kept."""

    def join(self, name: str) -> None:
        """Make the log of an agent."""
        ...

    def append(self, name: str, at: int, data: bytes) -> None:
        """Add to an agent's log, which has `at` bytes so far."""
        ...

    def leave(self, name: str) -> None:
        """Let go of an agent's log; it stays."""
        ...

    def beat(self, name: str) -> None:
        """Say that an agent lives."""
        ...

    def beat_s(self, name: str) -> float:
        """Seconds since an agent said so; infinite if it has no log."""
        ...

    def news(self, known: Mapping[str, int], closed: Collection[str]) -> dict[str, bytes]:
        """What is in logs behind the bytes that are known; of those that are closed, nothing."""
        ...

    def take(self, number: int, attempt: int, name: str) -> bool:
        """Become the one who runs a trial; False if another did."""
        ...

    def last_claim(self, number: int) -> int:
        """The last attempt that somebody took; 1 if none did."""
        ...

    def claimant(self, number: int, attempt: int) -> tuple[str, float] | None:
        """Who took an attempt, and how many seconds ago."""
        ...


class FolderBoard:
    """Files: a log for each agent, which nobody else writes to, and a claim for each attempt.

    Args:
        path: the sweep's folder.
        now: seconds since the epoch.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._logs = path / "log"
        self._claims = path / "claims"
        self._now = now
        self._open: dict[str, int] = {}

    def join(self, name: str) -> None:
        """See `Board`.

        Raises:
            OSError: the folder cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._open[name] = os.open(self._log(name), flags, 0o644)

    def append(self, name: str, at: int, data: bytes) -> None:
        """See `Board`."""
        os.write(self._open[name], data)

    def append_at(self, name: str, at: int, data: bytes) -> None:
        """`append`, of a request that may come twice.

        Raises:
            StorageError: the log is of another length, and does not end in `data`.
        """
        log = os.open(self._log(name), os.O_RDWR | os.O_APPEND)
        try:
            size = os.fstat(log).st_size
            if size == at:
                os.write(log, data)
            elif os.pread(log, len(data), at) != data:
                raise StorageError(f"the log of {name!r} has {size} bytes and not {at}")
        finally:
            os.close(log)

    def leave(self, name: str) -> None:
        """See `Board`."""
        os.close(self._open.pop(name))

    def beat(self, name: str) -> None:
        """See `Board`."""
        with contextlib.suppress(OSError):
            os.utime(self._log(name))

    def beat_s(self, name: str) -> float:
        """See `Board`."""
        return self._age_s(self._log(name))

    def news(self, known: Mapping[str, int], closed: Collection[str]) -> dict[str, bytes]:
        """See `Board`."""
        try:
            with os.scandir(self._logs) as entries:
                names = sorted(entry.name for entry in entries if entry.name.endswith(".jsonl"))
        except OSError:
            return {}
        found = {}
        for name in (one.removesuffix(".jsonl") for one in names):
            if name in closed:
                continue
            # Opened anew each time: on NFS that is when what others wrote is seen.
            with contextlib.suppress(OSError), open(self._log(name), "rb") as file:
                file.seek(known.get(name, 0))
                if new := file.read():
                    found[name] = new
        return found

    def take(self, number: int, attempt: int, name: str) -> bool:
        """See `Board`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            claim = os.open(self._claim(number, attempt), flags, 0o644)
        except FileExistsError:
            return False
        try:
            os.write(claim, name.encode())
        finally:
            os.close(claim)
        return True

    def last_claim(self, number: int) -> int:
        """See `Board`."""
        attempt = 1
        while self._claim(number, attempt + 1).exists():
            attempt += 1
        return attempt

    def claimant(self, number: int, attempt: int) -> tuple[str, float] | None:
        """See `Board`."""
        path = self._claim(number, attempt)
        try:
            return path.read_text(encoding="utf-8"), self._age_s(path)
        except OSError:
            return None

    def _age_s(self, path: Path) -> float:
        try:
            return self._now() - path.stat().st_mtime
        except OSError:
            return float("inf")

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.jsonl"

    def _claim(self, number: int, attempt: int) -> Path:
        return self._claims / f"{number}.{attempt}"
