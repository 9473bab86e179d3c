"""Agents that call a function of their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.errors import NotFoundError, SweepError, UsageError
from rltrack.sweeps import latest_checkpoint
from rltrack.sweeps.ledger import Ledger

Make = Callable[..., str]
LedgerOf = Callable[[str], Ledger]


def train() -> None:
    with rltrack.init() as run:
        run.log({"loss": float(run.config.a)})


def test_a_grid_runs_each_point_once_in_its_order(make: Make, ledger_of: LedgerOf) -> None:
    sweep_id = make(parameters={"b": {"values": ["x", "y"]}, "a": {"min": 1, "max": 2}})

    assert rltrack.agent(sweep_id, train) == 4

    ledger = ledger_of(sweep_id)
    assert [trial.parameters for trial in ledger.ordered()] == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    assert [trial.values for trial in ledger.ordered()] == [[1.0], [1.0], [2.0], [2.0]]
    assert {trial.state for trial in ledger.ordered()} == {"finished"}
    assert ledger.state == "FINISHED"
    assert rltrack.agent(sweep_id, train) == 0


def test_runs_carry_the_sweep_and_its_parameters_win_and_stay(make: Make, root: Path) -> None:
    """Defaults of `init` give way, what is set later is ignored, and what is nested is kept."""
    told: dict[str, Any] = {}

    def function() -> None:
        run = rltrack.init(
            project="elsewhere", id="mine", config={"a": 99, "o": {"lr": 9, "name": "adam"}, "n": 1}
        )
        rltrack.config.a = 100
        run.config.update({"o": {"lr": 7}}, allow_val_change=True)
        run.config.n = 1
        told.update(config=run.config.as_dict(), id=run.id, sweep=run.sweep_id)

    sweep_id = make(
        parameters={"a": {"value": 5}, "o": {"parameters": {"lr": {"value": 0.1}}}}, run_cap=1
    )
    rltrack.agent(f"someone/p/{sweep_id}", function, project="p", entity="me")

    assert told["config"] == {"a": 5, "o": {"lr": 0.1, "name": "adam"}, "n": 1}
    assert told["sweep"] == sweep_id
    (run,) = rltrack.Api(root).runs("p", {"sweep": sweep_id})
    assert (run.id, run.state, run.sweep_id) == (told["id"], "finished", sweep_id)
    assert run.id != "mine"
    assert rltrack.Api(root).projects() == ["p"]


def test_a_trial_may_have_several_runs(make: Make, root: Path, ledger_of: LedgerOf) -> None:
    """As one for each seed; the first speaks for the trial."""

    def function() -> None:
        for seed in range(3):
            with rltrack.init(config={"seed": seed}) as run:
                run.log({"loss": seed})

    sweep_id = make(run_cap=1)
    rltrack.agent(sweep_id, function)

    runs = rltrack.Api(root).runs("p", {"sweep": sweep_id})
    assert [(run.config["seed"], run.config["a"]) for run in runs] == [(0, 0), (1, 0), (2, 0)]
    assert ledger_of(sweep_id).trials[0].values == [0.0]


def test_a_run_of_the_program_itself_is_no_trials(make: Make) -> None:
    with rltrack.init(project="outer") as outer:
        assert rltrack.agent(make(run_cap=1), train) == 1
        assert rltrack.run is outer
        assert "a" not in outer.config


def test_count_and_run_cap_end_it(make: Make, ledger_of: LedgerOf) -> None:
    sweep_id = make(run_cap=3)

    assert rltrack.agent(sweep_id, train, count=2) == 2
    assert ledger_of(sweep_id).state == "RUNNING"
    assert rltrack.agent(sweep_id, train) == 1
    assert ledger_of(sweep_id).state == "FINISHED"


def test_random_draws_depend_on_seed_and_number_alone(make: Make, ledger_of: LedgerOf) -> None:
    """So agents that know nothing of each other draw as one would."""
    config = {"method": "random", "seed": 3, "parameters": {"a": {"min": 0.0, "max": 1.0}}}
    first, second = make(**config, run_cap=4), make(**config, run_cap=4)
    rltrack.agent(first, train)
    for _ in range(4):
        rltrack.agent(second, train, count=1)

    draws = [[one.parameters["a"] for one in ledger_of(s).ordered()] for s in (first, second)]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 4


def test_a_target_that_is_reached_ends_the_sweep(make: Make, ledger_of: LedgerOf) -> None:
    sweep_id = make(metric={"name": "loss", "goal": "maximize", "target": 2})

    assert rltrack.agent(sweep_id, train) == 3
    assert ledger_of(sweep_id).state_reason == "the target is reached: 2"


def test_a_failed_trial_is_told_and_the_next_is_run(
    make: Make, ledger_of: LedgerOf, root: Path
) -> None:
    def function() -> None:
        run = rltrack.init()
        if run.config.a == 1:
            raise RuntimeError("exploded")
        run.log({"loss": 1})

    sweep_id = make()
    assert rltrack.agent(sweep_id, function) == 4

    failed = ledger_of(sweep_id).trials[1]
    assert (failed.state, failed.reason) == ("failed", "RuntimeError: exploded")
    assert [run.state for run in rltrack.Api(root).runs("p")] == [
        *("finished", "failed", "finished", "finished")
    ]


def test_a_failed_trial_is_tried_again_as_often_as_the_policy_says(
    make: Make, ledger_of: LedgerOf, root: Path
) -> None:
    calls: list[int] = []

    def function() -> None:
        with rltrack.init() as run:
            calls.append(run.config.a)
            if run.config.a == 2 or (run.config.a == 1 and calls.count(1) < 3):
                raise RuntimeError("flaky")

    sweep_id = make(retry={"failed": 2})
    rltrack.agent(sweep_id, function)

    states = {trial.number: trial.state for trial in ledger_of(sweep_id).ordered()}
    assert states == {0: "finished", 1: "finished", 2: "failed", 3: "finished"}
    assert sorted(calls) == [0, 1, 1, 1, 2, 2, 2, 3]
    assert len(rltrack.Api(root).runs("p")) == 8  # a failed run stays, and the next is another


def test_an_agent_whose_trials_all_fail_ends_with_the_reason(
    make: Make, ledger_of: LedgerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would burn a grid on a typo."""

    def function() -> None:
        raise ImportError("no module named tortch")

    sweep_id = make()
    with pytest.raises(SweepError, match=r"first 3 trials failed.*tortch.*DISABLE_FLAPPING"):
        rltrack.agent(sweep_id, function)
    assert len(ledger_of(sweep_id).trials) == 3

    monkeypatch.setenv("WANDB_AGENT_DISABLE_FLAPPING", "true")
    assert rltrack.agent(sweep_id, function) == 1


