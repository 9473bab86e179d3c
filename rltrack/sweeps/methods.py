"""How a sweep's next parameters are chosen, by the number of the trial.

`Grid` and random draws depend on the number alone, so agents need not even know of each other.
The others look at the trials that there are, which every agent reads from the ledger.
"""

from __future__ import annotations

import random
from typing import Any, Protocol

from rltrack.sweeps.folder import SweepFacts
from rltrack.sweeps.grid import Grid
from rltrack.sweeps.ledger import Ledger, Trial
from rltrack.sweeps.schema import SweepConfig

#: Parameters by dotted name, and what the method wants to remember of the trial.
Choice = tuple[dict[str, Any], dict[str, Any]]


class Search(Protocol):
    """A method of search."""

    def size(self, ledger: Ledger) -> int | None:
        """How many trials there may be for now; None has no end."""
        ...

    def is_complete(self, ledger: Ledger) -> bool:
        """Whether there will never be more than `size` trials."""
        ...

    def choose(self, number: int, ledger: Ledger) -> Choice:
        """The parameters of a new trial."""
        ...

    def ended(self, trial: Trial, ledger: Ledger) -> None:
        """Hear of the end of a trial of this agent."""
        ...


class GridSearch:
    """Every point once; those that runs had before the sweep are done."""

    def __init__(self, config: SweepConfig, facts: SweepFacts) -> None:
        seed = facts.seed if config.seed is None else config.seed
        self._space = config.space
        self._grid = Grid(config.space, seed if config.shuffle else None)
        self._before: list[int] | None = None

    def size(self, ledger: Ledger) -> int | None:
        """As many as there are points to be run."""
        return self._grid.size - len(self._done_before(ledger))

    def is_complete(self, ledger: Ledger) -> bool:
        """It has an end."""
        return True

    def choose(self, number: int, ledger: Ledger) -> Choice:
        """The point of that number, those left out that are done."""
        for done in self._done_before(ledger):
            number += done <= number
        return self._grid.point(number), {}

    def _done_before(self, ledger: Ledger) -> list[int]:
        """Numbers of points that prior runs had, ascending; all are known before any trial is."""
        if self._before is None:
            ledger.poll()
            points = [
                self._grid.number(self._space.flat(trial.parameters))
                for trial in ledger.ordered()
                if trial.extra.get("prior")
            ]
            self._before = sorted({point for point in points if point is not None})
        return self._before

    def ended(self, trial: Trial, ledger: Ledger) -> None:
        """Means nothing."""


class RandomSearch:
    """Draws that depend on the seed and the number alone."""

    def __init__(self, config: SweepConfig, facts: SweepFacts) -> None:
        self._space = config.space
        self._seed = facts.seed if config.seed is None else config.seed

    def size(self, ledger: Ledger) -> int | None:
        """No end, unless there is nothing to draw."""
        return None if self._space.varied() else 1

    def is_complete(self, ledger: Ledger) -> bool:
        """Only of constants."""
        return not self._space.varied()

    def choose(self, number: int, ledger: Ledger) -> Choice:
        """Draws for that number."""
        return draw(self._space.parameters, f"{self._seed}/{number}"), {}

    def ended(self, trial: Trial, ledger: Ledger) -> None:
        """Means nothing."""


def draw(parameters: dict[str, Any], seed: str) -> dict[str, Any]:
    """One draw of each parameter.

    Each has a stream of its own, so that a parameter that is added later changes no other's draws.
    """
    return {
        name: distribution.draw(random.Random(f"{seed}/{name}").random())
        for name, distribution in parameters.items()
    }


def search_of(config: SweepConfig, facts: SweepFacts) -> Search:
    """The search that a sweep's method names.

    Raises:
        MissingExtraError: it needs Optuna, which is not installed.
    """
    if config.method == "grid":
        return GridSearch(config, facts)
    if config.method == "random":
        return RandomSearch(config, facts)
    if config.method == "pbt":
        from rltrack.sweeps.pbt import PopulationSearch

        return PopulationSearch(config, facts)
    from rltrack.sweeps.sampling import OptunaSearch

    return OptunaSearch(config, facts)
