"""The files of a version in the making: each is kept when it is added, and may change afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Final, Literal

from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.manifest import Entry, checked_path
from rltrack.artifacts.progress import progress
from rltrack.errors import ArtifactError, UsageError

Policy = Literal["mutable", "immutable"]

#: Reading and hashing give up the GIL; more threads than this only move the disk's head.
THREADS: Final = 8
#: Files for one thread at a time, so that a million of them are a thousand tasks.
BATCH: Final = 1000


class Contents:
    """Entries by path.

    Args:
        blobs: where contents are kept.
        entries: what is there already.
    """

    def __init__(self, blobs: Blobs, entries: Iterable[Entry] = ()) -> None:
        self.blobs = blobs
        self.entries = {entry.path: entry for entry in entries}

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(entry.size for entry in self.entries.values())

    def put(self, entry: Entry, *, overwrite: bool = False) -> Entry:
        """Add an entry.

        Raises:
            UsageError: another one is there, and `overwrite` is not set.
        """
        known = self.entries.get(entry.path)
        if known is not None and known.digest != entry.digest and not overwrite:
            raise UsageError(
                f"{entry.path!r} is in the artifact already, with other contents; "
                "overwrite=True replaces it"
            )
        self.entries[entry.path] = entry
        return entry

    def add_file(
        self, source: Path, name: str | None, policy: Policy | None, *, overwrite: bool = False
    ) -> Entry:
        """Add one file.

        Raises:
            UsageError: it is no file, or its name is taken.
        """
        if not source.is_file():
            raise UsageError(f"add_file: {str(source)!r} is no file")
        path = checked_path(name or source.name)
        size = source.stat().st_size
        with progress(f"keeping {source.name}", size) as shown:
            immutable = checked_policy(policy) == "immutable"
            digest, size = self.blobs.add_file(source, immutable=immutable, progress=shown.add)
        return self.put(Entry(path, digest, size), overwrite=overwrite)

    def add_dir(self, source: Path, name: str | None, policy: Policy | None, *, merge: bool) -> int:
        """Add a folder, with all below it.

        Args:
            source: it; links are followed.
            name: a folder in the artifact for it; by default its files are at the top.
            policy: see `Artifact.add_file`.
            merge: a file whose name is taken replaces the other.

        Returns:
            How many files.

        Raises:
            UsageError: it is no folder, or a name is taken.
        """
        if not source.is_dir():
            raise UsageError(f"add_dir: {str(source)!r} is no folder")
        immutable = checked_policy(policy) == "immutable"
        top = f"{checked_path(name)}/" if name else ""
        files = list(files_below(source))

        def add(path: str, _size: int) -> Entry:
            inside = os.path.relpath(path, source).replace(os.sep, "/")
            digest, size = self.blobs.add_file(Path(path), immutable=immutable, progress=shown.add)
            return Entry(checked_path(top + inside), digest, size)

        total = sum(size for _, size in files)
        with progress(f"keeping {source.name} ({len(files)} files)", total) as shown:
            for entry in in_threads(add, files):
                self.put(entry, overwrite=merge)
        return len(files)

    @contextlib.contextmanager
    def new_file(
        self, name: str, mode: str, encoding: str | None, *, overwrite: bool = False
    ) -> Iterator[IO[Any]]:
        """A file to write; it is in the artifact when its block ends without an error."""
        path = checked_path(name)
        if path in self.entries and not overwrite:
            raise UsageError(f"{path!r} is in the artifact already")
        if mode not in ("x", "w", "xb", "wb"):
            raise UsageError(f"new_file(mode={mode!r}): 'w' or 'wb' was expected")
        with self.blobs.new_part() as (part, keep):
            text = None if "b" in mode else encoding or "utf-8"
            with part.open(f"w{'b' if 'b' in mode else ''}", encoding=text) as file:
                yield file
            digest, size = keep()
        self.put(Entry(path, digest, size), overwrite=overwrite)

    def remove(self, name: str) -> None:
        """Take a file out, or all of a folder.

        Raises:
            UsageError: there is none.
        """
        path = checked_path(name)
        gone = [known for known in self.entries if known == path or known.startswith(f"{path}/")]
        if not gone:
            raise UsageError(f"the artifact has no {name!r} to remove")
        for known in gone:
            del self.entries[known]

    def move_to(self, blobs: Blobs) -> None:
        """Keep all contents there.

        Raises:
            ArtifactError: one is gone.
        """
        if blobs.folder == self.blobs.folder:
            return
        for entry in self.entries.values():
            if entry.is_blob:
                blobs.adopt_from(self.blobs, entry.digest)
        self.blobs = blobs

    def check(self) -> None:
        """See that all contents are there.

        Raises:
            ArtifactError: one was removed since it was added.
        """
        for entry in self.entries.values():
            if entry.is_blob and not self.blobs.has(entry.digest):
                raise ArtifactError(f"{entry.path!r} was added, and is gone since; add it again")


def checked_policy(policy: object) -> Policy:
    """What becomes of the file that was added.

    Raises:
        UsageError: it is none of the two.
    """
    if policy in (None, "mutable"):
        return "mutable"
    if policy == "immutable":
        return "immutable"
    raise UsageError(f"policy={policy!r}: 'mutable' or 'immutable' was expected")


def files_below(folder: Path) -> Iterator[tuple[str, int]]:
    """Paths and sizes of all files below a folder, in order; a link into itself ends there."""
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in sorted(names):
            path = os.path.join(place, name)
            if os.path.isfile(path):  # no socket, no link to nowhere
                yield path, os.path.getsize(path)


def in_threads(work: Callable[..., Any], items: list[Any]) -> Iterator[Any]:
    """Do some work for each item, many at a time; answers come in the order of the items."""
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    if len(items) < 2:
        batches = []
        yield from (work(*item) for item in items)
    elif len(batches) < THREADS:  # few, but perhaps large
        batches = [[item] for item in items]
    if not batches:
        return

    def do(batch: list[Any]) -> list[Any]:
        return [work(*item) for item in batch]

    with ThreadPoolExecutor(THREADS, thread_name_prefix="rltrack-artifact") as pool:
        try:
            for done in pool.map(do, batches):
                yield from done
        except BaseException:  # Ctrl-C, too: what waits is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
