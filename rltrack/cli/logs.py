"""`rltrack logs`: what a run printed."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rltrack.cli.block import Block
from rltrack.cli.output import api_of, find, print_json
from rltrack.cli.parser import Commands

if TYPE_CHECKING:
    from rltrack.api import Run
    from rltrack.store.console import ConsoleLine

POLL_S = 0.2
#: None is in what we recorded; but a run may come from elsewhere.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def add_to(commands: Commands) -> None:
    """Add `logs`."""
    logs = commands.add("logs", _logs, "print what a run printed", prints_json=True, over_http=True)
    logs.add_argument("run", help="its id, its name, or project/id")
    logs.add_argument(
        "-f", "--follow", action="store_true", help="go on until the run ends; JSON is one a line"
    )
    logs.add_argument("--last", type=int, metavar="N", help="begin with the last N lines")
    logs.add_argument("--stream", choices=["stdout", "stderr"], help="only this one")
    logs.add_argument("--times", action="store_true", help="begin each line with its time")


def _logs(options: argparse.Namespace) -> int:
    run = find(api_of(options), options.run)
    if options.follow:
        _follow(run, options)
        return 0
    lines = run.console_logs(last=options.last, stream=options.stream)
    if options.json:
        print_json([as_json(line) for line in lines])
        return 0
    for line in lines:
        print(_printed(line, options))
    return 0


def as_json(line: ConsoleLine) -> dict[str, Any]:
    """What `--json` prints of a line."""
    return {
        "number": line.number,
        "time": line.time_ns / 1e9,
        "stream": line.stream,
        "text": line.text,
        "writer": line.writer,
    }


def _printed(line: ConsoleLine, options: argparse.Namespace) -> str:
    time_of_it = f"{line.timestamp.astimezone():%H:%M:%S}  " if options.times else ""
    return time_of_it + plain(line)


def plain(line: ConsoleLine) -> str:
    """The text of a line. What would move the cursor of this terminal is not ours to send."""
    return _CONTROL.sub("", line.text)


def _follow(run: Run, options: argparse.Namespace) -> None:
    tail = run.tail()
    block = Block(sys.stdout)

    def show(lines: Iterable[ConsoleLine]) -> None:
        meant = [line for line in lines if options.stream in (None, line.stream)]
        if options.json:
            for line in meant:
                print(json.dumps(as_json(line)), flush=True)
        else:
            block.print([_printed(line, options) for line in meant])

    lines: Iterable[ConsoleLine] = tail.poll()
    show(lines if options.last is None else deque(lines, maxlen=max(0, options.last)))
    while True:
        # First this and then that: what is printed before the end is read after it was seen.
        is_running = run.state == "running"
        show(tail.poll())
        if not is_running:
            break
        if not options.json:
            open_ones = [line for line in tail.last() if options.stream in (None, line.stream)]
            block.draw([_printed(line, options) for line in open_ones])
        time.sleep(POLL_S)
    block.draw([])
    show(tail.last())
    tail.close()
