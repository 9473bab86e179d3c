"""Runs the trials of a sweep as programs, each in a process group of its own.

The program hears of its trial by the environment (``RLTRACK_SWEEP_ID``, ``RLTRACK_RUN_ID``,
``RLTRACK_SWEEP_PARAM_PATH``…), which its `init` reads, and by its arguments. To end, it is asked
as by `rltrack stop`, then told (SIGTERM), then killed; its whole group each time, so that no worker
process is left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from rltrack._terminal import say
from rltrack._trial import PARENT
from rltrack.errors import Error
from rltrack.extras import require
from rltrack.folder import RunFolder, run_folder
from rltrack.journal.process import is_alive
from rltrack.sweeps.agent import Outcome
from rltrack.sweeps.command import build_command
from rltrack.sweeps.folder import Place
from rltrack.sweeps.ledger import HEARTBEAT_TIMEOUT_S, Trial
from rltrack.sweeps.watch import TAKEN_OVER, Watch

#: W&B's: from being told to end to being killed.
TERM_TIMEOUT_S: Final = 30.0
#: From being asked to stop, which a run looks for every second, to being told.
_ASK_S: Final = 5.0
_POLL_S: Final = 0.02


class ProgramRunner:
    """Runs a trial by the sweep's command.

    Args:
        folder: of the sweep.
        environ: what the program gets beside the trial, for example its GPU.
        term_timeout_s: from SIGTERM to SIGKILL; by default 30.
        forwards: whether Ctrl-C of the agent reaches the program at once, too.
        stopped: set when the agent ends: then the trial is given back.
    """

    def __init__(
        self,
        folder: Place,
        *,
        environ: Mapping[str, str] | None = None,
        term_timeout_s: float | None = None,
        forwards: bool = False,
        stopped: threading.Event | None = None,
    ) -> None:
        self._folder = folder
        self._facts = folder.facts()
        self._config = folder.config()
        self._environ = dict(environ or {})
        self._term_timeout_s = TERM_TIMEOUT_S if term_timeout_s is None else term_timeout_s
        self._forwards = forwards
        self._stopped = stopped or threading.Event()
        # Now and not with the first trial: without a program there is nothing to claim one for.
        self._command({})

    def _command(self, parameters: Mapping[str, Any], number: int = 0) -> list[str]:
        return build_command(
            self._config.command,
            self._config.program,
            parameters,
            json_file=self._folder.trials / f"{number}.json",
        )

    def run(
        self, trial: Trial, resume: bool, watch: Callable[[Callable[[str], None]], Watch]
    ) -> Outcome:
        """See `Runner`."""
        run = run_folder(self._folder.root, self._facts.project, trial.run_id)
        if resume and not end_leftover(run, self._term_timeout_s):
            return Outcome("failed", {}, "the process of the agent that died cannot be ended")
        path = self._folder.trials / f"{trial.number}.json"
        path.write_text(json.dumps(trial.parameters, indent=1), encoding="utf-8")
        words = self._command(trial.parameters, trial.number)
        try:
            process = subprocess.Popen(
                words, env=self._environment(trial, resume, str(path)), start_new_session=True
            )
        except OSError as refusal:
            return Outcome("failed", {}, f"{words[0]!r} cannot be started: {refusal.strerror}")
        ending = _Ending(process, run, self._term_timeout_s)
        interrupt: BaseException | None = None
        try:
            with watch(ending.ask) as watching:
                self._wait(process)
                if process.returncode is None:  # the agent ends
                    ending.end()
        except BaseException as raised:  # Ctrl-C above all: no program must be left behind
            interrupt = raised
            if self._forwards:
                ending.send(signal.SIGINT)
            ending.end()
        finally:
            ending.close()
        return self._outcome(process.returncode, run, watching, interrupt)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        pause_s = 0.001
        while process.poll() is None and not self._stopped.is_set():
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, _POLL_S)

    def _environment(self, trial: Trial, resume: bool, path: str) -> dict[str, str]:
        environ = {name: value for name, value in os.environ.items() if name not in _NAMES_OF_A_RUN}
        environ |= self._environ
        environ |= {
            "RLTRACK_SWEEP_ID": self._facts.id,
            "RLTRACK_SWEEP_PARAM_PATH": path,
            "RLTRACK_RUN_ID": trial.run_id,
            "RLTRACK_PROJECT": self._facts.project,
            "RLTRACK_DIR": str(self._folder.root),
        }
        if self._facts.entity is not None:
            environ["RLTRACK_ENTITY"] = self._facts.entity
        if (parent := trial.extra.get("from_run")) is not None:
            environ[PARENT] = parent
        return environ | ({"RLTRACK_RESUME": "allow"} if resume else {})

    def _outcome(
        self,
        code: int | None,
        run: RunFolder,
        watching: Watch,
        interrupt: BaseException | None,
    ) -> Outcome:
        summary, state = _summary(run)
        if interrupt is not None or self._stopped.is_set():
            # It may have come to its end in spite of all.
            if code != 0 or state not in ("finished", None):
                return Outcome("lost", summary, "its agent was ended", interrupt)
            return Outcome("finished", summary, ends_agent=interrupt)
        if watching.is_lost:
            return Outcome("lost", summary, watching.reason)
        if watching.reason is not None:
            return Outcome("stopped", summary, watching.reason)
        if state == "killed" and code in (0, 130, -signal.SIGINT, 255):
            return Outcome("stopped", summary, "`rltrack stop`")
        if code == 0:
            return Outcome("finished", summary)
        told = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"status {code}"
        return Outcome("failed", summary, f"the program ended with {told}")


#: What names another run: an agent may itself run inside of one.
_NAMES_OF_A_RUN: Final = frozenset(
    f"{who}_{name}"
    for who in ("RLTRACK", "WANDB")
    for name in ("RUN_ID", "RESUME", "NAME", "SWEEP_ID", "SWEEP_PARAM_PATH", "PROJECT", "DIR")
) | {PARENT}


class _Ending:
    """Ends a program and all that it started: asks, tells, kills."""

    def __init__(
        self, process: subprocess.Popen[bytes], run: RunFolder, term_timeout_s: float
    ) -> None:
        self._process = process
        self._run = run
        self._term_timeout_s = term_timeout_s

    def ask(self, reason: str) -> None:
        """Ask the run to stop, and tell the program if that does not help; from the watch's thread."""
        if reason != TAKEN_OVER:  # then the run is the other's by now, and is not to stop
            with contextlib.suppress(OSError):  # a program without a run has no such folder
                self._run.ask_to_stop(reason)
                if self._is_gone(_ASK_S):
                    return
        self.end()

    def end(self) -> None:
        """End the program, if it has to be by force."""
        self.send(signal.SIGTERM)
        if not self._is_gone(self._term_timeout_s):
            self.send(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End what the program left behind in its group."""
        if self._process.poll() is None:
            self.end()
        self.send(signal.SIGKILL)

    def send(self, number: int) -> None:
        """Send a signal to the group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _is_gone(self, within_s: float) -> bool:
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def end_leftover(run: RunFolder, term_timeout_s: float) -> bool:
    """End the program of an agent that died, which may go on without it; whether it is gone.

    On this host it is ended by force if it has to be; on another it is asked, and waited for until
    its heartbeat is old.
    """
    if not _is_written(run):
        return True
    with contextlib.suppress(OSError):
        run.ask_to_stop(TAKEN_OVER)
    if _wait_for_end(run, _ASK_S):
        return True
    facts = run.read_facts()
    for number, seconds in ((signal.SIGTERM, term_timeout_s), (signal.SIGKILL, _ASK_S)):
        if is_alive(facts.host, facts.pid, facts.process):
            with contextlib.suppress(OSError):
                os.kill(facts.pid, number)
        if _wait_for_end(run, seconds):
            return True
    return _wait_for_end(run, HEARTBEAT_TIMEOUT_S)


def _is_written(run: RunFolder) -> bool:
    try:
        facts = run.read_facts()
        if facts.state != "running":
            return False
        alive = is_alive(facts.host, facts.pid, facts.process)
        if alive is None:
            return time.time() - run.run_json.stat().st_mtime <= HEARTBEAT_TIMEOUT_S
        return alive
    except (OSError, Error):
        return False


def _wait_for_end(run: RunFolder, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while _is_written(run):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _summary(run: RunFolder) -> tuple[dict[str, Any], str | None]:
    """The summary and the state of a run; nothing, and None, if there is none."""
    if not run.run_json.exists():
        return {}, None
    try:
        require("numpy", extra="analysis")
    except Error as missing:
        say(f"warning: the summary of a run cannot be read: {missing}")
        return {}, None
    from rltrack.store.run import RunReader

    reader = RunReader(run)
    reader.refresh()
    digest = reader.digest()
    return dict(digest.summary), digest.state
