"""An agent: takes trials of a sweep, one after the other, until there are none.

How a trial is run is another's affair (`Runner`): a function in this process, or a program.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rltrack._terminal import say
from rltrack.errors import SweepError
from rltrack.folder import run_folder
from rltrack.sweeps.folder import Place, SweepFolder
from rltrack.sweeps.ledger import Ledger, Trial, TrialState
from rltrack.sweeps.methods import search_of
from rltrack.sweeps.schema import SweepConfig, read_config
from rltrack.sweeps.source import parse
from rltrack.sweeps.stopping import Judge, judge_of, rule_of
from rltrack.sweeps.watch import Heart, Watch

#: While others still run trials, which may fail or die, an agent without work looks so often.
_IDLE_S: Final = (0.05, 2.0)

#: W&B's rule for agents whose program cannot run at all.
FLAPPING_WINDOW_S: Final = 60.0
FLAPPING_FAILURES: Final = 3
MAX_INITIAL_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt at a trial ended.

    Attributes:
        state: how; `lost` gives the trial back, for another agent.
        summary: the last values of metrics.
        reason: why, in words.
        ends_agent: the user wants no more, for example by Ctrl-C: what to raise.
    """

    state: TrialState
    summary: dict[str, Any]
    reason: str | None = None
    ends_agent: BaseException | None = None


class Runner(Protocol):
    """Runs trials."""

    def run(
        self, trial: Trial, resume: bool, watch: Callable[[Callable[[str], None]], Watch]
    ) -> Outcome:
        """Run one trial to its end.

        Args:
            trial: it.
            resume: whether an agent that died has begun its run.
            watch: given what stops the trial, a context in which it is looked after.
        """
        ...


