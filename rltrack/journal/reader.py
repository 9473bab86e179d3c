"""The reading end of a journal: follow it while it grows, or replay it when it is done.

Both are one call: `JournalReader.poll` yields what is new since the last call. It polls the
bytes themselves, since stores into a mapped file change neither its size nor its mtime.

What stops a reader
    - A length of 0, or the end of the file: nothing more was written yet.
    - A frame that fails its checksum, with nothing whole behind it: the torn tail of a
      writer that was killed, or a frame that is being stored at this moment. Silence.
    - The same with whole frames behind it, or with a later segment of that writer: damage.
      It is recorded in `damage`, with what was lost, and reading goes on behind it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, overload
from zlib import crc32

from rltrack.errors import DamageError, FormatVersionError, JournalError
from rltrack.journal.format import (
    FRAME_HEAD_SIZE,
    HEADER_SIZE,
    PREFIX_SIZE,
    ROW,
    VALUES,
    Schema,
    decode_body,
    decode_header,
    may_be_frame,
    unpack_frame_head,
    whole_frame,
)
from rltrack.journal.records import Record, Row

SUFFIX: Final = ".rlj"
CHUNK_BYTES: Final = 4 << 20
#: At how many bytes behind a bad frame a whole one may begin; zeros, passed in no time, not counted.
RESYNC_BYTES: Final = 1 << 20
#: How much is read to find it whole.
RESYNC_WINDOW_BYTES: Final = 64 << 20

_NAME: Final = re.compile(r"(?P<writer>[0-9A-Za-z_]{1,16})-(?P<number>\d{6,})\.rlj")
_WRITTEN: Final = re.compile(rb"[^\0]")


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Consecutive rows of one schema, still encoded: `count` frames of `schema.frame_size` bytes."""

    writer: str
    sequence: int
    """Rows of this writer before the first of these."""
    schema: Schema
    count: int
    data: memoryview

    def rows(self) -> Iterator[Row]:
        """Decode the rows one by one; `rltrack.store` decodes them as columns."""
        size = self.schema.frame_size
        for index in range(self.count):
            yield self.schema.row(self.data, index * size + FRAME_HEAD_SIZE)


