"""What runs take on the disk, by kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rltrack._names import name_of_folder
from rltrack.folder import projects, run_folders


@dataclass(frozen=True, slots=True)
class RunSize:
    """What one run takes, in bytes."""

    project: str
    run_id: str
    kinds: dict[str, int]
    """journal, segments, media/<kind>, files, other."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.kinds.values())


def run_size(path: Path, project: str) -> RunSize:
    """What a run's folder takes."""
    kinds: dict[str, int] = {}
    for file, size in _files(path):
        parts = Path(file).relative_to(path).parts
        kind = parts[0] if parts[0] in ("journal", "segments", "files") else "other"
        if parts[0] == "media" and len(parts) > 2:
            kind = f"media/{parts[1]}"
        kinds[kind] = kinds.get(kind, 0) + size
    return RunSize(project, name_of_folder(path.name), dict(sorted(kinds.items())))


def sizes(root: Path, project: str | None = None) -> list[RunSize]:
    """What the runs of one project, or of all, take; the largest first."""
    found = [
        run_size(folder.path, name)
        for name in ([project] if project is not None else list(projects(root)))
        for folder in run_folders(root, name)
    ]
    return sorted(found, key=lambda one: (-one.total, one.project, one.run_id))


def tree_bytes(path: Path) -> int:
    """Size of all files below a folder."""
    return sum(size for _, size in _files(path))


def _files(path: str | Path) -> Iterator[tuple[str, int]]:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(entry.path)
                else:
                    yield entry.path, entry.stat(follow_symlinks=False).st_size
    except OSError:
        return  # removed meanwhile, or not ours to read
