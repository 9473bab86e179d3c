"""How a run lives and ends: what it tells on the way, its pulse, and its last record."""

from __future__ import annotations

import dataclasses
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rltrack._end import End, by_code, by_error, by_termination
from rltrack._identity import Identity
from rltrack._pulse import Pulse
from rltrack._rows import RowWriter
from rltrack._terminal import say
from rltrack.capture.signals import interrupt_main_thread
from rltrack.errors import RunFinishedError, StorageError
from rltrack.folder import RunFacts, RunFolder
from rltrack.journal.null import Journal
from rltrack.journal.records import Finished, Json, Noted, Record, RunChanged
from rltrack.settings import DEFAULTS, Settings


class Lifecycle(Identity):
    """A run from its beginning to its end. `Run` adds what is logged in between.

    Args:
        facts: of the run.
        settings: of the run.
        folder: of the run; None records nothing.
        clock: nanoseconds since the epoch.
        owner: whether the end of this process's part is the end of the run.
    """

    __slots__ = (
        "_after_end",
        "_at_finish",
        "_clock",
        "_ending",
        "_finished",
        "_is_ending",
        "_journal",
        "_left_by",
        "_looks",
        "_owner",
        "_pid",
        "_pulse",
        "_rows",
        "_stop_asked",
        "_warned",
    )

    _journal: Journal

    def __init__(
        self,
        facts: RunFacts,
        settings: Settings,
        folder: RunFolder | None,
        *,
        clock: Callable[[], int],
        owner: bool,
    ) -> None:
        self._facts = facts
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._owner = owner
        self._finished = False
        self._warned: set[str] = set()
        self._pid = os.getpid()
        self._ending = threading.RLock()
        self._is_ending = False
        self._left_by: BaseException | None = None
        self._stop_asked = False
        self._rows = RowWriter(
            folder, settings=settings, warn=self._warn, clock=clock, keep=self._keep_table
        )
        self._at_finish: list[Callable[[], None]] = []
        self._after_end: list[Callable[[], None]] = []
        self._looks: list[Callable[[], None]] = []
        self._shown_at = None
        self._pulse: Pulse | None = None

    def _keep_table(self, key: str, files: Mapping[str, Path], incremental: bool) -> None:
        """Make a version of an artifact of a table; see `KeptTables`."""
        raise NotImplementedError

    def _start_pulse(self) -> None:
        if self._folder is None:
            return
        # The thread must not keep a dropped run alive.
        beat, look = weakref.WeakMethod(self._beat), weakref.WeakMethod(self._look)
        self._pulse = Pulse(
            lambda: (beat() or _nothing)(),
            lambda: (look() or _nothing)(),
            self._settings.sync_interval_s or 5.0,
        )

    @property
    def is_owner(self) -> bool:
        """Whether the end of this process's part is the end of the run."""
        return self._owner

    @property
    def left_by(self) -> BaseException | None:
        """What the run's ``with`` block was left by; Python prints it when the run has ended."""
        return self._left_by

    @property
    def is_finished(self) -> bool:
        """Whether this process's part of the run has ended."""
        return self._finished

    def _change(self, **changes: Any) -> None:
        self._refuse_if_finished("changing the run")
        self._facts = dataclasses.replace(self._facts, **changes)
        self._journal.write(RunChanged(self._clock(), changes))
        self._write_facts()

    def record(self, record: Record) -> None:
        """Append a record of another part of rltrack to the run's journal."""
        self._journal.write(record)

    def note_metadata(self, metadata: Mapping[str, Json]) -> None:
        """Add facts about how the run came to be: command, host, versions, environment."""
        if not self._finished:
            self._journal.write(RunChanged(self._clock(), {"metadata": dict(metadata)}))

    @property
    def stop_asked(self) -> bool:
        """Whether somebody asked the run to stop."""
        return self._stop_asked

    # -- warnings --------------------------------------------------------------------------

    def warn(self, kind: str, message: str) -> None:
        """Tell the user, once for each `kind`, and keep it beside the run.

        For hooks and callbacks, whose own faults must never reach the training.
        """
        self._warn(kind, message)

    def survive(self, doing: str, fault: Exception) -> None:
        """Turn a fault of a hook or callback into one warning for each `doing`; in strict mode raise it.

        Args:
            doing: who did what, for example ``SB3Callback: recording a video``.
            fault: what came of it.
        """
        if self._settings.strict:
            raise fault
        self._warn(doing, f"{doing} failed, and training goes on: {type(fault).__name__}: {fault}")

    def note(self, level: str, message: str, *, title: str | None = None) -> None:
        """Keep something beside the run that its user should see; nothing is printed.

        Args:
            level: ``info``, ``warning`` or ``error``.
            message: it.
            title: of an alert.
        """
        if not self._finished:
            self._journal.write(Noted(self._clock(), level, message, title=title))

    def _warn(self, kind: str, message: str) -> None:
        if kind in self._warned:
            return
        self._warned.add(kind)
        if not self._settings.silent:
            say(f"warning: {message}")
        self.note("warning", message)

    def on_trouble(self, message: str) -> None:
        """The journal's disk refuses: once a warning, or in strict mode an error.

        Raises:
            StorageError: in strict mode.
        """
        if self._settings.strict:
            raise StorageError(message)
        if not self._settings.silent:
            say(f"warning: {message}")

    # -- the end ---------------------------------------------------------------------------

    def on_finish(self, action: Callable[[], None]) -> None:
        """Have `action` called when the run finishes, last come first: for hooks to undo themselves."""
        self._at_finish.append(action)

    def after_end(self, action: Callable[[], None]) -> None:
        """Have `action` called when the end is recorded; it must not raise."""
        self._after_end.append(action)

    def each_second(self, action: Callable[[], None]) -> None:
        """Have `action` called each second while the run goes on, on another thread; it must not raise."""
        self._looks.append(action)

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run. May be called again; in a forked child it ends only the child's part.

        It takes no longer than `Settings.finish_timeout_s` for files that are being written.

        Args:
            exit_code: 0, the default, is "finished"; any other is "failed".
            quiet: accepted for W&B's scripts; say `Settings(quiet=True)`.
        """
        self._end(by_code(exit_code or 0))

    def join(self, exit_code: int | None = None) -> None:
        """The old name of `finish`."""
        self.finish(exit_code)

    def mark_preempting(self) -> None:
        """Say that the machine is about to be taken away: an end other than a good one is "preempted"."""
        self._change(preempting=True)

    def end_with(self, error: BaseException | None) -> None:
        """End the run as the exception says by which its block, or its process, was left."""
        self._end(by_error(error))

    def end_as_crashed(self) -> None:
        """End a run of which nobody said how it ended; for importers."""
        self._end(End("crashed", 1))

    def end_by_termination(self) -> bool:
        """End the run since the process is told to terminate; from a thread of its own.

        Returns:
            False if it cannot be ended now: the main thread was interrupted in the middle of a
            write, or of the end.
        """
        for lock in (self._ending, self._journal.lock):
            if not lock.acquire(timeout=0.2):
                return False
            lock.release()
        self._end(by_termination())
        return True

    def _end(self, end: End) -> None:
        if not self.disabled and os.getpid() != self._pid:
            # A forked child; a thread that it does not have may have held the lock.
            if not self._finished:
                self._leave(end)
            return
        with self._ending:  # of two threads the second waits, and finds it done
            if self._finished or self._is_ending:  # or a signal's handler came into the middle
                return
            self._is_ending = True
            try:
                self._undo_hooks()
                self._rows.close(self._finish_timeout_s)
            finally:  # a second Ctrl-C ends the waiting, and not the run's record
                self._undo_hooks()
                if self._pulse is not None:
                    self._pulse.stop()
                if self._owner:
                    self._record_end(self._as_it_was_meant(end))
                else:
                    self._leave(end)

    def _leave(self, end: End) -> None:
        """End what this process wrote; the run goes on where it was begun."""
        self._journal.close()
        self._finished = True
        self._facts = dataclasses.replace(self._facts, state=end.state)

    def _as_it_was_meant(self, end: End) -> End:
        if self._stop_asked and end.state == "finished":
            return End("killed", end.exit_code)  # a program that came to its end as it was told
        if self._facts.preempting and end.state in ("failed", "killed"):
            return end._replace(state="preempted")
        return end

    @property
    def _finish_timeout_s(self) -> float:
        # Importers make runs of settings that are no whole ones.
        return self._settings.finish_timeout_s or DEFAULTS.finish_timeout_s or 0.0

    def _undo_hooks(self) -> None:
        while self._at_finish:
            try:
                self._at_finish.pop()()
            except Exception as fault:  # a hook's fault must not keep the run from ending
                self._warn(f"finish {fault}", f"a hook could not be undone: {fault!r}")

    def _record_end(self, end: End) -> None:
        now = self._clock()
        self._journal.write(Finished(now, end.state, end.exit_code, end.traceback))
        self._finished = True
        self._journal.close()
        if lost := self._journal.lost:
            self._warn(
                "lost", f"{lost} rows are lost: the disk refused them and the buffer was full"
            )
        self._facts = dataclasses.replace(
            self._facts, state=end.state, exit_code=end.exit_code, ended_ns=now, lost_rows=lost
        )
        self._write_facts()
        while self._after_end:
            self._after_end.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left_by = error
        self.end_with(error)

    def _refuse_if_finished(self, what: str) -> None:
        if self._finished and not self.disabled:
            raise RunFinishedError(
                f"Run ({self.id}) is finished. The call to `{what}` will be ignored. "
                "Start a new run with rltrack.init()"
            )

    def _write_facts(self) -> None:
        if self._folder is None or not self._owner or os.getpid() != self._pid:
            return
        try:
            self._folder.write_facts(self._facts)
        except OSError as refusal:
            self._warn(
                "run.json", f"{self._folder.run_json} cannot be written ({refusal.strerror})"
            )

    def _beat(self) -> None:
        try:
            self._journal.sync()
            if self._folder is not None:
                self._folder.beat()
        except FileNotFoundError:
            self._write_facts()  # the folder was removed; the journal is back already
        except (OSError, StorageError) as refusal:
            self._warn("beat", f"the run's folder does not answer ({refusal})")

    def _each_second(self) -> None:
        """Look after what follows the disk; on a thread of its own."""

    def _look(self) -> None:
        """See whether somebody asked the run to stop, by `rltrack stop`."""
        self._each_second()
        for look in self._looks:
            look()
        if self._folder is not None and self._owner and (by := self._folder.take_stop_request()):
            self.expect_stop(by)
            # What Ctrl-C does: the main thread gets a KeyboardInterrupt, out of a sleep, too.
            interrupt_main_thread()

    def expect_stop(self, by: str) -> None:
        """Say that the program is about to be interrupted: the run was not left by a mistake."""
        self._stop_asked = True
        self.note("info", f"stopped by {by}")
        if not self._settings.silent:
            say(f"{self.name} was asked to stop, by {by}")


def _nothing() -> None:
    """The pulse of a run that is gone."""
