"""What `deploy/` and the documentation say of the server is what the server knows."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

import rltrack
from rltrack.cli import _parser, main
from rltrack.cli.server import ENVIRONMENT

_ROOT = Path(__file__).parents[2]
_FILES = sorted(path.name for path in (_ROOT / "deploy").iterdir() if path.is_file())
_KNOWN = {f"RLTRACK_SERVER_{name.upper()}" for name in ENVIRONMENT}
_KNOWN |= {f"{name}_FILE" for name in _KNOWN} | {"RLTRACK_DIR"}


def _flags() -> dict[str, argparse.Action]:
    [commands] = [
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    return {
        flag: action
        for action in commands.choices["server"]._actions
        for flag in action.option_strings
        if flag.startswith("--") and flag != "--help"
    }


@pytest.mark.parametrize("name", _FILES)
def test_what_a_file_says_is_known_to_the_server(name: str) -> None:
    """A flag that was renamed would be found out by a team that upgrades."""
    text = (_ROOT / "deploy" / name).read_text()
    # Of compose: what whoever starts it may set, which goes into one of the server's.
    own = {"RLTRACK_URL", "RLTRACK_QUOTA"} if name == "compose.yaml" else set()
    assert set(re.findall(r"\bRLTRACK_[A-Z_]+", text)) <= _KNOWN | own
    for line in text.splitlines():
        if "rltrack server" in line or "args:" in line:
            assert set(re.findall(r"--[a-z][a-z-]+", line)) <= set(_flags())


def test_the_table_of_flags_is_current() -> None:
    """Each flag has a row, with its variable; and no row tells of one that is not there."""
    text = (_ROOT / "docs" / "server.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `--")]
    told = {flag for row in rows for flag in re.findall(r"`(--[a-z-]+)", row.split("|")[1])}
    assert told | {"--check"} == set(_flags())
    for name in ENVIRONMENT:
        variable = f"`RLTRACK_SERVER_{name.upper()}`"
        flag = f"| `--{name.replace('_', '-')}` |"
        assert any(row.startswith(f"{flag} {variable} |") for row in rows) or (
            name.startswith("oidc_") and variable in text
        )


def test_a_secret_is_read_from_its_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As containers get theirs; two words for one thing are refused."""
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path / 'there.sqlite'}\n")
    monkeypatch.setenv("RLTRACK_SERVER_DATABASE_FILE", str(tmp_path / "url"))
    assert main(["server", "migrate"]) == 0
    assert (tmp_path / "there.sqlite").exists()
    monkeypatch.setenv("RLTRACK_SERVER_DATABASE", "sqlite:///other")
    assert main(["server", "migrate"]) == 1
    assert "are both set" in capsys.readouterr().err


def test_the_files_are_well_formed() -> None:
    """And what they point at is there."""
    compose: dict[str, Any] = yaml.safe_load((_ROOT / "deploy" / "compose.yaml").read_text())
    services = compose["services"]
    assert services["server-1"] == services["server-2"]
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert all(name.startswith("./") or name in compose["volumes"] for name in named)
        assert set(service.get("depends_on", [])) <= set(services)
    proxy = services["proxy"]["networks"]["inside"]["ipv4_address"]
    assert services["server-1"]["environment"]["RLTRACK_SERVER_TRUSTED_PROXIES"] == proxy
    kinds = {
        one["kind"]: one
        for one in yaml.safe_load_all((_ROOT / "deploy" / "kubernetes.yaml").read_text())
    }
    assert {"Secret", "Deployment", "PodDisruptionBudget", "Service", "Ingress"} <= set(kinds)
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"] == labels
    assert kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    for line in (_ROOT / "deploy" / "Containerfile").read_text().splitlines():
        if line.startswith("COPY") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (_ROOT / source).exists(), source


def test_of_two_servers_behind_nginx_one_may_be_killed(
    root: Path, tmp_path: Path, missing: Callable[[str, str], NoReturn]
) -> None:
    """By the configuration that is shipped; a run that is sent meanwhile is whole."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        missing("nginx", "nginx-light")
    text = (_ROOT / "deploy" / "nginx.conf").read_text().replace("/tmp/", f"{tmp_path}/")
    with ExitStack() as open:
        servers = []
        for number in (1, 2):
            server = subprocess.Popen(
                [sys.executable, "-m", "rltrack", "server", "--no-accounts", "--port", "0"],
                stdout=subprocess.PIPE,
                text=True,
            )
            open.callback(server.wait)
            open.callback(server.kill)
            assert server.stdout is not None
            open.callback(server.stdout.close)
            address = server.stdout.readline().partition(" at http://")[2].split()[0]
            text = text.replace(f"server-{number}:7777", address)
            servers.append(server)
        port = _free_port()
        text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
        (tmp_path / "nginx.conf").write_text(f"daemon off;\n{text}")
        proxy = subprocess.Popen([program, "-c", str(tmp_path / "nginx.conf")])
        open.callback(proxy.wait)
        open.callback(proxy.terminate)
        url = f"http://127.0.0.1:{port}"
        _wait_for(port)

        recorded = rltrack.init(project="walk", id="one", dir=str(tmp_path / "machine"))
        for step in range(2000):
            recorded.log({"loss": 1 / (step + 1)})
        recorded.finish()
        folder = tmp_path / "machine" / "walk" / "one"
        [segment] = (folder / "journal").glob("*.rlj")
        data, facts = segment.read_bytes(), (folder / "run.json").read_text()
        base = "/api/sync/lab%2Fwalk/one"
        with httpx.Client(base_url=url, timeout=30) as client:
            claim = {"created_ns": json.loads(facts)["created_ns"]}
            assert client.post(base, json=claim).status_code == 200
            for number, begin in enumerate(range(0, len(data), 3000)):
                if number == 5:
                    servers[0].kill()
                piece = data[begin : begin + 3000]
                sent = client.post(f"{base}/journal/{segment.name}?offset={begin}", content=piece)
                assert sent.json() == {"size": begin + len(piece)}
            said = {"facts": facts, "journal": {segment.name: len(data)}}
            assert client.put(f"{base}/facts", json=said).status_code == 200
            assert client.get("/api/projects/lab%2Fwalk/runs/one").json()["row_count"] == 2000
    [kept] = root.glob(f"*walk/one/journal/{segment.name}")
    assert kept.read_bytes() == data


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert time.monotonic() < end
        time.sleep(0.02)
