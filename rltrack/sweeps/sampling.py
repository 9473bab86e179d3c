"""Search by Optuna: Bayesian (`bayes`), or any of its samplers by name (`custom`).

The ledger is the truth, and Optuna a function of it: each agent keeps a study in memory, to which
it adds what is new in the ledger before it asks for parameters. So there is no second storage
that could disagree, and asking costs what is new; see `tests/benchmarks/sweeps.py`.
"""

from __future__ import annotations

import inspect
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rltrack.errors import UsageError
from rltrack.extras import require
from rltrack.sweeps.distributions import (
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    LogUniform,
    Uniform,
)
from rltrack.sweeps.folder import SweepFacts
from rltrack.sweeps.ledger import Ledger, Trial
from rltrack.sweeps.methods import Choice
from rltrack.sweeps.mistakes import nearest
from rltrack.sweeps.schema import Metric, SweepConfig

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

#: Short names of samplers; each of Optuna's also goes by its own.
_SAMPLERS: Final = {
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
    "nsgaii": "NSGAIISampler",
    "nsgaiii": "NSGAIIISampler",
    "qmc": "QMCSampler",
    "random": "RandomSampler",
}
#: In a study, under a parameter's name: what Optuna chose, of which the parameter is made.
_POINT: Final = "point"
#: A sampler's own work grows with the trials that it knows, so it knows no more than these: TPE,
#: for one, takes its 25 best for good, and weighs the others less the older they are.
_MOST_TOLD: Final = 600
_BEST_KEPT: Final = 100
_NEWEST_KEPT: Final = 300
_ATTRS: Final = "attrs"


