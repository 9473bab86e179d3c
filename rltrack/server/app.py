"""The routes of the dashboard.

Each endpoint that reads files is a plain function, which Starlette runs in a thread: so one
that takes long does not hold up the streams.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Match, Route

from rltrack._values import finite
from rltrack._version import __version__
from rltrack.errors import Error, NotFoundError, UsageError
from rltrack.openapi import document as openapi
from rltrack.server import statistics
from rltrack.server.answered import Answered
from rltrack.server.answers import (
    FULL,
    Refusal,
    describe_project,
    describe_run,
    describe_whole_run,
    full_disk,
    is_number,
    json_answer,
    version_of,
)
from rltrack.server.artifacts import (
    FindRun,
    artifacts_of_run,
    change_version,
    delete_versions,
    file_answer,
    lineage,
    list_collections,
    list_files,
    list_versions,
    restore_versions,
)
from rltrack.server.bands import CENTRES, SPREADS, bands_of
from rltrack.server.changes import LOOK_S, See, Watch
from rltrack.server.documents import routes as document_routes
from rltrack.server.edits import delete_runs, edit_runs, move_runs, restore_runs, stop_runs
from rltrack.server.episodes import episodes_of
from rltrack.server.frame import encode_panels
from rltrack.server.guard import MEDIA_POLICY, SCRIPTED_POLICY, Guard
from rltrack.server.histograms import histogram_answer
from rltrack.server.logs import console_answer
from rltrack.server.media import media_answer
from rltrack.server.names import SlashedNames
from rltrack.server.page import STATIC, page_answer
from rltrack.server.query import answer_query
from rltrack.server.search import Search
from rltrack.server.sight import Sight, lists, sight_of
from rltrack.server.spark import spark_of
from rltrack.server.sweeps import routes as sweep_routes
from rltrack.server.tables import Tables
from rltrack.stats.curves import Band
from rltrack.store.media import file_inside
from rltrack.store.panel import AUTO, Panel, panel
from rltrack.store.project import Catalog, Project, ProjectOverview
from rltrack.store.run import RunReader
from rltrack.store.series import MAX_X
from rltrack.store.tables import KINDS as TABLE_KINDS
from rltrack.store.thin import MIN_BUCKETS

MAX_PANELS: Final = 100
MAX_RUNS: Final = 1000
MAX_BUCKETS: Final = 10_000
_MAX_BODY_BYTES: Final = 4 << 20
#: What a panel that says nothing else is.
_PANEL: Final[dict[str, Any]] = {
    "x": AUTO,
    "buckets": 400,
    "range": None,
    "stream": "default",
    "groups": {},
    "centre": "mean",
    "spread": "std",
    "members": False,
    "log_x": False,
}
#: The list of projects is looked at less often than a project: it reads every project's folder.
_PROJECTS_LOOK_S: Final = 5 * LOOK_S


def create_app(
    root: Path,
    *,
    host: str = "127.0.0.1",
    static: Path = STATIC,
    catalog: Catalog | None = None,
    routes: Sequence[BaseRoute] = (),
    middleware: Sequence[Middleware] | None = None,
) -> Starlette:
    """The dashboard of a folder, as an ASGI application.

    Args:
        root: the folder of all projects.
        host: the address that the server listens on; see `Guard`.
        static: the built page.
        catalog: of that folder, if somebody else looks into it, too.
        routes: of a larger server, tried before those of the dashboard.
        middleware: who may ask, instead of what `Guard` says of `host`.
    """
    catalog = catalog or Catalog(root)
    site = _Site(catalog, static)
    one = "/api/projects/{project:project}"
    app = Starlette(
        routes=[
            *routes,
            Route(openapi.ADDRESS, site.openapi),
            Route("/api/meta", site.meta),
            Route("/api/changes", site.all_changes),
            Route("/api/projects", site.projects),
            Route("/api/search", site.search),
            Route(f"{one}/runs", site.runs),
            Route(f"{one}/runs/{{run}}", site.run),
            Route(f"{one}/runs/{{run}}/media/{{path:path}}", site.media),
            Route(f"{one}/runs/{{run}}/files/{{path:path}}", site.file),
            Route(f"{one}/runs/{{run}}/console", site.console),
            Route(f"{one}/runs/{{run}}/artifacts", site.run_artifacts),
            Route(f"{one}/runs/{{run}}/episodes", site.episodes),
            Route(f"{one}/artifacts", site.artifacts),
            Route(f"{one}/artifacts/change", site.change_artifact, methods=["POST"]),
            Route(f"{one}/artifacts/delete", site.delete_artifacts, methods=["POST"]),
            Route(f"{one}/artifacts/restore", site.restore_artifacts, methods=["POST"]),
            Route(f"{one}/artifact/{{name}}", site.artifact),
            Route(f"{one}/artifact/{{name}}/{{version}}/files", site.artifact_files),
            Route(f"{one}/artifact/{{name}}/{{version}}/lineage", site.lineage),
            Route(f"{one}/artifact/{{name}}/{{version}}/file/{{path:path}}", site.artifact_file),
            Route(f"{one}/query", site.query, methods=["POST"]),
            Route(f"{one}/edit", site.edit, methods=["POST"]),
            Route(f"{one}/delete", site.delete, methods=["POST"]),
            Route(f"{one}/restore", site.restore, methods=["POST"]),
            Route(f"{one}/move", site.move, methods=["POST"]),
            Route(f"{one}/stop", site.stop, methods=["POST"]),
            Route(f"{one}/spark", site.spark),
            Route(f"{one}/statistics", site.statistics, methods=["POST"]),
            Route(f"{one}/series", site.series, methods=["POST"]),
            Route(f"{one}/tables/query", site.tables, methods=["POST"]),
            Route(f"{one}/tables/export", site.export_table),
            Route(f"{one}/media", site.all_media, methods=["POST"]),
            Route(f"{one}/histograms", site.histograms, methods=["POST"]),
            Route(f"{one}/changes", site.changes),
            *sweep_routes(catalog, read_body),
            *document_routes(root, read_body),
            Route("/api/{path:path}", site.unknown),
            Route("/{path:path}", site.page),
        ],
        middleware=[
            Middleware(SlashedNames),
            *([Middleware(Guard, host=host)] if middleware is None else middleware),
        ],
        exception_handlers={
            Refusal: _refusal_answer,
            NotFoundError: _not_found_answer,
            UsageError: _not_found_answer,
            HTTPException: _http_answer,
            OSError: _os_answer,
            Exception: _fault_answer,
        },
    )
    app.state.accounts = False
    """Whether one has to sign in; a team's server says so."""
    app.state.rights = None
    """Who may ask what, where one has to sign in."""
    app.state.leaving = False
    """Whether the server is about to stop."""
    app.state.watches = site.watches
    app.state.tables = site.asked_tables
    app.state.closing = [site.asked_tables.close]
    return app


