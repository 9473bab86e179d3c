"""Population based training (Jaderberg et al. 2017, https://arxiv.org/abs/1711.09846) as a method.

A population of trainings goes on in generations; each generation of each member is a trial, with a
run of its own. Between two generations the worst copy the newest checkpoint of one of the best
(exploit) and change its parameters (explore); the others go on from their own. So a trial is
short, and may run anywhere: what it goes on from is an artifact, not a process.

    trial number = generation * population + member

A generation begins when the one before has ended, for all members alike.
"""

from __future__ import annotations

import random
from typing import Any, Final

from rltrack.sweeps.distributions import Categorical, Constant, Distribution, IntUniform
from rltrack.sweeps.folder import SweepFacts
from rltrack.sweeps.ledger import Ledger, Trial
from rltrack.sweeps.methods import Choice, draw
from rltrack.sweeps.schema import SweepConfig

_POPULATION: Final = 8
_GENERATIONS: Final = 10
_QUANTILE: Final = 0.25
_RESAMPLE: Final = 0.25
_FACTORS: Final = (0.8, 1.2)
_DONE: Final = ("finished", "failed", "stopped")


class PopulationSearch:
    """Parameters of each member's next generation."""

    def __init__(self, config: SweepConfig, facts: SweepFacts) -> None:
        self._config = config
        self._space = config.space
        self._seed = facts.seed if config.seed is None else config.seed
        options = config.pbt
        self._population: int = options.get("population", _POPULATION)
        self._generations: int = options.get("generations", _GENERATIONS)
        self._quantile: float = options.get("quantile", _QUANTILE)
        self._resample: float = options.get("resample_probability", _RESAMPLE)
        self._factors: tuple[float, ...] = tuple(options.get("factors", _FACTORS))

    def size(self, ledger: Ledger) -> int | None:
        """The generations of which the one before has ended."""
        generation = 1
        while generation < self._generations and self._has_ended(generation - 1, ledger):
            generation += 1
        return generation * self._population

    def is_complete(self, ledger: Ledger) -> bool:
        """Whether the last generation has begun."""
        return self.size(ledger) == self._generations * self._population

    def ended(self, trial: Trial, ledger: Ledger) -> None:
        """The ledger has it."""

    def choose(self, number: int, ledger: Ledger) -> Choice:
        """The member's parameters in its next generation, and the run that it goes on from."""
        generation, member = divmod(number, self._population)
        if generation == 0:
            return draw(self._space.parameters, f"{self._seed}/{number}"), {"generation": 0}
        chance = random.Random(f"{self._seed}/{number}")
        ranked = self._ranked(generation - 1, ledger)
        own = ledger.trials.get((generation - 1) * self._population + member)
        extra: dict[str, Any] = {"generation": generation, "member": member}
        if not ranked:  # nobody of that generation has a value: begin anew
            return draw(self._space.parameters, f"{self._seed}/{number}"), extra
        cut = max(1, int(len(ranked) * self._quantile))
        best, worst = ranked[:cut], ranked[-cut:]
        if own is not None and own in ranked and (own in best or own not in worst):
            return self._flat(own), extra | {"from": own.number, "from_run": own.run_id}
        parent = chance.choice(best)
        values = self._explored(self._flat(parent), chance)
        return values, extra | {
            "from": parent.number,
            "from_run": parent.run_id,
            "exploited": True,
        }

    def _has_ended(self, generation: int, ledger: Ledger) -> bool:
        numbers = range(generation * self._population, (generation + 1) * self._population)
        with ledger.lock:
            found = [ledger.trials.get(number) for number in numbers]
            return all(
                one is not None and one.state in _DONE and not ledger.is_queued(one.number)
                for one in found
            )

    def _ranked(self, generation: int, ledger: Ledger) -> list[Trial]:
        """The generation's trials that have a value, the best first."""
        metric = self._config.metrics[0]
        first = generation * self._population
        with ledger.lock:
            found = [
                one
                for number in range(first, first + self._population)
                if (one := ledger.trials.get(number)) is not None and one.result is not None
            ]
        sign = 1 if metric.goal == "minimize" else -1
        return sorted(found, key=lambda one: (sign * (one.result or [0])[0], one.number))

    def _flat(self, trial: Trial) -> dict[str, Any]:
        return self._space.flat(trial.parameters)

    def _explored(self, values: dict[str, Any], chance: random.Random) -> dict[str, Any]:
        """Parameters near those of the parent; some are drawn anew."""
        return {
            name: self._moved(distribution, values[name], chance)
            if name in values
            else distribution.draw(chance.random())
            for name, distribution in self._space.parameters.items()
        }

    def _moved(self, distribution: Distribution, value: Any, chance: random.Random) -> Any:
        if isinstance(distribution, Constant):
            return value
        if chance.random() < self._resample:
            return distribution.draw(chance.random())
        if isinstance(distribution, Categorical):
            at = distribution.values.index(value) + chance.choice((-1, 1))
            return distribution.values[min(max(at, 0), len(distribution.values) - 1)]
        moved = value * chance.choice(self._factors)
        if isinstance(distribution, IntUniform):
            moved = round(moved)
            moved += (moved == value) * chance.choice((-1, 1))
        return _within(distribution, moved)


def _within(distribution: Distribution, value: float) -> Any:
    """`value`, or the bound of the distribution that it is beyond."""
    lowest, highest = distribution.draw(0.0), distribution.draw(1.0)
    nearest = min(max(value, lowest), highest)
    q = getattr(distribution, "q", None)
    if q is None:
        return nearest
    from rltrack.sweeps.distributions import multiple

    return multiple(round(nearest / q), q)
