"""One file of an artifact, as users see it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

from rltrack.artifacts.manifest import Entry
from rltrack.errors import UsageError

if TYPE_CHECKING:
    from rltrack.artifacts.artifact import Artifact


class ArtifactFile:
    """One file of an artifact."""

    def __init__(self, artifact: Artifact, entry: Entry) -> None:
        self.artifact = artifact
        self.entry = entry

    @property
    def path(self) -> str:
        """Inside the artifact, with ``/``."""
        return self.entry.path

    @property
    def name(self) -> str:
        """The same as `path`."""
        return self.entry.path

    @property
    def digest(self) -> str:
        """SHA-256 of the contents in hexadecimal; of a reference its checksum there."""
        return self.entry.digest

    @property
    def size(self) -> int:
        """In bytes."""
        return self.entry.size

    @property
    def ref(self) -> str | None:
        """Where it is, if it stays elsewhere."""
        return self.entry.ref

    def ref_target(self) -> str:
        """Where it is.

        Raises:
            UsageError: it is kept here.
        """
        if self.entry.ref is None:
            raise UsageError(f"{self.path!r} is no reference: its contents are kept")
        return self.entry.ref

    def open(self) -> IO[bytes]:
        """The contents, to read, without a download.

        Raises:
            UsageError: it is a reference.
            ArtifactError: they are gone.
        """
        if self.entry.ref is not None:
            raise UsageError(f"{self.path!r} is a reference to {self.entry.ref}; download it")
        return self.artifact.contents.blobs.open(self.entry.digest)

    def download(
        self,
        root: str | os.PathLike[str] | None = None,
        skip_cache: bool | None = None,
        *,
        replace: bool = True,
    ) -> str:
        """Write the file below a folder; see `Artifact.download`.

        Args:
            root: the folder.
            skip_cache: accepted for W&B's scripts; there is no cache.
            replace: accepted for W&B's scripts; a file that differs is always replaced.

        Returns:
            Where it is.
        """
        folder = self.artifact.download_folder(root)
        return str(self.artifact.write_file(self.entry, folder))

    def __repr__(self) -> str:
        return f"<ArtifactFile {self.path} {self.size} bytes>"


class Manifest:
    """The files of an artifact, in W&B's words."""

    def __init__(self, entries: Mapping[str, ArtifactFile]) -> None:
        self.entries = dict(entries)
        """By path."""

    def __len__(self) -> int:
        return len(self.entries)
