"""The files of the artifacts that a run logged or used: its contents first, then what names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rltrack._names import folder_name
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import Collection, Version, collections
from rltrack.artifacts.manifest import read_manifest


def artifact_files(root: Path, project: str, run_id: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Files, and where each goes below the artifacts.

    Args:
        root: the folder of all projects.
        project: of the run.
        run_id: its id.

    Raises:
        ArtifactError: a version is damaged.
    """
    own = f"{project}/{run_id}"
    for collection in collections(root, project):
        versions = [version for version in collection.versions() if version.run == own]
        for version in versions:
            yield from _contents(root, version)
            yield _placed(collection, f"v{version.number}.json")
        numbers = {version.number for version in versions}
        for folder, mine in (("changes", numbers), ("uses", None)):
            for path in sorted((collection.folder / folder).glob("[!.]*.json")):
                if _is_of(path, own, mine):
                    yield _placed(collection, folder, path.name)


def _contents(root: Path, version: Version) -> Iterator[tuple[Path, tuple[str, ...]]]:
    blobs = Blobs(root)
    entries = read_manifest(blobs, version.digest).values()
    digests = {entry.digest for entry in entries if entry.is_blob} | {version.digest}
    for digest in sorted(digests):
        yield blobs.path(digest), ("blobs", digest)


def _placed(collection: Collection, *inside: str) -> tuple[Path, tuple[str, ...]]:
    place = ("versions", folder_name(collection.name), *inside)
    return collection.folder.joinpath(*inside), place


def _is_of(path: Path, run: str, numbers: set[int] | None) -> bool:
    """Whether a change is of one of these versions, or a use by this run."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return said["run"] == run if numbers is None else said["number"] in numbers
    except (OSError, ValueError, LookupError, TypeError):
        return False
