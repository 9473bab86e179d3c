"""How far a segment is written: what of it may be copied while its writer goes on.

A segment that is mapped ends in zeros, and a frame at its end may be half stored. So what is
written ends behind the last frame whose checksum fits; bytes up to there never change again.
"""

from __future__ import annotations

import os
import re
from typing import Final
from zlib import crc32

from rltrack.errors import FormatVersionError, JournalError
from rltrack.journal.format import (
    FRAME_HEAD_SIZE,
    HEADER_SIZE,
    PREFIX_SIZE,
    decode_header,
    may_be_frame,
    unpack_frame_head,
    whole_frame,
)

_CHUNK_BYTES: Final = 4 << 20
#: Behind damage, at how many bytes a whole frame may begin.
_MOST_TRIES: Final = 1 << 20
_WRITTEN: Final = re.compile(rb"[^\0]")


def written(fd: int, known: int = 0) -> int:
    """Where the whole frames of a segment end.

    Args:
        fd: the segment.
        known: what an earlier call answered: it is read on from there.
    """
    size = os.fstat(fd).st_size
    begins_at = known
    if known < HEADER_SIZE:
        if size < HEADER_SIZE:
            return 0
        begins_at = HEADER_SIZE if _has_header(fd) else 0
        known = HEADER_SIZE
    while len(head := os.pread(fd, FRAME_HEAD_SIZE, known)) == FRAME_HEAD_SIZE:
        length = unpack_frame_head(head)[0]
        # The common end: so a window of zeros is not read for it.
        if length == 0 or length > size - known - FRAME_HEAD_SIZE:
            break
        whole = _whole(os.pread(fd, max(_CHUNK_BYTES, FRAME_HEAD_SIZE + length), known))
        if not whole:
            break
        known += whole
    return known if known > HEADER_SIZE else begins_at


def written_for_good(fd: int, known: int = 0) -> int:
    """Where a segment ends whose writer is gone: behind damage, and behind a frame that it tore.

    Zeros at its end are none of it.
    """
    end = written(fd, known)
    at = size = os.fstat(fd).st_size
    last = end
    while at > end:
        start = max(end, at - _CHUNK_BYTES)
        # A whole frame may end in zeros, which are its own: so it is looked for, too.
        piece = os.pread(fd, at - start, start).rstrip(b"\0")
        if piece:
            last = start + len(piece)
            break
        at = start
    return last if last == end else max(last, _end_of_last_frame(fd, end, size))


def _end_of_last_frame(fd: int, start: int, size: int) -> int:
    """Where the last whole frame behind damage ends; `start` if there is none."""
    data = os.pread(fd, size - start, start)  # at most a segment, 64 MiB
    at = end = tries = 0
    while tries < _MOST_TRIES and (found := _WRITTEN.search(data, at)):
        tries += 1
        at = found.start() + 1
        # The first byte of a frame is the low byte of its length, and the lowest three may be 0.
        for begin in range(max(end, found.start() - 3), found.start() + 1):
            if may_be_frame(data, begin) and (whole := whole_frame(data, begin)) is not None:
                at = end = whole
                break
    return start + end


def _has_header(fd: int) -> bool:
    try:
        decode_header(os.pread(fd, HEADER_SIZE, 0))
    except FormatVersionError:
        return True
    except JournalError:  # it is being stored, or is damaged
        return False
    return True


def _whole(data: bytes) -> int:
    """How many bytes of whole frames `data` begins with."""
    view = memoryview(data)
    offset, size = 0, len(data)
    while offset + FRAME_HEAD_SIZE + PREFIX_SIZE <= size:
        length, checksum = unpack_frame_head(data, offset)
        body = offset + FRAME_HEAD_SIZE
        end = body + length
        if length < PREFIX_SIZE or end > size or crc32(view[body:end]) != checksum:
            break
        offset = end
    return offset
