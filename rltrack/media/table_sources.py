"""What a table is made of: frames of other libraries, arrays, dicts of lists, rows, and streams of these.

No library is imported for the question what a value is: who has a frame has its library.
"""

from __future__ import annotations

import itertools
import json
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from rltrack._values import is_array
from rltrack.errors import UsageError
from rltrack.media.direct import is_frame
from rltrack.media.table_kinds import arrow
from rltrack.media.table_rows import BATCH_ROWS

#: Columns of some rows, in order: each an Arrow array, or a list of cells.
Part: TypeAlias = list[Any]

#: Texts that are packed together.
CHUNK_BYTES: Final = 32 << 20


def parts_of(data: Any, width: int | None) -> tuple[list[Any] | None, Iterator[Part]]:
    """The names of the columns, where `data` says them, and its rows.

    Args:
        data: anything that `Table` takes.
        width: how many columns the table has, where that was said.

    Raises:
        TypeError: it is no table.
        UsageError: its parts do not fit together.
    """
    library = type(data).__module__.partition(".")[0]
    if library == "pandas" and hasattr(data, "iloc"):
        frame = data if hasattr(data, "columns") else data.to_frame()
        return list(frame.columns), _of_pandas(frame)
    if library == "polars" and hasattr(data, "collect"):
        data = data.collect()
    if library == "pyarrow" or hasattr(data, "__arrow_c_stream__"):
        reader = _arrow_reader(data)
        return list(reader.schema.names), _of_arrow(reader)
    if isinstance(data, Mapping):
        return list(data), _of_mapping(data)
    if is_array(data):
        return _of_array(data)
    if isinstance(data, (str, bytes)) or not isinstance(data, Iterable):
        raise TypeError(
            "a table is made of rows, a dict of lists, a frame or an array, "
            f"not of {type(data).__module__}.{type(data).__qualname__}"
        )
    return _of_iterable(data, width)


# -- frames ----------------------------------------------------------------------------------------


def _of_pandas(frame: Any) -> Iterator[Part]:
    series = [frame.iloc[:, place] for place in range(len(frame.columns))]
    for first in range(0, len(frame), BATCH_ROWS):
        yield [_pandas_cells(one.iloc[first : first + BATCH_ROWS]) for one in series]


def _pandas_cells(series: Any) -> Any:
    pa = arrow()
    if series.dtype.kind in "biuf" and type(series.dtype).__module__.startswith("numpy"):
        return pa.array(series.to_numpy())  # its NaN is one, and no hole
    try:
        return _whole(pa.array(series, from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError):
        # Cells of several types, or that only we know.
        return [None if _is_missing(cell) else cell for cell in series.tolist()]


def _is_missing(cell: Any) -> bool:
    """Whether pandas means that there is nothing."""
    return (isinstance(cell, float) and cell != cell) or type(cell).__name__ in (
        "NAType",
        "NaTType",
    )


def _arrow_reader(data: Any) -> Any:
    pa = arrow()
    if hasattr(data, "to_reader") and not isinstance(data, pa.RecordBatchReader):
        return data.to_reader(BATCH_ROWS)
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data]).to_reader(BATCH_ROWS)
    if hasattr(data, "scanner"):  # a dataset: many files
        return data.scanner().to_reader()
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    raise TypeError(f"a pyarrow.{type(data).__qualname__} is no table")


def _of_arrow(reader: Any) -> Iterator[Part]:
    # Texts that are JSON in the file of another table are what they were.
    is_json = [
        (field.metadata or {}).get(b"rltrack") in (b"json", b"media") for field in reader.schema
    ]
    for batch in reader:
        for first in range(0, batch.num_rows, BATCH_ROWS):
            part: Part = list(batch.slice(first, BATCH_ROWS).columns)
            for at, marked in enumerate(is_json):
                if marked:
                    cells = part[at].to_pylist()
                    part[at] = [None if cell is None else json.loads(cell) for cell in cells]
            yield part


def _whole(array: Any) -> Any:
    return array.combine_chunks() if hasattr(array, "combine_chunks") else array


# -- arrays and columns ----------------------------------------------------------------------------


def _of_array(data: Any) -> tuple[list[Any] | None, Iterator[Part]]:
    array = data.detach().cpu().numpy() if hasattr(data, "detach") else data
    if names := getattr(array.dtype, "names", None):
        return list(names), _of_mapping({name: array[name] for name in names})
    if array.ndim not in (1, 2):
        raise UsageError(f"a table has rows and columns, and the array is of shape {array.shape}")
    columns = [array] if array.ndim == 1 else [array[:, at] for at in range(array.shape[1])]
    return list(map(str, range(len(columns)))), _sliced(columns, len(array))


