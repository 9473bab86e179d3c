"""The description as a whole: the routes of a server, and what the tables say of each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypedDict, is_typeddict

from starlette.routing import BaseRoute, Route

from rltrack._version import __version__
from rltrack.openapi import dashboard, team
from rltrack.openapi.operation import PARTS, Media, Operation, Operations
from rltrack.openapi.schema import JsonSchema, Schemas

ADDRESS: Final = "/api/openapi.json"
OPERATIONS: Final[Operations] = {**dashboard.OPERATIONS, **team.OPERATIONS}
#: The page, and what says that there is no such route: not for programs.
LEFT_OUT: Final = frozenset({"/{path:path}", "/api/{path:path}"})

_PART: Final = re.compile(r"{(\w+)(?::\w+)?}")
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Error(TypedDict):
    """Why something was not done: what was asked and found, and what to do next."""

    error: str
    hint: str


#: What `Error` comes with.
_MEANINGS: Final[Mapping[int, str]] = {
    400: "Something in the question is not what it may be",
    401: "It needs a key or a session, or the key opens nothing",
    403: "Who asks may not do this, or a page of another site asked",
    404: "There is no such thing, or it is not for the one who asks",
    408: "The body took too long",
    409: "It does not fit what is there",
    410: "It was deleted",
    412: "What is there is not what the change was made from",
    413: "The body is too long, or a quota is full",
    415: "The body is of another kind than it must be",
    421: "The server does not answer to this host name",
    422: "The body was harmed on the way: send it again",
    429: "Too many requests: `Retry-After` says in how many seconds to ask again",
    503: "The server is about to stop, or cannot work for now",
    501: "The server lacks a package for it",
    507: "The server's disk is full: keep what you have, and send it later",
}
_SECURITY: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key of `/account`"},
    "session": {"type": "apiKey", "in": "cookie", "name": "rltrack-session"},
    "link": {"type": "apiKey", "in": "cookie", "name": "rltrack-share"},
}


def methods_of(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, Route]]:
    """Each route that is described, by each method; of two of one path the first answers."""
    seen = set()
    for route in routes:
        if not isinstance(route, Route) or route.path in LEFT_OUT:
            continue
        for method in sorted((route.methods or set()) - {"HEAD"}):
            if (method, route.path) not in seen:
                seen.add((method, route.path))
                yield method, route


def document(
    routes: Sequence[BaseRoute], rights: Mapping[tuple[str, str], str] | None = None
) -> dict[str, Any]:
    """The description of a server.

    Args:
        routes: all of its.
        rights: who may ask what, on a server with accounts.
    """
    schemas = Schemas()
    error = schemas.of(Error)
    paths: dict[str, dict[str, Any]] = {}
    for method, route in methods_of(routes):
        right = None if rights is None else rights.get((method, route.path), "nobody")
        described = _described(schemas, method, route, right)
        paths.setdefault(_plain_path(route.path), {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rltrack",
            "version": __version__,
            "description": "Runs of reinforcement learning: recorded, read and looked at.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.named,
            "responses": {
                str(status): {
                    "description": told,
                    "content": {"application/json": {"schema": error}},
                }
                for status, told in _MEANINGS.items()
            },
            "securitySchemes": {} if rights is None else _SECURITY,
        },
    }


def _plain_path(path: str) -> str:
    return _PART.sub(r"{\1}", path)


def _described(schemas: Schemas, method: str, route: Route, right: str | None) -> dict[str, Any]:
    operation = OPERATIONS.get((method, route.path), Operation(answer=Any))
    summary, text = _told(route)
    parts = _PART.findall(route.path)
    parameters = [
        *({"name": part, "in": "path", "required": True, **PARTS[part]} for part in parts),
        *_parameters(schemas, "query", operation.query),
        *_parameters(schemas, "header", operation.headers),
    ]
    told: dict[str, Any] = {
        "operationId": _operation_id(method, route.path),
        "summary": summary,
        **({"description": text} if text else {}),
        "tags": [_tag(route.path)],
        **({"parameters": parameters} if parameters else {}),
    }
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": _content(schemas, operation.body)}
    told["responses"] = {
        str(operation.status): _answer(schemas, operation.answer),
        **{str(status): _answer(schemas, also) for status, also in operation.also.items()},
        **{
            str(status): {"$ref": f"#/components/responses/{status}"}
            for status in sorted(_refused(method, operation, parameters, right))
        },
    }
    if right is not None:
        told["security"] = _security(right)
        told["x-right"] = right
    return told


def _told(route: Route) -> tuple[str, str]:
    """The first sentence of an endpoint's docstring, and what follows but for the developer's part."""
    text = inspect.cleandoc(route.endpoint.__doc__ or "")
    text = re.split(r"\n\n(?:Args|Raises|Returns):\n", text)[0]
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()).removesuffix("."), rest


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"\w+", _plain_path(path).removeprefix("/api"))
    return "_".join([method.lower(), *words])


def _tag(path: str) -> str:
    """What it is about: the first word after the project, or of all."""
    words = [word for word in path.removeprefix("/api/").split("/") if "{" not in word]
    if words[0] == "projects":
        return words[1] if len(words) > 1 else "projects"
    return words[0] or "server"


def _parameters(schemas: Schemas, place: str, shape: Any) -> list[dict[str, Any]]:
    if shape is None:
        return []
    found = []
    for name, (schema, required) in schemas.properties(shape).items():
        description = schema.pop("description", None)
        found.append(
            {
                "name": name.replace("_", "-") if place == "header" else name,
                "in": place,
                "required": required,
                **({"description": description} if description else {}),
                "schema": schema,
            }
        )
    return found


def _content(schemas: Schemas, shape: Any) -> dict[str, Any]:
    if isinstance(shape, Media):
        return {kind: {} for kind in shape.kinds}
    return {"application/json": {"schema": schemas.of(shape)}}


def _answer(schemas: Schemas, shape: Any) -> dict[str, Any]:
    if shape is None:
        return {"description": "Go to the page that `Location` names"}
    told = shape.__doc__ if is_typeddict(shape) else None
    return {"description": told or "What was asked for", "content": _content(schemas, shape)}


def _refused(
    method: str, operation: Operation, parameters: Sequence[JsonSchema], right: str | None
) -> set[int]:
    """Statuses of refusals: what every route may answer, and what this one says."""
    refused = {421, *operation.refuses}
    if parameters:
        refused |= {400, 404}
    if operation.body is not None:
        refused |= {400, 408, 413, 415}
    if method not in _READS:
        refused |= {403, 507}
    if right is not None:
        refused |= {401, 429, 503}  # the last where the database does not work
        if method not in _READS:
            refused.add(415)  # what is no JSON could be a form of another site
        if right not in ("anyone", "listing"):
            refused |= {403}
    return refused - {operation.status, *operation.also}


def _security(right: str) -> list[dict[str, list[str]]]:
    """Any of these; the empty one is nobody in particular."""
    key, session, link = ({name: []} for name in _SECURITY)  # type: ignore[var-annotated]
    if right in ("anyone", "listing"):
        return [{}, key, session]
    if right in ("run", "some", "read"):  # which of a public project everybody may
        return [{}, key, session, link]
    return [key, session]
