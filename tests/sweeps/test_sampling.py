"""Optuna's samplers on the ledger."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from statistics import mean
from typing import Any

import pytest

from rltrack.errors import UsageError
from rltrack.sweeps.folder import SweepFolder
from rltrack.sweeps.ledger import Ledger, Trial
from rltrack.sweeps.methods import Search, search_of

PlainLedger = Callable[..., tuple[SweepFolder, Ledger]]
Function = Callable[..., float]

MANY: dict[str, Any] = {
    "uniform": {"min": 0.0, "max": 1.0},
    "log": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "count": {"min": 1, "max": 5},
    "list": {"values": [[64, 64], [256], None, {"x": 1}]},
    "odds": {"values": ["a", "b"], "probabilities": [0.9, 0.1]},
    "normal": {"distribution": "normal", "mu": 3, "sigma": 0.1},
    "steps": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25},
    "fixed": {"value": "same"},
    "deep": {"parameters": {"beta": {"distribution": "beta", "a": 2, "b": 2}}},
}


def branin(x: float, y: float) -> float:
    """Its least value is 0.397887."""
    bowl = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann(*x: float) -> float:
    """Hartmann's function of six variables; its least value is -3.32237."""
    steep = [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
    centres = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
    return -sum(
        weight * math.exp(-sum(a * (one - c) ** 2 for a, one, c in zip(row, x, at, strict=True)))
        for weight, row, at in zip((1, 1.2, 3, 3.2), steep, centres, strict=True)
    )


def search(plain_ledger: PlainLedger, count: int, function: Function, **config: Any) -> list[Trial]:
    """A sweep of `count` trials of a function of the parameters, by one agent."""
    folder, ledger = plain_ledger(**config)
    method = search_of(folder.config(), folder.facts())
    for _ in range(count):
        run_one(ledger, method, folder, function)
    return list(ledger.ordered())


def run_one(ledger: Ledger, method: Search, folder: SweepFolder, function: Function) -> None:
    space = folder.config().space

    def choose(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        values, extra = method.choose(number, ledger)
        return space.nested(values), extra

    trial = ledger.claim(choose)
    assert trial is not None
    value = function(*space.flat(trial.parameters).values())
    ledger.end(trial, "finished", value if isinstance(value, list) else [value])


@pytest.mark.parametrize(
    ("function", "parameters", "trials"),
    [
        (branin, {"x": {"min": -5.0, "max": 10.0}, "y": {"min": 0.0, "max": 15.0}}, 50),
        (hartmann, {f"x{at}": {"min": 0.0, "max": 1.0} for at in range(6)}, 60),
    ],
    ids=["branin", "hartmann"],
)
def test_bayes_beats_random_draws(
    plain_ledger: PlainLedger, function: Function, parameters: dict[str, Any], trials: int
) -> None:
    """In the mean, and on most of 20 seeds."""

    def best(method: str, seed: int) -> float:
        given = {"method": method, "seed": seed, "parameters": parameters}
        found = search(plain_ledger, trials, function, **given)
        return min(trial.values[0] for trial in found if trial.values)

    bayes = [best("bayes", seed) for seed in range(20)]
    drawn = [best("random", seed) for seed in range(20)]

    assert mean(bayes) < mean(drawn)
    assert sum(one < other for one, other in zip(bayes, drawn, strict=True)) >= 12


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "nsgaii", "qmc", "random", "TPESampler"])
def test_every_distribution_goes_with_every_sampler(
    plain_ledger: PlainLedger, sampler: str
) -> None:
    """What Optuna has no word for is made of a uniform number, exactly as it is drawn."""
    trials = search(
        plain_ledger,
        25,
        lambda *values: float(values[-1]),
        method="custom",
        sampler=sampler,
        parameters=MANY,
        seed=1,
    )

    parameters = [trial.parameters for trial in trials]
    assert {one["fixed"] for one in parameters} == {"same"}
    assert {one["steps"] for one in parameters} <= {0, 0.25, 0.5, 0.75, 1}
    assert {type(one["count"]) for one in parameters} == {int}
    assert all(one["list"] in MANY["list"]["values"] for one in parameters)
    assert all(2 < one["normal"] < 4 and 0 <= one["deep"]["beta"] <= 1 for one in parameters)
    assert len({one["uniform"] for one in parameters}) == 25


