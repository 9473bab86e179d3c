"""Optuna's rules of early stopping: median, percentile, and successive halving (asha)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rltrack.extras import require
from rltrack.sweeps.ledger import Ledger, Trial
from rltrack.sweeps.schema import EarlyTerminate, Metric
from rltrack.sweeps.stopping import History

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial

_PRUNERS: Final = {
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "asha": "SuccessiveHalvingPruner",
}
_MOST_RUNGS: Final = 40


class OptunaRule:
    """Asks one of Optuna's pruners, with the curves of the ledger.

    Trials are compared at the iterations that the pruner looks at: for asha its rungs, for the
    others every `interval_steps` behind `n_warmup_steps`.

    Raises:
        MissingExtraError: Optuna is not installed.
    """

    def __init__(self, terms: EarlyTerminate, metric: Metric) -> None:
        optuna = require("optuna", extra="sweeps")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        options = dict(terms.options)
        if terms.type == "asha":
            options.setdefault("min_resource", 1)
        self._kind = terms.type
        self._options = options
        self._pruner: BasePruner = getattr(optuna.pruners, _PRUNERS[terms.type])(**options)
        self._direction = metric.goal
        self._judged: dict[tuple[int, int], int] = {}  # of a trial's attempt, up to where

    def due(self, history: History, told: Mapping[int, float]) -> dict[int, float]:
        """See `Rule`."""
        if not history.iterations:
            return {}
        if self._kind == "asha":
            found = {rung: history.at(rung) for rung in self._rungs(max(history.iterations))}
            return {at: one for at, one in found.items() if one is not None and at not in told}
        warm_up = int(self._options.get("n_warmup_steps", 0))
        every = int(self._options.get("interval_steps", 1))
        last = max(told, default=-1)
        due: dict[int, float] = {}
        for at, value in zip(history.iterations, history.values, strict=True):
            if at > last and at >= warm_up:
                # The first value of each interval, as the pruner looks at it.
                due.setdefault(warm_up + (at - warm_up) // every * every, value)
        return {at: value for at, value in due.items() if at not in told}

    def verdict(self, history: History, trial: Trial, ledger: Ledger) -> str | None:
        """See `Rule`."""
        from optuna import create_study

        with ledger.lock:
            curves = {one.number: dict(one.curve) for one in ledger.trials.values() if one.curve}
            states = {one.number: one.state for one in ledger.trials.values()}
        own_curve = curves.pop(trial.number, {})
        key = (trial.number, trial.attempt)
        due = sorted(at for at in own_curve if at > self._judged.get(key, -1))
        if not due:
            return None
        self._judged[key] = due[-1]
        study = create_study(direction=self._direction, pruner=self._pruner)
        storage = study._storage
        for number, curve in curves.items():
            frozen = self._frozen(curve, states[number], is_own=False)
            storage.create_new_trial(study._study_id, template_trial=frozen)
        # Each rung is a hurdle; of a median, the best value up to the last step counts.
        for at in due if self._kind == "asha" else due[-1:]:
            so_far = {step: value for step, value in own_curve.items() if step <= at}
            frozen = self._frozen(so_far, "running", is_own=True)
            trial_id = storage.create_new_trial(study._study_id, template_trial=frozen)
            if self._pruner.prune(study, storage.get_trial(trial_id)):
                return f"{self._kind}: {own_curve[at]:g} at iteration {at} is not good enough"
        return None

    def _rungs(self, up_to: int) -> list[int]:
        eta = int(self._options.get("reduction_factor", 4))
        first = int(self._options["min_resource"]) * eta ** int(
            self._options.get("min_early_stopping_rate", 0)
        )
        return [rung for k in range(_MOST_RUNGS) if (rung := first * eta**k) <= up_to]

    def _frozen(self, curve: Mapping[int, float], state: str, is_own: bool) -> FrozenTrial:
        """A trial with its curve; of successive halving with the rungs that it has passed."""
        from optuna.trial import FrozenTrial, TrialState

        last = max(curve)
        attrs: dict[str, Any] = {}
        if self._kind == "asha":
            rungs = self._rungs(last)
            # The newest rung of the trial that is asked about is the pruner's to judge.
            passed = rungs[:-1] if is_own else rungs
            attrs = {f"completed_rung_{k}": curve[rung] for k, rung in enumerate(passed)}
        is_done = state == "finished" and not is_own
        return FrozenTrial(
            number=-1,
            state=TrialState.COMPLETE if is_done else TrialState.RUNNING,
            value=curve[last] if is_done else None,
            datetime_start=None,
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs={},
            system_attrs=attrs,
            intermediate_values=dict(curve),
            trial_id=-1,
        )
