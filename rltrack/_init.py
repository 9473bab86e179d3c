"""`init`: what it takes, and which run it returns."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rltrack import _active
from rltrack._active import current, missing
from rltrack._config import as_mapping
from rltrack._ranks import silent_rank
from rltrack._run import Run
from rltrack._terminal import say
from rltrack._trial import trial_of
from rltrack._values import config_value
from rltrack.capture.exit import in_notebook
from rltrack.errors import UsageError
from rltrack.journal.records import Json
from rltrack.settings import Mode, Reinit, Resume, Settings, from_mapping, resolve

if TYPE_CHECKING:
    from rltrack._metrics import Metric

#: The hook of each argument that starts one: a function of the argument's name in this module.
#: Found late and by name, since a hook imports rltrack.
_HOOKS = {
    "sync_tensorboard": "rltrack.hooks.tensorboard",
    "monitor_gym": "rltrack.hooks.gym",
}

#: Merged below every config where it lies in the current folder, as with W&B.
_CONFIG_DEFAULTS = "config-defaults.yaml"

_setup_settings: list[Settings] = []

#: Arguments of `_HOOKS` that every run to come is given.
hooks_of_later_runs: Final[set[str]] = set()


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    config: object = None,
    config_include_keys: Sequence[str] | None = None,
    config_exclude_keys: Sequence[str] | None = None,
    id: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: Sequence[str] | str | None = None,
    notes: str | None = None,
    mode: Mode | Literal["dryrun", "run"] | None = None,
    reinit: Reinit | bool | None = "default",
    resume: Resume | bool | None = None,
    resume_from: str | None = None,
    fork_from: str | None = None,
    allow_val_change: bool | None = None,
    save_code: bool | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    sync_tensorboard: bool | None = None,
    tensorboard: bool | None = None,
    monitor_gym: bool | None = None,
    entity: str | None = None,
    anonymous: str | None = None,
    force: bool | None = None,
    magic: object = None,
) -> Run:
    """Start a run, and make it the one that `rltrack.log` and its kin mean.

    Args:
        project: what the run belongs to; by default the name of the git checkout.
        name: display name; by default two words and a number.
        config: the run's choices: a mapping, a dataclass, an `argparse.Namespace`, absl's FLAGS,
            an OmegaConf, any object with attributes, or the path of a JSON, TOML or YAML file.
        config_include_keys: of `config`, only these.
        config_exclude_keys: of `config`, all but these.
        id: names the run within its project; by default eight random letters.
        dir: folder of all projects; by default ``./rltrack-runs``.
        group: what the run belongs to within the project, for example one experiment.
        job_type: what kind of job it is within its group.
        tags: labels.
        notes: free text.
        mode: ``offline``, ``online``, ``disabled`` or ``shared``; see `Settings`.
        reinit: what to do if a run is going on: return it (``return_previous``, the default in a
            script), finish all first (``finish_previous``, the default in a notebook), or start
            one beside it (``create_new``).
        resume: go on with the run of `id`: ``allow`` if it is there, ``must``, ``never``; or
            ``auto`` (or True) with the last run of this folder and project, if it did not finish.
        resume_from: go on with a run behind a step, as ``"id?_step=100"``; its later rows are
            hidden, and `rltrack history --branches` shows them.
        fork_from: begin a run as a copy of another up to a step, as ``"id?_step=100"``.
        allow_val_change: let config keys take other values; in a notebook they may.
        save_code: keep the code of the program beside the run.
        settings: further choices.
        sync_tensorboard: record what this process writes for TensorBoard as well; see
            `rltrack.hooks.tensorboard`.
        tensorboard: the old name of `sync_tensorboard`.
        monitor_gym: record the videos that the recorders of gymnasium and SB3 write; see
            `rltrack.hooks.gym`.
        entity: the user or team whose project it is on the server; without one it means nothing.
        anonymous: accepted for W&B's scripts, like `force` and `magic`.
        force: see `anonymous`.
        magic: see `anonymous`.

    Raises:
        UsageError: an argument is not what it may be; nothing was started.
        TypeError: `config` is none of what it may be; nothing was started.
        StorageError: no folder can be written, not even a temporary one.
    """
    given = {
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
        "resume": resume or None,
        "resume_from": resume_from,
        "fork_from": fork_from,
        "save_code": save_code,
        "settings": settings,
        "sync_tensorboard": sync_tensorboard or tensorboard or None,
        "monitor_gym": monitor_gym or None,
    }
    chosen = resolve(
        settings,
        base=_setup_settings[-1] if _setup_settings else None,
        mode=mode,
        dir=dir,
        project=project,
        run_id=id,
        name=name,
        group=group,
        job_type=job_type,
        notes=notes,
        tags=tags,
        resume="auto" if resume is True else resume or None,
        resume_from=resume_from,
        fork_from=fork_from,
        save_code=save_code,
        entity=entity,
        allow_val_change=_chosen(allow_val_change),
        sync_tensorboard=_chosen(tensorboard if sync_tensorboard is None else sync_tensorboard),
    )
    values = _config_values(config, chosen, config_include_keys, config_exclude_keys)
    what_then = _checked_reinit(reinit, chosen)
    previous = current()
    trial = trial_of(chosen)
    if trial is not None:
        if previous is not None and previous not in trial.runs:
            previous = None  # of the program that runs the agent, and no trial's
        dropped = trial.dropped(project, id, entity)
        if dropped and not (chosen.silent or chosen.quiet):
            say(f"in a sweep, {' and '.join(dropped)} of init() is the sweep's and is ignored")
        chosen = trial.settings(chosen)
    if what_then == "finish_previous":
        _active.finish_all()
    # A run that records nothing is never returned for one that does, nor the other way.
    elif (
        what_then == "return_previous"
        and previous is not None
        and not previous.disabled
        and chosen.mode != "disabled"
    ):
        if chosen.resume == "must":
            raise UsageError(
                f"resume='must': {previous.name} is going on; finish it first, or say reinit="
            )
        _tell_of_previous(previous, given, chosen)
        return previous

    if why_not := silent_rank(chosen):
        chosen = Settings(mode="disabled").over(chosen)
        if not (chosen.silent or chosen.quiet):
            say(why_not)
    from rltrack._start import start  # who only reads needs none

    notebook = in_notebook()
    run = start(
        chosen,
        current_folder(),
        allow_val_change=bool(chosen.allow_val_change) or notebook,
    )
    if trial is not None:  # first, so that it is never anything else
        run.config.update_locked(trial.config(values))
        values = {key: value for key, value in values.items() if key not in trial.parameters}
        trial.runs.append(run)
        if trial.parent is not None:
            run.note_metadata({"sweep": {"id": trial.sweep_id, "goes_on_from": trial.parent}})
    run.config.update(values, allow_val_change=True if run.resumed else None)
    if not run.disabled:
        from rltrack._capture import start as start_capture  # who only reads needs none

        run.on_finish(start_capture(run, chosen, current_folder()))
        if chosen.server and chosen.mode in ("online", "shared"):
            from rltrack.sync.launch import send

            send(run)
    said = ("host", "username", "program", "notebook_name")
    if facts := {name: value for name in said if (value := getattr(chosen, name))}:
        run.note_metadata(facts)
    _active.add(run, beside=what_then == "create_new")
    later = dict.fromkeys(hooks_of_later_runs, True)
    start_hooks(
        run,
        **{"sync_tensorboard": chosen.sync_tensorboard, "monitor_gym": monitor_gym} | later,
    )
    if not (chosen.silent or chosen.quiet or run.disabled):
        _tell(run, {"entity": entity, "anonymous": anonymous, "force": force, "magic": magic})
    return run


def _chosen(value: object) -> bool | None:
    """A switch as settings take it: scripts pass numbers and the like."""
    return None if value is None else bool(value)


def _tell(run: Run, without_meaning: Mapping[str, object]) -> None:
    if run.resumed:
        say(f"going on with {run.name} at step {run.step} in {run.folder}")
    else:
        say(f"recording {run.name} in {run.folder}")
    if run.settings.server and run.settings.mode != "offline":
        say(f"it is sent to {run.url}")
        without_meaning = {**without_meaning, "entity": None}
    elif run.settings.mode == "online":
        say(
            "no server is configured, so mode='online' records here and sends nothing; "
            "`rltrack login URL` configures one"
        )
    if given := [argument for argument, value in without_meaning.items() if value is not None]:
        say(f"without a server, {', '.join(given)} has no meaning and is ignored")


def _tell_of_previous(previous: Run, given: Mapping[str, object], chosen: Settings) -> None:
    dropped = [argument for argument, value in given.items() if value is not None]
    if not chosen.silent:
        ignored = f"; ignored: {', '.join(dropped)}" if dropped else ""
        say(f"{previous.name} is going on and is returned{ignored}")


def _checked_reinit(reinit: Reinit | bool | None, chosen: Settings) -> Reinit:
    modes = ("default", "return_previous", "finish_previous", "create_new", True, False, None)
    if reinit not in modes:
        raise UsageError(f"reinit={reinit!r}: there are {', '.join(map(repr, modes[:-1]))}")
    if isinstance(reinit, bool):
        meant: Reinit = "finish_previous" if reinit else "return_previous"
        if not (chosen.silent or chosen.quiet):
            say(f"reinit={reinit} is an old word for reinit={meant!r}")
        return meant
    if reinit in ("default", None):
        reinit = chosen.reinit
    if reinit in ("default", None):
        return "finish_previous" if in_notebook() else "return_previous"
    return reinit or "return_previous"


def start_hooks(run: Run, **asked: object) -> None:
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


def _config_values(
    config: object,
    chosen: Settings,
    include: Sequence[str] | None,
    exclude: Sequence[str] | None,
) -> dict[str, Json]:
    """`init`'s config as it is recorded; looked through before anything is started."""
    if include is not None and exclude is not None:
        raise UsageError("config_include_keys and config_exclude_keys do not go together")
    values: dict[str, Any] = {}
    for path in (*_default_config_files(), *(chosen.config_paths or ())):
        values |= _read(path)
    if isinstance(config, (str, os.PathLike)):
        values |= _read(config)
    elif config is not None:
        values |= as_mapping(config)
    if include is not None:
        values = {key: value for key, value in values.items() if key in include}
    if exclude is not None:
        values = {key: value for key, value in values.items() if key not in exclude}
    return {key: config_value(value) for key, value in values.items()}


