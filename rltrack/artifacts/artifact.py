"""`Artifact`: a version of files, before it is logged and after."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rltrack.artifacts import place
from rltrack.artifacts.blobs import Blobs, digest_of
from rltrack.artifacts.collection import Collection, Version
from rltrack.artifacts.contents import Contents, Policy, in_threads
from rltrack.artifacts.facts import ArtifactTTL, Facts
from rltrack.artifacts.files import ArtifactFile, Manifest
from rltrack.artifacts.manifest import (
    Entry,
    checked_path,
    read_manifest,
    write_manifest,
)
from rltrack.artifacts.names import address, checked_aliases
from rltrack.artifacts.progress import progress
from rltrack.artifacts.references import MAX_OBJECTS, entries_of, fetch
from rltrack.errors import (
    ArtifactError,
    ArtifactFinalizedError,
    NotFoundError,
    UsageError,
)
from rltrack.settings import resolve

if TYPE_CHECKING:
    from rltrack.artifacts.made import Made
    from rltrack.media.base import Media
    from rltrack.media.table import Table


__all__ = ["Artifact", "ArtifactFile", "ArtifactTTL"]


class Artifact(Facts):
    """A version of some files: data that a run used, or a model that it made.

    Files are added, then `Run.log_artifact` makes it the next version of its name; from then on
    its files never change. Contents are kept once, whatever refers to them, and a version with the
    files of the one before is no new version.

    Args:
        name: letters, digits, ``_``, ``.`` and ``-``, at most 128.
        type: what kind of thing it is, for example ``model`` or ``dataset``; versions of one name
            have one type.
        description: text about it.
        metadata: facts about it; what JSON can hold.
        incremental: its files are added to those of the latest version.
        use_as: accepted for W&B's scripts.
        storage_region: accepted for W&B's scripts.

    Raises:
        UsageError: the name or the type may not be one.
    """

    @property
    def manifest(self) -> Manifest:
        """Its files by path."""
        return Manifest({file.path: file for file in self.files()})

    def wait(self, timeout: float | None = None) -> Artifact:
        """Itself; nothing is left to wait for once it is logged."""
        return self

    def _source(self) -> Artifact:
        """The version that it stands for, which is mostly itself."""
        collection, version = self._logged("source")
        if version.source is None:
            return self
        return find(collection.root, version.source)

    @property
    def source_artifact(self) -> Artifact:
        """The version that it stands for, if it is a link; else itself."""
        return self._source()

    # -- adding files ----------------------------------------------------------------------

    def _open_for_changes(self) -> Contents:
        if self._version is not None:
            raise ArtifactFinalizedError(
                f"the files of {self.name} do not change any more; new_draft() begins the next "
                "version with them"
            )
        return self.contents

    def add_file(
        self,
        local_path: str | os.PathLike[str],
        name: str | None = None,
        is_tmp: bool | None = False,
        skip_cache: bool | None = False,
        policy: Policy | None = "mutable",
        overwrite: bool = False,
    ) -> ArtifactFile:
        """Add a file, as it is now.

        Args:
            local_path: it.
            name: its path in the artifact; by default its own name.
            is_tmp: accepted for W&B's scripts.
            skip_cache: accepted for W&B's scripts; there is no cache.
            policy: ``mutable``: it may change afterwards, so it is cloned or copied.
                ``immutable``: it never does, so it is hard-linked where that is possible.
            overwrite: it takes the place of another of this name.

        Raises:
            UsageError: it is no file, or the artifact has another of this name.
            ArtifactFinalizedError: the artifact was logged.
        """
        entry = self._open_for_changes().add_file(
            Path(local_path), name, policy, overwrite=overwrite
        )
        return ArtifactFile(self, entry)

    def add_dir(
        self,
        local_path: str | os.PathLike[str],
        name: str | None = None,
        skip_cache: bool | None = False,
        policy: Policy | None = "mutable",
        merge: bool = False,
    ) -> None:
        """Add all files below a folder, as they are now.

        Args:
            local_path: the folder; links are followed.
            name: a folder in the artifact for them; by default they are at the top.
            skip_cache: accepted for W&B's scripts.
            policy: see `add_file`.
            merge: they take the place of others of their names.

        Raises:
            UsageError: it is no folder, or the artifact has another file of one's name.
            ArtifactFinalizedError: the artifact was logged.
        """
        self._open_for_changes().add_dir(Path(local_path), name, policy, merge=merge)

    def add_reference(
        self,
        uri: str | ArtifactFile,
        name: str | None = None,
        checksum: bool = True,
        max_objects: int | None = None,
    ) -> Sequence[ArtifactFile]:
        """Add files that stay where they are: ``file://``, ``http(s)://``, ``s3://`` and others.

        Args:
            uri: where they are, or a file of another artifact, whose contents are kept already.
            name: path in the artifact; of many files, their folder there.
            checksum: keep checksums, so that other contents are told from those of now.
            max_objects: of a folder, how many at most.

        Raises:
            UsageError: the URI is none, or there are more objects than that.
            ArtifactError: there is nothing, or it does not answer.
            ArtifactFinalizedError: the artifact was logged.
        """
        contents = self._open_for_changes()
        if isinstance(uri, ArtifactFile):
            there = uri.entry
            if there.is_blob:
                contents.blobs.adopt_from(uri.artifact.contents.blobs, there.digest)
            found = [Entry(checked_path(name or there.path), there.digest, there.size, there.extra)]
        else:
            limit = MAX_OBJECTS if max_objects is None else max_objects
            found = list(entries_of(str(uri), name, checksum=checksum, max_objects=limit))
        return [ArtifactFile(self, contents.put(entry, overwrite=True)) for entry in found]

    def new_file(
        self, name: str, mode: str = "x", encoding: str | None = None
    ) -> AbstractContextManager[IO[Any]]:
        """Write a file of the artifact, in a ``with`` block.

        Args:
            name: its path in the artifact.
            mode: ``w`` for text, ``wb`` for bytes; ``x`` and ``xb`` are the same.
            encoding: of text; by default UTF-8.

        Raises:
            UsageError: the artifact has a file of this name.
            ArtifactFinalizedError: the artifact was logged.
        """
        overwrite = mode.startswith("w")
        return self._open_for_changes().new_file(name, mode, encoding, overwrite=overwrite)

    def add(self, obj: Media, name: str, overwrite: bool = False) -> ArtifactFile:
        """Add a media value, such as a table or an image, as the file that it becomes.

        Args:
            obj: it.
            name: its path in the artifact; the ending of its files is added.
            overwrite: it takes the place of another of this name.

        Raises:
            MediaError: it cannot be written.
            ArtifactFinalizedError: the artifact was logged.
        """
        from rltrack.artifacts.made import add_media

        entry = add_media(self._open_for_changes(), obj, name, overwrite=overwrite)
        return ArtifactFile(self, entry)

    def remove(self, item: str | os.PathLike[str] | ArtifactFile) -> None:
        """Take a file out again, or a folder with all below it.

        Raises:
            UsageError: there is none.
            ArtifactFinalizedError: the artifact was logged.
        """
        path = item.path if isinstance(item, ArtifactFile) else os.fspath(item)
        self._open_for_changes().remove(path)

    # -- logging ---------------------------------------------------------------------------

    def log_into(
        self,
        root: Path,
        project: str,
        *,
        aliases: Sequence[str] = (),
        tags: Sequence[str] = (),
        run: str | None = None,
        step: int | None = None,
    ) -> bool:
        """Make it the next version of its name; for `Run.log_artifact`.

        Args:
            root: the folder of all projects.
            project: the project.
            aliases: besides ``latest``.
            tags: labels.
            run: ``project/id`` of the run that logs it.
            step: of that run.

        Returns:
            Whether it is a new version, and not the newest once more.

        Raises:
            ArtifactError: another type has this name, or contents are gone.
            StorageError: the folder cannot be written.
        """
        collection = Collection(root, project, self._name)
        contents = self._open_for_changes()
        contents.move_to(Blobs(root))
        if self.incremental and (newest := collection.newest()) is not None:
            before = read_manifest(contents.blobs, newest.digest)
            contents.entries = before | contents.entries
        contents.check()
        version = Version(
            type=self._type,
            digest=write_manifest(contents.blobs, contents.entries.values()),
            size=contents.size,
            count=len(contents.entries),
            created_ns=time.time_ns(),
            description=self.description,
            metadata=self.metadata,
            aliases=list(dict.fromkeys([*self._aliases, *checked_aliases(aliases)])),
            tags=list(dict.fromkeys([*self._tags, *checked_aliases(tags, "tag")])),
            ttl_s=self.ttl.total_seconds() if self.ttl else None,
            run=run,
            step=step,
        )
        stored, is_new = collection.add(version)
        self._become(collection, stored)
        return is_new

    def save(self, project: str | None = None, settings: object = None) -> None:
        """Keep changes of aliases, tags, description, metadata and ttl; a draft is logged.

        Args:
            project: of a draft; by default that of the run that goes on, else of the settings.
            settings: accepted for W&B's scripts.

        Raises:
            StorageError: the folder cannot be written.
        """
        if self._collection is None or self._version is None:
            log_draft(self, project)
            return
        was = self._version
        changed: dict[str, Any] = {}
        if self.description != was.description:
            changed["description"] = self.description
        if self.metadata != dict(was.metadata):
            changed["metadata"] = self.metadata
        if list(self._tags) != list(was.tags):
            changed["tags"] = checked_aliases(self._tags, "tag")
        ttl_s = self.ttl.total_seconds() if self.ttl else None
        if ttl_s != was.ttl_s:
            changed["ttl_s"] = ttl_s
        aliases = checked_aliases(self._aliases)
        added = [alias for alias in aliases if alias not in was.aliases]
        removed = [alias for alias in was.aliases if alias not in aliases]
        if changed or added or removed:
            self._collection.change(was.number, aliases=added, removed_aliases=removed, **changed)
            self._become(self._collection, self._collection.get(self.version))

    def new_draft(self) -> Artifact:
        """The next version, with the files of this one to begin with."""
        draft = Artifact(self._name, self._type, self.description, self.metadata)
        draft._contents = Contents(self.contents.blobs, self.contents.entries.values())
        return draft

    def link(self, target_path: str, aliases: Iterable[str] | None = None) -> Artifact:
        """Let a collection, perhaps of another project, show this version.

        Args:
            target_path: ``collection`` or ``project/collection``.
            aliases: of the link, besides ``latest``.

        Returns:
            The version of that collection.
        """
        if self._version is None:
            self.save()
        source = self._source()
        collection, version = source._logged("version")
        target = address(target_path)
        there = Collection(collection.root, target.project or collection.project, target.name)
        linked = Version(
            type=version.type,
            digest=version.digest,
            size=version.size,
            count=version.count,
            created_ns=time.time_ns(),
            description=version.description,
            metadata=dict(version.metadata),
            aliases=checked_aliases(aliases),
            run=version.run,
            step=version.step,
            source=source.qualified_name,
        )
        stored, _ = there.add(linked)
        return Artifact.of_version(there, stored)

    def unlink(self) -> None:
        """Take a link away; the version that it stands for stays.

        Raises:
            UsageError: it is no link.
        """
        collection, version = self._logged("link")
        if version.source is None:
            raise UsageError(f"{self.qualified_name} is no link; delete() deletes it")
        collection.delete(version.number)

    def delete(self, delete_aliases: bool = False) -> None:
        """Delete the version. Contents that nothing else refers to go with `rltrack gc`.

        Args:
            delete_aliases: also one that has aliases besides ``latest``.

        Raises:
            ArtifactError: it has aliases.
        """
        collection, version = self._logged("version to delete")
        others = [alias for alias in version.aliases if alias != "latest"]
        if others and not delete_aliases:
            raise ArtifactError(
                f"{self.qualified_name} has the aliases {', '.join(others)}; "
                "delete(delete_aliases=True) deletes it all the same"
            )
        collection.delete(version.number)

    # -- reading ---------------------------------------------------------------------------

    def files(self, names: Sequence[str] | None = None, per_page: int = 50) -> list[ArtifactFile]:
        """Its files, by path.

        Args:
            names: only these; by default all.
            per_page: accepted for W&B's scripts.
        """
        return [
            ArtifactFile(self, entry)
            for path, entry in sorted(self.contents.entries.items())
            if names is None or path in names
        ]

    def get_entry(self, name: str | os.PathLike[str]) -> ArtifactFile:
        """One file.

        Raises:
            NotFoundError: there is none of that path.
        """
        entry = self.contents.entries.get(checked_path(os.fspath(name)))
        if entry is None:
            raise NotFoundError(f"artifact {self.name} has no file {os.fspath(name)!r}")
        return ArtifactFile(self, entry)

    get_path = get_entry

    def get(self, name: str) -> Table | Made | None:
        """A media value that `add` put in, to read; None if there is none of that name.

        A table is a `Table` again; of any other kind it is the file, with its facts.
        """
        from rltrack.artifacts.made import get_media

        return get_media(self.contents, name)

    def download_folder(self, root: str | os.PathLike[str] | None) -> Path:
        """Where `download` writes by default: ``./artifacts/<name>:v3``."""
        if root is not None:
            return Path(root)
        name = self.name.replace(":", "-") if os.name == "nt" else self.name
        return Path(resolve().artifact_dir or "artifacts") / name

    def write_file(self, entry: Entry, folder: Path, done: Any = None) -> Path:
        """Write one file below a folder, unless it is there; for rltrack's own use."""
        target = folder / entry.path
        if entry.ref is not None:
            fetch(entry, target)
        elif not _is_there(target, entry):
            self.contents.blobs.copy_out(entry.digest, target)
        if done is not None:
            done(entry.size)
        return target

    def download(
        self,
        root: str | os.PathLike[str] | None = None,
        allow_missing_references: bool = False,
        skip_cache: bool | None = None,
        path_prefix: str | os.PathLike[str] | None = None,
        multipart: bool | None = None,
    ) -> str:
        """Write its files into a folder; those that are there as they should be are left alone.

        Args:
            root: the folder; by default ``<name>:v3`` in that of the setting ``artifact_dir``.
            allow_missing_references: leave out references that cannot be fetched.
            skip_cache: accepted for W&B's scripts; there is no cache.
            path_prefix: only files whose path begins so.
            multipart: accepted for W&B's scripts.

        Returns:
            The folder.

        Raises:
            ArtifactError: contents are damaged or gone, or a reference cannot be fetched.
            OSError: the folder cannot be written.
        """
        folder = self.download_folder(root)
        folder.mkdir(parents=True, exist_ok=True)
        prefix = "" if path_prefix is None else os.fspath(path_prefix).replace("\\", "/")
        wanted = [
            (entry,) for path, entry in self.contents.entries.items() if path.startswith(prefix)
        ]
        total = sum(entry.size for (entry,) in wanted)

        def write(entry: Entry) -> None:
            try:
                self.write_file(entry, folder, shown.add)
            except ArtifactError:
                if entry.ref is None or not allow_missing_references:
                    raise

        with progress(f"downloading {self.name} ({len(wanted)} files)", total) as shown:
            for _ in in_threads(write, wanted):
                pass
        return str(folder)

    def checkout(self, root: str | os.PathLike[str] | None = None) -> str:
        """Make a folder what the artifact is: `download`, and other files there are removed.

        Returns:
            The folder.
        """
        folder = self.download_folder(root)
        for path in _files_in(folder):
            if path.relative_to(folder).as_posix() not in self.contents.entries:
                path.unlink()
        return self.download(folder)

    def verify(self, root: str | os.PathLike[str] | None = None) -> None:
        """See that a folder has what the artifact has, no more and no less.

        Raises:
            ArtifactError: it does not; the message names the first file that differs.
        """
        folder = self.download_folder(root)
        for there in _files_in(folder):
            if there.relative_to(folder).as_posix() not in self.contents.entries:
                raise ArtifactError(f"{there} is not of artifact {self.name}")
        for path, entry in self.contents.entries.items():
            file = folder / path
            if not file.is_file():
                raise ArtifactError(f"{file} of artifact {self.name} is missing")
            if entry.is_blob and not _is_there(file, entry):
                raise ArtifactError(f"{file} is not what it was: its digest differs")

    def file(self, root: str | os.PathLike[str] | None = None) -> str:
        """Write its only file.

        Returns:
            Where it is.

        Raises:
            UsageError: it has none, or several.
        """
        entries = list(self.contents.entries.values())
        if len(entries) != 1:
            raise UsageError(f"artifact {self.name} has {len(entries)} files; download() gets all")
        return str(self.write_file(entries[0], self.download_folder(root)))

    # -- lineage ---------------------------------------------------------------------------

    def logged_by(self) -> Any:
        """The run that logged it, as `Api` has it; None if none did, or it is gone."""
        collection, version = self._logged("run")
        return _run_of(collection.root, version.run)

    def used_by(self) -> list[Any]:
        """The runs that used it, as `Api` has them."""
        collection, version = self._logged("runs")
        found = (_run_of(collection.root, use.run) for use in collection.uses(version.number))
        return [run for run in found if run is not None]

    def __repr__(self) -> str:
        return f"<Artifact {self.name} of type {self._type}, {self.file_count} files>"


