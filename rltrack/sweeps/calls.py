"""`rltrack.sweep` and `rltrack.agent`: a search over calls of a function of this process."""

from __future__ import annotations

import ctypes
import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rltrack._names import checked_project, default_project
from rltrack._terminal import say
from rltrack._trial import Trial as TrialContext
from rltrack._trial import current
from rltrack.capture.signals import interrupt_main_thread
from rltrack.errors import UsageError
from rltrack.settings import resolve
from rltrack.sweeps.agent import Agent, Outcome
from rltrack.sweeps.folder import SweepFacts, make_folder
from rltrack.sweeps.ledger import Trial
from rltrack.sweeps.places import connection_of, find_place
from rltrack.sweeps.schema import read_config
from rltrack.sweeps.source import read_source
from rltrack.sweeps.watch import Watch

if TYPE_CHECKING:
    from rltrack.sweeps.given import Prior

#: How long an interrupt that was sent may take to arrive.
_INTERRUPT_S: Final = 0.05


def sweep(
    sweep: Mapping[str, Any] | str | PathLike[str] | Callable[[], Mapping[str, Any]],
    entity: str | None = None,
    project: str | None = None,
    prior_runs: list[str] | None = None,
    *,
    dir: str | PathLike[str] | None = None,
    sweep_id: str | None = None,
) -> str:
    """Make a sweep; its id, as `agent` takes it. Nothing runs yet.

    Args:
        sweep: the config: a dict, a file of YAML or JSON, or a function that returns a dict. The
            keys are W&B's, among them ``method``, ``parameters`` and ``metric``.
        entity: accepted for W&B's scripts.
        project: that the runs belong to; by default the config's, or the git checkout's name.
        prior_runs: ids of runs of the project that count as trials: a grid leaves their points
            out, and other methods learn from them.
        dir: the folder of all projects; by default that of the settings.
        sweep_id: names the sweep; by default eight random letters.

    Raises:
        UsageError: the config has mistakes; each is named with its path.
        StorageError: the folder cannot be written.
    """
    given, text, source = read_source(sweep)
    config = read_config(given, source)
    chosen = resolve(dir=None if dir is None else os.fspath(dir))
    name = project or config.project or chosen.project
    checked = checked_project(name) if name is not None else default_project(Path.cwd())
    root = Path(chosen.dir or ".").absolute()
    loud = not (chosen.silent or chosen.quiet)
    if loud:
        for hint in config.hints:
            say(f"note: {hint}")
    if (told := connection_of(chosen)) is not None:
        from rltrack.sweeps.through import make_on_server

        path = make_on_server(
            told, f"{entity}/{checked}" if entity else checked, text, sweep_id, prior_runs or ()
        )
        if loud:
            say(f"sweep {path} is on {told.server}; `rltrack agent {path}` runs its program")
        return path.rpartition("/")[2]
    prior: list[Prior] = []
    if prior_runs:
        from rltrack.sweeps.given import add_prior, read_prior

        prior = read_prior(root, checked, prior_runs, config)
    folder = make_folder(root, checked, text, sweep_id)
    if prior:
        add_prior(folder, prior)
    if loud:
        say(f"sweep {folder.id} is in {folder.path}; `rltrack agent {folder.id}` runs its program")
    return folder.id


def agent(
    sweep_id: str,
    function: Callable[[], Any] | None = None,
    entity: str | None = None,
    project: str | None = None,
    count: int | None = None,
    forward_signals: bool = False,
    term_timeout: float | None = None,
    *,
    dir: str | PathLike[str] | None = None,
) -> int:
    """Run trials of a sweep in this process, until there are none; how many it ran.

    Any number of agents, on any hosts that see the folder, share one sweep's trials. `function` is
    called without arguments, once a trial, and calls `rltrack.init`, whose config has the trial's
    parameters; what it sets otherwise there is ignored. A trial that is to stop is interrupted, as
    by Ctrl-C; Ctrl-C itself gives the trial back and ends the agent.

    Args:
        sweep_id: of `sweep`; an entity and a project before it are left out.
        function: runs one trial; by default the sweep's program is run, as by `rltrack agent`.
        entity: accepted for W&B's scripts, like `project`.
        project: see `entity`.
        count: how many trials to run at most.
        forward_signals: of a program: whether it hears of Ctrl-C, too.
        term_timeout: of a program: seconds from being told to end to being killed.
        dir: the folder of all projects; by default that of the settings.

    Raises:
        NotFoundError: there is no such sweep.
        UsageError: there is neither a function nor a program, or an agent runs already.
        SweepError: its first trials all failed.
    """
    chosen = resolve(dir=None if dir is None else os.fspath(dir))
    quiet = bool(chosen.silent or chosen.quiet)
    with closing(find_place(chosen, sweep_id)) as place:
        if function is None:
            from rltrack.sweeps.programs import ProgramRunner

            runner = ProgramRunner(place, term_timeout_s=term_timeout, forwards=forward_signals)
            return Agent(place, runner, count, quiet=quiet).run()
        if not callable(function):
            raise UsageError(f"agent(function={function!r}) must be a function without arguments")
        if current.get() is not None:
            raise UsageError("agent() was called inside of a trial; a trial cannot run trials")
        calls = FunctionRunner(function, place.facts(), place.root)
        return Agent(place, calls, count, quiet=quiet).run()


