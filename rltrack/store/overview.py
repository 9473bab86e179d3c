"""The overview file: blocks of every metric of some parts, on all levels.

    file   = magic 8s | levels of one metric | … | index | footer
    level  = blocks, 48 bytes each, or 60 where values are not finite | crc32 of each 256 blocks
    index  = an entry of fixed size for each metric | lengths of the keys u32 | keys in UTF-8
    footer = offset of the index u64 | entries u32 | crc32 of the index u32 | version u32 | magic 8s

All little-endian. The number of points in a block follows from its place. A chart reads the
index, and of one level the blocks that it shows: with `pread`, and never through a map, since a
file on a network file system may go away under it.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Final
from zlib import crc32

import numpy as np

from rltrack.errors import SegmentError
from rltrack.store.aggregate import Aggregate
from rltrack.store.blocks import (
    BLOCK_POINTS,
    FACTOR,
    BlockBuilder,
    Blocks,
    block_count,
    level_count,
)
from rltrack.store.handles import Descriptor, Handles

VERSION: Final = 1
_MAGIC: Final = b"rltovw\x1a\n"
_CHECKED_BLOCKS: Final = 256
_FOOTER: Final = struct.Struct("<QIII8s")

_FINITE: Final = np.dtype(
    [
        ("step", "<i8"),
        ("time_ns", "<i8"),
        ("min", "<f8"),
        ("max", "<f8"),
        ("mean", "<f8"),
        ("last", "<f8"),
    ]
)
_ANY: Final = np.dtype([*_FINITE.descr, ("nan", "<u4"), ("pos_inf", "<u4"), ("neg_inf", "<u4")])
_WIDE: Final = np.dtype([*_FINITE.descr, ("nan", "<u8"), ("pos_inf", "<u8"), ("neg_inf", "<u8")])

_ENTRY: Final = np.dtype(
    [
        ("stream", "u1"),
        ("kinds", "u1"),
        ("step_in_order", "?"),
        ("time_in_order", "?"),
        ("finite", "?"),
        ("points", "<i8"),
        ("offset", "<i8"),
        *[(name, "<i8") for name in ("first_step", "last_step", "first_time_ns", "last_time_ns")],
        *[(name, "<i8") for name in ("nan", "pos_inf", "neg_inf", "min_step", "max_step")],
        *[(name, "<f8") for name in ("min", "max", "mean", "last")],
    ]
)
_STREAMS: Final = ("default", "system")


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric in an overview."""

    key: str
    kinds: int
    """One bit for each kind of value that the metric has; see `columns`."""
    points: int
    """Points that are numbers."""
    step_in_order: bool
    time_in_order: bool
    first_step: int
    last_step: int
    first_time_ns: int
    last_time_ns: int
    aggregate: Aggregate
    offset: int
    finite: bool

    @property
    def levels(self) -> int:
        """How many levels of blocks there are."""
        return level_count(self.points)


