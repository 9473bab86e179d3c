"""Clients that are slow or silent hold nothing up, and are not waited for without end."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from rltrack.server.patience import Patience
from rltrack.server.run import Background
from tests.sync.conftest import eventually

PATIENCE = Patience(head_s=0.3, head_bytes=10_000, body_s=0.3, answer_s=0.3)
SLOW = 50
HEAD = b"POST /api/projects/none/edit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture
def page(root: Path, tmp_path: Path) -> Iterator[Background]:
    """With a file that fills every buffer on the way to who does not read it."""
    folder = root / "p" / "r" / "files"
    folder.mkdir(parents=True)
    (folder.parent / "run.json").write_text(json.dumps({"id": "r", "project": "p"}))
    with (folder / "large").open("wb") as file:
        file.truncate(64 << 20)
    with Background(root, port=0, patience=PATIENCE) as page:
        yield page


@pytest.fixture
def connect(page: Background) -> Iterator[Callable[[bytes], socket.socket]]:
    """A connection on which some bytes were sent."""
    address = urlsplit(page.url)
    opened: list[socket.socket] = []

    def connect(data: bytes) -> socket.socket:
        one = socket.create_connection((address.hostname, address.port), timeout=30)
        opened.append(one)
        one.sendall(data)
        return one

    yield connect
    for one in opened:
        one.close()


def rest(one: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    found = b""
    try:
        while data := one.recv(1 << 20):
            found += data[:1000]
    except ConnectionError:
        pass
    return found


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", b""),
        (b"GET /api/meta HTT", b""),
        (b"\r\n\r\n", b""),
        (HEAD, b""),
        (HEAD + JSON + b"\r\n{", b"HTTP/1.1 408 "),
        (HEAD + b"\r\n{", b"HTTP/1.1 415 "),  # refused before its body came, which never does
        (b"GET /api/meta HTTP/1.1\r\nHost: localhost\r\n\r\nGET", b"HTTP/1.1 200 "),
        (b"GET /api/meta HTTP/1.1\r\n" + b"X-Long: yes\r\n" * 10_000, b"HTTP/1.1 431 "),
        (b"GET /" + b"x" * 20_000, b"HTTP/1.1 431 "),
        (b"GET /api/projects/p/runs/r/files/large HTTP/1.1\r\nHost: localhost\r\n\r\n", None),
    ],
    ids=[
        *("nothing", "half a line", "empty lines", "half a head", "half a body"),
        *("half a body that is refused", "half of the next", "long heads", "a long address"),
        "no reading",
    ],
)
def test_whoever_is_slow_is_not_waited_for_and_holds_nobody_up(
    page: Background,
    connect: Callable[[bytes], socket.socket],
    sent: bytes,
    answered: bytes | None,
) -> None:
    """Neither with the head of a request, nor with its body, nor with reading the answer."""
    slow = [connect(sent) for _ in range(SLOW)]
    assert httpx.get(f"{page.url}/api/meta").status_code == 200
    if answered is None:
        connections = page._server.server_state.connections
        assert len(connections) >= SLOW
        eventually(lambda: len(connections) == 0)
        return
    for one in slow:
        found = rest(one)
        assert found.startswith(answered) if answered else found == b""


def test_a_body_in_pieces_and_requests_in_a_row_are_as_ever(
    connect: Callable[[bytes], socket.socket],
) -> None:
    one = connect(HEAD + JSON + b"\r\n" + b" " * 50)
    one.sendall(b" " * 48 + b"{}")
    one.sendall(b"GET /api/meta HTTP/1.1\r\nHost: localhost\r\n\r\n")
    one.sendall(b"GET /api/meta HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    found = rest(one)
    assert found.startswith(b"HTTP/1.1 404 ")
    assert found.count(b"HTTP/1.1 200 ") == 2
