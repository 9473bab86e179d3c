"""What agents know of a sweep, and how they agree without a server and without a lock.

Each agent appends to a log of its own and reads those of the others, so no two processes ever
write to one file, and reading costs what is new. Who runs a trial is decided by a file: only one
process can make ``claims/<trial>.<n>``, also on NFS.

    1. An agent that wants work makes the claim of the next number. If that is there, another was
       faster, and it tries the one behind.
    2. Having the claim, it alone chooses the parameters, writes the trial into its log, and runs
       it. Numbers have no holes: a grid's point is a number, so none is repeated or left out.
    3. If it dies, the others see so: its process is gone, or on another host its heartbeat, the
       mtime of its log, is old. One of them makes the claim of the next ``n`` and goes on with
       the same parameters and the same run. A claim whose agent died before it wrote the trial
       down (between 1 and 2) is found as a hole in the numbers.
    4. An agent that was only thought dead sees that its trial has a later claim, and lets go. What
       it still writes of it is not counted.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rltrack._names import new_run_id
from rltrack.errors import Error
from rltrack.journal.process import is_alive, this_process
from rltrack.sweeps.folder import Place
from rltrack.sweeps.schema import Retry

SweepState = Literal["RUNNING", "PAUSED", "FINISHED", "CANCELED"]
TrialState = Literal["running", "finished", "failed", "stopped", "lost"]
Request = Literal["stop", "cancel", "pause", "resume"]

#: As for runs: the heartbeat comes every 5 s, and network file systems show it late.
HEARTBEAT_TIMEOUT_S: Final = 60.0
_LOOK_AT_AGENTS_S: Final = 0.5


@dataclass(slots=True)
class Trial:
    """One point of a sweep, as far as it got.

    Attributes:
        number: from 0; below 0 it is one that the method did not choose: somebody gave its
            parameters, or a run had them before there was the sweep.
        attempt: how often it was begun, from 1.
        parameters: nested, as its run's config has them.
        run_id: of the run that belongs to the attempt.
        agent: who runs it.
        state: `lost` is one whose agent died or gave it back, and that is begun again.
        values: what it amounts to, one a metric of the sweep.
        curve: iteration and value, at the iterations at which trials are compared.
        asked: what somebody wants of it: to `stop`, to `cancel` it without a value, or to `pause`
            it, until somebody says `resume`.
        stop_reason: why.
        extra: what the method wants to remember of it.
    """

    number: int
    attempt: int
    parameters: dict[str, Any]
    run_id: str
    agent: str
    started_ns: int
    state: TrialState = "running"
    values: list[float] | None = None
    ended_ns: int | None = None
    reason: str | None = None
    curve: dict[int, float] = field(default_factory=dict)
    asked: Request | None = None
    stop_reason: str | None = None
    failures: int = 0
    losses: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> list[float] | None:
        """Its values, if they count: the last words of a trial that failed do not."""
        return self.values if self.state in ("finished", "stopped") else None


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """One agent, as the others see it.

    Attributes:
        began_ns: when it joined.
        beat_s: seconds since its last sign of life.
        state: `gone` is one that left in order, `dead` one that did not.
        running: numbers of its trials that run.
        reason: why it left, if it said so.
    """

    name: str
    host: str
    pid: int
    began_ns: int
    beat_s: float
    state: Literal["alive", "gone", "dead"]
    running: tuple[int, ...]
    reason: str | None


@dataclass(slots=True)
class _Log:
    """The log of one agent, as far as it was read."""

    offset: int = 0
    rest: bytes = b""
    host: str = ""
    pid: int = 0
    process: str = ""
    began_ns: int = 0
    closed: bool = False
    reason: str | None = None
    running: set[int] = field(default_factory=set)


class Ledger:
    """The trials of a sweep, followed by one process.

    Methods may be called from any thread.

    Args:
        folder: of the sweep.
        retry: how often a trial is begun again.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        folder: Place,
        retry: Retry | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.retry = retry or Retry()
        self.board = folder.board(now)
        self.keeps_run: Callable[[str], bool] = lambda run_id: True
        """Whether a run that another agent began can be gone on with here."""
        self.trials: dict[int, Trial] = {}
        self.state: SweepState = "RUNNING"
        self.state_reason: str | None = None
        self.changed: list[int] = []
        """Numbers of trials that changed, in order, for whoever follows them; grows for ever."""
        self.lock = threading.RLock()
        self._now = now
        self._state_stamp = (0, "")
        self.new_config: str | None = None
        """The text of the config, once somebody has changed it."""
        self._config_stamp = (0, "")
        self._logs: dict[str, _Log] = {}
        self._again: dict[int, None] = {}  # ended, and to be begun again
        self._requests: dict[int, tuple[tuple[int, str], dict[str, Any]]] = {}
        self._given: dict[int, dict[str, Any]] = {}  # parameters by hand, until somebody runs them
        self._held: dict[int, None] = {}  # paused, until somebody says otherwise
        self._unwritten: set[int] = set()  # claimed by somebody, and not yet in a log
        self._next = 0  # all numbers below are claimed
        self._looked_at = float("-inf")
        self._joined = False
        self.name = ""

    # -- writing ---------------------------------------------------------------------------

    def join(self) -> None:
        """Begin a log: from now on this is an agent.

        Raises:
            OSError: the folder cannot be written.
        """
        host, pid, process = this_process()
        self.name = f"{host}-{pid}-{new_run_id()}".replace("/", "_")
        self.board.join(self.name)
        self._joined = True
        self._write({"t": "agent", "host": host, "pid": pid, "process": process})

    def leave(self, reason: str | None = None) -> None:
        """End the log; what still runs is given back."""
        with self.lock:
            if not self._joined:
                return
            with contextlib.suppress(OSError, Error):
                self._write({"t": "bye", "reason": reason})
            self.board.leave(self.name)
            self._joined = False

    def beat(self) -> None:
        """Say that this agent lives."""
        self.board.beat(self.name)

    def _write(self, line: Mapping[str, Any]) -> None:
        stamped = {**line, "at": time.time_ns()}
        text = json.dumps(stamped, separators=(",", ":"), ensure_ascii=False) + "\n"
        with self.lock:
            self._begin_log()  # somebody who only controls a sweep has a log of one line
            log = self._logs.setdefault(self.name, _Log())
            self.board.append(self.name, log.offset, text.encode())
            # What is written counts as of now; the others' logs are read when that matters.
            self._feed(self.name, log, text.encode())

    def set_state(self, state: SweepState, reason: str | None = None) -> None:
        """Change the state of the sweep, for all agents."""
        with self.lock:
            self.poll()
            count = self._state_stamp[0] + 1
            self._write({"t": "sweep", "state": state, "count": count, "reason": reason})

    def ask(self, number: int, what: Request, reason: str) -> None:
        """Ask something of a trial: of its agent, if it runs, else of all.

        Args:
            number: of the trial.
            what: see `Trial`.
            reason: in words.
        """
        attempt = self.trials[number].attempt
        self._write({"t": "ask", "n": number, "k": attempt, "what": what, "reason": reason})

    def end(
        self,
        trial: Trial,
        state: TrialState,
        values: list[float] | None = None,
        reason: str | None = None,
        *,
        counts: bool = True,
    ) -> None:
        """Write how an attempt at a trial ended.

        Args:
            trial: as it was claimed.
            state: how.
            values: what it amounts to.
            reason: why, in words.
            counts: whether it counts among the times that a trial may be lost.
        """
        line: dict[str, Any] = {"t": "end", "n": trial.number, "k": trial.attempt, "state": state}
        line |= {"values": values, "reason": reason}
        if not counts:
            line["counts"] = False
        self._write(line)

    def enqueue(self, parameters: Mapping[str, Any]) -> int:
        """Let these parameters be run next; the number of their trial."""
        with self.lock:
            self.poll()
            self._begin_log()
            number = self._free_number()
            self._write({"t": "given", "n": number, "parameters": dict(parameters)})
            return number

    def tell_config(self, text: str) -> None:
        """Tell all agents that the sweep has another config."""
        with self.lock:
            self.poll()
            self._write({"t": "config", "text": text, "count": self._config_stamp[0] + 1})

    def add_prior(
        self, run_id: str, parameters: Mapping[str, Any], values: list[float] | None
    ) -> None:
        """Let a run that is there already count as a trial."""
        with self.lock:
            self._begin_log()
            number = self._free_number()
            self.board.take(number, 1, self.name)
            extra = {"prior": True}
            trial = self._begin(number, 1, run_id, dict(parameters), extra)
            self.end(trial, "finished", values, "it ran before the sweep")

    def _begin_log(self) -> None:
        if not self._joined:
            self.join()

    def _free_number(self) -> int:
        """The next number below 0; attempt 0 is that of whoever gave the parameters."""
        number = min([0, *self.trials, *self._given]) - 1
        while not self.board.take(number, 0, self.name):
            number -= 1
        return number

    def note_curve(self, trial: Trial, points: Mapping[int, float]) -> None:
        """Tell the others what a trial was worth at some iterations."""
        if points:
            self._write(
                {
                    "t": "curve",
                    "n": trial.number,
                    "k": trial.attempt,
                    "points": list(points.items()),
                }
            )
            self.poll()

    # -- claiming --------------------------------------------------------------------------

    def claim(
        self,
        choose: Callable[[int], tuple[dict[str, Any], dict[str, Any]]],
        most: int | None = None,
    ) -> Trial | None:
        """A trial to run; None if there is none now.

        Args:
            choose: parameters of a new number, and what else to remember of it.
            most: how many trials there may be; None has no end.
        """
        with self.lock:
            self.poll()
            if self.state != "RUNNING":
                return None

            def chosen(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
                given = self._given.get(number)
                return choose(number) if given is None else (given, {"given": True})

            return (
                self._claim_again(chosen)
                or self._claim_given(chosen)
                or self._claim_new(chosen, most)
            )

    def _claim_again(
        self, choose: Callable[[int], tuple[dict[str, Any], dict[str, Any]]]
    ) -> Trial | None:
        self._look_at_agents()
        for number in list(self._again):
            before = self.trials[number]
            attempt = self.board.last_claim(number)
            if attempt > before.attempt and self._claimant_lives(number, attempt):
                continue  # it will write so
            if self.board.take(number, attempt + 1, self.name):
                goes_on = before.state != "failed" and self.keeps_run(before.run_id)
                run_id = before.run_id if goes_on else new_run_id()
                return self._begin(
                    number,
                    attempt + 1,
                    run_id,
                    before.parameters,
                    before.extra,
                    failures=before.failures,
                    losses=before.losses + (attempt - before.attempt),
                )
        for number in sorted(self._unwritten):
            attempt = self.board.last_claim(number)
            if self._claimant_lives(number, attempt):
                continue
            if attempt > self.retry.lost:
                self._give_up(number, attempt)
            elif self.board.take(number, attempt + 1, self.name):
                return self._begin(
                    number, attempt + 1, new_run_id(), *choose(number), losses=attempt
                )
        return None

    def _claim_given(
        self, choose: Callable[[int], tuple[dict[str, Any], dict[str, Any]]]
    ) -> Trial | None:
        for number in sorted(self._given, reverse=True):  # who came first is nearest to 0
            if number in self.trials or number in self._unwritten:
                continue
            if self.board.take(number, 1, self.name):
                return self._begin(number, 1, new_run_id(), *choose(number))
            self._unwritten.add(number)  # by another, who will write so unless it dies
        return None

    def _claim_new(
        self, choose: Callable[[int], tuple[dict[str, Any], dict[str, Any]]], most: int | None
    ) -> Trial | None:
        while most is None or self._next < most:
            number = self._next
            taken = self.board.take(number, 1, self.name)
            self._next = number + 1
            if taken:
                return self._begin(number, 1, new_run_id(), *choose(number))
            if number not in self.trials:
                self._unwritten.add(number)
        return None

    def _begin(
        self,
        number: int,
        attempt: int,
        run_id: str,
        parameters: dict[str, Any],
        extra: dict[str, Any],
        **counts: int,
    ) -> Trial:
        """Write that this agent begins a trial; with the counts, since logs are read in any order."""
        line: dict[str, Any] = {"t": "trial", "n": number, "k": attempt, "run": run_id}
        line |= {"parameters": parameters, **counts}
        if extra:
            line["extra"] = extra
        self._write(line)
        return self.trials[number]

    def is_open(self, most: int | None) -> bool:
        """Whether there may still be work: now, or once somebody has died or failed."""
        with self.lock:
            if self.state == "PAUSED":
                return True
            if self.state != "RUNNING":
                return False
            running = any(log.running for log in self._logs.values())
            given = any(number not in self.trials for number in self._given)
            waiting = self._again or self._held or self._unwritten or given
            return bool(waiting or running) or self._next < (
                most if most is not None else self._next + 1
            )

    def is_queued(self, number: int) -> bool:
        """Whether a trial that ended is to be begun again."""
        return number in self._again or number in self._held

    def is_mine(self, trial: Trial) -> bool:
        """Whether nobody has taken the trial over."""
        with self.lock:
            now = self.trials[trial.number]
            return now.agent == self.name and now.attempt == trial.attempt

    # -- the dead --------------------------------------------------------------------------

    def _look_at_agents(self) -> None:
        """Find trials whose agent died."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AT_AGENTS_S:
            return
        self._looked_at = now
        for name, log in self._logs.items():
            if name == self.name or not log.running or self._lives(name, log):
                continue
            for number in list(log.running):
                trial = self.trials[number]
                told = f"its agent {name} died"
                self._finish(trial, log, "lost", None, told, self._now_ns())
                if not self.is_queued(number):
                    self.end(trial, "failed", None, f"{told}, as {trial.losses - 1} before it")

    def agents(self) -> list[AgentFacts]:
        """Who works on the sweep, or did: those that took a trial or still might."""
        with self.lock:
            worked = {trial.agent for trial in self.trials.values()}
            found = []
            for name, log in self._logs.items():
                if log.closed and name not in worked:
                    continue  # somebody who only controlled the sweep
                beat_s = max(0.0, self.board.beat_s(name))
                state: Literal["alive", "gone", "dead"] = (
                    "gone" if log.closed else "alive" if self._lives(name, log) else "dead"
                )
                running = tuple(sorted(log.running))
                found.append(
                    AgentFacts(
                        name, log.host, log.pid, log.began_ns, beat_s, state, running, log.reason
                    )
                )
            return sorted(found, key=lambda one: (one.state != "alive", -one.began_ns))

    def _lives(self, name: str, log: _Log) -> bool:
        if log.closed:
            return False
        alive = is_alive(log.host, log.pid, log.process) if log.host else None
        return self.board.beat_s(name) <= HEARTBEAT_TIMEOUT_S if alive is None else alive

    def _claimant_lives(self, number: int, attempt: int) -> bool:
        claim = self.board.claimant(number, attempt)
        if claim is None:
            return False
        name, age_s = claim
        if name == self.name:  # of a thread of this agent: it is choosing
            return True
        log = self._logs.get(name)
        return age_s <= HEARTBEAT_TIMEOUT_S if log is None else self._lives(name, log)

    def _give_up(self, number: int, attempt: int) -> None:
        self._begin(number, attempt, new_run_id(), {}, {})
        told = f"{attempt} agents died before they could begin it"
        self.end(self.trials[number], "failed", None, told)

    # -- reading ---------------------------------------------------------------------------

    def poll(self) -> None:
        """Read what is new."""
        with self.lock:
            known = {name: log.offset for name, log in self._logs.items()}
            closed = {name for name, log in self._logs.items() if log.closed}
            for name, new in self.board.news(known, closed).items():
                self._feed(name, self._logs.setdefault(name, _Log()), new)

    def _feed(self, name: str, log: _Log, new: bytes) -> None:
        log.offset += len(new)
        *lines, log.rest = (log.rest + new).split(b"\n")
        for line in lines:
            try:
                content = json.loads(line)
            except ValueError:  # the machine lost power in the middle of a line
                continue
            self._apply(name, log, content)

    def _apply(self, name: str, log: _Log, line: dict[str, Any]) -> None:
        kind = line.get("t")
        if kind == "agent":
            log.host, log.pid, log.process = line["host"], line["pid"], line["process"]
            log.began_ns = line["at"]
        elif kind == "trial":
            self._apply_trial(name, log, line)
        elif kind == "end":
            trial = self.trials.get(line["n"])
            if trial is not None and trial.attempt == line["k"]:
                counts = line.get("counts", True)
                self._finish(
                    trial,
                    self._logs.get(trial.agent),
                    line["state"],
                    line["values"],
                    line["reason"],
                    line["at"],
                    counts=counts,
                )
        elif kind == "curve":
            trial = self.trials.get(line["n"])
            if trial is not None and trial.attempt == line["k"]:
                trial.curve.update({int(at): value for at, value in line["points"]})
                self.changed.append(trial.number)
        elif kind == "config":
            stamp = (int(line["count"]), f"{line['at']} {name}")
            if stamp > self._config_stamp:
                self._config_stamp, self.new_config = stamp, line["text"]
        elif kind == "given":
            self._given[line["n"]] = line["parameters"]
        elif kind == "ask":
            self._apply_request(name, line)
        elif kind == "sweep":
            stamp = (int(line["count"]), f"{line['at']} {name}")
            if stamp > self._state_stamp:
                self._state_stamp = stamp
                self.state, self.state_reason = line["state"], line["reason"]
        elif kind == "bye":
            log.closed, log.reason = True, line.get("reason")
            self._looked_at = float("-inf")

    def _apply_request(self, name: str, line: dict[str, Any]) -> None:
        number, stamp = line["n"], (line["at"], name)
        if number in self._requests and self._requests[number][0] > stamp:
            return
        self._requests[number] = stamp, line
        if number in self.trials:
            self._heed(self.trials[number])

    def _heed(self, trial: Trial) -> None:
        """Do what was asked of a trial; logs are read in any order, so it may be asked first."""
        number = trial.number
        _, line = self._requests.get(number, (None, {}))
        if line.get("k") != trial.attempt:
            return
        what = line["what"]
        self.changed.append(number)
        if what == "resume":
            trial.asked = trial.stop_reason = None
            if number in self._held:
                del self._held[number]
                self._again[number] = None
        elif trial.state in ("running", "lost"):
            trial.asked, trial.stop_reason = what, line["reason"]
            if trial.state == "lost" and self.is_queued(number):
                self._finish(trial, None, "lost", None, trial.reason, trial.ended_ns, counts=False)

    def _apply_trial(self, name: str, log: _Log, line: dict[str, Any]) -> None:
        number, attempt = line["n"], line["k"]
        before = self.trials.get(number)
        if before is not None and before.attempt >= attempt:
            return  # another's log was read first, and has a later attempt
        trial = Trial(
            number,
            attempt,
            line["parameters"],
            line["run"],
            name,
            line["at"],
            failures=line.get("failures", 0),
            losses=line.get("losses", 0),
            extra=line.get("extra", {}),
        )
        if before is not None and (owner := self._logs.get(before.agent)) is not None:
            owner.running.discard(number)
        self.trials[number] = trial
        log.running.add(number)
        self._again.pop(number, None)
        self._held.pop(number, None)
        self._unwritten.discard(number)
        for hole in range(self._next, number):
            if hole not in self.trials:
                self._unwritten.add(hole)
        self._next = max(self._next, number + 1)
        self.changed.append(number)
        self._heed(trial)

    def _finish(
        self,
        trial: Trial,
        log: _Log | None,
        state: TrialState,
        values: list[float] | None,
        reason: str | None,
        at_ns: int | None,
        *,
        counts: bool = True,
    ) -> None:
        trial.losses += counts and state == "lost"
        if state == "lost" and trial.asked in ("stop", "cancel"):
            state, reason = "stopped", trial.stop_reason  # nobody wants it to be begun again
        trial.state, trial.values, trial.reason, trial.ended_ns = state, values, reason, at_ns
        if log is not None:
            log.running.discard(trial.number)
        self._again.pop(trial.number, None)
        self._held.pop(trial.number, None)
        if state != "lost":
            trial.asked = trial.stop_reason = None  # it is done, whatever was asked of it
        if state == "failed":
            trial.failures += 1
            if trial.failures <= self.retry.failed and trial.losses <= self.retry.lost:
                self._again[trial.number] = None
        elif state == "lost":
            if trial.asked == "pause":
                self._held[trial.number] = None
            elif trial.losses <= self.retry.lost:
                self._again[trial.number] = None
        self.changed.append(trial.number)

    def _now_ns(self) -> int:
        return int(self._now() * 1e9)

    def ordered(self) -> Iterable[Trial]:
        """The trials by number."""
        with self.lock:
            return [self.trials[number] for number in sorted(self.trials)]
