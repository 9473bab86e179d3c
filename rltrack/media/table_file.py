"""A table as a Parquet file, row group by row group: its length costs no memory.

The file says what its columns hold, in its metadata under ``rltrack``, as JSON:
``{"version": 1, "columns": [{"name", "kind", "optional"}], "log_mode"}``, and where they were said
``"primary_key": column`` and ``"foreign_keys": {column: column of another table}``. Texts that are JSON, and
references to media, are marked in the fields, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.table_columns import MEDIA_SIGN, Column
from rltrack.media.table_kinds import arrow, arrow_type, texts_of_json

if TYPE_CHECKING:
    import pyarrow as pa

#: DuckDB reads row groups in parallel, and a table has many.
GROUP_ROWS: Final = 1 << 17
#: LZ4 reads three times as fast as zstd, and writes faster than disks take it.
_COMPRESSION: Final = "lz4"


def written_schema(columns: Sequence[Column], facts: dict[str, Json] | None = None) -> pa.Schema:
    """The columns of the file."""
    pa = arrow()
    fields = [
        pa.field(
            column.name,
            pa.string() if column.kind == "media" else column.type or arrow_type(column.kind),
            nullable=column.optional,
            metadata=column.mark,
        )
        for column in columns
    ]
    told = {
        "version": 1,
        "columns": [
            {"name": column.name, "kind": column.kind, "optional": column.optional}
            for column in columns
        ],
        **(facts or {}),
    }
    return pa.schema(fields, metadata={"rltrack": json.dumps(told)})


def written_batches(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, references: Sequence[Json]
) -> Iterator[pa.RecordBatch]:
    """Rows as the file has them: of the types that columns have by now, references for media.

    Args:
        batches: as a table keeps them.
        schema: of the file.
        references: what is said of each media of the table.
    """
    pa = arrow()
    texts = pa.array(texts_of_json(references), pa.string())
    for batch in batches:
        arrays = [
            _written(array, held.metadata[b"kind"].decode(), field, texts)
            for array, held, field in zip(batch.columns, batch.schema, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _written(array: Any, kind: str, field: Any, texts: Any) -> Any:
    pa = arrow()
    mark = (field.metadata or {}).get(b"rltrack")
    if mark is None:
        return array if array.type == field.type else array.cast(field.type)
    if kind == "media":
        return texts.take(array)
    if kind not in ("json", "any"):
        return pa.array(texts_of_json(array.to_pylist()), field.type)
    if kind == "any" and any(cell and cell.startswith(MEDIA_SIGN) for cell in array.to_pylist()):
        cells = [
            texts[int(cell[1:])].as_py() if cell and cell.startswith(MEDIA_SIGN) else cell
            for cell in array.to_pylist()
        ]
        return pa.array(cells, field.type)
    return array


def write_table(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
) -> int:
    """Write a file; how many rows it has.

    Args:
        path: of the file.
        schema: its columns.
        batches: its rows.

    Raises:
        OSError: it cannot be written.
    """
    pa = arrow()
    pq = require("pyarrow.parquet", extra="analysis")
    rows = 0
    texts = [field.name for field in schema if _repeats(field.type)]
    with pq.ParquetWriter(
        path,
        schema,
        compression=_COMPRESSION,
        use_dictionary=texts,  # numbers seldom repeat, and looking for it takes half of the time
    ) as writer:
        for group in _groups(batches):
            rows += sum(batch.num_rows for batch in group)
            writer.write_table(pa.Table.from_batches(group, schema), row_group_size=GROUP_ROWS)
    return rows


def _repeats(kind: Any) -> bool:
    types = arrow().types
    return bool(types.is_string(kind) or types.is_binary(kind) or types.is_dictionary(kind))


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches that make a row group together."""
    waiting: list[Any] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= GROUP_ROWS:
            yield waiting
            waiting, count = [], 0
    if waiting:
        yield waiting
