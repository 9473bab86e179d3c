"""The rows of a run as a table: one row for each merged row, one column for each key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rltrack.journal.definitions import ROW_AXES, RUNTIME, STEP, TIMESTAMP
from rltrack.store.columns import BOOL, FLOAT, INT, OBJECT, Column, RowNumbers, as_floats
from rltrack.store.run import RunReader, StreamName
from rltrack.store.series import axis_values, seconds
from rltrack.store.stream import Points


@dataclass(frozen=True, slots=True, eq=False)
class TableColumn:
    """The values of one key in a table.

    `values` is of int64, bool or float64 where all values are of that kind, and of float64
    where floats and ints are mixed that a float holds exactly. In a row that is not `present` it
    holds anything. Else it is of objects, with Python's own types.
    """

    values: npt.NDArray[Any]
    present: npt.NDArray[np.bool_]
    """Of each row: whether the key was logged in it."""
    whole: npt.NDArray[np.bool_] | None = None
    """Of each row of a float column: whether an int was logged. None: nowhere."""

    def take(self, chosen: npt.NDArray[Any]) -> TableColumn:
        """Some of the rows: by a mask, or by their places."""
        whole = None if self.whole is None else self.whole[chosen]
        return TableColumn(self.values[chosen], self.present[chosen], whole)

    def plain(self, first: int, end: int) -> list[Any]:
        """Some rows as Python's own types."""
        values: list[Any] = self.values[first:end].tolist()
        if self.whole is not None:
            for at in np.flatnonzero(self.whole[first:end]).tolist():
                values[at] = int(values[at])
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of a run, in order."""

    columns: dict[str, TableColumn]
    row_count: int

    def dicts(self, first: int = 0, end: int | None = None) -> list[dict[str, Any]]:
        """Rows as dicts, which have the keys that were logged in them."""
        end = self.row_count if end is None else min(end, self.row_count)
        rows: list[dict[str, Any]] = [{} for _ in range(first, end)]
        for key, column in self.columns.items():
            values = column.plain(first, end)
            present = column.present[first:end]
            if present.all():
                for row, value in zip(rows, values, strict=True):
                    row[key] = value
            else:
                for at in np.flatnonzero(present).tolist():
                    rows[at][key] = values[at]
        return rows

    def take(self, chosen: npt.NDArray[Any]) -> Table:
        """Some of the rows: by a mask, or by their places."""
        columns = {key: column.take(chosen) for key, column in self.columns.items()}
        return Table(columns, len(np.arange(self.row_count)[chosen]))

    def where(self, keys: Iterable[str], min_step: int | None, max_step: int | None) -> Table:
        """The rows that have all `keys`, with ``min_step <= _step < max_step``."""
        chosen = np.ones(self.row_count, np.bool_)
        for key in keys:
            chosen &= self.columns[key].present
        steps = self.columns[STEP].values
        if min_step is not None:
            chosen &= steps >= min_step
        if max_step is not None:
            chosen &= steps < max_step
        return self if chosen.all() else self.take(chosen)


def table(
    run: RunReader,
    keys: Sequence[str] | None = None,
    *,
    x_axis: str = STEP,
    stream: StreamName = "default",
) -> Table:
    """The rows of a run, exactly as they were logged.

    Args:
        run: whose rows they are.
        keys: columns to have, and rows that have at least one of them; by default all.
        x_axis: the column by which rows are ordered. Where a row has no value of it, the last
            one at its step or before stands in, as in charts; rows before the first come last.
        stream: the run's history, or its machine's samples.
    """
    with run.lock:
        rows = run.rows(stream)
        known = run.logged_keys(stream)
        wanted = [key for key in (known if keys is None else keys) if key not in ROW_AXES]
        found_points = {key: run.points(key, stream) for key in wanted}
        logged = {key: points for key, points in found_points.items() if points is not None}
        shown = _rows_of(list(logged.values()), len(rows)) if keys is not None and wanted else None
        step, times = rows.step, rows.time_ns
        if shown is None:
            shown = np.arange(len(rows), dtype=np.int32)
        else:
            step, times = step[shown], times[shown]
        everywhere = np.ones(len(shown), np.bool_)
        found = {
            STEP: TableColumn(step, everywhere),
            TIMESTAMP: TableColumn(seconds(times), everywhere),
            RUNTIME: TableColumn(seconds(times, run.created_ns), everywhere),
        }
        for key, points in logged.items():
            found[key] = _column(points, shown)
        if x_axis not in ROW_AXES:
            found[x_axis] = _filled(found.get(x_axis), axis_values(run, x_axis, shown, stream))
    whole = Table(found, len(shown))
    if x_axis == STEP:
        return whole
    return whole.take(np.argsort(whole.columns[x_axis].values, kind="stable"))


def _rows_of(found: list[Points], count: int) -> RowNumbers | None:
    """The rows in which at least one of some keys was logged; None for all rows."""
    if not found:
        return np.empty(0, np.int32)
    first = found[0].row
    if all(other.row is first or np.array_equal(other.row, first) for other in found[1:]):
        return None if len(first) == count else first
    present = np.zeros(count, np.bool_)
    for points in found:
        present[points.row] = True
    return None if present.all() else np.flatnonzero(present).astype(np.int32)


def _filled(exact: TableColumn | None, places: npt.NDArray[np.float64]) -> TableColumn:
    """The axis as a column: its own values where every row has one, else joined by step."""
    if exact is not None and exact.present.all() and exact.values.dtype != object:
        return exact
    return TableColumn(places, ~np.isnan(places))


def _column(points: Points, shown: RowNumbers) -> TableColumn:
    """A key's values in the rows that are shown; it is in no other row."""
    column, bits, kinds = points.column, points.bits, points.kinds
    count = len(shown)
    if len(points.row) == count:
        present, at = np.ones(count, np.bool_), None
    else:
        at = np.searchsorted(shown, points.row)
        present = np.zeros(count, np.bool_)
        present[at] = True

    def spread(values: npt.NDArray[Any], empty: Any) -> npt.NDArray[Any]:
        if at is None:
            return values
        whole: npt.NDArray[Any] = np.full(count, empty, values.dtype)
        whole[at] = values
        return whole

    if column.seen == {FLOAT}:
        return TableColumn(spread(bits.view(np.float64), np.nan), present)
    if column.seen == {INT}:
        return TableColumn(spread(bits, 0), present)
    if column.seen == {BOOL}:
        return TableColumn(spread(bits != 0, False), present)
    if column.seen == {FLOAT, INT} and _all_exact(bits[kinds == INT]):
        values = spread(as_floats(bits, kinds, column.seen), np.nan)
        return TableColumn(values, present, spread(kinds == INT, False))
    plain = np.empty(len(bits), dtype=object)
    for place, (value, kind) in enumerate(zip(bits.tolist(), kinds.tolist(), strict=True)):
        plain[place] = _plain(column, value, kind)
    return TableColumn(spread(plain, None), present)


def _all_exact(ints: npt.NDArray[np.int64]) -> bool:
    """Whether floats hold these ints exactly."""
    return bool(np.all((ints >= -(2**53)) & (ints <= 2**53)))


def _plain(column: Column, bits: int, kind: int) -> Any:
    if kind == FLOAT:
        return float(np.array(bits, np.int64).view(np.float64))
    if kind == OBJECT:
        return column.objects[bits]
    return bool(bits) if kind == BOOL else bits


def spread(row_count: int, samples: int) -> npt.NDArray[np.int64]:
    """Places of at most `samples` rows, evenly spread, with the first and the last."""
    if samples >= row_count:
        return np.arange(row_count)
    return np.linspace(0, row_count - 1, max(samples, 1)).round().astype(np.int64)


def pages(whole: Table, page_size: int) -> Iterator[dict[str, Any]]:
    """Rows as dicts, of which only a page is in memory at a time."""
    for first in range(0, whole.row_count, page_size):
        yield from whole.dicts(first, first + page_size)
