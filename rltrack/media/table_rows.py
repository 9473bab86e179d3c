"""The rows of a table while it is made: record batches, of which a bounded part is in memory.

Each is kept as the bytes of an Arrow stream of its own: a copy of what came, and the same
whether it lies in memory or, beyond `MEMORY_BYTES`, in a temporary file. That file has no name,
so it is gone with the process, however that ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from rltrack.media.table_kinds import arrow

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY_BYTES: Final = 128 << 20
#: Rows that lie together.
BATCH_ROWS: Final = 1 << 16


class Batches:
    """Record batches in order; what is in it never changes, so a copy shares it."""

    def __init__(self) -> None:
        self._parts: list[tuple[Callable[[], Any], int]] = []  # what reads it; rows
        self._spill: _Spill | None = None
        self.row_count = 0
        self.size_bytes = 0
        """In memory."""

    def copy(self) -> Batches:
        """The same rows, to which others are added."""
        made = Batches()
        made._parts = list(self._parts)
        made._spill = self._spill
        made.row_count, made.size_bytes = self.row_count, self.size_bytes
        return made

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        pa = arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        packed = sink.getvalue()
        if self.size_bytes + packed.size <= MEMORY_BYTES:
            self.size_bytes += packed.size
            self._parts.append((lambda: packed, batch.num_rows))
        else:
            if self._spill is None or self._spill.pid != os.getpid():
                self._spill = _Spill()  # a forked child must not write into its parent's
            self._parts.append((self._spill.write(packed), batch.num_rows))
        self.row_count += batch.num_rows

    def read(self, first: int = 0) -> Iterator[pa.RecordBatch]:
        """The rows from number `first` on."""
        for packed, rows in list(self._parts):
            if first >= rows:
                first -= rows
                continue
            with arrow().ipc.open_stream(packed()) as stream:
                for batch in stream:
                    yield batch.slice(first) if first else batch
            first = 0


class _Spill:
    """A file without a name, written by one process and read by it and its children."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="rltrack-table-")  # noqa: SIM115 - as long as this lives
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self.pid = os.getpid()

    def write(self, packed: Any) -> Callable[[], Any]:
        """Append; what reads it again."""
        with self._lock:
            place = self._file.seek(0, os.SEEK_END)
            self._file.write(packed)
            self._file.flush()
        size = packed.size  # and not `packed`, which would stay in memory
        return lambda: arrow().py_buffer(self._read(place, size))

    def _read(self, place: int, size: int) -> bytes:
        if not hasattr(os, "pread"):
            with self._lock:
                self._file.seek(place)
                return self._file.read(size)
        # A forked child shares the file's position with its parent, and not the lock.
        data = b""
        while len(data) < size:  # Linux reads 2 GiB at most
            more = os.pread(self._file.fileno(), size - len(data), place + len(data))
            if not more:
                raise OSError("the temporary file of a table ends too early")
            data = more if not data else data + more
        return data
