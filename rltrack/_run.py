"""The run: one training, and the journal of what it logged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from rltrack._config import Config
from rltrack._keeping import Keeping
from rltrack._logged import check_names, integer_step
from rltrack._past import Past
from rltrack._summary import Summary
from rltrack.errors import UsageError
from rltrack.folder import RunFacts, RunFolder
from rltrack.journal.null import Journal
from rltrack.journal.records import (
    ConfigChanged,
    Json,
    Resumed,
    Row,
    RowFlag,
    SummaryChanged,
)
from rltrack.settings import Settings

if TYPE_CHECKING:
    from datetime import timedelta

    from rltrack._alert import AlertLevel, Alerts
    from rltrack._metrics import Metric, Metrics


class RunStatus(NamedTuple):
    """How far a run is uploaded, in W&B's words."""

    sync_items_total: int
    sync_items_pending: int
    sync_time: float


class Run(Keeping):
    """One training: its config, and a journal of what it logged.

    A run only appends. Everything that reads (summary, store, dashboard) reads the journal,
    so a run that died is read the same way as one that finished. What goes wrong on our side
    (a full disk, a failed encode) is one warning and a mark on the run, never an exception in
    the training, unless ``Settings(strict=True)``.

    Made by `rltrack.init`.
    """

    __slots__ = (
        "__weakref__",
        "_alerts",
        "_config",
        "_last_step",
        "_metrics",
        "_open_step",
        "_past",
        "_step",
        "_summary",
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
        past: Past | None = None,
        step: int = 0,
        owner: bool = True,
    ) -> None:
        super().__init__(facts, settings, folder, clock=clock, owner=owner)
        self._past = past or Past(next_step=step)
        self._step = self._past.next_step
        self._last_step = -1  # greatest step of a row so far
        self._open_step = -1  # step of a row that a call left open for the next
        self._metrics: Metrics | None = None
        self._alerts: Alerts | None = None
        self._saved = None
        self._config = Config(self._record_config, allow_change=allow_val_change, warn=self._warn)
        if folder is not None and owner:
            folder.write_facts(facts)
        self._journal = open_journal(self)
        self._summary = Summary(self._summed_up, self._record_summary, self._stored, self._last_row)
        if past is not None:
            self._restore(past)
        self._start_pulse()

    def _restore(self, past: Past) -> None:
        """Be what the run was when its last process left it."""
        self._config.restore(past.config)
        self._summary.restore(past.pinned, {key: past.latest[key] for key in past.removed})
        for definition in past.definitions:
            self._defined().add(definition)
        self._count_again()

    def _summed_up(self) -> dict[str, Json]:
        """What was logged, as a summary."""
        self._rows.flush(self._finish_timeout_s)
        latest = self._journal.latest()
        if self._past.latest:
            latest = {**self._past.latest, **latest}
        return latest if self._metrics is None else self._metrics.summary(latest)

    def _last_row(self) -> dict[str, Json]:
        """Where the last row stands."""
        self._rows.flush(self._finish_timeout_s)
        found = self._journal.last_row()
        if found is None:
            return {}
        from rltrack.journal.definitions import RUNTIME, STEP, TIMESTAMP  # who asks is rare

        step, time_ns = found
        since_ns = time_ns - self._facts.created_ns
        return {STEP: step, TIMESTAMP: time_ns / 1e9, RUNTIME: since_ns / 1e9}

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

    def log_system(self, values: Mapping[str, float]) -> None:
        """Append a sample of the machine; its step is the whole seconds since the run began."""
        journal, now = self._journal, self._clock()
        step = max(0, (now - self._facts.created_ns) // 10**9)
        flags = RowFlag.SYSTEM | RowFlag.POINT
        with journal.lock:
            if not self._finished and not journal.write_row(values, step, now, flags):
                journal.write(Row(step, now, values, flags))

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
            self._rows.write(self._journal, data, step, flags, time_ns)
        except (TypeError, ValueError):
            if not self.disabled:  # which accepts every call
                raise

    def define_metric(
        self,
        name: str,
        step_metric: str | Metric | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | Sequence[str] | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> Metric:
        """Say how metrics of a name are drawn and summed up.

        Args:
            name: a metric, or a ``prefix*`` of many.
            step_metric: the metric over which they are drawn, for example ``global_step``.
            step_sync: whether a row without `step_metric` stands at the last value of it; by
                default it does.
            hidden: no chart of its own.
            summary: what `Run.summary` and tables have of it, some of ``min max mean last first
                best copy none`` with commas, as ``loss.min``; by default its last value. NaN and
                infinities have no part in it, and are counted as ``loss.not_finite``.
            goal: ``minimize`` or ``maximize``: which one is ``best``.
            overwrite: forget what was said of this name before; by default, what is not said
                again stays.

        Raises:
            UsageError: an argument is not what it may be.
        """
        self._refuse_if_finished("define_metric")
        metrics = self._defined()
        metric = metrics.checked(name, step_metric, step_sync, hidden, summary, goal)
        definition = metrics.define(metric, self._clock(), overwrite=bool(overwrite))
        self._journal.write(definition)
        if metric.summary is not None or overwrite:
            self._count_again()
        return metric

    def rewind(self, step: int) -> None:
        """Hide what earlier processes of this run logged after a step, as ``resume_from`` does.

        For whoever finds out only later from where the run goes on, as a training does that reads
        its last checkpoint: what came behind it is done, and logged, once more.

        Args:
            step: the last one that stays. Rows of this process all stay.
        """
        self._refuse_if_finished("rewind")
        if self._folder is None or not self._past.writers:
            return
        from rltrack._resume import read_past

        with self._journal.lock:
            writers, untouched = self._past.writers, self._step == self._past.next_step
            self._past = read_past(self._folder, up_to=step, writers=writers)
            if untouched:
                self._step = self._past.next_step
            self._journal.write(Resumed(self._clock(), writers, step))
        self._count_again()

    def _defined(self) -> Metrics:
        """The definitions of the run; most runs have none, and do not load what they take."""
        if self._metrics is None:
            from rltrack._metrics import Metrics

            self._metrics = Metrics()
        return self._metrics

    def _count_again(self) -> None:
        """Sum up what was logged as it is defined now."""
        if self._metrics is None:
            return
        with self._journal.lock:
            self._journal = journal = self._metrics.counting(self._journal)
            if self._folder is not None and (journal.rows or self._past.writers):
                self._metrics.count_all(self._past.rows(self._folder, journal.name))

    def alert(
        self,
        title: str,
        text: str = "",
        level: AlertLevel | str | None = None,
        wait_duration: float | timedelta | None = None,
    ) -> None:
        """Tell the user of something: on the terminal, beside the run, and as the settings say.

        Settings name a webhook, a Slack channel or e-mail addresses. Sending to them never keeps
        the training waiting, and a failure is one warning.

        Args:
            title: in a few words.
            text: in more.
            level: ``INFO`` (the default), ``WARN`` or ``ERROR``.
            wait_duration: seconds (60) in which a further alert of this title is left out.

        Raises:
            UsageError: an argument is not what it may be.
        """
        if self.disabled:
            return
        self._refuse_if_finished("alert")
        if self._alerts is None:
            from rltrack._alert import Alerts

            self._alerts = Alerts(self)
        self._alerts.send(title, text, level, wait_duration)

    def write_logs(self, text: str) -> None:
        """Add text to what the run prints, in its record and not on the terminal: for loggers.

        A logger may outlive the run, so after the end nothing happens.

        Args:
            text: one line, or several.
        """
        if not self._finished:
            from rltrack._capture import write_logs

            write_logs(self, text)

    def pin_config_keys(self, keys: Sequence[str]) -> None:
        """Say which keys of the config matter most; it is kept as a fact about the run.

        Raises:
            UsageError: they are not texts.
        """
        if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
            raise UsageError(f"pin_config_keys({keys!r}) must be a list of keys of the config")
        self.note_metadata({"pinned_config_keys": list(keys)})

    def watch(self, models: Any, *args: Any, **kwargs: Any) -> Any:
        """`rltrack.watch`, into this run."""
        return _hook("watch", "watch")(models, *args, run=self, **kwargs)

    def unwatch(self, models: Any = None) -> None:
        """`rltrack.unwatch`, of this run."""
        _hook("watch", "unwatch")(models, run=self)

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
    def step(self) -> int:
        """The index of the next row."""
        return self._step

    @property
    def starting_step(self) -> int:
        """The index of the first row of this process."""
        return self._past.next_step

    @property
    def resumed(self) -> bool:
        """Whether another process began the run."""
        return bool(self._past.writers)

    @property
    def config_static(self) -> Mapping[str, Any]:
        """A copy of the config that cannot be changed."""
        return MappingProxyType(self._config.as_dict())

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """The run as HTML, for a notebook."""
        from rltrack._display import html_of

        return html_of(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def display(self, height: int = 420, hidden: bool = False) -> bool:
        """Show the run in the notebook that this is; whether it is one."""
        from rltrack._display import show

        return show(self.to_html())

    def status(self) -> RunStatus:
        """How much is not yet safe on this disk, which is nothing, and how long ago it was written."""
        return RunStatus(0, 0, 0.0)

    @property
    def _attach_id(self) -> str:
        """What other libraries hand to their processes, where `rltrack.as_wandb` attaches to it."""
        import base64
        import pickle

        return base64.urlsafe_b64encode(pickle.dumps(self)).decode("ascii")

    def _label(self, *args: object, **kwargs: object) -> None:
        """Accepted: other libraries tell W&B by it who they are."""

    def __copy__(self) -> Run:
        return self

    def __deepcopy__(self, memo: object) -> Run:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """In a further process it is attached to; see `_attach.py`."""
        from rltrack._attach import attach

        return attach, (self.folder, self._facts, self._settings, self._step)

    def _record_config(self, changed: Mapping[str, Json], removed: list[str]) -> None:
        self._refuse_if_finished("config")
        self._journal.write(ConfigChanged(self._clock(), changed, removed))

    def _stored(self, key: str, value: object) -> Json:
        return self._rows.stored(self._journal, key, self._step, value)

    def _record_summary(self, changed: Mapping[str, Json], removed: list[str]) -> None:
        self._refuse_if_finished("summary")
        self._journal.write(SummaryChanged(self._clock(), changed, removed))


def _hook(name: str, function: str) -> Callable[..., Any]:
    """A function of a hook, which is found by its name: hooks import rltrack."""
    import importlib

    return getattr(importlib.import_module(f"rltrack.hooks.{name}"), function)  # type: ignore[no-any-return]
