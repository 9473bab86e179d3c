"""Agents that run programs, from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import rltrack
from rltrack.cli import main
from rltrack.errors import UsageError
from rltrack.sweeps.folder import SweepFolder
from rltrack.sweeps.jobs import gpu_shares
from rltrack.sweeps.ledger import Ledger

LedgerOf = Callable[[str], Ledger]

TRAIN = """
import argparse, os, time
import rltrack

parser = argparse.ArgumentParser()
parser.add_argument("--a", type=int)
parser.add_argument("--seconds", type=float, default=0)
options = parser.parse_args()
with rltrack.init(project="not this one", config={"b": 1}) as run:
    assert run.config.a == options.a
    run.log({"loss": options.a, "gpu": os.environ.get("CUDA_VISIBLE_DEVICES")})
    if options.a == 13:
        raise SystemExit(3)
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        time.sleep(0.01)
        run.log({"loss": options.a + 0.5})
"""


@pytest.fixture
def program(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLTRACK_SILENT", "true")
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command; what it printed."""

    def command(*words: str) -> str:
        assert main(words) == 0
        return capsys.readouterr().out

    return command


@pytest.fixture
def make(program: Path, tmp_path: Path, command: Callable[..., str]) -> Callable[..., str]:
    """Makes a sweep of a file, over `program`."""

    def make(values: list[int], **config: Any) -> str:
        given = {
            "method": "grid",
            "program": str(program),
            "project": "p",
            "metric": {"name": "loss"},
            "parameters": {"a": {"values": values}},
        }
        (tmp_path / "sweep.json").write_text(json.dumps({**given, **config}))
        return command("sweep", str(tmp_path / "sweep.json")).strip()

    return make


def agent(sweep_id: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "rltrack", "agent", sweep_id, *words])


def test_jobs_share_out_the_trials_and_the_gpus(
    make: Callable[..., str], command: Callable[..., str], root: Path, ledger_of: LedgerOf
) -> None:
    sweep_id = make([1, 2, 3, 4, 5])

    told = command("agent", sweep_id, "--jobs", "2", "--gpus", "4,7")

    assert told == f"5 trials of sweep {sweep_id} were run here\n"
    runs = rltrack.Api(root).runs("p", {"sweep": sweep_id})
    assert sorted(run.summary["loss"] for run in runs) == [1, 2, 3, 4, 5]
    assert {run.summary["gpu"] for run in runs} == {"4", "7"}
    assert {(run.state, run.config["b"]) for run in runs} == {("finished", 1)}
    assert [one.values for one in ledger_of(sweep_id).ordered()] == [[1], [2], [3], [4], [5]]


def test_a_program_that_fails_is_a_failed_trial(
    make: Callable[..., str], command: Callable[..., str], ledger_of: LedgerOf
) -> None:
    sweep_id = make([13, 1])
    command("agent", sweep_id)

    failed, finished = ledger_of(sweep_id).ordered()
    assert (failed.state, failed.reason) == ("failed", "the program ended with status 3")
    assert finished.state == "finished"
    shown = json.loads(command("sweep", sweep_id, "--json"))
    assert shown["best"]["parameters"] == {"a": 1}
    assert [trial["state"] for trial in shown["trials"]] == ["failed", "finished"]
    assert "failed" in command("sweep", sweep_id)
    assert json.loads(command("sweep", "--json"))[0]["trials"] == {"failed": 1, "finished": 1}