@dataclass(frozen=True, slots=True)
class Entry:
    """Any other record, and its place among the rows of its writer."""

    writer: str
    sequence: int
    record: Record


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a journal that could not be read."""

    path: Path
    offset: int
    lost_bytes: int
    message: str

    def __str__(self) -> str:
        return f"{self.path.name} at byte {self.offset}: {self.message}"


Item: TypeAlias = RowBlock | Entry


class Pause:
    """Between two chunks: all that came before was taken, so `JournalReader.state` may be kept."""


PAUSE: Final = Pause()


class JournalReader:
    """Reads all segments of a journal folder; each `poll` yields what is new.

    Records of one writer come in the order in which they were written. Several writers
    come one after the other, first come first: who merges them orders rows by step and time.

    Args:
        folder: of the segments.
        state: where an earlier reader of this journal was, as its `state` said.
    """

    def __init__(self, folder: Path, state: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.damage: list[Damage] = []
        self._writers: dict[str, _WriterReader] = {}
        self._started: dict[str, tuple[int, str]] = {}
        if state is not None:
            self.damage += [Damage(folder / name, *told) for name, *told in state["damage"]]
            for name, known in state["writers"].items():
                self._writers[name] = _WriterReader(name, self.damage, known, folder)
                self._started[name] = (known["started"], name)

    def state(self) -> dict[str, Any]:
        """Where this reader is, as JSON: between two polls, or at a `PAUSE`."""
        return {
            "damage": [[d.path.name, d.offset, d.lost_bytes, d.message] for d in self.damage],
            "writers": {
                name: writer.state() | {"started": self._started.get(name, (0, name))[0]}
                for name, writer in self._writers.items()
            },
        }

    def close(self) -> None:
        """Close what is open; the next poll opens it again."""
        for writer in self._writers.values():
            writer.close()

    @overload
    def poll(self, *, final: bool = False) -> Iterator[Item]: ...
    @overload
    def poll(self, *, final: bool = False, pauses: bool) -> Iterator[Item | Pause]: ...
    def poll(self, *, final: bool = False, pauses: bool = False) -> Iterator[Item | Pause]:
        """Yield what was written since the last call.

        Args:
            final: nobody writes any more, so zeros with something behind them are a hole
                and not the end.
            pauses: also yield `PAUSE` between chunks of a few MiB.
        """
        found = self._segments()
        for name in sorted(found, key=lambda name: self._start_of(name, found[name])):
            if name not in self._writers:
                self._writers[name] = _WriterReader(name, self.damage)
            for item in self._writers[name].poll(found[name], final=final):
                if pauses or item is not PAUSE:
                    yield item

    def _start_of(self, writer: str, segments: dict[int, Path]) -> tuple[int, str]:
        """When a writer began: a run that was resumed is read in its order."""
        if writer not in self._started:
            try:
                with open(segments[min(segments)], "rb") as file:
                    began = decode_header(file.read(HEADER_SIZE)).started_ns
            except (OSError, JournalError):  # not there yet, or damaged: it is looked at again
                return 0, writer
            self._started[writer] = (began, writer)
        return self._started[writer]

    def _segments(self) -> dict[str, dict[int, Path]]:
        found: dict[str, dict[int, Path]] = {}
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return found
        for name in names:
            if match := _NAME.fullmatch(name):
                numbers = found.setdefault(match["writer"], {})
                numbers[int(match["number"])] = self.folder / name
        # A listing is no snapshot: it may lack a file that was made while it was read, and yet
        # hold a later one. Only the latest can be so new.
        for writer, numbers in found.items():
            last = max(numbers)
            for number in set(range(max(1, last - 64), last)) - numbers.keys():
                path = self.folder / f"{writer}-{number:06d}{SUFFIX}"
                if path.exists():
                    numbers[number] = path
        return found


class _WriterReader:
    """The segments of one writer, one after the other."""

    def __init__(
        self,
        writer: str,
        damage: list[Damage],
        state: Mapping[str, Any] | None = None,
        folder: Path = Path(),
    ) -> None:
        self._writer = writer
        self._damage = damage
        self._number = 0
        self._rows = 0
        self._open: _SegmentReader | None = None
        if state is not None:
            self._number, self._rows = state["segment"], state["rows"]
            if state["offset"] >= 0:
                path = folder / f"{writer}-{self._number:06d}{SUFFIX}"
                self._open = _SegmentReader(path, writer, self._rows, damage)
                self._open.go_to(state["offset"], state["schemas"], given_up=state["given_up"])

    def state(self) -> dict[str, Any]:
        """Where the reader is; the offset is -1 between two segments."""
        known = {"segment": self._number, "rows": self._rows, "offset": -1}
        return known if self._open is None else known | self._open.state()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    def poll(self, segments: dict[int, Path], *, final: bool) -> Iterator[Item | Pause]:
        last = max(segments)
        while self._open or self._number < last:
            if self._open is None:
                number = min(number for number in segments if number > self._number)
                if number != self._number + 1:
                    missing = f"segments {self._number + 1} to {number - 1} before it are missing"
                    self._damage.append(Damage(segments[number], 0, 0, missing))
                self._number = number
                self._open = _SegmentReader(
                    segments[number], self._writer, self._rows, self._damage
                )
            superseded = self._number < last
            try:
                yield from self._open.poll(final=final or superseded)
            except FileNotFoundError:
                return  # the run is being removed, or its folder comes back in a moment
            except (OSError, JournalError) as cause:
                skipped = f"the whole segment is skipped: {cause}"
                self._damage.append(Damage(self._open.path, 0, 0, skipped))
                self._open.give_up()
            self._rows = self._open.rows
            if not superseded:
                return
            self._open.close()
            self._open = None


class _SegmentReader:
    """One segment file, from the last offset on."""

    def __init__(self, path: Path, writer: str, rows: int, damage: list[Damage]) -> None:
        self.path = path
        self.rows = rows
        """Rows of this writer up to here."""
        self._writer = writer
        self._damage = damage
        self._fd = -1
        self._offset = 0
        self._schemas: dict[int, Schema] = {}
        self._torn_at = -1
        self._bad_header = b""
        self._given_up = False
        self._told: dict[str, int] = {}  # where in `damage` a message stands

    def state(self) -> dict[str, Any]:
        schemas = [[schema.id, schema.keys, schema.kinds] for schema in self._schemas.values()]
        return {
            "offset": self._offset,
            "rows": self.rows,
            "schemas": schemas,
            "given_up": self._given_up,
        }

    def go_to(self, offset: int, schemas: list[Any], *, given_up: bool) -> None:
        """Read on from where an earlier reader was."""
        self._offset, self._given_up = offset, given_up
        self._schemas = {number: Schema(number, keys, kinds) for number, keys, kinds in schemas}
        self._told = {d.message: at for at, d in enumerate(self._damage) if d.path == self.path}

    def close(self) -> None:
        """Close the file; the next poll opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()

    def give_up(self) -> None:
        """Read no further: what is there is no journal, or of a newer version."""
        self._given_up = True

    def poll(self, *, final: bool) -> Iterator[Item | Pause]:
        """Yield what is new. `final`: nothing will be written to this segment any more."""
        if self._given_up:
            return
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        if self._offset == 0 and not self._begin(final=final):
            return
        while True:
            head = os.pread(self._fd, FRAME_HEAD_SIZE, self._offset)
            (length, _) = unpack_frame_head(head) if len(head) == FRAME_HEAD_SIZE else (0, 0)
            # The common end of a poll, so a window of zeros is not read for it.
            if len(head) < FRAME_HEAD_SIZE or (length == 0 and not final):
                if self._reopened():
                    continue
                return
            size = length + FRAME_HEAD_SIZE
            if self._torn_at != self._offset:
                size = max(CHUNK_BYTES, size)
            if size > CHUNK_BYTES:  # a damaged length may claim gigabytes
                size = min(size, self._left())
            items, consumed = self._split(os.pread(self._fd, size, self._offset))
            self._offset += consumed
            if items:
                yield from items
                yield PAUSE
            if not consumed and not self._resync(final=final):
                return

    def _begin(self, *, final: bool) -> bool:
        header = os.pread(self._fd, HEADER_SIZE, 0)
        if len(header) < HEADER_SIZE:
            return False
        try:
            first_row = decode_header(header).first_row
        except FormatVersionError:
            raise
        except JournalError as cause:
            # A header is not there all at once: it counts as bad if it stays so, and had frames.
            stays, self._bad_header = final or header == self._bad_header, header
            if not stays or not self._written_behind(HEADER_SIZE):
                return False
            self._tell(0, HEADER_SIZE, f"{cause}; what follows is read all the same")
            first_row = self.rows
        self._offset = HEADER_SIZE
        if first_row > self.rows:
            self._tell(HEADER_SIZE, 0, f"{first_row - self.rows} rows before this segment are lost")
        # Fewer are possible too: a row whose writing was broken off may be there, but not counted.
        self.rows = max(first_row, self.rows)
        return True

    def _reopened(self) -> bool:
        """Whether the file was removed, and is back: the writer goes on in a copy of it."""
        if os.fstat(self._fd).st_nlink:
            return False
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        os.close(self._fd)
        self._fd = fd
        return True

    def _left(self) -> int:
        return os.fstat(self._fd).st_size - self._offset

    def _split(self, data: bytes) -> tuple[list[Item], int]:
        """The records of the whole frames at the head of `data`, and how many bytes they take."""
        view = memoryview(data)
        items: list[Item] = []
        offset, size = 0, len(data)
        while offset + FRAME_HEAD_SIZE + PREFIX_SIZE <= size:
            length, checksum = unpack_frame_head(data, offset)
            body = offset + FRAME_HEAD_SIZE
            end = body + length
            if length < PREFIX_SIZE or end > size or crc32(view[body:end]) != checksum:
                break
            schema = self._schemas.get(data[body + 2] | data[body + 3] << 8)
            if data[body] == ROW and schema and schema.frame_size == end - offset:
                end = self._rows_like(view, offset, schema)
                count = (end - offset) // schema.frame_size
                items.append(RowBlock(self._writer, self.rows, schema, count, view[offset:end]))
                self.rows += count
            else:
                self._take(data[body:end], self._offset + offset, items)
            offset = end
        return items, offset

    def _rows_like(self, view: memoryview, offset: int, schema: Schema) -> int:
        """Where the run of rows of one schema ends, of which the first is known to be whole."""
        size = schema.frame_size
        length = size - FRAME_HEAD_SIZE
        # Length, type and schema stand at fixed places, so most of a row is compared at once.
        kind = view[offset + FRAME_HEAD_SIZE]
        low, high = view[offset + FRAME_HEAD_SIZE + 2], view[offset + FRAME_HEAD_SIZE + 3]
        offset += size
        while offset + size <= len(view):
            body = offset + FRAME_HEAD_SIZE
            found, checksum = unpack_frame_head(view, offset)
            if (
                found != length
                or view[body] != kind
                or view[body + 2] != low
                or view[body + 3] != high
                or crc32(view[body : offset + size]) != checksum
            ):
                break
            offset += size
        return offset

    def _take(self, body: bytes, offset: int, items: list[Item]) -> None:
        try:
            record = decode_body(body, self._schemas)
        except DamageError as cause:
            self._tell(offset, len(body) + FRAME_HEAD_SIZE, str(cause), once=True)
            self.rows += body[0] in (ROW, VALUES)
            return
        if isinstance(record, Schema):
            self._schemas[record.id] = record
        elif record is not None:
            items.append(Entry(self._writer, self.rows, record))
            self.rows += isinstance(record, Row)

    def _resync(self, *, final: bool) -> bool:
        """Go behind a frame that is not whole, if something whole follows; say what was lost."""
        # Once more from the file: a live frame may have become whole since it was read.
        if self._whole_here():
            return True
        if self._torn_at == self._offset and not final:
            return False
        left = self._left()
        data = os.pread(self._fd, min(left, RESYNC_WINDOW_BYTES), self._offset)
        if len(data) < FRAME_HEAD_SIZE:
            return False
        claimed = min(FRAME_HEAD_SIZE + unpack_frame_head(data)[0], left)
        found = self._next_whole(data, claimed)
        if found is not None:
            # A frame is stored before those behind it, but one read is not one moment: only now,
            # with a later frame seen whole, is this one either whole or bad.
            if not self._whole_here():
                self._tell(self._offset, found, f"{found} bytes fail their checksum and are lost")
                self._offset += found
            return True
        self._torn_at = self._offset
        if self._written_behind(self._offset + claimed):
            self._tell(
                self._offset, left, f"the remaining {left} bytes of the segment are unreadable"
            )
            self._given_up = True
        return False

    def _whole_here(self) -> bool:
        """Whether a whole frame begins at the offset."""
        head = os.pread(self._fd, FRAME_HEAD_SIZE, self._offset)
        size = unpack_frame_head(head)[0] + FRAME_HEAD_SIZE if len(head) == FRAME_HEAD_SIZE else 0
        return 0 < size <= self._left() and (
            whole_frame(os.pread(self._fd, size, self._offset), 0) is not None
        )

    def _next_whole(self, data: bytes, claimed: int) -> int | None:
        """Where the next whole frame begins behind the bad one at the head of `data`."""
        # Where the bad one says that it ends is no good guess: its length may be what is bad.
        found = _next_whole_frame(data, 1)
        if found is None:  # it may be longer than what was searched
            behind = os.pread(self._fd, RESYNC_WINDOW_BYTES, self._offset + claimed)
            further = _next_whole_frame(behind, 0)
            return claimed + further if further is not None else None
        return found

    def _written_behind(self, offset: int) -> bool:
        """Whether anything but zeros follows: a torn tail has nothing behind it."""
        while chunk := os.pread(self._fd, CHUNK_BYTES, offset):
            if chunk.strip(b"\0"):
                return True
            offset += len(chunk)
        return False

    def _tell(self, offset: int, lost_bytes: int, message: str, *, once: bool = False) -> None:
        """Record damage; `once`: of one message, add up what it lost, since a million may follow."""
        known = self._told.setdefault(message, len(self._damage))
        if once and known < len(self._damage):
            first = self._damage[known]
            self._damage[known] = replace(first, lost_bytes=first.lost_bytes + lost_bytes)
        else:
            self._damage.append(Damage(self.path, offset, lost_bytes, message))


def _next_whole_frame(data: bytes, offset: int) -> int | None:
    """Where the first whole frame begins at `offset` or behind."""
    tries = 0
    while tries < RESYNC_BYTES and (written := _WRITTEN.search(data, offset)):
        # The first byte of a frame is the low byte of its length, and the lowest three may be 0.
        for start in range(max(offset, written.start() - 3), written.start() + 1):
            if may_be_frame(data, start) and whole_frame(data, start) is not None:
                return start
        offset = written.start() + 1
        tries += 1
    return None
