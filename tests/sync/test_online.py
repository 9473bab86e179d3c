"""A training whose run is sent while it goes on, by a process that outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import rltrack
from rltrack import _credentials
from rltrack.folder import RunFolder
from rltrack.journal.extent import written
from rltrack.store.run import RunReader
from rltrack.sync.state import SyncState, read_state
from tests.sync.conftest import Hub, Network, eventually, free_port
from tests.sync.test_shipment import folder_of, same_files

TRAINING = """
import sys, time, rltrack
run = rltrack.init(project="p", id="r1", settings={"silent": True})
for step in range(int(sys.argv[1])):
    run.log({"loss": 1.0 / (step + 1), "step": step})
    time.sleep(float(sys.argv[2]))
print("logged", flush=True)
time.sleep(float(sys.argv[3]))
run.finish()
"""


@pytest.fixture
def server(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, as the server of the settings."""
    monkeypatch.setenv("RLTRACK_SERVER", hub.url)
    return hub


def training(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TRAINING, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def rows(folder: RunFolder) -> int:
    if not folder.run_json.exists():
        return -1
    reader = RunReader(folder)
    reader.refresh()
    return reader.digest().row_count


def state_of(folder: RunFolder) -> SyncState:
    state = read_state(folder.path)
    assert state is not None
    return state


@pytest.fixture(autouse=True)
def _shippers_end(root: Path) -> Iterator[None]:
    """Those of trainings that were killed are nobody's children."""
    yield
    for path in root.glob("*/*/sync.json"):
        state = read_state(path.parent)
        if state and state.pid != os.getpid() and state.is_being_sent:
            psutil.Process(state.pid).kill()


def test_finish_returns_when_the_server_has_it_all(
    root: Path, server: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    with rltrack.init(project="p") as run:
        assert run.settings.mode == "online"
        for step in range(1000):
            run.log({"loss": 1.0, "step": step})

    same_files(folder_of(run), server.run("ann/p", run.id))
    assert state_of(folder_of(run)).phase == "complete"
    assert run.url == f"{server.url}/p/ann%2Fp/r/{run.id}"
    assert "it is sent to" in capfd.readouterr().err


def test_without_a_server_an_online_run_is_recorded_here(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with rltrack.init(project="p", mode="online") as run:
        assert run.url == folder_of(run).path.as_uri()

    assert read_state(folder_of(run).path) is None
    assert "rltrack login" in capfd.readouterr().err


def test_a_run_that_is_kept_here_is_not_sent(root: Path, server: Hub) -> None:
    with rltrack.init(project="p", mode="offline", settings={"silent": True}) as run:
        pass
    assert read_state(folder_of(run).path) is None


def test_what_a_killed_training_left_is_sent_and_the_run_is_crashed(
    root: Path, server: Hub
) -> None:
    """SIGKILL of it and of its whole process group, in the middle of what it does."""
    process = training(10**9, 0.0001, 0)
    theirs = server.run("ann/p", "r1")
    eventually(lambda: rows(theirs) > 10)
    process.kill()
    process.communicate()

    ours = RunFolder(root / "p" / "r1")
    eventually(lambda: state_of(ours).phase == "complete")

    assert rows(theirs) == rows(ours)
    (segment,) = ours.journal.iterdir()
    with open(segment, "rb") as file:
        whole = file.read()[: written(file.fileno())]
    assert (theirs.journal / segment.name).read_bytes()[: len(whole)] == whole
    assert theirs.read_facts().state == "crashed"
    assert ours.read_facts().state == "running"
    reader = RunReader(theirs)
    reader.refresh()
    assert reader.state == "crashed"


def test_a_sender_that_is_killed_is_made_good_by_sync(root: Path, server: Hub) -> None:
    process = training(300, 0.001, 3)
    ours, theirs = RunFolder(root / "p" / "r1"), server.run("ann/p", "r1")
    eventually(lambda: rows(theirs) > 10 and state_of(ours).pid)
    os.kill(state_of(ours).pid, signal.SIGKILL)
    process.communicate()
    assert state_of(ours).phase != "complete"

    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "rltrack", "sync", str(ours.path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "p/r1  complete" in done.stdout
        assert "1 of 1 runs are on the server" in done.stdout
    same_files(ours, theirs)


def test_a_server_that_is_killed_under_load_loses_nothing(root: Path, server: Hub) -> None:
    process = training(3000, 0.001, 0)
    theirs = server.run("ann/p", "r1")
    for more in (100, 500, 1000):
        eventually(lambda more=more: rows(theirs) > more)  # type: ignore[misc]
        server.kill()
        time.sleep(0.3)
        server.start()
    process.communicate()

    ours = RunFolder(root / "p" / "r1")
    eventually(lambda: state_of(ours).phase == "complete")
    same_files(ours, theirs)


def test_finish_waits_no_longer_than_it_may_and_says_what_to_do(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody answers: the run is whole here, and its sender goes on by itself."""
    monkeypatch.setenv("RLTRACK_SERVER", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with rltrack.init(project="p", settings={"finish_wait_s": 1.0}) as run:
        run.log({"loss": 1.0})

    assert time.monotonic() - began < 30
    told = capfd.readouterr().err
    assert f"`rltrack sync {run.folder}` sends what is missing" in told
    assert "it is being sent on" in told
    assert run.state == "finished"


def test_ctrl_c_ends_the_wait_and_not_the_sending(root: Path, hub: Hub, network: Network) -> None:
    """The run has ended as it was going to, and is sent on."""
    network.delay_s = 0.5  # of each 16 KiB: it would take a minute
    code = """
import os, sys, rltrack
run = rltrack.init(project="p", id="r1", settings={"finish_wait_s": 600.0})
open(os.path.join(run.dir, "large"), "wb").write(os.urandom(2 << 20))
run.finish()
print("finished as", run.state)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"RLTRACK_SERVER": network.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    told = ""
    while "sending the run" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert out.strip() == "finished as finished"
    assert process.returncode == 0
    assert "it is being sent on" in err
    network.delay_s = 0.0
    ours = RunFolder(root / "p" / "r1")
    eventually(lambda: state_of(ours).phase == "complete")
    same_files(ours, hub.run("ann/p", "r1"))


def test_a_wrong_key_is_told_while_the_training_goes_on(
    root: Path,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    hub.kill()
    hub.key = "right"
    hub.start()
    monkeypatch.setenv("RLTRACK_SERVER", hub.url)
    monkeypatch.setenv("RLTRACK_API_KEY", "wrong")
    told = ""

    def is_told() -> bool:
        nonlocal told
        told += capfd.readouterr().err
        return "no such key" in told

    with rltrack.init(project="p") as run:
        run.log({"loss": 1.0})
        eventually(is_told)

    assert "rltrack login" in told
    assert state_of(folder_of(run)).phase == "refused"
    assert "wrong" not in (folder_of(run).path / "sync.json").read_text()


def test_a_run_is_stopped_from_the_server(root: Path, server: Hub) -> None:
    process = training(10, 0.001, 600)
    theirs = server.run("ann/p", "r1")
    eventually(lambda: rows(theirs) == 10)

    theirs.ask_to_stop("ben")

    process.communicate(timeout=60)
    ours = RunFolder(root / "p" / "r1")
    eventually(lambda: state_of(ours).phase == "complete")
    reader = RunReader(theirs)
    reader.refresh()
    assert reader.state == "killed"
    assert not (theirs.path / "stop").exists()


def test_a_slow_network_and_one_that_goes_away_do_not_touch_the_training(
    root: Path, network: Network, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is there in the end."""
    monkeypatch.setenv("RLTRACK_SERVER", network.url)
    network.delay_s = 0.002
    with rltrack.init(project="p", settings={"silent": True}) as run:
        for step in range(2000):
            run.log({"loss": 1.0, "step": step})
        eventually(lambda: rows(hub.run("ann/p", run.id)) > 0)
        network.cut()
        for step in range(2000):
            run.log({"loss": 2.0, "step": step})
        eventually(lambda: state_of(folder_of(run)).phase == "waiting")
        network.mend()
        for step in range(2000):
            run.log({"loss": 3.0, "step": step})

    same_files(folder_of(run), hub.run("ann/p", run.id))


def test_the_key_is_in_a_file_that_only_its_user_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", str(tmp_path / "config"))
    from rltrack.settings import Settings

    there = Settings(server="https://a.example/")
    path = _credentials.keep("https://a.example", "secret", "ann")

    assert path.stat().st_mode & 0o777 == 0o600
    found = _credentials.connection(there)
    assert found is not None
    assert (found.api_key, found.user) == ("secret", "ann")
    assert "secret" not in repr(found)
    assert found.page("p", "r/1") == "https://a.example/p/ann%2Fp/r/r%2F1"
    assert _credentials.forget("https://a.example")
    assert not _credentials.forget("https://a.example")
    found = _credentials.connection(there)
    assert found is not None
    assert found.api_key is None