def test_ctrl_c_gives_the_trial_back_and_ends_the_agent(
    make: Make, ledger_of: LedgerOf, root: Path
) -> None:
    def interrupted() -> None:
        with rltrack.init() as run:
            run.log({"loss": 5})
            raise KeyboardInterrupt

    sweep_id = make(run_cap=1)
    with pytest.raises(KeyboardInterrupt):
        rltrack.agent(sweep_id, interrupted)
    assert ledger_of(sweep_id).trials[0].state == "lost"

    resumed: list[bool] = []

    def function() -> None:
        with rltrack.init() as run:
            resumed.append(run.resumed)
            run.log({"loss": run.step})

    assert rltrack.agent(sweep_id, function) == 1
    trial = ledger_of(sweep_id).trials[0]
    assert (trial.state, trial.attempt, trial.values, resumed) == ("finished", 2, [1.0], [True])
    assert len(rltrack.Api(root).runs("p")) == 1


def long_training() -> None:
    with rltrack.init() as run:
        for step in range(2000):
            run.log({"loss": step})
            time.sleep(0.02)


@pytest.mark.parametrize("how", ["trial", "run"])
def test_one_trial_is_stopped_and_the_next_begins(
    make: Make, ledger_of: LedgerOf, root: Path, how: str
) -> None:
    """By its sweep, or by `rltrack stop` of its run."""
    sweep_id = make()

    def stop_the_first() -> None:
        ledger = ledger_of(sweep_id)
        while not ledger.trials:
            time.sleep(0.02)
            ledger.poll()
        run = rltrack.Api(root).run(f"p/{wait_for_run(root, ledger.trials[0].run_id)}")
        if how == "trial":
            ledger.ask(0, "stop", "its user")
            ledger.leave()
        else:
            from rltrack.folder import RunFolder

            RunFolder(run.folder).ask_to_stop()

    def function() -> None:
        (long_training if rltrack_parameters() == 0 else train)()

    stopper = threading.Thread(target=stop_the_first)
    stopper.start()
    try:
        assert rltrack.agent(sweep_id, function, count=2) == 2
    finally:
        stopper.join()

    first, second = ledger_of(sweep_id).ordered()
    assert (first.state, second.state) == ("stopped", "finished")
    assert first.reason == ("its user" if how == "trial" else "`rltrack stop`")
    assert rltrack.Api(root).run(f"p/{first.run_id}").state == "killed"


