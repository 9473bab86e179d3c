"""The files of a run on their way: media, saved files, and the artifacts that it logged."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from urllib.parse import unquote

from rltrack._names import name_of_folder
from rltrack.errors import ArtifactError
from rltrack.folder import RunFolder
from rltrack.sync.belongings import artifact_files, note_number, renumbered
from rltrack.sync.client import Client, RefusedError, joined
from rltrack.sync.pieces import Pieces

#: What is smaller goes in one request.
_SMALL_BYTES: Final = 256 << 10
_READ_BYTES: Final = 1 << 20
#: From one look at the folders to the next, at least, and so many times as long as a look takes.
_LOOK_S: Final = 1.0
_LOOK_TIMES: Final = 20
#: Answers that are about one file, and not about the run or the user.
_OF_ONE_FILE: Final = frozenset({400, 409, 413})


class _State(NamedTuple):
    """By which it is seen that a file is another, or has changed."""

    size: int
    mtime_ns: int
    inode: int


class _Parcel(NamedTuple):
    path: Path
    place: tuple[str, ...]
    """Where it goes, in the parts of a path of the server's."""
    state: _State
    text: bytes | None = None
    """Its content, where that is another on the server."""


class Parcels:
    """What is to be sent of a run besides its journal.

    Args:
        folder: of the run.
        client: asks the server.
        pieces: how much is sent at once.
    """

    def __init__(self, folder: RunFolder, client: Client, pieces: Pieces) -> None:
        self._folder = folder
        self._client = client
        self._pieces = pieces
        self._there: dict[tuple[str, ...], _State] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        """Versions of artifacts that have another number on the server, where theirs was taken."""
        self._sizes_there: dict[str, int] = {}
        self._waiting: list[_Parcel] = []
        self._going: Iterator[bool] | None = None
        self._half = 0
        self._look_at = 0.0
        self.sent_bytes = 0
        self.left_out: dict[str, str] = {}
        """Files that cannot be sent, and why."""

    @property
    def left_bytes(self) -> int:
        """Of the files that wait."""
        return max(0, sum(parcel.state.size for parcel in self._waiting) - self._half)

    def are_there(self, files: Mapping[str, int]) -> None:
        """The server said which files it has, by path and size."""
        self._sizes_there = dict(files)
        self._there.clear()
        self._waiting.clear()
        self._look_at = 0.0
        self.sent_bytes = 0

    def send(self, project: str, run_id: str, *, look_now: bool) -> bool:
        """Send a piece; whether there is more.

        Args:
            project: its whole name.
            run_id: of the run.
            look_now: see what there is at this moment, however long ago the last look was.

        Raises:
            LaterError: the server is not there.
            RefusedError: it will not take anything.
        """
        if not self._waiting and not self._look(project, now=look_now):
            return False
        parcel = self._waiting[-1]
        try:
            if self._going is None:
                self._going = self._sending(parcel, project, run_id)
            going_on = next(self._going, None) is not None
        except FileNotFoundError:  # it was removed, or replaced, a moment ago
            going_on = False
        except OSError as refusal:
            going_on = self._leave_out(parcel, f"cannot be read ({refusal.strerror})")
        except RefusedError as refusal:
            if refusal.status not in _OF_ONE_FILE:
                self._stop_going()
                raise
            going_on = self._leave_out(parcel, str(refusal))
        except BaseException:
            self._stop_going()
            raise
        if not going_on:
            self._stop_going()
            self._waiting.pop()
        return True

    def _leave_out(self, parcel: _Parcel, why: str) -> bool:
        self.left_out[str(parcel.path)] = why
        self._there[parcel.place] = parcel.state  # unless it changes
        return False

    def _stop_going(self) -> None:
        self._going, self._half = None, 0

    # -- what there is ---------------------------------------------------------------------

    def _look(self, project: str, *, now: bool) -> bool:
        """See what is new or has changed; whether anything is."""
        began = time.monotonic()
        if began < self._look_at and not now:
            return False
        for parcel in self._found(project):
            if self._there.get(parcel.place) != parcel.state:
                self._waiting.append(parcel)
        self._waiting.reverse()  # the last is sent first
        ended = time.monotonic()
        self._look_at = ended + max(_LOOK_S, _LOOK_TIMES * (ended - began))
        return bool(self._waiting)

    def _found(self, project: str) -> Iterator[_Parcel]:
        for top in (self._folder.media, self._folder.files):
            for folder, _, names in os.walk(top):
                for name in sorted(names):
                    if name.startswith(".") and name.endswith(".part"):
                        continue
                    path = Path(folder, name)
                    inside = path.relative_to(self._folder.path).parts
                    if parcel := _parcel(path, ("files", *inside)):
                        # The name of a media file holds random bits: none takes another's place.
                        size = self._sizes_there.get("/".join(inside))
                        if top == self._folder.media and size == parcel.state.size:
                            self._take_as_sent(parcel)
                        yield parcel
        root = self._folder.path.parent.parent
        own = name_of_folder(self._folder.path.parent.name)
        run_id = name_of_folder(self._folder.path.name)
        with contextlib.suppress(ArtifactError):  # damaged; `rltrack artifact` says so
            for one in artifact_files(root, own, run_id, project):
                if parcel := _parcel(one.path, ("artifacts", *one.place)):
                    yield parcel._replace(text=one.text)

    def _take_as_sent(self, parcel: _Parcel) -> None:
        if parcel.place not in self._there:
            self.sent_bytes += parcel.state.size
            self._there[parcel.place] = parcel.state

    # -- sending one -----------------------------------------------------------------------

    def _sending(self, parcel: _Parcel, project: str, run_id: str) -> Iterator[bool]:
        """Send a file; each step is a request."""
        kind, *inside = parcel.place
        owner = (run_id,) if kind == "files" else ()
        place = joined("api", "sync", project, *owner, kind, *inside)
        with open(parcel.path, "rb") as file:
            if parcel.state.size <= _SMALL_BYTES:
                data = file.read(_SMALL_BYTES + 1) if parcel.text is None else parcel.text
                data = renumbered(parcel.place, data, self._numbers)
                digest = hashlib.sha256(data).hexdigest()
                if len(data) <= _SMALL_BYTES:
                    self._put(place, digest, len(data), data)
                    self._arrived(parcel)
                    return
            digest = _digest_of(file)
            # Blobs are known by their digest, and other files where the size is the same.
            known = (
                kind == "artifacts" or self._sizes_there.get("/".join(inside)) == parcel.state.size
            )
            if not (known and self._put(place, digest, parcel.state.size)):
                for _ in range(2):  # it may be placed elsewhere while it is sent: then once more
                    yield from self._send_blob(file.fileno(), parcel, project, digest)
                    if _state(file.fileno()) != parcel.state:
                        return  # it changed; the next look finds it again
                    if self._put(place, digest, parcel.state.size):
                        break
                else:
                    return
        self._arrived(parcel)

    def _send_blob(self, fd: int, parcel: _Parcel, project: str, digest: str) -> Iterator[bool]:
        size = parcel.state.size
        blobs = joined("api", "sync", project, "blobs")
        asked = self._client.ask("POST", f"{blobs}/missing", json={"digests": [digest]})
        at = int(asked["missing"].get(digest, size))
        while at < size:
            if _state(fd) != parcel.state:
                return
            data = os.pread(fd, min(self._pieces.bytes, size - at), at)
            with self._pieces.timed():
                answer = self._client.ask(
                    "POST",
                    f"{blobs}/{digest}",
                    data=data,
                    query={"offset": at, "size": size},
                    conflict=True,
                )
            at = self._half = int(answer["size"])
            yield True

    def _put(self, place: str, digest: str, size: int, data: bytes = b"") -> bool:
        answer = self._client.ask(
            "PUT",
            place,
            data=data,
            query={"digest": digest, "size": size},
            conflict=True,
        )
        if isinstance(path := answer.get("path"), str):
            note_number(unquote(place.rpartition("/artifacts/")[2]), path, self._numbers)
        return bool(answer["placed"])

    def _arrived(self, parcel: _Parcel) -> None:
        self.left_out.pop(str(parcel.path), None)
        self._there[parcel.place] = parcel.state
        self.sent_bytes += parcel.state.size


def _parcel(path: Path, place: tuple[str, ...]) -> _Parcel | None:
    """A file to be sent; None if it is none."""
    try:
        found = os.stat(path)
    except OSError:  # a link that leads nowhere, or gone
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return _Parcel(path, place, _State(found.st_size, found.st_mtime_ns, found.st_ino))


def _state(fd: int) -> _State:
    found = os.fstat(fd)
    return _State(found.st_size, found.st_mtime_ns, found.st_ino)


def _digest_of(file: BinaryIO) -> str:
    hasher = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_READ_BYTES):
        hasher.update(piece)
    return hasher.hexdigest()
