"""How a run begins: in a folder of its own, in one that is there, or nowhere.

new        a folder that nobody else has
resumed    the folder of that id, where another process left it; `_lease.py` sees to it
that one process goes on
rewound    the same, and rows behind a step are hidden
forked     a new folder, with the journal of another run up to a step: its files are linked,
so that no byte is stored twice, and neither run can change what the other has
shared     the folder of that id, in which others write at the same time
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rltrack._attach import open_writer
from rltrack._names import (
    checked_project,
    checked_run_id,
    default_project,
    new_run_id,
    new_run_name,
)
from rltrack._past import Past
from rltrack._ranks import shared_id
from rltrack._run import Run
from rltrack._terminal import say
from rltrack.errors import JournalError, StorageError, UsageError
from rltrack.folder import RUN_JSON, RunFacts, RunFolder, run_folder
from rltrack.journal.process import this_process
from rltrack.journal.records import Resumed, RunChanged
from rltrack.settings import Settings

#: In a project's folder: the id of the last run that asked for ``resume="auto"``.
_AUTO: Final = ".resume"
_MOMENT: Final = re.compile(r"(?P<run>[^?]+)\?(?P<metric>[^=]+)=(?P<value>-?\d+)")
_SHARED_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A run up to a step."""

    run_id: str
    step: int


def start(settings: Settings, folder: Path, *, allow_val_change: bool) -> Run:
    """Begin a run, or go on with one.

    Args:
        settings: all of them.
        folder: where the process is.
        allow_val_change: let config keys take other values.

    Raises:
        UsageError: what is asked for does not go together, or is not there.
        StorageError: no folder can be written, not even a temporary one.
    """
    project = (
        checked_project(settings.project)
        if settings.project is not None
        else default_project(folder)
    )
    if settings.run_id is not None:
        checked_run_id(settings.run_id)
    starter = _Starter(settings, project, allow_val_change)
    if settings.mode == "disabled":
        return starter.disabled()
    begin = starter.chosen()
    return _in_root_or_spare(settings, begin)


