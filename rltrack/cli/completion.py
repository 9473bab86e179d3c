"""`rltrack completion`: what the TAB key knows of commands, projects and runs.

The shell asks the command itself, by argcomplete; it answers from folder names, and loads no more
than the standard library for that.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rltrack._names import name_of_folder
from rltrack.cli.parser import Commands
from rltrack.errors import Error
from rltrack.extras import require
from rltrack.folder import projects, run_folders
from rltrack.settings import resolve

#: How the shell says that it asks.
ASKED: Final = "_ARGCOMPLETE"
#: Names of runs are in files of theirs, and more of these would keep the user waiting.
_MOST_READ: Final = 500

_RUN_ARGUMENTS: Final = {"run", "runs", "other"}
_HOW: Final = {
    "bash": 'put into ~/.bashrc:  eval "$(rltrack completion bash)"',
    "zsh": 'put into ~/.zshrc, behind compinit:  eval "$(rltrack completion zsh)"',
    "fish": "type:  rltrack completion fish > ~/.config/fish/completions/rltrack.fish",
}


def add_to(commands: Commands) -> None:
    """Add `completion`."""
    completion = commands.add(
        "completion", _completion, "the script by which a shell completes commands and run ids"
    )
    completion.add_argument("shell", choices=list(_HOW), help="which one")
    completion.epilog = "\n".join(_HOW.values())
    completion.formatter_class = argparse.RawDescriptionHelpFormatter


def _completion(options: argparse.Namespace) -> int:
    argcomplete = require("argcomplete", extra="completion")
    print(f"# {_HOW[options.shell]}")
    print(argcomplete.shellcode(["rltrack"], shell=options.shell))
    return 0


def answer(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks, and leave; else return at once."""
    if ASKED not in os.environ:
        return
    for command in _parsers(parser):
        for action in command._actions:
            if action.dest in _RUN_ARGUMENTS:
                action.completer = _runs  # type: ignore[attr-defined]
            elif action.dest == "project":
                action.completer = _projects  # type: ignore[attr-defined]
    require("argcomplete", extra="completion").autocomplete(parser)


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _parsers(command)


def _root(options: argparse.Namespace) -> Path:
    try:
        return Path(resolve(dir=getattr(options, "dir", None)).dir or ".")
    except (
        Error
    ):  # a settings file that is none is told by the command, not in the middle of a line
        return Path("rltrack-runs")


def _projects(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    return list(projects(_root(parsed_args)))


def _runs(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Ids and names; with a ``/`` in the word, what `project/id` may be."""
    root = _root(parsed_args)
    before, slash, _after = prefix.rpartition("/")
    if slash:
        return [f"{before}/{name_of_folder(run.path.name)}" for run in run_folders(root, before)]
    found: list[str] = []
    folders = [run for project in projects(root) for run in run_folders(root, project)]
    for run in folders:
        found.append(name_of_folder(run.path.name))
        if len(folders) <= _MOST_READ:
            try:
                found.append(run.read_facts().name)
            except (Error, OSError):  # half written, or just deleted
                continue
    return found
