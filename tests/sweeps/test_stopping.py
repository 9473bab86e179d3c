"""Which trials are stopped early, and by what they are compared."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.folder import run_folder
from rltrack.store.run import RunReader
from rltrack.sweeps.folder import SweepFolder
from rltrack.sweeps.ledger import Ledger, Trial
from rltrack.sweeps.pruning import OptunaRule
from rltrack.sweeps.schema import EarlyTerminate, Metric
from rltrack.sweeps.stopping import History, Hyperband, Rule

PlainLedger = Callable[..., tuple[SweepFolder, Ledger]]


class Recorded(History):
    """A curve that was recorded, instead of one that is read."""

    def __init__(self, values: list[float]) -> None:
        self._step_metric = None
        self.values = values
        self.iterations = list(range(len(values)))


def ledger_of_curves(rule: Rule, curves: list[list[float]]) -> Ledger:
    """A ledger that knows what each trial told, as far as it got."""
    ledger = Ledger(SweepFolder(Path("/nowhere")))
    for number, curve in enumerate(curves):
        state: Any = "running" if number == 0 else "finished"
        trial = Trial(number, 1, {}, "r", "me", 0, state=state)
        trial.curve = rule.due(Recorded(curve), {})
        ledger.trials[number] = trial
    return ledger


def stopped_by_wandb(
    curves: list[list[float]], bands: list[int], eta: float, strict: bool, maximize: bool
) -> bool:
    """W&B's rule as it is documented, for the first of some trials: a second definition."""
    if maximize:
        curves = [[-value for value in curve] for curve in curves]
    own = curves[0]
    passed = [band for band in bands if band < len(own)]
    if not passed:
        return False
    band = passed[-1]
    values = sorted(curve[band] for curve in curves if len(curve) > band)
    threshold = values[int(len(values) / eta)]
    return (own[band] if strict else min(own)) > threshold


@given(
    curves=st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=40), min_size=1, max_size=12),
    options=st.one_of(
        st.fixed_dictionaries({"min_iter": st.integers(1, 9), "eta": st.sampled_from([2, 3, 1.5])}),
        st.fixed_dictionaries({"max_iter": st.integers(9, 40), "s": st.integers(1, 4)}),
    ),
    strict=st.booleans(),
    maximize=st.booleans(),
)
def test_hyperband_stops_what_wandbs_rule_would(
    curves: list[list[float]], options: dict[str, Any], strict: bool, maximize: bool
) -> None:
    eta = options.get("eta", 3)
    if "min_iter" in options:
        bands = [int(options["min_iter"] * eta**k) for k in range(20)]
    else:
        bands = sorted(
            int(band)
            for k in range(1, options["s"] + 1)
            if (band := options["max_iter"] / eta**k) >= 1
        )
    metric = Metric(name="loss", goal="maximize" if maximize else "minimize")
    rule = Hyperband({**options, "strict": strict}, metric)
    ledger = ledger_of_curves(rule, curves)

    verdict = rule.verdict(Recorded(curves[0]), ledger.trials[0], ledger)

    assert (verdict is not None) == stopped_by_wandb(curves, bands, eta, strict, maximize)


def test_the_bands_are_wandbs() -> None:
    metric = Metric(name="loss")

    assert Hyperband({"min_iter": 3}, metric).bands(100) == [3, 9, 27, 81]
    assert Hyperband({"max_iter": 27, "s": 2}, metric).bands(100) == [3, 9]
    assert Hyperband({"max_iter": 27, "s": 9, "eta": 2}, metric).bands(100) == [1, 3, 6, 13]


@pytest.mark.parametrize(
    ("kind", "options", "curve", "stopped"),
    [
        ("median", {"n_startup_trials": 3}, [5.0, 5.0], True),
        ("median", {"n_startup_trials": 3}, [5.0, 1.5], False),
        ("median", {"n_startup_trials": 4}, [5.0, 5.0], False),
        ("median", {"n_startup_trials": 3, "n_warmup_steps": 2}, [5.0, 5.0], False),
        ("percentile", {"percentile": 20, "n_startup_trials": 3}, [1.7, 1.7], True),
        ("percentile", {"percentile": 90, "n_startup_trials": 3}, [1.7, 1.7], False),
        ("asha", {"reduction_factor": 2}, [0.0, 2.5], True),
        ("asha", {"reduction_factor": 2}, [0.0, 1.5], False),
        ("asha", {"min_resource": 4}, [9.0, 9.0], False),
    ],
)
def test_optunas_rules_go_by_name(
    kind: Any, options: dict[str, Any], curve: list[float], stopped: bool
) -> None:
    rule = OptunaRule(EarlyTerminate(type=kind, options=options), Metric(name="loss"))
    others = [[float(value)] * 6 for value in (1, 2, 3)]
    ledger = ledger_of_curves(rule, [curve, *others])

    assert (rule.verdict(Recorded(curve), ledger.trials[0], ledger) is not None) == stopped


def test_rows_without_the_metric_and_values_that_are_not_finite_do_not_count(root: Path) -> None:
    """An iteration is a row that holds the metric; or, with a step metric, where that stands."""
    with rltrack.init(project="p", settings={"silent": True}) as run:
        for step in range(6):
            run.log({"other": 1, "global_step": step * 100})
            run.log({"loss": math.nan if step == 2 else float(step)})
    reader = RunReader(run_folder(root, "p", run.id))

    by_rows = History(reader, "loss", None)
    by_rows.refresh()
    by_steps = History(reader, "loss", "global_step")
    by_steps.refresh()

    assert by_rows.values == [0, 1, 3, 4, 5]
    assert by_rows.iterations == [0, 1, 2, 3, 4]
    assert by_steps.values == [0, 1, 3, 4, 5]
    assert by_steps.iterations == [0, 100, 300, 400, 500]
    assert by_steps.at(200) == 3
    assert by_steps.at(501) is None


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "hyperband", "min_iter": 2},
        {"type": "hyperband", "min_iter": 20, "step_metric": "global_step"},
        {"type": "asha", "min_resource": 2},
    ],
)
def test_a_bad_trial_is_stopped_while_it_runs(
    make: Callable[..., str], ledger_of: Callable[[str], Ledger], root: Path, rule: dict[str, Any]
) -> None:
    """And says why; the good ones before it were not."""

    def train() -> None:
        with rltrack.init() as run:
            for step in range(1000 if run.config.a == 9 else 30):
                run.log({"loss": run.config.a + 1 / (step + 1), "global_step": step * 10})
                if run.config.a == 9:
                    time.sleep(0.02)

    sweep_id = make(parameters={"a": {"values": [0, 0.1, 0.2, 0.3, 9]}}, early_terminate=rule)
    rltrack.agent(sweep_id, train)

    *good, bad = ledger_of(sweep_id).ordered()
    assert {trial.state for trial in good} == {"finished"}
    assert bad.state == "stopped"
    assert str(bad.reason).startswith(rule["type"])
    assert rltrack.Api(root).run(f"p/{bad.run_id}").state == "killed"
    assert bad.values is not None
