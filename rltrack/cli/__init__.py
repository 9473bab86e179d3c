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
    completion,
    config,
    history,
    imports,
    logs,
    look,
    manage,
    run,
    serve,
    server,
    settings,
    sql,
    stop,
    sweeps,
    sync,
    tail,
    transfer,
)
from rltrack.cli.overview import Parser, no_such_command, texts_of
from rltrack.cli.parser import Command, Commands
from rltrack.errors import Error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 after an error, 2 after a wrong call."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    program: list[str] = []
    if typed[:1] == ["run"]:
        ours, program = run.split(typed[1:])
        typed = ["run", *ours]
    parser = _parser()
    completion.answer(parser)
    if not typed:
        parser.print_help()
        return 2
    if not typed[0].startswith("-") and typed[0] not in (there := texts_of(parser)):
        print(f"rltrack: {no_such_command(typed[0], there)}", file=sys.stderr)
        return 2
    options = parser.parse_args(typed)
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
    parser = Parser(
        prog="rltrack",
        description="Experiment tracking for reinforcement learning, on your own disk.",
    )
    parser.add_argument("--version", action="version", version=f"rltrack {__version__}")
    commands = Commands(
        parser.add_subparsers(
            metavar="COMMAND", required=True, parser_class=argparse.ArgumentParser
        )
    )
    for part in (
        run,
        look,
        config,
        sql,
        history,
        logs,
        tail,
        manage,
        artifact,
        stop,
        sweeps,
        serve,
        server,
        compact,
        transfer,
        imports,
        sync,
        settings,
        completion,
    ):
        part.add_to(commands)
    return parser
