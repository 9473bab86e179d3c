"""The part of `Api` that reads artifacts: versions, collections and types of a project."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rltrack._names import default_project
from rltrack.artifacts.artifact import Artifact, find
from rltrack.artifacts.collection import Collection, collections
from rltrack.artifacts.names import checked_name
from rltrack.errors import NotFoundError
from rltrack.settings import resolve

if TYPE_CHECKING:
    from rltrack.api.copies import Server


class ArtifactCollection:
    """All versions of one name."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    @property
    def name(self) -> str:
        """Its name."""
        return self._collection.name

    @property
    def project(self) -> str:
        """Its project."""
        return self._collection.project

    @property
    def type(self) -> str:
        """Of all its versions."""
        newest = self._collection.newest()
        return "" if newest is None else newest.type

    @property
    def aliases(self) -> list[str]:
        """Of all its versions."""
        return sorted({alias for one in self._collection.versions() for alias in one.aliases})

    def artifacts(self, per_page: int = 50) -> list[Artifact]:
        """Its versions, the newest first.

        Args:
            per_page: accepted for W&B's scripts.
        """
        found = self._collection.versions()
        return [Artifact.of_version(self._collection, version) for version in reversed(found)]

    versions = artifacts

    def __iter__(self) -> Iterator[Artifact]:
        return iter(self.artifacts())

    def __len__(self) -> int:
        return len(self._collection.numbers())

    def is_sequence(self) -> bool:
        """Whether its versions were logged into it, and not linked."""
        newest = self._collection.newest()
        return newest is None or newest.source is None

    def delete(self) -> None:
        """Delete all its versions. Contents that nothing else refers to go with `rltrack gc`."""
        shutil.rmtree(self._collection.folder)

    def __repr__(self) -> str:
        return f"<rltrack.ArtifactCollection {self.project}/{self.name} of type {self.type}>"


class ArtifactType:
    """All artifacts of one type in a project."""

    def __init__(self, name: str, project: str, found: list[ArtifactCollection]) -> None:
        self.name = name
        self.project = project
        self._found = found

    def collections(self, per_page: int = 50) -> list[ArtifactCollection]:
        """The artifacts, by name."""
        return list(self._found)

    def collection(self, name: str) -> ArtifactCollection:
        """One of `collections`.

        Raises:
            NotFoundError: there is none of that name.
        """
        for one in self._found:
            if one.name == name:
                return one
        raise NotFoundError(f"no artifact {name!r} of type {self.name!r} in {self.project!r}")

    def __repr__(self) -> str:
        return f"<rltrack.ArtifactType {self.name} of {self.project}>"


class ArtifactQueries:
    """What `Api` asks of artifacts. Names are ``name``, or ``project/name`` of any project."""

    root: Path
    _server: Server | None

    def _place(self, project: str | None) -> str:
        """The project that is meant; of a server, what says which versions it has is here then."""
        name = project or _project()
        if self._server is None:
            return name.rpartition("/")[2]
        whole = self._server.whole_name(name)
        self._server.copy_versions(whole)
        return whole

    def artifact(self, name: str, type: str | None = None) -> Artifact:
        """A version.

        Args:
            name: ``name:alias`` or ``project/name:alias``; without alias the latest. Without a
                project it is that of the settings.
            type: which it must be of.

        Raises:
            NotFoundError: there is none.
            ArtifactError: it is of another type.
            UsageError: it is no name.
        """
        above, _, last = name.rpartition("/")
        if self._server is not None or not above:
            return find(self.root, last, project=self._place(above or None), type=type)
        return find(self.root, name, type=type)

    def artifact_exists(self, name: str, type: str | None = None) -> bool:
        """Whether `artifact` would find one."""
        try:
            return type in (None, self.artifact(name).type)
        except NotFoundError:
            return False

    def artifacts(self, type_name: str, name: str, per_page: int = 50) -> list[Artifact]:
        """The versions of one name, the newest first.

        Raises:
            NotFoundError: there is none of that name and type.
        """
        return self.artifact_collection(type_name, name).artifacts()

    artifact_versions = artifacts

    def artifact_collection(self, type_name: str, name: str) -> ArtifactCollection:
        """All versions of one name.

        Raises:
            NotFoundError: there is none of that name and type.
        """
        above, _, last = name.rpartition("/")
        project = self._place(above or None)
        found = ArtifactCollection(Collection(self.root, project, checked_name(last)))
        if not len(found) or type_name not in (None, found.type):
            there = ", ".join(one.name for one in self._collections(project, type_name)[:10])
            raise NotFoundError(
                f"no artifact {last!r} of type {type_name!r} in project {project!r}; "
                + (f"there are {there}" if there else "there is none of that type")
            )
        return found

    def artifact_collection_exists(self, name: str, type: str) -> bool:
        """Whether `artifact_collection` would find one."""
        try:
            self.artifact_collection(type, name)
        except NotFoundError:
            return False
        return True

    def artifact_collections(
        self, project_name: str, type_name: str, per_page: int = 50
    ) -> list[ArtifactCollection]:
        """The artifacts of a project and type, by name."""
        return self._collections(self._place(project_name), type_name)

    def artifact_types(self, project: str | None = None) -> list[ArtifactType]:
        """The types of artifacts in a project, by name."""
        chosen = self._place(project)
        by_type: dict[str, list[ArtifactCollection]] = {}
        for one in self._collections(chosen, None):
            by_type.setdefault(one.type, []).append(one)
        return [ArtifactType(name, chosen, found) for name, found in sorted(by_type.items())]

    def artifact_type(self, type_name: str, project: str | None = None) -> ArtifactType:
        """One of `artifact_types`.

        Raises:
            NotFoundError: there is none of that name.
        """
        types = self.artifact_types(project)
        for one in types:
            if one.name == type_name:
                return one
        known = ", ".join(one.name for one in types) or "none"
        raise NotFoundError(f"no artifacts of type {type_name!r}; there are {known}")

    def _collections(self, project: str, type_name: str | None) -> list[ArtifactCollection]:
        found = [ArtifactCollection(one) for one in collections(self.root, project)]
        return [one for one in found if type_name in (None, one.type)]


def _project() -> str:
    return resolve().project or default_project(Path.cwd())