def _default_config_files() -> list[str]:
    return [_CONFIG_DEFAULTS] if os.path.exists(_CONFIG_DEFAULTS) else []


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    from rltrack._config_file import read_config

    return as_mapping(read_config(path))


def current_folder() -> Path:
    """Where the process is; the root if somebody removed that."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.sep)


# -- what else W&B's scripts call ----------------------------------------------------------------


def setup(settings: Settings | Mapping[str, Any] | None = None) -> Settings:
    """Choose settings for all runs that are started later; what `init` is told counts more.

    Raises:
        UsageError: a name or a value that is no setting.
    """
    if settings is None:
        chosen = Settings()
    elif isinstance(settings, Settings):
        chosen = settings
    else:
        chosen = from_mapping(settings, "setup(settings=…)")
    _setup_settings[:] = [chosen]
    return chosen


def teardown(exit_code: int | None = None) -> None:
    """Finish all runs, and forget what `setup` was told."""
    _active.finish_all(exit_code)
    _setup_settings.clear()


def login(*args: object, **kwargs: object) -> bool:
    """Accepted for W&B's scripts: there is nothing to log in to."""
    return True


def define_metric(
    name: str,
    step_metric: str | Metric | None = None,
    step_sync: bool | None = None,
    hidden: bool | None = None,
    summary: str | Sequence[str] | None = None,
    goal: str | None = None,
    overwrite: bool | None = None,
) -> Metric:
    """`Run.define_metric` of the run that is going on."""
    run = current() or missing("define_metric()")
    return run.define_metric(name, step_metric, step_sync, hidden, summary, goal, overwrite)
