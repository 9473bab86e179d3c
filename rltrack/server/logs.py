"""What a run printed, for a page that shows it and follows it."""

from __future__ import annotations

import json
from typing import Any, Final

from rltrack.server.answers import Refusal
from rltrack.store.console import KEPT_LINES
from rltrack.store.run import RunReader

MOST_LINES: Final = KEPT_LINES


def console_answer(run: RunReader, after: str | None) -> dict[str, Any]:
    """The lines of a run, the newest `MOST_LINES` of them.

    Args:
        run: whose.
        after: JSON, by writer the number of the first line that is wanted; of others all are.

    Returns:
        ``writers``, ``left_out`` lines, and columns of the lines: ``number`` within its writer,
        ``text``, ``time`` in seconds since the epoch, ``writer`` as an index, and ``error``,
        whether it went to stderr.

    Raises:
        Refusal: `after` is no such JSON.
    """
    known = _known(after)
    lines = [
        line for line in run.console(last=MOST_LINES) if line.number >= known.get(line.writer, 0)
    ]
    first: dict[str, int] = {}
    for line in lines:
        first.setdefault(line.writer, line.number)
    writers = list(first)
    place = {writer: at for at, writer in enumerate(writers)}
    return {
        "writers": writers,
        "left_out": sum(number - known.get(writer, 0) for writer, number in first.items()),
        "number": [line.number for line in lines],
        "text": [line.coloured or line.text for line in lines],
        "time": [line.time_ns / 1e9 for line in lines],
        "writer": [place[line.writer] for line in lines],
        "error": [line.stream == "stderr" for line in lines],
    }


def _known(after: str | None) -> dict[str, int]:
    try:
        known = json.loads(after) if after else {}
    except ValueError:
        known = None
    if not isinstance(known, dict) or not all(type(at) is int for at in known.values()):
        raise Refusal(400, f"after={after!r}", "it must be JSON: numbers of lines by writer")
    return known
