"""Artifacts, as the dashboard shows them: collections, versions, files, lineage, and deletion.

Nothing is kept in memory between two requests: a version is a small file, and another process may
add or delete one at any time.
"""

from __future__ import annotations

import dataclasses
import mimetypes
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeGuard

from starlette.responses import FileResponse, Response

from rltrack.artifacts.artifact import Artifact
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import (
    Collection,
    Version,
    collections,
    projects_with_artifacts,
)
from rltrack.artifacts.manifest import Entry, read_manifest
from rltrack.artifacts.names import LATEST, version_number
from rltrack.errors import Error
from rltrack.server.answers import Refusal
from rltrack.server.guard import MEDIA_POLICY

#: Versions and runs of a lineage graph: more is not to be looked at.
MOST_NODES: Final = 150
#: Files that one answer lists.
MOST_FILES: Final = 10_000
#: Python's table of media types lacks these on some systems, and a browser plays or shows them.
_TYPES: Final = {".webp": "image/webp", ".mp4": "video/mp4", ".wav": "audio/wav"}

FindRun = Callable[[str, str], "Mapping[str, Any] | None"]
"""What is shown of a run, by project and id; None if it is gone, or is not to be seen."""

Sees = Callable[[str], bool]
"""Whether the one who asks sees a project."""


def list_collections(root: Path, project: str) -> list[dict[str, Any]]:
    """All artifacts of a project, with what is told of their newest versions."""
    return [
        {
            "name": one.name,
            "type": found[-1].type,
            "version_count": len(found),
            "aliases": sorted({alias for version in found for alias in version.aliases}),
            "size": found[-1].size,
            "count": found[-1].count,
            "total_size": sum(version.size for version in found),
            "newest": found[-1].number,
            "description": found[-1].description,
            "updated_at": max(v.updated_ns or v.created_ns for v in found) / 1e9,
        }
        for one in collections(root, project)
        if (found := one.versions())
    ]


def list_versions(
    root: Path, project: str, name: str, find_run: FindRun, sees: Sees
) -> dict[str, Any]:
    """The versions of an artifact, the newest first.

    Raises:
        Refusal: there is no such artifact.
    """
    collection = _collection(root, project, name)
    return {
        "name": name,
        "project": project,
        "type": collection.versions()[-1].type,
        "versions": [
            _describe(collection, version, find_run, sees)
            for version in reversed(collection.versions())
        ],
    }


def _describe(
    collection: Collection, version: Version, find_run: FindRun, sees: Sees
) -> dict[str, Any]:
    return {
        "version": f"v{version.number}",
        "digest": version.digest,
        "size": version.size,
        "count": version.count,
        "created_at": version.created_ns / 1e9,
        "updated_at": (version.updated_ns or version.created_ns) / 1e9,
        "description": version.description,
        "metadata": dict(version.metadata),
        "aliases": list(version.aliases),
        "tags": list(version.tags),
        "ttl_s": version.ttl_s,
        "source": version.source,
        "step": version.step,
        "run": _told_run(version.run, find_run) if _is_seen(version.run, sees) else None,
        "uses": [
            {**told, "time": use.time_ns / 1e9, "use_as": use.use_as}
            for use in collection.uses(version.number)
            if _is_seen(use.run, sees) and (told := _told_run(use.run, find_run)) is not None
        ],
    }


def _is_seen(run: str | None, sees: Sees) -> bool:
    return run is not None and sees(run.rpartition("/")[0])


def _told_run(path: str | None, find_run: FindRun) -> dict[str, Any] | None:
    """A run by its ``project/id``; one that is gone has no name."""
    if path is None:
        return None
    project, _, run_id = path.rpartition("/")
    told = find_run(project, run_id) or {}
    return {
        "project": project,
        "id": run_id,
        "name": told.get("name"),
        "state": told.get("state"),
        "slot": told.get("slot"),
    }


def list_files(root: Path, project: str, name: str, version: str) -> dict[str, Any]:
    """The files of one version, by path.

    Raises:
        Refusal: there is no such version.
    """
    entries = _entries(root, project, name, version)
    return {
        "count": len(entries),
        "files": [
            {
                "path": entry.path,
                "digest": entry.digest,
                "size": entry.size,
                "ref": entry.ref,
                "type": entry.extra.get("type"),
            }
            for entry in list(entries.values())[:MOST_FILES]
        ],
    }


