"""What `Api` tells of a sweep, and which parameters matter."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.errors import NotFoundError, UsageError
from rltrack.sweeps.importance import importances


def train() -> None:
    with rltrack.init() as run:
        config = run.config
        if config.kind == "bad":
            raise RuntimeError("no")
        run.log({"loss": 10 * config["o"]["x"] + config.a})


@pytest.fixture
def sweep(make: Callable[..., str], root: Path) -> Any:
    sweep_id = make(
        name="mine",
        parameters={
            "a": {"values": [1, 0]},
            "kind": {"values": ["good", "bad"]},
            "o": {"parameters": {"x": {"values": [1.5, 0.5]}}},
        },
    )
    assert rltrack.Api(root).sweep(sweep_id).state == "PENDING"
    rltrack.agent(sweep_id, train)
    return rltrack.Api(root).sweep(f"me/p/{sweep_id}")


def test_a_sweep_is_read_as_with_wandb(sweep: Any) -> None:
    assert (sweep.state, sweep.name, sweep.project) == ("FINISHED", "mine", "p")
    assert sweep.order == "+summary_metrics.loss"
    assert sweep.expected_run_count == 8
    assert sweep.config["parameters"]["a"] == {"values": [1, 0]}
    assert [run.state for run in sweep.runs].count("failed") == 4
    assert len(sweep.runs) == 8
    best = sweep.best_run()
    assert (best.summary["loss"], best.config["o"], best.config["a"]) == (5.0, {"x": 0.5}, 0)
    assert sweep.best_run("-summary_metrics.loss").summary["loss"] == 16.0
    assert [one.id for one in rltrack.Api(sweep._api.root).sweeps("p")] == [sweep.id]
    assert "FINISHED, 8 trials" in repr(sweep)


def test_a_sweep_is_a_table_of_its_trials(sweep: Any) -> None:
    frame = sweep.dataframe()

    assert list(frame.columns) == [
        *("trial", "state", "run_id", "attempt", "a", "kind", "o.x", "loss", "seconds", "reason")
    ]
    good = frame[frame["state"] == "finished"]
    assert (good["loss"] == 10 * good["o.x"] + good["a"]).all()
    assert frame[frame["state"] == "failed"]["reason"].unique() == ["RuntimeError: no"]


def test_importance_is_told_with_a_caution_when_runs_are_few(sweep: Any) -> None:
    """Over the sweep's trials, and over any runs that are chosen."""
    found = sweep.importances()
    chosen = rltrack.Api(sweep._api.root).importances(list(sweep.runs), "loss")

    assert [one.parameter for one in found] == ["o.x", "a"]  # of `kind` only one has a value
    assert found.caution is not None
    assert "from 4 runs" in found.caution
    assert chosen.as_dict() == found.as_dict()


@pytest.mark.parametrize("method", ["forest", "fanova", "ped_anova"])
def test_what_matters_is_found_by_each_method(method: Any) -> None:
    """A value that is mostly one parameter, a little another, and not at all the rest."""
    chance = random.Random(1)
    points = []
    for _ in range(150):
        rate, size = 10 ** chance.uniform(-5, -1), chance.choice(["small", "large"])
        given = {"rate": rate, "size": size, "noise": chance.random(), "same": 1}
        points.append((given, -(abs(rate / 1e-1) ** 0.25) * 5 + (size == "large")))

    found = importances(points, "score", method=method, goal="maximize")

    assert found.caution is None
    assert found.parameters[0].parameter == "rate"
    assert set(found.as_dict()) == {"rate", "size", "noise"}
    assert sum(found.as_dict().values()) == pytest.approx(1)
    assert found.as_dict()["noise"] < 0.2
    signs = {one.parameter: one.correlation for one in found}
    assert signs["rate"] is not None
    assert signs["rate"] < -0.7
    assert list(found.dataframe()["parameter"]) == [one.parameter for one in found]


def test_what_cannot_be_told_is_an_error(sweep: Any, root: Path) -> None:
    with pytest.raises(UsageError, match="two runs or more"):
        importances([({"a": 1}, 1.0)], "loss")
    with pytest.raises(UsageError, match=r"no run has a parameter 'o.y'; did you mean 'o.x'"):
        rltrack.Api(root).importances(sweep.runs, "loss", ["o.y"])
    with pytest.raises(UsageError, match="did you mean 'forest'"):
        sweep.importances("forrest")
    with pytest.raises(NotFoundError, match="no sweep 'nonsense'"):
        rltrack.Api(root).sweep("nonsense")