class OverviewWriter:
    """Writes an overview; it is whole, and safe from power loss, once the block is left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: list[tuple[Any, ...]] = []
        self._keys: list[bytes] = []

    def __enter__(self) -> OverviewWriter:
        self._file: BinaryIO = open(self._path, "wb")  # closed by __exit__
        self._file.write(_MAGIC)
        return self

    def add(
        self, stream: str, key: str, builder: BlockBuilder, *, aggregate: Aggregate, kinds: int
    ) -> None:
        """Write one metric, of at least one point."""
        levels = builder.levels()
        finite = aggregate.finite == aggregate.count
        self._entries.append(
            (
                _STREAMS.index(stream),
                kinds,
                builder.step_in_order,
                builder.time_in_order,
                finite,
                builder.count,
                self._file.tell(),
                builder.first[0],
                builder.last[0],
                builder.first[1],
                builder.last[1],
                aggregate.nan,
                aggregate.pos_inf,
                aggregate.neg_inf,
                aggregate.min_step,
                aggregate.max_step,
                aggregate.min,
                aggregate.max,
                aggregate.mean,
                aggregate.last,
            )
        )
        self._keys.append(_encode(key))
        for level, blocks in enumerate(levels):
            layout = _layout(finite, level)
            records = np.empty(len(blocks), layout)
            for name in _FINITE.names or ():
                records[name] = getattr(blocks, name)
            if not finite:
                odd = np.zeros((3, len(blocks))) if blocks.odd is None else blocks.odd
                records["nan"], records["pos_inf"], records["neg_inf"] = odd
            data = records.tobytes()
            size = _CHECKED_BLOCKS * layout.itemsize
            sums = [crc32(data[at : at + size]) for at in range(0, len(data), size)]
            self._file.write(data)
            self._file.write(np.array(sums, "<u4").tobytes())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file as file:
            if kind is not None:
                return
            offset = file.tell()
            index = np.array(self._entries, _ENTRY).tobytes()
            index += np.array([len(key) for key in self._keys], "<u4").tobytes()
            index += b"".join(self._keys)
            file.write(index)
            count = len(self._entries)
            file.write(_FOOTER.pack(offset, count, crc32(index), VERSION, _MAGIC))
            file.flush()
            os.fsync(file.fileno())


class Overview:
    """An overview file that is open for reading.

    Every method raises `SegmentError` where the file is damaged. Threads may share one.
    """

    #: Of the class, so that it is still there when an overview is collected as Python ends.
    _open: ClassVar[Handles[Descriptor]] = Handles()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: object = None
        size = self._file().size
        if size < len(_MAGIC) + _FOOTER.size:
            raise SegmentError(f"{path} is cut off: it has {size} bytes")
        # Most often the index is short, so that one read gets it with the footer.
        tail = self._read(max(0, size - _TAIL_BYTES), min(size, _TAIL_BYTES))
        offset, count, checksum, version, magic = _FOOTER.unpack(tail[-_FOOTER.size :])
        if magic != _MAGIC or version != VERSION or offset > size - _FOOTER.size:
            raise SegmentError(f"{path} is no overview of version {VERSION}")
        length = size - _FOOTER.size - offset
        if length + _FOOTER.size <= len(tail):
            index = tail[len(tail) - _FOOTER.size - length : len(tail) - _FOOTER.size]
        else:
            index = self._read(offset, length)
        if crc32(index) != checksum or count * (_ENTRY.itemsize + 4) > length:
            raise SegmentError(f"{path}: its index fails its checksum")
        self._entries = np.frombuffer(index, _ENTRY, count)
        self._lengths = np.frombuffer(index, "<u4", count, count * _ENTRY.itemsize)
        self._names = index[count * (_ENTRY.itemsize + 4) :]
        # The checksum is of the index, and says nothing of the number of entries beside it.
        if int(self._lengths.sum(dtype=np.int64)) != len(self._names):
            raise SegmentError(f"{path}: its index is not of {count} metrics")
        self._places: dict[tuple[str, str], int] | None = None

    @classmethod
    def open(cls, path: Path) -> Overview:
        """Open an overview."""
        return cls(path)

    def __del__(self) -> None:
        self._open.close(self)

    def _find(self) -> dict[tuple[str, str], int]:
        if self._places is None:
            found, at = {}, 0
            streams = self._entries["stream"].tolist()
            for place, length in enumerate(self._lengths.tolist()):
                key = self._names[at : at + length].decode("utf-8", "surrogatepass")
                found[_STREAMS[streams[place]], key] = place
                at += length
            self._places = found
        return self._places

    def keys(self, stream: str) -> list[str]:
        """The metrics of a stream."""
        return [key for of, key in self._find() if of == stream]

    def entry(self, stream: str, key: str) -> Entry | None:
        """One metric; None if it has no numbers here."""
        place = self._find().get((stream, key))
        if place is None:
            return None
        found = dict(zip(_ENTRY.names or (), self._entries[place].item(), strict=True))
        return Entry(
            key=key,
            kinds=found["kinds"],
            points=found["points"],
            step_in_order=found["step_in_order"],
            time_in_order=found["time_in_order"],
            first_step=found["first_step"],
            last_step=found["last_step"],
            first_time_ns=found["first_time_ns"],
            last_time_ns=found["last_time_ns"],
            aggregate=Aggregate(
                count=found["points"],
                nan=found["nan"],
                pos_inf=found["pos_inf"],
                neg_inf=found["neg_inf"],
                min=found["min"],
                max=found["max"],
                mean=found["mean"],
                last=found["last"],
                first_step=found["first_step"],
                last_step=found["last_step"],
                min_step=found["min_step"],
                max_step=found["max_step"],
            ),
            offset=found["offset"],
            finite=found["finite"],
        )

    def level(self, entry: Entry, level: int, first: int, end: int) -> Blocks:
        """Some blocks of a level, by their numbers."""
        layout = _layout(entry.finite, level)
        offset = entry.offset
        for below in range(level):
            offset += _level_bytes(entry, below)
        blocks = block_count(entry.points, level)
        # Whole stretches, since it is these that have a checksum.
        start = first // _CHECKED_BLOCKS
        stop = -(-end // _CHECKED_BLOCKS)
        begin = start * _CHECKED_BLOCKS
        size = layout.itemsize
        data = self._read(
            offset + begin * size, (min(stop * _CHECKED_BLOCKS, blocks) - begin) * size
        )
        sums = self._read(offset + blocks * size + 4 * start, 4 * (stop - start))
        stretch = _CHECKED_BLOCKS * size
        view = memoryview(data)
        for at, checksum in enumerate(np.frombuffer(sums, "<u4").tolist()):
            if crc32(view[at * stretch : (at + 1) * stretch]) != checksum:
                raise SegmentError(f"{self.path}: blocks of {entry.key!r} fail their checksum")
        records = np.frombuffer(data, layout)[first - begin : end - begin]
        return _blocks(records, entry.points, level, first)

    def _file(self) -> Descriptor:
        try:
            file = self._open.of(self, lambda: Descriptor(self.path))
        except OSError as cause:
            raise SegmentError(f"{self.path} cannot be read: {cause}") from cause
        if self._identity is None:
            self._identity = file.identity
        elif file.identity != self._identity:
            # Segments were deleted and made again: the index that was read is of another file.
            raise SegmentError(f"{self.path} is another file by now")
        return file

    def _read(self, offset: int, size: int) -> bytes:
        file = self._file()
        try:
            data = os.pread(file.fd, size, offset)
        except OSError as cause:
            raise SegmentError(f"{self.path} cannot be read: {cause}") from cause
        if len(data) != size:
            raise SegmentError(f"{self.path} is cut off at byte {offset + len(data)}")
        return data


_TAIL_BYTES: Final = 1 << 12


def _layout(finite: bool, level: int) -> np.dtype[Any]:
    if finite:
        return _FINITE
    # Only the highest levels of the longest runs count further than 32 bits do.
    return _ANY if BLOCK_POINTS * FACTOR**level < 1 << 32 else _WIDE


def _level_bytes(entry: Entry, level: int) -> int:
    blocks = block_count(entry.points, level)
    sums = -(-blocks // _CHECKED_BLOCKS)
    return blocks * _layout(entry.finite, level).itemsize + 4 * sums


def _blocks(records: Any, points: int, level: int, first: int) -> Blocks:
    size = BLOCK_POINTS * FACTOR**level
    count = np.full(len(records), size, np.int64)
    if len(records):
        last = first + len(records) - 1
        count[-1] = min(size, points - last * size)
    odd = None
    if records.dtype != _FINITE:
        odd = np.array([records["nan"], records["pos_inf"], records["neg_inf"]]).astype(np.int64)
    return Blocks(
        step=np.ascontiguousarray(records["step"]),
        time_ns=np.ascontiguousarray(records["time_ns"]),
        count=count,
        odd=odd,
        min=np.ascontiguousarray(records["min"]),
        max=np.ascontiguousarray(records["max"]),
        mean=np.ascontiguousarray(records["mean"]),
        last=np.ascontiguousarray(records["last"]),
    )


def _encode(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")