def rltrack_parameters() -> Any:
    from rltrack._trial import current

    context = current.get()
    assert context is not None
    return context.parameters["a"]


def wait_for_run(root: Path, run_id: str) -> str:
    while not (root / "p" / run_id / "run.json").exists():
        time.sleep(0.02)
    return run_id


def test_a_trial_in_another_thread_is_stopped_there(make: Make, ledger_of: LedgerOf) -> None:
    """And the main thread is left alone."""
    sweep_id = make(run_cap=1)
    worker = threading.Thread(target=rltrack.agent, args=(sweep_id, long_training))
    worker.start()
    ledger = ledger_of(sweep_id)
    while not ledger.trials:
        time.sleep(0.02)
        ledger.poll()
    ledger.set_state("CANCELED")
    ledger.leave()
    worker.join(20)

    assert not worker.is_alive()
    assert ledger_of(sweep_id).trials[0].state == "stopped"


def test_what_is_wrong_is_told_at_the_call(make: Make, root: Path) -> None:
    sweep_id = make()

    with pytest.raises(NotFoundError, match=rf"no sweep 'x{sweep_id}'.*did you mean '{sweep_id}'"):
        rltrack.agent(f"x{sweep_id}", train)
    with pytest.raises(UsageError, match="has no program"):
        rltrack.agent(sweep_id)
    with pytest.raises(UsageError, match="must be a function"):
        rltrack.agent(sweep_id, "train")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="method: 'gird'"):
        rltrack.sweep({"method": "gird", "parameters": {"a": {"value": 1}}})


def test_a_trial_that_was_given_back_goes_on_from_its_last_checkpoint(
    make: Make, tmp_path: Path
) -> None:
    told: list[str | None] = []

    def function() -> None:
        with rltrack.init() as run:
            checkpoint = latest_checkpoint(run)
            told.append(checkpoint and Path(checkpoint.file(tmp_path / "got")).read_text())
            for text in ("first", "second"):
                (tmp_path / "weights").write_text(f"{text} of {run.id}")
                run.log_artifact(tmp_path / "weights", name="weights", type="model")
            if checkpoint is None:
                raise KeyboardInterrupt
            run.log({"loss": 1})

    sweep_id = make(run_cap=1)
    with pytest.raises(KeyboardInterrupt):
        rltrack.agent(sweep_id, function)
    rltrack.agent(sweep_id, function)

    (run,) = rltrack.Api().runs("p")
    assert told == [None, f"second of {run.id}"]