class _Starter:
    """One start of a run."""

    def __init__(self, settings: Settings, project: str, allow_val_change: bool) -> None:
        self.settings = settings
        self.project = project
        self._allow_val_change = allow_val_change

    def chosen(self) -> Callable[[Path], Run]:
        """How this run begins, given the folder of all projects."""
        settings = self.settings
        asked = {
            "resume": settings.resume not in (None, "never"),
            "resume_from": settings.resume_from is not None,
            "fork_from": settings.fork_from is not None,
            "mode='shared'": settings.mode == "shared",
        }
        if len(both := [name for name, is_asked in asked.items() if is_asked]) > 1:
            raise UsageError(f"{' and '.join(both)} do not go together; say one of them")
        if settings.mode == "shared":
            run_id = checked_run_id(shared_id(settings))
            return lambda root: self._shared(run_folder(root, self.project, run_id), run_id)
        if settings.resume_from is not None:
            moment = self._moment("resume_from", settings.resume_from)
            if settings.run_id not in (None, moment.run_id):
                raise UsageError(
                    f"resume_from={settings.resume_from!r} goes on with run {moment.run_id!r}, and "
                    f"id={settings.run_id!r} is another; leave id= out"
                )
            return lambda root: self._rewound(root, moment)
        if settings.fork_from is not None:
            moment = self._moment("fork_from", settings.fork_from)
            if settings.run_id == moment.run_id:
                raise UsageError(
                    f"fork_from={settings.fork_from!r}: a fork is a run of its own, and needs "
                    "another id than its source; to go on with that one, use resume_from"
                )
            return lambda root: self._forked(root, moment)
        if settings.resume == "auto":
            return self._auto
        if settings.resume in ("allow", "must") and settings.run_id is not None:
            run_id = settings.run_id
            return lambda root: self._resumed_or_new(root, run_id)
        if settings.resume == "must":
            raise UsageError("resume='must': say which run, by id= or RLTRACK_RUN_ID")
        return lambda root: self._new(root, settings.run_id or new_run_id())

    def _moment(self, argument: str, text: str) -> Moment:
        match = _MOMENT.fullmatch(text)
        if match is None or match["metric"] != "_step" or int(match["value"]) < 0:
            raise UsageError(
                f"{argument}={text!r} must have the form <run>?<metric>=<numeric_value>, where the "
                "metric is _step, as in 'a1b2c3d4?_step=100'"
            )
        return Moment(checked_run_id(match["run"].rpartition("/")[2]), int(match["value"]))

    # -- beginnings ------------------------------------------------------------------------

    def disabled(self) -> Run:
        """A run that records nothing."""
        run_id = self.settings.run_id or new_run_id()
        return Run(
            self._facts(run_id, f"dummy-{run_id}"),
            self.settings,
            open_writer,
            None,
            allow_val_change=self._allow_val_change,
        )

    def _new(self, root: Path, run_id: str) -> Run:
        folder = self._make(root, run_id)
        try:
            return self._run(self._facts(run_id, self._new_name(folder)), folder)
        except OSError:
            _discard(folder)
            raise

    def _make(self, root: Path, run_id: str) -> RunFolder:
        folder = run_folder(root, self.project, run_id)
        try:
            folder.path.mkdir(parents=True)
        except FileExistsError:
            raise UsageError(
                f"run {run_id!r} of project {self.project!r} is there already, in {folder.path}; "
                "go on with it by resume='allow', or leave id= out for a new one"
            ) from None
        return folder

    def _resumed_or_new(self, root: Path, run_id: str) -> Run:
        folder = run_folder(root, self.project, run_id)
        if folder.run_json.exists():
            return self._resumed(folder)
        if self.settings.resume == "must":
            raise UsageError(self._not_there(root, run_id, "resume='must'"))
        try:
            return self._new(root, run_id)
        except UsageError:  # another process began it a moment ago
            _wait_for(folder.run_json)
            return self._resumed(folder)

    def _auto(self, root: Path) -> Run:
        note = run_folder(root, self.project, "x").path.parent / _AUTO
        run_id = self.settings.run_id
        if run_id is None:
            with contextlib.suppress(OSError, UsageError):
                run_id = checked_run_id(note.read_text(encoding="utf-8").strip())
        run = None
        if run_id is not None and run_folder(root, self.project, run_id).run_json.exists():
            folder = run_folder(root, self.project, run_id)
            try:
                run = self._resumed(folder)
            except UsageError:
                if self.settings.run_id is not None:
                    raise
                run_id = None  # it is going on: this is another training of the same program
        if run is None:
            run = self._new(root, run_id or new_run_id())
        with contextlib.suppress(OSError):  # it is written, but not gone on with
            note.write_text(run.id, encoding="utf-8")
        run.after_end(lambda: _forget_auto(note, run))
        return run

    def _rewound(self, root: Path, moment: Moment) -> Run:
        folder = run_folder(root, self.project, moment.run_id)
        if not folder.run_json.exists():
            raise UsageError(self._not_there(root, moment.run_id, "resume_from"))
        return self._resumed(folder, up_to=moment.step)

    def _resumed(self, folder: RunFolder, *, up_to: int | None = None) -> Run:
        from rltrack._lease import take_lease
        from rltrack._resume import read_past

        try:
            lease = take_lease(folder)
        except OSError as refusal:
            raise self._cannot_be_written(folder, refusal) from refusal
        try:
            folder.take_stop_request()  # meant for the process that was there
            past = read_past(folder, up_to=up_to)
            facts = self._facts_of_past(folder, past)
            run = self._run(facts, folder, past)
        except BaseException as fault:
            lease.give_back()
            if isinstance(fault, OSError):
                raise self._cannot_be_written(folder, fault) from fault
            raise
        run.after_end(lease.give_back)
        run.record(Resumed(time.time_ns(), past.writers, up_to))
        self._tell_changes(run, past)
        return run

    def _forked(self, root: Path, moment: Moment) -> Run:
        from rltrack._resume import copy_journal, read_past

        source = run_folder(root, self.project, moment.run_id)
        if not source.run_json.exists():
            raise UsageError(self._not_there(root, moment.run_id, "fork_from"))
        run_id = self.settings.run_id or new_run_id()
        folder = self._make(root, run_id)
        try:
            copy_journal(source, folder)
            past = read_past(folder, up_to=moment.step)
            facts = self._facts(run_id, self._new_name(folder))
            run = self._run(facts, folder, past)
        except BaseException:
            _discard(folder)
            raise
        lineage = f"{self.project}/{moment.run_id}"
        run.record(Resumed(time.time_ns(), past.writers, moment.step, lineage))
        run.note_metadata({"forked_from": {"run": lineage, "step": moment.step}})
        kept = ("name", "notes", "tags", "group", "job_type", "preempting")
        run.record(RunChanged(time.time_ns(), {name: getattr(facts, name) for name in kept}))
        return run

    def _shared(self, folder: RunFolder, run_id: str) -> Run:
        try:
            folder.path.mkdir(parents=True)
        except FileExistsError:
            _wait_for(folder.run_json)
            facts = folder.read_facts()
            if facts.state != "running":
                raise UsageError(
                    f"mode='shared': run {run_id!r} is {facts.state}; start another by another id"
                ) from None
            return Run(facts, self.settings, open_writer, folder, owner=False)
        return self._run(self._facts(run_id, self._new_name(folder)), folder)

    # -- what they share -------------------------------------------------------------------

    def _run(self, facts: RunFacts, folder: RunFolder, past: Past | None = None) -> Run:
        return Run(
            facts,
            self.settings,
            open_writer,
            folder,
            allow_val_change=self._allow_val_change,
            past=past,
        )

    def _facts(self, run_id: str, name: str) -> RunFacts:
        settings = self.settings
        host, pid, process = this_process()
        return RunFacts(
            id=run_id,
            project=self.project,
            name=settings.name or name,
            created_ns=time.time_ns(),
            host=host,
            pid=pid,
            process=process,
            group=settings.group,
            job_type=settings.job_type,
            notes=settings.notes,
            tags=list(settings.tags or ()),
            sweep=settings.sweep_id,
        )

    def _facts_of_past(self, folder: RunFolder, past: Past) -> RunFacts:
        """The facts that the run had, those that are given now, and this process."""
        before = folder.read_facts()
        names = {field.name for field in dataclasses.fields(RunFacts)}
        changed = {name: value for name, value in past.facts.items() if name in names}
        host, pid, process = this_process()
        return dataclasses.replace(
            before,
            **(changed | self._given()),
            host=host,
            pid=pid,
            process=process,
            state="running",
            ended_ns=None,
            exit_code=None,
            preempting=False,
        )

    def _given(self) -> dict[str, Any]:
        settings = self.settings
        given: dict[str, Any] = {
            name: value
            for name in ("name", "notes", "group", "job_type")
            if (value := getattr(settings, name)) is not None
        }
        if settings.tags is not None:
            given["tags"] = list(settings.tags)
        return given

    def _tell_changes(self, run: Run, past: Past) -> None:
        changes = self._given()
        if past.facts.get("preempting"):
            changes["preempting"] = False
        if changes:
            run.record(RunChanged(time.time_ns(), changes))

    def _new_name(self, folder: RunFolder) -> str:
        return new_run_name(len(os.listdir(folder.path.parent)))

    def _cannot_be_written(self, folder: RunFolder, refusal: OSError) -> StorageError:
        return StorageError(
            f"{folder.path} cannot be written ({refusal.strerror}), so the run cannot be gone on "
            "with; fork_from= makes another of it, in a folder that can"
        )

    def _not_there(self, root: Path, run_id: str, argument: str) -> str:
        return (
            f"{argument}: there is no run {run_id!r} of project {self.project!r} in {root}; "
            "`rltrack ls` lists what is there"
        )


