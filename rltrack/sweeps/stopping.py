"""Early stopping: what a trial was worth when, and whether it is worth going on.

Each agent reads the journal of its own trial and tells the others the values at the iterations at
which trials are compared; so nobody reads the journals of all runs.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from rltrack.folder import run_folder
from rltrack.sweeps.ledger import Ledger, Trial
from rltrack.sweeps.schema import EarlyTerminate, Metric, SweepConfig

if TYPE_CHECKING:
    from rltrack.store.run import RunReader


class History:
    """A metric of a run by iteration, read as the run goes on.

    An iteration is the count of rows that hold the metric, from 0, as W&B counts; or, with a step
    metric, the whole part of its value in the row. Values that are not finite do not count.
    """

    def __init__(self, reader: RunReader, metric: str, step_metric: str | None) -> None:
        self._reader = reader
        self._metric = metric
        self._step_metric = step_metric
        self.iterations: list[int] = []
        self.values: list[float] = []

    def refresh(self) -> None:
        """Read what is new."""
        import numpy as np

        self._reader.refresh()
        points = self._reader.points(self._metric)
        if points is None:
            return
        rows, values = points.numbers()
        finite = np.isfinite(values)
        rows, values = rows[finite], values[finite]
        if self._step_metric is None:
            iterations = np.arange(len(rows))
        else:
            axis = self._reader.points(self._step_metric)
            if axis is None:
                return
            axis_rows, axis_values = axis.numbers()
            there = np.isfinite(axis_values)
            axis_rows, axis_values = axis_rows[there], axis_values[there]
            place = np.searchsorted(axis_rows, rows, side="right") - 1
            values = values[place >= 0]
            iterations = axis_values[place[place >= 0]].astype(np.int64)
        self.iterations, self.values = iterations.tolist(), values.tolist()

    def at(self, iteration: int) -> float | None:
        """The first value at that iteration or behind it; None if it did not get so far."""
        if self._step_metric is None:
            return self.values[iteration] if iteration < len(self.values) else None
        for place, reached in enumerate(self.iterations):
            if reached >= iteration:
                return self.values[place]
        return None


class Rule(Protocol):
    """When a trial is stopped."""

    def due(self, history: History, told: Mapping[int, float]) -> dict[int, float]:
        """Values that the others are to know, of iterations that are not `told` yet."""
        ...

    def verdict(self, history: History, trial: Trial, ledger: Ledger) -> str | None:
        """Why the trial is to stop; None if it goes on."""
        ...


class Hyperband:
    """W&B's rule.

    A trial that has passed a band, an iteration, is compared there with all trials that have. The
    threshold is the value of which a share of 1 / eta is better. `strict` compares the trial's
    value at the band with it; else the trial's best so far.
    """

    def __init__(self, options: Mapping[str, Any], metric: Metric) -> None:
        self._eta = float(options.get("eta", 3))
        self._strict = bool(options.get("strict", False))
        self._sign = 1 if metric.goal == "minimize" else -1
        self._first = options.get("min_iter")
        self._bands = [] if self._first else _falling_bands(options, self._eta)

    def bands(self, up_to: int) -> list[int]:
        """The bands that are not behind `up_to`, ascending."""
        if self._first is None:
            return self._bands[: bisect.bisect_right(self._bands, up_to)]
        bands: list[int] = []
        band = float(self._first)
        while int(band) <= up_to and len(bands) < 100:
            bands.append(int(band))
            band *= self._eta
        return bands

    def due(self, history: History, told: Mapping[int, float]) -> dict[int, float]:
        """The values at bands."""
        if not history.iterations:
            return {}
        bands = [band for band in self.bands(max(history.iterations)) if band not in told]
        found = {band: history.at(band) for band in bands}
        return {band: value for band, value in found.items() if value is not None}

    def threshold(self, values: list[float]) -> float:
        """What a trial must not be worse than, of all values at a band (less is better)."""
        return sorted(values)[int(len(values) / self._eta)]

    def verdict(self, history: History, trial: Trial, ledger: Ledger) -> str | None:
        """See `Rule`."""
        own = ledger.trials[trial.number].curve
        if not own or not history.values:
            return None
        band = max(own)
        values = [
            self._sign * other.curve[band]
            for other in list(ledger.trials.values())
            if band in other.curve
        ]
        threshold = self.threshold(values)
        own_value = own[band] if self._strict else min(v * self._sign for v in history.values)
        value = self._sign * own[band] if self._strict else own_value
        if value <= threshold:
            return None
        return (
            f"hyperband: {self._sign * value:g} is worse than {self._sign * threshold:g} at "
            f"iteration {band}"
        )


def _falling_bands(options: Mapping[str, Any], eta: float) -> list[int]:
    band, bands = float(options["max_iter"]), []
    for _ in range(int(options["s"])):
        band /= eta
        if band < 1:
            break
        bands.append(int(band))
    return sorted(set(bands))


class Judge:
    """Early stopping of one trial."""

    def __init__(self, rule: Rule, history: History) -> None:
        self._rule = rule
        self._history = history

    def tell(self, ledger: Ledger, trial: Trial) -> None:
        """Tell the others how far the trial is."""
        self._history.refresh()
        ledger.note_curve(trial, self._rule.due(self._history, ledger.trials[trial.number].curve))

    def verdict(self, ledger: Ledger, trial: Trial) -> str | None:
        """Why the trial is to stop; None if it goes on."""
        self.tell(ledger, trial)
        return self._rule.verdict(self._history, trial, ledger)


def rule_of(config: SweepConfig) -> Rule | None:
    """The rule of a sweep; None if its trials are never stopped early."""
    terms = config.early_terminate
    metric = config.metric
    if terms is None or metric is None:
        return None
    if terms.type == "hyperband":
        return Hyperband(terms.options, metric)
    from rltrack.sweeps.pruning import OptunaRule

    return OptunaRule(terms, metric)


def judge_of(
    rule: Rule | None, config: SweepConfig, ledger: Ledger, project: str, trial: Trial
) -> Judge | None:
    """What judges a trial."""
    terms: EarlyTerminate | None = config.early_terminate
    metric = config.metric
    if rule is None or terms is None or metric is None:
        return None
    from rltrack.store.run import RunReader  # a sweep that stops nothing needs no NumPy

    reader = RunReader(run_folder(ledger.folder.root, project, trial.run_id))
    return Judge(rule, History(reader, metric.name, terms.step_metric))
