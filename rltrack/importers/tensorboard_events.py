"""Event files: the events in them, from an offset on, and what a restart took back.

    record = length u64 | masked crc32c(length) u32 | event | masked crc32c(event) u32

A writer that is killed leaves a torn tail, and one that lives may be in the middle of a record:
both are silence, and the next look goes on from there. Any other damage ends the reading of
that file, as it does in TensorBoard, since nothing says where the next record begins.

A writer that is told `purge_step` begins its file with a START at that step: what the files of
its folder held before, from that step on, is taken back.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from rltrack.errors import MissingExtraError
from rltrack.extras import require

#: TensorBoard's `Event`, or tensorboardX's: they have the same fields.
AnyEvent: TypeAlias = Any

_HEAD: Final = struct.Struct("<QI")
_CRC: Final = struct.Struct("<I")
_CHUNK_BYTES: Final = 4 << 20
#: In pure Python a checksum runs at 15 MB/s, so only what is as small as a number is checked:
#: an image has checksums of its own.
_CHECKED_BYTES: Final = 1024
#: The key of `session_log` in an event on the wire: without that byte there is none in it.
_SESSION_LOG_KEY: Final = b"\x3a"
_SESSION_START: Final = 1


def is_event_file(name: str) -> bool:
    """Whether TensorBoard would take a file of that name for events."""
    return "tfevents" in name and not name.endswith(".profile-empty")


class EventFile:
    """A place in an event file, up to which it was read.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        """The bytes that are read: whole records, all of them."""
        self.damage: str | None = None
        """Why the rest cannot be read."""
        self._inode = 0

    def payloads(self, until: int | None = None) -> Iterator[bytes]:
        """The events behind `offset` that are whole, as bytes; `offset` moves along.

        Args:
            until: read no further than this offset.

        Raises:
            OSError: the file cannot be read.
        """
        if self.damage is not None:
            return
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            rest = b""
            while self.damage is None:
                want = _CHUNK_BYTES if until is None else until - self.offset - len(rest)
                chunk = file.read(min(max(want, 0), _CHUNK_BYTES))
                if not chunk:
                    return
                rest += chunk
                start = 0
                for payload, end in self._records(rest):
                    self.offset += end - start
                    start = end
                    yield payload
                rest = rest[start:]

    def _records(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """The whole records in `data`, and where each ends."""
        at = 0
        while at + _HEAD.size <= len(data):
            length, check = _HEAD.unpack_from(data, at)
            if masked_crc32c(data[at : at + 8]) != check:
                self.damage = f"the length of the record at byte {self.offset} is damaged"
                return
            end = at + _HEAD.size + length + _CRC.size
            if end > len(data):
                return
            payload = data[at + _HEAD.size : end - _CRC.size]
            if length <= _CHECKED_BYTES:
                (check,) = _CRC.unpack_from(data, end - _CRC.size)
                if masked_crc32c(payload) != check:
                    self.damage = f"the record at byte {self.offset} is damaged"
                    return
            yield payload, end
            at = end

    def events(self, until: int | None = None) -> Iterator[AnyEvent]:
        """`payloads`, parsed."""
        parse = event_class().FromString
        for payload in self.payloads(until):
            try:
                event = parse(payload)
            except Exception as fault:  # protobuf's DecodeError, in whichever build is installed
                self.damage = f"the event before byte {self.offset} cannot be read: {fault}"
                return
            yield event

    def was_replaced(self) -> bool:
        """Whether another file has taken its place; then it is read from its start again.

        Two writers of tensorboardX that start in the same second have one file name, and the
        second replaces what the first has written.

        Raises:
            OSError: the file is gone.
        """
        now = os.stat(self.path)
        replaced = now.st_size < self.offset or self._inode not in (0, now.st_ino)
        self._inode = now.st_ino
        if replaced:
            self.offset, self.damage = 0, None
        return replaced


def read_history(files: Iterable[EventFile]) -> Iterator[AnyEvent]:
    """What the event files of one folder hold by now, less what restarts took back.

    Args:
        files: in the order in which TensorBoard reads them: by name.

    Raises:
        OSError: a file cannot be read.
    """
    files = list(files)
    # The files are read twice, so that memory does not grow with them: first for restarts.
    scouts, restarts = [], []
    count = 0
    for file in files:
        scout = EventFile(file.path)
        scout.offset = file.offset
        for payload in scout.payloads():
            if _SESSION_LOG_KEY in payload and (step := _restart_step(payload)) is not None:
                restarts.append((count, step))
            count += 1
        scouts.append(scout)
    kept_below = _Restarts(restarts)
    count = 0
    for file, scout in zip(files, scouts, strict=True):
        for event in file.events(scout.offset):
            if event.step < kept_below.after(count):
                yield event
            count += 1
        file.damage = file.damage or scout.damage


class _Restarts:
    """From which step on an event was taken back, by a restart behind it."""

    def __init__(self, restarts: list[tuple[int, int]]) -> None:
        self._least: list[tuple[int, float]] = []
        least = float("inf")
        for index, step in reversed(restarts):
            least = min(least, step)
            self._least.append((index, least))

    def after(self, count: int) -> float:
        """The least step of the restarts behind event number `count`; asked in order."""
        while self._least and self._least[-1][0] <= count:
            self._least.pop()
        return self._least[-1][1] if self._least else float("inf")


def _restart_step(payload: bytes) -> int | None:
    event = event_class().FromString(payload)
    return restart_step(event)


def restart_step(event: AnyEvent) -> int | None:
    """The step from which on this event takes back what was written before; None if it does not."""
    if event.HasField("session_log") and event.session_log.status == _SESSION_START:
        return int(event.step)
    return None


@cache
def event_class() -> Any:
    """`Event` of TensorBoard, or else of tensorboardX.

    Raises:
        MissingExtraError: neither is installed.
    """
    return protocol("event_pb2").Event


def protocol(module: str, of_tensorboard: str = "tensorboard.compat.proto") -> Any:
    """A module of messages: TensorBoard's, or else tensorboardX's of the same name.

    Raises:
        MissingExtraError: neither is installed.
    """
    try:
        return require(f"{of_tensorboard}.{module}", extra="tensorboard")
    except MissingExtraError as missing:
        try:
            return require(f"tensorboardX.proto.{module}", extra="tensorboard")
        except MissingExtraError:
            raise missing from None


# -- checksums ---------------------------------------------------------------------------------


def masked_crc32c(data: bytes) -> int:
    """The checksum of event files: CRC-32C, turned and shifted so that it can be nested."""
    table = _crc_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _crc_table() -> tuple[int, ...]:
    """One entry a byte, for Castagnoli's polynomial (reversed: 0x82F63B78)."""
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry >> 1) ^ (0x82F63B78 if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)
