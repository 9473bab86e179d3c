"""What nobody needs any more: decided first, shown if that is all that is wanted, then removed.

trash       runs that were deleted long ago, and what was left half removed
leftovers   parts of files whose writer was killed, in runs that have ended
videos      of each run that has ended, all but the newest n of each metric, if asked for
versions    of artifacts: those whose time to live is over, and checkpoints besides the best k, if
            asked for
blobs       contents of artifacts that no version refers to
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rltrack._names import folder_name
from rltrack.artifacts.collection import Collection
from rltrack.artifacts.garbage import Retention, surplus_versions, unreferenced_blobs
from rltrack.errors import NotFoundError
from rltrack.folder import HUB, INCOMING, RUN_JSON, RunFolder, projects, run_folders
from rltrack.store.media import file_inside, media_of
from rltrack.store.run import RunReader
from rltrack.store.sizes import tree_bytes
from rltrack.store.trash import half_freed, trashed
from rltrack.store.unarchive import STAGING

Kind = Literal["trash", "leftover", "video", "version", "blob"]

#: A part of a file younger than this may still be written.
_GRACE_S: Final = 3600.0
#: The longest that an import of one zip may take.
_IMPORT_S: Final = 86400.0
#: How long a client may be away that sends a file in pieces.
_SENDING_S: Final = 7 * 86400.0
TRASH_S: Final = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something that may go."""

    kind: Kind
    path: Path
    bytes: int
    version: tuple[Collection, int] | None = None
    """Of an artifact: it is deleted by its number, which nobody gets again."""

    def remove(self) -> bool:
        """Remove it; whether it is gone."""
        try:
            if self.version is not None:
                collection, number = self.version
                collection.delete(number)
            elif self.path.is_dir():
                shutil.rmtree(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except (OSError, NotFoundError):
            return False
        return True


def garbage(
    root: Path,
    project: str | None = None,
    *,
    trash_older_than_s: float = TRASH_S,
    keep_newest_videos: int | None = None,
    checkpoints: Retention | None = None,
    now: Callable[[], float] = time.time,
) -> list[Garbage]:
    """What may be removed; nothing of a run that goes on.

    Args:
        root: the folder of all projects.
        project: only of this one.
        trash_older_than_s: how long deleted runs can be restored.
        keep_newest_videos: how many videos of each metric a run keeps; None for all.
        checkpoints: which versions of models are kept; None for all.
        now: seconds since the epoch.
    """
    found = [
        Garbage("trash", one.path, one.bytes)
        for one in trashed(root)
        if project in (None, one.project) and now() - one.deleted_at > trash_older_than_s
    ]
    found += [Garbage("trash", path, tree_bytes(path)) for path in half_freed(root)]
    found += _half_sent(root, now)
    for name in [project] if project is not None else list(projects(root)):
        found += _half_imported(root, name, now)
        for folder in run_folders(root, name):
            reader = RunReader(folder)
            if reader.peek()[0] == "running":
                continue
            found += _leftovers(folder, now)
            if keep_newest_videos is not None:
                found += _old_videos(reader, keep_newest_videos)
    return found + _of_artifacts(root, project, checkpoints, now)


def _of_artifacts(
    root: Path, project: str | None, checkpoints: Retention | None, now: Callable[[], float]
) -> list[Garbage]:
    versions = list(surplus_versions(root, project, checkpoints, now()))
    found = [
        # The room that a version takes is that of its contents, which others may share.
        Garbage("version", collection.folder / f"v{one.number}.json", 0, (collection, one.number))
        for collection, one in versions
    ]
    gone = {(collection.project, collection.name, one.number) for collection, one in versions}
    blobs = unreferenced_blobs(root, gone, now)
    return found + [Garbage("blob", path, size) for path, size in blobs]


def _half_imported(root: Path, project: str, now: Callable[[], float]) -> Iterator[Garbage]:
    """Runs that were being unpacked when the process was killed."""
    for path in (root / folder_name(project) / STAGING).glob("*"):
        try:
            age_s = now() - path.stat().st_mtime
        except OSError:
            continue
        if age_s > _IMPORT_S:
            yield Garbage("leftover", path, tree_bytes(path))


def _half_sent(root: Path, now: Callable[[], float]) -> Iterator[Garbage]:
    """In a server's folder: contents that a client began to send, and never came back to."""
    for path in (root / HUB / INCOMING).glob("*/*"):
        try:
            about = path.stat()
        except OSError:
            continue
        if now() - about.st_mtime > _SENDING_S:
            yield Garbage("leftover", path, about.st_size)


def _leftovers(folder: RunFolder, now: Callable[[], float]) -> Iterator[Garbage]:
    # A key with a / is a folder of its own below that of its kind.
    for found in (folder.path.glob(f".{RUN_JSON}.*"), folder.media.rglob(".*")):
        for path in found:
            try:
                about = path.stat()
            except OSError:
                continue
            if path.is_file() and now() - about.st_mtime > _GRACE_S:
                yield Garbage("leftover", path, about.st_size)


def _old_videos(reader: RunReader, keep: int) -> Iterator[Garbage]:
    newest_first: dict[str, list[Path]] = {}
    for item in sorted(media_of(reader), key=lambda item: (-item.time, -item.step)):
        file = file_inside(reader.folder.media, item.path) if item.kind == "videos" else None
        if file is not None:
            newest_first.setdefault(item.key, []).append(file)
    kept = {path for paths in newest_first.values() for path in paths[:keep]}
    for paths in newest_first.values():
        for path in paths[keep:]:
            if path not in kept:  # one file may be in several rows
                kept.add(path)
                yield Garbage("video", path, os.path.getsize(path))
