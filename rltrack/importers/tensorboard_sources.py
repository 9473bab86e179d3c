"""The runs that a log folder holds, as TensorBoard shows them: one for each folder with events.

The folders that `add_scalars` and `add_hparams` make below a writer's own are part of its run.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rltrack.importers.tensorboard_events import EventFile, event_class, is_event_file
from rltrack.importers.tensorboard_names import Names, part_of_group
from rltrack.importers.tensorboard_values import HPARAMS_PREFIX


@dataclass(slots=True)
class Source:
    """The event files that make one run."""

    name: str
    folder: Path
    files: dict[Path, list[EventFile]] = field(default_factory=dict)
    """By folder: its own first."""

    def offsets(self) -> dict[str, int]:
        """How far each file was read."""
        return {self._key(file): file.offset for file in self.all_files()}

    def go_on_from(self, offsets: Mapping[str, int]) -> None:
        """Read on from `offsets`, and new files from their start."""
        for file in self.all_files():
            file.offset = offsets.get(self._key(file), 0)

    def all_files(self) -> Iterator[EventFile]:
        """The files of all its folders."""
        return itertools.chain.from_iterable(self.files.values())

    def _key(self, file: EventFile) -> str:
        return file.path.relative_to(self.folder).as_posix()


def find_sources(logdir: Path) -> list[Source]:
    """The runs below a folder, parents first."""
    found: dict[Path, Source] = {}
    names = Names()
    for path, folders, file_names in os.walk(logdir, followlinks=True):
        folders.sort()
        files = [EventFile(Path(path, name)) for name in sorted(filter(is_event_file, file_names))]
        if not files:
            continue
        folder = Path(path)
        names.know(path)
        owner = _owner(folder, files, found, names)
        if owner is None:
            relative = folder.relative_to(logdir).as_posix()
            owner = found[folder] = Source(logdir.name if relative == "." else relative, folder)
        owner.files[folder] = files
    return list(found.values())


def _owner(
    folder: Path, files: list[EventFile], found: Mapping[Path, Source], names: Names
) -> Source | None:
    """The run that a folder of `add_hparams` or `add_scalars` is part of; None for one of its own."""
    parent = next((parent for parent in folder.parents if parent in found), None)
    tag = _first_tag(files) if parent is not None else None
    if parent is None or tag is None:
        return None
    of_hparams = tag.startswith(HPARAMS_PREFIX) and names.home(str(folder)) == str(parent)
    of_scalars = part_of_group(str(folder.relative_to(parent)), tag) is not None
    return found[parent] if of_hparams or of_scalars else None


def _first_tag(files: list[EventFile]) -> str | None:
    for file in files:
        for event in EventFile(file.path).events():
            for value in event.summary.value:
                return str(value.tag)
    return None


def size_of(file: EventFile) -> int:
    """Bytes of the file; none if it is gone."""
    try:
        return file.path.stat().st_size
    except OSError:
        return 0


def identity(source: Source) -> tuple[str, float]:
    """The id of its run, and when that began: both by its first event."""
    for file in source.all_files():
        for payload in EventFile(file.path).payloads():
            digest = hashlib.sha256(file.path.name.encode() + b"\0" + payload)
            return f"tb-{digest.hexdigest()[:12]}", event_class().FromString(payload).wall_time
    digest = hashlib.sha256(str(source.folder).encode())  # nothing is written in it yet
    return f"tb-{digest.hexdigest()[:12]}", _mtime(source)


def _mtime(source: Source) -> float:
    return min(file.path.stat().st_mtime for file in source.all_files())
