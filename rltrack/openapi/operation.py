"""What is said of one route in the tables: what goes in, what comes out, and what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rltrack.openapi.schema import JsonSchema

#: How the name of a project is written in the path of a route.
ONE: Final = "/api/projects/{project:project}"


@dataclass(frozen=True, slots=True)
class Media:
    """A body that is no JSON.

    Args:
        kinds: its media types.
    """

    kinds: tuple[str, ...]


BYTES: Final = Media(("application/octet-stream",))
FILE: Final = Media(("*/*",))
EVENTS: Final = Media(("text/event-stream",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What goes in and out of a route by one method.

    Args:
        answer: a type that `Schemas` knows, as JSON, or `Media`.
        body: the same of what is sent; None: nothing is.
        query: a TypedDict of the parameters behind the ``?``.
        headers: a TypedDict of the headers that mean something.
        status: of the answer.
        refuses: statuses of ``{error, hint}`` besides those that follow from all else.
        also: other answers by status, as JSON.
    """

    answer: Any
    body: Any = None
    query: Any = None
    headers: Any = None
    status: int = 200
    refuses: tuple[int, ...] = ()
    also: Mapping[int, Any] = field(default_factory=dict)


Operations = Mapping[tuple[str, str], Operation]

_NAME: Final[JsonSchema] = {"type": "string", "minLength": 1}


def _name(description: str, **more: object) -> JsonSchema:
    return {"description": description, "schema": _NAME | more}


#: What stands for the parts of paths.
PARTS: Final[Mapping[str, JsonSchema]] = {
    "project": _name(
        "Name of a project; on a team's server `entity/project`, with `%2F` for the slash"
    ),
    "run": _name("Id of a run"),
    "path": _name("Name of a file, with `/` between folders"),
    "name": _name("Name of an artifact"),
    "version": _name("Version or alias of an artifact: `v3`, `latest`"),
    "sweep": _name("Id of a sweep"),
    "kind": _name("Kind of documents", enum=["views", "reports", "colours", "links"]),
    "id": _name("Id, as a list of these says it"),
    "segment": _name("Name of a segment of a journal: `<writer>-<number>.rlj`"),
    "digest": _name("SHA-256 of a content, in hex", pattern="^[0-9a-f]{64}$"),
    "team": _name("Name of a team"),
    "user": _name("Name of a user"),
    "entity": _name("Name of a user or a team"),
    "secret": _name("Secret of a link"),
}
