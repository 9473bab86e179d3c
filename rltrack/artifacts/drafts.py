"""A version that many processes make: each leaves a list of files, and one gathers them.

``drafts/<id>/<random>.part`` in the collection's folder: a line of JSON (type, aliases), then the
lines of a manifest. Contents are among the blobs already.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from rltrack._names import folder_name
from rltrack.artifacts.artifact import Artifact
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import Collection
from rltrack.artifacts.manifest import Entry, lines_of, parse_manifest
from rltrack.errors import ArtifactError, StorageError

_ENDING = ".part"


def _folder(root: Path, project: str, name: str, key: str) -> Path:
    return Collection(root, project, name).folder / "drafts" / folder_name(key)


def add_part(
    artifact: Artifact, root: Path, project: str, key: str, aliases: Sequence[str]
) -> None:
    """Leave the files of `artifact` for the version that `key` names.

    Raises:
        StorageError: the folder cannot be written.
    """
    artifact.contents.move_to(Blobs(root))
    folder = _folder(root, project, artifact.collection_name, key)
    name = secrets.token_hex(8)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hidden = folder / f".{name}"
        with hidden.open("wb") as file:
            head = {"type": artifact.type, "aliases": list(aliases)}
            file.write(json.dumps(head).encode("ascii") + b"\n")
            file.writelines(lines_of(artifact.contents.entries.values()))
        os.replace(hidden, folder / f"{name}{_ENDING}")
    except OSError as refusal:
        raise StorageError(f"{folder} cannot be written: {refusal}") from refusal


@contextlib.contextmanager
def gather(artifact: Artifact, root: Path, project: str, key: str) -> Iterator[list[str]]:
    """Put what all processes left into `artifact`; when it is logged in the block, it is gone.

    Yields:
        The aliases that they gave.

    Raises:
        ArtifactError: two processes left different files under one path, or another type.
    """
    artifact.contents.move_to(Blobs(root))
    folder = _folder(root, project, artifact.collection_name, key)
    aliases: list[str] = []
    parts = sorted(folder.glob(f"*{_ENDING}"))
    for part in parts:
        head, *lines = part.read_bytes().splitlines()
        about = json.loads(head)
        if about["type"] != artifact.type:
            raise ArtifactError(
                f"{artifact.name}: one process says type {about['type']!r}, another {artifact.type!r}"
            )
        aliases += [alias for alias in about["aliases"] if alias not in aliases]
        for entry in parse_manifest(lines).values():
            _put(artifact, entry)
    yield aliases
    for part in parts:
        part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()  # not if somebody left more in the meantime
    if not any(folder.parent.glob("*")):
        shutil.rmtree(folder.parent, ignore_errors=True)


def _put(artifact: Artifact, entry: Entry) -> None:
    known = artifact.contents.entries.get(entry.path)
    if known is not None and known.digest != entry.digest:
        raise ArtifactError(f"{artifact.name}: two processes made different files {entry.path!r}")
    artifact.contents.put(entry)
