"""`init`, and the module-level functions that act on the run that it started."""

from __future__ import annotations

import atexit
import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from rltrack._config import as_mapping
from rltrack._logged import plain_names
from rltrack._names import (
    checked_project,
    checked_run_id,
    default_project,
    new_run_id,
    new_run_name,
)
from rltrack._run import Run
from rltrack._terminal import say
from rltrack._values import config_value
from rltrack.capture.exit import ExitWatch
from rltrack.capture.signals import TerminationWatch
from rltrack.capture.threads import ThreadWatch
from rltrack.errors import NotInitializedError, StorageError, UsageError
from rltrack.folder import RunFacts, run_folder
from rltrack.journal.null import Journal, NullJournal
from rltrack.journal.process import this_process
from rltrack.journal.records import Json
from rltrack.settings import Mode, Settings, resolve

#: The hook of each argument that starts one: a function of the argument's name in this module.
#: Found late and by name, since a hook imports rltrack.
_HOOKS = {"sync_tensorboard": "rltrack.hooks.tensorboard"}

Reinit = Literal["default", "return_previous", "finish_previous", "create_new"]

#: Runs that are going on, oldest first. The last that did not ask to be apart is `rltrack.run`.
_live: list[Run] = []
_current: list[Run] = []


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    config: object = None,
    id: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: Sequence[str] | str | None = None,
    notes: str | None = None,
    mode: Mode | Literal["dryrun", "run"] | None = None,
    reinit: Reinit | bool = "default",
    allow_val_change: bool = False,
    settings: Settings | Mapping[str, Any] | None = None,
    sync_tensorboard: bool | None = None,
    entity: str | None = None,
    anonymous: str | None = None,
    force: bool | None = None,
    magic: object = None,
) -> Run:
    """Start a run, and make it the one that `rltrack.log` and its kin mean.

    Args:
        project: what the run belongs to; by default the name of the git checkout.
        name: display name; by default two words and a number.
        config: the run's choices: a mapping, a dataclass, an `argparse.Namespace`, any object
            with attributes, or the path of a JSON, TOML or YAML file.
        id: names the run within its project; by default eight random letters.
        dir: folder of all projects; by default ``./rltrack-runs``.
        group: what the run belongs to within the project, for example one experiment.
        job_type: what kind of job it is within its group.
        tags: labels.
        notes: free text.
        mode: ``offline``, ``online`` or ``disabled``; see `Settings`.
        reinit: what to do if a run is going on: return it (``return_previous``, the default),
            finish it first (``finish_previous``), or start one beside it (``create_new``).
        allow_val_change: let config keys take other values.
        settings: further choices.
        sync_tensorboard: record what this process writes for TensorBoard as well; see
            `rltrack.hooks.tensorboard`.
        entity: accepted for W&B's scripts, like `anonymous`, `force` and `magic`.
        anonymous: see `entity`.
        force: see `entity`.
        magic: see `entity`.

    Raises:
        UsageError: an argument is not what it may be; nothing was started.
        TypeError: `config` is none of what it may be; nothing was started.
        StorageError: no folder can be written, not even a temporary one.
    """
    chosen = resolve(
        settings,
        mode=mode,
        dir=dir,
        project=project,
        run_id=id,
        name=name,
        group=group,
        job_type=job_type,
        notes=notes,
        tags=tags,
    )
    given = _config_values(config)
    previous = _previous(reinit)
    if previous is not None and reinit != "create_new":
        if reinit in ("finish_previous", True):
            previous.finish()
        # A run that records nothing is never returned for one that does, nor the other way.
        elif not previous.disabled and chosen.mode != "disabled":
            asked = {
                "project": project,
                "name": name,
                "config": config,
                "id": id,
                "dir": dir,
                "group": group,
                "job_type": job_type,
                "tags": tags,
                "notes": notes,
                "mode": mode,
                "settings": settings,
                "sync_tensorboard": sync_tensorboard or None,
            }
            dropped = [argument for argument, value in asked.items() if value is not None]
            if not chosen.silent:
                ignored = f"; ignored: {', '.join(dropped)}" if dropped else ""
                say(f"{previous.name} is going on and is returned{ignored}")
            return previous

    run = _start(chosen, allow_val_change=allow_val_change)
    run.config.update(given)
    if chosen.provenance and not run.disabled:
        from rltrack.capture.provenance import Provenance

        run.on_finish(Provenance(run.note_metadata, _current_folder()).close)
    _live.append(run)
    if reinit != "create_new" or not _current:
        _current.append(run)
    _watch_exit()
    _start_hooks(run, sync_tensorboard=sync_tensorboard)
    if not (chosen.silent or chosen.quiet or run.disabled):
        say(f"recording {run.name} in {run.folder}")
        if chosen.mode == "online":
            say("no server is configured, so mode='online' records here and sends nothing")
        given_up = {"entity": entity, "anonymous": anonymous, "force": force, "magic": magic}
        if without_meaning := [
            argument for argument, value in given_up.items() if value is not None
        ]:
            say(f"without a server, {', '.join(without_meaning)} has no meaning and is ignored")
    return run