class Agent:
    """Runs trials of a sweep.

    Args:
        folder: of the sweep.
        runner: how a trial is run.
        count: how many trials to run at most; None runs all that there are.
        stopped: set when the agent shall take no more trials.
        environ: where W&B's switches of flapping agents are looked up.
    """

    def __init__(
        self,
        folder: Place,
        runner: Runner,
        count: int | None = None,
        *,
        stopped: threading.Event | None = None,
        quiet: bool = False,
    ) -> None:
        self.config: SweepConfig = folder.config()
        self.facts = folder.facts()
        self.ledger = Ledger(folder, self.config.retry)
        if not isinstance(folder, SweepFolder):  # what another machine recorded is not here
            self.ledger.keeps_run = self._has_run
        self.ran = 0
        """How many trials it ran."""
        self._runner = runner
        self._count = count
        self._stopped = stopped or threading.Event()
        self._quiet = quiet
        self._search = search_of(self.config, self.facts)
        self._rule = rule_of(self.config)
        self._config_text: str | None = None
        self._flapping = Flapping()

    def run(self) -> int:
        """Run trials until there are none; how many there were.

        Raises:
            SweepError: they fail one after the other.
            KeyboardInterrupt: the user interrupted.
        """
        self.ledger.join()
        try:
            with Heart(self.ledger):
                self._run_all()
        finally:
            self.ledger.leave()
        return self.ran

    def _run_all(self) -> None:
        idle_s = _IDLE_S[0]
        while not self._stopped.is_set() and (self._count is None or self.ran < self._count):
            self._follow_config()
            most = self._most()
            trial = self.ledger.claim(self._choose, most)
            if trial is None:
                if not self._is_open(most):
                    self._finish_sweep()
                    return
                self._stopped.wait(idle_s)
                idle_s = min(idle_s * 1.5, _IDLE_S[1])
                continue
            idle_s = _IDLE_S[0]
            self._run_one(trial)

    def _follow_config(self) -> None:
        """Go on by the config that somebody has given the sweep meanwhile."""
        self.ledger.poll()
        text = self.ledger.new_config
        if text is None or text == self._config_text:
            return
        self._config_text = text
        self.config = read_config(parse(text, self.facts.id), self.facts.id)
        self.ledger.retry = self.config.retry
        self._search = search_of(self.config, self.facts)
        self._rule = rule_of(self.config)

    def _has_run(self, run_id: str) -> bool:
        run = run_folder(self.ledger.folder.root, self.facts.project, run_id)
        return run.run_json.exists()

    def _most(self) -> int | None:
        """How many trials there may be for now."""
        size, cap = self._search.size(self.ledger), self.config.run_cap
        return cap if size is None else size if cap is None else min(size, cap)

    def _is_open(self, most: int | None) -> bool:
        """Whether there may still be work, after none was found among the first `most` trials."""
        with self.ledger.lock:
            if self._most() != most or self.ledger.is_open(most):
                return True  # or what was read while one was looked for makes room for more
            cap = self.config.run_cap
            at_cap = cap is not None and most is not None and most >= cap
            return (
                self.ledger.state == "RUNNING"
                and not at_cap
                and not self._search.is_complete(self.ledger)
            )

    def _choose(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        values, extra = self._search.choose(number, self.ledger)
        return self.config.space.nested(values), extra

    def _finish_sweep(self) -> None:
        if self.ledger.state == "RUNNING":
            self.ledger.set_state("FINISHED", "all trials are done")

    # -- one trial -------------------------------------------------------------------------

    def _run_one(self, trial: Trial) -> None:
        began = time.monotonic()
        judge = judge_of(self._rule, self.config, self.ledger, self.facts.project, trial)
        if not self._quiet:
            say(f"trial {trial.number} of sweep {self.facts.id}: {_told(trial.parameters)}")

        watches: list[Watch] = []

        def watch(stop: Callable[[str], None]) -> Watch:
            watches.append(Watch(self.ledger, trial, judge, stop))
            return watches[0]

        run = run_folder(self.ledger.folder.root, self.facts.project, trial.run_id)
        if trial.attempt > 1 and not run.run_json.exists():
            # Its agent died between making the folder and saying what the run is.
            shutil.rmtree(run.path, ignore_errors=True)
        try:
            outcome = self._runner.run(trial, run.run_json.exists(), watch)
        except BaseException as fault:
            self.ledger.end(trial, "lost", None, f"its agent ended: {fault!r}", counts=False)
            raise
        self.ran += 1
        for one in watches:
            if one.fault is not None and not self._quiet:
                say(f"warning: trial {trial.number} was not watched to its end: {one.fault!r}")
        self._record(trial, outcome, judge)
        if outcome.ends_agent is not None:
            raise outcome.ends_agent
        if outcome.state == "failed":
            self._flapping.failed(time.monotonic() - began, outcome.reason)
        elif outcome.state == "finished":
            self._flapping.succeeded()

    def _record(self, trial: Trial, outcome: Outcome, judge: Judge | None) -> None:
        if not self.ledger.is_mine(trial):
            return
        if judge is not None:
            try:
                judge.tell(self.ledger, trial)
            except Exception as fault:  # a fault of ours must not cost the trial that has ended
                say(f"warning: others cannot be compared with trial {trial.number}: {fault!r}")
        asked = self.ledger.trials[trial.number].asked
        if outcome.state == "lost" or (outcome.state == "stopped" and asked == "pause"):
            self.ledger.end(trial, "lost", None, outcome.reason, counts=False)
            return
        values, why = self._values(outcome)
        if outcome.state == "stopped" and (asked == "cancel" or self.ledger.state == "CANCELED"):
            values = None
        if why is not None and outcome.state == "finished" and not self._quiet:
            say(f"warning: trial {trial.number} has no value: {why}")
        self.ledger.end(trial, outcome.state, values, outcome.reason or why)
        self._search.ended(self.ledger.trials[trial.number], self.ledger)
        if outcome.state != "failed":
            self._look_at_target(values)

    def _values(self, outcome: Outcome) -> tuple[list[float] | None, str | None]:
        values = []
        for metric in self.config.metrics:
            value = outcome.summary.get(metric.name)
            if value is None:
                value = _inside(outcome.summary, metric.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                logged = ", ".join(sorted(outcome.summary)[:8]) or "nothing"
                return None, f"{metric.name!r} is no number in the summary; it has {logged}"
            if value != value:
                return None, f"{metric.name!r} is NaN"
            values.append(float(value))
        return values or None, None

    def _look_at_target(self, values: list[float] | None) -> None:
        if values is None or self.ledger.state != "RUNNING":
            return
        goals = self.config.metrics
        if any(one.target is not None for one in goals) and all(
            one.target is None or one.is_reached(value)
            for one, value in zip(goals, values, strict=True)
        ):
            self.ledger.set_state("FINISHED", f"the target is reached: {values[0]:g}")


class Flapping:
    """Ends an agent whose trials fail one after the other, so that it burns no grid.

    W&B's rule: three failures in the first minute, or five before anything succeeded. Its
    switches, with ``RLTRACK_`` or ``WANDB_`` before them: ``AGENT_DISABLE_FLAPPING``,
    ``AGENT_MAX_INITIAL_FAILURES``.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._failures = 0
        self._has_succeeded = False
        self._disabled = _switch("AGENT_DISABLE_FLAPPING").lower() in ("1", "true", "yes", "on")
        most = _switch("AGENT_MAX_INITIAL_FAILURES")
        self._most = int(most) if most.isdecimal() else MAX_INITIAL_FAILURES

    def succeeded(self) -> None:
        """A trial did not fail."""
        self._has_succeeded = True

    def failed(self, seconds: float, reason: str | None) -> None:
        """A trial failed.

        Raises:
            SweepError: that was one too many.
        """
        self._failures += 1
        if self._disabled or self._has_succeeded:
            return
        in_window = time.monotonic() - self._began < FLAPPING_WINDOW_S
        if self._failures >= self._most or (in_window and self._failures >= FLAPPING_FAILURES):
            raise SweepError(
                f"the agent ends, since its first {self._failures} trials failed, the last after "
                f"{seconds:.0f} s with {reason or 'no reason given'}; mend that, or go on in spite "
                "of it with RLTRACK_AGENT_DISABLE_FLAPPING=true"
            )


def _switch(name: str) -> str:
    return os.environ.get(f"RLTRACK_{name}") or os.environ.get(f"WANDB_{name}") or ""


def _inside(summary: dict[str, Any], name: str) -> Any:
    """A value of a nested summary, by its dotted name."""
    value: Any = summary
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _told(parameters: dict[str, Any], most: int = 6) -> str:
    told = [f"{name}={value}" for name, value in list(parameters.items())[:most]]
    return ", ".join(told) + (", …" if len(parameters) > most else "")
