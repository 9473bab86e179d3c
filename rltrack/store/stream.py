"""The rows of a run as columns: what the journal's reader yields goes in, points come out.

A run has two streams: its history, and the samples of its machine (SYSTEM rows). Rows of one
schema are decoded together, by one `numpy.frombuffer`, however they were mixed with others
in the journal: a training that logs two kinds of rows in turn would otherwise cost a call
for each row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rltrack.journal.branches import Cuts
from rltrack.journal.format import Schema
from rltrack.journal.reader import RowBlock
from rltrack.journal.records import Json, Row, RowFlag
from rltrack.store.columns import (
    KIND_OF_LETTER,
    OBJECT,
    Column,
    Floats,
    Ints,
    Kinds,
    RowNumbers,
    as_floats,
    encode_values,
)
from rltrack.store.merge import Merged, Rows

#: Encoded rows that wait to be decoded together.
_GATHER_BYTES: Final = 16 << 20

_DTYPE_OF_LETTER: Final = {"d": "<f8", "q": "<i8", "?": "?"}
_HEAD: Final = np.dtype([("step", "i8"), ("time_ns", "i8"), ("sequence", "i8"), ("flags", "u1")])

#: Where a value stands among all: the writer's clock, the writer's name, rows before it.
Stamp = tuple[int, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """All points of one key, merged and in order."""

    row: RowNumbers
    """The merged row of each; ascending, without repeats."""
    bits: Ints
    kinds: Kinds
    column: Column

    def __len__(self) -> int:
        return len(self.row)

    def from_place(self, first: int) -> Points:
        """The points from the `first` on."""
        if not first:
            return self
        return Points(self.row[first:], self.bits[first:], self.kinds[first:], self.column)

    def numbers(self) -> tuple[RowNumbers, Floats]:
        """The points that are numbers: row and value of each."""
        row, bits, kinds = self.row, self.bits, self.kinds
        if OBJECT in self.column.seen:
            number = kinds != OBJECT
            row, bits, kinds = row[number], bits[number], kinds[number]
        return row, as_floats(bits, kinds, self.column.seen)


class Stream:
    """One stream of a run: rows, and the columns of their values."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.columns: dict[str, Column] = {}
        self.latest: dict[str, tuple[Stamp, Json]] = {}
        """Of each key the last value in the order of writing."""
        self.value_count = 0
        self.floor: int | None = None
        """The least step that a row may have: those below it are sealed already."""
        self.is_broken = False
        """Whether a row came that stands before the floor."""
        self._merged: tuple[int, Merged] | None = None

    def merged(self, writers: list[str]) -> Merged:
        """The rows, merged and in order; computed once for each state of the stream."""
        if self._merged is None or self._merged[0] != len(self.rows):
            self._merged = (len(self.rows), self.rows.merged(writers))
        return self._merged[1]

    def points(self, key: str, writers: list[str]) -> Points | None:
        """The points of a key; None if it was never logged here."""
        column = self.columns.get(key)
        if column is None:
            return None
        merged = self.merged(writers)
        if column.located is None or column.located[0] is not merged:
            column.located = (merged, *merged.locate(column.row.view))
        _, take, row = column.located
        return Points(row, column.bits.view[take], column.kinds.view[take], column)

    def rows_from(self, step: int, writers: list[str]) -> list[tuple[str, int, int, Row]]:
        """Writer, clock, place among its rows, and content of each row with `step` or a later one."""
        kept = np.flatnonzero(self.rows.step.view >= step).astype(np.int32)
        values: dict[int, dict[str, Json]] = {row: {} for row in kept.tolist()}
        for key, column in self.columns.items():
            at = np.flatnonzero(np.isin(column.row.view, kept))
            for place in at.tolist():
                values[int(column.row.view[place])][key] = column.value(place)
        rows = self.rows
        return [
            (
                writers[rows.writer.view[row]],
                int(rows.clock_ns.view[row]),
                int(rows.sequence.view[row]),
                Row(
                    int(rows.step.view[row]),
                    int(rows.time_ns.view[row]),
                    found,
                    RowFlag(int(rows.flags.view[row])),
                ),
            )
            for row, found in values.items()
        ]

    def last_step(self) -> int | None:
        """The greatest step of a row; None without rows."""
        return int(self.rows.step.view.max()) if len(self.rows) else None

    @property
    def nbytes(self) -> int:
        """Memory that is held, about."""
        return self.rows.nbytes + sum(column.nbytes for column in self.columns.values())


