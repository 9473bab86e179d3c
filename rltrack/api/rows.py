"""The rows of a recorded run, what it printed, and how its machine was."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from rltrack.api.files import WithFiles
from rltrack.api.frames import data_frame
from rltrack.api.told import near
from rltrack.errors import NotFoundError, UsageError
from rltrack.journal.definitions import ROW_AXES, STEP
from rltrack.store.console import ConsoleLine
from rltrack.store.history import Table, pages, spread, table
from rltrack.store.media_file import opened
from rltrack.store.run import StreamName
from rltrack.store.series import series
from rltrack.store.tail import RunTail

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from rltrack.store.tables import LoggedTable, Steps


class WithRows(WithFiles):
    """A run, and what it logged."""

    @property
    def system_metrics(self) -> dict[str, Any]:
        """The last sample of the machine; all of them are in ``history(stream="system")``."""
        reader = self._reader
        reader.refresh()
        found: dict[str, Any] = {}
        for key in reader.logged_keys("system"):
            points = reader.points(key, "system")
            if points is not None and len(points):
                row, values = points.numbers()
                if len(row):
                    found[key] = float(values[-1])
        return found

    # -- what it printed -------------------------------------------------------------------

    def console_logs(
        self, *, last: int | None = None, stream: str | None = None, per_page: int = 1000
    ) -> Iterator[ConsoleLine]:
        """What the run printed, as a terminal shows it, oldest line first; read anew at each call.

        Args:
            last: only so many lines, the newest.
            stream: only those of ``stdout``, or of ``stderr``.
            per_page: accepted for W&B's scripts; a folder has no pages.

        Raises:
            UsageError: there is no such stream.
        """
        if stream not in (None, "stdout", "stderr"):
            raise UsageError(f"stream={stream!r}: there are stdout and stderr")
        lines = iter(self._reader.console(last=None if stream else last))
        if stream is not None:
            lines = (line for line in lines if line.stream == stream)
        return lines if last is None else iter(deque(lines, maxlen=max(0, last)))

    def tail(self) -> RunTail:
        """Follows the run while it goes on: its newest values, and the lines that it prints."""
        return self._reader.tail()

    # -- tables ----------------------------------------------------------------------------

    def table(self, key: str, step: int | None = None) -> LoggedTable:
        """A table that was logged.

        Args:
            key: under which.
            step: at which; by default as it was logged last.

        Raises:
            NotFoundError: there is none.
            QueryError: its file is damaged.
        """
        from rltrack.store.tables import table_of

        self._reader.refresh()
        return table_of(self._reader, key, step)

    def tables(self, key: str, steps: Steps = "all") -> LoggedTable:
        """A table as it was at each step, one after the other, with the column ``step`` first.

        Args:
            key: under which it was logged.
            steps: ``all``, ``last``, one or several.

        Raises:
            NotFoundError: there is none.
            QueryError: a file is damaged.
        """
        from rltrack.store.tables import tables_of

        self._reader.refresh()
        return tables_of([self._reader], key, steps, with_run=False)

    # -- rows ------------------------------------------------------------------------------

    @overload
    def history(
        self,
        keys: Sequence[str] | int | None = None,
        x_axis: str | Sequence[str] | None = STEP,
        samples: int | str | None = None,
        *,
        pandas: Literal[True] = True,
        stream: StreamName = "default",
    ) -> pd.DataFrame: ...
    @overload
    def history(
        self,
        keys: Sequence[str] | int | None = None,
        x_axis: str | Sequence[str] | None = STEP,
        samples: int | str | None = None,
        *,
        pandas: Literal[False],
        stream: StreamName = "default",
    ) -> list[dict[str, Any]]: ...
    def history(
        self,
        keys: Sequence[str] | int | None = None,
        x_axis: str | Sequence[str] | None = STEP,
        samples: int | str | None = None,
        *,
        pandas: bool = True,
        stream: StreamName = "default",
    ) -> pd.DataFrame | list[dict[str, Any]]:
        """The rows of the run, each exactly as it was logged.

        Columns are ``_step``, ``_timestamp`` (seconds since the epoch), ``_runtime`` (seconds
        since the run began) and the keys. In a DataFrame, ints are ``int64`` and bools
        ``bool``; with holes they are ``Int64`` and ``boolean``, so that a large int stays
        exact. A hole among floats is NaN, like a NaN that was logged: ``pandas=False`` tells
        them apart.

        Args:
            keys: columns to have, and rows that have at least one of them; by default all. In W&B,
                `samples` comes first, `keys` second and `x_axis` third: where a number stands
                here, they are taken so.
            x_axis: order rows by this metric; where a row has no value of it, the last one at
                its step or before stands in.
            samples: at most this many rows, evenly spread; by default all.
            pandas: a DataFrame; False is a list of dicts that have what was logged.
            stream: ``default``, or ``system`` for samples of the machine.

        Raises:
            NotFoundError: the run has no such metric.
            MissingExtraError: pandas is not installed.
        """
        keys, x_axis, samples = _checked_history(keys, x_axis, samples)
        found = self._sampled(keys, x_axis, samples, stream)
        return data_frame(found) if pandas else found.dicts()

    def series(
        self, key: str, x_axis: str = STEP, *, stream: StreamName = "default"
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The points of one metric over an axis: every one that was logged, exactly.

        Args:
            key: the metric.
            x_axis: ``_step``, ``_timestamp``, ``_runtime``, or another metric, of which a point has
                the value of its own row, or else the last one at its step or before.
            stream: ``default``, or ``system`` for samples of the machine.

        Returns:
            x and y, each of the shape (n_points,); x ascends. Empty if it was never logged.
        """
        reader = self._reader
        reader.refresh()
        found = series(reader, key, x_axis, stream)
        return (np.empty(0), np.empty(0)) if found is None else (found.x, found.y)

    def scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Iterate over rows as dicts.

        Args:
            keys: what to have of each row, and only rows that have all of them, as in W&B.
            page_size: how many rows are made into dicts at a time.
            min_step: the first step.
            max_step: the step before which to stop.

        Raises:
            NotFoundError: the run has no such metric.
        """
        found = self._table(keys, STEP, "default").where(keys or (), min_step, max_step)
        if keys is not None:
            found = Table({key: found.columns[key] for key in keys}, found.row_count)
        return pages(found, max(page_size, 1))

    def _sampled(
        self, keys: Sequence[str] | None, x_axis: str, samples: int | None, stream: StreamName
    ) -> Table:
        found = self._table(keys, x_axis, stream)
        if samples is None:
            return found
        if samples < 1:
            raise UsageError(f"history(samples={samples}) must be 1 or more; leave it out for all")
        return found.take(spread(found.row_count, samples))

    def _table(self, keys: Sequence[str] | None, x_axis: str, stream: StreamName) -> Table:
        if isinstance(keys, str):
            keys = [keys]
        self._reader.refresh()
        known = self._reader.logged_keys(stream)
        for key in [*(keys or ()), x_axis]:
            if key not in known and key not in ROW_AXES:
                raise NotFoundError(f"run {self.path} has no metric {key!r}; {near(key, known)}")
        found = table(self._reader, keys, x_axis=x_axis, stream=stream)
        for column in found.columns.values():
            if column.values.dtype == object:
                for at, value in enumerate(column.values.tolist()):
                    if isinstance(value, (dict, list)):
                        column.values[at] = opened(value, self._reader)
        return found


def _checked_history(
    keys: object, x_axis: object, samples: object
) -> tuple[Sequence[str] | None, str, int | None]:
    """The arguments of `history`, which come in W&B's order where a number stands first.

    Raises:
        UsageError: one of them is nothing of the kind.
    """
    if isinstance(keys, int):
        keys, x_axis, samples = None if x_axis == STEP else x_axis, samples, keys
    x_axis = STEP if x_axis is None else x_axis
    if (
        not isinstance(x_axis, str)
        or not isinstance(samples, int | None)
        or not isinstance(keys, Sequence | None)
    ):
        raise UsageError(
            f"history(keys={keys!r}, x_axis={x_axis!r}, samples={samples!r}): metrics, one metric, "
            "and a number"
        )
    return keys, x_axis, samples