def _of_mapping(data: Mapping[Any, Any]) -> Iterator[Part]:
    lengths: dict[Any, int] = {}
    columns: dict[Any, Any] = {}
    for name, values in data.items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise TypeError(
                f"column {name!r} is a {type(values).__qualname__}; a column is a list of cells"
            )
        columns[name] = values if hasattr(values, "__len__") else list(values)
        lengths[name] = len(columns[name])
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {count}" for name, count in lengths.items())
        raise UsageError(f"the columns of a table are of one length: {told}")
    return _sliced(list(columns.values()), max(lengths.values(), default=0))


def _sliced(columns: Sequence[Any], rows: int) -> Iterator[Part]:
    pa = arrow()
    held = []
    for values in columns:
        if hasattr(values, "detach"):
            values = values.detach().cpu().numpy()
        if type(values).__module__.partition(".")[0] == "polars":
            values = values.to_arrow()
        held.append(values)
    for first in range(0, rows, BATCH_ROWS):
        part: Part = []
        for values in held:
            if hasattr(values, "iloc"):
                part.append(_pandas_cells(values.iloc[first : first + BATCH_ROWS]))
                continue
            cells = values[first : first + BATCH_ROWS]
            if isinstance(cells, (pa.Array, pa.ChunkedArray)):
                part.append(_whole(cells))
            elif is_array(cells) and cells.ndim == 1 and cells.dtype.kind in "biuf":
                part.append(pa.array(cells))
            else:
                part.append(list(cells))
        yield part


# -- rows ------------------------------------------------------------------------------------------


def _of_iterable(data: Iterable[Any], width: int | None) -> tuple[list[Any] | None, Iterator[Part]]:
    items = iter(data)
    first = next(items, None)
    if first is None:
        return None, iter(())
    items = itertools.chain([first], items)
    if is_frame(first) or hasattr(first, "num_rows"):
        names, _ = parts_of(first, width)
        return names, _of_frames(items, names)
    if isinstance(first, Mapping):
        named = list(first)
        return named, _of_rows((_by_name(row, named) for row in items), len(named))
    return None, _of_rows(items, width)


def _of_frames(frames: Iterable[Any], names: list[Any] | None) -> Iterator[Part]:
    for frame in frames:
        there, parts = parts_of(frame, None)
        if there != names:
            raise UsageError(f"the frames of a table have the same columns: {names}, not {there}")
        yield from parts


def _by_name(row: Mapping[Any, Any], names: list[Any]) -> list[Any]:
    if unknown := row.keys() - set(names):
        raise UsageError(f"a row has {min(map(str, unknown))!r}, and the first one has {names}")
    return [row.get(name) for name in names]


def _of_rows(rows: Iterable[Any], width: int | None) -> Iterator[Part]:
    count = 0
    for some in chunks_of_rows(rows):
        try:
            lengths = set(map(len, some))
        except TypeError:
            at = next(at for at, row in enumerate(some) if not hasattr(row, "__len__"))
            raise TypeError(
                f"row {count + at} of a table is a list of cells, not {type(some[at]).__qualname__}"
            ) from None
        width = len(some[0]) if width is None else width
        if lengths != {width}:
            at = next(at for at, row in enumerate(some) if len(row) != width)
            raise UsageError(wrong_length(len(some[at]), width, f"row {count + at}"))
        count += len(some)
        yield by_column(some, width)


def by_column(rows: Sequence[Any], width: int) -> list[list[Any]]:
    """Rows as columns. One column at a time: `zip` would go around all the rows for each cell."""
    return [list(map(operator.itemgetter(at), rows)) for at in range(width)]


def wrong_length(found: int, width: int, row: str = "a row") -> str:
    """What is said of a row that is too long or too short."""
    return f"{row} has {found} cells, and this table expects {width} columns"


def chunks_of_rows(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Some rows at a time: so many that they pack well, and so few that they fit into memory."""
    waiting: list[Any] = []
    guessed_bytes = 0
    remaining = iter(rows)
    while some := list(itertools.islice(remaining, 256)):
        waiting += some
        guessed_bytes += 256 * text_bytes(some[-1])
        if len(waiting) >= BATCH_ROWS or guessed_bytes > CHUNK_BYTES:
            yield waiting
            waiting, guessed_bytes = [], 0
    if waiting:
        yield waiting


def text_bytes(row: Any) -> int:
    """What the long cells of a row take."""
    return sum(len(cell) for cell in row if isinstance(cell, (str, bytes)))
