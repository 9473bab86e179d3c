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
from rltrack.cli import main
from rltrack.hub.app import create_hub
from rltrack.hub.config import HubConfig
from rltrack.server.run import Background
from tests.hub.team import local, team_at


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


def test_it_may_have_many_files_open(root: Path) -> None:
    """By itself, where the system lets it: each live run and each connection is one."""
    server = [sys.executable, "-m", "rltrack", "server", "--no-accounts", "--port", "0"]
    with subprocess.Popen(
        ["sh", "-c", 'ulimit -Sn 256; exec "$0" "$@"', *server],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        process.terminate()
    soft, hard = limits.partition("Max open files")[2].split()[:2]
    assert int(soft) == (65_536 if hard == "unlimited" else min(int(hard), 65_536))


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


def test_a_lost_password_is_set_anew_by_whoever_has_the_machine(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a server whose only administrator forgot it would be lost."""
    with team_at(local(root)) as team:
        assert (
            main(["server", "--password-link", "ann", "--public-url", "https://lab.example"]) == 0
        )
        address, _, secret = capsys.readouterr().out.strip().splitlines()[-1].partition("/join#")
        assert address == "https://lab.example"
        old, new = team.sign_in("ann"), team.client()
        body = {"secret": secret, "password": "a new long one"}
        assert new.post("/api/invitation/accept", json=body).status_code == 200
        assert new.get("/api/account").json()["name"] == "ann"
        assert old.get("/api/account").json()["name"] is None
        assert main(["server", "--password-link", "nobody"]) == 1


@pytest.mark.parametrize("trusted", ["", "127.0.0.1"])
def test_what_a_proxy_says_is_believed_only_where_it_is_trusted(root: Path, trusted: str) -> None:
    """Else anybody could say that they are somewhere else, and guess passwords for ever."""
    environment = {
        **os.environ,
        "RLTRACK_SERVER_PORT": "0",
        "RLTRACK_SERVER_TRUSTED_PROXIES": trusted,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "rltrack", "server"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    url = process.stdout.readline().partition(" at ")[2].split()[0]
    secret = ""
    while not secret:
        secret = process.stderr.readline().partition("/join#")[2].strip()
    forwarded = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
    with httpx.Client(base_url=url, headers=forwarded) as client:
        body = {"secret": secret, "name": "ann", "password": "correct horse battery"}
        made = client.post("/api/invitation/accept", json=body)
        cookie = made.headers["set-cookie"]
        session = {"cookie": cookie.partition(";")[0]}
        [entry, *_] = client.get("/api/admin/audit", headers=session).json()["entries"]
    process.send_signal(signal.SIGTERM)
    process.communicate()

    assert ("Secure" in cookie) == bool(trusted)
    assert entry["address"] == ("203.0.113.9" if trusted else "127.0.0.1")


def test_a_folder_that_a_newer_server_wrote_is_refused(root: Path) -> None:
    """This one would write what the newer one cannot read."""
    create_hub(HubConfig(root=root)).state.database.close()
    create_hub(HubConfig(root=root)).state.database.close()
    (root / ".hub" / "format.json").write_text('{"format": 2}')
    with pytest.raises(rltrack.UsageError, match=r"has format 2.*newer server.*backup"):
        create_hub(HubConfig(root=root))
