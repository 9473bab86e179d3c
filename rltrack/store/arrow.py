"""Runs as Arrow tables: what SQL sees of them, and what they are exported as.

A number that was not logged is null here, and a NaN that was logged is NaN: the two stay apart
in Arrow, in Parquet and in SQL. Ints are int64, bools bool, floats float64.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from rltrack._values import finite
from rltrack.extras import require
from rltrack.journal.definitions import ROW_AXES, RUNTIME, STEP, TIMESTAMP
from rltrack.store.columns import BOOL, FLOAT, INT, OBJECT, Ints, Kinds, as_floats
from rltrack.store.run import RunReader, StreamName
from rltrack.store.series import seconds
from rltrack.store.stream import Points

if TYPE_CHECKING:
    import pyarrow as pa

#: Points that are written together.
SLICE_ROWS: Final = 1 << 17
#: Rows times columns of a history that are made into a table at a time.
SLICE_CELLS: Final = 4 << 20
#: Mark of a column of texts that each are JSON: values of several types, lists, references.
JSON_MARK: Final = {"rltrack": "json"}

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


def history_schema(run: RunReader, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """The columns of a run's rows: the axes that every row has, and each key.

    Args:
        run: whose rows they are.
        metadata: goes into files with the schema.
    """
    pa = arrow()
    fields = [
        pa.field(STEP, pa.int64()),
        pa.field(TIMESTAMP, pa.float64()),
        pa.field(RUNTIME, pa.float64()),
    ]
    names = set(ROW_AXES)
    for key in _keys(run):
        points = run.points(key)
        assert points is not None
        name = clean(key)
        while name in names:  # keys that differ in what is no character
            name += "_"
        names.add(name)
        kind, marks = _kind(points)
        fields.append(pa.field(name, kind, metadata=marks))
    return pa.schema(fields, metadata=metadata)


def history_tables(run: RunReader, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of a run, of which a slice is in memory as Arrow at a time; at least one slice."""
    pa = arrow()
    with run.lock:
        rows, created_ns = run.rows(), run.created_ns
        found = [run.points(key) for key in _keys(run)]
    size = max(SLICE_CELLS // len(schema), 1024)
    for first in range(0, max(len(rows), 1), size):
        times = rows.time_ns[first : first + size]
        arrays = [
            pa.array(rows.step[first : first + size]),
            pa.array(seconds(times)),
            pa.array(seconds(times, created_ns)),
        ]
        for points, field in zip(found, list(schema)[len(arrays) :], strict=True):
            assert points is not None
            begin, end = np.searchsorted(points.row, [first, first + size])
            part = slice(int(begin), int(end))
            place = points.row[part].astype(np.int64) - first
            arrays.append(_spread(points, part, place, len(times), field))
        yield pa.Table.from_arrays(arrays, schema=schema)


def _keys(run: RunReader) -> list[str]:
    return [key for key in run.logged_keys() if key not in ROW_AXES]


def _kind(points: Points) -> tuple[Any, dict[str, str] | None]:
    """The type of a key's column, and the mark of one that is JSON."""
    pa = arrow()
    seen = points.column.seen
    if seen in ({FLOAT}, {INT}, {BOOL}):
        return {FLOAT: pa.float64(), INT: pa.int64(), BOOL: pa.bool_()}[min(seen)], None
    if seen == {FLOAT, INT}:
        ints = points.bits[points.kinds == INT]
        if np.all((ints >= -_EXACT) & (ints <= _EXACT)):
            return pa.float64(), None
    if seen == {OBJECT} and all(isinstance(value, str) for value in points.column.objects):
        return pa.string(), None
    return pa.string(), JSON_MARK


def _spread(points: Points, part: slice, place: Ints, count: int, field: pa.Field) -> pa.Array:
    """Some points of a key as a column of `count` rows, null where there is none."""
    pa = arrow()
    bits, kinds = points.bits[part], points.kinds[part]
    if pa.types.is_string(field.type):
        as_text = json_text if field.metadata else clean
        texts: list[str | None] = [None] * count
        for at, value in zip(place.tolist(), _plain(points, bits, kinds), strict=True):
            texts[at] = as_text(value)
        return pa.array(texts, field.type)
    missing = np.ones(count, np.bool_)
    missing[place] = False
    is_float = pa.types.is_floating(field.type)
    values: npt.NDArray[Any] = np.zeros(count, field.type.to_pandas_dtype())
    values[place] = as_floats(bits, kinds, points.column.seen) if is_float else bits
    return pa.array(values, field.type, mask=missing, from_pandas=False)


def _plain(points: Points, bits: Ints, kinds: Kinds) -> Iterator[Any]:
    """Values as Python's own."""
    floats = bits.view(np.float64)
    for at, (value, kind) in enumerate(zip(bits.tolist(), kinds.tolist(), strict=True)):
        if kind == OBJECT:
            yield points.column.objects[value]
        else:
            yield float(floats[at]) if kind == FLOAT else bool(value) if kind == BOOL else value


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

    Args:
        file: open for bytes.
        schema: of the rows.
        formulas: write texts as they are; if not, those that a spreadsheet would run get a ``'``
            in front.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema, *, formulas: bool = True) -> None:
        self._formulas = formulas
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
        if not self._formulas:
            columns = [_harmless(column) for column in columns]
        self._writer.write(pa.Table.from_arrays(columns, schema=self._schema))


def _harmless(column: Any) -> Any:
    """Texts of which none is a formula: none begins as one does, if it is no number."""
    if not arrow().types.is_string(column.type):
        return column
    compute = require("pyarrow.compute", extra="analysis")
    runs = compute.match_substring_regex(column, r"^[=+\-@\t\r]")
    number = compute.match_substring_regex(column, r"^[+\-]?[0-9.]+([eE][+\-]?[0-9]+)?$")
    shown = compute.binary_join_element_wise("'", column, "")
    return compute.if_else(compute.and_not(runs, number), shown, column)


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
