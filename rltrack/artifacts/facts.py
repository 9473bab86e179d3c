"""What is known of an artifact: name, type, aliases and the like, before it is logged and after."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast

from rltrack._values import config_value
from rltrack.artifacts import place
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import Collection, Version
from rltrack.artifacts.contents import Contents
from rltrack.artifacts.manifest import manifest_digest, read_manifest
from rltrack.artifacts.names import checked_aliases, checked_name
from rltrack.errors import ArtifactNotLoggedError, UsageError


class ArtifactTTL(enum.Enum):
    """What `Artifact.ttl` can be besides a time."""

    INHERIT = 0
    """As long as others of its collection, which is for ever."""


class Facts:
    """The facts of one artifact. `Artifact` adds what is done with its files."""

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
        storage_region: str | None = None,
    ) -> None:
        if not isinstance(type, str) or not type.strip() or set(type) & set("/:\n"):
            raise UsageError(f"artifact type {type!r} must be text without / and :")
        self._name = checked_name(name)
        self._type = type
        self.description = description
        self.metadata = metadata
        self.incremental = bool(incremental)
        self.use_as = use_as
        self._ttl: timedelta | ArtifactTTL | None = None
        self._aliases: list[str] = []
        self._tags: list[str] = []
        self._contents: Contents | None = None
        self._collection: Collection | None = None
        self._version: Version | None = None

    @classmethod
    def of_version(cls, collection: Collection, version: Version) -> Self:
        """A version that was logged."""
        artifact = cls(collection.name, version.type)
        artifact._become(collection, version)
        return artifact

    def _become(self, collection: Collection, version: Version) -> None:
        self._collection, self._version = collection, version
        self._aliases, self._tags = list(version.aliases), list(version.tags)
        self.description = version.description
        self.metadata = version.metadata
        self._ttl = None if version.ttl_s is None else timedelta(seconds=version.ttl_s)
        if self._contents is not None and self._contents.blobs.root != collection.root:
            self._contents = None

    # -- what it is ------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name; of a logged version with the number behind it, ``model:v3``."""
        return self._name if self._version is None else f"{self._name}:{self.version}"

    @property
    def type(self) -> str:
        """What kind of thing it is."""
        return self._type

    @property
    def collection_name(self) -> str:
        """Its name without a version."""
        return self._name

    @property
    def metadata(self) -> dict[str, Any]:
        """Facts about it. Of a logged version, `save` keeps changes."""
        return self._metadata

    @metadata.setter
    def metadata(self, values: Mapping[str, Any] | None) -> None:
        if values is not None and not isinstance(values, Mapping):
            raise UsageError(f"metadata must be a dict, not {type(values).__name__}")
        self._metadata = cast(dict[str, Any], config_value(dict(values or {})))

    @property
    def aliases(self) -> list[str]:
        """Its other names. Of a logged version, `save` keeps changes."""
        return self._aliases

    @aliases.setter
    def aliases(self, aliases: Iterable[str]) -> None:
        self._aliases = checked_aliases(aliases)

    @property
    def tags(self) -> list[str]:
        """Labels. Of a logged version, `save` keeps changes."""
        return self._tags

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        self._tags = checked_aliases(tags, "tag")

    @property
    def ttl(self) -> timedelta | None:
        """How long the version is kept after it was logged; None: for ever."""
        return self._ttl if isinstance(self._ttl, timedelta) else None

    @ttl.setter
    def ttl(self, ttl: timedelta | ArtifactTTL | None) -> None:
        if ttl is not None and not isinstance(ttl, (timedelta, ArtifactTTL)):
            raise UsageError(f"ttl={ttl!r}: a datetime.timedelta, or None, was expected")
        if isinstance(ttl, timedelta) and ttl <= timedelta(0):
            raise UsageError(f"ttl={ttl!r}: it must be more than nothing")
        self._ttl = ttl

    @property
    def state(self) -> str:
        """``PENDING``, or ``COMMITTED`` once it is logged."""
        return "PENDING" if self._version is None else "COMMITTED"

    @property
    def digest(self) -> str:
        """SHA-256 of the list of files, in hexadecimal: equal files, equal digest."""
        if self._version is not None:
            return self._version.digest
        return manifest_digest(self.contents.entries.values())

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return self._version.size if self._version is not None else self.contents.size

    @property
    def file_count(self) -> int:
        """How many files it has."""
        return self._version.count if self._version is not None else len(self.contents.entries)

    @property
    def contents(self) -> Contents:
        """Its files; for rltrack's own use."""
        if self._contents is None:
            if self._collection is not None and self._version is not None:
                blobs = Blobs(self._collection.root)
                entries = read_manifest(blobs, self._version.digest).values()
                self._contents = Contents(blobs, entries)
            else:
                self._contents = Contents(Blobs(place.root()))
        return self._contents

    # -- of a logged version ---------------------------------------------------------------

    def _logged(self, what: str) -> tuple[Collection, Version]:
        if self._collection is None or self._version is None:
            raise ArtifactNotLoggedError(
                f"artifact {self._name!r} has no {what} before it is logged; "
                "run.log_artifact(artifact) does it"
            )
        return self._collection, self._version

    @property
    def version(self) -> str:
        """``v3``.

        Raises:
            ArtifactNotLoggedError: it is not logged.
        """
        return f"v{self._logged('version')[1].number}"

    @property
    def project(self) -> str:
        """Its project.

        Raises:
            ArtifactNotLoggedError: it is not logged.
        """
        return self._logged("project")[0].project

    @property
    def entity(self) -> str:
        """Whose it is; without a server nobody's, which is an empty text."""
        return ""

    @property
    def qualified_name(self) -> str:
        """``project/name:v3``.

        Raises:
            ArtifactNotLoggedError: it is not logged.
        """
        return f"{self.project}/{self.name}"

    @property
    def id(self) -> str:
        """Names the version within its root; the same as `qualified_name`."""
        return self.qualified_name

    @property
    def created_at(self) -> str:
        """When it was logged, as ISO 8601 in UTC.

        Raises:
            ArtifactNotLoggedError: it is not logged.
        """
        return _iso(self._logged("time")[1].created_ns)

    @property
    def updated_at(self) -> str:
        """When it was changed last, as ISO 8601 in UTC.

        Raises:
            ArtifactNotLoggedError: it is not logged.
        """
        version = self._logged("time")[1]
        return _iso(version.updated_ns or version.created_ns)

    @property
    def collection(self) -> Collection:
        """All versions of its name; for rltrack's own use.

        Raises:
            ArtifactNotLoggedError: it is not logged.
        """
        return self._logged("versions")[0]

    @property
    def logged_by_path(self) -> str | None:
        """``project/id`` of the run that logged it; None if none did."""
        return self._logged("run")[1].run

    @property
    def history_step(self) -> int | None:
        """The step of the run at which it was logged; None if no run logged it."""
        return self._logged("step")[1].step

    @property
    def is_link(self) -> bool:
        """Whether it stands for a version of another collection."""
        return self._version is not None and self._version.source is not None

    @property
    def source_qualified_name(self) -> str:
        """`qualified_name` of the version that it stands for."""
        collection, version = self._logged("source")
        return version.source or f"{collection.project}/{self.name}"

    @property
    def source_name(self) -> str:
        """`name` of the version that it stands for."""
        return self.source_qualified_name.partition("/")[2]

    @property
    def source_collection(self) -> str:
        """The name, without a version, of what it stands for."""
        return self.source_name.partition(":")[0]

    @property
    def source_project(self) -> str:
        """The project of what it stands for."""
        return self.source_qualified_name.partition("/")[0]

    @property
    def source_version(self) -> str:
        """``v3``, of what it stands for."""
        return self.source_name.partition(":")[2]

    def is_draft(self) -> bool:
        """Whether it is not logged yet."""
        return self._version is None

    def finalize(self) -> None:
        """Accepted for W&B's scripts; `Run.log_artifact` makes it final."""


def _iso(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
