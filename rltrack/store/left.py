"""What a run left behind: rows that a rewind hid, of which a chart still shows that they were there."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from rltrack.journal.branches import Cuts
from rltrack.journal.definitions import RUNTIME, STEP, TIMESTAMP
from rltrack.journal.reader import Entry, JournalReader
from rltrack.journal.records import Resumed, Row, RowFlag
from rltrack.store.run import RunReader
from rltrack.store.series import Series


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What was read of one journal."""

    state: tuple[tuple[str, int], ...]
    by_writer: tuple[tuple[Row, ...], ...]


_read: Final[WeakKeyDictionary[RunReader, _Hidden]] = WeakKeyDictionary()
_lock: Final = threading.Lock()


def left_behind(
    run: RunReader, key: str, x: str, low: float, high: float, most: int
) -> list[Series]:
    """The points of a metric that are hidden, a piece for each process that logged them.

    Args:
        run: whose rows they are.
        key: the metric.
        x: the axis; of another metric, points of rows that have it too.
        low: the least x.
        high: the greatest.
        most: how many points a piece has at most; of more, the extremes of each stretch stay.
    """
    pieces = []
    for rows in _hidden(run):
        placed = [
            (at, value)
            for row in rows
            if (value := _number(row.values.get(key))) is not None
            and (at := _place(run, row, x)) is not None
        ]
        if placed:
            found = np.array(sorted(placed, key=lambda point: point[0]))
            piece = Series(found[:, 0].copy(), found[:, 1].copy()).between(low, high)
            if len(piece.x):
                pieces.append(_thinned(piece, most))
    return pieces


def _hidden(run: RunReader) -> tuple[tuple[Row, ...], ...]:
    """The hidden rows; the journal is read again only when something more was hidden."""
    state = run.cut_writers()
    if not state:
        return ()
    with _lock:
        known = _read.get(run)
        if known is None or known.state != state:
            known = _Hidden(state, _rows_of(run))
            _read[run] = known
    return known.by_writer


def _rows_of(run: RunReader) -> tuple[tuple[Row, ...], ...]:
    cuts = Cuts()
    rows: dict[str, list[Row]] = {}
    for item in JournalReader(run.folder.journal).poll():
        if not isinstance(item, Entry):
            rows.setdefault(item.writer, []).extend(item.rows())
        elif isinstance(item.record, Row):
            rows.setdefault(item.writer, []).append(item.record)
        elif isinstance(item.record, Resumed) and item.record.source is None:
            cuts.add(item.record)  # what a fork did not take is no past of its own
    hidden = []
    for writer, found in rows.items():
        last = cuts.last_step(writer)
        if last is not None:
            left = [row for row in found if row.step > last and not row.flags & RowFlag.SYSTEM]
            hidden.append(tuple(left))
    return tuple(one for one in hidden if one)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _place(run: RunReader, row: Row, x: str) -> float | None:
    if x == STEP:
        return float(row.step)
    if x == TIMESTAMP:
        return row.time_ns / 1e9
    if x == RUNTIME:
        return (row.time_ns - run.created_ns) / 1e9
    return _number(row.values.get(x))


def _thinned(piece: Series, most: int) -> Series:
    if len(piece.x) <= most:
        return piece
    kept = []
    for part in np.array_split(np.arange(len(piece.x)), max(1, most // 2)):
        values = piece.y[part]
        if np.isnan(values).all():
            kept.append(part[0])
        else:
            kept.extend(sorted({part[np.nanargmin(values)], part[np.nanargmax(values)]}))
    places = np.array(kept)
    return Series(piece.x[places], piece.y[places])
