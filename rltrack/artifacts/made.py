"""Media values inside of artifacts: each is the file that it would be in a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltrack.artifacts.manifest import Entry, checked_path

if TYPE_CHECKING:
    from rltrack.artifacts.contents import Contents
    from rltrack.journal.records import Json
    from rltrack.media.base import Media
    from rltrack.media.table import Table


@dataclass(frozen=True, slots=True)
class Made:
    """A media value of an artifact, to read."""

    type: str
    """``_type`` of such a value in a row, for example ``table-file``."""
    path: Path
    """The file. It is the artifact's own: read it, and do not write it."""
    facts: Mapping[str, Any]
    """Caption, size and the like."""


class _Into:
    """Stands for the artifact, where a value asks for the run in which it is logged."""


def add_media(contents: Contents, media: Media, name: str, *, overwrite: bool) -> Entry:
    """Write a value into an artifact, and those that it holds beside it.

    Args:
        contents: of the artifact.
        media: the value.
        name: its path there; the ending of its file is added.
        overwrite: it takes the place of another of this name.

    Raises:
        MediaError: it cannot be written.
    """
    from rltrack.media.base import Logging

    top = checked_path(name)
    parts: list[Entry] = []

    def put(part: Media) -> dict[str, Json]:
        inside = f"{top}_media/{len(parts)}"
        parts.append(_write(contents, part, inside, put, overwrite=overwrite))
        return {"_type": part.type_name, "path": parts[-1].path, **part.facts()}

    def put_whole(whole: Media) -> dict[str, Json]:
        parts.append(_write(contents, whole, top, put, overwrite=overwrite))
        return {}

    # Through the value itself: a table that may change later hands over a copy of what it is now.
    media.logged(Logging(_Into(), top, 0, put_whole, lambda kind, told: None))
    return parts[-1]


def _write(
    contents: Contents,
    media: Media,
    name: str,
    put: Callable[[Media], dict[str, Json]],
    *,
    overwrite: bool,
) -> Entry:
    media.place(put)
    with contents.blobs.new_part() as (part, keep):
        facts = {**media.facts(), **media.encode(part)}
        digest, size = keep()
    path = name if name.endswith(f".{media.extension}") else f"{name}.{media.extension}"
    entry = Entry(path, digest, size, {"type": media.type_name, "name": name, "facts": facts})
    return contents.put(entry, overwrite=overwrite)


def get_media(contents: Contents, name: str) -> Table | Made | None:
    """A value by the name under which it was added."""
    wanted = checked_path(name)
    for entry in contents.entries.values():
        kind = entry.extra.get("type")
        if kind is None or wanted not in (entry.path, entry.extra.get("name")):
            continue
        path = contents.blobs.path(entry.digest)
        if kind == "table-file":
            return _table(path)
        return Made(str(kind), path, entry.extra.get("facts", {}))
    return None


def _table(path: Path) -> Table:
    from rltrack.extras import require
    from rltrack.media.table import Table

    parquet = require("pyarrow.parquet", extra="analysis")
    return Table(dataframe=parquet.read_table(path), allow_mixed_types=True)
