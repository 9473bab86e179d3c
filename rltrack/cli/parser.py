"""The commands of the parser: what each has, and how one is added."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

#: A command's work; it answers the exit status.
Command = Callable[[argparse.Namespace], int]


class Commands:
    """Where the files of this folder add their commands."""

    def __init__(self, commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
        self._commands = commands

    def add(
        self,
        name: str,
        command: Command,
        text: str,
        *,
        prints_json: bool = False,
        over_http: bool = False,
    ) -> argparse.ArgumentParser:
        """Add one command, which has `--dir`, and `--json` where `prints_json`.

        Args:
            name: of the command.
            command: its work.
            text: what it does, for the list of commands.
            prints_json: whether it has `--json`.
            over_http: whether it has `--server`; see `output.api_of`.
        """
        sub = self._commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + "."
        )
        sub.add_argument(
            "--dir", help="folder of all projects (default: RLTRACK_DIR or ./rltrack-runs)"
        )
        if over_http:
            sub.add_argument(
                "--server",
                nargs="?",
                const="",
                metavar="URL",
                help="read a server's runs and not a folder's; without URL that of `rltrack login`",
            )
        if prints_json:
            sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(command=command)
        return sub
