"""The files and artifacts of a recorded run."""

from __future__ import annotations

import fnmatch
import hashlib
import mimetypes
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from rltrack.api.recorded import Recorded
from rltrack.api.told import near
from rltrack.artifacts.artifact import Artifact, find_linked, used
from rltrack.artifacts.names import checked_aliases
from rltrack.errors import NotFoundError, StorageError, UnsupportedError
from rltrack.folder import RunFolder
from rltrack.store.edit import link_artifact
from rltrack.store.media_file import copy_into


class WithFiles(Recorded):
    """A run, and what it keeps."""

    def files(self, names: Sequence[str] | None = None, pattern: str | None = None) -> list[File]:
        """The files that were saved with the run, and its media.

        Args:
            names: only these; by default all.
            pattern: only names that fit it, with ``*`` and ``?``.
        """
        folder = self._listed.folder
        folder.catch_up()
        there = {path.relative_to(folder.path).as_posix() for path in _files_below(folder)}
        places = sorted({*there, *folder.elsewhere()}, key=lambda name: name.split("/"))
        found = [File(folder, place) for place in places if "/." not in place]
        return [
            file
            for file in found
            if (names is None or file.name in names)
            and (pattern is None or fnmatch.fnmatchcase(file.name, pattern))
        ]

    def file(self, name: str) -> File:
        """One of `files`.

        Raises:
            NotFoundError: there is none of that name.
        """
        found = self.files([name])
        if not found:
            known = [file.name for file in self.files()]
            raise NotFoundError(f"run {self.path} has no file {name!r}; {near(name, known)}")
        return found[0]

    # -- artifacts -------------------------------------------------------------------------

    def logged_artifacts(self, per_page: int = 100) -> list[Artifact]:
        """The versions that the run made, in that order; those that were deleted are not there.

        Args:
            per_page: accepted for W&B's scripts.
        """
        return self._artifacts("logged")

    def used_artifacts(self, per_page: int = 100) -> list[Artifact]:
        """The versions that the run used, in that order; those that were deleted are not there.

        Args:
            per_page: accepted for W&B's scripts.
        """
        return self._artifacts("used")

    def _artifacts(self, role: str) -> list[Artifact]:
        reader = self._reader
        reader.refresh()
        # A run may make a version and use it later; each once.
        links = [(link.artifact, link.digest) for link in reader.artifacts() if link.role == role]
        found = []
        for name, digest in dict.fromkeys(links):
            try:
                name = self._project.have_artifact(name)
                found.append(find_linked(self._project.root, name, digest))
            except NotFoundError:
                continue
        return found

    def log_artifact(
        self, artifact: Artifact, aliases: Sequence[str] | None = None, tags: Any = None
    ) -> Artifact:
        """Make an artifact a version that this run made, after its end.

        Args:
            artifact: it; a draft is logged.
            aliases: besides ``latest``.
            tags: labels.
        """
        self._refuse_copy("log_artifact")
        chosen, labels = checked_aliases(aliases), checked_aliases(tags, "tag")
        if artifact.is_draft():
            artifact.log_into(
                self._project.root, self.project, aliases=chosen, tags=labels, run=self.path
            )
        link_artifact(self._listed.folder, "logged", artifact, chosen)
        return artifact

    def use_artifact(self, artifact: Artifact, use_as: str | None = None) -> Artifact:
        """Say that this run used an artifact, after its end.

        Raises:
            ArtifactNotLoggedError: it is a draft.
        """
        self._refuse_copy("use_artifact")
        used(artifact, self.path, use_as)
        link_artifact(self._listed.folder, "used", artifact, [artifact.version], use_as)
        return artifact


class File:
    """A file of a run."""

    def __init__(self, folder: RunFolder, place: str) -> None:
        self._folder = folder
        self._place = place
        self.name = place.removeprefix("files/")
        """Relative to the run's files; of media, with ``media/`` in front."""

    @property
    def path(self) -> Path:
        """Where it is on the disk; one of a server's is fetched first."""
        self._folder.fetch(self._place)
        return self._folder.path / self._place

    @property
    def size(self) -> int:
        """In bytes."""
        size = self._folder.elsewhere().get(self._place)
        return self.path.stat().st_size if size is None else size

    @property
    def mimetype(self) -> str:
        """By its name."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def updated_at(self) -> float:
        """When it was last written, in seconds since the epoch."""
        return self.path.stat().st_mtime

    @property
    def sha256(self) -> str:
        """Of its content."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def download(
        self, root: str | PathLike[str] = ".", replace: bool = False, exist_ok: bool = False
    ) -> Path:
        """Copy it, under its name, into a folder; where it is then.

        Args:
            root: the folder.
            replace: write over a file that is there.
            exist_ok: leave a file that is there as it is.

        Raises:
            UsageError: a file is there, and neither is allowed.
        """
        return copy_into(self.path, Path(root) / self.name, replace, exist_ok)

    def delete(self) -> None:
        """Remove it; a row that refers to it then has a reference to nothing.

        Raises:
            StorageError: it cannot be removed.
        """
        if self._place in self._folder.elsewhere():
            raise UnsupportedError(
                f"{self.name} is on a server, which keeps the files of its runs; delete the run"
            )
        try:
            self.path.unlink(missing_ok=True)
        except OSError as refusal:
            raise StorageError(f"{self.path} cannot be removed ({refusal.strerror})") from refusal

    def __repr__(self) -> str:
        return f"<rltrack.File {self.name} {self.size} bytes>"


def _files_below(folder: RunFolder) -> Iterator[Path]:
    for place in (folder.files, folder.media):
        yield from (path for path in place.rglob("*") if path.is_file())
