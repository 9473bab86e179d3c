"""Files below a root, reached without following a link: no name leads out of it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rltrack.server.answers import FULL, Refusal, full_disk

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def folder(
    root: Path, parts: Sequence[str], *, create: bool = False, but: int = 0
) -> Iterator[int]:
    """An open folder below `root`, which itself may be a link.

    Args:
        root: the folder that is not left.
        parts: the way from there.
        create: make what is missing.
        but: the first so many, which must be there.

    Raises:
        FileNotFoundError: it is not there, and is not to be made.
        Refusal: 409, something on the way is a link or a file.
    """
    if create:
        root.mkdir(parents=True, exist_ok=True)
    fd = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for number, part in enumerate(parts):
            if create and number >= but:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=fd)
                    os.fsync(fd)
            try:
                inner = os.open(part, _FOLDER, dir_fd=fd)
            except OSError as refusal:
                if refusal.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise _in_the_way(part) from None
                raise
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def locked_file(folder: int, name: str) -> Iterator[int]:
    """A file of a folder, made where it is missing, for one thread of one process at a time.

    Raises:
        Refusal: 409, it is a link or a folder.
    """
    while True:
        fd = _open(folder, name)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_at(fd, folder, name):  # who held it while we waited may have moved it away
                yield fd
                return
        finally:
            os.close(fd)


def _open(folder: int, name: str) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        try:
            return os.open(name, flags, dir_fd=folder)
        except FileNotFoundError:
            fd = os.open(name, flags | os.O_CREAT, 0o644, dir_fd=folder)
            os.fsync(folder)
            return fd
    except OSError as refusal:
        if refusal.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _in_the_way(name) from None
        raise


def _is_at(fd: int, folder: int, name: str) -> bool:
    try:
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


def _in_the_way(name: str) -> Refusal:
    return Refusal(409, f"{name!r} is something else on the server", "ask who runs it")


def write_at(fd: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of `data` and make it durable; where that fails, cut the file back to `offset`."""
    left, at = memoryview(data), offset
    try:
        while left:
            written = os.pwrite(fd, left, at)
            left, at = left[written:], at + written
        os.fsync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, offset)
        raise


def replace(folder: int, name: str, data: bytes) -> None:
    """Give a file this content, durably; a reader sees the old or the new."""
    part = f".{name}.{secrets.token_hex(4)}"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder)
    try:
        write_at(fd, data, 0)
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
    finally:
        os.close(fd)
    os.fsync(folder)


def read(folder: int, name: str, most: int = 1 << 20) -> bytes | None:
    """The content of a small plain file; None if it is not there, or something else is."""
    try:
        fd = os.open(
            name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
        )
    except OSError as refusal:
        if refusal.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise
    with os.fdopen(fd, "rb") as file:
        return file.read(most)


@contextlib.contextmanager
def space_told() -> Iterator[None]:
    """A full disk as an answer that the client understands.

    Raises:
        Refusal: 507, there is no space left.
    """
    try:
        yield
    except OSError as refusal:
        if refusal.errno in FULL:
            raise full_disk(refusal.strerror) from refusal
        raise