@dataclass(slots=True)
class _Waiting:
    """Rows of one writer that wait to be decoded together."""

    blocks: dict[tuple[tuple[str, ...], str], tuple[Schema, list[RowBlock]]]
    rows: list[tuple[int, Row]]
    nbytes: int = 0


class Feed:
    """Takes a journal's rows, in any mixture, and appends them to the streams."""

    def __init__(self, history: Stream, system: Stream, cuts: Cuts | None = None) -> None:
        self.writers: list[str] = []
        """Names of the writers, by the numbers in `Rows.writer`."""
        self.clocks_ns: dict[str, int] = {}
        """The greatest time of each writer so far."""
        self._streams = ((history, False), (system, True))
        self._cuts = Cuts() if cuts is None else cuts
        self._writer = ""
        self._waiting = _Waiting({}, [])

    def add_block(self, block: RowBlock) -> None:
        """Take rows of one schema."""
        self._turn_to(block.writer)
        key = (block.schema.keys, block.schema.kinds)
        self._waiting.blocks.setdefault(key, (block.schema, []))[1].append(block)
        self._waiting.nbytes += len(block.data)
        if self._waiting.nbytes > _GATHER_BYTES:
            self.flush()

    def add_row(self, writer: str, sequence: int, row: Row) -> None:
        """Take one row of any values."""
        self._turn_to(writer)
        self._waiting.rows.append((sequence, row))

    def set_clock(self, writer: str, clock_ns: int) -> None:
        """Say that the clock of a writer was at `clock_ns`, by rows that are not fed."""
        if clock_ns > self.clocks_ns.get(writer, -1):
            self.flush()
            self.clocks_ns[writer] = clock_ns

    def _turn_to(self, writer: str) -> None:
        if writer != self._writer:
            self.flush()
            self._writer = writer
            if writer not in self.writers:
                self.writers.append(writer)

    def flush(self) -> None:
        """Decode what waits."""
        waiting, self._waiting = self._waiting, _Waiting({}, [])
        parts: list[_Part] = [_SchemaPart(*found) for found in waiting.blocks.values()]
        if waiting.rows:
            parts.append(_JsonPart(waiting.rows))
        if not parts:
            return
        head = np.concatenate([part.head for part in parts])
        order = np.argsort(head["sequence"], kind="stable")
        times = head["time_ns"][order]
        clock = np.maximum.accumulate(np.maximum(times, self.clocks_ns.get(self._writer, times[0])))
        self.clocks_ns[self._writer] = int(clock[-1])
        is_system = (head["flags"] & RowFlag.SYSTEM) != 0
        for stream, system in self._streams:
            mine = is_system[order] == system
            if not system and (last := self._cuts.last_step(self._writer)) is not None:
                mine &= head["step"][order] <= last
            if not mine.any():
                continue
            chosen = order[mine]
            numbers = np.full(len(head), -1, np.int64)
            numbers[chosen] = np.arange(len(stream.rows), len(stream.rows) + len(chosen))
            rows = head[chosen]
            if stream.floor is not None and int(rows["step"].min()) < stream.floor:
                stream.is_broken = True
            stream.rows.extend(
                rows["step"],
                rows["time_ns"],
                clock[mine],
                self.writers.index(self._writer),
                rows["sequence"],
                rows["flags"],
            )
            self._append(stream, parts, numbers)

    def _append(self, stream: Stream, parts: list[_Part], numbers: Ints) -> None:
        """Append the values of those rows that belong to `stream`: their number is not -1."""
        by_key: dict[str, list[tuple[Ints, Ints, Kinds]]] = {}
        first: dict[str, tuple[int, int]] = {}
        known = set(stream.columns)
        start = 0
        for part in parts:
            number = numbers[start : start + len(part.head)]
            start += len(part.head)
            mine = np.flatnonzero(number >= 0)
            if len(mine):
                for place, (key, at, bits, kinds) in enumerate(part.columns(stream, mine)):
                    by_key.setdefault(key, []).append((number[at], bits, kinds))
                    if key not in known:
                        here = (int(number[at][0]), place)
                        first[key] = min(here, first.get(key, here))
        for key, found in by_key.items():
            self._extend(stream, key, found)
        # Keys stand as in their first rows, however the rows were gathered.
        for key in sorted(first, key=first.__getitem__):
            stream.columns[key] = stream.columns.pop(key)

    def _extend(self, stream: Stream, key: str, found: list[tuple[Ints, Ints, Kinds]]) -> None:
        column = stream.columns[key]
        row, bits, kinds = found[0]
        if len(found) > 1:
            row, bits, kinds = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
            order = np.argsort(row, kind="stable")
            row, bits, kinds = row[order], bits[order], kinds[order]
        column.extend(row, bits, kinds)
        stream.value_count += len(row)
        column.seen.update(np.flatnonzero(np.bincount(kinds)).tolist())
        last = int(row[-1])
        clock, sequence = stream.rows.clock_ns.view[last], stream.rows.sequence.view[last]
        stamp = (int(clock), self._writer, int(sequence))
        if key not in stream.latest or stream.latest[key][0] <= stamp:
            stream.latest[key] = (stamp, column.value(len(column) - 1))


