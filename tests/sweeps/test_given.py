"""Runs from before a sweep, points by hand, and another config while agents run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.cli import main
from rltrack.errors import UsageError
from rltrack.sweeps.folder import find_folder, make_folder
from rltrack.sweeps.given import update
from rltrack.sweeps.ledger import Ledger
from rltrack.sweeps.sampling import OptunaSearch


def train() -> None:
    with rltrack.init() as run:
        run.log({"loss": float(run.config.a)})


def run_before(run_id: str, **config: Any) -> None:
    with rltrack.init(project="p", id=run_id, config=config) as run:
        run.log({"loss": 7.0})


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_grid_leaves_out_the_points_of_prior_runs(
    root: Path, quiet: None, ledger_of: Callable[[str], Ledger], shuffle: bool
) -> None:
    """They are its first trials, with their values, and each other point is run once."""
    run_before("one", a=1.0)
    run_before("odd", a=99)
    config = {
        "method": "grid",
        "shuffle": shuffle,
        "metric": {"name": "loss"},
        "parameters": {"a": {"values": [0, 1, 2, 3]}},
    }
    sweep_id = rltrack.sweep(config, project="p", prior_runs=["one", "someone/p/odd"])
    assert rltrack.agent(sweep_id, train) == 3
    trials = ledger_of(sweep_id).trials
    assert sorted(trial.parameters["a"] for trial in trials.values()) == [0, 1.0, 2, 3, 99]
    assert {trial.run_id: trial.values for n, trial in trials.items() if n < 0} == {
        "one": [7.0],
        "odd": [7.0],
    }
    with pytest.raises(UsageError, match="no run 'gone'"):
        rltrack.sweep(config, project="p", prior_runs=["gone"])
    run_before("other", b=1)
    with pytest.raises(UsageError, match="has no 'a'"):
        rltrack.sweep(config, project="p", prior_runs=["other"])


def test_bayes_learns_from_prior_runs(root: Path, quiet: None) -> None:
    """Also of parameters that it draws by a detour, as quantized ones."""
    run_before("good", a=0.25, q=0.4)
    given = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "parameters": {
            "a": {"min": 0.0, "max": 1.0},
            "q": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.2},
        },
    }
    sweep_id = rltrack.sweep(given, project="p", prior_runs=["good"])
    sweep = rltrack.Api(root).sweep(sweep_id)
    search = OptunaSearch(sweep._config, sweep._facts)
    sweep._ledger.poll()
    search.follow(sweep._ledger)
    (known,) = search._study.trials
    assert known.value == 7.0
    assert search.values(known.params) == {"a": 0.25, "q": 0.4}


def test_a_point_by_hand_is_run_next(
    root: Path, make: Callable[..., str], ledger_of: Callable[[str], Ledger]
) -> None:
    """Before what the method would choose; a grid runs its own points all the same."""
    sweep_id = make(parameters={"a": {"values": [0, 1]}, "o": {"parameters": {"k": {"value": 5}}}})
    sweep = rltrack.Api(root).sweep(sweep_id)
    assert sweep.enqueue_run({"a": 12}) == -1
    assert main(["sweep", sweep_id, "--enqueue", '{"a": 13, "o": {"k": 6}}']) == 0
    ran: list[Any] = []

    def remember() -> None:
        with rltrack.init() as run:
            ran.append((run.config["a"], run.config["o"]["k"]))
            run.log({"loss": 1.0})

    assert rltrack.agent(sweep_id, remember) == 4
    assert ran == [(12, 5), (13, 6), (0, 5), (1, 5)]
    assert [one.state for one in sweep.agents] == ["gone"]
    with pytest.raises(UsageError, match="is FINISHED"):
        sweep.enqueue_run({"a": 1})
    with pytest.raises(UsageError, match="no parameter 'b'"):
        sweep.enqueue_run({"b": 1})
    with pytest.raises(UsageError, match="what a shall be"):
        sweep.enqueue_run({})
    ledger = ledger_of(sweep_id)
    assert sorted(ledger.trials) == [-2, -1, 0, 1]


def test_a_point_whose_agent_died_is_run_by_another(tmp_path: Path) -> None:
    """As any trial is."""
    folder = make_folder(tmp_path, "p", '{"method": "grid", "parameters": {"a": {"value": 0}}}')
    first, second = Ledger(folder), Ledger(folder)
    first.join()
    first.enqueue({"a": 5})
    assert first.board.take(-1, 1, first.name)  # and dies before it writes so
    first.leave()
    second.join()
    assert second.claim(lambda number: ({"a": number}, {}), 0) is None  # it learns who has it
    assert second.is_open(0)
    trial = second.claim(lambda number: ({"a": number}, {}), 0)
    assert trial is not None
    assert (trial.number, trial.attempt, trial.parameters) == (-1, 2, {"a": 5})
    second.end(trial, "finished", [1.0])
    assert not second.is_open(0)
    second.leave()


def test_a_sweep_gets_another_config_under_way(
    root: Path, make: Callable[..., str], tmp_path: Path, ledger_of: Callable[[str], Ledger]
) -> None:
    """An agent that runs goes on by it; points of a grid that has begun are not made others."""
    config = {
        "method": "random",
        "metric": {"name": "loss"},
        "parameters": {"a": {"min": 0.0, "max": 1.0}},
        "run_cap": 6,
    }
    sweep_id = rltrack.sweep(config, project="p")
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({**config, "parameters": {"a": {"min": 5.0, "max": 6.0}}}))
    calls = 0

    def train_and_change() -> None:
        nonlocal calls
        calls += 1
        train()
        if calls == 3:
            assert main(["sweep", str(changed), "--update", sweep_id]) == 0

    assert rltrack.agent(sweep_id, train_and_change) == 6
    drawn = [trial.parameters["a"] for trial in ledger_of(sweep_id).ordered()]
    assert [a > 1 for a in drawn] == [False] * 3 + [True] * 3

    grid = make()
    rltrack.agent(grid, train, count=1)
    assert main(["sweep", str(changed), "--update", grid]) != 0
    place = find_folder(root, grid)
    with pytest.raises(UsageError, match="prior_runs"):
        update(place, changed.read_text())
