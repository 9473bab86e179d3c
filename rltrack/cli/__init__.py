"""The `rltrack` command. Each file here adds the commands of one subject; `parser.py` first."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rltrack._version import __version__
from rltrack.cli import (
    artifact,
    compact,
    history,
    imports,
    look,
    manage,
    run,
    serve,
    sql,
    stop,
    transfer,
)
from rltrack.cli.parser import Command, Commands
from rltrack.errors import Error

EXAMPLES = """\
examples:
  rltrack demo                  train PPO with three seeds and watch it in the browser
  rltrack run train.py          run a script that says `import wandb`, as it is
  rltrack ui                    serve the dashboard of ./rltrack-runs
  rltrack ls                    the projects of this folder
  rltrack ls cartpole           the runs of a project
  rltrack show bold-otter-3     one run: config, summary, environment
  rltrack sql "select * from runs"   ask in SQL: runs, aggregates, points, media
  rltrack export bold-otter-3 -o run.zip   a whole run, for `rltrack import run.zip` elsewhere
  rltrack import tensorboard logs   the runs of a TensorBoard log folder
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 after an error, 2 after a wrong call."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    program: list[str] = []
    if typed[:1] == ["run"]:
        ours, program = run.split(typed[1:])
        typed = ["run", *ours]
    options = _parser().parse_args(typed)
    options.program = program
    command: Command = options.command
    try:
        return command(options)
    except Error as error:
        print(f"rltrack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `rltrack ls | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rltrack",
        description="Experiment tracking for reinforcement learning, on your own disk.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rltrack {__version__}")
    commands = Commands(parser.add_subparsers(title="commands", metavar="COMMAND", required=True))
    for part in (
        run,
        look,
        sql,
        history,
        manage,
        artifact,
        stop,
        serve,
        compact,
        transfer,
        imports,
    ):
        part.add_to(commands)
    return parser