def test_a_sweep_is_paused_resumed_and_cancelled_while_agents_run(
    make: Callable[..., str], command: Callable[..., str], ledger_of: LedgerOf
) -> None:
    """From any process that sees the folder; what was cancelled has no value."""
    sweep_id = make([1, 2, 3], command=["${interpreter}", "${program}", "${args}", "--seconds=60"])
    command("sweep", sweep_id, "--pause")
    ledger = ledger_of(sweep_id)
    running = agent(sweep_id)
    folder = ledger.folder
    assert isinstance(folder, SweepFolder)
    wait_until(ledger, lambda: list(folder.logs.iterdir())[1:] != [])
    time.sleep(0.3)
    ledger.poll()
    assert ledger.trials == {}

    command("sweep", sweep_id, "--resume")
    wait_until(ledger, lambda: has_begun(ledger, 0))
    command("sweep", sweep_id, "--trial", "0", "--stop")
    wait_until(ledger, lambda: has_begun(ledger, 1))
    command("sweep", sweep_id, "--trial", "1", "--pause")
    wait_until(ledger, lambda: has_begun(ledger, 2))
    assert ledger.trials[1].state == "lost"
    command("sweep", sweep_id, "--trial", "2", "--cancel")
    wait_until(ledger, lambda: ledger.trials[2].state == "stopped")
    command("sweep", sweep_id, "--trial", "1", "--resume")
    wait_until(ledger, lambda: ledger.trials[1].attempt == 2)
    command("sweep", sweep_id, "--cancel")

    assert running.wait(30) == 0
    ledger.poll()
    first, second, third = ledger.ordered()
    assert (first.state, second.state, third.state) == ("stopped", "stopped", "stopped")
    assert first.values is not None
    assert first.reason == "`rltrack sweep --stop` --trial 0"
    assert second.values is None
    assert third.values is None


def wait_until(ledger: Ledger, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
        ledger.poll()


def has_begun(ledger: Ledger, number: int) -> bool:
    """Whether the trial's run has logged something."""
    trial = ledger.trials.get(number)
    if trial is None or trial.state != "running":
        return False
    if not (ledger.folder.root / "p" / trial.run_id / "run.json").exists():
        return False
    return "loss" in rltrack.Api(ledger.folder.root).run(f"p/{trial.run_id}").summary


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_agent_that_is_told_to_end_leaves_nothing_behind(
    make: Callable[..., str], ledger_of: LedgerOf, root: Path, number: signal.Signals
) -> None:
    """And its trial goes back, to be gone on with in the same run."""
    sweep_id = make([1], command=["${interpreter}", "${program}", "${args}", "--seconds=60"])
    ledger = ledger_of(sweep_id)
    running = agent(sweep_id)
    wait_until(ledger, lambda: has_begun(ledger, 0))
    (child,) = psutil.Process(running.pid).children()

    os.kill(running.pid, number)

    assert running.wait(30) == 130
    assert not child.is_running()
    ledger.poll()
    assert ledger.trials[0].state == "lost"
    assert rltrack.Api(root).run(f"p/{ledger.trials[0].run_id}").state == "killed"


def test_the_program_of_an_agent_that_was_killed_is_ended_before_it_is_gone_on_with(
    make: Callable[..., str], ledger_of: LedgerOf, root: Path
) -> None:
    """Two processes must not write one run."""
    sweep_id = make([1], command=["${interpreter}", "${program}", "${args}", "--seconds=3"])
    ledger = ledger_of(sweep_id)
    first = agent(sweep_id)
    wait_until(ledger, lambda: has_begun(ledger, 0))
    (child,) = psutil.Process(first.pid).children()
    first.kill()
    first.wait()

    assert agent(sweep_id).wait(60) == 0

    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    ledger.poll()
    assert (ledger.trials[0].state, ledger.trials[0].attempt) == ("finished", 2)
    (run,) = rltrack.Api(root).runs("p")
    assert run.state == "finished"


def test_gpus_are_shared_in_turn() -> None:
    def numbers(*args: Any) -> list[str]:
        return [share["CUDA_VISIBLE_DEVICES"] for share in gpu_shares(*args)]

    assert numbers(2, ["0", "1", "2", "3"], 2) == ["0,1", "2,3"]
    assert numbers(3, ["0", "1"], 1) == ["0", "1", "0"]
    assert gpu_shares(2, [], 1) == [{}, {}]
    with pytest.raises(UsageError, match="a job needs 3 GPUs"):
        gpu_shares(1, ["0"], 3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep", "nonsense.yaml"], "there is no file 'nonsense.yaml'"),
        (["sweep", "--stop"], "which sweep"),
        (["agent", "nonsense"], "no sweep 'nonsense'"),
    ],
)
def test_what_is_not_there_is_told(
    root: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert told in capsys.readouterr().err
