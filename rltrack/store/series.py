"""A metric over an axis: every point that was logged, exactly.

Axes are `_step`, `_timestamp` (seconds since the epoch), `_runtime` (seconds since the run
began), or another metric. With another metric, a point takes the value that was logged in
its own row; where its row has none, the last one that was logged at its step or before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rltrack.journal.definitions import RUNTIME, STEP, TIMESTAMP
from rltrack.store.columns import Floats, Ints, RowNumbers
from rltrack.store.merge import ascending_order, is_ascending
from rltrack.store.run import RunReader, StreamName

#: An x beyond this is none: the width of a chart must be a float, and its buckets, too.
MAX_X: Final = 1e300
_PIECE: Final = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The points of one metric of one run, by x; points of one x in the order of logging."""

    x: Floats
    """Ascending, in [-MAX_X, MAX_X]: a point without a place on the axis is left out."""
    y: Floats

    def between(self, low: float, high: float) -> Series:
        """The points with ``low <= x <= high``."""
        first = int(np.searchsorted(self.x, low, side="left"))
        end = int(np.searchsorted(self.x, high, side="right"))
        return Series(self.x[first:end], self.y[first:end])


def series(
    run: RunReader, key: str, x: str = STEP, stream: StreamName = "default"
) -> Series | None:
    """The points of a metric over an axis.

    Args:
        run: where it was logged.
        key: the metric.
        x: the axis.
        stream: of the run's history, or of its machine's samples.

    Returns:
        None where the run has no numbers under `key`, or no place for them on `x`.
    """
    with run.lock:
        points = run.points(key, stream)
        if points is None or not points.column.is_numeric:
            return None
        row, y = points.numbers()
        at = axis_values(run, x, row, stream)
    if not _is_ready(at):
        placed = np.abs(at) <= MAX_X  # which NaN is not
        at, y = at[placed], y[placed]
        order = ascending_order(at)
        at, y = at[order], y[order]
    return Series(at, y) if len(at) else None


def _is_ready(x: Floats) -> bool:
    """Whether each x has a place and all are ascending: true of most axes as they are."""
    return is_ascending(x) and len(x) > 0 and bool(x[0] >= -MAX_X and x[-1] <= MAX_X)


def axis_values(run: RunReader, x: str, row: RowNumbers, stream: StreamName = "default") -> Floats:
    """Where rows stand on an axis; NaN for a row before the axis has a first value.

    Args:
        run: whose rows they are.
        x: the axis.
        row: merged rows, ascending.
        stream: where the rows are.
    """
    with run.lock:
        rows = run.rows(stream)
        whole = len(row) == len(rows)  # every row once: nothing is to be picked
        if x == STEP:
            return (rows.step if whole else rows.step[row]).astype(np.float64)
        if x in (TIMESTAMP, RUNTIME):
            times = rows.time_ns if whole else rows.time_ns[row]
            return seconds(times, run.created_ns if x == RUNTIME else 0)
        points = run.points(x, stream)
        if points is None or not points.column.is_numeric:
            return np.full(len(row), np.nan)
        known, values = points.numbers()
    if not len(known):  # each number was logged over by something else
        return np.full(len(row), np.nan)
    if len(known) == len(row) and np.array_equal(known, row):
        return values
    return _joined(row, known, values, rows.step[row], rows.step[known])


def seconds(times_ns: Ints, since_ns: int = 0) -> Floats:
    """Nanoseconds as seconds since a moment."""
    found = np.empty(len(times_ns))
    # Piece by piece: another array of the whole length would cost more than the arithmetic.
    for at in range(0, len(times_ns), _PIECE):
        piece = slice(at, at + _PIECE)
        np.divide(times_ns[piece] - since_ns, 1e9, out=found[piece])
    return found


def _joined(
    row: RowNumbers,
    known: RowNumbers,
    values: Floats,
    step: Ints,
    known_step: Ints,
) -> Floats:
    """For each row the value of the same row, else the last one at its step or before."""
    same = np.searchsorted(known, row, side="right") - 1
    here = (same >= 0) & (known[same] == row)
    before = np.searchsorted(known_step, step, side="right") - 1
    place = np.where(here, same, before)
    return np.where(place >= 0, values[place], np.nan)
