"""The description of a server says all that there is, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from rltrack.hub.app import create_hub
from rltrack.openapi.document import ADDRESS, LEFT_OUT, OPERATIONS
from rltrack.openapi.schema import Schemas
from rltrack.server.app import create_app
from tests.hub.team import local


@pytest.fixture(params=["dashboard", "team"])
def app(request: pytest.FixtureRequest, root: Path) -> Iterator[Starlette]:
    app = create_app(root) if request.param == "dashboard" else create_hub(local(root))
    yield app
    for close in app.state.closing:
        close()


@pytest.fixture
def told(app: Starlette) -> dict[str, Any]:
    """The description, as anybody gets it."""
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.get(ADDRESS)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def routes_of(app: Starlette) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route) and route.path not in LEFT_OUT
        for method in (route.methods or set()) - {"HEAD"}
    }


def test_every_route_is_described_and_says_what_it_is_for(
    app: Starlette, told: dict[str, Any]
) -> None:
    """A new route needs a line in `rltrack/openapi/dashboard.py` or `team.py`, and a docstring."""
    routes = routes_of(app)
    assert routes - OPERATIONS.keys() == set()

    plain = {(m, p.replace(":project}", "}").replace(":path}", "}")) for m, p in routes}
    assert {(method, path) for method, path, _ in operations(told)} == plain
    assert [path for _, path, one in operations(told) if not one["summary"]] == []
    ids = [one["operationId"] for _, _, one in operations(told)]
    assert len(ids) == len(set(ids))


def test_every_line_of_the_tables_is_of_a_route(root: Path) -> None:
    app = create_hub(local(root))
    assert OPERATIONS.keys() - routes_of(app) == set()
    for close in app.state.closing:
        close()


def test_every_part_body_and_refusal_is_described(told: dict[str, Any]) -> None:
    for method, path, one in operations(told):
        parts = set(_parts(path))
        said = {p["name"] for p in one.get("parameters", ()) if p["in"] == "path"}
        assert parts == said, path
        assert ("requestBody" in one) is (method in ("POST", "PUT")), (method, path)
        for status, answer in one["responses"].items():
            if int(status) >= 400 and "$ref" in answer:
                answer = told["components"]["responses"][answer["$ref"].rpartition("/")[2]]
                shape = answer["content"]["application/json"]["schema"]["$ref"]
                assert shape == "#/components/schemas/Error", (path, status)
    assert told["components"]["schemas"]["Error"]["required"] == ["error", "hint"]


def _parts(path: str) -> Iterator[str]:
    for piece in path.split("{")[1:]:
        yield piece.partition("}")[0]


def test_a_server_with_accounts_says_what_opens_each_route(
    app: Starlette, told: dict[str, Any]
) -> None:
    for method, path, one in operations(told):
        assert ("security" in one) is app.state.accounts, (method, path)
    if app.state.accounts:
        paths = told["paths"]
        assert {} in paths["/healthz"]["get"]["security"]
        assert {} not in paths["/api/projects/{project}/edit"]["post"]["security"]
        assert paths["/api/projects/{project}/edit"]["post"]["x-right"] == "write"


# -- shapes ----------------------------------------------------------------------------------------


class Leaf(TypedDict):
    """A leaf."""

    size: int | None


class Tree(TypedDict):
    """A tree of trees."""

    leaves: list[Leaf]
    under: NotRequired[dict[str, Tree]]


def test_a_shape_becomes_what_json_schema_says() -> None:
    schemas = Schemas()
    assert schemas.of(Tree) == {"$ref": "#/components/schemas/Tree"}
    assert schemas.named == {
        "Leaf": {
            "type": "object",
            "description": "A leaf.",
            "properties": {"size": {"type": ["integer", "null"]}},
            "required": ["size"],
        },
        "Tree": {
            "type": "object",
            "description": "A tree of trees.",
            "properties": {
                "leaves": {"type": "array", "items": {"$ref": "#/components/schemas/Leaf"}},
                "under": {
                    "type": "object",
                    "additionalProperties": {"$ref": "#/components/schemas/Tree"},
                },
            },
            "required": ["leaves"],
        },
    }
