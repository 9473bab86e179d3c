"""Many agents at once, on this machine, by SLURM's commands, and on a Ray cluster of one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rltrack
from rltrack.cli import main
from rltrack.errors import UsageError
from rltrack.sweeps.launch import options_of
from rltrack.sweeps.ledger import Ledger

TRAIN = """
import time
import rltrack
with rltrack.init() as run:
    time.sleep(0.5)
    run.log({"loss": run.config.a})
"""

#: What SLURM's `sbatch` and `srun` do with an array, on this machine.
SBATCH = """#!{python}
import os, shutil, subprocess, sys
script = sys.argv[-1] + ".copy"
shutil.copyfile(sys.argv[-1], script)  # submitit gives it another name once it is submitted
(array,) = [word for word in open(script).read().split() if word.startswith("--array=")]
first, last = array.removeprefix("--array=").partition("%")[0].split("-")
for task in range(int(first), int(last) + 1):
    environ = os.environ | {{
        "SLURM_JOB_ID": str(100 + task), "SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": str(task),
        "SLURM_JOB_NODELIST": "here", "SLURM_NODEID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
        "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1",
    }}
    subprocess.Popen(
        ["bash", script], env=environ, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
print("Submitted batch job 77")
"""
SRUN = """#!{python}
import os, sys
words = sys.argv[1:]
while words[0].startswith("-"):  # its own; those without = have a value behind them
    words = words[1:] if "=" in words[0] or words[0] == "--unbuffered" else words[2:]
os.execvp(words[0], words)
"""


@pytest.fixture
def sweep_id(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setenv("RLTRACK_SILENT", "true")
    (tmp_path / "train.py").write_text(TRAIN)
    config = {
        "method": "grid",
        "program": str(tmp_path / "train.py"),
        "command": ["${interpreter}", "${program}"],
        "project": "p",
        "metric": {"name": "loss"},
        "parameters": {"a": {"values": [1, 2, 3, 4]}},
    }
    (tmp_path / "sweep.json").write_text(json.dumps(config))
    assert main(["sweep", str(tmp_path / "sweep.json")]) == 0
    return capsys.readouterr().out.strip()


def check(ledger: Ledger, agents: int) -> None:
    trials = list(ledger.ordered())
    assert [one.values for one in trials] == [[1], [2], [3], [4]]
    assert len({one.agent for one in trials}) == agents


def test_processes_of_this_machine(sweep_id: str, ledger_of: Callable[[str], Ledger]) -> None:
    assert main(["agent", sweep_id, "--launch", "local", "--agents", "2"]) == 0

    check(ledger_of(sweep_id), agents=2)


def test_an_array_of_slurm(
    sweep_id: str,
    ledger_of: Callable[[str], Ledger],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Submitted as submitit does it, with its options."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN)):
        (commands / name).write_text(text.format(python=sys.executable))
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    words = ["--launch-option", "slurm_partition=gpu", "--launch-option", "timeout_min=5"]

    assert main(["agent", sweep_id, "--count", "2", "--launch", "slurm", *words]) == 0

    assert "SLURM has 2 agents: 77_0, 77_1" in capsys.readouterr().out
    ledger = ledger_of(sweep_id)
    jobs = ledger.folder.path / "jobs"
    assert "--partition=gpu" in (jobs / "77_submission.sh").read_text()
    end = time.monotonic() + 60
    while len(list(jobs.glob("77_*_result.pkl"))) < 2:
        assert time.monotonic() < end, [one.read_text() for one in jobs.glob("*.err")]
        time.sleep(0.1)
    check(ledger_of(sweep_id), agents=2)


@pytest.fixture
def cluster() -> Iterator[str]:
    """A Ray cluster of this machine alone; `ray stop` would end the user's own as well."""
    port = 64379
    words = ["start", "--head", "--block", f"--port={port}", "--num-cpus=2"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *words, "--include-dashboard=false"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while not listens(port):
            assert time.monotonic() < end
            assert head.poll() is None
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
    finally:
        head.terminate()  # and with it all that it started
        head.wait(60)


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_tasks_of_a_ray_cluster(
    sweep_id: str, cluster: str, ledger_of: Callable[[str], Ledger]
) -> None:
    words = ["--launch-option", f"address={cluster}", "--launch-option", "num_cpus=1"]
    done = subprocess.run(
        [sys.executable, "-m", "rltrack", "agent", sweep_id, "--launch", "ray", *words],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "2 agents have ended" in done.stdout
    check(ledger_of(sweep_id), agents=2)
    assert {run.state for run in rltrack.Api().runs("p")} == {"finished"}


def test_options_are_names_and_values() -> None:
    assert options_of(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(UsageError, match="must be NAME=VALUE"):
        options_of(["a"])