def file_answer(
    root: Path, project: str, name: str, version: str, path: str, *, as_text: bool
) -> Response:
    """The contents of one file, which run nothing in the page.

    Raises:
        Refusal: there is no such file, or it is not kept here.
    """
    entry = _entries(root, project, name, version).get(path)
    if entry is None:
        raise Refusal(404, f"{name}:{version} has no file {path!r}", "its page lists its files")
    if not entry.is_blob:
        raise Refusal(404, f"{path!r} is a reference to {entry.ref}", "artifact.download() gets it")
    file = Blobs(root).path(entry.digest)
    if not file.is_file():
        raise Refusal(404, f"the contents of {path!r} are gone", "log the file again")
    kind = _TYPES.get(Path(path).suffix.lower()) or mimetypes.guess_type(path)[0]
    headers = {
        # The same version has the same contents for ever.
        "cache-control": "private, max-age=31536000, immutable",
        "content-security-policy": MEDIA_POLICY,
    }
    told = "text/plain; charset=utf-8" if as_text else kind or "application/octet-stream"
    return FileResponse(file, headers=headers, media_type=told)


def delete_versions(root: Path, project: str, body: Any) -> dict[str, Any]:
    """Delete versions; their numbers stay taken, and their contents go with ``rltrack gc``.

    Args:
        root: the folder of all projects.
        project: of the artifact.
        body: ``name``, and ``versions`` as ``["v3"]``.

    Returns:
        ``done`` and ``failed``.

    Raises:
        Refusal: the body is not what it may be.
    """
    return _of_each(root, project, body, Collection.delete)


def restore_versions(root: Path, project: str, body: Any) -> dict[str, Any]:
    """Put versions back that were deleted, as long as their contents are there; see above."""
    return _of_each(root, project, body, Collection.restore)


def change_version(root: Path, project: str, body: Any) -> dict[str, Any]:
    """Change what is said of a version.

    Args:
        root: the folder of all projects.
        project: of the artifact.
        body: ``name``, ``version``, and any of ``description``, ``tags`` and ``aliases``, each as
            it is to be.

    Returns:
        ``undo``: the bodies that put everything back, of this version and of those that had its
        new aliases before.

    Raises:
        Refusal: the body is not what it may be, or there is no such version.
        UsageError: an alias or tag may not be one.
    """
    asked = body if isinstance(body, dict) else {}
    facts = {key: asked[key] for key in ("description", "tags", "aliases") if key in asked}
    fits = all(
        value is None or isinstance(value, str) if key == "description" else _are_texts(value)
        for key, value in facts.items()
    )
    if not facts or not fits or not isinstance(asked.get("version"), str):
        raise Refusal(
            400,
            "a version and what is to be said of it were expected",
            'send {"name": …, "version": "v3", "aliases": […]}; tags and description work as well',
        )
    collection = _collection(root, project, asked.get("name"))
    version = _version(collection, asked["version"])
    artifact = Artifact.of_version(collection, version)
    before: dict[str, Any] = {}
    for key, value in facts.items():
        before[key] = getattr(artifact, key)
        if key == "aliases":  # `latest` is not given, but had
            before[key] = [one for one in artifact.aliases if one != LATEST]
            value = [*value, LATEST] if LATEST in artifact.aliases else value
        setattr(artifact, key, value)
    name, wanted = asked["name"], set(facts.get("aliases", ()))
    undo = [{"name": name, "version": f"v{version.number}", **before}]
    for other in collection.versions():
        if other.number != version.number and wanted.intersection(other.aliases):
            had = [alias for alias in other.aliases if alias != LATEST]
            undo.append({"name": name, "version": f"v{other.number}", "aliases": had})
    artifact.save()
    return {"undo": undo}


def _of_each(
    root: Path, project: str, body: Any, change: Callable[[Collection, int], None]
) -> dict[str, Any]:
    asked = body if isinstance(body, dict) else {}
    names, name = asked.get("versions"), asked.get("name")
    if not _are_texts(names) or not isinstance(name, str):
        raise Refusal(
            400, "a name and versions were expected", 'send {"name": …, "versions": ["v3"]}'
        )
    # Of an artifact whose last version was deleted there is nothing to be found.
    collection = Collection(root, project, name)
    done: list[str] = []
    failed: list[dict[str, str]] = []
    for one in names:
        number = version_number(one)
        try:
            if number is None:
                raise Refusal(400, f"{one!r} is no version", "send v3, or the like")
            change(collection, number)
            done.append(one)
        except (Error, Refusal) as mistake:
            failed.append({"version": one, "error": str(mistake)})
    return {"done": done, "failed": failed}


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _collection(root: Path, project: str, name: Any) -> Collection:
    collection = Collection(root, project, str(name))
    if not isinstance(name, str) or not name or not collection.exists:
        raise Refusal(
            404,
            f"no artifact {name!r} in project {project!r}",
            "it may have been deleted; the page of all artifacts lists those that are there",
        )
    return collection


