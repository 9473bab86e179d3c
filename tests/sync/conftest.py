"""A real server in a process of its own, and a network that can be cut."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from rltrack._names import folder_name
from rltrack.folder import RunFolder
from tests.sync.hub_process import BROKEN, KEY

REPOSITORY = Path(__file__).parents[2]


class Hub:
    """A server of runs that can be killed and started again.

    Args:
        root: where it keeps them.
        broken: while this file is there, it answers with the status in it.
    """

    def __init__(self, root: Path, broken: Path) -> None:
        self.root = root
        self.broken = broken
        self.key = ""
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environ = os.environ | {BROKEN: str(self.broken), KEY: self.key}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sync.hub_process", str(self.root), str(self.port)],
            cwd=REPOSITORY,
            env=environ,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self.url).status_code > 0
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def run(self, project: str, run_id: str) -> RunFolder:
        return RunFolder(self.root / folder_name(project) / folder_name(run_id))


class Network:
    """Passes bytes on to a server, until it is cut; then it is mended at the same address.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self.port = free_port()
        self.passed = 0
        """Bytes towards the server."""
        self.delay_s = 0.0
        """Of each piece."""
        self.cut_at: int | None = None
        """Cuts itself once so many bytes have passed."""
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mend(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,)).start()

    def cut(self) -> None:
        if self._listening is not None:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                return
            with self._lock:
                self._open |= {client, server}
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, target, source is client)).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14):
                target.sendall(data)
                if counted:
                    self.passed += len(data)
                    time.sleep(self.delay_s)
                    if self.cut_at is not None and self.passed >= self.cut_at:
                        self.cut_at = None
                        self.cut()
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source}
        source.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def eventually(holds: Callable[[], object], patience_s: float = 60.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A server with nothing in it."""
    one = Hub(tmp_path / "hub", tmp_path / "broken")
    one.start()
    yield one
    one.kill()


@pytest.fixture
def network(hub: Hub) -> Iterator[Network]:
    """The way to the server."""
    one = Network(hub.port)
    one.mend()
    yield one
    one.cut()


@pytest.fixture(autouse=True)
def _no_process_stays() -> Iterator[None]:
    """What a test started to send runs ends with it."""
    yield
    from rltrack.sync.launch import _started

    for process in _started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
    _started.clear()