def _forget_auto(note: Path, run: Run) -> None:
    """A run that finished is not gone on with."""
    with contextlib.suppress(OSError):
        if run.state == "finished" and note.read_text(encoding="utf-8").strip() == run.id:
            note.unlink()


def _wait_for(run_json: Path) -> None:
    """Wait until the process that made the run's folder has said what the run is.

    Raises:
        UsageError: it never did.
    """
    end = time.monotonic() + _SHARED_WAIT_S
    while not run_json.exists():
        if time.monotonic() > end:
            raise UsageError(
                f"{run_json.parent} has no {RUN_JSON}: the process that began it died at once; "
                "remove the folder, or choose another id"
            )
        time.sleep(0.01)


def _in_root_or_spare(settings: Settings, record_in: Callable[[Path], Run]) -> Run:
    """The run in the root that was chosen, or in a temporary one if that cannot be written."""
    root = Path(settings.dir or ".").absolute()
    try:
        return record_in(root)
    except StorageError:
        raise  # a run that is there: another folder would not be it
    except JournalError as damage:
        raise UsageError(f"the run cannot be gone on with: {damage}") from damage
    except OSError as refusal:
        import tempfile

        spare = Path(tempfile.gettempdir()) / "rltrack-runs"
        try:
            run = record_in(spare)
        except OSError:
            raise StorageError(
                f"neither {root} ({refusal.strerror}) nor {spare} can be written; choose another "
                "folder with init(dir=…) or RLTRACK_DIR"
            ) from refusal
        if not settings.silent:
            say(f"warning: {root} cannot be written ({refusal.strerror}); recording in {spare}")
        return run


def _discard(folder: RunFolder) -> None:
    """Take the folder of a run away that could not begin."""
    import shutil  # 2 ms, and hardly ever needed

    shutil.rmtree(folder.path, ignore_errors=True)
