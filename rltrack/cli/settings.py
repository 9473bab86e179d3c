"""`rltrack init` and `rltrack settings`: what is chosen, where, and how to choose it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rltrack._names import default_project
from rltrack.cli.output import print_json, print_table
from rltrack.cli.parser import Commands
from rltrack.errors import StorageError, UsageError
from rltrack.settings import (
    DEFAULTS,
    FOLDER_FILE,
    Settings,
    folder_file,
    from_environment,
    from_file,
    from_folder,
    from_mapping,
    parsed,
    user_file,
)

_HEAD: Final = (
    "# Settings of rltrack in this folder and below; `rltrack settings` lists them all.\n"
)


def add_to(commands: Commands) -> None:
    """Add `init` and `settings`."""
    init = commands.add("init", _init, "choose settings for this folder and those below it")
    init.add_argument("--project", help="project of runs that name none")
    init.add_argument("--mode", help="offline, online, disabled or shared")
    init.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any setting, as `rltrack settings` names it; may be repeated",
    )
    init.add_argument("--yes", action="store_true", help="ask nothing: take what would be proposed")

    settings = commands.add(
        "settings",
        _settings,
        "each setting, its value, and where that comes from",
        prints_json=True,
    )
    settings.add_argument("name", nargs="?", help="only this one")


# -- init --------------------------------------------------------------------------------------


def _init(options: argparse.Namespace) -> int:
    given = _given(options)
    path = Path(FOLDER_FILE).absolute()
    if not given:
        given = _asked(path) if sys.stdin.isatty() and not options.yes else _proposed()
    from_mapping(given, "init")  # which raises, before anything is written
    text = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    for name, value in given.items():
        text = with_setting(text, name, value)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as refusal:
        raise StorageError(f"{path} cannot be written ({refusal.strerror})") from None
    print(f"{path}:")
    for name, value in given.items():
        print(f"  {name} = {_toml(value)}")
    return 0


def _given(options: argparse.Namespace) -> dict[str, Any]:
    texts = {}
    for one in options.set:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"init --set {one}: say NAME=VALUE")
        texts[name.strip()] = value
    for name in ("project", "mode", "dir"):
        if (value := getattr(options, name)) is not None:
            texts[name] = value
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Settings)}
    return {
        name: parsed(name, kinds[name], text, "init") if name in kinds else text
        for name, text in texts.items()
    }


def _proposed() -> dict[str, Any]:
    return {"project": default_project(Path.cwd()), "dir": DEFAULTS.dir}


def _asked(path: Path) -> dict[str, Any]:
    print(f"Settings for {path.parent} and what is below it. Return takes what stands in brackets.")
    questions = {"project": "project of runs that name none", "dir": "folder of all projects"}
    answers = {}
    for name, proposed in _proposed().items():
        try:
            answers[name] = input(f"{questions[name]} [{proposed}]: ").strip() or proposed
        except EOFError:
            raise UsageError("init: no answer, so nothing was written") from None
    return answers


def without_setting(text: str, name: str) -> str:
    """The text of a settings file without a setting that has a line of its own."""
    return re.sub(rf"(?m)^{re.escape(name)}\s*=.*\n?", "", text)


def with_setting(text: str, name: str, value: object) -> str:
    """The text of a settings file with a setting changed; comments and the rest stay.

    Raises:
        UsageError: the text is no TOML, or has the setting in a form that is hard to change.
    """
    line = f"{name} = {_toml(value)}"
    try:
        there = tomllib.loads(text)
    except tomllib.TOMLDecodeError as mistake:
        raise UsageError(f"{FOLDER_FILE} is not TOML: {mistake}; mend or delete it") from None
    changed, found = re.subn(rf"(?m)^{re.escape(name)}\s*=.*$", lambda _: line, text, count=1)
    if not found:
        changed = f"{text.rstrip()}\n{line}\n".lstrip()
    try:
        if tomllib.loads(changed) == {**there, name: _plain(value)}:
            return changed
    except tomllib.TOMLDecodeError:  # its value had several lines, or a table stands above
        pass
    raise UsageError(f"{FOLDER_FILE}: {name} is in a form that only you can change; set {line}")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _toml(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


# -- settings ----------------------------------------------------------------------------------


def _settings(options: argparse.Namespace) -> int:
    rows = chosen(os.environ)
    if options.name is not None:
        if options.name not in rows:
            raise UsageError(f"no setting {options.name!r}; there are {', '.join(sorted(rows))}")
        rows = {options.name: rows[options.name]}
    if options.json:
        print_json({name: {"value": value, "from": place} for name, (value, place) in rows.items()})
        return 0
    print_table(
        ["SETTING", "VALUE", "FROM"],
        [[name, _shown(value), place] for name, (value, place) in rows.items()],
    )
    if options.name is None:
        folder = folder_file()
        print(f"\nthis folder's file: {folder or f'{FOLDER_FILE} (none yet: `rltrack init`)'}")
        print(f"your file:          {user_file(os.environ)}")
    return 0


def chosen(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """Of each setting its value and where it comes from, as `rltrack.init()` would find it."""
    layers = [
        ("the environment", from_environment(environ)),
        (str(folder_file()), from_folder()),
        (str(user_file(environ)), from_file(environ)),
        ("the default", DEFAULTS),
    ]
    found: dict[str, tuple[Any, str]] = {}
    for field in dataclasses.fields(Settings):
        found[field.name] = (None, "not chosen")
        for place, settings in layers:
            if (value := getattr(settings, field.name)) is not None:
                if place == "the environment":
                    place = _variable(field.name, field.metadata["wandb"], environ)
                shown = "(secret)" if field.metadata["secret"] else value
                found[field.name] = (shown, place)
                break
    return found


def _variable(name: str, theirs: str | None, environ: Mapping[str, str]) -> str:
    for variable in (f"RLTRACK_{name.upper()}", theirs or ""):
        if environ.get(variable):
            return variable
    return "WANDB_DISABLED"  # the one other variable, of the mode


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)
