"""The routes by which runs come in from other machines: the protocol, on any `Storage`.

    POST   /api/sync/{project}/{run}                    claim: "is this run here, and how much of it?"
    POST   /api/sync/{project}/{run}/journal/{segment}  bytes of the journal, at an offset
    PUT    /api/sync/{project}/{run}/facts              run.json, and the heartbeat
    DELETE /api/sync/{project}/{run}/stop               the request to stop was passed on
    POST   /api/sync/{project}/blobs/missing            which contents are to be sent
    POST   /api/sync/{project}/blobs/{digest}           bytes of a content, at an offset
    PUT    /api/sync/{project}/{run}/files/{path}       the content's place; a small one comes along
    PUT    /api/sync/{project}/artifacts/{path}         the same for artifacts

    POST   /api/projects/{project}/stop                 the dashboard's, which a client hears of

Every request may be repeated. What is answered is durable. A body is at most `MAX_CHUNK_BYTES`,
plain or gzip, and `x-rltrack-digest` is the SHA-256 of its plain bytes: what was harmed on the
way is refused with 422, which says "send it again".
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from rltrack._names import checked_run_id
from rltrack.errors import UsageError
from rltrack.hub.storage import MAX_CHUNK_BYTES, MAX_FACTS_BYTES, Storage, digest_of
from rltrack.server.answers import Refusal, json_answer
from rltrack.server.edits import run_ids_of

DIGEST_HEADER: Final = "x-rltrack-digest"
_MOST_DIGESTS: Final = 10_000
_DIGEST_AT_ONCE_BYTES: Final = 16 << 10

#: The whole name of a project, of that which a client gave: see `routes`.
WholeName = Callable[[Request, str], str]


def routes(
    storage: Storage, whole_name: WholeName = lambda request, project: project
) -> list[Route]:
    """The protocol's routes.

    Args:
        storage: where things go.
        whole_name: ``cartpole`` of a request as ``ann/cartpole``: a project of who asks.
    """
    desk = _Desk(storage, whole_name)
    one = "/api/sync/{project:project}"
    return [
        Route(f"{one}/blobs/missing", _answered(desk.missing), methods=["POST"]),
        Route(f"{one}/blobs/{{digest}}", _answered(desk.blob), methods=["POST"]),
        Route(f"{one}/artifacts/{{path:path}}", _answered(desk.artifact), methods=["PUT"]),
        Route(f"{one}/{{run}}", _answered(desk.claim), methods=["POST"]),
        Route(f"{one}/{{run}}/journal/{{segment}}", _answered(desk.journal), methods=["POST"]),
        Route(f"{one}/{{run}}/facts", _answered(desk.facts), methods=["PUT"]),
        Route(f"{one}/{{run}}/stop", _answered(desk.stop_heard), methods=["DELETE"]),
        Route(f"{one}/{{run}}/files/{{path:path}}", _answered(desk.file), methods=["PUT"]),
        Route("/api/projects/{project:project}/stop", _answered(desk.stop), methods=["POST"]),
    ]


def _answered(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Refusals as answers, also where no application around knows them."""

    @functools.wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            told = {"error": refusal.error, "hint": refusal.hint}
            return json_answer(request, told, refusal.status)

    return answer


