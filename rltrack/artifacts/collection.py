"""The versions of one artifact on disk: how they come, change and go without a lock.

claim     a version's file is written under a hidden name and hard-linked to the next free
number, which fails if somebody was faster: then the next one is tried
change    a file of its own for each; of two changes of one thing the later counts
delete    ``v3.json`` becomes ``v3.deleted``, so that no other version ever gets its number;
          `restore` names it back
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rltrack._names import folder_name, name_of_folder
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.manifest import read_manifest
from rltrack.artifacts.names import LATEST, version_number
from rltrack.artifacts.origin import ORIGINS
from rltrack.errors import ArtifactError, NotFoundError, StorageError

FORMAT: Final = 1
ARTIFACTS: Final = "artifacts"
BLOBS: Final = "blobs"
_DELETED: Final = ".deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The content of a version's file, with what was changed since."""

    number: int = -1
    type: str
    digest: str
    """Of its list of files; by it that list is found among the blobs."""
    size: int
    """Of all files, in bytes."""
    count: int
    """Of files."""
    created_ns: int
    updated_ns: int = 0
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    tags: Sequence[str] = ()
    ttl_s: float | None = None
    """How long it is kept after `created_ns`; None: for ever."""
    run: str | None = None
    """``project/id`` of the run that logged it."""
    step: int | None = None
    """Of that run's history."""
    source: str | None = None
    """Of a link: ``project/name:v3``, which is what it shows."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Use:
    """A run that used a version."""

    number: int
    run: str
    """``project/id``."""
    time_ns: int
    use_as: str | None = None


#: What a change may set; the rest of a version never changes.
_CHANGEABLE: Final = frozenset({"description", "metadata", "tags", "ttl_s"})
_FIELDS: Final = frozenset(field.name for field in dataclasses.fields(Version))


class Collection:
    """The versions of one name in one project. Nothing is kept in memory.

    Args:
        root: the folder of all projects.
        project: its project.
        name: its name.
        clock: nanoseconds since the epoch.
    """

    def __init__(
        self, root: Path, project: str, name: str, *, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.root = root
        self.project = project
        self.name = name
        self.folder = _project_folder(root, project) / folder_name(name)
        self._clock = clock

    # -- reading ---------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether there is a version."""
        return bool(self.numbers())

    def numbers(self) -> list[int]:
        """The versions that are there, ascending."""
        return sorted(self._files()[0])

    def _files(self) -> tuple[set[int], set[int]]:
        """The numbers that are there, and all that were ever given."""
        there, ever = set(), set()
        for name in _names(self.folder):
            stem, ending = os.path.splitext(name)
            number = version_number(stem)
            if number is not None and ending in (".json", _DELETED):
                ever.add(number)
                if ending == ".json":
                    there.add(number)
        return there, ever

    def versions(self) -> list[Version]:
        """All versions, the oldest first."""
        plain = [self._read(number) for number in self.numbers()]
        return self._with_changes([version for version in plain if version is not None])

    def get(self, alias: str) -> Version:
        """A version by number or alias.

        Raises:
            NotFoundError: there is none.
            ArtifactError: it cannot be read.
        """
        number = version_number(alias)
        if number is None and alias == LATEST:
            there = self.numbers()
            number = there[-1] if there else None
        found = self.versions()
        for version in found:
            if version.number == number if number is not None else alias in version.aliases:
                return version
        raise NotFoundError(self._not_there(alias, found))

    def _not_there(self, alias: str, found: list[Version]) -> str:
        if not found:
            others = sorted(name for name in names(self.root, self.project))
            known = f"; there are {', '.join(others[:10])}" if others else ""
            return f"no artifact {self.name!r} in project {self.project!r} of {self.root}{known}"
        aliases = sorted({alias for version in found for alias in version.aliases})
        return (
            f"artifact {self.project}/{self.name} has no version {alias!r}; it has "
            f"v{found[0].number} to v{found[-1].number}, and the aliases {', '.join(aliases)}"
        )

    def newest(self) -> Version | None:
        """The version with the greatest number, without later changes; None if there is none."""
        there = self.numbers()
        return self._read(there[-1]) if there else None

    def _read(self, number: int) -> Version | None:
        """One version as it was logged; None if it was deleted a moment ago."""
        path = self.folder / f"v{number}.json"
        try:
            text = path.read_text(encoding="utf-8")
            if not text:  # claimed by a process that was killed then: see `_claim`
                return None
            values = json.loads(text)
            if values.get("format", FORMAT) > FORMAT:
                raise ArtifactError(
                    f"{path} is of a newer rltrack: upgrade with `pip install -U rltrack`"
                )
            known = {name: value for name, value in values.items() if name in _FIELDS}
            return Version(**{**known, "number": number})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, AttributeError) as cause:
            raise ArtifactError(f"{path} cannot be read: {cause}") from cause

    def _with_changes(self, plain: list[Version]) -> list[Version]:
        found = {version.number: version for version in plain}
        # (when, which) in order, so that an alias is where it was put last.
        said: list[tuple[int, int, Mapping[str, Any]]] = [
            (version.created_ns, version.number, {"aliases": list(version.aliases)})
            for version in plain
        ]
        said += [(change["time_ns"], change["number"], change) for change in self._changes()]
        holder: dict[str, int] = {}
        for time_ns, number, change in sorted(said, key=lambda item: item[:2]):
            if number not in found:
                continue
            holder |= dict.fromkeys(change.get("aliases", ()), number)
            for alias in change.get("removed_aliases", ()):
                if holder.get(alias) == number:
                    del holder[alias]
            if chosen := {key: change[key] for key in _CHANGEABLE & change.keys()}:
                found[number] = dataclasses.replace(found[number], **chosen, updated_ns=time_ns)
        if found:
            holder[LATEST] = max(found)
        aliases: dict[int, list[str]] = {}
        for alias, number in holder.items():
            aliases.setdefault(number, []).append(alias)
        return [
            dataclasses.replace(version, aliases=sorted(aliases.get(number, [])))
            for number, version in sorted(found.items())
        ]

    def _changes(self) -> Iterator[dict[str, Any]]:
        for path in _json_files(self.folder / "changes"):
            with contextlib.suppress(ValueError, OSError, TypeError, KeyError):
                change = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(change["time_ns"], int) and isinstance(change["number"], int):
                    yield change

    def uses(self, number: int | None = None) -> list[Use]:
        """The runs that used a version, or any, in the order of time."""
        found = []
        for path in _json_files(self.folder / "uses"):
            with contextlib.suppress(ValueError, OSError, TypeError):
                use = Use(**json.loads(path.read_text(encoding="utf-8")))
                if number in (None, use.number):
                    found.append(use)
        return sorted(found, key=lambda use: use.time_ns)

    # -- writing ---------------------------------------------------------------------------

    def add(self, version: Version) -> tuple[Version, bool]:
        """Add a version, unless the newest has the same files.

        Returns:
            The version, and whether it is new. One that is not has the aliases and the like of
            `version`, too.

        Raises:
            ArtifactError: the collection is of another type.
            StorageError: the folder cannot be written.
        """
        if self.root in ORIGINS:
            raise ArtifactError(
                f"{self.project}/{self.name} is on a server, where runs log versions: "
                "rltrack.init(mode='online') has `log_artifact`"
            )
        with _storing(self.folder):
            while True:
                newest = self.newest()
                if newest is not None:
                    self._check_type(newest, version)
                    if newest.digest == version.digest:
                        return self._said_again(newest, version), False
                number = max(self._files()[1], default=-1) + 1
                if self._claim(number, version):
                    return self.get(f"v{number}"), True

    def _check_type(self, newest: Version, version: Version) -> None:
        if newest.type != version.type:
            raise ArtifactError(
                f"artifact {self.project}/{self.name} is of type {newest.type!r}, and cannot get a "
                f"version of type {version.type!r}; choose another name"
            )

    def _said_again(self, newest: Version, version: Version) -> Version:
        known = self.get(f"v{newest.number}")
        changes: dict[str, Any] = {
            name: value
            for name in ("description", "metadata", "ttl_s")
            if (value := getattr(version, name)) and value != getattr(known, name)
        }
        if new := [tag for tag in version.tags if tag not in known.tags]:
            changes["tags"] = [*known.tags, *new]
        if new := [alias for alias in version.aliases if alias not in known.aliases]:
            changes["aliases"] = new
        if changes:
            self.change(newest.number, **changes)
        return self.get(f"v{newest.number}")

    def _claim(self, number: int, version: Version) -> bool:
        """Whether the version has that number now; if not, somebody else has."""
        values = dataclasses.asdict(version)
        del values["number"]
        part = self._part(json.dumps(values, indent=1))
        target = self.folder / f"v{number}.json"
        try:
            os.link(part, target)
        except FileExistsError:
            return False
        except OSError:  # a file system without links: the hole is a crash in between
            try:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                return False
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return True

    def change(
        self,
        number: int,
        *,
        aliases: Sequence[str] = (),
        removed_aliases: Sequence[str] = (),
        **changed: Any,
    ) -> None:
        """Change what is said of a version; its files never change.

        Args:
            number: of the version.
            aliases: which it gets; who had them loses them.
            removed_aliases: which it loses.
            changed: ``description``, ``metadata``, ``tags`` or ``ttl_s``.

        Raises:
            StorageError: the folder cannot be written.
        """
        assert changed.keys() <= _CHANGEABLE
        change: dict[str, Any] = {"time_ns": self._clock(), "number": number, **changed}
        if aliases:
            change["aliases"] = list(aliases)
        if removed_aliases:
            change["removed_aliases"] = list(removed_aliases)
        with _storing(self.folder):
            self._put(f"changes/{change['time_ns']}-{secrets.token_hex(4)}.json", change)

    def used(self, number: int, run: str, use_as: str | None = None) -> None:
        """Remember that a run used a version; once is enough.

        Raises:
            StorageError: the folder cannot be written.
        """
        use = Use(number, run, self._clock(), use_as)
        with _storing(self.folder):
            self._put(f"uses/{folder_name(f'v{number}~{run}')}.json", dataclasses.asdict(use))

    def delete(self, number: int) -> None:
        """Delete a version. Its blobs go when nothing else refers to them: `rltrack gc`.

        Raises:
            NotFoundError: there is no such version.
            StorageError: the folder cannot be written.
        """
        if (origin := ORIGINS.get(self.root)) is not None:
            origin.delete_version(self.project, self.name, number)
        with _storing(self.folder):
            try:
                os.rename(self.folder / f"v{number}.json", self.folder / f"v{number}{_DELETED}")
            except FileNotFoundError:
                raise NotFoundError(
                    f"{self.project}/{self.name} has no version v{number}"
                ) from None

    def restore(self, number: int) -> None:
        """Put a deleted version back, with the aliases that nobody has got since.

        Raises:
            NotFoundError: there is no such version to be put back.
            ArtifactError: `rltrack gc` has taken its contents.
            StorageError: the folder cannot be written.
        """
        gone = self.folder / f"v{number}{_DELETED}"
        with _storing(self.folder):
            try:
                digest = json.loads(gone.read_text(encoding="utf-8"))["digest"]
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                raise NotFoundError(
                    f"{self.project}/{self.name} has no deleted version v{number}"
                ) from None
            blobs = Blobs(self.root)
            if missing := [one for one in _digests(blobs, digest) if not blobs.has(one)]:
                raise ArtifactError(
                    f"{self.project}/{self.name}:v{number} cannot be put back: {len(missing)} of "
                    "its files are gone with `rltrack gc`"
                )
            os.rename(gone, self.folder / f"v{number}.json")

    def _put(self, name: str, values: Mapping[str, Any]) -> None:
        if (origin := ORIGINS.get(self.root)) is not None:
            path = f"{folder_name(self.name)}/{name}"
            origin.put_version_file(self.project, path, json.dumps(values, indent=1))
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._part(json.dumps(values)), target)

    def _part(self, text: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{secrets.token_hex(8)}.part"
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # a version whose file is empty after a power loss is none
        return part


def _digests(blobs: Blobs, manifest: str) -> list[str]:
    """All blobs that a version needs, the list of its files first."""
    if not blobs.has(manifest):
        return [manifest]
    entries = read_manifest(blobs, manifest).values()
    return [manifest, *(entry.digest for entry in entries if entry.is_blob)]


def _project_folder(root: Path, project: str) -> Path:
    name = folder_name(project)
    # A project of the name of the blobs' folder has another one, which reads the same.
    return root / ARTIFACTS / (f"%{ord(name[0]):02X}{name[1:]}" if name == BLOBS else name)


def projects_with_artifacts(root: Path) -> list[str]:
    """The projects of a root that have an artifact."""
    return [name_of_folder(name) for name in _names(root / ARTIFACTS) if name != BLOBS]


def names(root: Path, project: str) -> list[str]:
    """The artifacts of a project that have a version, by name."""
    return [one.name for one in collections(root, project)]


def collections(root: Path, project: str, *, begun: bool = False) -> list[Collection]:
    """The artifacts of a project that have a version, by name.

    Args:
        root: the folder of all projects.
        project: it.
        begun: also those of which there are only drafts, or versions that were deleted.
    """
    names = sorted(name_of_folder(name) for name in _names(_project_folder(root, project)))
    found = [Collection(root, project, name) for name in names]
    return [one for one in found if begun or one.exists]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _json_files(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder) if name.endswith(".json")]


@contextlib.contextmanager
def _storing(folder: Path) -> Iterator[None]:
    try:
        yield
    except (ArtifactError, NotFoundError, StorageError):
        raise
    except OSError as refusal:
        raise StorageError(f"{folder} cannot be written: {refusal}") from refusal
