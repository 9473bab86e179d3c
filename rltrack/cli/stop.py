"""`rltrack stop`: end a training from another terminal."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from rltrack.cli.output import api_of, find, print_json
from rltrack.cli.parser import Commands

if TYPE_CHECKING:
    from rltrack.api import Run

_POLL_S = 0.1


def add_to(commands: Commands) -> None:
    """Add `stop`."""
    stop = commands.add(
        "stop",
        _stop,
        "end a running training, as Ctrl-C in its terminal would",
        prints_json=True,
        over_http=True,
    )
    stop.add_argument("run", help="its id, its name, or project/id")
    stop.add_argument(
        "--wait",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long to wait until it has ended (default 30)",
    )


def _stop(options: argparse.Namespace) -> int:
    run = find(api_of(options), options.run)
    run.stop()
    state = _wait_for_end(run, options.wait)
    if options.json:
        print_json({"run": run.path, "state": state})
    elif state == "running":
        print(
            f"{run.path} was asked to stop, and still runs after {options.wait:g} s; it ends when "
            "its main thread gets to it"
        )
    else:
        print(f"{run.path} is {state}")
    return int(state == "running")


def _wait_for_end(run: Run, seconds: float) -> str:
    end = time.monotonic() + seconds
    while run.state == "running" and time.monotonic() < end:
        time.sleep(_POLL_S)
    return run.state