def test_cmaes_learns_from_trials_of_other_agents(plain_ledger: PlainLedger) -> None:
    """What it knows travels in the ledger: two agents in turn come as far as one."""
    folder, first = plain_ledger(
        method="custom",
        sampler={"type": "cmaes", "args": {"n_startup_trials": 4}},
        parameters={"x": {"min": -5.0, "max": 5.0}, "y": {"min": -5.0, "max": 5.0}},
        seed=2,
    )
    second = Ledger(folder)
    agents = [(one, search_of(folder.config(), folder.facts())) for one in (first, second)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(120):
            run_one(*agents[number % 2], folder, lambda x, y: (x - 1) ** 2 + (y + 2) ** 2)
    second.leave()

    values = [trial.values[0] for trial in first.ordered() if trial.values]
    assert min(values) < 0.05
    assert mean(values[-20:]) < mean(values[:20]) / 5


def test_agents_that_ask_at_once_get_different_points(plain_ledger: PlainLedger) -> None:
    """While the trials of the others still run."""
    folder, ledger = plain_ledger(method="bayes", parameters={"a": {"min": 0.0, "max": 1.0}})
    agents = [ledger] + [Ledger(folder) for _ in range(3)]
    for agent in agents:
        method = search_of(folder.config(), folder.facts())
        for _ in range(10):
            agent.claim(partial(method.choose, ledger=agent))
    for agent in agents:
        agent.leave()

    ledger.poll()
    assert len({trial.parameters["a"] for trial in ledger.ordered()}) == 40


def test_several_goals_have_a_front(plain_ledger: PlainLedger) -> None:
    goals = [{"name": "speed", "goal": "maximize"}, {"name": "loss"}]
    trials = search(
        plain_ledger,
        60,
        lambda a: [a, a * a],  # type: ignore[arg-type, return-value]
        method="custom",
        sampler={"type": "nsgaii", "args": {"population_size": 10}},
        metric=None,
        metrics=goals,
    )

    assert len(trials) == 60
    assert all(trial.values is not None and len(trial.values) == 2 for trial in trials)


@pytest.mark.parametrize(
    ("impute", "meant"), [("worst", 3.0), (None, 3.0), ("best", 1.0), ("latest", 2.5)]
)
def test_a_failed_trial_counts_as_impute_says(
    plain_ledger: PlainLedger, impute: str | None, meant: float
) -> None:
    folder, ledger = plain_ledger(method="bayes", metric={"name": "loss", "impute": impute})
    method: Any = search_of(folder.config(), folder.facts())
    for state, values in (("finished", [1.0]), ("finished", [3.0]), ("failed", [2.5])):
        trial = ledger.claim(lambda number: method.choose(number, ledger))
        assert trial is not None
        ledger.end(trial, state, values)  # type: ignore[arg-type]
    method.follow(ledger)

    assert [one.value for one in method._study.trials] == [1.0, 3.0, meant]


@pytest.mark.parametrize(
    ("sampler", "told"),
    [
        ("cmeas", "sampler.type: Optuna has no 'cmeas'; did you mean 'cmaes'"),
        ({"type": "tpe", "args": {"sed": 1}}, "sampler.args.sed: .*did you mean 'seed'"),
    ],
)
def test_a_sampler_that_is_none_is_told(plain_ledger: PlainLedger, sampler: Any, told: str) -> None:
    folder, _ = plain_ledger(method="custom", sampler=sampler)

    with pytest.raises(UsageError, match=told):
        search_of(folder.config(), folder.facts())
