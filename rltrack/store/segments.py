"""Columns of a run on disk: Parquet files that anybody can read, and our index of them.

A part holds consecutive merged rows of one stream (`history` or `system`), in two files and an
index:

    history-000001.parquet         a point a line, sorted by key and step: key, row, step, time
                                   (milliseconds), value; and kind, exact, json for what is no float
    history-rows-000001.parquet    a row a line: row, step, time (nanoseconds)
    history-000001.index           which row groups hold which key

A row group holds at most 32,768 points, of one key, or of many that have few: so one of a thousand
keys is read without the others, and ten thousand keys do not make ten thousand row groups. `value` is null where the point is no number; then `json` has it. `exact` is set for
ints that no float holds. Time is exact in the file of rows alone: as nanoseconds it would take
half as much again as all else.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from rltrack.errors import SegmentError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.store.columns import (
    BOOL,
    FLOAT,
    INT,
    OBJECT,
    Column,
    Floats,
    Ints,
    Kinds,
    RowNumbers,
    as_floats,
)
from rltrack.store.handles import Handles
from rltrack.store.stream import Stamp

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

GROUP_POINTS: Final = 1 << 15
#: A key with fewer points shares a row group with others.
FEW_POINTS: Final = 1 << 12
_EXACT: Final = 2**53
_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class KeyPoints:
    """The points of one key that go into a part, merged and in order."""

    key: str
    row: RowNumbers
    """Merged rows, counted from the first row of the part."""
    bits: Ints
    kinds: Kinds
    column: Column
    latest: tuple[Stamp, Json]
    """The last value in the order of writing, and its stamp."""


@dataclass(frozen=True, slots=True)
class Group:
    """Points of one key in one row group."""

    number: int
    offset: int
    """Points of other keys before them."""
    count: int
    first_row: int
    last_row: int
    first_step: int
    last_step: int
    kinds: int
    """One bit for each kind of value in it."""

    def has(self, kind: int) -> bool:
        """Whether a value of `kind` is in it."""
        return bool(self.kinds >> kind & 1)


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Points as they are read: of one key, in order."""

    row: Ints | RowNumbers
    """Merged rows."""
    step: Ints
    """Of each point; empty where it was not asked for."""
    bits: Ints
    kinds: Kinds
    objects: list[Json]
    seen: set[int]

    def __len__(self) -> int:
        return len(self.row)

    def floats(self) -> Floats:
        """The values; none may be an object."""
        return as_floats(self.bits, self.kinds, self.seen)


# -- writing ---------------------------------------------------------------------------------------


def write_part(
    folder: Path,
    name: str,
    number: int,
    *,
    first_row: int,
    step: Ints,
    time_ns: Ints,
    keys: Iterable[KeyPoints],
    order: Sequence[str],
) -> dict[str, int]:
    """Write the files of one part, safe from power loss; they count once a manifest names them.

    Args:
        folder: of the segments.
        name: of the stream, with which the names of the files begin.
        number: of the part; no file of this number is in use.
        first_row: merged rows in the parts before.
        step: of each merged row.
        time_ns: of each merged row.
        keys: the points.
        order: all keys of the stream so far, in the order in which they were first logged.

    Returns:
        Name and size in bytes of each file.
    """
    rows = folder / f"{name}-rows-{number:06d}.parquet"
    _write_rows(rows, first_row, step, time_ns)
    points = folder / f"{name}-{number:06d}.parquet"
    index: dict[str, Any] = {key: {"groups": []} for key in order}
    with _Writer(points, first_row, step, time_ns) as writer:
        for found in sorted(keys, key=lambda one: one.key):
            stamp, value = found.latest
            index[found.key]["latest"] = [*stamp, value]
            groups = index[found.key]["groups"]
            for at in range(0, len(found.row), GROUP_POINTS):
                groups.append(writer.add(found, slice(at, at + GROUP_POINTS)))
    packed = folder / f"{name}-{number:06d}.index"
    _write_whole(packed, zlib.compress(json.dumps(index, separators=(",", ":")).encode(), 1))
    return {path.name: path.stat().st_size for path in (rows, points, packed)}


