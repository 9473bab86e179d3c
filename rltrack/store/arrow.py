"""Runs as Arrow tables: what SQL sees of them, and what they are exported as.

A number that was not logged is null here, and a NaN that was logged is NaN: the two stay apart
in Arrow, in Parquet and in SQL. Ints are int64, bools bool, floats float64.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from rltrack._values import finite
from rltrack.extras import require
from rltrack.store.columns import INT, OBJECT
from rltrack.store.history import Table, TableColumn
from rltrack.store.run import RunReader, StreamName

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that are made into a table at a time.
SLICE_ROWS: Final = 1 << 17
#: Mark of a column of texts that each are JSON: values of several types, lists, references.
JSON_MARK: Final = {b"rltrack": b"json"}

_EXACT: Final = 2**53


def arrow() -> Any:
    """PyArrow.

    Raises:
        MissingExtraError: it is not installed.
    """
    return require("pyarrow", extra="analysis")


def clean(text: str) -> str:
    """A text as others take it: what is no character is a question mark."""
    return text.encode("utf-8", "replace").decode()


def json_text(value: object) -> str:
    """JSON as everybody reads it: what is not finite is a text."""
    return clean(json.dumps(finite(value), ensure_ascii=False, default=str))


# -- history ---------------------------------------------------------------------------------------


def history_schema(whole: Table, metadata: Mapping[bytes, bytes] | None = None) -> pa.Schema:
    """The columns of a run's rows."""
    pa = arrow()
    names: dict[str, None] = {}
    fields = []
    for key, column in whole.columns.items():
        name = clean(key)
        while name in names:  # keys that differ in what is no character
            name += "_"
        names[name] = None
        kind, marks = _kind(column)
        fields.append(pa.field(name, kind, metadata=marks))
    return pa.schema(fields, metadata=metadata)


def history_slices(whole: Table, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of a run, of which a slice is in memory as Arrow at a time; at least one slice."""
    pa = arrow()
    for first in range(0, max(whole.row_count, 1), SLICE_ROWS):
        rows = slice(first, first + SLICE_ROWS)
        arrays = [
            _array(column, rows, field)
            for column, field in zip(whole.columns.values(), schema, strict=True)
        ]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _kind(column: TableColumn) -> tuple[Any, dict[bytes, bytes] | None]:
    pa = arrow()
    kinds = {"i": pa.int64(), "b": pa.bool_(), "f": pa.float64()}
    if column.values.dtype.kind in kinds:
        return kinds[column.values.dtype.kind], None
    logged = column.values[column.present]
    if all(isinstance(value, str) for value in logged):
        return pa.string(), None
    return pa.string(), JSON_MARK


def _array(column: TableColumn, rows: slice, field: pa.Field) -> pa.Array:
    pa = arrow()
    values, present = column.values[rows], column.present[rows]
    if values.dtype.kind == "O":
        as_text = json_text if field.metadata else clean
        texts = [
            as_text(value) if there else None
            for value, there in zip(values.tolist(), present.tolist(), strict=True)
        ]
        return pa.array(texts, field.type)
    return pa.array(values, field.type, mask=~present, from_pandas=False)


# -- points ----------------------------------------------------------------------------------------


def points_schema() -> pa.Schema:
    """The columns of points in memory, as those that are sealed have them."""
    pa = arrow()
    return pa.schema(
        [
            ("run_id", pa.dictionary(pa.int32(), pa.string())),
            ("key", pa.dictionary(pa.int32(), pa.string())),
            ("row", pa.int64()),
            ("step", pa.int64()),
            ("time", pa.timestamp("ms", tz="UTC")),
            ("value", pa.float64()),
            ("exact", pa.int64()),
        ]
    )


def points_tables(run: RunReader, stream: StreamName) -> Iterator[pa.Table]:
    """Every number of a run's stream, key by key."""
    pa = arrow()
    with run.lock:
        rows = run.rows(stream)
        times_ms = rows.time_ns // 1_000_000
        for key in sorted(run.logged_keys(stream)):
            points = run.points(key, stream)
            if points is None or not points.column.is_numeric:
                continue
            row, values = points.numbers()
            exact = None
            if INT in points.column.seen:
                number = points.kinds != OBJECT
                bits, kinds = points.bits[number], points.kinds[number]
                beyond = (kinds == INT) & ((bits > _EXACT) | (bits < -_EXACT))
                if beyond.any():
                    exact = pa.array(bits, mask=~beyond)
            count = len(row)
            if not count:
                continue
            time = pa.array(times_ms[row]).cast(pa.timestamp("ms", tz="UTC"))
            yield pa.Table.from_arrays(
                [
                    _repeated(run.id, count),
                    _repeated(key, count),
                    pa.array(row.astype(np.int64)),
                    pa.array(rows.step[row]),
                    time,
                    pa.array(values, from_pandas=False),
                    pa.nulls(count, pa.int64()) if exact is None else exact,
                ],
                schema=points_schema(),
            )


def _repeated(text: str, count: int) -> pa.Array:
    pa = arrow()
    places = pa.array(np.zeros(count, np.int32))
    return pa.DictionaryArray.from_arrays(places, pa.array([clean(text)], pa.string()))


def gathered(tables: Iterable[pa.Table], least_rows: int = SLICE_ROWS) -> Iterator[pa.Table]:
    """Small tables put together, so that a thousand short ones are not written one by one."""
    pa = arrow()
    waiting: list[Any] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        if count >= least_rows:
            yield pa.concat_tables(waiting)
            waiting, count = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


# -- CSV -------------------------------------------------------------------------------------------


class CsvWriter:
    """Writes tables as CSV: nothing between commas is missing, and texts are in quotes.

    Floats are as short as reads back exactly; lists and what else has no form in CSV are JSON.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        pa = arrow()
        csv = require("pyarrow.csv", extra="analysis")
        self._schema = pa.schema([(field.name, _flat_type(field.type)) for field in schema])
        self._writer = csv.CSVWriter(file, self._schema)

    def __enter__(self) -> CsvWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Write some rows."""
        pa = arrow()
        columns = [
            _flat(column, field.type)
            for column, field in zip(rows.columns, self._schema, strict=True)
        ]
        self._writer.write(pa.Table.from_arrays(columns, schema=self._schema))


def _flat_type(kind: Any) -> Any:
    types = arrow().types
    if types.is_null(kind) or types.is_dictionary(kind):
        return arrow().string()
    simple = (types.is_integer, types.is_floating, types.is_boolean, types.is_string)
    exact = (types.is_decimal, types.is_timestamp, types.is_date, types.is_time)
    return kind if any(test(kind) for test in (*simple, *exact)) else arrow().string()


def _flat(column: Any, kind: Any) -> Any:
    if column.type == kind:
        return column
    if arrow().types.is_dictionary(column.type):
        return column.cast(kind)
    texts = [
        None
        if value is None
        else json_text(value)
        if isinstance(value, (list, dict))
        else str(value)
        for value in column.to_pylist()
    ]
    return arrow().array(texts, kind)
