"""Which derived files of a run count, and who may write them.

    segments/manifest.json     names every file that counts; replaced atomically
    segments/.lease            who is writing, for as long as it does

A file that no manifest names is a leftover of somebody who was killed; the next who writes
removes it. A number is never used twice as long as one file of it is there, so a reader with
an old manifest finds old files, or none: never others in their place.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rltrack.errors import SegmentError
from rltrack.journal.process import is_alive, this_process

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_LEASE: Final = ".lease"
#: A lease of another host, or of a process that cannot be seen, counts for so long.
LEASE_S: Final = 60.0
_NUMBER: Final = re.compile(r"-(\d{6,})\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """What is sealed of one stream."""

    parts: list[dict[str, int]] = field(default_factory=list)
    """Number, first row and rows of each part."""
    floor: int | None = None
    """The least step that a row may have from now on, so that what is sealed stays true."""
    last_step: int | None = None
    values: int = 0

    @property
    def rows(self) -> int:
        """Merged rows in all parts."""
        return sum(part["rows"] for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of `manifest.json`."""

    created_ns: int
    """Of the run: another run in the same folder has another."""
    settled: bool
    """Whether all of the run is sealed, and its overview is of one piece."""
    journal: dict[str, Any]
    """Where the journal's reader was: `JournalReader.state`."""
    journal_files: list[str]
    """The journal's segments at that time, sorted."""
    clocks: dict[str, int]
    """The greatest time of each writer."""
    streams: dict[str, StreamState]
    overviews: list[str]
    """Files, one for each part, or one in all once the run is settled."""
    records: list[str]
    """Files with what the journal says besides rows, oldest first."""
    kept: str
    """A file of the rows that were read but are not sealed, for a later row may join them."""
    kept_clocks: list[int]
    """Of each of these rows, the greatest time of its writer up to it."""
    files: dict[str, int]
    """Every file that counts, and its size."""
    format: int = FORMAT


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder of segments; None if there is none.

    Raises:
        SegmentError: it, or a file that it names, is damaged or missing.
    """
    path = folder / MANIFEST
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as cause:
        raise SegmentError(f"{path} cannot be read: {cause}") from cause
    try:
        if values["format"] != FORMAT:
            return None  # of another rltrack: what it derived, this one derives again
        values["streams"] = {
            name: StreamState(**state) for name, state in values["streams"].items()
        }
        return Manifest(**values)
    except (KeyError, TypeError, AttributeError) as cause:
        raise SegmentError(f"{path} cannot be understood: {cause}") from cause


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make `manifest` the one that counts, and remove the files that it does not name.

    Only the holder of the lease may.
    """
    part = folder / f".{MANIFEST}.{os.getpid()}"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / MANIFEST)
    sweep(folder, manifest)


def sweep(folder: Path, manifest: Manifest | None) -> None:
    """Remove what no manifest names. Only the holder of the lease may."""
    named = {MANIFEST, _LEASE} | set(manifest.files if manifest else ())
    for name in _names(folder) - named:
        try:
            os.unlink(folder / name)
        except OSError:
            continue  # another host may have it open; the next sweep tries again


def number_of(name: str) -> int:
    """The number in a file's name; 0 where there is none."""
    found = _NUMBER.search(name)
    return int(found[1]) if found else 0


def next_number(folder: Path) -> int:
    """A number that no file of the folder has."""
    return max(map(number_of, _names(folder)), default=0) + 1


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()


# -- the lease -------------------------------------------------------------------------------------


@contextmanager
def lease(folder: Path, now: Callable[[], float] = time.time) -> Iterator[bool]:
    """Hold the right to write segments, for the length of a block; whether it was got.

    It is a file that only one can create. One whose process has died is taken away first; of a
    process that cannot be seen from here, once it has not been touched for a minute. `touch`
    keeps it while writing takes long.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _LEASE
    got = _take(path, now)
    try:
        yield got
    finally:
        if got:
            path.unlink(missing_ok=True)


def touch(folder: Path) -> None:
    """Say that the holder of the lease still writes."""
    try:
        os.utime(folder / _LEASE)
    except OSError:
        return


def _take(path: Path, now: Callable[[], float]) -> bool:
    host, pid, process = this_process()
    mine = json.dumps({"host": host, "pid": pid, "process": process}).encode()
    for _ in range(2):
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            if not _is_stale(path, now):
                return False
            # Renamed before it is removed: of two that find it stale, one moves it away, and the
            # other must not remove the lease that the first one then takes.
            aside = path.with_name(f"{path.name}.{pid}.{os.urandom(3).hex()}")
            try:
                os.rename(path, aside)
                fresh = not _is_stale(aside, now)
                if fresh:  # it was taken anew between the look and the rename
                    os.link(aside, path)
                aside.unlink()
                if fresh:
                    return False
            except OSError:
                return False
            continue
        with os.fdopen(fd, "wb") as file:
            file.write(mine)
        return True
    return False


def _is_stale(path: Path, now: Callable[[], float]) -> bool:
    try:
        age = now() - path.stat().st_mtime
        holder = json.loads(path.read_bytes() or b"{}")
        alive = is_alive(holder["host"], holder["pid"], holder["process"])
    except FileNotFoundError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return age > LEASE_S  # it is being written, or its writer was killed in between
    return age > LEASE_S if alive is None else not alive
