"""The run: one training, and the journal of what it logged."""

from __future__ import annotations

import dataclasses
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from rltrack._config import Config
from rltrack._logged import (
    STEP_KEY,
    TIME_KEY,
    check_names,
    flat_values,
    integer_step,
    nanoseconds,
)
from rltrack._pulse import Pulse
from rltrack._summary import Summary
from rltrack._terminal import say
from rltrack._values import Unstorable, plain
from rltrack.errors import RunFinishedError, StorageError, UsageError
from rltrack.folder import RunFacts, RunFolder, State
from rltrack.journal.null import Journal
from rltrack.journal.records import (
    ConfigChanged,
    Finished,
    Json,
    MetricDefined,
    Noted,
    Row,
    RowFlag,
    RunChanged,
    SummaryChanged,
)
from rltrack.media.base import Media
from rltrack.settings import Settings, checked_tags

if TYPE_CHECKING:
    from rltrack.media.store import MediaStore

_EXIT_INTERRUPTED: Final = 255


class Run:
    """One training: its config, and a journal of what it logged.

    A run only appends. Everything that reads (summary, store, dashboard) reads the journal,
    so a run that died is read the same way as one that finished. What goes wrong on our side
    (a full disk, a failed encode) is one warning and a mark on the run, never an exception in
    the training, unless ``Settings(strict=True)``.

    Made by `rltrack.init`.
    """

    __slots__ = (
        "__weakref__",
        "_at_finish",
        "_clock",
        "_config",
        "_facts",
        "_finished",
        "_folder",
        "_journal",
        "_last_step",
        "_media",
        "_open_step",
        "_pulse",
        "_settings",
        "_step",
        "_summary",
        "_warned",
    )

    def __init__(
        self,
        facts: RunFacts,
        settings: Settings,
        open_journal: Callable[[Run], Journal],
        folder: RunFolder | None,
        *,
        clock: Callable[[], int] = time.time_ns,
        allow_val_change: bool = False,
    ) -> None:
        self._facts = facts
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._finished = False
        self._step = 0
        self._last_step = -1  # greatest step of a row so far
        self._open_step = -1  # step of a row that a call left open for the next
        self._warned: set[str] = set()
        self._media: MediaStore | None = None
        self._at_finish: list[Callable[[], None]] = []
        self._config = Config(self._record_config, allow_change=allow_val_change)
        if folder is not None:
            folder.write_facts(facts)
        self._journal = open_journal(self)
        self._summary = Summary(lambda: self._journal.latest(), self._record_summary)
        self._pulse: Pulse | None = None
        if folder is not None:
            alive = weakref.WeakMethod(self._beat)  # the thread must not keep a dropped run alive
            self._pulse = Pulse(lambda: (alive() or _nothing)(), settings.sync_interval_s or 5.0)

    # -- logging ---------------------------------------------------------------------------

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        """Append a row of values. What has returned survives the death of the process.

        Args:
            data: metric name to value; the part of a name before its last ``/`` is its
                section. Nested mappings become dotted names. Numbers of any kind, text, None,
                lists, NumPy and torch values, and media.
            step: the row's index, of any order; without it, rows count up from 0. Calls
                with one step are one row, and of one name the last value counts.
            commit: False leaves the row open for the next call; by default a row is
                complete, unless `step` is given.

        Raises:
            TypeError: `data` is no mapping, a name is no text, or `step` is no integer.
            ValueError: a name is empty.
            RunFinishedError: `finish` was called before.
        """
        if step is None and commit is None and type(data) is dict and data:
            journal = self._journal
            with journal.lock:
                at = self._step
                self._step = at + 1
                if journal.write_row(data, at, self._clock(), 0):
                    return
                if self._step == at + 1:  # if not, a signal's handler has logged in between
                    self._step = at  # since a call that raises takes no step
        self._log_with_care(data, step, commit)

    def log_point(self, data: Mapping[str, Any], *, step: int, time_ns: int | None = None) -> None:
        """Append a row of its own, which is never merged with another.

        For events that bring an axis of their own, as episodes and TensorBoard events do: many
        may share one step, and each survives. The count of `log` is left alone.

        Args:
            data: as for `log`.
            step: where the row stands.
            time_ns: when it happened, in nanoseconds since the epoch; by default now.
        """
        # A look at the type first: to ask for a Mapping takes 0.2 µs.
        if type(data) is not dict and not isinstance(data, Mapping):
            raise TypeError(f"log_point must be passed a dictionary, not {type(data).__name__}")
        if type(step) is not int:
            step = integer_step(step)
        journal = self._journal
        if type(data) is dict and data:
            with journal.lock:
                if journal.write_row(data, step, time_ns or self._clock(), RowFlag.POINT):
                    return
        check_names(data)
        self._log_values(data, step, RowFlag.POINT, time_ns)

    def _log_with_care(self, data: object, step: object, commit: bool | None) -> None:
        """`log`, of anything else than a dict of plain numbers without step and commit."""
        self._refuse_if_finished("log")
        try:
            if not isinstance(data, Mapping):
                raise TypeError(f"log must be passed a dictionary, not {type(data).__name__}")
            check_names(data)
            given = None if step is None else integer_step(step)
        except (TypeError, ValueError):
            if self.disabled:  # accepts every call
                return
            raise
        with self._journal.lock:
            if given is None:
                at, flags = self._step, RowFlag.NONE
                if commit is not None and not commit:
                    self._open_step = at if data else self._open_step
                elif data or self._open_step == at:
                    self._step += 1  # so an empty row closes an open one, and is none itself
            else:
                at, flags = given, RowFlag.EXPLICIT
                self._look_at_step(at)
                if at >= self._step:
                    self._step = at + bool(commit)
                    self._open_step = at
        if data:
            self._log_values(data, at, flags)

    def _look_at_step(self, step: int) -> None:
        last = max(self._last_step, self._step - 1)
        if step < min(last, self._step) or step < 0:
            why = f"goes back: rows up to step {last} are there" if last >= 0 else "is below 0"
            told = (
                f"log(step={step}) {why}. It is kept on its own step, where the last value of a "
                "metric counts"
            )
            if self._settings.strict and not self.disabled:
                raise UsageError(told)
            self._warn("step", told)
        self._last_step = max(self._last_step, step)

    def _log_values(
        self, data: Mapping[str, Any], step: int, flags: RowFlag, time_ns: int | None = None
    ) -> None:
        """Write a row that is not all plain numbers."""
        self._refuse_if_finished("log")
        try:
            self._write_values(data, step, flags, time_ns)
        except (TypeError, ValueError):
            if not self.disabled:  # which accepts every call
                raise

    def _write_values(
        self, data: Mapping[str, Any], step: int, flags: RowFlag, time_ns: int | None
    ) -> None:
        values: dict[str, Json] = {}
        refused: list[str] = []
        for name, value in flat_values(data).items():
            if name == STEP_KEY:
                continue
            try:
                if name == TIME_KEY:
                    time_ns = nanoseconds(value)
                else:
                    values[name] = self._stored(name, step, value)
            except (Unstorable, RecursionError) as why:
                refused.append(f"{name!r}: {why}")
        if values:
            now = time_ns or self._clock()
            journal = self._journal
            with journal.lock:
                if not journal.write_row(values, step, now, flags):
                    journal.write(Row(step, now, values, flags))
        if refused:
            told = f"log: {'; '.join(refused)}; the rest of the row is kept"
            if self._settings.strict:
                raise TypeError(told)
            self._warn(f"value {' '.join(refused)}", told)

    def _stored(self, name: str, step: int, value: Any) -> Json:
        if isinstance(value, Media):
            return self._store_media(name, step, value)
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], Media):
            return [self._stored(name, step, item) for item in value]
        return plain(value)

    def _store_media(self, name: str, step: int, media: Media) -> Json:
        if self._folder is None:
            return {"_type": media.type_name}
        if self._media is None:
            from rltrack.media.store import MediaStore

            self._media = MediaStore(self._folder.media, self._journal.write, clock=self._clock)
        return self._media.put(name, step, media)

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        """Say which metric is the x axis of others.

        Args:
            name: a metric, or a ``prefix*`` of many.
            step_metric: the metric over which they are drawn, for example ``global_step``.

        Raises:
            UsageError: a ``*`` stands elsewhere than at the end.
        """
        self._refuse_if_finished("define_metric")
        if "*" in name[:-1]:
            raise UsageError(f"define_metric({name!r}): a * may only stand at the end of a name")
        self._journal.write(MetricDefined(self._clock(), name, step_metric))

    # -- what the run is -------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """The choices that made this run what it is."""
        return self._config

    @property
    def summary(self) -> Summary:
        """The last value of each metric, and what was set by hand."""
        return self._summary

    @property
    def id(self) -> str:
        """Names the run within its project, for ever."""
        return self._facts.id

    @property
    def project(self) -> str:
        """The project that the run belongs to."""
        return self._facts.project

    @property
    def path(self) -> str:
        """``project/id``."""
        return f"{self.project}/{self.id}"

    @property
    def name(self) -> str:
        """The display name; may be set."""
        return self._facts.name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise UsageError(f"run name {name!r} must be text")
        self._change(name=name)

    @property
    def notes(self) -> str | None:
        """Free text about the run; may be set."""
        return self._facts.notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._change(notes=notes)

    @property
    def tags(self) -> tuple[str, ...]:
        """Labels of the run; may be set."""
        return tuple(self._facts.tags)

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._change(tags=list(checked_tags(tags)))

    @property
    def group(self) -> str | None:
        """The group that the run belongs to."""
        return self._facts.group

    @property
    def job_type(self) -> str | None:
        """What kind of job the run is within its group."""
        return self._facts.job_type

    @property
    def state(self) -> State:
        """``running``, and after `finish` what it came to."""
        return self._facts.state

    @property
    def step(self) -> int:
        """The index of the next row."""
        return self._step

    @property
    def start_time(self) -> float:
        """When the run began, in seconds since the epoch."""
        return self._facts.created_ns / 1e9

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @property
    def folder(self) -> Path | None:
        """The run's folder; None when disabled."""
        return self._folder.path if self._folder else None

    @property
    def dir(self) -> str:
        """The folder for files of the user's own, made on the first look."""
        if self._folder is None:
            return os.devnull
        self._folder.files.mkdir(parents=True, exist_ok=True)
        return str(self._folder.files)

    @property
    def disabled(self) -> bool:
        """Whether nothing is recorded."""
        return self._folder is None

    @property
    def offline(self) -> bool:
        """Whether nothing is sent anywhere while the run goes on."""
        return True

    def __repr__(self) -> str:
        return f"<rltrack.Run {self.path} {self.name!r} {self.state}>"

    def _change(self, **changes: Any) -> None:
        self._refuse_if_finished("changing the run")
        self._facts = dataclasses.replace(self._facts, **changes)
        self._journal.write(RunChanged(self._clock(), changes))
        self._write_facts()

    def _record_config(self, changed: Mapping[str, Json], removed: list[str]) -> None:
        self._refuse_if_finished("config")
        self._journal.write(ConfigChanged(self._clock(), changed, removed))

    def _record_summary(self, changed: Mapping[str, Json], removed: list[str]) -> None:
        self._refuse_if_finished("summary")
        self._journal.write(SummaryChanged(self._clock(), changed, removed))

    def note_metadata(self, metadata: Mapping[str, Json]) -> None:
        """Add facts about how the run came to be: command, host, versions, environment."""
        if not self._finished:
            self._journal.write(RunChanged(self._clock(), {"metadata": dict(metadata)}))

    # -- warnings --------------------------------------------------------------------------

    def warn(self, kind: str, message: str) -> None:
        """Tell the user, once for each `kind`, and keep it beside the run.

        For hooks and callbacks, whose own faults must never reach the training.
        """
        self._warn(kind, message)

    def _warn(self, kind: str, message: str) -> None:
        if kind in self._warned:
            return
        self._warned.add(kind)
        if not self._settings.silent:
            say(f"warning: {message}")
        if not self._finished:
            self._journal.write(Noted(self._clock(), "warning", message))

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

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run. May be called again; in a forked child it ends only the child's part.

        Args:
            exit_code: 0, the default, is "finished"; any other is "failed".
            quiet: accepted for W&B's scripts; say `Settings(quiet=True)`.
        """
        self._end("failed" if exit_code else "finished", exit_code or 0)

    def _end(self, state: State, exit_code: int, traceback: str | None = None) -> None:
        if self._finished:
            return
        if os.getpid() != self._facts.pid and not self.disabled:
            self._journal.close()
            self._finished = True
            return
        while self._at_finish:
            try:
                self._at_finish.pop()()
            except Exception as fault:  # a hook's fault must not keep the run from ending
                self._warn(f"finish {fault}", f"a hook could not be undone: {fault!r}")
        if self._media is not None:
            self._media.close()
        if self._pulse is not None:
            self._pulse.stop()
        now = self._clock()
        self._journal.write(Finished(now, state, exit_code, traceback))
        self._finished = True
        self._journal.close()
        if lost := self._journal.lost:
            self._warn(
                "lost", f"{lost} rows are lost: the disk refused them and the buffer was full"
            )
        self._facts = dataclasses.replace(
            self._facts, state=state, exit_code=exit_code, ended_ns=now, lost_rows=lost
        )
        self._write_facts()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end_with(error)

    def end_with(self, error: BaseException | None) -> None:
        """End the run as the exception says by which its block, or its process, was left."""
        if error is None:
            self._end("finished", 0)
        elif isinstance(error, KeyboardInterrupt):
            self._end("killed", _EXIT_INTERRUPTED)
        elif isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            self._end("failed" if code else "finished", code)
        else:
            import traceback

            self._end("failed", 1, "".join(traceback.format_exception(error)))

    def _refuse_if_finished(self, what: str) -> None:
        if self._finished and not self.disabled:
            raise RunFinishedError(
                f"Run ({self.id}) is finished. The call to `{what}` will be ignored. "
                "Start a new run with rltrack.init()"
            )

    def _write_facts(self) -> None:
        if self._folder is None:
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


def _nothing() -> None:
    """The pulse of a run that is gone."""
