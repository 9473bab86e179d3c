"""`rltrack login`, `logout` and `sync` against a team's server, with people and keys."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rltrack
from rltrack._credentials import Connection, credentials_file
from rltrack.cli import main
from rltrack.folder import RunFolder, run_folder
from rltrack.sync.client import Client
from rltrack.sync.shipment import Shipment
from tests.hub.team import Team, local, team_at
from tests.sync.conftest import eventually
from tests.sync.test_shipment import folder_of, recorded, same_files


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """A server with people, and nobody logged in."""
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", str(tmp_path / "config"))
    with team_at(local(tmp_path / "hub")) as team:
        yield team


def log_in(team: Team, user: str = "ann") -> None:
    assert main(["login", team.url, "--key", team.key(user)]) == 0


def test_who_logs_in_sends_from_then_on(
    root: Path, team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run's page is known at once: its project is the user's own."""
    log_in(team)
    with rltrack.init(project="cartpole") as run:
        assert run.settings.mode == "online"
        assert run.url == f"{team.url}/p/ann%2Fcartpole/r/{run.id}"
        run.log({"loss": 1.0})

    same_files(folder_of(run), run_folder(team.root, "ann/cartpole", run.id))
    page = team.sign_in("ann").get(f"/api/projects/ann%2Fcartpole/runs/{run.id}")
    assert page.json()["state"] == "finished"
    assert team.sign_in("otto").get("/api/projects/ann%2Fcartpole/runs").status_code == 404
    assert credentials_file().stat().st_mode & 0o777 == 0o600
    capsys.readouterr()

    assert main(["ls", "cartpole"]) == 0
    assert "complete" in capsys.readouterr().out
    assert main(["show", run.id]) == 0
    assert str(run.url) in capsys.readouterr().out
    assert main(["logout"]) == 0
    with rltrack.init(project="cartpole", settings={"silent": True}) as run:
        assert run.settings.mode == "offline"


def test_a_key_that_opens_nothing_is_not_kept(
    team: Team, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("wrong\n"))

    assert main(["login", team.url]) == 1

    assert "does not know this key" in capsys.readouterr().err
    assert not credentials_file().exists()
    assert main(["logout", team.url]) == 0


def test_a_run_goes_where_its_user_may_write(
    root: Path, team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the team, as a member; a viewer, and who is of no team, are refused in words."""
    run = recorded(5)
    log_in(team, "max")
    assert main(["sync", f"p/{run.id}", "--project", "lab/walk"]) == 0
    assert f"{team.url}/p/lab%2Fwalk/r/{run.id}" in capsys.readouterr().out
    same_files(folder_of(run), run_folder(team.root, "lab/walk", run.id))
    assert main(["sync", str(folder_of(run).path)]) == 0  # it is known where it is

    for user in ("vic", "otto"):
        log_in(team, user)
        assert main(["sync", run.id, "--project", "lab/other"]) == 1
        assert "refused: " in capsys.readouterr().out
    assert not (team.root / "lab%2Fother").exists()


def test_an_entity_is_whose_run_it_is(root: Path, team: Team) -> None:
    log_in(team, "max")
    with rltrack.init(project="walk", entity="lab", settings={"silent": True}) as run:
        assert run.entity == "lab"
        assert run.url == f"{team.url}/p/lab%2Fwalk/r/{run.id}"
        run.log({"loss": 1.0})

    same_files(folder_of(run), run_folder(team.root, "lab/walk", run.id))


def test_all_runs_are_sent_and_reported(
    root: Path, team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finished ones and one that goes on; deleted ones are not."""
    log_in(team)
    done, live = recorded(5), recorded(5, finish=False, reinit="create_new")
    deleted = recorded(5, reinit="create_new")
    assert main(["rm", deleted.id]) == 0
    capsys.readouterr()

    for _ in range(2):
        assert main(["sync", "--all", "--json"]) == 0
        told = {Path(one["folder"]).name: one for one in json.loads(capsys.readouterr().out)}
        assert {name: one["phase"] for name, one in told.items()} == {
            done.id: "complete",
            live.id: "sending",
        }
        assert all(one["left_bytes"] == 0 < one["sent_bytes"] for one in told.values())
    live.finish()
    assert main(["sync", str(root / "p"), "--follow"]) == 0
    for run in (done, live):
        same_files(folder_of(run), run_folder(team.root, "ann/p", run.id))


def test_new_runs_are_followed_until_ctrl_c(root: Path, team: Team) -> None:
    log_in(team)
    first = recorded(5)
    process = subprocess.Popen(
        [sys.executable, "-m", "rltrack", "sync", "--all", "--follow"],
        stdout=subprocess.PIPE,
        text=True,
    )
    there = {first.id: run_folder(team.root, "ann/p", first.id)}
    eventually(lambda: there[first.id].run_json.exists())
    second = recorded(5, finish=False, reinit="create_new")
    there[second.id] = run_folder(team.root, "ann/p", second.id)
    eventually(lambda: there[second.id].run_json.exists())
    second.log({"loss": 7.0})
    second.finish()
    eventually(lambda: there[second.id].read_facts().state == "finished")
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)

    assert "2 of 2 runs are on the server" in told
    for run in (first, second):
        same_files(folder_of(run), there[run.id])


def test_a_server_that_is_not_there_is_told(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(5)
    assert main(["sync", "--all"]) == 1
    assert "rltrack login" in capsys.readouterr().err

    assert main(["sync", "--all", "--wait", "0.1", "--server", "http://127.0.0.1:9"]) == 1

    told = capsys.readouterr().out
    assert "cannot be reached" in told
    assert "0 of 1 runs are on the server" in told


def test_clocks_that_differ_do_not_matter(root: Path, team: Team) -> None:
    """A heartbeat's age is measured by the server's clock alone."""
    from rltrack.store.run import RunReader

    run = recorded(5, finish=False)
    for days in (-1000, 1000):
        then = os.stat(folder_of(run).run_json).st_mtime + days * 86400
        os.utime(folder_of(run).run_json, (then, then))
        with Client(Connection(team.url, team.key("ann"))) as client:
            Shipment(folder_of(run), client).advance()
        reader = RunReader(run_folder(team.root, "ann/p", run.id))
        reader.refresh()
        assert reader.state == "running"


def test_a_page_asks_a_training_to_stop(root: Path, team: Team, tmp_path: Path) -> None:
    """By whoever may write there; the training's folder gets the request, and the server's loses it."""
    run = recorded(5, finish=False)
    # In a copy nobody listens: this process is not to be interrupted.
    copy = RunFolder(Path(shutil.copytree(folder_of(run).path, tmp_path / "copy" / "p" / run.id)))
    with Client(Connection(team.url, team.key("max"))) as client:
        shipment = Shipment(copy, client, "lab/p", clock=iter(range(0, 10**6, 6)).__next__)
        shipment.advance()
        for user, status in (("vic", 403), ("otto", 404), ("max", 200)):
            asked = team.sign_in(user).post(
                "/api/projects/lab%2Fp/stop", json={"runs": [run.id, "none"]}
            )
            assert asked.status_code == status
        assert asked.json()["done"] == [run.id]
        assert [one["run"] for one in asked.json()["failed"]] == ["none"]
        shipment.advance()
        assert copy.take_stop_request() == "max"
        shipment.advance()
        assert copy.take_stop_request() is None
