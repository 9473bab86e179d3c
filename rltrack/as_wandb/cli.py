"""The command `wandb`, as job scripts have it: ``wandb login``, ``wandb offline``, ``wandb agent``.

What has no meaning without a server succeeds and says so, since a script that stops at its first
error must go on. Commands that rltrack has are rltrack's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from rltrack._terminal import say
from rltrack.as_wandb import names
from rltrack.cli import main
from rltrack.cli.overview import no_such_command
from rltrack.settings import from_folder

_NOTHING: Final = {
    "login": "there is nothing to log in to",
    "sync": "runs are recorded on this disk; `rltrack sync` sends them to a server of rltrack's",
    "verify": "there is no server to reach",
}
_MODES: Final = {
    "disabled": "disabled",
    "enabled": "offline",
    "offline": "offline",
    "online": "offline",
}
_OURS: Final = ("agent", "artifact", "init", "sweep")


def cli(arguments: Sequence[str] | None = None) -> int:
    """Run a command of W&B's; the exit status is as of `rltrack.cli.main`."""
    word, *more = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    if word == "--version":
        say(f"in the place of wandb, version {names.VERSION}")
        return 0
    if word in _NOTHING:
        say(f"wandb {word}: {_NOTHING[word]}")
        return 0
    if (mode := _MODES.get(word)) is not None:
        if mode == "disabled" or from_folder().mode is not None:
            return main(["init", "--mode", mode])
        say(f"wandb {word}: runs are recorded on this disk, whatever the mode")
        return 0
    if word == "status":
        return main(["settings"])
    if word in _OURS or word.startswith("-"):
        return main([word, *more])
    say(no_such_command(word, _OURS))
    return 2
