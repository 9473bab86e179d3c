"""One segment file, open for appending.

How a frame gets out
    1. The file is allocated a window of 1 MiB ahead (`posix_fallocate`, so that a full disk is
       an `OSError` here and not a SIGBUS at a store) and the window is mapped.
    2. A frame is stored into the map. Dirty pages of a shared map belong to the kernel, so a
       SIGKILL right after loses nothing; and unlike `os.write` a store never gives up the GIL,
       which a busy thread of the trainer would keep for 5 ms.
    3. Each store ends in four zero bytes, which the next one overwrites: should a signal's
       exception ever strike between a store and the move of `pos`, the next frame still ends
       in "not written yet".

On network file systems, where `posix_fallocate` is missing, and with little space left, a
frame is one `os.pwrite` of the same bytes.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path
from typing import Final

from rltrack.journal.filesystem import is_network_filesystem

WINDOW_BYTES: Final = 1 << 20
#: Below this much free space nothing is allocated ahead: small files are all that still fits.
SCARCE_BYTES: Final = 256 << 20
ZEROS: Final = b"\0\0\0\0"


class SegmentFile:
    """An append-only file, through a map where that is sound.

    A writer may store into `map` itself, at `pos` and up to `room`, and move `pos`: that is
    the fast path of `JournalWriter`. Not for two threads at once.

    Args:
        path: must not exist.
        mapped: store through a map; by default wherever that is sound.

    Raises:
        OSError: the file cannot be created, or not even its head fits.
    """

    __slots__ = ("_fd", "base", "map", "path", "pos", "room")

    def __init__(self, path: Path, head: bytes, *, mapped: bool | None = None) -> None:
        self.path = path
        self.map: mmap.mmap | None = None
        self.base = 0
        """File offset at which the map begins, or from which `pos` counts without one."""
        self.pos = 0
        """Where the next frame goes, from `base`."""
        self.room = 0
        """Up to where the map may be filled; 0 without a map."""
        self._fd = _create(path)
        try:
            if _may_map(self._fd, path) if mapped is None else mapped:
                self._map_from(0, len(head))
            self.append(head)
        except BaseException:  # what a signal handler raises, too
            self._unmap()
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise

    @property
    def size(self) -> int:
        """Bytes written, without what is allocated ahead."""
        return self.base + self.pos

    @property
    def is_removed(self) -> bool:
        """Whether somebody deleted the file; it lives on without a name until it is closed."""
        return os.fstat(self._fd).st_nlink == 0

    def append(self, data: bytes) -> None:
        """Put a frame behind the last one.

        Raises:
            OSError: the disk takes no more. The file ends behind its last whole frame.
        """
        size = len(data)
        self.grow(size)
        if self.map is not None:
            end = self.pos + size
            self.map[self.pos : end + len(ZEROS)] = data + ZEROS
            # No call in between, so no signal's exception either: a frame that a reader may have
            # seen whole is not written over.
            self.pos = end
        else:
            try:
                _write_all(self._fd, data, self.size)
            except OSError:
                self._truncate()
                raise
            self.pos += size

    def grow(self, size: int) -> None:
        """Map a further window if the mapped one has no room for `size` bytes."""
        if self.map is not None and self.pos + size > self.room:
            self._map_from(self.size, size)

    def _map_from(self, offset: int, size: int) -> None:
        """Map from the page of `offset` on.

        With no space for that, go on with plain writes, which take only what they need.
        """
        base = offset - offset % mmap.ALLOCATIONGRANULARITY
        length = -(-(offset - base + size + len(ZEROS)) // WINDOW_BYTES) * WINDOW_BYTES
        try:
            os.posix_fallocate(self._fd, base, length)
            fresh = mmap.mmap(self._fd, length, offset=base)
        except OSError:
            self._unmap()
            self._truncate()
            return
        self._unmap()
        self.map, self.base, self.pos = fresh, base, offset - base
        self.room = length - len(ZEROS)

    def _unmap(self) -> None:
        if self.map is not None:
            self.map.close()
            self.base, self.pos = self.size, 0
            self.map, self.room = None, 0

    def _truncate(self) -> None:
        """Cut what was allocated ahead, or half a frame."""
        # Refused, it stays a torn tail to a reader, and the next append begins over it.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self.size)

    def duplicate(self) -> int:
        """A file descriptor of its own for the same file, to be closed by the caller."""
        return os.dup(self._fd)

    def bring_back(self) -> None:
        """Copy a removed file to where it was, and go on there, without a map.

        Raises:
            OSError: it cannot be written there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = _create(self.path)
        try:
            for offset in range(0, self.size, WINDOW_BYTES):
                piece = os.pread(self._fd, min(WINDOW_BYTES, self.size - offset), offset)
                _write_all(fd, piece, offset)
        except OSError:
            os.close(fd)
            self.path.unlink(missing_ok=True)
            raise
        self._unmap()
        os.close(self._fd)
        self._fd = fd

    def close(self) -> None:
        """Cut the file to its size, make it safe from power loss, and let go of it."""
        self._unmap()
        self._truncate()
        with contextlib.suppress(OSError):  # a file system without fsync; others told by `sync`
            os.fsync(self._fd)
        fd, self._fd = self._fd, -1
        os.close(fd)

    def abandon(self) -> None:
        """Let go of the file as it is: after a fork it is the parent's."""
        if self.map is not None:
            self.map.close()
        os.close(self._fd)


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


def _may_map(fd: int, path: Path) -> bool:
    if not hasattr(os, "posix_fallocate") or is_network_filesystem(path.parent):
        return False
    space = os.fstatvfs(fd)
    return space.f_bavail * space.f_frsize >= SCARCE_BYTES


def _write_all(fd: int, data: bytes, offset: int) -> None:
    """Write all of `data`; where a disk fills up in the middle, the second write raises."""
    written = os.pwrite(fd, data, offset)
    while written < len(data):
        written += os.pwrite(fd, data[written:], offset + written)