class _Desk:
    """The endpoints, and what they share."""

    def __init__(self, storage: Storage, whole_name: WholeName) -> None:
        self._storage = storage
        self._whole_name = whole_name

    def _project(self, request: Request) -> str:
        return self._whole_name(request, request.path_params["project"])

    def _run(self, request: Request) -> tuple[str, str]:
        try:
            return self._project(request), checked_run_id(request.path_params["run"])
        except UsageError as mistake:
            raise Refusal(400, str(mistake), "rename the run") from None

    async def claim(self, request: Request) -> Response:
        """Claim a run: the first word of a machine that sends one. Answers how much of it is here."""
        project, run = self._run(request)
        created_ns = _number((await _json_body(request)).get("created_ns"), "created_ns")

        def claim() -> dict[str, Any]:
            self._storage.claim(project, run, created_ns)
            return {
                "project": project,
                "page": f"/p/{quote(project, safe='')}/r/{quote(run, safe='')}",
                "journal": self._storage.sizes(project, run),
                "files": self._storage.files(project, run),
                "stop": self._storage.stop_request(project, run),
            }

        return json_answer(request, await run_in_threadpool(claim))

    async def journal(self, request: Request) -> Response:
        """Bytes of a journal, at an offset; durable once it is answered."""
        (project, run), segment = self._run(request), request.path_params["segment"]
        offset = _queried(request, "offset")
        data = await _body(request)
        size = await run_in_threadpool(self._storage.append, project, run, segment, offset, data)
        return json_answer(request, {"size": size}, 409 if size < offset else 200)

    async def facts(self, request: Request) -> Response:
        """run.json, once the journal that it tells of is there; the heartbeat of a run, too."""
        project, run = self._run(request)
        said = await _json_body(request)
        facts, journal = said.get("facts"), said.get("journal")
        if not isinstance(facts, str) or not isinstance(journal, dict):
            raise Refusal(400, "facts must be a text, journal sizes by segment", "see run.json")
        sizes = {name: _number(size, name) for name, size in journal.items()}

        def put() -> dict[str, Any]:
            self._storage.put_facts(project, run, facts.encode("utf-8", "replace"), sizes)
            return {"stop": self._storage.stop_request(project, run)}

        return json_answer(request, await run_in_threadpool(put))

    async def stop_heard(self, request: Request) -> Response:
        """The request to stop was passed on to the training."""
        project, run = self._run(request)
        await run_in_threadpool(self._storage.stop_heard, project, run)
        return json_answer(request, {"stop": None})

    async def stop(self, request: Request) -> Response:
        """Ask trainings to end; their machines hear it with the next heartbeat."""
        project, run_ids = self._project(request), run_ids_of(await _json_body(request))
        by = getattr(request.scope.get("state", {}).get("who"), "name", None)

        def ask() -> dict[str, Any]:
            done, failed = [], []
            for run_id in run_ids:
                try:
                    self._storage.ask_to_stop(project, run_id, by or "the server's page")
                    done.append(run_id)
                except Refusal as refusal:
                    failed.append({"run": run_id, "error": refusal.error})
            return {"done": done, "failed": failed}

        return json_answer(request, await run_in_threadpool(ask))

    async def missing(self, request: Request) -> Response:
        """Which contents are to be sent."""
        project = self._project(request)
        digests = (await _json_body(request)).get("digests")
        if not isinstance(digests, list) or len(digests) > _MOST_DIGESTS:
            raise Refusal(400, f"digests must be a list of up to {_MOST_DIGESTS}", "ask in parts")
        found = await run_in_threadpool(self._storage.blob_missing, project, digests)
        return json_answer(request, {"missing": found})

    async def blob(self, request: Request) -> Response:
        """Bytes of a content, at an offset; what is whole is held against its digest."""
        project, digest = self._project(request), request.path_params["digest"]
        offset, size = _queried(request, "offset"), _queried(request, "size")
        data = await _body(request)
        there = await run_in_threadpool(
            self._storage.blob_append, project, digest, size, offset, data
        )
        return json_answer(request, {"size": there}, 409 if there < offset else 200)

    async def file(self, request: Request) -> Response:
        """Give a content its place among a run's files; a small one comes along."""
        (project, run), path = self._run(request), request.path_params["path"]
        return await self._place(
            request,
            lambda digest, size: self._storage.place_file(project, run, path, digest, size),
        )

    async def artifact(self, request: Request) -> Response:
        """Give a content its place among artifacts; a small one comes along."""
        project, path = self._project(request), request.path_params["path"]
        return await self._place(
            request, lambda digest, size: self._storage.place_artifact(project, path, digest, size)
        )

    async def _place(
        self, request: Request, place: Callable[[str, int], str | bool | None]
    ) -> Response:
        project = self._project(request)
        digest, size = request.query_params.get("digest", ""), _queried(request, "size")
        data = await _body(request)

        def put() -> str | bool | None:
            if data:
                self._storage.blob_append(project, digest, size, 0, data)
            return place(digest, size)

        placed = await run_in_threadpool(put)
        told = {"placed": bool(placed)} | ({"path": placed} if isinstance(placed, str) else {})
        return json_answer(request, told, 200 if placed else 409)


# -- what is asked ---------------------------------------------------------------------------------


def _queried(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    return _number(int(text) if text.isascii() and text.isdigit() else None, name)


def _number(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise Refusal(400, f"{name}={str(value)[:80]!r}", "it must be a whole number from 0 on")
    return value


async def _json_body(request: Request) -> dict[str, Any]:
    data = await _body(request, 4 * MAX_FACTS_BYTES)
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Refusal(400, "the body is no JSON object", "send one")
    return said


async def _body(request: Request, most: int = MAX_CHUNK_BYTES) -> bytes:
    """The plain bytes of a request's body.

    Raises:
        Refusal: 400, it is broken off or no gzip; 413, it is too long;
            422, it is not what its digest says.
    """
    coding = request.headers.get("content-encoding", "identity")
    if coding not in ("identity", "gzip"):
        raise Refusal(415, f"content-encoding={coding!r}", "send it plain, or by gzip")
    unpack = _Unpacked(most) if coding == "gzip" else _Plain(most)
    try:
        async for piece in request.stream():
            unpack.take(piece)
    except ClientDisconnect:
        raise Refusal(400, "the body was broken off", "send it again") from None
    data = unpack.whole()
    said = request.headers.get(DIGEST_HEADER)
    if said is None:
        return data
    # A way through a thread costs as much as the digest of some thousand bytes.
    is_small = len(data) <= _DIGEST_AT_ONCE_BYTES
    if said != (digest_of(data) if is_small else await run_in_threadpool(digest_of, data)):
        raise Refusal(422, "the body was harmed on the way: its digest is another", "send it again")
    return data


class _Plain:
    """Bytes up to a limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._data = bytearray()

    def take(self, piece: bytes) -> None:
        """Put a piece behind what came."""
        self._data += piece
        if len(self._data) > self._most:
            raise Refusal(413, f"a body of more than {self._most} bytes", "send it in parts")

    def whole(self) -> bytes:
        """All of it."""
        return bytes(self._data)


class _Unpacked(_Plain):
    """The same out of gzip: a small body that grows without end is stopped at the limit."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._unpack = zlib.decompressobj(wbits=31)

    def take(self, piece: bytes) -> None:
        """Unpack a piece."""
        try:
            super().take(self._unpack.decompress(piece, self._most + 1 - len(self._data)))
        except zlib.error:
            raise Refusal(400, "the body is no gzip", "send it again") from None
        if self._unpack.unconsumed_tail or self._unpack.unused_data:
            raise Refusal(413, f"a body of more than {self._most} bytes", "send it in parts")

    def whole(self) -> bytes:
        """All of it."""
        if not self._unpack.eof:
            raise Refusal(400, "the gzip of the body was broken off", "send it again")
        return super().whole()