def _version(collection: Collection, version: str) -> Version:
    try:
        return collection.get(version)
    except Error as missing:
        raise Refusal(404, str(missing), "the artifact's page lists its versions") from None


def _entries(root: Path, project: str, name: str, version: str) -> dict[str, Entry]:
    found = _version(_collection(root, project, name), version)
    try:
        return read_manifest(Blobs(root), found.digest)
    except Error as gone:
        raise Refusal(404, str(gone), shlex.join(["rltrack", "artifact", "--help"])) from None


# -- who made what of what -----------------------------------------------------------------------


@dataclass
class _Links:
    """Of all artifacts of a root: which run logged and used which version."""

    versions: dict[tuple[str, str, int], Version] = field(default_factory=dict)
    logged: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    used: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    users: dict[tuple[str, str, int], list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path, sees: Sees) -> _Links:
        links = cls()
        for project in filter(sees, projects_with_artifacts(root)):
            for collection in collections(root, project):
                links._add(collection, sees)
        return links

    def _add(self, collection: Collection, sees: Sees) -> None:
        for version in collection.versions():
            key = (collection.project, collection.name, version.number)
            if not _is_seen(version.run, sees):
                version = dataclasses.replace(version, run=None)
            self.versions[key] = version
            if version.run is not None and version.source is None:
                self.logged.setdefault(version.run, []).append(key)
        for use in collection.uses():
            if not _is_seen(use.run, sees):
                continue
            key = (collection.project, collection.name, use.number)
            self.used.setdefault(use.run, []).append(key)
            self.users.setdefault(key, []).append(use.run)


def artifacts_of_run(root: Path, project: str, run_id: str, sees: Sees) -> dict[str, Any]:
    """The versions that a run logged, and those that it used, of any project."""
    links, path = _Links.of(root, sees), f"{project}/{run_id}"

    def told(keys: Iterable[tuple[str, str, int]]) -> list[dict[str, Any]]:
        return [_told_version(links, key) for key in keys if key in links.versions]

    return {"logged": told(links.logged.get(path, ())), "used": told(links.used.get(path, ()))}


def _told_version(links: _Links, key: tuple[str, str, int]) -> dict[str, Any]:
    project, name, number = key
    version = links.versions[key]
    return {
        "project": project,
        "name": name,
        "version": f"v{number}",
        "type": version.type,
        "aliases": list(version.aliases),
        "size": version.size,
        "count": version.count,
        "created_at": version.created_ns / 1e9,
        "digest": version.digest,
    }


def lineage(
    root: Path, project: str, name: str, version: str, find_run: FindRun, sees: Sees
) -> dict[str, Any]:
    """What led to a version, and what was made of it.

    Returns:
        ``nodes``: versions and runs, each with an ``id``; ``edges``: pairs of ids, in the direction
        of the data; ``left_out``: whether there are more than `MOST_NODES`.

    Raises:
        Refusal: there is no such version.
    """
    collection = _collection(root, project, name)
    links = _Links.of(root, sees)
    start = (project, name, _version(collection, version).number)
    edges: dict[tuple[Any, Any], None] = {}
    seen: dict[Any, None] = {start: None}
    # Upwards only from what was used, downwards only from what was made: the neighbours of a
    # dataset that everything uses are not the story of one model.
    for forward in (False, True):
        waiting: list[Any] = [start]
        while waiting and len(seen) < MOST_NODES:
            here = waiting.pop(0)
            for there in _beside(links, here, forward=forward):
                edges[(here, there) if forward else (there, here)] = None
                if there not in seen:
                    seen[there] = None
                    waiting.append(there)
    kept = set(list(seen)[:MOST_NODES])
    return {
        "nodes": [_node(links, key, find_run) for key in seen if key in kept],
        "edges": [[_id(a), _id(b)] for a, b in edges if a in kept and b in kept],
        "left_out": len(seen) >= MOST_NODES,
    }


def _beside(links: _Links, here: Any, *, forward: bool) -> list[Any]:
    """What comes directly after a run or a version, or before it."""
    if isinstance(here, str):
        found = links.logged if forward else links.used
        return [key for key in found.get(here, ()) if key in links.versions]
    if forward:
        return list(links.users.get(here, ()))
    version = links.versions.get(here)
    return [version.run] if version is not None and version.run is not None else []


def _id(key: Any) -> str:
    return f"run {key}" if isinstance(key, str) else f"version {key[0]}/{key[1]}:v{key[2]}"


def _node(links: _Links, key: Any, find_run: FindRun) -> dict[str, Any]:
    if isinstance(key, str):
        return {"id": _id(key), "kind": "run", "run": _told_run(key, find_run)}
    return {"id": _id(key), "kind": "version", "version": _told_version(links, key)}
