"""The storage of a hub that has a disk and nothing else: an ordinary root, as training writes it.

    <root>/<project>/<run id>/…                  byte for byte as on the machine that recorded it
    <root>/artifacts/…                           as well
    <root>/.hub/incoming/<project>/<digest>      contents that have come and have no place yet
                                   <digest>.part those that are still coming

A segment is locked while bytes are put behind it (`flock`: between threads, and between hubs on
one disk), so two clients that send the same bytes take turns, and the second finds them there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from rltrack._names import folder_name
from rltrack.artifacts.collection import ARTIFACTS, BLOBS
from rltrack.folder import HUB, INCOMING, RUN_JSON, RunFolder
from rltrack.hub import inside
from rltrack.hub.storage import (
    FILE_FOLDERS,
    MAX_FACTS_BYTES,
    checked_digest,
    checked_names,
    checked_path,
    checked_segment,
)
from rltrack.server.answers import Refusal
from rltrack.store.trash import TRASH

_JOURNAL: Final = "journal"
_STOP: Final = "stop"
_VERSION: Final = re.compile(r"v[0-9]+\.(json|deleted)")
#: Whose run a folder is, until `run.json` says so.
_CLAIM: Final = ".claim"
_PIECE_BYTES: Final = 1 << 20


class FolderStorage:
    """Runs in a folder.

    Args:
        root: the folder of all projects.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def root(self) -> Path:
        """The folder itself."""
        return self._root

    def refresh(self, project: str) -> None:
        """Nothing: what was taken in is there."""

    # -- runs ------------------------------------------------------------------------------

    def claim(self, project: str, run: str, created_ns: int) -> None:
        """See `Storage`."""
        names = checked_names(project, run)
        self._refuse_deleted(project, run)
        with (
            inside.space_told(),
            inside.folder(self._root, names, create=True) as folder,
            inside.locked_file(folder, _CLAIM) as claim,
        ):
            holder = _holder(claim, inside.read(folder, RUN_JSON, MAX_FACTS_BYTES))
            if holder is None:
                inside.write_at(claim, str(created_ns).encode(), 0)
            elif holder != created_ns:
                raise _other_run(project, run)

    def _refuse_deleted(self, project: str, run: str) -> None:
        prefix = f"{folder_name(run)}~"
        with contextlib.suppress(OSError):
            for name in os.listdir(self._root / TRASH / folder_name(project)):
                if name.startswith(prefix) and name[len(prefix) :].isdigit():
                    raise Refusal(
                        410,
                        f"run {project}/{run} was deleted on the server",
                        "restore it there, or empty the server's trash, to send it again",
                    )

    def sizes(self, project: str, run: str) -> dict[str, int]:
        """See `Storage`."""
        names = checked_names(project, run)
        try:
            with inside.folder(self._root, (*names, _JOURNAL)) as folder:
                return dict(_plain_files(folder))
        except FileNotFoundError:
            return {}

    def files(self, project: str, run: str) -> dict[str, int]:
        """See `Storage`."""
        names = checked_names(project, run)
        found: dict[str, int] = {}
        for top in sorted(FILE_FOLDERS):
            with (
                contextlib.suppress(FileNotFoundError),
                inside.folder(self._root, (*names, top)) as folder,
            ):
                for path, _, _, fd in os.fwalk(".", dir_fd=folder):
                    place = top if path == "." else f"{top}/{path.removeprefix('./')}"
                    found.update((f"{place}/{name}", size) for name, size in _plain_files(fd))
        return found

    def append(self, project: str, run: str, segment: str, offset: int, data: bytes) -> int:
        """See `Storage`."""
        checked_segment(segment)
        with self._in_run(project, run, _JOURNAL) as folder:
            if offset and not _is_there(folder, segment):
                return 0  # no empty file for it
            with inside.locked_file(folder, segment) as fd:
                return _append(fd, offset, data, f"segment {segment} of run {project}/{run}")

    @contextlib.contextmanager
    def _in_run(self, project: str, run: str, *inner: str) -> Iterator[int]:
        """A folder of a run that was claimed, and not deleted since."""
        names = checked_names(project, run)
        try:
            with (
                inside.folder(self._root, (*names, *inner), create=True, but=2) as folder,
                inside.space_told(),
            ):
                yield folder
        except FileNotFoundError:
            raise Refusal(404, f"no run {project}/{run} here", "claim it first") from None

    def put_facts(self, project: str, run: str, facts: bytes, journal: Mapping[str, int]) -> None:
        """See `Storage`."""
        created_ns = _created_ns(facts)
        if created_ns is None or len(facts) > MAX_FACTS_BYTES:
            raise Refusal(400, "the facts are no run.json", "send that of the run's folder")
        there = self.sizes(project, run)
        short = [name for name, size in journal.items() if there.get(name, 0) < size]
        if short:
            raise Refusal(
                409, f"segment {short[0][:100]!r} is not here so far", "send the journal first"
            )
        with (
            self._in_run(project, run) as folder,
            inside.locked_file(folder, _CLAIM) as claim,
        ):
            known = inside.read(folder, RUN_JSON, MAX_FACTS_BYTES)
            if _holder(claim, known) not in (None, created_ns):
                raise _other_run(project, run)
            if known == facts:
                os.utime(RUN_JSON, dir_fd=folder, follow_symlinks=False)
            else:
                inside.replace(folder, RUN_JSON, facts)

    def ask_to_stop(self, project: str, run: str, by: str) -> None:
        """See `Storage`."""
        names = checked_names(project, run)
        try:
            with inside.space_told(), inside.folder(self._root, names):
                RunFolder(self._root.joinpath(*names)).ask_to_stop(by)
        except FileNotFoundError:
            raise Refusal(404, f"no run {project}/{run} here", "it may have been deleted") from None

    def stop_request(self, project: str, run: str) -> str | None:
        """See `Storage`."""
        try:
            with inside.folder(self._root, checked_names(project, run)) as folder:
                said = inside.read(folder, _STOP, 1024)
        except FileNotFoundError:
            return None
        return None if said is None else said.decode("utf-8", "replace") or "`rltrack stop`"

    def stop_heard(self, project: str, run: str) -> None:
        """See `Storage`."""
        with (
            contextlib.suppress(FileNotFoundError),
            inside.folder(self._root, checked_names(project, run)) as folder,
        ):
            os.unlink(_STOP, dir_fd=folder)

    # -- files -----------------------------------------------------------------------------

    def blob_missing(self, project: str, digests: Iterable[str]) -> dict[str, int]:
        """See `Storage`."""
        checked = [checked_digest(digest) for digest in digests]
        there: dict[str, int] = {}
        with (
            contextlib.suppress(FileNotFoundError),
            inside.folder(self._root, _incoming(project)) as folder,
        ):
            there = dict(_plain_files(folder))
        return {d: there.get(f"{d}.part", 0) for d in checked if d not in there}

    def blob_append(self, project: str, digest: str, size: int, offset: int, data: bytes) -> int:
        """See `Storage`."""
        checked_digest(digest)
        if offset + len(data) > size:
            raise Refusal(400, f"more than the {size} bytes that were said", "send them alone")
        where = _incoming(project)
        with (
            inside.space_told(),
            inside.folder(self._root, where, create=True) as folder,
            inside.locked_file(folder, f"{digest}.part") as fd,
        ):
            with contextlib.suppress(FileNotFoundError):
                whole = os.stat(digest, dir_fd=folder, follow_symlinks=False).st_size
                os.unlink(f"{digest}.part", dir_fd=folder)
                return whole
            there = _append(fd, offset, data, f"the content {digest}")
            if there >= size:
                self._whole(folder, fd, digest)
            return there

    def _whole(self, folder: int, fd: int, digest: str) -> None:
        """All bytes of a content have come: they are what they should be, or dropped."""
        hasher, at = hashlib.sha256(), 0
        while piece := os.pread(fd, _PIECE_BYTES, at):
            hasher.update(piece)
            at += len(piece)
        if hasher.hexdigest() != digest:
            os.unlink(f"{digest}.part", dir_fd=folder)
            raise Refusal(422, f"the content has not the digest {digest}", "send it again")
        os.replace(f"{digest}.part", digest, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)

    def place_file(self, project: str, run: str, path: str, digest: str, size: int) -> bool:
        """See `Storage`."""
        parts = checked_path(path)
        with self._in_run(project, run):
            return self._place(project, (*checked_names(project, run), *parts), digest, size, but=2)

    def place_artifact(self, project: str, path: str, digest: str, size: int) -> str | None:
        """See `Storage`."""
        parts = checked_path(path, ("blobs", "versions"))
        if parts[0] == BLOBS:
            if parts[1:] != [digest]:
                raise Refusal(
                    400, f"{path[:200]!r} is not the place of {digest}", "it is by digest"
                )
            blob = (ARTIFACTS, BLOBS, checked_digest(digest)[:2], digest)
            return path if self._place(project, blob, digest, size) else None
        where = (ARTIFACTS, *checked_names(project), *parts[1:])
        if _VERSION.fullmatch(parts[-1]) is None:
            return path if self._place(project, where, digest, size) else None
        with inside.folder(self._root, where[:-1], create=True) as folder:
            name = _number_of(folder, parts[-1], digest, size)
        while not self._place_version(project, (*where[:-1], name), digest, size):
            with inside.folder(self._root, where[:-1]) as folder:
                following = _number_of(folder, name, digest, size)
            if following == name:
                return None
            name = following
        return "/".join([*parts[:-1], name])

    def _place_version(self, project: str, where: tuple[str, ...], digest: str, size: int) -> bool:
        """Place it, unless somebody was faster to have its number."""
        try:
            return self._place(project, where, digest, size, for_good=True)
        except FileExistsError:
            return False

    def _place(
        self,
        project: str,
        where: tuple[str, ...],
        digest: str,
        size: int,
        *,
        but: int = 0,
        for_good: bool = False,
    ) -> bool:
        checked_digest(digest)
        *folders, name = where
        with (
            inside.space_told(),
            inside.folder(self._root, folders, create=True, but=but) as target,
        ):
            if where[:2] == (ARTIFACTS, BLOBS) and dict(_plain_files(target)).get(name) == size:
                return True  # its name says what it is
            if _is(target, name, digest, size):
                return True
            if size == 0:
                inside.replace(target, name, b"")
                return True
            try:
                with inside.folder(self._root, _incoming(project)) as incoming:
                    _refuse_folder(target, name)
                    if for_good:
                        _link_new(incoming, digest, target, name)
                        return True
                    os.replace(digest, name, src_dir_fd=incoming, dst_dir_fd=target)
            except FileNotFoundError:  # it has not come, or was placed a moment ago
                return _is(target, name, digest, size)
            os.fsync(target)
        return True


