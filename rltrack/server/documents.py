"""Documents of a project over HTTP: read, saved with the version that they replace, deleted.

A change that was made from another version than the one that is there is answered with 412 and
what is there, so that the page can ask what to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from rltrack.errors import NotFoundError, StorageError, UsageError
from rltrack.server.answers import Refusal, json_answer
from rltrack.server.sight import sight_of
from rltrack.store.documents import ConflictError, Document, Documents

_ONE: Final = "/api/projects/{project:project}"
MOST_LINK_CHARACTERS: Final = 200_000
_ID_DIGITS: Final = 12

ReadBody = Callable[[Request], Awaitable[Any]]


def routes(root: Path, read_body: ReadBody) -> Sequence[BaseRoute]:
    """The routes of documents.

    Args:
        root: the folder of all projects.
        read_body: of the JSON that was sent.
    """
    site = _Site(root, read_body)
    kind = f"{_ONE}/documents/{{kind}}"
    return [
        Route(f"{_ONE}/short", site.shorten, methods=["POST"]),
        Route(kind, site.all),
        Route(f"{kind}/{{id}}", site.get),
        Route(f"{kind}/{{id}}", site.put, methods=["PUT"]),
        Route(f"{kind}/{{id}}", site.delete, methods=["DELETE"]),
    ]


class _Site:
    def __init__(self, root: Path, read_body: ReadBody) -> None:
        self._root = root
        self._read_body = read_body

    def all(self, request: Request) -> Response:
        """The documents of a kind: views, reports, or the like."""
        documents, damaged = self._of(request).all()
        if sight_of(request).runs_of(request.path_params["project"]) is not None:
            documents, damaged = [], []  # they may tell of all runs
        return json_answer(request, {"documents": list(map(asdict, documents)), "damaged": damaged})

    def get(self, request: Request) -> Response:
        """One document."""
        return _answer(request, lambda: self._of(request).get(request.path_params["id"]))

    async def put(self, request: Request) -> Response:
        """Save a document.

        `If-Match` holds the version that is replaced; `If-None-Match: *`: there is none yet.
        """
        sent = await self._read_body(request)
        if not isinstance(sent, dict) or "body" not in sent:
            raise Refusal(400, "the request has no body", 'send {"body": …}')

        def save() -> Document:
            return self._of(request).put(
                request.path_params["id"],
                sent["body"],
                was=_version(request),
                new=request.headers.get("if-none-match") == "*",
                by=sight_of(request).name,
            )

        return await run_in_threadpool(_answer, request, save)

    def delete(self, request: Request) -> Response:
        """Delete a document, if it is the version that one knows."""

        def remove() -> None:
            self._of(request).delete(request.path_params["id"], was=_version(request))

        return _answer(request, remove)

    async def shorten(self, request: Request) -> Response:
        """Keep where a long link leads, under a short id that is made of what it says."""
        sent = await self._read_body(request)
        link = sent.get("link") if isinstance(sent, dict) else None
        if (
            not isinstance(link, str)
            or not link.startswith("/p/")
            or len(link) > MOST_LINK_CHARACTERS
        ):
            raise Refusal(
                400,
                "link must be a page of a project",
                f"send its path and query, up to {MOST_LINK_CHARACTERS} characters",
            )
        name = hashlib.sha256(link.encode("utf-8", "replace")).hexdigest()[:_ID_DIGITS]

        def keep() -> Document:
            links = Documents(self._root, request.path_params["project"], "links")
            try:
                return links.get(name)
            except (NotFoundError, StorageError):
                return links.put(name, link, by=sight_of(request).name)

        return await run_in_threadpool(_answer, request, keep)

    def _of(self, request: Request) -> Documents:
        named = request.path_params
        try:
            return Documents(self._root, named["project"], named["kind"])
        except UsageError as mistake:
            raise Refusal(404, *_parts(mistake)) from None


def _version(request: Request) -> str | None:
    match = request.headers.get("if-match", "*")
    return None if match == "*" else match.strip('"')


def _answer(request: Request, work: Callable[[], Document | None]) -> Response:
    try:
        document = work()
    except ConflictError as conflict:
        now = conflict.document
        told = {"error": str(conflict), "hint": "read it again, and choose"}
        return json_answer(request, {**told, "document": asdict(now) if now else None}, 412)
    except UsageError as mistake:
        raise Refusal(400, *_parts(mistake)) from None
    except StorageError as fault:
        raise Refusal(
            409, f"this cannot be done: {fault}", "look at the project's folder"
        ) from None
    return json_answer(request, asdict(document) if document else {})


def _parts(error: Exception) -> tuple[str, str]:
    told, _, hint = str(error).partition("; ")
    return told, hint
