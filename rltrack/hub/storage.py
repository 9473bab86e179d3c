"""What a hub keeps of the runs that are sent to it: the seam between the protocol and the place.

`receive.py` speaks the protocol and knows no file; a `Storage` knows files, or rows and objects,
and no request. All have one suite of tests, `tests/hub/test_storage_contract.py`.

What every storage promises
    durable     what a call has answered is there after a power cut
    idempotent  any call may be made twice, or by two clients at once: nothing doubles, nothing
                is lost. Bytes that overlap what is there must be the same bytes
    in order    a segment grows at its end alone; facts come after the journal they tell of
    inside      names are checked, and links in the place are not followed

Calls are made on many threads. `project` is its whole name, ``entity/project``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from rltrack._names import folder_name, name_of_folder
from rltrack.errors import UsageError
from rltrack.server.answers import Refusal

#: Of one request, raw. A client sends smaller ones.
MAX_CHUNK_BYTES: Final = 16 << 20
MAX_FACTS_BYTES: Final = 1 << 20

#: Folders of a run that hold files, and those of the root that hold artifacts.
FILE_FOLDERS: Final = frozenset({"media", "files"})
ARTIFACT_FOLDERS: Final = frozenset({"blobs", "versions"})

_SEGMENT: Final = re.compile(r"[0-9A-Za-z_]{1,16}-[0-9]{6,12}\.rlj")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_PATH: Final = 1024
_LONGEST_NAME: Final = 255
_DEEPEST: Final = 32


class Storage(Protocol):
    """Where runs are kept. Every method may raise `Refusal`, which says what to answer."""

    def root(self) -> Path:
        """The folder that reading code looks at; an ordinary root of rltrack's."""
        ...

    def refresh(self, project: str) -> None:
        """See to it that `root` shows what all hubs of this storage took in so far."""
        ...

    # -- runs ------------------------------------------------------------------------------

    def claim(self, project: str, run: str, created_ns: int) -> None:
        """Say that a run is the one that was created then; the first call makes room for it.

        Raises:
            Refusal: 409, another run has that id; 410, it was deleted here.
        """
        ...

    def sizes(self, project: str, run: str) -> dict[str, int]:
        """How many bytes there are of each segment; empty for a run that is not there."""
        ...

    def files(self, project: str, run: str) -> dict[str, int]:
        """The size of each file in `FILE_FOLDERS`, by its path in the run's folder."""
        ...

    def append(self, project: str, run: str, segment: str, offset: int, data: bytes) -> int:
        """Put bytes behind those of a segment, where they are not there already.

        Returns:
            The size that the segment has now; one below `offset` says that nothing was taken,
            since there would be a gap.

        Raises:
            Refusal: 409, other bytes are there; 507, there is no space: nothing was taken.
        """
        ...

    def put_facts(self, project: str, run: str, facts: bytes, journal: Mapping[str, int]) -> None:
        """Replace `run.json`, or let it be and note the heartbeat, by the hub's own clock.

        Args:
            project: of the run.
            run: its id.
            facts: the content of `run.json`.
            journal: how many bytes of each segment must be there before.

        Raises:
            Refusal: 409, they are not, or the run is another.
        """
        ...

    def ask_to_stop(self, project: str, run: str, by: str) -> None:
        """Ask the training to end; its client hears it with its next heartbeat."""
        ...

    def stop_request(self, project: str, run: str) -> str | None:
        """Who asked, until `stop_heard`."""
        ...

    def stop_heard(self, project: str, run: str) -> None:
        """The client has passed the request on."""
        ...

    # -- files -----------------------------------------------------------------------------

    def blob_missing(self, project: str, digests: Iterable[str]) -> dict[str, int]:
        """Of contents that have no place yet: those not here whole, with the bytes that are."""
        ...

    def blob_append(self, project: str, digest: str, size: int, offset: int, data: bytes) -> int:
        """Put bytes behind those of a content.

        Args:
            project: whose content it is.
            digest: SHA-256 of the whole, in hexadecimal.
            size: of the whole.
            offset: of `data` in it.
            data: some of it.

        Returns:
            How many bytes there are now; one below `offset` says that nothing was taken.

        Raises:
            Refusal: 422, it is whole and has another digest: it is dropped, to be sent again.
        """
        ...

    def place_file(self, project: str, run: str, path: str, digest: str, size: int) -> bool:
        """Give a content a place in a run's folder, in the place of what was there.

        Returns:
            Whether it is there; False if the content has not come whole yet.
        """
        ...

    def place_artifact(self, project: str, path: str, digest: str, size: int) -> str | None:
        """Give a content a place in the root's artifacts: ``blobs/<digest>`` or ``versions/…``.

        Returns:
            The place. A version whose number another machine's has gets the next that is free, and
            the same when it comes again. None if the content has not come whole yet.
        """
        ...


# -- names -----------------------------------------------------------------------------------------


def checked_names(project: str, run: str | None = None) -> tuple[str, ...]:
    """The folders of a project, or of a run in it.

    Raises:
        Refusal: 400, a name is none.
    """
    names = (project,) if run is None else (project, run)
    folders = []
    for name in names:
        try:
            folder = folder_name(name)
        except UsageError as mistake:
            raise Refusal(400, str(mistake), "rename it") from None
        if not name.strip() or name_of_folder(folder) != name or "\0" in name:
            raise Refusal(400, f"{name!r} is no name of a project or run", "rename it")
        folders.append(folder)
    if folders[0] in ("artifacts", "sweeps"):
        raise Refusal(400, f"a project cannot be called {project!r}", "rename it")
    return tuple(folders)


def checked_segment(name: str) -> str:
    """The file name of a segment.

    Raises:
        Refusal: 400, it is none.
    """
    if not _SEGMENT.fullmatch(name):
        raise Refusal(400, f"{name[:100]!r} is no name of a segment", "they end in .rlj")
    return name


def checked_digest(digest: object) -> str:
    """A SHA-256.

    Raises:
        Refusal: 400, it is none.
    """
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Refusal(400, f"{str(digest)[:80]!r} is no SHA-256", "64 hexadecimal digits are one")
    return digest


def checked_path(path: str, folders: Iterable[str] = FILE_FOLDERS) -> list[str]:
    """The parts of a path that leads to a file below one of some folders.

    Raises:
        Refusal: 400, it leads elsewhere, or cannot be a file.
    """
    parts = path.split("/")
    try:
        longest = max(len(part.encode("utf-8")) for part in parts)
    except UnicodeEncodeError:
        longest = _LONGEST_NAME + 1
    if (
        len(parts) < 2
        or len(parts) > _DEEPEST
        or len(path) > _LONGEST_PATH
        or longest > _LONGEST_NAME
        or parts[0] not in folders
        or any(part in ("", ".", "..") for part in parts)
        or any(ord(letter) < 32 or letter == "\\" for letter in path)
    ):
        raise Refusal(
            400, f"{path[:200]!r} is no place of a file", f"it goes below {', '.join(folders)}"
        )
    return parts


def digest_of(data: bytes) -> str:
    """SHA-256 in hexadecimal, as digests are written everywhere here."""
    return hashlib.sha256(data).hexdigest()
