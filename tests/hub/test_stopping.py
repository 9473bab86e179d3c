"""A server that is told to stop finishes what it was asked, and says to others that it goes."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rltrack.hub.app import create_hub
from rltrack.server.run import Background
from tests.hub.served import Served, served
from tests.hub.team import at, local, record
from tests.sync.conftest import eventually

SEGMENT = "abc-000001.rlj"


@pytest.fixture
def server(root: Path, tmp_path: Path) -> Iterator[Served]:
    record(tmp_path / "hub", "ann/p", "r")
    with served(tmp_path / "hub") as server:
        yield server


def answer_of(one: socket.socket) -> tuple[int, dict[str, object]]:
    """The status and the JSON of what comes until the connection ends."""
    found = b""
    while data := one.recv(1 << 16):
        found += data
    head, _, body = found.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_what_was_asked_is_answered_and_streams_end_at_once(server: Served) -> None:
    ann = server.team.program("ann")
    key = server.team.key("ann")
    ann.post("/api/sync/p/new", json={"created_ns": 1}).raise_for_status()
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as upload,
        ann.stream("GET", at("ann/p", "/changes")) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "event: change"
        upload.sendall(
            f"POST /api/sync/p/new/journal/{SEGMENT}?offset=0 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: 10\r\n\r\n12345".encode()
        )
        assert ann.get("/readyz").status_code == 200

        server.tell(signal.SIGTERM)

        assert [line for line in lines if line.startswith("event:")] == []  # it has ended
        ready = httpx.get(f"{server.team.url}/readyz")
        assert (ready.status_code, ready.json()["failed"].keys()) == (503, {"server"})
        assert ann.get(at("ann/p", "/changes")).status_code == 503
        assert ann.get(at("ann/p", "/runs")).status_code == 200
        upload.sendall(b"67890")
        assert answer_of(upload) == (200, {"size": 10})
    errors = server.end()

    assert "Traceback" not in errors
    assert (
        server.team.root / "ann%2Fp" / "new" / "journal" / SEGMENT
    ).read_bytes() == b"1234567890"


def test_it_does_not_wait_without_end(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """For a body that never comes whole, say: its machine sends it again, to the next."""
    app = create_hub(local(root, accounts=False))
    with Background(root, port=0, app=app, grace_s=0.2) as server:
        url = httpx.URL(server.url)
        with socket.create_connection((url.host, url.port or 0), timeout=60) as upload:
            upload.sendall(
                b"POST /api/sync/p/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345"
            )
            eventually(lambda: server._server.server_state.tasks)
            server.stop()
            assert upload.recv(1000) == b""
    assert capfd.readouterr().err == ""
