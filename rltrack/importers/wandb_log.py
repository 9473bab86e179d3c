"""The frames of a `.wandb` file: a log of blocks, as LevelDB has them, behind a header of its own.

    header   ":W&B" | magic 0xBEE1 u16 | version 0 u8
    block    32,768 bytes, of which the header is part of the first
    chunk    crc32 u32 | length u16 | type u8 | data       type 1 whole, 2 first, 3 middle, 4 last

The checksum is zlib's CRC-32 of type and data. A chunk never crosses a block; the last bytes of one
that are too few for a chunk's head are zeros. A file that is still written, or whose writer was
killed, ends anywhere: that is silence. Other damage costs its block, and is told.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zlib import crc32

from rltrack.errors import ArchiveError

HEADER: Final = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
BLOCK_BYTES: Final = 32768
_HEAD: Final = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_LOST: Final = 0
#: One record longer than this is damage; W&B's own limit is 10 MB a row.
_MAX_RECORD_BYTES: Final = 1 << 30


@dataclass(slots=True)
class WandbLog:
    """The records of one file.

    Args:
        path: of the file.
    """

    path: Path
    damage: list[str] = field(default_factory=list)
    """What could not be read."""
    is_torn: bool = False
    """Whether the last record is not whole."""

    def records(self) -> Iterator[bytes]:
        """The payloads of all records that are whole, in order.

        Raises:
            ArchiveError: it is no `.wandb` file.
            OSError: it cannot be read.
        """
        pending: list[bytes] | None = None
        for kind, data in self._chunks():
            if kind == _LOST:
                pending = None  # what comes next may be the rest of another record
            elif kind in (_WHOLE, _FIRST):
                if pending is not None:
                    self.damage.append("a record has no end")
                pending = None
                if kind == _WHOLE:
                    yield data
                else:
                    pending = [data]
            elif pending is None:
                continue  # the rest of a record whose beginning is damaged, which was told
            else:
                pending.append(data)
                if sum(map(len, pending)) > _MAX_RECORD_BYTES:
                    self.damage.append("a record is too long to be one")
                    pending = None
                elif kind == _LAST:
                    yield b"".join(pending)
                    pending = None
        self.is_torn = self.is_torn or pending is not None

    def _chunks(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as file:
            block = file.read(BLOCK_BYTES)
            if len(block) >= len(HEADER) and not block.startswith(HEADER):
                raise ArchiveError(
                    f"{self.path} is no .wandb file: it does not begin as one of version 0 does"
                )
            at, number = len(HEADER), 0
            while block:
                following = file.read(BLOCK_BYTES)
                yield from self._chunks_of(block, at, number, is_last=not following)
                block, at, number = following, 0, number + 1

    def _chunks_of(
        self, block: bytes, at: int, number: int, *, is_last: bool
    ) -> Iterator[tuple[int, bytes]]:
        while at + _HEAD.size <= len(block):
            checksum, length, kind = _HEAD.unpack_from(block, at)
            if not kind and not length and not checksum:
                # Zeros: of the end of a block, or that a file system had not written yet.
                if any(block[at:]):
                    self.damage.append(f"block {number}: zeros in the middle")
                    yield _LOST, b""
                return
            end = at + _HEAD.size + length
            data = block[at + _HEAD.size : end]
            if end > len(block) and is_last and end <= BLOCK_BYTES:
                self.is_torn = True
                return
            if kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST) or len(data) < length:
                self.damage.append(f"block {number}: no record at byte {at}")
                yield _LOST, b""
                return
            if crc32(data, crc32(bytes([kind]))) != checksum:
                self.damage.append(f"block {number}: a checksum fails at byte {at}")
                yield _LOST, b""
                return
            yield kind, data
            at = end
        if is_last and at < len(block) and any(block[at:]):
            self.is_torn = True
