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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from zlib import crc32

from rltrack.errors import DamageError, JournalError
from rltrack.journal.format import (
    FRAME_HEAD_SIZE,
    HEADER_SIZE,
    MAX_BODY_BYTES,
    PREFIX_SIZE,
    ROW,
    Schema,
    decode_body,
    decode_header,
    unpack_frame_head,
    whole_frame,
)
from rltrack.journal.records import Record, Row

SUFFIX: Final = ".rlj"
CHUNK_BYTES: Final = 4 << 20
#: How far behind a bad frame a whole one is looked for, before the rest of the segment is given up.
RESYNC_BYTES: Final = 1 << 20

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


class JournalReader:
    """Reads all segments of a journal folder; each `poll` yields what is new.

    Records of one writer come in the order in which they were written. Several writers
    come one after the other: who merges them orders rows by step and time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damage: list[Damage] = []
        self._writers: dict[str, _WriterReader] = {}

    def poll(self, *, final: bool = False) -> Iterator[Item]:
        """Yield what was written since the last call.

        Args:
            final: nobody writes any more, so zeros with something behind them are a hole
                and not the end.
        """
        for name, segments in sorted(self._segments().items()):
            if name not in self._writers:
                self._writers[name] = _WriterReader(name, self.damage)
            yield from self._writers[name].poll(segments, final=final)

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
        return found


class _WriterReader:
    """The segments of one writer, one after the other."""

    def __init__(self, writer: str, damage: list[Damage]) -> None:
        self._writer = writer
        self._damage = damage
        self._number = 0
        self._rows = 0
        self._open: _SegmentReader | None = None

    def poll(self, segments: dict[int, Path], *, final: bool) -> Iterator[Item]:
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
        self._given_up = False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()

    def give_up(self) -> None:
        """Read no further: what is there is no journal, or of a newer version."""
        self._given_up = True

    def poll(self, *, final: bool) -> Iterator[Item]:
        """Yield what is new. `final`: nothing will be written to this segment any more."""
        if self._given_up or (self._offset == 0 and not self._begin(final=final)):
            return
        while True:
            head = os.pread(self._fd, FRAME_HEAD_SIZE, self._offset)
            if len(head) < FRAME_HEAD_SIZE:
                return
            (length, _) = unpack_frame_head(head)
            if length == 0 and not final:
                return  # the common end of a poll, so a window of zeros is not read for it
            size = (
                max(CHUNK_BYTES, length + FRAME_HEAD_SIZE)
                if length <= MAX_BODY_BYTES
                else CHUNK_BYTES
            )
            if self._torn_at == self._offset:
                size = length + FRAME_HEAD_SIZE
            items, consumed = self._split(os.pread(self._fd, size, self._offset))
            yield from items
            self._offset += consumed
            if not consumed and not self._resync(final=final):
                return

    def _begin(self, *, final: bool) -> bool:
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        head = os.pread(self._fd, HEADER_SIZE, 0)
        # A new file is empty, then full of zeros, for a moment; one that stayed so held nothing.
        if len(head) < HEADER_SIZE or not head.strip(b"\0"):
            if final and head.strip(b"\0"):
                raise DamageError("it is cut within its header")
            return False
        first_row = decode_header(head).first_row
        self._offset = HEADER_SIZE
        if first_row > self.rows:
            self._tell(HEADER_SIZE, 0, f"{first_row - self.rows} rows before this segment are lost")
        self.rows = first_row
        return True

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
            if data[body] == ROW and (
                schema := self._schemas.get(data[body + 2] | data[body + 3] << 8)
            ):
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
            self._tell(offset, len(body) + FRAME_HEAD_SIZE, str(cause))
            return
        if isinstance(record, Schema):
            self._schemas[record.id] = record
        elif record is not None:
            items.append(Entry(self._writer, self.rows, record))
            self.rows += isinstance(record, Row)

    def _resync(self, *, final: bool) -> bool:
        """Go behind a frame that is not whole, if something whole follows; say what was lost."""
        # Once more from the file: a live frame may have become whole since it was read.
        data = os.pread(self._fd, max(RESYNC_BYTES, self._claimed_bytes()), self._offset)
        if len(data) < FRAME_HEAD_SIZE or whole_frame(data, 0) is not None:
            return len(data) >= FRAME_HEAD_SIZE
        if self._torn_at == self._offset and not final:
            return False
        (length, _) = unpack_frame_head(data)
        claimed = min(FRAME_HEAD_SIZE + length, os.fstat(self._fd).st_size - self._offset)
        found = _next_whole_frame(data, claimed)
        if found is not None:
            self._tell(self._offset, found, f"{found} bytes fail their checksum and are lost")
            self._offset += found
            return True
        self._torn_at = self._offset
        if self._written_behind(self._offset + claimed):
            lost = os.fstat(self._fd).st_size - self._offset
            self._tell(
                self._offset, lost, f"the remaining {lost} bytes of the segment are unreadable"
            )
            self._given_up = True
        return False

    def _claimed_bytes(self) -> int:
        """How long the frame at the offset says that it is; 0 if no frame is that long."""
        head = os.pread(self._fd, FRAME_HEAD_SIZE, self._offset)
        length = unpack_frame_head(head)[0] if len(head) == FRAME_HEAD_SIZE else 0
        return length + FRAME_HEAD_SIZE if length <= MAX_BODY_BYTES else 0

    def _written_behind(self, offset: int) -> bool:
        """Whether anything but zeros follows: a torn tail has nothing behind it."""
        while chunk := os.pread(self._fd, CHUNK_BYTES, offset):
            if chunk.strip(b"\0"):
                return True
            offset += len(chunk)
        return False

    def _tell(self, offset: int, lost_bytes: int, message: str) -> None:
        self._damage.append(Damage(self.path, offset, lost_bytes, message))


def _next_whole_frame(data: bytes, claimed: int) -> int | None:
    """Where the next whole frame begins: where the bad one claims to end, or at any byte behind."""
    if 0 < claimed < len(data) and whole_frame(data, claimed) is not None:
        return claimed
    offset = 1
    while written := _WRITTEN.search(data, offset):
        # The first byte of a frame is the low byte of its length, which may be 0 itself.
        for start in range(max(offset, written.start() - 1), written.start() + 1):
            if whole_frame(data, start) is not None:
                return start
        offset = written.start() + 1
    return None
