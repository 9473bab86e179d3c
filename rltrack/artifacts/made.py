"""Media values inside of artifacts: each is the file that it would be in a run."""

from __future__ import annotations

from collections.abc import Mapping
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


def add_media(contents: Contents, media: Media, name: str, *, overwrite: bool) -> Entry:
    """Write a value into an artifact, and those that it holds beside it."""
    top = checked_path(name)
    count = 0

    def put(part: Media) -> dict[str, Json]:
        nonlocal count
        count += 1
        entry = add_media(contents, part, f"{top}_media/{count - 1}", overwrite=overwrite)
        return {"_type": part.type_name, "path": entry.path, **part.facts()}

    media.place(put)
    with contents.blobs.new_part() as (part, keep):
        facts = {**media.facts(), **media.encode(part)}
        digest, size = keep()
    path = top if top.endswith(f".{media.extension}") else f"{top}.{media.extension}"
    entry = Entry(path, digest, size, {"type": media.type_name, "name": top, "facts": facts})
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
