"""What nobody needs any more: decided first, shown if that is all that is wanted, then removed.

trash       runs that were deleted long ago, and what was left half removed
leftovers   parts of files whose writer was killed, in runs that have ended
videos      of each run that has ended, all but the newest n of each metric, if asked for
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rltrack.folder import RUN_JSON, RunFolder, projects, run_folders
from rltrack.store.media import file_inside, media_of
from rltrack.store.run import RunReader
from rltrack.store.sizes import tree_bytes
from rltrack.store.trash import half_freed, trashed

Kind = Literal["trash", "leftover", "video"]

#: A part of a file younger than this may still be written.
_GRACE_S: Final = 3600.0
TRASH_S: Final = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something that may go."""

    kind: Kind
    path: Path
    bytes: int

    def remove(self) -> bool:
        """Remove it; whether it is gone."""
        try:
            if self.path.is_dir():
                shutil.rmtree(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except OSError:
            return False
        return True


def garbage(
    root: Path,
    project: str | None = None,
    *,
    trash_older_than_s: float = TRASH_S,
    keep_newest_videos: int | None = None,
    now: Callable[[], float] = time.time,
) -> list[Garbage]:
    """What may be removed; nothing of a run that goes on.

    Args:
        root: the folder of all projects.
        project: only of this one.
        trash_older_than_s: how long deleted runs can be restored.
        keep_newest_videos: how many videos of each metric a run keeps; None for all.
        now: seconds since the epoch.
    """
    found = [
        Garbage("trash", one.path, one.bytes)
        for one in trashed(root)
        if project in (None, one.project) and now() - one.deleted_at > trash_older_than_s
    ]
    found += [Garbage("trash", path, tree_bytes(path)) for path in half_freed(root)]
    for name in [project] if project is not None else list(projects(root)):
        for folder in run_folders(root, name):
            reader = RunReader(folder)
            if reader.peek()[0] == "running":
                continue
            found += _leftovers(folder, now)
            if keep_newest_videos is not None:
                found += _old_videos(reader, keep_newest_videos)
    return found


def _leftovers(folder: RunFolder, now: Callable[[], float]) -> Iterator[Garbage]:
    for place, starts in ((folder.path, f".{RUN_JSON}."), (folder.media, ".")):
        for path in [*place.glob(f"{starts}*"), *place.glob(f"*/{starts}*")]:
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
