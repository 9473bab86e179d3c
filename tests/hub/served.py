"""`rltrack server` as a process that tests kill, stop and start again at the same address."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx

from rltrack.hub.database import Database
from tests.hub.team import Team, add_people, local
from tests.sync.conftest import eventually, free_port


class Served:
    """A team's server in a process of its own.

    Args:
        team: its people.
        port: where it listens.
    """

    def __init__(self, team: Team, port: int) -> None:
        self.team = team
        self.port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "rltrack", "server", "--dir", str(self.team.root)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.end()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.team.url}/healthz").status_code == 200
        return False

    def tell(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> str:
        """Wait for its end; what it wrote to stderr."""
        if self._process is None:
            return ""
        _, errors = self._process.communicate()
        self._process = None
        return errors


@contextlib.contextmanager
def served(root: Path) -> Iterator[Served]:
    """A server with people; it runs."""
    port = free_port()
    with Database(local(root).database_url) as database, ExitStack() as open:
        add_people(database)
        server = Served(Team(f"http://127.0.0.1:{port}", root, database, open), port)
        try:
            server.start()
            yield server
        finally:
            with contextlib.suppress(AssertionError):
                server.tell(signal.SIGKILL)
            server.end()