def _append(fd: int, offset: int, data: bytes, what: str) -> int:
    size = os.fstat(fd).st_size
    if offset > size:
        return size
    known = min(size - offset, len(data))
    if os.pread(fd, known, offset) != data[:known]:
        raise Refusal(
            409,
            f"other bytes of {what} are here already",
            "two machines send different runs by one id: give one of them another",
        )
    if known < len(data):
        inside.write_at(fd, memoryview(data)[known:], size)
        return offset + len(data)
    os.fsync(fd)  # what is there may be of a hub that was killed before it was durable
    return size


def _is_there(folder: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _incoming(project: str) -> tuple[str, ...]:
    return (HUB, INCOMING, *checked_names(project))


def _plain_files(folder: int) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files in a folder that are no links."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size


def _is(folder: int, name: str, digest: str, size: int) -> bool:
    """Whether a file is there and has this content."""
    try:
        fd = os.open(
            name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
        )
    except OSError:
        return False
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            return False
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _link_new(incoming: int, digest: str, target: int, name: str) -> None:
    """Give a content a name that nobody has.

    Raises:
        FileExistsError: somebody has it.
    """
    os.link(digest, name, src_dir_fd=incoming, dst_dir_fd=target, follow_symlinks=False)
    os.fsync(target)
    os.unlink(digest, dir_fd=incoming)


def _number_of(folder: int, name: str, digest: str, size: int) -> str:
    """The file name of a version: as it is, or as this one has come before, or the next that is free."""
    sizes = {known: held for known, held in _plain_files(folder) if _VERSION.fullmatch(known)}
    for known in sorted(sizes):
        if sizes[known] == size and _is(folder, known, digest, size):
            return known
    numbers = {int(known[1:].partition(".")[0]) for known in sizes}
    wanted = int(name[1:].partition(".")[0])
    return f"v{max(numbers) + 1}.json" if wanted in numbers else name


def _refuse_folder(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            raise Refusal(409, f"{name!r} is a folder on the server", "give the file another name")


def _created_ns(facts: bytes | None) -> int | None:
    """Which run a `run.json` is of; None if it says nothing that can be read."""
    try:
        said = json.loads(facts or b"")["created_ns"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return said if type(said) is int else None


def _holder(claim: int, facts: bytes | None) -> int | None:
    """Which run a folder is of, by its facts, or else by its claim."""
    created_ns = _created_ns(facts)
    said = os.pread(claim, 32, 0)
    return int(said) if created_ns is None and said.isdigit() else created_ns


def _other_run(project: str, run: str) -> Refusal:
    return Refusal(
        409,
        f"the server has another run {project}/{run}, which was created at another time",
        "give this one another id (`rltrack.init(id=…)`), or send it to another project",
    )