class OptunaSearch:
    """Asks one of Optuna's samplers.

    Args:
        config: of the sweep.
        facts: of the sweep.

    Raises:
        MissingExtraError: Optuna is not installed.
        UsageError: there is no such sampler, or it does not take its arguments.
    """

    def __init__(self, config: SweepConfig, facts: SweepFacts) -> None:
        optuna = require("optuna", extra="sweeps")
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # it speaks at each trial
        self._space = config.space
        self._metrics = config.metrics
        self._fixed = {
            name: one.value
            for name, one in config.space.parameters.items()
            if isinstance(one, Constant)
        }
        self._distributions = {
            name: _for_optuna(one) for name, one in config.space.varied().items()
        }
        self._seed = facts.seed if config.seed is None else config.seed
        self._config = config
        self._study = self._new_study()
        self._told: dict[int, tuple[int, tuple[int, str]]] = {}
        self._followed = 0

    def size(self, ledger: Ledger) -> int | None:
        """No end, unless there is nothing to search."""
        return None if self._distributions else 1

    def is_complete(self, ledger: Ledger) -> bool:
        """Only of constants."""
        return not self._distributions

    def ended(self, trial: Trial, ledger: Ledger) -> None:
        """The ledger has it."""

    def choose(self, number: int, ledger: Ledger) -> Choice:
        """Ask the sampler, which knows what the ledger knows."""
        self.follow(ledger)
        # Agents that ask at the same moment must not get the same: each number has a seed.
        _reseed(self._study.sampler, f"{self._seed}/{number}")
        trial = self._study.ask(self._distributions)
        self._told[number] = (trial._trial_id, (0, "running"))
        point = {name: trial.params[name] for name in self._distributions}
        extra: dict[str, Any] = {_POINT: point}
        # Where some samplers keep what they learnt, for whoever asks next: generations, and all
        # that CMA-ES knows.
        if attrs := self._study._storage.get_trial(trial._trial_id).system_attrs:
            extra[_ATTRS] = attrs
        return self.values(point), extra

    def values(self, point: dict[str, Any]) -> dict[str, Any]:
        """The parameters that a point of the study means."""
        found = dict(self._fixed)
        for name, one in point.items():
            distribution = self._space.parameters[name]
            if isinstance(distribution, Categorical):
                found[name] = distribution.values[one]
            elif isinstance(distribution, (IntUniform, Uniform, LogUniform)):
                found[name] = one
            else:
                found[name] = distribution.draw(one)
        return dict(sorted(found.items()))

    # -- the study -------------------------------------------------------------------------

    def _new_study(self) -> Study:
        from optuna import create_study

        directions = [metric.goal for metric in self._metrics]
        return create_study(directions=directions, sampler=make_sampler(self._config, self._seed))

    def follow(self, ledger: Ledger) -> None:
        """Add what is new in the ledger to the study."""
        with ledger.lock:
            changed = dict.fromkeys(ledger.changed[self._followed :])
            self._followed = len(ledger.changed)
            trials = [ledger.trials[number] for number in changed]
        if len(self._told) + len(trials) > _MOST_TOLD:
            trials = self._worth_telling(ledger)
            self._study, self._told = self._new_study(), {}
        for trial in trials:
            self._tell(trial, ledger)

    def _worth_telling(self, ledger: Ledger) -> list[Trial]:
        """The best trials and the newest, by number."""
        known = list(ledger.ordered())
        newest = known[-_NEWEST_KEPT:]
        sign = 1 if self._metrics[0].goal == "minimize" else -1
        rest = [one for one in known[:-_NEWEST_KEPT] if one.result]
        rest.sort(key=lambda one: sign * (one.result or [0.0])[0])
        return sorted(rest[:_BEST_KEPT], key=lambda one: one.number) + newest

    def _tell(self, trial: Trial, ledger: Ledger) -> None:
        storage = self._study._storage
        point = trial.extra.get(_POINT) or self._point_of(trial)
        if point is None:
            return
        stamp = (trial.attempt, trial.state)
        known = self._told.get(trial.number)
        if known is None:
            trial_id = storage.create_new_trial(
                self._study._study_id, template_trial=self._template(trial, point)
            )
            known = self._told[trial.number] = (trial_id, (0, "running"))
        if known[1][1] != "running" or stamp == known[1] or trial.state in ("running", "lost"):
            return
        values = self._worth(trial, ledger)
        from optuna.trial import TrialState

        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        storage.set_trial_state_values(known[0], state, values)
        self._told[trial.number] = (known[0], stamp)

    def _point_of(self, trial: Trial) -> dict[str, Any] | None:
        """The point of a trial that somebody else chose; None if it is outside of the space."""
        values, point = self._space.flat(trial.parameters), {}
        for name in self._distributions:
            if name not in values:
                return None
            found = _inverse(self._space.parameters[name], values[name])
            if found is None:
                return None
            point[name] = found
        return point

    def _template(self, trial: Trial, point: dict[str, Any]) -> FrozenTrial:
        from optuna.trial import FrozenTrial, TrialState

        return FrozenTrial(
            number=-1,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=datetime.fromtimestamp(trial.started_ns / 1e9),
            datetime_complete=None,
            params=point,
            distributions=self._distributions,
            user_attrs={},
            system_attrs=trial.extra.get(_ATTRS, {}),
            intermediate_values={},
            trial_id=-1,
        )

    def _worth(self, trial: Trial, ledger: Ledger) -> list[float] | None:
        """What the sampler is told of a trial that ended; None if nothing."""
        if trial.result is not None and all(map(math.isfinite, trial.result)):
            return trial.result
        if trial.state == "stopped":  # somebody cancelled it, which says nothing of the parameters
            return None
        imputed = [impute(metric, at, trial, ledger) for at, metric in enumerate(self._metrics)]
        found = [value for value in imputed if value is not None]
        return found if len(found) == len(self._metrics) else None


