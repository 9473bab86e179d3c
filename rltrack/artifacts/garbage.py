"""What of artifacts nobody needs any more: expired and surplus versions, and contents of no version."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import (
    Collection,
    Version,
    collections,
    projects_with_artifacts,
)
from rltrack.artifacts.manifest import parse_manifest, read_manifest
from rltrack.artifacts.names import LATEST
from rltrack.errors import UsageError

#: Contents are added before the version is logged that refers to them.
BLOB_GRACE_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """Which checkpoints stay: the newest, those with an alias, and the best."""

    keep: int
    """How many of the best of each artifact of type ``model``."""
    by: str | None = None
    """What is best: a key of the metadata; None: to be newer."""
    goal: Literal["maximize", "minimize"] = "maximize"

    @classmethod
    def of(cls, keep: int, best: str | None) -> Retention:
        """Read ``KEY`` or ``KEY:min``.

        Raises:
            UsageError: it is neither, or `keep` is below 0.
        """
        if keep < 0:
            raise UsageError(f"keep {keep} checkpoints: 0 or more was expected")
        key, _, goal = (best or "").partition(":")
        if goal not in ("", "max", "min"):
            raise UsageError(f"{best!r}: KEY:max or KEY:min was expected")
        return cls(keep, key or None, "minimize" if goal == "min" else "maximize")

    def surplus(self, versions: list[Version]) -> list[Version]:
        """Those that may go."""
        ranked = sorted(versions, key=self._rank, reverse=True)
        return [v for v in ranked[self.keep :] if not v.aliases]  # the newest is ``latest``

    def _rank(self, version: Version) -> tuple[float, int]:
        if self.by is None:
            return 0.0, version.number
        value = version.metadata.get(self.by)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return -math.inf, version.number
        return (-value if self.goal == "minimize" else value), version.number


def expired(version: Version, now_s: float) -> bool:
    """Whether a version's time to live is over; one with an alias of its own stays."""
    if version.ttl_s is None or any(alias != LATEST for alias in version.aliases):
        return False
    return version.created_ns / 1e9 + version.ttl_s < now_s


def surplus_versions(
    root: Path, project: str | None, retention: Retention | None, now_s: float
) -> Iterator[tuple[Collection, Version]]:
    """Versions that have expired, or that `retention` does not keep."""
    for name in projects_with_artifacts(root) if project is None else [project]:
        for collection in collections(root, name):
            versions = collection.versions()
            gone = [version for version in versions if expired(version, now_s)]
            models = [v for v in versions if v.type == "model" and v not in gone]
            if retention is not None:
                gone += retention.surplus(models)
            yield from ((collection, version) for version in gone)


def unreferenced_blobs(
    root: Path, without: set[tuple[str, str, int]], now: Callable[[], float]
) -> Iterator[tuple[Path, int]]:
    """Contents that no version refers to, and that nobody added in the last day; with sizes.

    Args:
        root: the folder of all projects.
        without: versions that are as good as gone: project, name, number.
        now: seconds since the epoch.

    Raises:
        ArtifactError: a version cannot be read, so nobody knows what it refers to.
    """
    blobs = Blobs(root)
    needed = _needed(root, blobs, without)
    for path in sorted(blobs.folder.rglob("*")):
        try:
            about = path.stat()
        except OSError:
            continue
        if not path.is_file() or now() - about.st_mtime <= BLOB_GRACE_S:
            continue
        if path.name not in needed:
            yield path, about.st_size


def _needed(root: Path, blobs: Blobs, without: set[tuple[str, str, int]]) -> set[str]:
    needed: set[str] = set()
    for project in projects_with_artifacts(root):
        for collection in collections(root, project, begun=True):
            for version in collection.versions():
                if (project, collection.name, version.number) not in without:
                    needed |= _of_manifest(blobs, version.digest, needed)
            for part in collection.folder.glob("drafts/*/*.part"):
                lines = part.read_bytes().splitlines()[1:]
                needed |= {entry.digest for entry in parse_manifest(lines).values()}
    return needed


def _of_manifest(blobs: Blobs, digest: str, known: set[str]) -> set[str]:
    if digest in known:
        return set()
    if not blobs.has(digest):
        return set()  # of a damaged root; what else is there stays by its own versions
    return {digest, *(e.digest for e in read_manifest(blobs, digest).values() if e.is_blob)}


def artifact_bytes(root: Path, project: str | None = None) -> list[dict[str, Any]]:
    """Each artifact's size by its versions, as if it were alone: contents may be shared."""
    found = []
    for name in projects_with_artifacts(root) if project is None else [project]:
        for collection in collections(root, name):
            versions = collection.versions()
            found.append(
                {
                    "project": name,
                    "name": collection.name,
                    "versions": len(versions),
                    "bytes": sum(version.size for version in versions),
                }
            )
    return found


def blob_bytes(root: Path) -> int:
    """What all contents take on the disk; a hard link counts as the file that it is."""
    total = 0
    for place, _, names in os.walk(Blobs(root).folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total
