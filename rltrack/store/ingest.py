"""Makes the columns of runs from their journals: of one folder, once or as long as it is asked.

Whoever reads a run without its columns replays its journal, and gets the same answers. So ingest
is never needed; it makes what comes after it fast. It holds no more of a run in memory than one
part, whatever the run's length, may be killed at any moment, and two of it on one folder do each
run once (see `manifest.lease`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rltrack.errors import SegmentError
from rltrack.folder import RunFolder, projects, run_folders
from rltrack.store.manifest import read_manifest
from rltrack.store.run import RunReader

#: A journal of fewer bytes is replayed faster than its columns are opened.
LEAST_BYTES: Final = 1 << 20
_LOOK_S: Final = 0.5
#: A run that nobody writes to is looked at again after so long: it may be resumed.
_SETTLED_LOOK_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Ingested:
    """A run whose columns were written."""

    project: str
    run_id: str
    rows: int
    journal_bytes: int
    segment_bytes: int
    seconds: float


def ingest_run(reader: RunReader, *, least_bytes: int = LEAST_BYTES) -> Ingested | None:
    """Read what is new of a run, and write its columns once it is over; None if there was no need.

    Args:
        reader: made with ``may_seal``, so that a long run is sealed on the way.
        least_bytes: leave runs with a smaller journal alone.
    """
    begun = time.perf_counter()
    was_sealed = _is_sealed(reader.folder)
    if not was_sealed and journal_bytes(reader.folder) < least_bytes:
        return None
    reader.refresh()
    reader.seal()
    if was_sealed or not reader.is_sealed:
        return None
    return Ingested(
        reader.project,
        reader.id,
        reader.digest().row_count,
        journal_bytes(reader.folder),
        folder_bytes(reader.folder.segments),
        time.perf_counter() - begun,
    )


def _is_sealed(folder: RunFolder) -> bool:
    try:
        manifest = read_manifest(folder.segments)
    except SegmentError:
        return False
    return manifest is not None and manifest.settled


def ingest(
    root: Path,
    chosen: Iterable[str] | None = None,
    *,
    least_bytes: int = LEAST_BYTES,
) -> Iterator[Ingested]:
    """Write the columns of all runs that have ended, one after the other.

    Args:
        root: the folder of all projects.
        chosen: projects; by default all.
        least_bytes: leave runs with a smaller journal alone.
    """
    for project in list(projects(root)) if chosen is None else chosen:
        for folder in run_folders(root, project):
            reader = RunReader(folder, may_seal=True)
            if (done := ingest_run(reader, least_bytes=least_bytes)) is not None:
                yield done
            reader.release()


def follow(
    root: Path,
    chosen: Iterable[str] | None = None,
    *,
    least_bytes: int = LEAST_BYTES,
    until: Callable[[float], bool] | None = None,
) -> Iterator[Ingested]:
    """`ingest`, for ever: runs that go on are sealed in parts while they do.

    Args:
        root: the folder of all projects.
        chosen: projects; by default all, also those that come.
        least_bytes: leave runs with a smaller journal alone.
        until: waits so many seconds; true ends it. By default it never ends.
    """
    names = None if chosen is None else list(chosen)
    live: dict[Path, RunReader] = {}
    looked_at: dict[Path, float] = {}
    while True:
        now = time.monotonic()
        for folder in _folders(root, names):
            reader = live.get(folder.path)
            if reader is None:
                if now - looked_at.get(folder.path, -_SETTLED_LOOK_S) < _SETTLED_LOOK_S:
                    continue
                reader = live[folder.path] = RunReader(folder, may_seal=True)
            if (done := ingest_run(reader, least_bytes=least_bytes)) is not None:
                yield done
            if reader.is_settled:
                live.pop(folder.path).release()
                looked_at[folder.path] = now
        if until is None:
            time.sleep(_LOOK_S)
        elif until(_LOOK_S):
            return


def _folders(root: Path, names: list[str] | None) -> Iterator[RunFolder]:
    for project in list(projects(root)) if names is None else names:
        yield from run_folders(root, project)


def journal_bytes(folder: RunFolder) -> int:
    """Size of a run's journal on disk."""
    return folder_bytes(folder.journal)


def folder_bytes(folder: Path) -> int:
    """Size of the files of a folder, without its subfolders."""
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.is_file())
    except FileNotFoundError:
        return 0
