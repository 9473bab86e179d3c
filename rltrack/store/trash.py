"""Deleted runs: moved aside in one step, restored in one, and freed for good when asked.

    <root>/.trash/<project>/<run id>~<when>/      when: nanoseconds since the epoch

Folders that begin with a dot are no projects, so no list shows what lies here.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rltrack._names import folder_name, name_of_folder
from rltrack.errors import NotFoundError, StorageError
from rltrack.folder import RunFolder, run_folder
from rltrack.store.edit import refuse_live, rename_new
from rltrack.store.run import RunReader
from rltrack.store.sizes import tree_bytes

TRASH: Final = ".trash"
#: In front of a folder that is being removed: half of a run is no run.
_GOING: Final = ".going-"


@dataclass(frozen=True, slots=True)
class Trashed:
    """One deleted run."""

    project: str
    run_id: str
    deleted_at: float
    """In seconds since the epoch."""
    path: Path

    @property
    def bytes(self) -> int:
        """What would be freed."""
        return tree_bytes(self.path)


def delete(root: Path, folder: RunFolder, *, force: bool = False) -> Trashed:
    """Move a run into the trash.

    Args:
        root: the folder of all projects.
        folder: of the run.
        force: also if it goes on; its training then writes into the trash.

    Raises:
        UsageError: it goes on.
        StorageError: it cannot be moved.
    """
    reader = RunReader(folder)
    reader.refresh()
    if not force:
        refuse_live(reader, "deleted")
    now = time.time_ns()
    target = root / TRASH / folder_name(reader.project) / f"{folder_name(reader.id)}~{now}"
    rename_new(folder.path, target)
    return Trashed(reader.project, reader.id, now / 1e9, target)


def trashed(root: Path) -> list[Trashed]:
    """What lies in the trash, the latest first."""
    found = [
        Trashed(name_of_folder(project.name), name_of_folder(run_id), int(when) / 1e9, run)
        for project in _folders(root / TRASH)
        for run in _folders(project)
        for run_id, separator, when in [run.name.rpartition("~")]
        if separator and when.isdigit() and not run.name.startswith(_GOING)
    ]
    return sorted(found, key=lambda one: -one.deleted_at)


def find(root: Path, name: str) -> Trashed:
    """The run that was deleted last of those with an id, or ``project/id``.

    Raises:
        NotFoundError: there is none.
    """
    project, _, run_id = name.rpartition("/")
    for one in trashed(root):
        if one.run_id == run_id and project in ("", one.project):
            return one
    known = ", ".join(f"{one.project}/{one.run_id}" for one in trashed(root)[:8]) or "nothing"
    raise NotFoundError(f"no run {name!r} in the trash; there is {known}")


def restore(root: Path, one: Trashed) -> RunFolder:
    """Put a run back where it was.

    Raises:
        UsageError: there is another of its id by now; nothing was changed.
        StorageError: it cannot be moved.
    """
    target = run_folder(root, one.project, one.run_id)
    rename_new(one.path, target.path)
    return target


def free(one: Trashed) -> int:
    """Remove a run for good; answers how many bytes that frees."""
    freed = one.bytes
    going = one.path.with_name(f"{_GOING}{one.path.name}")
    try:
        os.rename(one.path, going)
        shutil.rmtree(going)
    except OSError as refusal:
        raise StorageError(f"{one.path} cannot be removed: {refusal}") from refusal
    return freed


def half_freed(root: Path) -> Iterator[Path]:
    """What somebody began to remove, and was killed."""
    for project in _folders(root / TRASH):
        yield from (path for path in _folders(project) if path.name.startswith(_GOING))


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
