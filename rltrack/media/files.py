"""Content that is stored as it is: a file of the user's, or bytes that were made of a value."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rltrack.errors import MediaError

_CHUNK_BYTES: Final = 1 << 20


class UserFile:
    """A file of the user's, held open: it may be replaced or removed before it is copied.

    Args:
        path: of the file.
        formats: what its name may end in, without the dot.
        of: the type for which it is opened, for messages.

    Raises:
        MediaError: it is no such file, is empty or cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], formats: Sequence[str], of: str) -> None:
        path = Path(os.fsdecode(path))
        self.format = path.suffix[1:].lower()
        if self.format not in formats:
            raise MediaError(
                f"{of}({str(path)!r}): the name must end in one of {', '.join(formats)}"
            )
        try:
            # Without O_NONBLOCK a named pipe would hold the training until somebody writes to it.
            self._fd = os.open(path, os.O_RDONLY | _flag("O_CLOEXEC") | _flag("O_NONBLOCK"))
        except (OSError, ValueError) as refusal:
            why = getattr(refusal, "strerror", None) or refusal
            raise MediaError(f"{of}({str(path)!r}): the file cannot be read: {why}") from refusal
        weakref.finalize(self, os.close, self._fd)
        if path.is_dir():
            raise MediaError(f"{of}({str(path)!r}) is a folder, and a file is asked for")
        self.size_bytes = os.fstat(self._fd).st_size
        if not self.size_bytes:
            raise MediaError(
                f"{of}({str(path)!r}): the file is empty; is its writer not closed yet?"
            )

    def copy_to(self, path: Path) -> None:
        """Write a copy.

        Raises:
            OSError: the copy cannot be written, or the file not be read.
        """
        offset = 0
        with path.open("wb") as copy:
            while chunk := os.pread(self._fd, _CHUNK_BYTES, offset):
                offset += copy.write(chunk)


class Bytes:
    """The bytes of a file, in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size_bytes = len(data)

    def copy_to(self, path: Path) -> None:
        """Write them.

        Raises:
            OSError: the file cannot be written.
        """
        path.write_bytes(self._data)


def content_of(data: object) -> Bytes | None:
    """What a text or an open file holds; None for what is neither."""
    if isinstance(data, str):
        return Bytes(data.encode("utf-8", "replace"))
    read = getattr(data, "read", None)
    if not callable(read):
        return None
    if callable(seek := getattr(data, "seek", None)):
        seek(0)
    content = read()
    return Bytes(content if isinstance(content, bytes) else str(content).encode("utf-8", "replace"))


def is_path(data: object, formats: Sequence[str]) -> bool:
    """Whether `data` is the path of a file, rather than what one would hold."""
    if isinstance(data, os.PathLike):
        return True
    if not isinstance(data, str) or "\n" in data or "<" in data or len(data) > 4096:
        return False
    return data.lower().endswith(tuple(f".{ending}" for ending in formats))


def _flag(name: str) -> int:
    return int(getattr(os, name, 0))
