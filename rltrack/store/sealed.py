"""What is sealed of one stream of a run: its parts as if they were one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from rltrack.journal.records import Json
from rltrack.store.columns import OBJECT, Column, Growing, Ints, media_references
from rltrack.store.manifest import StreamState
from rltrack.store.segments import Chunk, Part
from rltrack.store.stream import Stamp

#: Columns that are kept in memory for each stream; the least lately used go first.
_CACHE_BYTES: Final = 256 << 20


class SealedStream:
    """The sealed rows of one stream, read as they are asked for.

    Every method raises `SegmentError` where a file is missing or damaged.
    """

    def __init__(self, folder: Path, name: str, state: StreamState) -> None:
        self.state = state
        self.rows = state.rows
        self.parts = [
            Part(folder, name, part["number"], part["first_row"], part["rows"])
            for part in state.parts
        ]
        self._columns: OrderedDict[str, Column] = OrderedDict()
        self._row_times: tuple[Ints, Ints] | None = None

    def keys(self) -> list[str]:
        """The keys, in the order in which they were first logged."""
        return self.parts[-1].keys() if self.parts else []

    def latest(self) -> dict[str, tuple[Stamp, Json]]:
        """Of each key the last value in the order of writing, and its stamp."""
        found: dict[str, tuple[Stamp, Json]] = {}
        for part in self.parts:
            for key, known in part.latest().items():
                if key not in found or found[key][0] <= known[0]:
                    found[key] = known
        return found

    def row_times(self) -> tuple[Ints, Ints]:
        """Step and time in nanoseconds of each merged row."""
        if self._row_times is None:
            found = [part.row_times() for part in self.parts]
            if len(found) == 1:
                self._row_times = found[0]
            else:
                empty = [(np.empty(0, np.int64), np.empty(0, np.int64))]
                steps, times = zip(*(found or empty), strict=True)
                self._row_times = np.concatenate(steps), np.concatenate(times)
        return self._row_times

    def column(self, key: str) -> Column | None:
        """All points of a key; their rows are merged rows. None if it has none."""
        known = self._columns.get(key)
        if known is not None:
            self._columns.move_to_end(key)
            return known
        chunks = [
            part.read(groups, with_steps=False)
            for part in self.parts
            if (groups := part.groups(key))
        ]
        if not chunks:
            return None
        column = column_of(chunks)
        self._columns[key] = column
        while len(self._columns) > 1 and self.nbytes > _CACHE_BYTES:
            self._columns.popitem(last=False)
        return column

    def chunks(self, key: str) -> Iterator[tuple[Part, Chunk]]:
        """The points of a key, of which a few row groups are in memory at a time."""
        for part in self.parts:
            for chunk in part.chunks(key):
                yield part, chunk

    @property
    def nbytes(self) -> int:
        """Memory that is held."""
        held = sum(column.nbytes for column in self._columns.values())
        return held + (16 * self.rows if self._row_times is not None else 0)

    def release(self) -> None:
        """Give memory and open files back; they are read again when asked for."""
        self._columns.clear()
        self._row_times = None
        for part in self.parts:
            part.close()


def column_of(chunks: list[Chunk]) -> Column:
    """Points that follow each other, as a column."""
    column = Column()
    all_bits = []
    for chunk in chunks:
        bits = chunk.bits
        if chunk.objects and column.objects:
            bits = np.where(chunk.kinds == OBJECT, bits + len(column.objects), bits)
        all_bits.append(bits)
        column.objects += chunk.objects
        column.seen |= chunk.seen
    column.row = Growing.of(_joined([chunk.row for chunk in chunks]).astype(np.int32, copy=False))
    column.bits = Growing.of(_joined(all_bits))
    column.kinds = Growing.of(_joined([chunk.kinds for chunk in chunks]))
    column.has_media = any(media_references(value) for value in column.objects)
    return column


def _joined(arrays: list[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
