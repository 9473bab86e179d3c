"""`Table`: rows of typed columns, stored as Parquet.

    table = rltrack.Table(columns=["episode", "return", "video"])
    table.add_data(7, 212.0, rltrack.Video(frames))
    run.log({"eval/episodes": table})

Read `table_kinds.py` for what a cell may be, `table_rows.py` for where the rows are meanwhile, and
`table_file.py` for the file.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from rltrack.errors import UsageError
from rltrack.journal.records import Json
from rltrack.media.base import Logging, Media
from rltrack.media.table_columns import Columns, checked_names
from rltrack.media.table_file import write_table, written_batches, written_schema
from rltrack.media.table_kinds import SIMPLE, arrow, asked_kind
from rltrack.media.table_rows import BATCH_ROWS, Batches
from rltrack.media.table_sources import (
    CHUNK_BYTES,
    Part,
    by_column,
    parts_of,
    text_bytes,
    wrong_length,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

LogMode: TypeAlias = Literal["IMMUTABLE", "MUTABLE", "INCREMENTAL"]
LOG_MODES: Final = ("IMMUTABLE", "MUTABLE", "INCREMENTAL")
DEFAULT_COLUMNS: Final = ("Input", "Output", "Expected")


class Table(Media):
    """Rows of typed columns. Cells are numbers, texts, dates, lists, dicts, and media.

    A column takes its type from its cells, or from `dtype`. Rows beyond 128 MiB wait in a
    temporary file, so a table of any length costs bounded memory.

    Args:
        columns: names; by default those of `data`, or ``Input, Output, Expected``.
        data: rows, a dict of lists, a frame of pandas, Polars or PyArrow, an array of two
            dimensions, or an iterator of rows or of frames, which is read to its end.
        rows: the same.
        dataframe: the same.
        dtype: type of all columns, or one a column, or a dict by name: ``int``, ``float``,
            ``str``, ``bool``, a NumPy type, a media class, ``object`` for any.
        optional: whether cells may be None: for all columns, or one a column, or by name.
        allow_mixed_types: a column may hold cells of several types; it is kept as JSON then.
        log_mode: what logging it again does: ``MUTABLE`` writes all of its rows anew,
            ``INCREMENTAL`` only those that have come since, and ``IMMUTABLE`` nothing.

    Raises:
        UsageError: a row is of another length, a column is there twice, or an argument is
            not what it may be. It is a `ValueError`.
        TypeError: a cell is not of its column's type.
        MissingExtraError: PyArrow is not installed.
    """

    kind: ClassVar[str] = "table"
    type_name: ClassVar[str] = "table-file"
    extension = "parquet"

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: bool | Sequence[bool] | Mapping[str, bool] = True,
        allow_mixed_types: bool = False,
        log_mode: LogMode | None = "MUTABLE",
    ) -> None:
        arrow()
        mode = log_mode or "MUTABLE"
        if mode not in LOG_MODES:
            raise UsageError(f"Table(log_mode={log_mode!r}): there are {', '.join(LOG_MODES)}")
        given = [one for one in (data, rows, dataframe) if one is not None]
        if len(given) > 1:
            raise UsageError("Table: say one of data, rows and dataframe")
        if isinstance(columns, str):
            raise UsageError(f"Table(columns={columns!r}): columns is a list of names")
        self.log_mode: LogMode = mode
        self._batches = Batches()
        self._waiting: list[tuple[Any, ...]] = []
        self._waiting_bytes = 0
        self._accepted: set[tuple[type, ...]] = set()
        self._version = 0
        self._logged: weakref.WeakKeyDictionary[Any, _Logged] = weakref.WeakKeyDictionary()
        self._references: list[dict[str, Json]] = []
        self._first = 0
        self._more_facts: dict[str, Json] = {}
        self._keys: dict[str, Json] = {}
        names: Sequence[Any] | None = None
        parts: Iterator[Part] = iter(())
        if given:
            source = given[0]
            if isinstance(source, Table):
                names, parts = list(source.columns), source._parts()
            else:
                names, parts = parts_of(source, None if columns is None else len(columns))
        if columns is not None and names is not None:
            parts = _chosen(parts, checked_names(names), checked_names(columns))
        chosen = columns if columns is not None else names
        self._columns = Columns(
            DEFAULT_COLUMNS if chosen is None else chosen, dtype, optional, allow_mixed_types
        )
        for part in parts:
            self._add_part(part)

    @classmethod
    def of_frame(cls, frame: Any) -> Table:
        """A table of a frame that was logged as it is; its columns may hold cells of several types."""
        return cls(dataframe=frame, allow_mixed_types=True)

    # -- what is in it -----------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self._columns.all]

    @property
    def types(self) -> dict[str, str]:
        """What each column holds: ``int``, ``float``, ``text``, ``media``, ``list:float``."""
        self._seal()
        return {column.name: column.kind for column in self._columns.all}

    def __len__(self) -> int:
        return self._batches.row_count + len(self._waiting)

    def __bool__(self) -> bool:
        return True  # a table without rows is one

    @property
    def data(self) -> list[list[Any]]:
        """All rows."""
        return [row for _, row in self.iterrows()]

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Each row, with its number."""
        number = 0
        for cells in self._cells():
            for row in zip(*cells, strict=True):
                yield number, list(row)
                number += 1

    def get_column(
        self, name: str, convert_to: Literal["numpy"] | None = None
    ) -> list[Any] | npt.NDArray[Any]:
        """The cells of a column.

        Args:
            name: of the column.
            convert_to: ``numpy`` for an array.

        Raises:
            UsageError: there is no such column.
        """
        if convert_to not in (None, "numpy"):
            raise UsageError(f"get_column(convert_to={convert_to!r}): there is 'numpy'")
        place = self._columns.place(name)
        cells = [cell for part in self._cells([place]) for cell in part[0]]
        if convert_to is None:
            return cells
        import numpy as np

        return np.array(cells)

    def get_dataframe(self) -> pd.DataFrame:
        """All rows as a DataFrame; media are themselves, a hole among ints makes ``Int64``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from rltrack.media.table_frames import data_frame

        found = data_frame(self.arrow())
        for at, column in enumerate(self._columns.all):
            if column.kind in ("media", "json", "any"):
                cells = [cell for part in self._cells([at]) for cell in part[0]]
                found[column.name] = cells
        return found

    def get_index(self) -> list[int]:
        """The numbers of the rows."""
        return list(range(len(self)))

    def arrow(self) -> pa.Table:
        """All rows as they are stored: media as references to them, dicts as JSON."""
        pa = arrow()
        schema = self._schema()
        return pa.Table.from_batches(self._written(schema), schema)

    def query(self, sql: str, *, timeout_s: float = 60.0) -> pd.DataFrame:
        """Ask it in SQL (DuckDB's), in a process of its own that can only read.

            table.query("SELECT env, avg(return) FROM table GROUP BY env")

        Args:
            sql: one statement over ``table``; cells with media or dicts are JSON there.
            timeout_s: how many seconds it may take.

        Raises:
            QueryError: it is wrong, does more than read, or takes too long or too much memory.
            UsageError: the table has no columns.
            MissingExtraError: DuckDB or pandas is not installed.
        """
        from rltrack.media.table_query import query_table

        return query_table(self, sql, timeout_s)

    def _cells(self, places: Sequence[int] | None = None) -> Iterator[list[list[Any]]]:
        """Columns of some rows, as Python's own values."""
        import json

        self._seal()
        kinds = [column.kind for column in self._columns.all]
        chosen = range(len(kinds)) if places is None else places
        for batch in self._batches.read():
            found = []
            for at in chosen:
                held = batch.schema.field(at).metadata[b"kind"].decode()
                cells = batch.column(at).to_pylist()
                if held == "media":
                    cells = [None if cell is None else self._columns.media[cell] for cell in cells]
                elif held in ("json", "any"):
                    cells = [
                        None
                        if cell is None
                        else self._columns.media[int(cell[1:])]
                        if cell[:1] == "\0"
                        else json.loads(cell)
                        for cell in cells
                    ]
                elif kinds[at] == "float" and held == "int":
                    cells = [None if cell is None else float(cell) for cell in cells]
                found.append(cells)
            yield found

    def _parts(self) -> Iterator[Part]:
        return self._cells()

    # -- what comes --------------------------------------------------------------------------

    def add_data(self, *data: Any) -> None:
        """Append a row, a cell for each column.

        Raises:
            UsageError: there are more or fewer cells than columns. It is a `ValueError`.
            TypeError: a cell is not of its column's type; the row is not added.
        """
        width = len(self._columns.all)
        if len(data) != width or not width:
            raise UsageError(f"{wrong_length(len(data), width)}: {', '.join(self.columns)}")
        types = tuple(map(type, data))
        if types not in self._accepted:
            data = self._columns.look(data)
            if all(one in SIMPLE for one in types):
                self._accepted.add(types)
        self._waiting.append(data)
        self._version += 1
        if not len(self._waiting) & 0xFF:
            self._waiting_bytes += 256 * text_bytes(data)
            if len(self._waiting) >= BATCH_ROWS or self._waiting_bytes > CHUNK_BYTES:
                self._seal()

    def add_row(self, *row: Any) -> None:
        """The same as `add_data`, under W&B's older name."""
        self.add_data(*row)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """Append a column.

        Args:
            name: of the column.
            data: a cell for each row, as a list, an array or a Series.
            optional: whether cells may be None.

        Raises:
            UsageError: it is of another length, or a column of that name is there.
            TypeError: its cells are of several types.
        """
        self._seal()
        checked_names([*self.columns, name])
        cells = data if hasattr(data, "__len__") else list(data)
        if self._columns.all and len(cells) != len(self):
            raise UsageError(
                f"add_column({name!r}): it has {len(cells)} cells, and the table {len(self)} rows"
            )
        self._join(Table([name], {name: cells}, None, None, None, optional, self._columns.mixed))

    def add_computed_columns(self, fn: Callable[[int, dict[str, Any]], Mapping[str, Any]]) -> None:
        """Append columns that are computed from each row.

        Args:
            fn: given the number of a row and its cells by name; gives the new cells by name,
                of the same names for each row.

        Raises:
            UsageError: it gives other names for a later row, or one that is there.
            TypeError: it gives cells of several types, or no mapping.
        """
        names = self.columns

        def computed() -> Iterator[Mapping[str, Any]]:
            for number, row in self.iterrows():
                cells = fn(number, dict(zip(names, row, strict=True)))
                if not isinstance(cells, Mapping):
                    raise TypeError(
                        f"add_computed_columns: the function gave {type(cells).__qualname__} "
                        f"for row {number}, and a dict of new cells is asked for"
                    )
                yield cells

        made = Table(data=computed(), allow_mixed_types=self._columns.mixed)
        if len(self):
            checked_names([*names, *made.columns])
            self._join(made)

    def cast(self, col_name: str, dtype: Any, optional: bool = False) -> None:
        """Say what a column holds from now on; cells that are there are converted.

        Args:
            col_name: of the column.
            dtype: as for `Table`.
            optional: whether cells may be None.

        Raises:
            UsageError: there is no such column.
            TypeError: a cell cannot be of that type.
        """
        place = self._columns.place(col_name)
        kind = asked_kind(dtype)
        cells = self.get_column(col_name)
        made = Table([col_name], {col_name: cells}, dtype=dtype, optional=optional)
        column = self._columns.all[place]
        if kind != "any":
            self._replace(place, made)
        column.kind, column.is_fixed, column.optional = kind, kind != "any", optional
        self._accepted.clear()

    def set_pk(self, col_name: str) -> None:
        """Say which column tells rows apart; tables side by side are put together by it.

        Args:
            col_name: of the column.

        Raises:
            UsageError: there is no such column.
        """
        self._columns.place(col_name)
        self._keys["primary_key"] = col_name
        self._version += 1

    def set_fk(self, col_name: str, table: Table, table_col: str) -> None:
        """Say that the cells of a column are those of a column of another table.

        Args:
            col_name: of the column.
            table: the other one.
            table_col: of its column.

        Raises:
            UsageError: one of them has no such column.
        """
        self._columns.place(col_name)
        table._columns.place(table_col)
        known = self._keys.get("foreign_keys")
        others = known if isinstance(known, dict) else {}
        self._keys["foreign_keys"] = {**others, col_name: table_col}
        self._version += 1

    def _add_part(self, part: Part) -> None:
        """Append rows that come as columns."""
        pa = arrow()
        self._seal()
        columns = self._columns
        if len(part) != len(columns.all):
            raise UsageError(wrong_length(len(part), len(columns.all)))
        first = len(self)
        arrays = [
            columns.taken(column, cells, first)
            if isinstance(cells, pa.Array)
            else columns.array(column, cells, first)
            for column, cells in zip(columns.all, part, strict=True)
        ]
        if arrays and len(arrays[0]):
            self._batches.add(columns.batch(arrays))
            self._version += 1

    def _seal(self) -> None:
        """Pack the rows that came one by one."""
        if self._waiting:
            waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
            columns = self._columns
            arrays = [
                columns.array(column, cells)
                for column, cells in zip(
                    columns.all, by_column(waiting, len(columns.all)), strict=True
                )
            ]
            self._batches.add(columns.batch(arrays))

    def _join(self, other: Table) -> None:
        """Put the columns of a table of the same length beside those that are there."""
        self._rebuild(lambda columns, more: [*columns, *more], other)

    def _replace(self, place: int, other: Table) -> None:
        def put(columns: list[Any], more: list[Any]) -> list[Any]:
            return [*columns[:place], *more, *columns[place + 1 :]]

        self._rebuild(put, other)

    def _rebuild(self, put: Callable[[list[Any], list[Any]], list[Any]], other: Table) -> None:
        pa = arrow()
        self._seal()
        other._seal()
        moved = len(self._columns.media)
        batches = Batches()
        for rows, more in _side_by_side(self._batches.read(), other._batches.read()):
            fields = pa.schema(put(list(rows.schema), list(more.schema)))
            added = [
                _moved(array, field, moved)
                for array, field in zip(more.columns, more.schema, strict=True)
            ]
            arrays = put(rows.columns, added)
            batches.add(pa.RecordBatch.from_arrays(arrays, schema=fields))
        if not self._columns.all:
            batches = other._batches
        self._batches = batches
        self._columns.media += other._columns.media
        self._columns.all = put(self._columns.all, other._columns.all)
        self._accepted.clear()
        self._version += 1

    # -- how it is logged ----------------------------------------------------------------------

    @property
    def size_bytes(self) -> int:  # type: ignore[override]
        """Memory that is held."""
        return self._batches.size_bytes

    def logged(self, to: Logging) -> dict[str, Json]:
        """Have it written as it stands now, as its `log_mode` says."""
        self._seal()
        before = self._logged.get(to.run)
        if before is not None and (self.log_mode == "IMMUTABLE" or before.version == self._version):
            if before.version != self._version:
                to.warn(
                    f"table {before.key}",
                    f"log({to.key!r}): the table has changed since it was logged, and is "
                    "IMMUTABLE, so its first rows stay; make it with log_mode='MUTABLE' to have "
                    "all of them written again, or 'INCREMENTAL' for the new ones",
                )
            if before.key == to.key or self.log_mode == "IMMUTABLE":
                return before.reference
        snapshot = self._snapshot()
        snapshot._references = [] if before is None else before.references
        number = 0
        if self.log_mode == "INCREMENTAL" and before is not None and before.key == to.key:
            snapshot._first, number = before.rows, before.number + 1
        if self.log_mode == "INCREMENTAL":
            snapshot._more_facts = {"increment": number, "first_row": snapshot._first}
        reference = to.put(snapshot)
        if to.keep is not None:
            media = [str(one["path"]) for one in snapshot._references if "path" in one]
            part = number if self.log_mode == "INCREMENTAL" else None
            to.keep(to.key, str(reference["path"]), media, part)
        self._logged[to.run] = _Logged(
            to.key, self._version, len(self), number, reference, snapshot._references
        )
        return reference

    def _snapshot(self) -> Table:
        """What it is now; rows that come later are not in it."""
        made = Table.__new__(Table)
        made.__dict__ |= self.__dict__
        made._keys = dict(self._keys)
        made._batches = self._batches.copy()
        made._columns = self._columns.copy()
        made._waiting = []
        return made

    def place(self, put: Callable[[Media], dict[str, Json]]) -> None:
        """Have the media in cells written, each as a file."""
        for media in self._columns.media[len(self._references) :]:
            self._references.append(put(media))

    def facts(self) -> dict[str, Json]:
        """Columns, what they hold, how many rows there are."""
        rows = len(self) - self._first
        columns = self._columns.all
        facts: dict[str, Json] = {
            "ncols": len(columns),
            "nrows": rows,
            "log_mode": self.log_mode,
            **self._more_facts,
            **self._keys,
        }
        if len(columns) <= _MOST_NAMES:
            facts["columns"] = [column.name for column in columns]
            facts["column_types"] = [column.kind for column in columns]
        return facts

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        schema = self._schema()
        rows = write_table(path, schema, self._written(schema))
        return {"nrows": rows}

    def _schema(self) -> pa.Schema:
        self._seal()
        facts = {"log_mode": self.log_mode, **self._more_facts, **self._keys}
        return written_schema(self._columns.all, facts)

    def _written(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        self._seal()
        references = list(self._references)
        waiting = self._columns.media[len(references) :]  # as long as it is not logged
        references += [{"_type": media.type_name, **media.facts()} for media in waiting]
        return written_batches(self._batches.read(self._first), schema, references)

    def __repr__(self) -> str:
        return f"<rltrack.Table {len(self)} rows of {', '.join(self.columns)}>"


#: Names of columns that are in the row that refers to a table; all are in its file.
_MOST_NAMES: Final = 1000


@dataclass(frozen=True, slots=True)
class _Logged:
    """What was logged of a table in a run."""

    key: str
    version: int
    rows: int
    number: int
    """Of the increment."""
    reference: dict[str, Json]
    references: list[dict[str, Json]]
    """To the media in its cells."""


def _chosen(parts: Iterable[Part], there: list[str], wanted: list[str]) -> Iterator[Part]:
    """Parts with the columns that are wanted, by name; of as many others, the names are new."""
    missing = [name for name in wanted if name not in there]
    if missing and len(there) != len(wanted):
        raise UsageError(f"the data has no column {missing[0]!r}; it has {', '.join(there)}")
    places = range(len(there)) if missing else [there.index(name) for name in wanted]
    return ([part[at] for at in places] for part in parts)


def _moved(numbers: Any, field: Any, by: int) -> Any:
    """The numbers of media, behind those of another table."""
    kind = field.metadata[b"kind"]
    if kind == b"media":
        from pyarrow import compute

        return compute.add(numbers, by)
    if kind == b"any" and by:
        cells = [
            f"\0{int(cell[1:]) + by}" if cell and cell[0] == "\0" else cell
            for cell in numbers.to_pylist()
        ]
        return arrow().array(cells, arrow().string())
    return numbers


def _side_by_side(left: Iterator[Any], right: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    """Batches of two tables of one length, cut so that each pair has the same rows."""
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        rows = min(one.num_rows, other.num_rows)
        yield one.slice(0, rows), other.slice(0, rows)
        one = one.slice(rows) if rows < one.num_rows else next(left, None)
        other = other.slice(rows) if rows < other.num_rows else next(right, None)
