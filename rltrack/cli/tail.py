"""`rltrack tail`: watch a training from another terminal."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rltrack._values import finite
from rltrack.cli.block import Block
from rltrack.cli.logs import as_json, plain
from rltrack.cli.output import ago, api_of, find, text
from rltrack.cli.parser import Commands

if TYPE_CHECKING:
    from rltrack.api import Run
    from rltrack.store.tail import RunTail

POLL_S = 0.5
#: How often values are printed where they cannot be drawn in place.
_PRINT_S = 5.0
#: Over how long the speed is told.
_SPEED_S = 10.0
_MOST_VALUES = 20


def add_to(commands: Commands) -> None:
    """Add `tail`."""
    tail = commands.add(
        "tail",
        _tail,
        "follow a run: what it prints, and its newest values",
        prints_json=True,
        over_http=True,
    )
    tail.add_argument("run", help="its id, its name, or project/id")
    tail.add_argument("--keys", nargs="+", metavar="KEY", help="only these metrics")
    tail.add_argument(
        "--lines", type=int, default=10, metavar="N", help="begin with its last N lines (10)"
    )


def _tail(options: argparse.Namespace) -> int:
    run = find(api_of(options), options.run)
    shown = _AsJson(run, options.keys) if options.json else _AsText(run, options.keys)
    tail = run.tail()
    lines = list(deque(tail.poll(), maxlen=max(0, options.lines)))
    while True:
        is_running = run.state == "running"
        lines += tail.poll()  # after it: what was printed before the end is there
        if not is_running:
            break
        shown.show(lines, tail)
        lines = []
        time.sleep(POLL_S)
    shown.end(lines + tail.last(), tail)
    tail.close()
    return 0


def _values(tail: RunTail, keys: list[str] | None) -> dict[str, Any]:
    """The newest value of each metric; of the machine only what was asked for."""
    return {
        key: found.value
        for key, found in tail.newest.items()
        if (key in keys if keys else not key.startswith("system."))
    }


class _AsJson:
    """An object a line: ``console`` for each line, ``values`` whenever there are new ones, ``end``."""

    def __init__(self, run: Run, keys: list[str] | None) -> None:
        self._run = run
        self._keys = keys
        self._told: Mapping[str, Any] = {}

    def show(self, lines: list[Any], tail: RunTail) -> None:
        for line in lines:
            self._print({"type": "console"} | as_json(line))
        values = _values(tail, self._keys)
        if values != self._told and tail.row is not None:
            self._told = values
            told = {"type": "values", "step": tail.row.step, "time": tail.row.time_ns / 1e9}
            self._print(told | {"values": values})

    def end(self, lines: list[Any], tail: RunTail) -> None:
        self.show(lines, tail)
        self._print({"type": "end", "state": self._run.state})

    def _print(self, value: dict[str, Any]) -> None:
        print(json.dumps(finite(value), default=str), flush=True)


class _AsText:
    """Lines scroll by; values stand below them, or are printed from time to time."""

    def __init__(self, run: Run, keys: list[str] | None) -> None:
        self._run = run
        self._keys = keys
        self._block = Block(sys.stdout)
        self._printed_at = -_PRINT_S
        self._printed_step: int | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def show(self, lines: list[Any], tail: RunTail) -> None:
        self._block.print([plain(line) for line in lines])
        if self._block.is_live:
            bars = [plain(line) for line in tail.last()]
            self._block.draw([*bars, *self._status(tail), *self._table(tail)])
        elif time.monotonic() - self._printed_at >= _PRINT_S:
            self._print_values(tail)

    def end(self, lines: list[Any], tail: RunTail) -> None:
        self._block.draw([])
        self._block.print([plain(line) for line in lines])
        if self._block.is_live:
            self._block.print([*self._status(tail), *self._table(tail)])
        else:
            self._print_values(tail)
            self._block.print([f"{self._run.name} is {self._run.state}"])

    def _status(self, tail: RunTail) -> list[str]:
        run = self._run
        words = [f"{run.name} ({run.path})", run.state, f"started {ago(run.created_at)}"]
        if tail.row is not None:
            words.append(f"step {tail.row.step:,}")
        if speed := self._speed(tail.rows):
            words.append(f"{speed:.3g} rows/s")
        return ["  ".join(words)]

    def _speed(self, rows: int) -> float:
        """Rows a second, of late."""
        now = time.monotonic()
        self._seen.append((now, rows))
        while now - self._seen[0][0] > _SPEED_S:
            self._seen.popleft()
        before, count = self._seen[0]
        return (rows - count) / (now - before) if now > before else 0.0

    def _table(self, tail: RunTail) -> list[str]:
        values = _values(tail, self._keys)
        shown = sorted(values)[:_MOST_VALUES]
        width = max(map(len, shown), default=0)
        lines = [f"  {key:<{width}}  {text(values[key])}" for key in shown]
        if len(values) > len(shown):
            lines.append(f"  and {len(values) - len(shown)} more; --keys chooses")
        return lines

    def _print_values(self, tail: RunTail) -> None:
        step = None if tail.row is None else tail.row.step
        if step is None or step == self._printed_step:
            return
        values = _values(tail, self._keys)
        told = "  ".join(f"{key}={text(values[key])}" for key in sorted(values)[:_MOST_VALUES])
        self._block.print([f"step {step:,}  {told}"])
        self._printed_at, self._printed_step = time.monotonic(), step
