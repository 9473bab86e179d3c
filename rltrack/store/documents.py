"""JSON documents of a project that people write and no run does: saved views, reports, colours.

    <project>/.documents/<kind>/<id>.json      {"version", "saved_at", "by", "body"}

No run's folder begins with a dot. A document is replaced as a whole, under a lock of its kind, so
that of two processes which save what both have read one is told of the other, and neither ever
reads half a file.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rltrack._names import folder_name
from rltrack.errors import Error, NotFoundError, StorageError, UsageError
from rltrack.store.whole_file import whole_file

FOLDER: Final = ".documents"
#: What is kept in documents. Another kind is a line here.
KINDS: Final[Mapping[str, str]] = {
    "views": "ways to look at a project, under a name",
    "reports": "texts with live charts",
    "colours": "colours of runs and groups that somebody chose",
    "links": "views that were too long for a link, by what is in them",
}
MAX_BYTES: Final = 1 << 20
MOST: Final = 10_000
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read."""

    id: str
    version: str
    """Another one with every change."""
    saved_at: float
    """In seconds since the epoch."""
    by: str | None
    """Who saved it, on a server where one signs in."""
    body: Any


class ConflictError(Error):
    """The document is not the one that the change was made from.

    Args:
        told: what happened.
        document: as it is now; None: it is gone.
    """

    def __init__(self, told: str, document: Document | None) -> None:
        super().__init__(told)
        self.document = document


class Documents:
    """The documents of one kind in a project. Any thread, and any process, may use them.

    Args:
        root: the folder of all projects.
        project: their project.
        kind: one of `KINDS`.
        now: seconds since the epoch.

    Raises:
        UsageError: there is no such kind.
    """

    def __init__(
        self, root: Path, project: str, kind: str, *, now: Callable[[], float] = time.time
    ) -> None:
        if kind not in KINDS:
            raise UsageError(f"no kind {kind!r} of documents; there are {', '.join(KINDS)}")
        self._project_folder = root / folder_name(project)
        self._kind = kind
        self._folder = self._project_folder / FOLDER / kind
        self._now = now

    def all(self) -> tuple[list[Document], list[str]]:
        """All of them by id, and the ids of those that cannot be read."""
        found, damaged = [], []
        for name in sorted(self._names()):
            try:
                found.append(self.get(name))
            except NotFoundError:
                continue  # removed meanwhile
            except StorageError:
                damaged.append(name)
        return found, damaged

    def get(self, name: str) -> Document:
        """One of them.

        Raises:
            NotFoundError: there is none of that id.
            StorageError: it cannot be read.
        """
        path = self._path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"no document {name!r} among the {self._kind}") from None
        except OSError as fault:
            raise StorageError(f"{path} cannot be read: {fault}") from fault
        try:
            kept = json.loads(data)
            return Document(name, kept["version"], kept["saved_at"], kept["by"], kept["body"])
        except (ValueError, KeyError, TypeError) as damage:
            raise StorageError(
                f"{path} is damaged ({damage}); it is kept, mend it or delete it"
            ) from None

    def put(
        self,
        name: str,
        body: Any,
        *,
        was: str | None = None,
        new: bool = False,
        by: str | None = None,
    ) -> Document:
        """Save a document, in the place of the one before it.

        Args:
            name: its id.
            body: anything that JSON holds.
            was: the version that it replaces; None: whichever is there.
            new: there must be none yet.
            by: who saves it.

        Raises:
            ConflictError: another one is there than it says; nothing was changed.
            UsageError: the id, or the body, is none; or there are too many.
            NotFoundError: there is no such project.
            StorageError: it cannot be written.
        """
        path = self._path(name)
        document = Document(name, secrets.token_hex(8), self._now(), by, body)
        kept = {key: value for key, value in asdict(document).items() if key != "id"}
        try:
            data = json.dumps(kept, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError) as mistake:
            raise UsageError(f"document {name!r} is no JSON: {mistake}") from None
        if len(data) > MAX_BYTES:
            raise UsageError(f"document {name!r} takes {len(data)} bytes; {MAX_BYTES} are the most")
        with self._lock():
            before = self._check(name, was, new)
            if before is None and len(self._names()) >= MOST:
                raise UsageError(f"{MOST} {self._kind} are the most; delete some first")
            if before is None and path.exists():  # damaged: it may be all that somebody has
                os.replace(path, path.with_name(f"{name}.{int(self._now())}.damaged"))
            with whole_file(path, replace=True) as part:
                part.write_bytes(data)
        return document

    def delete(self, name: str, *, was: str | None = None) -> None:
        """Remove a document.

        Raises:
            ConflictError: another one is there than `was` says.
            NotFoundError: there is none.
            StorageError: it cannot be removed.
        """
        path = self._path(name)
        if not path.exists():
            raise NotFoundError(f"no document {name!r} among the {self._kind}")
        with self._lock():
            self._check(name, was, new=False)
            try:
                path.unlink(missing_ok=True)
            except OSError as refusal:
                raise StorageError(f"{path} cannot be removed: {refusal}") from refusal

    def _check(self, name: str, was: str | None, new: bool) -> Document | None:
        """What is there, if it is what is expected."""
        try:
            now = self.get(name)
        except (NotFoundError, StorageError):
            now = None
        if new and now is not None:
            raise ConflictError(f"there is a document {name!r} already", now)
        if was is not None and now is None:
            raise ConflictError(f"document {name!r} was deleted meanwhile", None)
        if was is not None and now is not None and now.version != was:
            raise ConflictError(f"{now.by or 'somebody'} has saved {name!r} meanwhile", now)
        return now

    def _path(self, name: str) -> Path:
        if not _ID.fullmatch(name):
            raise UsageError(
                f"document id {name!r}; it must be up to 64 lower-case letters, digits, - and _"
            )
        return self._folder / f"{name}.json"

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self._folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [name[:-5] for name in names if name.endswith(".json") and _ID.fullmatch(name[:-5])]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Held while a document is looked at and replaced; it ends with the process, too."""
        if not self._project_folder.is_dir():
            raise NotFoundError(f"no project {self._project_folder.name!r}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as refusal:
            raise StorageError(f"{self._folder} cannot be written: {refusal}") from refusal
        try:
            try:
                import fcntl

                fcntl.flock(fd, fcntl.LOCK_EX)
            except (ImportError, OSError):
                pass  # where nothing can be locked, the last of two that save at once counts
            yield
        finally:
            os.close(fd)


def proof_of_kinds(project_folder: Path) -> dict[str, int]:
    """By kind something that changes with every change of its documents."""
    found = {}
    for kind in KINDS:
        try:
            found[kind] = os.stat(project_folder / FOLDER / kind).st_mtime_ns
        except OSError:
            continue
    return found
