"""The rows of an answer as a file, written while they come: no export is in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rltrack.engine.ask import Answer
from rltrack.extras import require
from rltrack.store.arrow import CsvWriter

#: Media type by format.
FORMATS: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


class _Passing:
    """A file that is read while it is written."""

    closed = False

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> int:
        """Append bytes."""
        piece = bytes(data)
        self._waiting.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        """How many bytes there were."""
        return self._size

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """The one who writes is done; what is there can be read."""

    def take(self) -> bytes:
        """What came since the last time."""
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken


def exported(answer: Answer, form: str) -> Iterator[bytes]:
    """The pieces of a CSV or Parquet file; texts that a spreadsheet would run get a ``'`` in front."""
    file: Any = _Passing()
    writer: Any
    if form == "csv":
        writer = CsvWriter(file, answer.schema, formulas=False)
        write = writer.write
        end = writer.__exit__
    else:
        pq = require("pyarrow.parquet", extra="dashboard")
        writer = pq.ParquetWriter(file, answer.schema, compression="zstd")
        write = writer.write_batch
        end = writer.__exit__
    try:
        for batch in answer:
            write(batch)
            if piece := file.take():
                yield piece
    finally:
        end(None, None, None)
    yield file.take()