class _SchemaPart:
    """Rows of one schema, decoded at once."""

    def __init__(self, schema: Schema, blocks: list[RowBlock]) -> None:
        data = blocks[0].data if len(blocks) == 1 else b"".join(block.data for block in blocks)
        self._schema = schema
        self._values = np.frombuffer(data, _row_dtype(schema.kinds))
        self.head = np.empty(len(self._values), _HEAD)
        for name in ("step", "time_ns", "flags"):
            self.head[name] = self._values[name]
        counts = np.array([block.count for block in blocks])
        before = np.cumsum(counts) - counts
        starts = np.array([block.sequence for block in blocks])
        self.head["sequence"] = np.arange(len(self._values)) + np.repeat(starts - before, counts)

    def columns(
        self, stream: Stream, mine: Ints
    ) -> Iterator[tuple[str, Ints | slice, Ints, Kinds]]:
        """Key, rows that have it, bits and kinds; of the rows `mine`."""
        at: Ints | slice = slice(None) if len(mine) == len(self._values) else mine
        for place, (key, letter) in enumerate(
            zip(self._schema.keys, self._schema.kinds, strict=True)
        ):
            stream.columns.setdefault(key, Column())
            values: npt.NDArray[Any] = self._values[f"value{place}"][at]
            if letter == "d":
                bits = np.ascontiguousarray(values).view(np.int64)
            else:
                bits = values.astype(np.int64)
            yield key, at, bits, np.full(len(bits), KIND_OF_LETTER[letter], np.uint8)


class _JsonPart:
    """Rows of any values."""

    def __init__(self, rows: list[tuple[int, Row]]) -> None:
        self._rows = rows
        self.head = np.array(
            [(row.step, row.time_ns, sequence, int(row.flags)) for sequence, row in rows], _HEAD
        )

    def columns(
        self, stream: Stream, mine: Ints
    ) -> Iterator[tuple[str, Ints | slice, Ints, Kinds]]:
        """Key, rows that have it, bits and kinds; of the rows `mine`."""
        found: dict[str, tuple[list[int], list[Json]]] = {}
        for at in mine.tolist():
            for key, value in self._rows[at][1].values.items():
                where, values = found.setdefault(key, ([], []))
                where.append(at)
                values.append(value)
        for key, (where, values) in found.items():
            column = stream.columns.setdefault(key, Column())
            yield (key, np.array(where), *encode_values(column, values))


_Part = _SchemaPart | _JsonPart


def _row_dtype(kinds: str) -> np.dtype[Any]:
    """A frame of a row, as `journal/format.py` lays it out."""
    head = [
        ("length", "<u4"),
        ("checksum", "<u4"),
        ("type", "u1"),
        ("flags", "u1"),
        ("schema", "<u2"),
        ("step", "<i8"),
        ("time_ns", "<i8"),
    ]
    values = [(f"value{at}", _DTYPE_OF_LETTER[letter]) for at, letter in enumerate(kinds)]
    return np.dtype(head + values)
