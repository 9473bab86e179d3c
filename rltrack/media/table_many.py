"""Tables of several: `JoinedTable` of two by a key, `PartitionedTable` of the files of a folder."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rltrack.errors import UsageError
from rltrack.journal.records import Json
from rltrack.media.base import Logging, Media
from rltrack.media.table import LogMode, Table
from rltrack.media.table_kinds import arrow


class JoinedTable(Media):
    """Two tables side by side: rows with the same key as one row, when they are read.

    Args:
        table_1: one.
        table_2: the other.
        join_key: a column of both, or one of each.

    Raises:
        UsageError: a table has no such column. It is a `ValueError`.
        TypeError: one of them is no table.
    """

    kind: ClassVar[str] = "table"
    type_name: ClassVar[str] = "joined-table"
    extension = "joined-table.json"

    def __init__(self, table_1: Table, table_2: Table, join_key: str | Sequence[str]) -> None:
        keys = [join_key, join_key] if isinstance(join_key, str) else list(join_key)
        if len(keys) != 2:
            raise UsageError(
                f"JoinedTable(join_key={join_key!r}): one column, or one of each table"
            )
        for place, (table, key) in enumerate(zip((table_1, table_2), keys, strict=True), start=1):
            if not isinstance(table, Table):
                raise TypeError(f"JoinedTable: table_{place} is a {type(table).__qualname__}")
            if key not in table.columns:
                there = ", ".join(table.columns)
                raise UsageError(
                    f"JoinedTable: table_{place} has no column {key!r}; it has {there}"
                )
        self.tables = (table_1, table_2)
        self.join_key = keys
        self._references: list[dict[str, Json]] = []
        self.size_bytes = 0

    def logged(self, to: Logging) -> dict[str, Json]:
        """Have both written as they stand now."""
        alone = dataclasses.replace(to, keep=None)
        made = JoinedTable(*self.tables, self.join_key)
        made._references = [table.logged(alone) for table in self.tables]
        return to.put(made)

    def place(self, put: Callable[[Media], dict[str, Json]]) -> None:
        """Have both written, unless they are."""
        if not self._references:
            self._references = [put(table) for table in self.tables]

    def facts(self) -> dict[str, Json]:
        """The key, and where the two are."""
        return {"join_key": list(self.join_key), **self._named()}

    def _named(self) -> dict[str, Json]:
        return {f"table{place}": one for place, one in enumerate(self._references, start=1)}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the same as JSON.

        Raises:
            OSError: it cannot be written.
        """
        path.write_text(json.dumps({"_type": self.type_name, **self.facts()}), encoding="utf-8")
        return {}

    def __repr__(self) -> str:
        return f"<rltrack.JoinedTable by {self.join_key} of {self.tables}>"


class PartitionedTable(Table):
    """The rows of all tables below a folder, in the order of their names.

    Args:
        parts_path: the folder of Parquet files, for example of an artifact that was downloaded.
        log_mode: as for `Table`.

    Raises:
        UsageError: there are none, or they have other columns than the first.
    """

    def __init__(
        self, parts_path: str | os.PathLike[str], *, log_mode: LogMode = "MUTABLE"
    ) -> None:
        folder = Path(os.fspath(parts_path))
        files = sorted(folder.rglob("*.parquet"))
        if not files:
            raise UsageError(
                f"PartitionedTable({str(folder)!r}): there is no Parquet file below it"
            )
        super().__init__(data=_parts(files), log_mode=log_mode, allow_mixed_types=True)
        self.parts = files
        """The files."""


def _parts(files: Sequence[Path]) -> Iterator[Any]:
    pa = arrow()
    from pyarrow import parquet as pq

    for file in files:
        with pq.ParquetFile(file) as part:
            schema = part.schema_arrow
            yield pa.Table.from_batches([], schema=schema)  # of one without rows the columns count
            for batch in part.iter_batches():
                yield pa.Table.from_batches([batch], schema=schema)
