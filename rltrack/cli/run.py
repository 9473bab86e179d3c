"""`rltrack run`: a program in which `import wandb` means rltrack.

The program takes this process's place, so its arguments, exit code and signals are its own, and
`sys.path[0]`, `__main__` and the rest what ``python train.py`` makes them.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from rltrack.as_wandb import environment
from rltrack.cli.parser import Commands
from rltrack.errors import UsageError

_EXAMPLES: Final = """\
examples:
  rltrack run train.py --seed 1             a script that says `import wandb`
  rltrack run -m rl_zoo3.train --track      a module
  rltrack run -- torchrun train.py          any command; its Python processes get rltrack, too
"""
#: Options of ours that have a value behind them.
_WITH_VALUE: Final = ("--dir",)


def add_to(commands: Commands) -> None:
    """Add `run`."""
    run = commands.add("run", _run, "run a program in which `import wandb` means rltrack, as it is")
    run.usage = "rltrack run [--dir DIR] (FILE | -m MODULE | -- COMMAND) [ARGUMENTS ...]"
    run.epilog = _EXAMPLES
    run.formatter_class = argparse.RawDescriptionHelpFormatter
    run.set_defaults(program=[])


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is said to `rltrack run`, and the program with what is said to that.

    argparse would take the program's options for its own, or drop its ``--``.
    """
    at = 0
    while at < len(arguments) and arguments[at].startswith("-"):
        if arguments[at] in ("--", "-m"):
            break
        at += 2 if arguments[at] in _WITH_VALUE else 1
    return list(arguments[:at]), list(arguments[at:])


def _run(options: argparse.Namespace) -> int:
    environ = environment(os.environ)
    if options.dir is not None:
        environ["RLTRACK_DIR"] = str(Path(options.dir).absolute())
    return _become(_command(options.program), environ)


def _command(program: Sequence[str]) -> list[str]:
    """The command line of a program.

    Raises:
        UsageError: there is none.
    """
    if not program or (program[0] in ("--", "-m") and len(program) == 1):
        raise UsageError("run: say what to run, for example `rltrack run train.py`")
    if program[0] == "--":
        return list(program[1:])
    if program[0] != "-m" and not os.path.exists(program[0]):
        raise UsageError(
            f"run: there is no file {program[0]!r} in {os.getcwd()}; a command is run by "
            f"`rltrack run -- {program[0]}`, a module by `rltrack run -m {program[0]}`"
        )
    if program[0] == "-m" and sys.version_info < (3, 12):
        return [sys.executable, "-m", "rltrack.as_wandb.module", *program[1:]]
    return [sys.executable, *program]


def _become(command: Sequence[str], environ: dict[str, str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        return _spawn(command, environ) if sys.platform == "win32" else _exec(command, environ)
    except (FileNotFoundError, PermissionError, NotADirectoryError) as refusal:
        raise UsageError(f"run: {command[0]!r} cannot be run ({refusal.strerror})") from None


def _exec(command: Sequence[str], environ: dict[str, str]) -> NoReturn:
    os.execvpe(command[0], list(command), environ)


def _spawn(command: Sequence[str], environ: dict[str, str]) -> int:
    """Where a process cannot become another: Ctrl-C reaches both, and is the program's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.run(list(command), env=environ, check=False).returncode