def _start_hooks(run: Run, **asked: object) -> None:
    """Start the hooks that were asked for. One that cannot start is told, and the run goes on."""
    for argument, wanted in asked.items():
        if wanted and not run.disabled:
            try:
                hook = getattr(importlib.import_module(_HOOKS[argument]), argument)
                hook(run=run)
            except Exception as fault:  # a library's import may raise anything
                if run.settings.strict:
                    raise
                run.warn(argument, f"{argument} is off: {type(fault).__name__}: {fault}")


def _config_values(config: object) -> dict[str, Json]:
    """`init`'s config as it is recorded; looked through before anything is started."""
    if config is None:
        return {}
    if isinstance(config, (str, os.PathLike)):
        from rltrack._config_file import read_config

        config = read_config(config)
    return {key: config_value(value) for key, value in as_mapping(config).items()}


def _current_folder() -> Path:
    """Where the process is; the root if somebody removed that."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.sep)


def _previous(reinit: Reinit | bool) -> Run | None:
    modes = ("default", "return_previous", "finish_previous", "create_new", True, False)
    if reinit not in modes:
        raise UsageError(f"reinit={reinit!r}: there are {', '.join(map(repr, modes))}")
    _forget_finished()
    return _current[-1] if _current else None


def _forget_finished() -> None:
    _live[:] = [run for run in _live if run.state == "running"]
    _current[:] = [run for run in _current if run in _live]
    if not _live:
        _leave_exit()


def _start(settings: Settings, *, allow_val_change: bool) -> Run:
    run_id = checked_run_id(settings.run_id) if settings.run_id is not None else new_run_id()
    if settings.project is not None:
        project = checked_project(settings.project)
    else:
        project = default_project(_current_folder())
    host, pid, process = this_process()
    created_ns = time.time_ns()

    def facts(name: str) -> RunFacts:
        return RunFacts(
            id=run_id,
            project=project,
            name=settings.name or name,
            created_ns=created_ns,
            host=host,
            pid=pid,
            process=process,
            group=settings.group,
            job_type=settings.job_type,
            notes=settings.notes,
            tags=list(settings.tags or ()),
        )

    if settings.mode == "disabled":
        null = NullJournal()
        return Run(facts(f"dummy-{run_id}"), settings, lambda run: null, None)

    def record_in(root: Path) -> Run:
        folder = run_folder(root.absolute(), project, run_id)
        try:
            folder.path.mkdir(parents=True)
        except FileExistsError:
            raise UsageError(
                f"run {run_id!r} of project {project!r} is there already, in {folder.path}; "
                "leave id= out for a new one"
            ) from None

        def open_journal(run: Run) -> Journal:
            from rltrack.journal.writer import JournalWriter  # who only reads needs none

            return JournalWriter(
                folder.journal,
                on_trouble=run.on_trouble,
                admit=plain_names,
                buffer_bytes=settings.buffer_bytes or 0,
            )

        name = new_run_name(len(os.listdir(folder.path.parent)))
        try:
            return Run(
                facts(name), settings, open_journal, folder, allow_val_change=allow_val_change
            )
        except OSError:
            _remove(folder.path)
            raise

    return _in_root_or_spare(settings, record_in)


def _in_root_or_spare(settings: Settings, record_in: Callable[[Path], Run]) -> Run:
    """The run in the root that was chosen, or in a temporary one if that cannot be written."""
    root = Path(settings.dir or ".")
    try:
        return record_in(root)
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


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


# -- the module's own run ----------------------------------------------------------------------


def current() -> Run | None:
    """The run that module-level functions mean; None before `init` and after `finish`."""
    if _current and _current[-1].state != "running":
        _forget_finished()
    return _current[-1] if _current else None


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """`Run.log` of the run that is going on."""
    (current() or _missing("log()")).log(data, step, commit)


def define_metric(name: str, step_metric: str | None = None) -> None:
    """`Run.define_metric` of the run that is going on."""
    (current() or _missing("define_metric()")).define_metric(name, step_metric)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """`Run.finish` of the run that is going on; without one, nothing."""
    if run := current():
        run.finish(exit_code, quiet)


def attribute(name: str) -> Any:
    """`rltrack.run`, `.config` and `.summary`."""
    run = current()
    if name == "run":
        return run
    return getattr(run or _missing(name), name)


def _missing(what: str) -> NoReturn:
    raise NotInitializedError(f"You must call rltrack.init() before rltrack.{what}")


# -- the end of the process --------------------------------------------------------------------


def _tell_of_thread(fault: BaseException) -> None:
    import traceback

    told = "".join(traceback.format_exception(fault))
    for run in _live:
        run.note("error", f"an exception ended a thread:\n{told}")


def _end_by_termination() -> bool:
    ended = [run.end_by_termination() for run in reversed(_live)]
    return all(ended)


_exit_watch = ExitWatch()
_thread_watch = ThreadWatch(_tell_of_thread)
_termination_watch = TerminationWatch(_end_by_termination)
_registered: list[bool] = []


def _watch_exit() -> None:
    if not _registered:
        _registered.append(True)
        atexit.register(_finish_all)
    _exit_watch.start()
    _thread_watch.start()
    _termination_watch.start()


def _leave_exit() -> None:
    _exit_watch.stop()
    _thread_watch.stop()
    _termination_watch.stop()


def _finish_all() -> None:
    error = _exit_watch.error()
    for run in reversed(_live):
        if run.state == "running":
            run.end_with(error)
    _leave_exit()