class _Writer:
    """A file of points that is being written."""

    def __init__(self, path: Path, first_row: int, step: Ints, time_ns: Ints) -> None:
        self._path = path
        self._first_row, self._step, self._time_ns = first_row, step, time_ns
        self._pa = pa = require("pyarrow", extra="analysis")
        self._pq = require("pyarrow.parquet", extra="analysis")
        self._schema = pa.schema(
            [
                pa.field("key", pa.dictionary(pa.int32(), pa.string()), nullable=False),
                pa.field("row", pa.int64(), nullable=False),
                pa.field("step", pa.int64(), nullable=False),
                pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
                pa.field("value", pa.float64()),
                pa.field("kind", pa.uint8(), nullable=False),
                pa.field("exact", pa.int64()),
                pa.field("json", pa.string()),
            ]
        )
        self._written = 0
        self._waiting: list[tuple[KeyPoints, slice]] = []
        self._waiting_points = 0

    def __enter__(self) -> _Writer:
        self._writer = _open_writer(
            self._pq,
            self._path,
            self._schema,
            dictionary=["key", "kind"],
            encodings={
                "row": "DELTA_BINARY_PACKED",
                "step": "DELTA_BINARY_PACKED",
                "time": "DELTA_BINARY_PACKED",
                "value": "BYTE_STREAM_SPLIT",
            },
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
        if kind is None:
            _sync(self._path)

    def add(self, points: KeyPoints, part: slice) -> list[int]:
        """Write some points of a key; answers the fields of the `Group` in which they stand."""
        local = points.row[part]
        count = len(local)
        if count + self._waiting_points > GROUP_POINTS or len(points.row) >= FEW_POINTS:
            self._flush()
        offset = self._waiting_points
        number = self._written
        self._waiting.append((points, part))
        self._waiting_points += count
        if len(points.row) >= FEW_POINTS:
            self._flush()
        return [
            number,
            offset,
            count,
            int(local[0]) + self._first_row,
            int(local[-1]) + self._first_row,
            int(self._step[local[0]]),
            int(self._step[local[-1]]),
            sum(1 << kind for kind in np.flatnonzero(np.bincount(points.kinds[part])).tolist()),
        ]

    def _flush(self) -> None:
        """Write what waits as one row group."""
        if not self._waiting:
            return
        waiting, self._waiting, self._waiting_points = self._waiting, [], 0
        self._written += 1
        local = _joined([points.row[part] for points, part in waiting])
        kinds = _joined([points.kinds[part] for points, part in waiting])
        bits = _joined([points.bits[part] for points, part in waiting])
        counts = [len(points.row[part]) for points, part in waiting]
        self._writer.write_table(
            self._pa.Table.from_arrays(
                [
                    self._keys([points.key for points, _ in waiting], counts),
                    self._pa.array(local.astype(np.int64) + self._first_row),
                    self._pa.array(self._step[local]),
                    self._pa.array(self._time_ns[local] // _NS_PER_MS).cast(
                        self._pa.timestamp("ms", tz="UTC")
                    ),
                    *self._values(bits, kinds, waiting),
                ],
                schema=self._schema,
            )
        )

    def _keys(self, keys: list[str], counts: list[int]) -> pa.DictionaryArray:
        pa = self._pa
        places = np.repeat(np.arange(len(keys), dtype=np.int32), counts)
        names = pa.array([_utf8(key) for key in keys], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(places), names)

    def _values(
        self, bits: Ints, kinds: Kinds, waiting: list[tuple[KeyPoints, slice]]
    ) -> list[pa.Array]:
        """The columns value, kind, exact and json."""
        pa = self._pa
        count = len(bits)
        seen = {int(kind) for kind in np.flatnonzero(np.bincount(kinds, minlength=4))}
        numbers = as_floats(bits, kinds, seen)
        value = pa.array(numbers) if OBJECT not in seen else pa.array(numbers, mask=kinds == OBJECT)
        exact = texts = None
        if INT in seen:
            beyond = (kinds == INT) & ((bits > _EXACT) | (bits < -_EXACT))
            if beyond.any():
                exact = pa.array(bits, mask=~beyond)
        if OBJECT in seen:
            texts = pa.array(
                [text for points, part in waiting for text in _json_texts(points, part)],
                pa.string(),
            )
        return [
            value,
            pa.array(kinds),
            pa.nulls(count, pa.int64()) if exact is None else exact,
            pa.nulls(count, pa.string()) if texts is None else texts,
        ]


def _joined(arrays: list[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _json_texts(points: KeyPoints, part: slice) -> Iterator[str | None]:
    """What is no number as JSON."""
    objects = points.column.objects
    bits, kinds = points.bits[part].tolist(), points.kinds[part].tolist()
    for place, kind in zip(bits, kinds, strict=True):
        yield json.dumps(objects[place], separators=(",", ":")) if kind == OBJECT else None


def _utf8(key: str) -> str:
    """A key as Parquet takes it; our own index has it as it is."""
    return key.encode("utf-8", "replace").decode()


def _write_rows(path: Path, first_row: int, step: Ints, time_ns: Ints) -> None:
    pa = require("pyarrow", extra="analysis")
    pq = require("pyarrow.parquet", extra="analysis")
    table = pa.table(
        {
            "row": pa.array(np.arange(first_row, first_row + len(step))),
            "step": pa.array(step),
            "time": pa.array(time_ns).cast(pa.timestamp("ns", tz="UTC")),
        }
    )
    encodings = dict.fromkeys(("row", "step", "time"), "DELTA_BINARY_PACKED")
    with _open_writer(pq, path, table.schema, dictionary=False, encodings=encodings) as writer:
        writer.write_table(table, row_group_size=8 * GROUP_POINTS)
    _sync(path)


def _open_writer(
    pq: Any,
    path: Path,
    schema: pa.Schema,
    *,
    dictionary: Sequence[str] | bool,
    encodings: dict[str, str],
) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionary,
        column_encoding=encodings,
        write_statistics=[name for name in ("key", "step", "row") if name in schema.names],
        write_page_checksum=True,
        store_schema=False,
    )


def _write_whole(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# -- reading ---------------------------------------------------------------------------------------


class Part:
    """One part on disk. Nothing is read before it is asked for, and then only what is needed.

    Every method raises `SegmentError` where a file is missing or damaged.
    """

    _open: ClassVar[Handles[pq.ParquetFile]] = Handles()

    def __init__(self, folder: Path, name: str, number: int, first_row: int, rows: int) -> None:
        self.folder = folder
        self.name = name
        self.number = number
        self.first_row = first_row
        self.rows = rows
        self._groups: dict[str, list[Group]] | None = None
        self._latest: dict[str, tuple[Stamp, Json]] = {}

    @property
    def points_path(self) -> Path:
        """The file of points."""
        return self.folder / f"{self.name}-{self.number:06d}.parquet"

    @property
    def rows_path(self) -> Path:
        """The file of rows."""
        return self.folder / f"{self.name}-rows-{self.number:06d}.parquet"

    def _index(self) -> dict[str, list[Group]]:
        if self._groups is None:
            path = self.folder / f"{self.name}-{self.number:06d}.index"
            with _damage_told(path):
                index = json.loads(zlib.decompress(path.read_bytes()))
                self._latest = {
                    key: (_stamp(known["latest"][:3]), known["latest"][3])
                    for key, known in index.items()
                    if "latest" in known
                }
                self._groups = {
                    key: [Group(*group) for group in known["groups"]]
                    for key, known in index.items()
                }
        return self._groups

    def keys(self) -> list[str]:
        """The keys of the stream up to the part, in the order in which they were first logged."""
        return list(self._index())

    def groups(self, key: str) -> list[Group]:
        """The row groups of a key, in order."""
        return self._index().get(key, [])

    def latest(self) -> dict[str, tuple[Stamp, Json]]:
        """Of each key the last value in the order of writing, and its stamp."""
        self._index()
        return self._latest

    def read(self, groups: Sequence[Group], *, with_steps: bool = True) -> Chunk:
        """The points of some row groups of one key.

        Args:
            groups: in order.
            with_steps: read their steps, too; without, the steps are empty.
        """
        count = sum(group.count for group in groups)
        seen = {kind for kind in (FLOAT, INT, BOOL, OBJECT) if any(g.has(kind) for g in groups)}
        dense = count == self.rows  # each row has it, so which rows need not be read
        columns = ["value"]
        columns += [] if dense else ["row"]
        columns += ["step"] if with_steps else []
        columns += [] if seen == {FLOAT} else ["kind", "exact", "json"]
        with _damage_told(self.points_path):
            table = self._file().read_row_groups(
                [group.number for group in groups], columns=columns, use_threads=len(groups) > 4
            )
            if len(groups) == 1:  # it may share its row group with others
                table = table.slice(groups[0].offset, groups[0].count)
            if len(table) != count:
                raise SegmentError(f"{self.points_path} has not the points that its index names")
            values = _numpy(table, "value")
            bits: Ints
            kinds: Kinds
            objects: list[Json] = []
            if seen == {FLOAT}:
                bits = np.ascontiguousarray(values, np.float64).view(np.int64)
                kinds = np.zeros(count, np.uint8)
            else:
                bits, kinds, objects = _decode_bits(table, values)
            row = (
                np.arange(self.first_row, self.first_row + count, dtype=np.int32)
                if dense
                else _numpy(table, "row")
            )
            step = _numpy(table, "step") if with_steps else np.empty(0, np.int64)
        return Chunk(row, step, bits, kinds, objects, seen)

    def chunks(self, key: str) -> Iterator[Chunk]:
        """The points of a key, of which a few row groups are in memory at a time."""
        groups = self.groups(key)
        for at in range(0, len(groups), 8):
            yield self.read(groups[at : at + 8])

    def row_times(self) -> tuple[Ints, Ints]:
        """Step and time in nanoseconds of each merged row."""
        table = self._rows(["step", "time"])
        return _numpy(table, "step"), _numpy(table, "time").view(np.int64)

    def times(self) -> Ints:
        """Time in nanoseconds of each merged row."""
        times: Ints = _numpy(self._rows(["time"]), "time").view(np.int64)
        return times

    def _rows(self, columns: list[str]) -> pa.Table:
        pq = require("pyarrow.parquet", extra="analysis")
        with _damage_told(self.rows_path):
            with pq.ParquetFile(self.rows_path, page_checksum_verification=True) as file:
                table = file.read(columns=columns)
            if len(table) != self.rows:
                raise SegmentError(f"{self.rows_path} holds {len(table)} rows, and not {self.rows}")
            return table

    def _file(self) -> pq.ParquetFile:
        pq = require("pyarrow.parquet", extra="analysis")
        # No memory map: on a network file system a file that goes away would be a SIGBUS.
        return self._open.of(
            self,
            lambda: pq.ParquetFile(
                self.points_path, page_checksum_verification=True, pre_buffer=False
            ),
        )

    def close(self) -> None:
        """Close what is open; it opens again when asked."""
        self._open.close(self)

    def __del__(self) -> None:
        self.close()


def _numpy(table: pa.Table, name: str) -> Any:
    column = table.column(name)
    if column.num_chunks == 1:
        return column.chunk(0).to_numpy(zero_copy_only=False)
    return column.to_numpy()


def _decode_bits(table: pa.Table, values: Floats) -> tuple[Ints, Kinds, list[Json]]:
    """Values of mixed kinds, as a `Column` has them."""
    kinds: Kinds = _numpy(table, "kind").astype(np.uint8)
    bits = np.ascontiguousarray(values, np.float64).view(np.int64).copy()
    whole = (kinds == INT) | (kinds == BOOL)
    with np.errstate(invalid="ignore"):  # ints beyond a float come from `exact`
        bits[whole] = values[whole].astype(np.int64)
    exact = table.column("exact")
    if exact.null_count < len(exact):
        known = np.flatnonzero(exact.is_valid().to_numpy())
        bits[known] = exact.drop_null().to_numpy()
    objects: list[Json] = []
    at = np.flatnonzero(kinds == OBJECT)
    if len(at):
        texts = table.column("json").take(at).to_pylist()
        objects = [json.loads(text) for text in texts]
        bits[at] = np.arange(len(at))
    return bits, kinds, objects


def _stamp(found: list[Any]) -> Stamp:
    clock, writer, sequence = found
    return int(clock), str(writer), int(sequence)


class _damage_told:
    """Whatever a damaged file makes others raise, as one error that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if isinstance(
            error, (OSError, ValueError, KeyError, TypeError, zlib.error)
        ) and not isinstance(error, SegmentError):
            raise SegmentError(f"{self._path} cannot be read: {error}") from error