class FunctionRunner:
    """Runs a trial by calling a function, in the thread of the agent."""

    def __init__(self, function: Callable[[], Any], facts: SweepFacts, root: Path) -> None:
        self._function = function
        self._facts = facts
        self._root = root

    def run(
        self, trial: Trial, resume: bool, watch: Callable[[Callable[[str], None]], Watch]
    ) -> Outcome:
        """See `Runner`."""
        context = TrialContext(
            self._facts.id,
            trial.parameters,
            self._facts.project,
            str(self._root),
            trial.run_id,
            resume,
            trial.extra.get("from_run"),
            entity=self._facts.entity,
        )
        call = _Call(self._function, context)
        token = current.set(context)
        try:
            with watch(call.interrupt) as watching:
                fault = call.run()
        finally:
            current.reset(token)
        return _outcome(context, fault, watching)


class _Call:
    """One call of the function, which another thread may interrupt."""

    def __init__(self, function: Callable[[], Any], context: TrialContext) -> None:
        self._function = function
        self._context = context
        self._lock = threading.Lock()
        self._thread = threading.current_thread()
        self._runs = True
        self._sent = False

    def run(self) -> BaseException | None:
        """Call it; what it raised.

        1. The watch may send an interrupt at any moment until `_runs` is False.
        2. One that was sent may arrive behind that; it is waited for, inside of the outer `try`.
        """
        fault: BaseException | None = None
        try:
            try:
                self._function()
            except BaseException as raised:  # a trial must not take the agent with it
                fault = raised
            with self._lock:
                self._runs = False
            if self._sent and not isinstance(fault, KeyboardInterrupt):
                time.sleep(_INTERRUPT_S)
        except KeyboardInterrupt as late:
            fault = fault or late
        finally:
            self._runs = False
        return fault

    def interrupt(self, reason: str) -> None:
        """Stop the function, as Ctrl-C does; from another thread."""
        with self._lock:
            if not self._runs:
                return
            self._sent = True
            for run in self._context.runs:
                if not run.is_finished:
                    run.expect_stop(reason)
            if self._thread is threading.main_thread():
                interrupt_main_thread()
            elif self._thread.ident is not None:
                # It arrives with the thread's next line of Python, and not out of a sleep.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(KeyboardInterrupt)
                )


def _outcome(context: TrialContext, fault: BaseException | None, watching: Watch) -> Outcome:
    stopped = watching.reason
    if stopped is None and any(run.stop_asked for run in context.runs):
        stopped = "`rltrack stop`"
    interrupted = isinstance(fault, KeyboardInterrupt) and stopped is not None
    for run in context.runs:
        if not run.is_finished:
            run.end_with(fault)
    summary: dict[str, Any] = {}
    for run in reversed(context.runs):  # of one metric in several runs, the first run's counts
        summary |= dict(run.summary)
    if watching.is_lost:
        return Outcome("lost", summary, stopped)
    if interrupted or (stopped is not None and fault is None):
        return Outcome("stopped", summary, stopped)
    if isinstance(fault, (KeyboardInterrupt, GeneratorExit)):
        return Outcome("lost", summary, "its agent was interrupted", fault)
    if isinstance(fault, SystemExit) and fault.code in (None, 0):
        fault = None
    if fault is None:
        return Outcome("finished", summary)
    if context.runs == []:
        say(f"warning: the function failed before it called init(): {fault!r}")
    say("".join(traceback.format_exception(fault)).rstrip())
    return Outcome("failed", summary, f"{type(fault).__name__}: {fault}")
