"""Settings: what may be chosen about a run, and where the choice comes from.

From high to low: arguments of `init`; `init(settings=)`; `setup(settings=)`; ``RLTRACK_<NAME>`` in
the environment;
``WANDB_<NAME>`` for the names that W&B's users set; the folder's settings file, ``rltrack.toml``
in the current folder or one above it, up to that of the git checkout; the user's settings file
(``$RLTRACK_CONFIG_DIR/settings.toml``, by default in ``~/.config/rltrack``); the defaults here.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from rltrack.errors import UsageError

Mode = Literal["offline", "online", "disabled", "shared"]
Resume = Literal["allow", "must", "never", "auto"]
Reinit = Literal["default", "return_previous", "finish_previous", "create_new"]
Console = Literal["auto", "wrap", "redirect", "off"]
MediaOverflow = Literal["block", "drop"]

#: W&B's other words for a mode.
_MODE_ALIASES: Final = {"dryrun": "offline", "run": "online"}
#: W&B's other ways of wrapping, which are one here.
_CONSOLE_ALIASES: Final = {"wrap_raw": "wrap", "wrap_emu": "wrap"}
#: W&B's names of settings that have another here.
_WANDBS_NAMES: Final = {
    "run_name": "name",
    "run_group": "group",
    "run_job_type": "job_type",
    "run_notes": "notes",
    "run_tags": "tags",
    "root_dir": "dir",
    "finish_timeout": "finish_timeout_s",
    "x_stats_sampling_interval": "stats_interval_s",
    "x_stats_gpu_device_ids": "stats_gpu_ids",
    "x_stats_disk_paths": "stats_disk_paths",
    "x_disable_stats": "disable_stats",
    "_disable_stats": "disable_stats",
    "x_save_requirements": "save_requirements",
}
#: Those without a meaning here, apart from private ones (``_name``, ``x_name``).
_WANDBS_ONLY: Final = frozenset(
    [
        "allow_media_symlink",
        "allow_offline_artifacts",
        "anonymous",
        "app_url_override",
        "azure_account_url_to_access_key",
        "base_url",
        "console_chunk_max_bytes",
        "console_chunk_max_seconds",
        "console_multipart",
        "credentials_file",
        "disable_git_fork_point",
        "disable_job_creation",
        "docker",
        "email",
        "finish_timeout_raises",
        "force",
        "git_commit",
        "git_remote",
        "git_remote_url",
        "git_root",
        "heartbeat_seconds",
        "http_proxy",
        "https_proxy",
        "identity_token_file",
        "ignore_globs",
        "init_timeout",
        "insecure_disable_ssl",
        "job_name",
        "job_source",
        "label_disable",
        "launch",
        "launch_config_path",
        "login_timeout",
        "max_end_of_run_history_metrics",
        "max_end_of_run_summary_metrics",
        "organization",
        "problem",
        "program_abspath",
        "program_relpath",
        "relogin",
        "resumed",
        "sagemaker_disable",
        "settings_system",
        "show_colors",
        "show_emoji",
        "show_errors",
        "show_info",
        "show_warnings",
        "start_method",
        "stop_fn",
        "stop_on_fatal_error",
        "summary_timeout",
        "summary_warnings",
        "symlink",
        "table_raise_on_max_row_limit_exceeded",
        "use_dot_wandb",
    ]
)
#: A folder's settings file.
FOLDER_FILE: Final = "rltrack.toml"

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


def _setting(default: Any, doc: str, *, wandb: str | None = None, secret: bool = False) -> Any:
    metadata = {"doc": doc, "wandb": wandb, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Choices for `rltrack.init(settings=…)`; what is None was not chosen here.

    Raises:
        UsageError: a value is of the wrong type, or not one of those that are possible.
    """

    mode: Mode | None = _setting(
        None,
        "`offline` records into a local folder; `online` does too, and a server gets a copy where "
        "one is configured; `disabled` records nothing and accepts every call; `shared` lets many "
        "processes record one run, whose id they all know",
        wandb="WANDB_MODE",
    )
    dir: str | None = _setting(
        None, "folder that holds all projects (default `./rltrack-runs`)", wandb="WANDB_DIR"
    )
    project: str | None = _setting(
        None,
        "project of runs that name none (default: the folder of the git checkout)",
        wandb="WANDB_PROJECT",
    )
    run_id: str | None = _setting(None, "id of the run that is started next", wandb="WANDB_RUN_ID")
    sweep_id: str | None = _setting(
        None, "sweep that the run is a trial of; an agent sets it", wandb="WANDB_SWEEP_ID"
    )
    sweep_param_path: str | None = _setting(
        None,
        "file of the parameters that a sweep chose for the run; an agent sets it",
        wandb="WANDB_SWEEP_PARAM_PATH",
    )
    name: str | None = _setting(None, "display name of the run", wandb="WANDB_NAME")
    group: str | None = _setting(None, "group of the run", wandb="WANDB_RUN_GROUP")
    job_type: str | None = _setting(None, "job type of the run", wandb="WANDB_JOB_TYPE")
    notes: str | None = _setting(None, "notes on the run", wandb="WANDB_NOTES")
    tags: tuple[str, ...] | None = _setting(
        None, "tags of the run; in the environment a list with commas", wandb="WANDB_TAGS"
    )
    entity: str | None = _setting(
        None, "whose run it is; without a server it has no meaning", wandb="WANDB_ENTITY"
    )
    resume: Resume | None = _setting(
        None,
        "go on with the run whose id is given: `allow` if it is there, `must`, `never`; `auto` goes "
        "on with the last run of this folder and project if that did not finish",
        wandb="WANDB_RESUME",
    )
    reinit: Reinit | None = _setting(
        None,
        "what `init` does while a run goes on: `return_previous` (the default in a script), "
        "`finish_previous` (in a notebook), or `create_new`",
        wandb="WANDB_REINIT",
    )
    resume_from: str | None = _setting(
        None,
        "go on with a run behind a step, as `id?_step=100`; its later rows are hidden",
        wandb="WANDB_RESUME_FROM",
    )
    fork_from: str | None = _setting(
        None,
        "begin a run as a copy of another up to a step, as `id?_step=100`",
        wandb="WANDB_FORK_FROM",
    )
    config_paths: tuple[str, ...] | None = _setting(
        None,
        "files of config that are merged below `init(config=)`; in the environment a list with "
        "commas",
        wandb="WANDB_CONFIG_PATHS",
    )
    allow_val_change: bool | None = _setting(
        None,
        "let keys of the config take other values (default false; in a notebook true)",
        wandb="WANDB_ALLOW_VAL_CHANGE",
    )
    sync_tensorboard: bool | None = _setting(
        None,
        "record what the program writes for TensorBoard as well (default false)",
        wandb="WANDB_SYNC_TENSORBOARD",
    )
    save_code: bool | None = _setting(
        None, "keep the code of the program beside the run (default false)", wandb="WANDB_SAVE_CODE"
    )
    disable_code: bool | None = _setting(
        None,
        "never keep code, whatever `save_code` says (default false)",
        wandb="WANDB_DISABLE_CODE",
    )
    disable_git: bool | None = _setting(
        None, "do not ask git for the commit (default false)", wandb="WANDB_DISABLE_GIT"
    )
    code_dir: str | None = _setting(
        None,
        "with `save_code`, the folder whose code is kept; by default the program alone",
        wandb="WANDB_CODE_DIR",
    )
    artifact_dir: str | None = _setting(
        None,
        "the folder below which artifacts are downloaded (default `./artifacts`)",
        wandb="WANDB_ARTIFACT_DIR",
    )
    save_requirements: bool | None = _setting(
        None,
        "keep the list of installed packages beside the run (default true)",
        wandb="WANDB_X_SAVE_REQUIREMENTS",
    )
    console: Console | None = _setting(
        None,
        "keep what the program prints: `wrap` what Python prints, `redirect` what sub-processes and "
        "C libraries print, too, `off` nothing; `auto`, the default, wraps",
        wandb="WANDB_CONSOLE",
    )
    capture_loggers: tuple[str, ...] | None = _setting(
        None,
        "loggers of Python whose records are kept among what the program prints, as `NAME=LEVEL`, or "
        "a dictionary; `root=INFO` is all",
    )
    disable_stats: bool | None = _setting(
        None, "take no samples of the machine (default false)", wandb="WANDB_X_DISABLE_STATS"
    )
    stats_interval_s: float | None = _setting(
        None,
        "seconds from one sample of the machine to the next (default 10)",
        wandb="WANDB_X_STATS_SAMPLING_INTERVAL",
    )
    stats_gpu_ids: tuple[str, ...] | None = _setting(
        None,
        "numbers of the GPUs that are sampled (default: those that the program may use)",
        wandb="WANDB_X_STATS_GPU_DEVICE_IDS",
    )
    stats_disk_paths: tuple[str, ...] | None = _setting(
        None,
        "folders whose disks are sampled (default: that of the run)",
        wandb="WANDB_X_STATS_DISK_PATHS",
    )
    alert_webhook: str | None = _setting(
        None, "address to which `alert` posts JSON; best kept in the environment", secret=True
    )
    alert_slack: str | None = _setting(
        None,
        "address of a Slack webhook to which `alert` posts; best kept in the environment",
        secret=True,
    )
    alert_email: tuple[str, ...] | None = _setting(None, "who gets the alerts by e-mail")
    alert_smtp: str | None = _setting(
        None,
        "the mail server, as `smtp://user:password@host:587` (`smtps://` for TLS from the start; "
        "default `smtp://localhost`); best kept in the environment",
        secret=True,
    )
    host: str | None = _setting(
        None, "what the machine is called in the run's environment", wandb="WANDB_HOST"
    )
    username: str | None = _setting(
        None, "who is named as its user in the run's environment", wandb="WANDB_USERNAME"
    )
    program: str | None = _setting(
        None, "what the program is called in the run's environment", wandb="WANDB_PROGRAM"
    )
    notebook_name: str | None = _setting(
        None, "the notebook that is named in the run's environment", wandb="WANDB_NOTEBOOK_NAME"
    )
    all_ranks: bool | None = _setting(
        None, "record a run in each process of a torchrun, not in rank 0 alone (default false)"
    )
    silent: bool | None = _setting(
        None, "print nothing, not even warnings (default false)", wandb="WANDB_SILENT"
    )
    quiet: bool | None = _setting(None, "print warnings only (default false)", wandb="WANDB_QUIET")
    strict: bool | None = _setting(
        None,
        "raise where a row would otherwise be kept with a warning: a step that goes backwards, a "
        "value that cannot be stored, a disk that is full (default false)",
    )
    provenance: bool | None = _setting(
        None, "record command line, host, packages and git commit (default true)"
    )
    buffer_bytes: int | None = _setting(
        None, "memory for rows while the disk refuses them (default 64 MiB)"
    )
    media_queue_bytes: int | None = _setting(
        None, "memory for media that wait to be encoded (default 1 GiB)"
    )
    media_overflow: MediaOverflow | None = _setting(
        None,
        "what `log` does with media beyond it: `block` waits, `drop` leaves them out and counts "
        "them (default `block`)",
    )
    sync_interval_s: float | None = _setting(
        None, "how often the journal is made safe from power loss (default 5)"
    )
    finish_timeout_s: float | None = _setting(
        None, "how long `finish` waits for files that are being written (default 120)"
    )

    server: str | None = _setting(
        None,
        "address of the server that gets a copy of what is recorded online, as "
        "`https://rltrack.example.org`; `rltrack login` sets it",
    )
    api_key: str | None = _setting(
        None,
        "key by which the server knows who sends; `rltrack login` keeps it in a file that only you "
        "can read, so this is for machines without one",
        secret=True,
    )
    finish_wait_s: float | None = _setting(
        None, "how long `finish` waits until the server has everything (default 30)"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _checked(field.name, str(field.type), value))

    def over(self, other: Settings) -> Settings:
        """These settings, and those of `other` where nothing was chosen here."""
        chosen = {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        return dataclasses.replace(other, **chosen)


def _accept_wandbs_names() -> None:
    """``Settings(start_method="fork")`` is in many scripts: accept it, as a dict with it is."""
    make = Settings.__init__

    def __init__(self: Settings, **values: Any) -> None:
        make(self, **_in_our_words(values))

    Settings.__init__ = functools.wraps(make)(__init__)  # type: ignore[method-assign]


_accept_wandbs_names()


def resolve(
    given: Settings | Mapping[str, Any] | None = None,
    *,
    base: Settings | None = None,
    environ: Mapping[str, str] = os.environ,
    **arguments: Any,
) -> Settings:
    """All sources in their order, as one.

    Args:
        given: `init(settings=…)`.
        base: what `setup` was told.
        environ: the environment.
        **arguments: of `init`.

    Raises:
        UsageError: a source holds a name or a value that is no setting; it names the source.
    """
    if given is None:
        given = Settings()
    elif not isinstance(given, (Settings, Mapping)):
        raise UsageError(f"settings={given!r} must be rltrack.Settings or a dict")
    elif not isinstance(given, Settings):
        given = from_mapping(given, "init(settings=…)")
    chosen = Settings(**arguments).over(given).over(base or Settings())
    chosen = chosen.over(from_environment(environ)).over(from_folder()).over(from_file(environ))
    if chosen.server:  # who has one wants it to get the runs
        chosen = chosen.over(Settings(mode="online"))
    chosen = chosen.over(DEFAULTS)
    return dataclasses.replace(chosen, save_code=False) if chosen.disable_code else chosen


def from_mapping(values: Mapping[str, Any], source: str) -> Settings:
    """Settings by name.

    Raises:
        UsageError: a name or a value that is no setting; `source` is named in it.
    """
    values = _in_our_words(values)
    known = {field.name for field in dataclasses.fields(Settings)}
    if unknown := sorted(set(values) - known):
        raise UsageError(
            f"{source}: no setting {unknown[0]!r}; there are {', '.join(sorted(known))}"
        )
    try:
        return Settings(**values)
    except UsageError as mistake:
        raise UsageError(f"{source}: {mistake}") from None


def _in_our_words(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of W&B's scripts by our names, without those that mean nothing here."""
    known = {field.name for field in dataclasses.fields(Settings)}
    ours: dict[str, Any] = {}
    for name, value in values.items():
        if name in known:
            ours[name] = value
        elif name in _WANDBS_NAMES:
            ours.setdefault(_WANDBS_NAMES[name], value)
        elif name not in _WANDBS_ONLY and not name.startswith(("_", "x_")):
            ours[name] = value  # which is told as unknown
    return ours


def from_environment(environ: Mapping[str, str]) -> Settings:
    """``RLTRACK_<NAME>`` and, below it, W&B's names for the same."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Settings):
        for variable in (f"RLTRACK_{field.name.upper()}", field.metadata["wandb"]):
            text = environ.get(variable or "")
            if text:
                values[field.name] = parsed(variable, str(field.type), text)
                break
    if "mode" not in values and environ.get("WANDB_DISABLED", "").lower() in _TRUE:
        values["mode"] = "disabled"  # an old word, which other libraries still set
    return from_mapping(values, "environment")


def from_file(environ: Mapping[str, str]) -> Settings:
    """The user's settings file, if there is one."""
    return _read(user_file(environ))


def user_file(environ: Mapping[str, str]) -> Path:
    """Where the user's settings file is, or would be."""
    # Where nobody has a home (a container with a user of its own), "~" stays and is not found.
    folder = environ.get("RLTRACK_CONFIG_DIR") or os.path.expanduser("~/.config/rltrack")
    return Path(folder) / "settings.toml"


def from_folder() -> Settings:
    """The settings file of the current folder, or of one above it, if there is one."""
    return Settings() if (path := folder_file()) is None else _read(path)


def folder_file() -> Path | None:
    """Where the settings file of the folder is; paths in it begin at the folder that it is in."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # somebody removed it
        return None
    while True:
        path = os.path.join(folder, FOLDER_FILE)
        if os.path.isfile(path):
            return Path(path)
        above = os.path.dirname(folder)
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            return None
        folder = above


def _read(path: Path) -> Settings:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return Settings()
    except UnicodeDecodeError as mistake:
        raise UsageError(f"{path} is not TOML: {mistake}") from None
    import tomllib

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as mistake:
        raise UsageError(f"{path} is not TOML: {mistake}") from None
    for name in ("dir", "code_dir"):
        if path.name == FOLDER_FILE and isinstance(values.get(name), str):
            values[name] = os.path.join(path.parent, os.path.expanduser(values[name]))
    return from_mapping(values, str(path))


def parsed(variable: str, kind: str, text: str, source: str = "environment") -> Any:
    """The value of a text, by the type of the setting.

    Args:
        variable: what the text was given for.
        kind: the type.
        text: it.
        source: where it was given.

    Raises:
        UsageError: it is no value of that type.
    """
    try:
        if kind.startswith("bool"):
            if text.lower() not in _TRUE | _FALSE:
                raise ValueError(text)
            return text.lower() in _TRUE
        if kind.startswith("int"):
            return int(text)
        if kind.startswith("float"):
            return float(text)
        if kind.startswith("tuple"):
            return tuple(tag.strip() for tag in text.split(",") if tag.strip())
    except ValueError:
        name = kind.partition(" ")[0]
        raise UsageError(f"{source}: {variable}={text!r} is no {name}") from None
    return text


def _checked(name: str, kind: str, value: Any) -> Any:
    """`value` as the setting takes it."""
    if name == "mode":
        value = _MODE_ALIASES.get(value, value) if isinstance(value, str) else value
        if value not in get_args(Mode):
            raise UsageError(f"mode={value!r}: there are {', '.join(get_args(Mode))}")
    elif name == "resume":
        if value not in get_args(Resume):
            raise UsageError(f"resume={value!r}: there are {', '.join(get_args(Resume))}")
    elif name == "reinit":
        if isinstance(value, bool):  # W&B's old words
            value = "finish_previous" if value else "return_previous"
        if value not in get_args(Reinit):
            raise UsageError(f"reinit={value!r}: there are {', '.join(get_args(Reinit))}")
    elif name == "console":
        value = _CONSOLE_ALIASES.get(value, value) if isinstance(value, str) else value
        if value not in get_args(Console):
            raise UsageError(f"console={value!r}: there are {', '.join(get_args(Console))}")
    elif name == "media_overflow":
        if value not in get_args(MediaOverflow):
            raise UsageError(f"{name}={value!r}: there are {', '.join(get_args(MediaOverflow))}")
    elif name == "tags":
        value = checked_tags(value)
    elif kind.startswith("tuple"):
        value = _texts(name, value)
    elif name == "server":
        value = checked_server(value)
    elif name in ("dir", "code_dir"):
        if not isinstance(value, (str, os.PathLike)):
            raise UsageError(f"{name}={value!r} must be text or a path, not {type(value).__name__}")
        value = os.fsdecode(value)
    elif kind.startswith("bool") and not isinstance(value, bool):
        raise UsageError(f"{name}={value!r} must be true or false")
    elif kind.startswith(("int", "float")):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise UsageError(f"{name}={value!r} must be a number above 0")
    elif kind.startswith("str") and not isinstance(value, str):
        raise UsageError(f"{name}={value!r} must be text, not {type(value).__name__}")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    """Paths, addresses or numbers as a tuple of texts; one alone is a tuple of one."""
    if name == "capture_loggers" and isinstance(value, Mapping):
        value = tuple(f"{logger}={level}" for logger, level in value.items())
    values = value if isinstance(value, (list, tuple)) else (value,)
    if name.endswith("_ids"):
        values = [str(one) if type(one) is int else one for one in values]
    if not all(isinstance(one, (str, os.PathLike)) for one in values):
        wanted = "paths" if name.endswith("_paths") else "texts"
        raise UsageError(f"{name}={value!r} must be a list of {wanted}")
    return tuple(os.fspath(one) for one in values)


def checked_server(value: object) -> str:
    """The address of a server, without what stands behind its path.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise UsageError(f"server={value!r} must be an address such as https://rltrack.example.org")
    return value.rstrip("/")


def checked_tags(tags: object) -> tuple[str, ...]:
    """Tags as a tuple; one text is one tag.

    Raises:
        UsageError: a tag is no text of 1 to 64 characters.
    """
    if isinstance(tags, str):
        tags = (tags,)
    if not isinstance(tags, (list, tuple, set, frozenset)):
        raise UsageError(f"tags={tags!r} must be a list of texts")
    for tag in tags:
        if not isinstance(tag, str) or not 1 <= len(tag) <= 64:
            raise UsageError(f"tag {tag!r} must be a text of 1 to 64 characters")
    # Each once, in the order given; a set has none, so it is sorted.
    ordered = sorted(tags) if isinstance(tags, (set, frozenset)) else tags
    return tuple(dict.fromkeys(ordered))


DEFAULTS: Final = Settings(
    mode="offline",
    dir="rltrack-runs",
    silent=False,
    quiet=False,
    strict=False,
    save_code=False,
    disable_code=False,
    disable_git=False,
    all_ranks=False,
    artifact_dir="artifacts",
    save_requirements=True,
    console="auto",
    disable_stats=False,
    stats_interval_s=10.0,
    provenance=True,
    buffer_bytes=64 << 20,
    media_queue_bytes=1 << 30,
    media_overflow="block",
    sync_interval_s=5.0,
    finish_timeout_s=120.0,
    finish_wait_s=30.0,
)


def table() -> str:
    """All settings as a Markdown table, for the README."""
    lines = ["| setting | environment | W&B's | meaning |", "| --- | --- | --- | --- |"]
    for field in dataclasses.fields(Settings):
        theirs = f"`{field.metadata['wandb']}`" if field.metadata["wandb"] else ""
        ours = f"`RLTRACK_{field.name.upper()}`"
        lines.append(f"| `{field.name}` | {ours} | {theirs} | {field.metadata['doc']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
