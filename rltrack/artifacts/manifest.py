"""The files of one version: one line of JSON each, sorted by path, itself kept as a blob.

    ["policy/weights.pt", "<sha256>", 1048576]
    ["train.csv", "<etag>", 12, {"ref": "s3://data/train.csv"}]

Equal files make equal bytes, so the digest of the list is the digest of the version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from rltrack.artifacts.blobs import Blobs
from rltrack.errors import ArtifactError, UsageError


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a version."""

    path: str
    """With ``/``, inside the artifact."""
    digest: str
    """SHA-256 of the contents; of a reference what its store says instead, or its URI's."""
    size: int
    """In bytes; 0 for a reference of unknown size."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Of a reference, ``ref``: its URI. Of a value that was added, ``type``."""

    @property
    def ref(self) -> str | None:
        """Where the contents are, if they are not kept here."""
        ref = self.extra.get("ref")
        return ref if isinstance(ref, str) else None

    @property
    def is_blob(self) -> bool:
        """Whether the contents are kept here."""
        return "ref" not in self.extra


def checked_path(path: str) -> str:
    """A path inside an artifact, in its one spelling.

    Raises:
        UsageError: it is empty, or leads out of the artifact.
    """
    parts = PurePosixPath(str(path).replace("\\", "/")).parts
    if parts[:1] == ("/",) or ".." in parts or not parts or "\0" in path:
        raise UsageError(f"{path!r} is no path inside an artifact")
    return "/".join(parts)


def lines_of(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The lines of a manifest, sorted."""
    for entry in sorted(entries, key=lambda entry: entry.path):
        fields: list[Any] = [entry.path, entry.digest, entry.size]
        if entry.extra:
            fields.append(dict(entry.extra))
        yield json.dumps(fields, separators=(",", ":"), sort_keys=True).encode("ascii") + b"\n"


def write_manifest(blobs: Blobs, entries: Iterable[Entry]) -> str:
    """Keep a list of files.

    Returns:
        Its digest.
    """
    with blobs.new_part() as (part, keep):
        with part.open("wb") as file:
            file.writelines(lines_of(entries))
        return keep()[0]


def manifest_digest(entries: Iterable[Entry]) -> str:
    """What `write_manifest` would answer; nothing is written."""
    state = hashlib.sha256()
    for line in lines_of(entries):
        state.update(line)
    return state.hexdigest()


def read_manifest(blobs: Blobs, digest: str) -> dict[str, Entry]:
    """The files of a version by path.

    Raises:
        ArtifactError: the list is gone or damaged.
    """
    return parse_manifest(blobs.read(digest).splitlines())


def parse_manifest(lines: Iterable[bytes]) -> dict[str, Entry]:
    """Files by path.

    Raises:
        ArtifactError: a line is none of a manifest.
    """
    found: dict[str, Entry] = {}
    try:
        for line in lines:
            path, digest, size, *extra = json.loads(line)
            # A list that somebody wrote by hand must not write outside of a download's folder.
            path = checked_path(path)
            found[path] = Entry(path, str(digest), int(size), *extra)
    except (ValueError, TypeError) as cause:
        raise ArtifactError(f"a list of files cannot be read: {cause}") from cause
    return found
