"""Contents by their digest: how files get in, and how they get out again unharmed.

A file that its owner may still change is cloned where the file system can (a *reflink* shares
blocks, not changes) and copied where not. One that never changes is hard-linked. A blob arrives
by rename, so one that is there is whole; what a killed process left is a part with a dot in front.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from rltrack.artifacts.origin import ORIGINS
from rltrack.errors import ArtifactError

_CHUNK_BYTES: Final = 1 << 20
#: From this size on a file is read for its digest first: to read twice is cheaper than to write
#: what is there already, and a broken-off copy of many files goes on where it was.
_LARGE_BYTES: Final = 64 << 20
#: Of Linux: "share the blocks of that file".
_FICLONE: Final = 0x40049409

#: What a file system answers that cannot share blocks, or not of this file.
_CANNOT_CLONE: Final = frozenset(
    {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM}
)

Progress = Callable[[int], None]
"""Told of bytes that were read."""


def _silent(size: int) -> None:
    """Nobody wants to know."""


class Blobs:
    """All contents of a root. Any number of threads and processes may use one folder at once.

    Args:
        root: the folder of all projects.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "artifacts" / "blobs"

    def path(self, digest: str) -> Path:
        """Where the blob of a digest is, or would be."""
        return self.folder / digest[:2] / digest

    def fetched(self, digest: str) -> Path:
        """Where the blob is; one that is elsewhere is fetched first."""
        path = self.path(digest)
        if (origin := ORIGINS.get(self.root)) is not None and not path.exists():
            origin.fetch_blob(digest, path)
        return path

    def has(self, digest: str) -> bool:
        """Whether a blob is there."""
        return self.path(digest).exists()

    def add_file(
        self, source: Path, *, immutable: bool = False, progress: Progress = _silent
    ) -> tuple[str, int]:
        """Take a file in.

        Args:
            source: it; a link is followed.
            immutable: its owner never changes it in place: then it may be hard-linked.
            progress: told of bytes as they are done.

        Returns:
            Digest (SHA-256, hexadecimal) and size in bytes.

        Raises:
            ArtifactError: it changed while it was read.
            OSError: it cannot be read, or the folder not be written.
        """
        size = source.stat().st_size
        if immutable or size >= _LARGE_BYTES:
            digest = digest_of(source, progress)
            if self._adopt(source, digest, immutable):
                return digest, size
            progress = _silent
        with self._part() as part:
            if clone(source, part):
                digest = digest_of(part, progress)
            else:
                with source.open("rb") as file, part.open("xb") as copy:
                    digest = _copy(file, copy, progress)
            size = part.stat().st_size
            self._arrive(part, digest)
        return digest, size

    def _adopt(self, source: Path, digest: str, immutable: bool) -> bool:
        """Whether the blob is there, by itself or as another name of the file."""
        target = self.path(digest)
        if target.exists():
            self._touch(target)
            return True
        if not immutable:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(os.path.realpath(source), target)
        except FileExistsError:
            return True
        except OSError:  # another file system, or one without links
            return False
        return True

    def add_bytes(self, data: bytes) -> tuple[str, int]:
        """Take contents in.

        Returns:
            Digest and size in bytes.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self.has(digest):
            self._touch(self.path(digest))
        else:
            with self._part() as part:
                part.write_bytes(data)
                self._arrive(part, digest)
        return digest, len(data)

    @contextmanager
    def new_part(self) -> Iterator[tuple[Path, Callable[[], tuple[str, int]]]]:
        """A file to write, and what makes a blob of it when it is written."""
        with self._part() as part:

            def keep() -> tuple[str, int]:
                digest, size = digest_of(part), part.stat().st_size
                self._arrive(part, digest)
                return digest, size

            yield part, keep

    @contextmanager
    def _part(self) -> Iterator[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{secrets.token_hex(8)}.part"
        try:
            yield part
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def _arrive(self, part: Path, digest: str) -> None:
        target = self.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            self._touch(target)
            return
        part.chmod(0o444)  # who opens it to write learns that it is no file of theirs
        os.replace(part, target)

    def _touch(self, target: Path) -> None:
        """Somebody is about to refer to it: its age is what a clean-up goes by."""
        with contextlib.suppress(OSError):  # of another user; then it is another's to clean up
            os.utime(target)

    def copy_out(self, digest: str, target: Path, progress: Progress = _silent) -> None:
        """Write a blob's contents to a file, which arrives whole or not at all.

        Raises:
            ArtifactError: the blob is gone, or is not what its digest says.
            OSError: the file cannot be written.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
        try:
            with self.open(digest) as blob:
                if clone(self.path(digest), part):
                    found = digest_of(part, progress)
                else:
                    with part.open("xb") as copy:
                        found = _copy(blob, copy, progress)
            if found != digest:
                raise ArtifactError(_damaged(self.path(digest), found))
            os.replace(part, target)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def open(self, digest: str) -> BinaryIO:
        """A blob, to read.

        Raises:
            ArtifactError: it is gone.
        """
        try:
            return self.fetched(digest).open("rb")
        except FileNotFoundError:
            raise ArtifactError(
                f"{self.path(digest)} is gone, which an artifact refers to; log its file again"
            ) from None

    def read(self, digest: str) -> bytes:
        """A small blob.

        Raises:
            ArtifactError: it is gone, or is not what its digest says.
        """
        with self.open(digest) as file:
            data = file.read()
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise ArtifactError(_damaged(self.path(digest), found))
        return data

    def adopt_from(self, other: Blobs, digest: str) -> None:
        """Have a blob that another root has.

        Raises:
            ArtifactError: it is gone, or damaged.
        """
        if not self.has(digest):
            found, _ = self.add_file(other.fetched(digest), immutable=True)
            if found != digest:
                raise ArtifactError(_damaged(other.path(digest), found))


def digest_of(path: Path, progress: Progress = _silent) -> str:
    """The SHA-256 of a file's contents, in hexadecimal."""
    state = hashlib.sha256()
    buffer = bytearray(_CHUNK_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            state.update(view[:size])
            progress(size)
    return state.hexdigest()


def _copy(source: BinaryIO, target: BinaryIO, progress: Progress) -> str:
    """Copy, and answer with the digest of what was copied."""
    state = hashlib.sha256()
    while data := source.read(_CHUNK_BYTES):
        state.update(data)
        target.write(data)
        progress(len(data))
    return state.hexdigest()


#: Pairs of file systems between which nothing can be cloned, so that nobody asks for each file.
_no_clones: set[tuple[int, int]] = set()


def clone(source: Path, target: Path) -> bool:
    """Whether the file system made `target` a clone of `source`; if not, there is no `target`."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    pair = (os.stat(source).st_dev, os.stat(target.parent).st_dev)
    if pair in _no_clones:
        return False
    try:
        with source.open("rb") as file, target.open("xb") as copy:
            fcntl.ioctl(copy.fileno(), _FICLONE, file.fileno())
    except OSError as refusal:
        target.unlink(missing_ok=True)
        if refusal.errno not in _CANNOT_CLONE:
            raise
        _no_clones.add(pair)
        return False
    return True


def _damaged(path: Path, found: str) -> str:
    return (
        f"{path} is damaged: its contents have the digest {found[:12]}…, and not that of its name; "
        "remove it and log the file again"
    )
