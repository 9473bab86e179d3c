"""A sweep through a server: a real one, in a process of its own, and agents that have only its address."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import rltrack
from rltrack.cli import main
from rltrack.errors import NotFoundError, UsageError
from rltrack.sweeps.folder import find_folder
from rltrack.sweeps.ledger import Ledger
from rltrack.sweeps.places import find_place
from tests.sync.conftest import eventually, free_port

CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"a": {"values": list(range(12))}},
}
AGENT = """
import sys, time
import rltrack

def train():
    with rltrack.init() as run:
        run.log({"loss": run.config.a})
        time.sleep(float(sys.argv[2]))

print(rltrack.agent(sys.argv[1], train, count=int(sys.argv[3]) or None))
"""


class Server:
    """`rltrack server` of a folder; it can be killed and started again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["server", "--dir", str(self.root), "--port", str(self.port), "--no-accounts"]
        environ = {name: value for name, value in os.environ.items() if "RLTRACK" not in name}
        self._process = subprocess.Popen([sys.executable, "-m", "rltrack", *words], env=environ)
        eventually(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/api/meta").status_code == 200
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ledger(self, sweep_id: str) -> Ledger:
        ledger = Ledger(find_folder(self.root, sweep_id))
        ledger.poll()
        return ledger


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and the settings of a machine that knows its address and no more."""
    server = Server(tmp_path / "server")
    server.start()
    monkeypatch.setenv("RLTRACK_SERVER", server.url)
    monkeypatch.setenv("RLTRACK_DIR", str(tmp_path / "here"))
    monkeypatch.setenv("RLTRACK_SILENT", "true")
    yield server
    server.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    begun: list[subprocess.Popen[bytes]] = []
    yield begun
    for process in begun:
        process.kill()
        process.communicate()


def elsewhere(
    folder: Path, sweep_id: str, pause_s: float = 0, count: int = 0, **environ: str
) -> subprocess.Popen[bytes]:
    """An agent of another machine: its runs are in a folder that nobody else sees."""
    return subprocess.Popen(
        [sys.executable, "-c", AGENT, sweep_id, str(pause_s), str(count)],
        env=os.environ | {"RLTRACK_DIR": str(folder), **environ},
        stdout=subprocess.PIPE,
    )


def ran(process: subprocess.Popen[bytes]) -> int:
    """How many trials an agent ran."""
    return int(process.communicate(timeout=120)[0])


def test_machines_share_a_grid_through_a_server_and_lose_nothing(
    server: Server, tmp_path: Path, start: list[subprocess.Popen[bytes]]
) -> None:
    """One is killed, the server is killed and started again: each point is run to its end once."""
    sweep_id = rltrack.sweep(CONFIG, project="p")
    assert not (tmp_path / "here" / "sweeps").exists()
    start += [elsewhere(tmp_path / f"m{at}", sweep_id, 0.3) for at in range(3)]
    eventually(lambda: len(server.ledger(sweep_id).trials) > 3)
    start[0].send_signal(signal.SIGKILL)
    server.kill()
    time.sleep(1)
    server.start()
    assert sum(map(ran, start[1:])) >= 8

    ledger = server.ledger(sweep_id)
    assert ledger.state == "FINISHED"
    assert sorted(ledger.trials) == list(range(12))
    assert [trial.values for trial in ledger.ordered()] == [[float(a)] for a in range(12)]
    # Runs came to the server as any others do.
    eventually(lambda: len(list(rltrack.Api(server.root).runs("p"))) >= 12)


def test_an_agent_at_the_folder_and_one_that_asks_the_server_are_the_same(
    server: Server, tmp_path: Path
) -> None:
    """A sweep is in one place only, whoever looks at it."""
    sweep_id = rltrack.sweep(CONFIG, project="p")
    assert ran(elsewhere(tmp_path / "m", sweep_id, count=5)) == 5
    assert ran(elsewhere(server.root, sweep_id, count=3, RLTRACK_SERVER="")) == 3
    assert ran(elsewhere(tmp_path / "m", sweep_id)) == 4


def test_a_sweep_on_a_server_is_controlled_and_shown(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the same commands as one in a folder."""
    sweep_id = rltrack.sweep(CONFIG, project="p")
    assert main(["sweep", sweep_id, "--pause"]) == 0
    assert server.ledger(sweep_id).state == "PAUSED"
    capsys.readouterr()
    assert main(["sweep", sweep_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "PAUSED"


def test_what_cannot_be_is_told(server: Server) -> None:
    """Mistakes of a config come from the server, too; and a server that is gone is said to be."""
    with pytest.raises(NotFoundError, match="no sweep 'nope'"):
        rltrack.agent("nope", lambda: None)
    folder = find_place(rltrack.Settings(server=server.url), rltrack.sweep(CONFIG, project="p"))
    folder.close()
    path = f"{server.url}/api/projects/p/sweeps"
    assert httpx.post(path, json={"text": "method: grit"}).status_code == 400
    step = f"{path}/{folder.id}/board"
    for given in (
        {"do": "dance"},
        {"do": "join", "name": "../../x"},
        {"do": "take", "number": "0", "attempt": 1, "name": "a"},
        {"do": "append", "name": "a", "at": 0, "data": "half"},
        {"do": "news", "known": {"a": -1}},
    ):
        assert httpx.post(step, json=given).status_code == 400, given
    assert httpx.post(step.replace("/p/", "/q/"), json={"do": "place"}).status_code == 404
    server.kill()
    with pytest.raises(UsageError, match="cannot be reached"):
        rltrack.sweep(CONFIG, project="p")


MEMBER = """
import sys
from pathlib import Path
import rltrack
from rltrack.sweeps import latest_checkpoint

def train():
    with rltrack.init() as run:
        before = 0.0
        checkpoint = latest_checkpoint(run)
        if checkpoint is not None:
            before = float(Path(checkpoint.file(Path(sys.argv[2]) / run.id)).read_text())
        after = before + run.config.gain
        run.summary["before"] = before
        run.log({"score": after})
        path = Path(sys.argv[2]) / f"{run.id}.txt"
        path.write_text(repr(after))
        run.log_artifact(str(path), name="weights", type="model")

print(rltrack.agent(sys.argv[1], train))
"""


def test_members_of_a_population_copy_each_other_through_the_server(
    server: Server, tmp_path: Path, start: list[subprocess.Popen[bytes]]
) -> None:
    """Two machines with nothing in common but its address; both log `weights`, from v0 on."""
    sweep_id = rltrack.sweep(
        {
            "method": "pbt",
            "seed": 3,
            "metric": {"name": "score", "goal": "maximize"},
            "parameters": {"gain": {"min": 0.1, "max": 1.0}},
            "pbt": {"population": 4, "generations": 3, "quantile": 0.5},
        },
        project="p",
    )
    for at in range(2):
        place = tmp_path / f"m{at}"
        place.mkdir()
        start.append(
            subprocess.Popen(
                [sys.executable, "-c", MEMBER, sweep_id, str(place)],
                env=os.environ | {"RLTRACK_DIR": str(place / "runs")},
                stdout=subprocess.PIPE,
            )
        )
    counts = [ran(process) for process in start]

    api = rltrack.Api(base_url="")
    trials = api.sweep(sweep_id).trials
    told = [(trial.number, trial.attempt, trial.state, trial.reason) for trial in trials]
    assert all(state == "finished" for _, _, state, _ in told), (counts, told)
    assert len(told) == sum(counts) == 12, (counts, told)
    runs = {run.id: run for run in api.runs("p")}
    copied = [trial for trial in trials if trial.extra.get("from_run")]
    assert len(copied) == 8
    for trial in copied:
        parent = runs[trial.extra["from_run"]]
        assert runs[trial.run_id].summary["before"] == parent.summary["score"]
    machines = {run_id: at for at in range(2) for run_id in _runs_of(tmp_path / f"m{at}")}
    assert any(machines[trial.run_id] != machines[trial.extra["from_run"]] for trial in copied)
    versions = api.artifacts("model", "p/weights")
    assert [one.version for one in versions] == [f"v{number}" for number in reversed(range(12))]


def _runs_of(machine: Path) -> list[str]:
    return [path.parent.name for path in (machine / "runs" / "p").glob("*/run.json")]