def impute(metric: Metric, at: int, trial: Trial, ledger: Ledger) -> float | None:
    """What a trial that failed, or came to no number, counts as; None without any to go by.

    As with W&B it is the worst of the others, unless the sweep says `impute`.

    Args:
        metric: whose value is missing.
        at: its place among the metrics.
        trial: that has none.
        ledger: where the others are.
    """
    if metric.impute == "latest":
        last = trial.values[at] if trial.values is not None else math.nan
        return last if math.isfinite(last) else None
    known = [
        one.result[at]
        for one in ledger.ordered()
        if one.result is not None and math.isfinite(one.result[at])
    ]
    if not known:
        return None
    lowest = (metric.impute == "best") == (metric.goal == "minimize")
    return min(known) if lowest else max(known)


def _for_optuna(distribution: Distribution) -> BaseDistribution:
    """What Optuna searches for a parameter: it, or the uniform number of which it is made."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, Categorical):
        # By place, since Optuna takes no lists and no mappings.
        return CategoricalDistribution(range(len(distribution.values)))
    if isinstance(distribution, IntUniform):
        return IntDistribution(distribution.min, distribution.max)
    if isinstance(distribution, Uniform):
        return FloatDistribution(distribution.min, distribution.max)
    if isinstance(distribution, LogUniform):
        return FloatDistribution(distribution.min, distribution.max, log=True)
    return FloatDistribution(0.0, 1.0)


def _inverse(distribution: Distribution, value: Any) -> Any:
    """What Optuna would have chosen for a value; None if it could not."""
    if isinstance(distribution, Categorical):
        return distribution.values.index(value) if value in distribution.values else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(distribution, (IntUniform, Uniform, LogUniform)):
        return value if distribution.min <= value <= distribution.max else None
    # The others are made of a uniform number, and grow with it or fall.
    low, high = 1e-9, 1 - 1e-9
    rises = distribution.draw(high) >= distribution.draw(low)
    for _ in range(60):
        middle = (low + high) / 2
        if (distribution.draw(middle) < value) == rises:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def make_sampler(config: SweepConfig, seed: int) -> BaseSampler:
    """The sampler that a sweep names.

    Raises:
        UsageError: there is none of that name, or it does not take its arguments.
    """
    samplers = require("optuna.samplers", extra="sweeps")
    name = _SAMPLERS.get(config.sampler.lower().replace("-", "").replace("_", ""), config.sampler)
    kind: Any = getattr(samplers, name, None)
    if kind is None or not name.endswith("Sampler"):
        known = [*_SAMPLERS, *(one for one in dir(samplers) if one.endswith("Sampler"))]
        raise UsageError(
            f"sampler.type: Optuna has no {config.sampler!r}; {nearest(config.sampler, known)}"
        )
    takes = inspect.signature(kind).parameters
    args = dict(config.sampler_args)
    for given in args:
        if given not in takes:
            raise UsageError(f"sampler.args.{given}: is not known; {nearest(given, takes)}")
    if "seed" in takes:
        args.setdefault("seed", seed)
    if name == "TPESampler":
        if len(config.metrics) == 1:
            args.setdefault("multivariate", True)
        args.setdefault("constant_liar", True)  # or agents that ask together get the same
    import warnings

    with warnings.catch_warnings():  # that some of its options may change one day
        warnings.simplefilter("ignore")
        try:
            sampler: BaseSampler = kind(**args)
        except (TypeError, ValueError) as mistake:
            raise UsageError(f"sampler.args: {name} does not take {args}: {mistake}") from None
    return sampler


def _reseed(sampler: BaseSampler, seed: str) -> None:
    """Let the sampler's random numbers depend on the trial, so that no two agents draw the same."""
    import zlib

    import numpy as np
    from optuna.samplers import BaseSampler

    number = zlib.crc32(seed.encode())
    for one in (sampler, *vars(sampler).values()):  # some ask another one for their first trials
        for part in vars(one).values() if isinstance(one, BaseSampler) else ():
            if isinstance(getattr(part, "rng", None), np.random.RandomState):
                part.rng.seed(number)