def test_what_records_nothing_is_searched_all_the_same(
    make: Make, ledger_of: LedgerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a test of the user's own program."""
    monkeypatch.setenv("RLTRACK_MODE", "disabled")
    sweep_id = make(early_terminate={"type": "hyperband", "min_iter": 1})

    assert rltrack.agent(sweep_id, train) == 4
    assert [trial.values for trial in ledger_of(sweep_id).ordered()] == [[0.0], [1.0], [2.0], [3.0]]


def test_a_trial_of_wandbs_own_agent_is_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    """Its environment and its file of parameters are understood."""
    (tmp_path / "config.yaml").write_text("wandb_version: 1\na:\n  value: 0.1\n")
    monkeypatch.setenv("WANDB_SWEEP_ID", "theirs")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(tmp_path / "config.yaml"))
    monkeypatch.setenv("WANDB_RUN_ID", "run1")
    monkeypatch.setenv("WANDB_PROJECT", "p")

    with rltrack.init(project="other", config={"a": 5, "b": 1}) as first:
        first.config.a = 7
    with rltrack.init() as second:
        pass

    assert (first.id, first.project, first.sweep_id) == ("run1", "p", "theirs")
    assert first.config.as_dict() == {"a": 0.1, "b": 1}
    assert second.id != "run1"
    assert second.config.as_dict() == {"a": 0.1}


WITHOUT_EXTRAS = """
import sys
for name in ("numpy", "optuna", "yaml", "sklearn", "pandas", "pyarrow"):
    sys.modules[name] = None  # as if it were not installed
import rltrack

def train():
    with rltrack.init() as run:
        run.log({"loss": run.config.a})

for method in ("grid", "random"):
    parameters = {"a": {"values": [1, 2]}}
    given = {"method": method, "metric": {"name": "loss"}, "run_cap": 2, "parameters": parameters}
    assert rltrack.agent(rltrack.sweep(given, project="p"), train) == 2
try:
    rltrack.agent(rltrack.sweep({**given, "method": "bayes"}, project="p"), train)
except rltrack.Error as missing:
    print(missing)
"""


def test_grid_and_random_need_no_extra(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "pip install 'rltrack[sweeps]'" in done.stdout


AGENT = """
import sys, time, rltrack

def train():
    with rltrack.init() as run:
        for _ in range(10):
            run.log({"loss": run.config.a})
            time.sleep(0.005)

rltrack.agent(sys.argv[1], train)
"""


def test_a_grid_is_exact_under_four_agents_and_two_kills(
    make: Make, ledger_of: LedgerOf, root: Path
) -> None:
    """No point is repeated and none is lost; those of the killed are gone on with."""
    points = 60
    sweep_id = make(parameters={"a": {"min": 1, "max": points}})

    def agent() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", AGENT, sweep_id])

    agents = [agent() for _ in range(4)]
    ledger = ledger_of(sweep_id)
    for kill, after in ((0, 8), (1, 20)):
        while len(ledger.trials) < after or not runs_one(ledger, agents[kill].pid):
            time.sleep(0.002)
            ledger.poll()
        os.kill(agents[kill].pid, signal.SIGKILL)
    for one in agents:
        one.wait(120)

    ledger = ledger_of(sweep_id)
    trials = list(ledger.ordered())
    assert [one.parameters["a"] for one in trials] == list(range(1, points + 1))
    assert [one.values for one in trials] == [[float(a)] for a in range(1, points + 1)]
    assert {one.state for one in trials} == {"finished"}
    assert 1 <= sum(one.attempt > 1 for one in trials) <= 2
    assert ledger.state == "FINISHED"
    runs = rltrack.Api(root).runs("p", {"sweep": sweep_id})
    assert sorted(run.config["a"] for run in runs) == list(range(1, points + 1))
    assert {run.state for run in runs} == {"finished"}


def runs_one(ledger: Ledger, pid: int) -> bool:
    return any(
        one.state == "running" and f"-{pid}-" in one.agent for one in list(ledger.trials.values())
    )
