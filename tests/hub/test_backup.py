"""A backup of a server that goes on meanwhile, and the server that is made out of it."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import httpx
import pytest

import rltrack
from rltrack.cli import main
from rltrack.errors import StorageError
from rltrack.hub.app import create_hub
from rltrack.hub.backup import back_up, restore, verify
from rltrack.hub.config import HubConfig
from rltrack.server.run import Background
from tests.hub.team import Team, at, local


class _Machine(threading.Thread):
    """Sends one run's journal piece by piece, until it is told to end."""

    def __init__(self, client: httpx.Client, recorded: Path, run: str) -> None:
        super().__init__()
        self._client, self._run = client, run
        [self.segment] = (recorded / "journal").glob("*.rlj")
        self._facts = (recorded / "run.json").read_text()
        self._data = self.segment.read_bytes()
        self.acknowledged = 0
        self.is_under_way, self.ends = threading.Event(), threading.Event()

    def run(self) -> None:
        """Claim, then bytes and facts in turn."""
        base = f"/api/sync/lab%2Fwalk/{self._run}"
        created_ns = json.loads(self._facts)["created_ns"]
        assert self._client.post(base, json={"created_ns": created_ns}).status_code == 200
        for begin in range(0, len(self._data), 700):
            piece, headers = self._data[begin : begin + 700], {"x-rltrack-digest": ""}
            headers["x-rltrack-digest"] = hashlib.sha256(piece).hexdigest()
            address = f"{base}/journal/{self.segment.name}?offset={begin}"
            sent = self._client.post(address, content=piece, headers=headers)
            self.acknowledged = sent.json()["size"]
            sizes = {self.segment.name: self.acknowledged}
            facts = {"facts": self._facts, "journal": sizes}
            assert self._client.put(f"{base}/facts", json=facts).status_code == 200
            if begin > 5 * 700:
                self.is_under_way.set()
            if self.ends.is_set():
                return


def _record(root: Path, run_id: str) -> Path:
    run = rltrack.init(project="recorded", id=run_id, dir=str(root / ".recording"))
    for step in range(3000):
        run.log({"loss": 1 / (step + 1), "return": float(step)})
    run.finish()
    return root / ".recording" / "recorded" / run_id


def test_what_was_acknowledged_before_it_began_is_in_the_restored_server(
    team: Team, tmp_path: Path
) -> None:
    """While machines send, and people and their keys work on both."""
    recorded = [_record(tmp_path, f"live{number}") for number in range(3)]
    program = team.program("max")
    machines = [_Machine(program, folder, folder.name) for folder in recorded]
    for machine in machines:
        machine.start()
    for machine in machines:
        assert machine.is_under_way.wait(30)
    assert (team.root / ".hub" / "format.json").exists()
    before = {machine.segment: machine.acknowledged for machine in machines}
    told = back_up(HubConfig(root=team.root), tmp_path / "backup")
    assert all(machine.is_alive() for machine in machines)
    for machine in machines:
        machine.ends.set()
        machine.join()

    assert verify(tmp_path / "backup") == told
    new = tmp_path / "new"
    assert restore(HubConfig(root=new), tmp_path / "backup") == told
    assert (new / ".hub" / "format.json").exists()
    for segment, size in before.items():
        [kept] = new.glob(f"*walk/{segment.parent.parent.name}/journal/{segment.name}")
        assert kept.stat().st_size >= size
        assert segment.read_bytes().startswith(kept.read_bytes())
    with (
        Background(new, port=0, app=create_hub(local(new))) as server,
        httpx.Client(base_url=server.url, headers=program.headers) as client,
    ):
        runs = {run["id"]: run for run in client.get(at("lab/walk", "/runs")).json()["runs"]}
        assert set(runs) == {"one", "two", "live0", "live1", "live2"}
        assert all(run["row_count"] > 0 and not run["damage"] for run in runs.values())
        base = "/api/sync/lab%2Fwalk/live0"
        facts = json.loads((recorded[0] / "run.json").read_text())
        claimed = client.post(base, json={"created_ns": facts["created_ns"]}).json()
        offset = claimed["journal"][machines[0].segment.name]  # the machine sends the rest
        rest = machines[0].segment.read_bytes()[offset:]
        address = f"{base}/journal/{machines[0].segment.name}?offset={offset}"
        assert client.post(address, content=rest).status_code == 200
        shown = client.get(at("lab/walk", "/runs/live0")).json()
        assert (shown["row_count"], shown["damage"]) == (3000, [])


def test_the_commands_say_what_they_did(
    team: Team, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a folder that holds something is left alone by both."""
    backup, new = str(tmp_path / "backup"), str(tmp_path / "new")
    assert main(["server", "backup", backup, "--dir", str(team.root)]) == 0
    assert "of them links" in capsys.readouterr().out
    assert main(["server", "verify", backup]) == 0
    assert main(["server", "restore", backup, "--dir", new]) == 0
    assert main(["server", "backup", backup, "--dir", str(team.root)]) == 1
    assert "goes into an empty folder" in capsys.readouterr().err
    assert main(["server", "restore", backup, "--dir", new]) == 1
    assert "is restored into an empty folder" in capsys.readouterr().err
    assert main(["server", "migrate", "--check", "--dir", new]) == 0


def test_a_backup_that_was_harmed_or_broken_off_is_refused(team: Team, tmp_path: Path) -> None:
    """It is found when it is read, not when it is missed."""
    back_up(HubConfig(root=team.root), tmp_path / "backup")
    [facts] = (tmp_path / "backup" / "root").glob("*walk/one/run.json")
    text = facts.read_text()
    facts.write_text(text.replace("finished", "finishee"))
    with pytest.raises(StorageError, match=r"run.json was harmed"):
        verify(tmp_path / "backup")
    with pytest.raises(StorageError, match=r"run.json was harmed"):
        restore(HubConfig(root=tmp_path / "new"), tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").unlink()
    with pytest.raises(rltrack.UsageError, match="broken off"):
        restore(HubConfig(root=tmp_path / "other"), tmp_path / "backup")


def test_a_backup_lies_outside_of_what_it_copies(team: Team) -> None:
    """Else it would copy itself, and the next one that."""
    with pytest.raises(rltrack.UsageError, match="choose another"):
        back_up(HubConfig(root=team.root), team.root / "backup")