class _Site:
    """The endpoints, and what they share."""

    def __init__(self, catalog: Catalog, static: Path) -> None:
        self._catalog = catalog
        self._static = static
        self._answered = Answered()
        self._search = Search(catalog)
        self.asked_tables = Tables()
        self.watches: dict[str | None, Watch] = {}
        """By project; None is the list of projects."""

    def meta(self, request: Request) -> Response:
        """The version of the server, and whether one signs in."""
        told = {"version": __version__, "accounts": request.app.state.accounts}
        if not request.app.state.accounts:  # where a team's runs lie is nobody's business
            told["root"] = str(self._catalog.root.absolute())
        return json_answer(request, told)

    def openapi(self, request: Request) -> Response:
        """This description of the server."""
        app = request.app
        return json_answer(request, openapi.document(app.routes, app.state.rights))

    def projects(self, request: Request) -> Response:
        """The list of projects."""
        sight = sight_of(request)
        found = [
            describe_project(project)
            for project in self._catalog.overviews()
            if lists(sight, project.name)
        ]
        return json_answer(request, {"projects": found})

    def search(self, request: Request) -> Response:
        """Search runs, metrics, artifacts and projects."""
        asked = request.query_params
        found = self._search.find(asked.get("q", ""), sight_of(request), asked.get("near"))
        return json_answer(request, found)

    def runs(self, request: Request) -> Response:
        """The list of runs of a project, or those that changed after a version."""
        project = self._project(request)
        since = version_of(request)
        project.refresh()
        version, runs, removed = project.changed_since(since)
        seen = sight_of(request).runs_of(project.name)
        if seen is not None:
            runs, removed = [run for run in runs if run.id in seen], []
        return json_answer(
            request,
            {
                "project": project.name,
                "version": version,
                "removed": removed,
                "runs": [describe_run(project, run) for run in runs],
                "metrics": [
                    {
                        "key": metric.key,
                        "x": metric.x,
                        "run_count": metric.run_count,
                        "hidden": metric.hidden,
                    }
                    for metric in project.metrics(seen)
                ],
            },
        )

    def run(self, request: Request) -> Response:
        """One run, with all that its page shows besides charts."""
        project, run = self._run(request)
        described = describe_whole_run(project, run)
        if any(item["kind"] in TABLE_KINDS for item in described["media"]):
            self.asked_tables.prepare()
        return json_answer(request, described)

    def media(self, request: Request) -> Response:
        """A picture, video or other file that a run logged."""
        _, run = self._run(request)
        path = request.path_params["path"]
        file = file_inside(run.folder.media, path)
        if file is None:
            raise Refusal(
                404,
                f"run {run.id!r} has no media file {path!r}",
                "its page lists those that are there",
            )
        # Who looks at a page may let its scripts run; they see nothing from here even then.
        scripted = "scripts" in request.query_params
        # A name holds random bits: another file never takes its place.
        headers = {
            "cache-control": "private, max-age=31536000, immutable",
            "content-security-policy": SCRIPTED_POLICY if scripted else MEDIA_POLICY,
        }
        return FileResponse(file, headers=headers)

    def file(self, request: Request) -> Response:
        """A file that a run saved."""
        _, run = self._run(request)
        path = request.path_params["path"]
        file = file_inside(run.folder.files, path)
        if file is None:
            raise Refusal(404, f"run {run.id!r} has no file {path!r}", "its page lists its files")
        headers = {"cache-control": "no-cache", "content-security-policy": MEDIA_POLICY}
        if _is_asked_as_text(request):  # to be read in the page, whatever it is
            return FileResponse(file, headers=headers, media_type="text/plain; charset=utf-8")
        return FileResponse(file, headers=headers)

    def console(self, request: Request) -> Response:
        """What a run printed."""
        _, run = self._run(request)
        return json_answer(request, console_answer(run, request.query_params.get("after")))

    def spark(self, request: Request) -> Response:
        """The small curve of a project in the list of all."""
        project = self._project(request)
        project.refresh()
        return json_answer(request, spark_of(project, request.query_params.get("metric")))

    def episodes(self, request: Request) -> Response:
        """The episodes of a run, and videos of some."""
        project, run = self._run(request)
        name = request.query_params.get("name")
        return json_answer(request, episodes_of(project.name, run, name))

    def artifacts(self, request: Request) -> Response:
        """The artifacts of a project."""
        found = list_collections(self._catalog.root, request.path_params["project"])
        return json_answer(request, {"collections": found})

    def artifact(self, request: Request) -> Response:
        """The versions of an artifact."""
        named = request.path_params
        sight = sight_of(request)
        found = list_versions(
            self._catalog.root,
            named["project"],
            named["name"],
            _find_run(self._catalog, sight),
            lambda project: sight.runs_of(project) is None,
        )
        return json_answer(request, found)

    def artifact_files(self, request: Request) -> Response:
        """The files of a version of an artifact."""
        return json_answer(request, list_files(self._catalog.root, **request.path_params))

    def artifact_file(self, request: Request) -> Response:
        """One file of a version of an artifact."""
        as_text = _is_asked_as_text(request)
        return file_answer(self._catalog.root, **request.path_params, as_text=as_text)

    def lineage(self, request: Request) -> Response:
        """What led to a version of an artifact, and what was made of it."""
        sight = sight_of(request)
        found = lineage(
            self._catalog.root,
            **request.path_params,
            find_run=_find_run(self._catalog, sight),
            sees=lambda project: sight.runs_of(project) is None,
        )
        return json_answer(request, found)

    def run_artifacts(self, request: Request) -> Response:
        """The versions of artifacts that a run logged, and those that it used."""
        named = request.path_params
        sight = sight_of(request)
        found = artifacts_of_run(
            self._catalog.root,
            named["project"],
            named["run"],
            sees=lambda project: sight.runs_of(project) is None,
        )
        return json_answer(request, found)

    async def change_artifact(self, request: Request) -> Response:
        """Change aliases, tags and description of a version."""
        return await self._changed_artifact(request, change_version)

    async def delete_artifacts(self, request: Request) -> Response:
        """Delete versions of an artifact."""
        return await self._changed_artifact(request, delete_versions)

    async def restore_artifacts(self, request: Request) -> Response:
        """Put versions of an artifact back that were deleted."""
        return await self._changed_artifact(request, restore_versions)

    async def _changed_artifact(
        self, request: Request, work: Callable[[Path, str, Any], dict[str, Any]]
    ) -> Response:
        body, name = await read_body(request), request.path_params["project"]
        return json_answer(request, await run_in_threadpool(work, self._catalog.root, name, body))

    async def query(self, request: Request) -> Response:
        """Runs that fit a filter, in order, in groups, a page at a time."""
        sight, name = sight_of(request), request.path_params["project"]
        return await self._posted(
            request, lambda project, body: answer_query(project, body, sight.runs_of(name))
        )

    async def edit(self, request: Request) -> Response:
        """Change names, notes, groups, tags, config and summary of runs."""
        return await self._posted(request, edit_runs)

    async def delete(self, request: Request) -> Response:
        """Move runs into the trash."""
        return await self._posted(request, delete_runs)

    async def restore(self, request: Request) -> Response:
        """Put runs back that were deleted."""
        body, name = await read_body(request), request.path_params["project"]
        done = await run_in_threadpool(restore_runs, self._catalog.root, name, body)
        return json_answer(request, done)

    async def stop(self, request: Request) -> Response:
        """Ask trainings to end."""
        return await self._posted(request, stop_runs)

    async def move(self, request: Request) -> Response:
        """Put runs into another project."""
        sight = sight_of(request)
        return await self._posted(
            request, lambda project, body: move_runs(project, body, sight.may_write)
        )

    async def _posted(
        self, request: Request, work: Callable[[Project, Any], dict[str, Any]]
    ) -> Response:
        body = await read_body(request)
        name = request.path_params["project"]
        _check_runs(sight_of(request).runs_of(name), body)

        def answer() -> dict[str, Any]:
            project = self._catalog.project(name)
            project.refresh()
            return work(project, body)

        return json_answer(request, await run_in_threadpool(answer))

    async def series(self, request: Request) -> Response:
        """The lines and bands of charts, as bytes that `server/frame.py` tells of."""
        asked = _asked_panels(await read_body(request))
        name = request.path_params["project"]
        sight = sight_of(request)

        def answer() -> bytes:
            project = self._catalog.project(name)
            seen = sight.runs_of(name)
            wanted = {run_id for one in asked for run_id in one["runs"]}
            hidden = set() if seen is None else wanted - seen
            runs = project.find(wanted - hidden) | dict.fromkeys(hidden)
            state = {run_id: run and (run.created_ns, run.revision) for run_id, run in runs.items()}
            return self._answered.answer(
                (name, asked), state, lambda: encode_panels([_panel(one, runs) for one in asked])
            )

        body = await run_in_threadpool(answer)
        return Response(body, 200, {"cache-control": "no-store"}, "application/octet-stream")

    async def statistics(self, request: Request) -> Response:
        """Compare experiments over seeds and tasks."""
        asked = statistics.checked(await read_body(request))
        name = request.path_params["project"]

        def answer() -> bytes:
            project = self._catalog.project(name)
            project.refresh()
            return self._answered.answer(
                ("statistics", name, asked),
                project.version,
                lambda: json.dumps(finite(statistics.statistics(project, asked))).encode(),
            )

        data = await run_in_threadpool(answer)
        return Response(data, 200, {"cache-control": "no-store"}, "application/json")

    async def tables(self, request: Request) -> Response:
        """Rows of logged tables, filtered, sorted and grouped."""
        body = await read_body(request)
        name = request.path_params["project"]

        def answer() -> dict[str, Any]:
            project = self._catalog.project(name)
            project.refresh()
            return self.asked_tables.answer(project, body)

        return json_answer(request, await run_in_threadpool(answer))

    def export_table(self, request: Request) -> Response:
        """All rows that fit, as a file."""
        project = self._project(request)
        project.refresh()
        name, kind, rows = self.asked_tables.export(project, request.query_params)
        headers = {
            "cache-control": "no-store",
            "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        }
        return StreamingResponse(rows, 200, headers, kind)

    async def all_media(self, request: Request) -> Response:
        """What some runs logged besides numbers."""
        return await self._posted(request, media_answer)

    async def histograms(self, request: Request) -> Response:
        """Histograms of many steps as one picture."""
        return await self._posted(request, histogram_answer)

    async def changes(self, request: Request) -> Response:
        """A stream of what changes in a project, as server-sent events."""
        project = await run_in_threadpool(self._project, request)

        async def look() -> int:
            return await run_in_threadpool(project.refresh)

        async def tell(known: int) -> tuple[int, dict[str, object]]:
            version, runs, removed = await run_in_threadpool(project.changed_since, known)
            told: dict[str, object] = {
                "version": version,
                "runs": [run.id for run in runs] + removed,
            }
            if kinds := project.documents_since(known):
                told["documents"] = kinds
            return version, told

        if project.name not in self.watches:
            self.watches[project.name] = Watch(look, tell)
        sight, name = sight_of(request), project.name

        def seen(told: dict[str, object]) -> dict[str, object] | None:
            runs, visible = told["runs"], sight.runs_of(name)
            if visible is None or not isinstance(runs, list):
                return told
            runs = [run for run in runs if run in visible]
            return {"version": told["version"], "runs": runs} if runs else None

        return _stream(request, self.watches[project.name], seen)

    async def all_changes(self, request: Request) -> Response:
        """A stream that tells when the list of projects changes, as server-sent events."""

        async def look() -> int:
            return await run_in_threadpool(self._catalog.refresh)

        async def tell(known: int) -> tuple[int, dict[str, object]]:
            version = self._catalog.version
            return version, {"version": version}

        if None not in self.watches:
            self.watches[None] = Watch(look, tell, _PROJECTS_LOOK_S)
        sight = sight_of(request)
        known: list[ProjectOverview] | None = None

        def seen(told: dict[str, object]) -> dict[str, object] | None:
            nonlocal known
            before = known
            known = [one for one in self._catalog.last_overviews() if lists(sight, one.name)]
            return told if known != before else None

        return _stream(request, self.watches[None], seen)

    def unknown(self, request: Request) -> Response:
        """What is asked for below `/api`, and is not there."""
        if _methods_of(request):  # it is, but not to be read
            raise HTTPException(405)
        path = request.url.path
        raise Refusal(404, f"there is no {path}", "the page and this server may be of two versions")

    def page(self, request: Request) -> Response:
        near = request.client is not None and request.client.host in ("127.0.0.1", "::1")
        takes = "gzip" in request.headers.get("accept-encoding", "")
        return page_answer(self._static, request.path_params["path"], compressed=takes and not near)

    def _project(self, request: Request) -> Project:
        return self._catalog.project(request.path_params["project"])

    def _run(self, request: Request) -> tuple[Project, RunReader]:
        project, run_id = self._project(request), request.path_params["run"]
        run = project.find([run_id])[run_id]
        if run is None:
            raise Refusal(
                404,
                f"no run {run_id!r} in project {project.name!r}",
                "it may have been deleted; the project's page lists those that are there",
            )
        return project, run


def _find_run(catalog: Catalog, sight: Sight) -> FindRun:
    """What is told of runs, of any project, to the one who asks."""

    def find(project: str, run_id: str) -> dict[str, Any] | None:
        seen = sight.runs_of(project)
        if seen is not None and run_id not in seen:
            return None
        try:
            there = catalog.project(project)
            run = there.find([run_id])[run_id]
        except Error:
            return None
        return None if run is None else describe_run(there, run)

    return find


def _stream(request: Request, watch: Watch, seen: See) -> Response:
    if request.app.state.leaving:
        raise Refusal(503, "the server is about to stop", "ask again", {"retry-after": "1"})

    async def body() -> AsyncIterator[str]:
        async for event in watch.events(seen):
            yield event

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(body(), 200, headers, "text/event-stream")


# -- what is asked -------------------------------------------------------------------------------


def _is_asked_as_text(request: Request) -> bool:
    """Whether a file is to be sent as plain text."""
    kind = request.query_params.get("as")
    if kind not in (None, "text"):
        raise Refusal(400, f"as={kind[:40]!r}", "text is all it may be")
    return kind == "text"


async def read_body(request: Request) -> Any:
    """The JSON that was sent.

    Raises:
        Refusal: it is none, or too long.
    """
    # A form of another site cannot say this without asking first, which is refused.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, f"content-type={kind!r}", "send application/json")
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > _MAX_BODY_BYTES:
                raise Refusal(413, "the request is too long", "ask for fewer panels at once")
    except ClientDisconnect:
        raise Refusal(400, "the body was broken off", "send it again") from None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is no JSON", "send an object") from None


def _check_runs(seen: frozenset[str] | None, body: Any) -> None:
    """Whoever sees some runs only asks for no others by name."""
    runs = body.get("runs", ()) if isinstance(body, dict) else ()
    if seen is None:
        return
    if not isinstance(runs, list | tuple) or not all(
        isinstance(run, str) and run in seen for run in runs
    ):
        raise Refusal(404, "no such runs that you may see", "ask the project's owner for access")


def _asked_panels(body: Any) -> list[dict[str, Any]]:
    panels = body.get("panels") if isinstance(body, dict) else None
    if not isinstance(panels, list) or len(panels) > MAX_PANELS:
        raise Refusal(400, f"panels must be a list of at most {MAX_PANELS}", "split the request")
    return [_checked_panel(one) for one in panels]


def _checked_panel(one: Any) -> dict[str, Any]:
    """A panel's request with its defaults.

    Raises:
        Refusal: something in it is not what it may be.
    """
    asked = _PANEL | (one if isinstance(one, dict) else {})
    runs, shown, groups = asked.get("runs"), asked["range"], asked["groups"]

    def check(name: str, fits: bool, wanted: str) -> None:
        if not fits:
            raise Refusal(400, f"{name}={asked.get(name)!r} in a panel", f"it must be {wanted}")

    check("key", isinstance(asked.get("key"), str), "the name of a metric")
    check("x", isinstance(asked["x"], str), "auto, _step, _timestamp, _runtime or a metric")
    check("buckets", type(asked["buckets"]) is int and asked["buckets"] > 0, "a number above 0")
    check("runs", _are_runs(runs), f"a list of up to {MAX_RUNS} run ids")
    check("stream", asked["stream"] in ("default", "system"), "default or system")
    check("groups", _are_groups(groups, runs), "runs of the panel by the name of their group")
    check("centre", asked["centre"] in CENTRES, f"one of {', '.join(CENTRES)}")
    check("spread", asked["spread"] in SPREADS, f"one of {', '.join(SPREADS)}")
    check("range", shown is None or _is_range(shown), "null, or two numbers, the smaller first")
    return asked


def _are_groups(groups: Any, runs: Any) -> bool:
    return isinstance(groups, dict) and all(
        isinstance(group, list) and all(isinstance(one, str) and one in runs for one in group)
        for group in groups.values()
    )


def _are_runs(runs: Any) -> bool:
    return (
        isinstance(runs, list) and len(runs) <= MAX_RUNS and all(isinstance(r, str) for r in runs)
    )


def _is_range(shown: Any) -> bool:
    return (
        isinstance(shown, list)
        and len(shown) == 2
        and all(map(is_number, shown))
        and bool(-MAX_X <= shown[0] <= shown[1] <= MAX_X)
    )


def _panel(
    asked: dict[str, Any], runs: dict[str, RunReader | None]
) -> tuple[Panel, Mapping[str, Band]]:
    shown = asked["range"]
    found = panel(
        {run_id: runs[run_id] for run_id in asked["runs"]},
        asked["key"],
        x=asked["x"],
        buckets=min(max(asked["buckets"], MIN_BUCKETS), MAX_BUCKETS),
        shown=None if shown is None else (float(shown[0]), float(shown[1])),
        stream=asked["stream"],
        log_x=bool(asked["log_x"]),
    )
    bands = bands_of(found, asked["groups"], asked["centre"], asked["spread"])
    if asked["groups"] and not asked["members"]:
        found = dataclasses.replace(found, series={}, left={})
    return found, bands


# -- when it cannot be answered --------------------------------------------------------------------


def _refusal_answer(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    answer = json_answer(request, {"error": refusal.error, "hint": refusal.hint}, refusal.status)
    answer.headers.update(refusal.headers)
    return answer


def _not_found_answer(request: Request, error: Exception) -> Response:
    """Our messages say what was found, and behind a semicolon what to do next."""
    told, _, hint = str(error).partition("; ")
    return json_answer(request, {"error": told, "hint": hint}, 404)


def _http_answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = {"error": f"{request.method} {request.url.path}: {error.detail}", "hint": ""}
    if error.status_code != 405:
        return json_answer(request, told, error.status_code)
    methods = ", ".join(sorted(_methods_of(request) or {"GET", "HEAD"}))
    answer = json_answer(request, told | {"hint": f"there is {methods}"}, 405)
    answer.headers["allow"] = methods
    return answer


def _methods_of(request: Request) -> set[str]:
    """By which methods there is something at an address: several routes may share it."""
    return {
        method
        for route in request.app.routes
        if isinstance(route, Route)
        and route.path not in openapi.LEFT_OUT
        and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


def _os_answer(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, OSError)
    if fault.errno in FULL:
        return _refusal_answer(request, full_disk(fault.strerror))
    raise fault


def _fault_answer(request: Request, fault: Exception) -> Response:
    if request.app.state.accounts:  # a fault may tell of what is not for everybody
        told = {"error": "the server failed", "hint": "its log has the traceback"}
    else:
        told = {
            "error": f"the server failed: {type(fault).__name__}: {fault}",
            "hint": "the terminal of `rltrack ui` has the traceback",
        }
    return json_answer(request, told, 500)
