"""The writing end of a journal: what has returned is in the kernel's hands.

`segment.py` tells how bytes get out. Here is what bytes, and what happens when they do not.

When the disk says no
    The frame goes to a bounded buffer, `on_trouble` is told once, and each later write tries
    the buffer again, at most once a second. What does not fit the buffer is counted in `lost`.
    A folder that was removed comes back with the open segment in it.

Who may write
    One process, one open segment. After a fork the child opens a segment of its own, under
    its own name, at its first write. Threads share the lock. A signal handler that
    interrupts a write queues its record behind it instead of waiting for a lock that its own
    thread holds.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias
from zlib import crc32

from rltrack.journal.format import (
    FRAME_HEAD_SIZE,
    HEADER_SIZE,
    MAX_SCHEMAS,
    ROW,
    SCHEMA,
    Schema,
    Segment,
    encode,
    encode_header,
    encode_schema,
    pack_checksum_into,
)
from rltrack.journal.process import this_process
from rltrack.journal.records import Json, Noted, Record, Row, RowFlag, WriterOpened
from rltrack.journal.segment import ZEROS, SegmentFile

SEGMENT_BYTES: Final = 64 << 20
BUFFER_BYTES: Final = 64 << 20
RETRY_S: Final = 1.0

#: Where in a row's frame the step stands, and behind it the time and the values.
_STEP_AT: Final = FRAME_HEAD_SIZE + 4


_Key: TypeAlias = tuple[tuple[str, ...], tuple[type, ...], int]


class _Layout(Schema):
    """A schema of the open segment, and the buffer in which its rows are laid out.

    The buffer holds one whole frame and the zeros behind it; what is the same in every row
    is in it already. So a row costs one packing, one checksum and one copy into the map, and
    the buffer keeps the last row that was written.
    """

    __slots__ = ("body", "buffer", "flags", "last_row", "names", "pack_into", "size", "types")

    def __init__(self, schema_id: int, key: _Key, kinds: str) -> None:
        super().__init__(schema_id, key[0], kinds)
        self.names, self.types, self.flags = list(key[0]), list(key[1]), key[2]
        self.size = self.frame_size + len(ZEROS)
        self.buffer = bytearray(self.size)
        self.body = memoryview(self.buffer)[FRAME_HEAD_SIZE : self.frame_size]
        struct.pack_into("<IIBBH", self.buffer, 0, len(self.body), 0, ROW, key[2], schema_id)
        self.pack_into = struct.Struct(f"<qq{kinds}").pack_into
        self.last_row = -1


class JournalWriter:
    """Appends records to a journal folder, durably, from one process.

    Args:
        folder: created where it is missing.
        on_trouble: told in words when the disk first refuses a record, or the folder is gone.
        admit: asked once for each new set of keys whether rows of them are written as plain
            numbers; where not, `write_row` answers False.
        buffer_bytes: how much is kept in memory while the disk refuses.
        segment_bytes: where a segment ends and the next begins.
        mapped: store through a memory map; by default wherever that is sound.
        clock: nanoseconds since the epoch.
        edits: this process is none of the training: see `WriterOpened`.

    Raises:
        OSError: the first segment cannot be created.
    """

    def __init__(
        self,
        folder: Path,
        *,
        on_trouble: Callable[[str], None] = lambda message: None,
        admit: Callable[[tuple[str, ...]], bool] = lambda keys: True,
        buffer_bytes: int = BUFFER_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        mapped: bool | None = None,
        clock: Callable[[], int] = time.time_ns,
        edits: bool = False,
    ) -> None:
        self.folder = folder
        self._edits = edits
        self._on_trouble = on_trouble
        self._admit = admit
        self._buffer_bytes = buffer_bytes
        self._segment_bytes = segment_bytes
        self._mapped = mapped
        self._clock = clock
        self._latest: dict[str, Json] = {}
        self._last_row: tuple[int, int] | None = None
        self._layouts: dict[_Key, _Layout] = {}
        self._layout: _Layout | None = None  # of the last row: most often that of the next, too
        self._closed = False
        self._begin()
        self._open_segment()
        _writers.add(self)

    def _begin(self) -> None:
        """Become a writer that has written nothing: at the start, and after a fork."""
        self.name = os.urandom(4).hex()
        self.lock = threading.RLock()
        self.rows = 0
        """Rows written by this process."""
        self.lost = 0
        """Records that the disk refused and the buffer had no room for."""
        self._lost_noted = 0
        self._number = 0
        self._segment: SegmentFile | None = None
        self._busy = False
        self._deferred: deque[Callable[[], None]] = deque()
        self._draining = False
        self._refused: deque[bytes] = deque()
        self._refused_bytes = 0
        self._retry_at = 0.0
        self._told = False

    # -- writing ---------------------------------------------------------------------------

    def write_row(self, values: Mapping[str, object], step: int, time_ns: int, flags: int) -> bool:
        """Append a row of plain numbers. The caller holds `lock`.

        Returns:
            False if some value is no plain number, or the journal is closed: then nothing is
            written.
        """
        if self._busy:  # a signal handler interrupted this very thread in here
            return self._defer_row(dict(values), step, time_ns, flags)
        self._busy = True
        try:
            layout = self._layout
            segment = self._segment
            # Two lists, since they are cheaper to make and to compare than the key: 0.1 of 1.6 µs.
            if (
                layout is None
                or layout.names != [*values]
                or layout.types != [*map(type, values.values())]
                or layout.flags != flags
                or segment is None
                or (pos := segment.pos) + layout.size > segment.room
            ):
                key = (tuple(values), tuple(map(type, values.values())), flags)
                layout = self._layout = self._prepare(key)
                if layout is None:
                    return False
                segment = self._segment
                pos = segment.pos if segment else 0
            buffer = layout.buffer
            try:
                layout.pack_into(buffer, _STEP_AT, step, time_ns, *values.values())
            except (struct.error, OverflowError):  # an int of more than 63 bits
                layout.last_row = -1
                return False
            pack_checksum_into(buffer, 4, crc32(layout.body))
            if segment is not None and (window := segment.map) is not None:
                window[pos : pos + layout.size] = buffer
                segment.pos = pos + layout.frame_size
            elif not self._store(bytes(buffer[: layout.frame_size])):
                self.lost += 1
            layout.last_row = self.rows = self.rows + 1
            return True
        finally:
            self._busy = False
            if self._deferred:
                self._run_deferred()

    def write(self, record: Record) -> None:
        """Append any record, as JSON."""
        with self.lock:
            if self._busy:
                self._deferred.append(lambda: self.write(record))
                return
            self._busy = True
            try:
                data = encode(record)
                self._make_room(len(data))
                if not self._store(data):
                    self.lost += 1
                if isinstance(record, Row):
                    self._remember_layouts()
                    self._remember(record)
                    self.rows += 1
            finally:
                self._busy = False
                if self._deferred:
                    self._run_deferred()

    def latest(self) -> dict[str, Json]:
        """The last value that this process wrote under each key, in the order of writing."""
        with self.lock:
            self._remember_layouts()
            return dict(self._latest)

    def last_row(self) -> tuple[int, int] | None:
        """Step and time of the last row that this process wrote, but for samples of the machine."""
        with self.lock:
            self._remember_layouts()
            return self._last_row

    def _defer_row(self, values: dict[str, object], step: int, time_ns: int, flags: int) -> bool:
        """Have the row written when the interrupted write is through; False as by `write_row`."""
        kinds = self._kinds_of(tuple(map(type, values.values())))
        if kinds is None or not self._admit(tuple(values)):
            return False
        numbers = struct.Struct(f"<q{kinds}")
        try:
            # Packed now, so that nothing is found amiss when it is too late to say so.
            _, *exact = numbers.unpack(numbers.pack(step, *values.values()))
        except (struct.error, OverflowError):
            return False
        row = dict(zip(values, exact, strict=True))

        def write() -> None:
            with self.lock:
                written = self.write_row(row, step, time_ns, flags)
            if not written:  # this segment has more schemas than it can count
                self.write(Row(step, time_ns, row, RowFlag(flags)))

        self._deferred.append(write)
        return True

    def _run_deferred(self) -> None:
        if self._draining:  # each write in here ends in here again: no deeper than this
            return
        self._draining = True
        try:
            while self._deferred:
                self._deferred.popleft()()
        finally:
            self._draining = False

    # -- layouts ---------------------------------------------------------------------------

    def _prepare(self, key: _Key) -> _Layout | None:
        """The layout for such a row, with room for one; None if some value is no plain number."""
        if self._closed:
            return None
        layout = self._layouts.get(key)
        number = self._number
        if layout is not None:
            self._make_room(layout.size)
            return layout if self._number == number else self._prepare(key)
        keys, types, _ = key
        kinds = self._kinds_of(types)
        if kinds is None or not self._admit(keys):
            return None
        if len(self._layouts) >= MAX_SCHEMAS:
            if not self._refused:  # as in `_make_room`
                self._roll()
            if len(self._layouts) >= MAX_SCHEMAS:
                return None
        layout = _Layout(len(self._layouts), key, kinds)
        data = encode_schema(layout)
        self._make_room(len(data) + layout.size)
        if self._number != number:  # a new segment began, which counts its schemas from 0
            return self._prepare(key)
        if not self._store(data):  # rows that nobody could name must not be written
            return None
        self._layouts[key] = layout
        return layout

    @staticmethod
    def _kinds_of(types: tuple[type, ...]) -> str | None:
        kinds = [kind for kind in map(_kind, types) if kind]
        return "".join(kinds) if len(kinds) == len(types) else None

    def _remember_layouts(self) -> None:
        """Fold the last row of each layout into `_latest`, in the order in which they were written."""
        written = [layout for layout in self._layouts.values() if layout.last_row >= 0]
        for layout in sorted(written, key=lambda layout: layout.last_row):
            self._remember(layout.row(layout.body))
            layout.last_row = -1

    def _remember(self, row: Row) -> None:
        if not row.flags & RowFlag.SYSTEM:
            self._latest.update(row.values)
            self._last_row = row.step, row.time_ns

    # -- segments --------------------------------------------------------------------------

    def _open_segment(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        head = Segment(self.name, self._number + 1, self.rows, self._clock())
        path = self.folder / f"{head.writer}-{head.number:06d}.rlj"
        self._bring_back()
        # Only an exception out of a signal handler, in this very method, leaves one of our name.
        path.unlink(missing_ok=True)
        fresh = SegmentFile(path, encode_header(head), mapped=self._mapped)
        self._remember_layouts()
        # The new one takes its place before the old is closed, for the same reason.
        before, self._segment, self._number = self._segment, fresh, head.number
        self._layouts, self._layout = {}, None
        if before is not None:
            before.close()
        if head.number == 1:
            self._store(encode(WriterOpened(self._clock(), *this_process(), self._edits or None)))

    def _roll(self) -> None:
        """Go on in a new segment; where there is no space for one, in the old."""
        try:
            self._open_segment()
        except OSError as refusal:
            if self._segment is None:
                self._trouble(refusal)

    def _make_room(self, size: int) -> None:
        """See to it that `size` bytes fit, by a new segment or a further window."""
        if self._closed:
            raise ValueError("write to a closed journal")
        if self._segment is None:
            self._roll()
            if self._segment is None:
                return
            self._retry(now=True)
        elif self._refused:
            self._retry()
        # What was refused names schemas of this segment, so it must not end before that is in it.
        elif HEADER_SIZE < self._segment.size > self._segment_bytes - size:
            self._roll()
        self._segment.grow(size)

    def _store(self, data: bytes) -> bool:
        """Put a frame behind the last one: into the segment, or into the buffer if that refuses.

        Returns:
            False if neither took it.
        """
        if self._segment is not None and not self._refused:
            try:
                self._segment.append(data)
                return True
            except OSError as refusal:
                self._trouble(refusal)
        # Only plain writes are refused, so as long as something waits there is no map: see `write_row`.
        if self._refused_bytes + len(data) > self._buffer_bytes:
            return False
        self._refused.append(data)
        self._refused_bytes += len(data)
        return True

    # -- when the disk says no -------------------------------------------------------------

    def _retry(self, *, now: bool = False) -> None:
        """Write what was refused, oldest first, as far as the disk takes it."""
        if self._segment is None or not (now or time.monotonic() >= self._retry_at):
            return
        try:
            while self._refused:
                self._segment.append(self._refused[0])
                self._refused_bytes -= len(self._refused.popleft())
            if lost := self.lost - self._lost_noted:
                told = f"{lost} records are lost: the disk refused them and the buffer was full"
                self._segment.append(encode(Noted(self._clock(), "warning", told, lost)))
                self._lost_noted = self.lost
        except OSError:
            self._retry_at = time.monotonic() + RETRY_S

    def _trouble(self, refusal: OSError) -> None:
        self._retry_at = time.monotonic() + RETRY_S
        if not self._told:
            reason = os.strerror(refusal.errno) if refusal.errno else str(refusal)
            self._on_trouble(
                f"the journal in {self.folder} cannot grow ({reason}); rows are kept in memory, "
                f"up to {self._buffer_bytes >> 20} MiB, and written as soon as that works again"
            )
            self._told = True  # not if that raised: what is refused in strict mode raises each time

    # -- safety, end and forks -------------------------------------------------------------

    def sync(self) -> None:
        """Make all that was written safe from power loss, and bring a removed folder back."""
        with self.lock:
            if self._closed or self._segment is None or self._busy:
                return
            self._bring_back()
            if self._refused:
                self._retry()
            # A descriptor of our own: while fsync waits, the segment may roll and close its own.
            fd = self._segment.duplicate()
        try:
            os.fsync(fd)
        except OSError as refusal:
            if refusal.errno not in (errno.EINVAL, errno.EROFS):  # a file system without fsync
                self._trouble(refusal)
        finally:
            os.close(fd)

    def _bring_back(self) -> None:
        if self._segment is None or not self._segment.is_removed:
            return
        try:
            self._segment.bring_back()
        except OSError as refusal:
            self._trouble(refusal)
            return
        gone = f"; its {self._number - 1} earlier segments are gone" if self._number > 1 else ""
        self._on_trouble(f"{self.folder} was removed while the run was going on; it is back{gone}")

    def close(self) -> None:
        """Write what is left, cut the segment to its size, and make it safe. May be called again."""
        with self.lock:
            if self._busy:  # a signal handler ends the run in the middle of a write
                self._deferred.append(self.close)
                return
            if self._closed:
                return
            self._remember_layouts()
            try:
                if self._segment is not None:
                    self._bring_back()
                    self._retry(now=True)
            finally:
                self._closed = True
                if self._segment is not None:
                    self._segment.close()
                self._segment = None
                self.lost += sum(data[FRAME_HEAD_SIZE] != SCHEMA for data in self._refused)
                _writers.discard(self)

    def _after_fork_in_child(self) -> None:
        """The segment is the parent's: leave it, and be a new writer at the next write."""
        self._remember_layouts()
        self._layouts = {}
        self._layout = None
        if self._segment is not None:
            self._segment.abandon()
        self._begin()


_writers: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for writer in list(_writers):
        writer._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _kind(kind: type) -> str | None:
    """The struct letter by which a value of this type is stored exactly, if there is one."""
    if kind is float:
        return "d"
    if kind is int:
        return "q"
    if kind is bool:
        return "?"
    if kind.__module__ == "numpy":
        import numpy as np  # it is loaded already: one of its values is here

        if issubclass(kind, np.bool_):
            return "?"
        if issubclass(kind, np.integer) and not issubclass(kind, np.timedelta64):
            return "q"
        if issubclass(kind, np.floating):
            return "d"
    return None
