"""What `rltrack --help` says, and `rltrack` with a word that is no command."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Mapping
from typing import Final

#: The commands in the order in which a newcomer needs them; one that is not here comes last.
_GROUPS: Final = {
    "begin": "demo init run",
    "look": "ui ls show config history logs tail sql",
    "change": "rename tag note mv rm restore trash stop",
    "search": "sweep agent",
    "keep and move": "artifact export import",
    "a server": "login logout sync server",
    "the disk": "du gc compact",
    "the command itself": "settings completion",
}

EXAMPLES: Final = """\
examples:
  rltrack demo                       train PPO with three seeds and watch it in the browser
  rltrack run train.py               run a script that says `import wandb`, as it is
  rltrack ui                         serve the dashboard of ./rltrack-runs
  rltrack ls                         the projects of this folder
  rltrack ls cartpole                the runs of a project
  rltrack show bold-otter-3          one run: config, summary, environment
  rltrack config bold-otter-3 calm-wren-4    where two runs differ
  rltrack sql "select * from runs"   ask in SQL: runs, aggregates, points, media
  rltrack export bold-otter-3 -o run.zip     a whole run, for `rltrack import run.zip` elsewhere
  rltrack import tensorboard logs    the runs of a TensorBoard log folder

`rltrack COMMAND --help` tells more of each.
"""

#: W&B's commands that are called otherwise here, or that nobody needs.
_WANDBS: Final = {
    "beta": "there is none; `rltrack --help` lists what there is",
    "clean": "`rltrack gc` frees what nobody needs",
    "controller": "`rltrack agent` needs no controller",
    "disabled": "`rltrack init --mode disabled`, or RLTRACK_MODE=disabled",
    "enabled": "`rltrack init --mode offline`, or RLTRACK_MODE=offline",
    "job": "start the program yourself; `rltrack run` starts one that says `import wandb`",
    "launch": "start the program yourself; `rltrack run` starts one that says `import wandb`",
    "leet": "`rltrack ui` draws runs, `rltrack ls` lists them",
    "offline": "`rltrack init --mode offline`, or RLTRACK_MODE=offline",
    "online": "`rltrack init --mode online`, or RLTRACK_MODE=online",
    "pull": "nothing to fetch: a run's files are in its folder, which `rltrack show` names",
    "purge-cache": "`rltrack gc` frees what nobody needs",
    "server": "`rltrack ui` serves the dashboard",
    "status": "`rltrack settings` lists what is chosen",
    "verify": "nothing: there is no server to reach",
}


class Parser(argparse.ArgumentParser):
    """The parser of the whole command, whose help has its commands in groups."""

    def format_help(self) -> str:
        """The help."""
        formatter = self._get_formatter()
        formatter.add_usage("rltrack COMMAND [ARGUMENTS ...]", [], [], prefix="usage: ")
        lines = [f"{formatter.format_help()}\n{self.description}\n"]
        for title, commands in grouped(texts_of(self)).items():
            width = 14
            lines.append(f"\n{title}:\n")
            lines += [f"    {name:<{width}}{text}\n" for name, text in commands.items()]
        return f"{''.join(lines)}\n{EXAMPLES}"


def texts_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The commands of a parser, with what each does."""
    return {
        choice.dest: choice.help or ""
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    }


def grouped(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The commands in groups, each with what it does."""
    found = {
        title: {name: texts[name] for name in names.split() if name in texts}
        for title, names in _GROUPS.items()
    }
    known = {name for commands in found.values() for name in commands}
    found["more"] = {name: text for name, text in texts.items() if name not in known}
    return {title: commands for title, commands in found.items() if commands}


def no_such_command(word: str, commands: Iterable[str]) -> str:
    """What to say to a word that is no command."""
    if word in _WANDBS:
        return f"rltrack has no command {word!r}. Instead: {_WANDBS[word]}"
    near = difflib.get_close_matches(word, list(commands), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no command {word!r}; {hint}`rltrack --help` lists them"
