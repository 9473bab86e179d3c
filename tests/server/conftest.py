"""A real server on a real socket, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rltrack.server.run import Background


@pytest.fixture
def server(root: Path) -> Iterator[Background]:
    """The dashboard of the test's runs, on a port of its own."""
    with Background(root, port=0) as background:
        yield background


@pytest.fixture
def client(server: Background) -> Iterator[httpx.Client]:
    """Asks the server."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
