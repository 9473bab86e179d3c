"""A file of journal records with the writer of each: what segments keep of a run besides rows.

    entry = length of the writer's name u8 | name | rows before it u64 | frame as in a journal

Damage to it loses nothing: the journal has all of it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rltrack.errors import JournalError, SegmentError
from rltrack.journal.format import FRAME_HEAD_SIZE, Schema, decode_body, encode, whole_frame
from rltrack.journal.reader import Entry

_ROWS: Final = struct.Struct("<Q")


def write_entries(path: Path, entries: Iterable[Entry]) -> int:
    """Write a file, safe from power loss; answers its size in bytes."""
    with open(path, "wb") as file:
        for entry in entries:
            writer = entry.writer.encode("ascii")
            file.write(bytes([len(writer)]) + writer + _ROWS.pack(entry.sequence))
            file.write(encode(entry.record))
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def read_entries(path: Path) -> list[Entry]:
    """Read a file whole.

    Raises:
        SegmentError: it is missing or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise SegmentError(f"{path} cannot be read: {cause}") from cause
    found = []
    offset = 0
    while offset < len(data):
        start = offset + 1 + data[offset] + _ROWS.size
        end = whole_frame(data, start) if start <= len(data) else None
        if end is None:
            raise SegmentError(f"{path} is damaged at byte {offset}")
        writer = data[offset + 1 : offset + 1 + data[offset]].decode("ascii", "replace")
        (sequence,) = _ROWS.unpack_from(data, start - _ROWS.size)
        try:
            record = decode_body(data[start + FRAME_HEAD_SIZE : end], {})
        except JournalError as cause:
            raise SegmentError(f"{path} is damaged at byte {offset}: {cause}") from cause
        if record is None or isinstance(record, Schema):
            raise SegmentError(f"{path} has a record of a kind that this rltrack does not know")
        found.append(Entry(writer, sequence, record))
        offset = end
    return found
