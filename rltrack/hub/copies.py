"""What another machine asks for in order to read runs as if it had their folders: `api/copies.py`.

    GET /api/projects/{project}/digests?since=V             what a list of runs shows of each that
                                                            changed after a version
    GET /api/projects/{project}/runs/{run}/parts            run.json, and the sizes of segments and files
    GET /api/projects/{project}/runs/{run}/journal/{segment}    its bytes; `Range` says which
    GET /api/projects/{project}/versions?since=NS           the files that say what versions there are
    GET /api/projects/{project}/blobs/{digest}              a content of one of these versions

Journals and contents go out as they are, so that what is read of them is the same on both sides.
These answers are for rltrack alone: their JSON has NaN and Infinity, as Python writes them.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import Collection, Version, collections, projects_with_artifacts
from rltrack.artifacts.manifest import read_manifest
from rltrack.errors import ArtifactError, NotFoundError
from rltrack.hub.storage import Storage, checked_digest, checked_names, checked_segment
from rltrack.server.answers import Refusal
from rltrack.server.sight import sight_of
from rltrack.store.project import Catalog, Project
from rltrack.store.run import RunDigest

_BYTES: Final = "application/octet-stream"
#: Clocks of file systems are coarse: what is as old as the last answer is sent again.
_OVERLAP_NS: Final = 2_000_000_000


def routes(storage: Storage, catalog: Catalog) -> list[Route]:
    """The routes.

    Args:
        storage: where the runs are.
        catalog: of the same folder.
    """
    desk = _Desk(storage, catalog)
    one = "/api/projects/{project:project}"
    return [
        Route(f"{one}/digests", desk.digests),
        Route(f"{one}/runs/{{run}}/parts", desk.parts),
        Route(f"{one}/runs/{{run}}/journal/{{segment}}", desk.segment),
        Route(f"{one}/versions", desk.versions),
        Route(f"{one}/blobs/{{digest}}", desk.blob),
    ]


class _Desk:
    """The endpoints, and what they share."""

    def __init__(self, storage: Storage, catalog: Catalog) -> None:
        self._storage = storage
        self._catalog = catalog

    def _project(self, request: Request) -> Project:
        name = request.path_params["project"]
        self._storage.refresh(name)
        return self._catalog.project(name)

    def digests(self, request: Request) -> Response:
        """What a list of runs shows of each that changed after a version."""
        project = self._project(request)
        project.refresh()
        version, runs, removed = project.changed_since(_count(request, "since"))
        seen = sight_of(request).runs_of(project.name)
        if seen is not None:
            runs, removed = [run for run in runs if run.id in seen], []
        told = {
            "version": version,
            "now": time.time(),
            "removed": removed,
            "digests": [describe(run.digest()) for run in runs],
        }
        return _answer(told)

    def parts(self, request: Request) -> Response:
        """run.json of a run, and the sizes of its segments and files."""
        project, run_id = self._project(request), request.path_params["run"]
        listed = project.get(run_id)
        if listed is None:
            raise NotFoundError(f"no run {run_id!r} in project {project.name!r}")
        folder = listed.folder
        try:
            facts = folder.run_json.read_text(encoding="utf-8", errors="replace")
            age_s = time.time() - folder.run_json.stat().st_mtime
        except FileNotFoundError:
            raise NotFoundError(f"no run {run_id!r} in project {project.name!r}") from None
        told = {
            "facts": facts,
            "age_s": age_s,
            "journal": self._storage.sizes(project.name, run_id),
            "files": self._storage.files(project.name, run_id),
        }
        return _answer(told)

    def segment(self, request: Request) -> Response:
        """The bytes of a segment of a run's journal; `Range` says which."""
        project, run = request.path_params["project"], request.path_params["run"]
        segment = checked_segment(request.path_params["segment"])
        path = Path(self._storage.root(), *checked_names(project, run), "journal", segment)
        if not path.is_file() or path.is_symlink():
            raise Refusal(404, f"run {run!r} has no segment {segment!r}", "ask for its parts again")
        return FileResponse(path, media_type=_BYTES, headers={"cache-control": "no-store"})

    def versions(self, request: Request) -> Response:
        """The files that say what versions of artifacts there are."""
        project, since = request.path_params["project"], _count(request, "since")
        as_of = time.time_ns() - _OVERLAP_NS
        names: list[str] = []
        texts: dict[str, str] = {}
        for collection in collections(self._storage.root(), project):
            for path in sorted(collection.folder.rglob("*")):
                name = path.relative_to(collection.folder.parent).as_posix()
                if "/." in name or path.is_symlink() or not path.is_file():
                    continue
                names.append(name)
                if path.stat().st_mtime_ns > since:
                    texts[name] = path.read_text(encoding="utf-8", errors="replace")
        return _answer({"as_of": as_of, "names": names, "texts": texts})

    def blob(self, request: Request) -> Response:
        """A content of an artifact."""
        project, digest = request.path_params["project"], request.path_params["digest"]
        checked_digest(digest)
        path = Blobs(self._storage.root()).path(digest)
        if not self._has(project, digest) or not path.is_file():
            raise Refusal(
                404, f"no artifact of {project!r} has a content {digest[:12]}…", "look at its files"
            )
        return FileResponse(path, media_type=_BYTES)

    def _has(self, project: str, digest: str) -> bool:
        """Whether a version of the project's has it: contents lie together, projects do not see each other."""
        root = self._storage.root()
        if project not in projects_with_artifacts(root):
            return False
        return any(
            digest == version.digest or digest in _contents(root, version.digest)
            for collection in collections(root, project)
            for version in _versions(collection)
        )


def describe(digest: RunDigest) -> dict[str, Any]:
    """All that a digest says."""
    fields = {
        field.name: getattr(digest, field.name)
        for field in dataclasses.fields(RunDigest)
        if field.name != "aggregates"
    }
    sums = {key: dataclasses.asdict(one) for key, one in digest.aggregates.items()}
    return fields | {"axes": dict(digest.axes), "aggregates": sums}


def _versions(collection: Collection) -> list[Version]:
    try:
        return collection.versions()
    except ArtifactError:  # one that is damaged says so where it is looked at
        return []


@functools.lru_cache(64)
def _contents(root: Path, manifest: str) -> frozenset[str]:
    """What a version is made of; that never changes."""
    try:
        return frozenset(one.digest for one in read_manifest(Blobs(root), manifest).values())
    except ArtifactError:
        return frozenset()


def _answer(told: object) -> Response:
    data = json.dumps(told, separators=(",", ":"), default=list).encode()
    return Response(data, headers={"cache-control": "no-store"}, media_type="application/json")


def _count(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not text.isdecimal() or len(text) > 20:
        raise Refusal(400, f"{name}={text[:40]!r}", "it must be a number, as an answer says it")
    return int(text)
