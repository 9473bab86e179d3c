"""The files of the artifacts that a run logged or used: its contents first, then what names them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from rltrack._names import folder_name
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import Collection, Version, collections
from rltrack.artifacts.manifest import read_manifest

_VERSION: Final = re.compile(r"versions/(?P<name>[^/]+)/v(?P<number>[0-9]+)\.(json|deleted)")


class Belonging(NamedTuple):
    """A file of an artifact."""

    path: Path
    place: tuple[str, ...]
    """Where it goes, below the artifacts."""
    text: bytes | None = None
    """Its content, where that is another on the server."""


def artifact_files(root: Path, project: str, run_id: str, there: str) -> Iterator[Belonging]:
    """Files, and where each goes below the artifacts.

    Args:
        root: the folder of all projects.
        project: of the run.
        run_id: its id.
        there: the project on the server: what names a run or an artifact names it so.

    Raises:
        ArtifactError: a version is damaged.
    """
    own = f"{project}/{run_id}"
    for collection in collections(root, project):
        versions = [version for version in collection.versions() if version.run == own]
        for version in versions:
            yield from _contents(root, version)
            yield _said(collection, project, there, f"v{version.number}.json")
        numbers = {version.number for version in versions}
        for folder, mine in (("changes", numbers), ("uses", None)):
            for path in sorted((collection.folder / folder).glob("[!.]*.json")):
                if _is_of(path, own, mine):
                    yield _said(collection, project, there, folder, path.name)


def _contents(root: Path, version: Version) -> Iterator[Belonging]:
    blobs = Blobs(root)
    entries = read_manifest(blobs, version.digest).values()
    digests = {entry.digest for entry in entries if entry.is_blob} | {version.digest}
    for digest in sorted(digests):
        yield Belonging(blobs.path(digest), ("blobs", digest))


def _said(collection: Collection, project: str, there: str, *inside: str) -> Belonging:
    """A file that says something of versions, with projects as they are called on the server."""
    path = collection.folder.joinpath(*inside)
    text = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        said = json.loads(path.read_text(encoding="utf-8"))
        for name in ("run", "source"):
            value = said.get(name)
            if isinstance(value, str) and value.startswith(f"{project}/"):
                said[name] = there + value[len(project) :]
        text = json.dumps(said, indent=1).encode()
    return Belonging(path, ("versions", folder_name(collection.name), *inside), text)


def _is_of(path: Path, run: str, numbers: set[int] | None) -> bool:
    """Whether a change is of one of these versions, or a use by this run."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return said["run"] == run if numbers is None else said["number"] in numbers
    except (OSError, ValueError, LookupError, TypeError):
        return False


def note_number(sent: str, placed: str, numbers: dict[tuple[str, int], int]) -> None:
    """Remember under which number the server has a version.

    Args:
        sent: the place that was asked for, ``versions/<name>/v0.json``.
        placed: the one that it has.
        numbers: by the name of the folder and the number here.
    """
    asked, got = _VERSION.fullmatch(sent), _VERSION.fullmatch(placed)
    if asked and got and asked["number"] != got["number"]:
        numbers[asked["name"], int(asked["number"])] = int(got["number"])


def renumbered(
    place: tuple[str, ...], text: bytes, numbers: Mapping[tuple[str, int], int]
) -> bytes:
    """What is said of a version, with its number on the server."""
    if place[:2] != ("artifacts", "versions") or place[3:4] not in (("changes",), ("uses",)):
        return text
    try:
        said = json.loads(text)
        there = numbers.get((place[2], said["number"]))
    except (ValueError, LookupError, TypeError):
        return text
    return text if there is None else json.dumps(said | {"number": there}, indent=1).encode()
