"""Population based training copies real weights, and keeps from whom."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import rltrack
from rltrack.sweeps import latest_checkpoint
from rltrack.sweeps.agent import Agent, Outcome
from rltrack.sweeps.folder import SweepFolder
from rltrack.sweeps.ledger import Ledger
from rltrack.sweeps.methods import search_of

PlainLedger = Callable[..., tuple[SweepFolder, Ledger]]
LR = {"lr": {"distribution": "log_uniform_values", "min": 1e-3, "max": 1.0}}


def weights(model: torch.nn.Module) -> list[float]:
    return [float(one) for part in model.parameters() for one in part.detach().flatten()]


def train(folder: Path) -> None:
    """A few steps of gradient descent from the newest checkpoint, if there is one."""
    with rltrack.init() as run:
        model = torch.nn.Linear(2, 1)
        checkpoint = latest_checkpoint(run)
        if checkpoint is not None:
            model.load_state_dict(torch.load(checkpoint.file(folder / "got" / run.id)))
        run.summary["before"] = weights(model)
        x = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])
        y = x @ torch.tensor([[2.0], [-3.0]]) + 1
        optimizer = torch.optim.SGD(model.parameters(), lr=run.config.lr)
        for _ in range(5):
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            run.log({"loss": min(float(loss.detach()), 1e9)})
        run.summary["after"] = weights(model)
        path = folder / f"{run.id}.pt"
        torch.save(model.state_dict(), path)
        run.log_artifact(path, name="model", type="model")


def test_weights_go_from_the_good_to_the_bad(
    make: Callable[..., str], ledger_of: Callable[[str], Ledger], root: Path, tmp_path: Path
) -> None:
    """Each trial begins with exactly what the one ended with that it goes on from."""
    sweep_id = make(
        method="pbt",
        seed=1,
        parameters=LR,
        pbt={"population": 4, "generations": 4, "quantile": 0.25},
    )

    assert rltrack.agent(sweep_id, lambda: train(tmp_path)) == 16

    trials = list(ledger_of(sweep_id).ordered())
    api = rltrack.Api(root)
    runs = {run.id: run for run in api.runs("p", {"sweep": sweep_id})}
    copied = 0
    for trial in trials[4:]:
        parent = trials[trial.extra["from"]]
        run, parents_run = runs[trial.run_id], runs[parent.run_id]
        assert run.summary["before"] == parents_run.summary["after"]
        assert run.metadata["sweep"]["goes_on_from"] == parent.run_id
        (used,) = run.used_artifacts()
        assert used.logged_by().id == parent.run_id
        if trial.extra.get("exploited"):
            copied += 1
            assert parent.values is not None
            generation = trials[parent.number // 4 * 4 : parent.number // 4 * 4 + 4]
            assert parent.values[0] == min(one.values[0] for one in generation if one.values)
            assert trial.parameters["lr"] != parent.parameters["lr"]
        else:
            assert (parent.number + 4, trial.parameters) == (trial.number, parent.parameters)
    assert copied == 3  # the worst quarter of each generation
    last, first = (min(t.values[0] for t in part if t.values) for part in (trials[-4:], trials[:4]))
    assert last < first


def test_a_generation_waits_for_the_one_before(plain_ledger: PlainLedger) -> None:
    """Also for a trial of it that is to be begun again."""
    folder, ledger = plain_ledger(
        method="pbt", parameters=LR, pbt={"population": 2, "generations": 3}, retry={"failed": 1}
    )
    search = search_of(folder.config(), folder.facts())

    def claim() -> Any:
        return ledger.claim(lambda number: search.choose(number, ledger), search.size(ledger))

    first, second = claim(), claim()
    assert claim() is None
    ledger.end(first, "finished", [1.0])
    ledger.end(second, "failed")
    assert not search.is_complete(ledger)
    again = claim()
    assert (again.number, again.attempt) == (1, 2)
    assert claim() is None
    ledger.end(again, "failed")

    assert [claim().number, claim().number] == [2, 3]
    assert ledger.trials[3].extra["from"] == 0  # who has no value copies
    assert claim() is None


def test_a_generation_that_ends_while_an_agent_looks_for_work_is_followed_by_the_next(
    plain_ledger: PlainLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent has counted how many trials there may be before the other's last one ended."""
    folder, other = plain_ledger(
        method="pbt", parameters=LR, pbt={"population": 2, "generations": 2}
    )
    search = search_of(folder.config(), folder.facts())

    def claim() -> Any:
        return other.claim(lambda number: search.choose(number, other), search.size(other))

    class Runner:
        def run(self, *_: object) -> Outcome:
            return Outcome("finished", {"loss": 1.0})

    agent = Agent(folder, Runner(), quiet=True)
    begun = [claim(), claim()]
    real = agent.ledger.claim

    def late(*given: Any) -> Any:
        while begun:
            other.end(begun.pop(), "finished", [1.0])
            if not begun and (third := claim()):
                other.end(third, "finished", [1.0])
        return real(*given)

    monkeypatch.setattr(agent.ledger, "claim", late)
    assert agent.run() == 1
    assert [(trial.number, trial.state) for trial in agent.ledger.ordered()] == [
        (number, "finished") for number in range(4)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_explored_stays_in_the_space(plain_ledger: PlainLedger, seed: int) -> None:
    parameters = {
        **LR,
        "count": {"min": 1, "max": 4},
        "kind": {"values": ["a", "b", [1]]},
        "steps": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25},
        "fixed": {"value": None},
    }
    folder, ledger = plain_ledger(
        method="pbt", parameters=parameters, pbt={"population": 4, "generations": 20}, seed=seed
    )
    search = search_of(folder.config(), folder.facts())
    chance = random.Random(seed)
    for _ in range(80):
        trial = ledger.claim(lambda number: search.choose(number, ledger), search.size(ledger))
        assert trial is not None
        ledger.end(trial, "finished", [chance.random()])
        given = trial.parameters
        assert 1e-3 <= given["lr"] <= 1
        assert given["count"] in (1, 2, 3, 4)
        assert given["kind"] in ("a", "b", [1])
        assert given["steps"] in (0, 0.25, 0.5, 0.75, 1)
        assert given["fixed"] is None