def find(root: Path, text: str, *, project: str | None = None, type: str | None = None) -> Artifact:
    """A version that was logged.

    Args:
        root: the folder of all projects.
        text: ``name:alias`` or ``project/name:alias``; without alias the latest.
        project: where `text` has none.
        type: which it must be of.

    Raises:
        NotFoundError: there is none.
        ArtifactError: it is of another type.
        UsageError: `text` is no name.
    """
    wanted = address(text)
    where = wanted.project or project
    if where is None:
        raise UsageError(f"{text!r}: say which project, as in my-project/{text}")
    # In a server's folder a project's name has its entity in front.
    whole = text.partition(":")[0].rpartition("/")[0]
    if "/" in whole and Collection(root, whole, wanted.name).exists:
        where = whole
    collection = Collection(root, where, wanted.name)
    version = collection.get(wanted.alias)
    if type is not None and type != version.type:
        raise ArtifactError(f"artifact {text} is of type {version.type!r}, and not {type!r}")
    return Artifact.of_version(collection, version)


def find_linked(root: Path, text: str, digest: str) -> Artifact:
    """A version that a run tells of: on a server it may have got another number.

    Args:
        root: the folder of all projects.
        text: ``project/name:v0``, as the run says.
        digest: of its list of files, as the run says.

    Raises:
        NotFoundError: it is not there.
    """
    wanted = address(text)
    project = text.partition(":")[0].rpartition("/")[0]
    collection = Collection(root, project, wanted.name)
    versions = [one for one in collection.versions() if one.digest == digest]
    for version in versions:
        if version.number == wanted.number:
            return Artifact.of_version(collection, version)
    if not versions:
        raise NotFoundError(f"{text} is not there any more")
    return Artifact.of_version(collection, versions[-1])


def used(artifact: Artifact, run: str, use_as: str | None) -> None:
    """Remember that a run used a version.

    Raises:
        StorageError: the folder cannot be written.
    """
    collection, version = artifact._logged("version")
    collection.used(version.number, run, use_as)


def log_draft(artifact: Artifact, project: str | None) -> None:
    """Log an artifact that no run logs."""
    from rltrack._names import checked_project, default_project

    chosen = project or resolve().project or default_project(Path.cwd())
    artifact.log_into(place.root(), checked_project(chosen))


def _run_of(root: Path, path: str | None) -> Any:
    """A run, read; the layer of `Api` is above this one, and loads only for this question."""
    if path is None:
        return None
    api = importlib.import_module("rltrack.api")
    try:
        return api.Api(root).run(path)
    except NotFoundError:
        return None


def _is_there(path: Path, entry: Entry) -> bool:
    try:
        return path.stat().st_size == entry.size and digest_of(path) == entry.digest
    except OSError:
        return False


def _files_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
