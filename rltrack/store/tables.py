"""Tables that runs have logged: which files they are, and what can be asked of them.

A table may have been logged many times. MUTABLE and IMMUTABLE ones are whole in the file of each
step; of an INCREMENTAL one each file has the rows that were new, and all up to a step are the table.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rltrack.engine.ask import Answer, Limits, View, ask
from rltrack.engine.files import FileRows, Renamed, Rows, table_file
from rltrack.engine.sides import SideRows
from rltrack.engine.types import JSON
from rltrack.errors import NotFoundError, UsageError
from rltrack.store.arrow import CsvWriter, arrow
from rltrack.store.media import MediaItem, media_file, media_of
from rltrack.store.run import RunReader

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Steps = Literal["last", "all"] | int | Sequence[int]

KINDS: Final = ("table", "tables")
MOST_FILES: Final = 10_000


class LoggedTable:
    """Rows that were logged: of one table, of one table over several steps, or of several runs.

    They are read when they are asked for. Found by `Run.table`, `Run.tables` and `Api.tables`.

    Args:
        rows: what it shows.
        name: for messages.
    """

    def __init__(self, rows: Rows, name: str) -> None:
        self._rows = rows
        self._name = name
        self._arrow: pa.Table | None = None

    @property
    def columns(self) -> list[str]:
        """Names of columns."""
        return list(self._rows.columns)

    @property
    def types(self) -> dict[str, str]:
        """DuckDB's type of each column; media and dicts are ``JSON``."""
        return dict(self._rows.columns)

    @property
    def rows(self) -> list[list[Any]]:
        """All rows, as Python's own values; media are their references."""
        table = self.arrow()
        columns = [self._python(name, table.column(name)) for name in table.schema.names]
        return [list(row) for row in zip(*columns, strict=True)]

    data = rows

    def _python(self, name: str, column: Any) -> list[Any]:
        cells: list[Any] = column.to_pylist()
        if self._rows.columns[name] != JSON:
            return cells
        return [None if cell is None else json.loads(cell) for cell in cells]

    def get_column(self, name: str) -> list[Any]:
        """The cells of a column.

        Raises:
            UsageError: there is no such column.
        """
        if name not in self._rows.columns:
            there = ", ".join(self._rows.columns)
            raise UsageError(f"{self._name} has no column {name!r}; it has {there}")
        return self._python(name, self.arrow().column(name))

    def __len__(self) -> int:
        if isinstance(self._rows, FileRows):
            from pyarrow import parquet as pq

            return sum(pq.read_metadata(one.path).num_rows for one in self._rows.files)
        return int(self.arrow().num_rows)

    def arrow(self) -> pa.Table:
        """All rows; references and dicts are texts with JSON."""
        if self._arrow is None and isinstance(self._rows, FileRows) and self._rows.are_alike:
            from pyarrow import parquet as pq

            read = [pq.read_table(one.path) for one in self._rows.files]
            named = [one.rename_columns(self.columns).replace_schema_metadata() for one in read]
            self._arrow = arrow().concat_tables(named)
        if self._arrow is None:
            with self.ask('SELECT * FROM "table"') as answer:
                self._arrow = answer.table()
        return self._arrow

    def dataframe(self) -> pd.DataFrame:
        """All rows; references and dicts are Python's own, a hole among ints makes ``Int64``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from rltrack.media.table_frames import data_frame

        table = self.arrow()
        found = data_frame(table)
        for place, (name, kind) in enumerate(self._rows.columns.items()):
            if kind == JSON:
                found.isetitem(place, self._python(name, table.column(place)))
        return found

    get_dataframe = dataframe

    def query(self, sql: str, *, timeout_s: float = 60.0) -> pd.DataFrame:
        """Ask it in SQL (DuckDB's), in a process of its own that can only read.

        Args:
            sql: one statement over ``table``.
            timeout_s: how many seconds it may take.

        Raises:
            QueryError: it is wrong, does more than read, or takes too long or too much memory.
            MissingExtraError: DuckDB or pandas is not installed.
        """
        with self.ask(sql, Limits(timeout_s=timeout_s)) as answer:
            return answer.frame()

    @contextlib.contextmanager
    def ask(self, sql: str, limits: Limits | None = None) -> Iterator[Answer]:
        """The same, with the rows as they come."""

        def provide(needed: Sequence[str], folder: Path) -> Mapping[str, View]:
            return {name: self._rows.view(folder / "views") for name in needed}

        with ask(sql, {"table": self._rows.columns}, provide, limits) as answer:
            yield answer

    def diff(
        self,
        other: LoggedTable,
        on: str | Sequence[str] | None = None,
        *,
        names: tuple[str, str] = ("a", "b"),
        only_changed: bool = False,
    ) -> LoggedTable:
        """This table and another side by side: rows with the same key as one.

        Columns are the key, ``a.<column>`` and ``b.<column>`` of each other one, ``_changed`` and
        ``_sides``, which tables have the row.

        Args:
            other: the other one.
            on: the column, or columns, by which rows belong together; by default the one that the
                table says, by `Table.set_pk`.
            names: what the two are called in the names of columns.
            only_changed: leave out rows that are the same in both.

        Raises:
            UsageError: one of them has no such column.
        """
        if on is None and (on := self._primary_key()) is None:
            raise UsageError(
                f"diff: {self._name} says no key of its rows; name one by on=…, or have the table "
                "say it, by Table.set_pk"
            )
        keys = [on] if isinstance(on, str) else list(on)
        sides = {names[0]: self._rows, names[1]: other._rows}
        joined = SideRows(sides, keys, only_changed=only_changed)
        return LoggedTable(joined, f"{self._name} beside {other._name}")

    def _primary_key(self) -> str | None:
        return self._rows.files[0].primary_key if isinstance(self._rows, FileRows) else None

    def csv(self, path: str | PathLike[str], *, formulas: bool = False) -> Path:
        """Write all rows as CSV; where it is then.

        Args:
            path: of the file.
            formulas: leave texts alone that a spreadsheet would run as formulas; by default they
                get a ``'`` in front, by which it shows them as they are.
        """
        target = Path(path)
        with (
            self.ask('SELECT * FROM "table"') as answer,
            target.open("wb") as file,
            CsvWriter(file, answer.schema, formulas=formulas) as writer,
        ):
            for batch in answer:
                writer.write(batch)
        return target

    def parquet(self, path: str | PathLike[str]) -> Path:
        """Write all rows as Parquet; where it is then."""
        from pyarrow import parquet as pq

        target = Path(path)
        with (
            self.ask('SELECT * FROM "table"') as answer,
            pq.ParquetWriter(target, answer.schema, compression="zstd") as writer,
        ):
            for batch in answer:
                writer.write_batch(batch)
        return target

    def __repr__(self) -> str:
        return f"<rltrack table {self._name}: {', '.join(self.columns)}>"


# -- which files -----------------------------------------------------------------------------------


def table_of(run: RunReader, key: str, step: int | None = None) -> LoggedTable:
    """A table as it was at a step; by default as it was logged last.

    Raises:
        NotFoundError: the run has no such table, or its file is not there.
        QueryError: the file is damaged.
    """
    items = files_of(run, key, "last" if step is None else step)
    name = f"table {key!r} of run {run.id}"
    if is_joined(items[0]):
        return LoggedTable(joined_rows(run, items[0]), name)
    return LoggedTable(FileRows([table_file(_path(run, item)) for item in items]), name)


def is_joined(item: MediaItem) -> bool:
    """Whether it is a `JoinedTable`."""
    return isinstance(item.facts.get("table1"), dict) and "join_key" in item.facts


def joined_rows(run: RunReader, item: MediaItem) -> SideRows:
    """The two tables of a `JoinedTable`, side by side.

    Raises:
        NotFoundError: one of their files is not there.
        QueryError: one is damaged.
    """
    sides: dict[str, Rows] = {}
    key, other = item.facts["join_key"]
    for label, place in (("a", "table1"), ("b", "table2")):
        path = media_file(run.folder, str(item.facts[place]["path"]))
        if path is None:
            raise NotFoundError(f"the file of {place} of {item.key!r} is not there")
        sides[label] = FileRows([table_file(path)])
    if other != key:
        sides["b"] = Renamed(sides["b"], {other: key})
    return SideRows(sides, [key])


def tables_of(
    runs: Sequence[RunReader], key: str, steps: Steps = "last", *, with_run: bool = True
) -> LoggedTable:
    """The tables of one key of several runs, one after the other.

    Args:
        runs: some may not have it.
        key: of the tables.
        steps: ``last``, ``all``, one or several.
        with_run: whether a column says the run.

    Raises:
        NotFoundError: none of the runs has such a table.
        QueryError: a file is damaged.
    """
    found = []
    missing: NotFoundError | None = None
    for run in runs:
        try:
            items = files_of(run, key, steps)
        except NotFoundError as why:
            missing = why
            continue
        for item in items:
            if is_joined(item):
                raise UsageError(f"{key!r} of run {run.id} is a JoinedTable, which is read alone")
            same: dict[str, str | int] = {"run": run.id} if with_run else {}
            found.append(table_file(_path(run, item), {**same, "step": item.step}))
    if not found:
        raise missing or NotFoundError(f"none of the runs has a table {key!r}")
    if len(found) > MOST_FILES:
        raise UsageError(
            f"{len(found)} files of {key!r} are more than one query reads; choose runs or steps"
        )
    return LoggedTable(FileRows(found), f"tables {key!r}")


def _path(run: RunReader, item: MediaItem) -> Path:
    run.folder.fetch(f"media/{item.path}")
    return run.folder.media / item.path


def files_of(run: RunReader, key: str, steps: Steps = "last") -> list[MediaItem]:
    """The files of a table, in the order of their rows.

    Raises:
        NotFoundError: there is none that can be read.
    """
    logged = [item for item in media_of(run, [key]) if item.kind in KINDS]
    if not logged:
        raise NotFoundError(_no_table(run, key))
    if steps == "all":
        items = logged
    else:
        wanted = _wanted(logged, steps)
        if not wanted:
            known = ", ".join(str(step) for step in sorted({item.step for item in logged})[:8])
            raise NotFoundError(
                f"table {key!r} of run {run.id} was not logged at step {steps}; it was at {known}"
            )
        items = [item for one in wanted for item in _whole(logged, one)]
    by_path = {item.path: item for item in reversed(items)}  # one file may be in several rows
    ready = [item for item in reversed(by_path.values()) if item.state == "ready"]
    if not ready:
        last = items[-1]
        raise NotFoundError(
            f"table {key!r} of run {run.id} is {last.state}"
            + (f": {last.error}" if last.error else "; its file is not there")
        )
    return sorted(ready, key=lambda item: (item.step, item.time))


def _wanted(logged: list[MediaItem], steps: Steps) -> list[MediaItem]:
    if steps == "last":
        ready = [item for item in logged if item.state == "ready"]
        return [max(ready or logged, key=lambda item: (item.step, item.time))]
    chosen = {steps} if isinstance(steps, int) else set(steps)
    last = {item.step: item for item in logged if item.step in chosen}
    return list(last.values())


def _whole(logged: list[MediaItem], last: MediaItem) -> list[MediaItem]:
    """The files that are the table together: of an incremental one, all up to the last."""
    if last.facts.get("log_mode") != "INCREMENTAL":
        return [last]
    until = (last.step, last.time)
    return [item for item in logged if (item.step, item.time) <= until]


def _no_table(run: RunReader, key: str) -> str:
    known = table_keys(run)
    return (
        f"run {run.id} has no table {key!r}; "
        f"{'it has ' + ', '.join(known[:8]) if known else 'it has none'}"
    )


def table_keys(run: RunReader) -> list[str]:
    """The keys under which tables were logged."""
    return sorted({item.key for item in media_of(run) if item.kind in KINDS})
