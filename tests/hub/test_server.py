"""`rltrack server` starts, answers and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import rltrack
from rltrack.hub.app import create_hub
from rltrack.hub.config import HubConfig
from rltrack.server.run import Background


def test_the_command_serves_until_it_is_told_to_end(root: Path) -> None:
    """By a service manager, with SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rltrack", "server", "--no-accounts"],
        env={**os.environ, "RLTRACK_SERVER_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().partition(" at ")[2].split()[0]
    assert httpx.get(f"{url}/api/meta").json()["root"] == str(root)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()

    assert "Traceback" not in errors
    assert (root / ".hub" / "hub.sqlite").exists()


def test_a_server_without_accounts_is_for_this_machine_only(root: Path) -> None:
    with pytest.raises(rltrack.UsageError, match="may do everything"):
        create_hub(HubConfig(root=root, host="0.0.0.0", accounts=False))


def test_a_proxy_in_front_asks_by_its_own_name(root: Path) -> None:
    """And pages of the public address may change things, whatever `Host` the proxy sends."""
    config = HubConfig(root=root, accounts=False, public_url="https://lab.example")
    with Background(root, port=0, app=create_hub(config)) as server:
        names = {"host": "lab.example"}, {"host": "evil.example"}
        statuses = [httpx.get(f"{server.url}/api/meta", headers=h).status_code for h in names]
        origins = "https://lab.example", "https://evil.example", "http://lab.example"
        posted = [
            httpx.post(f"{server.url}/api/projects/p/edit", headers={"origin": origin}).status_code
            for origin in origins
        ]

    assert statuses == [200, 421]
    assert posted == [415, 403, 403]
