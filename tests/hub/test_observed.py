"""What a server tells those who watch over it: health, numbers, and a line for each request."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rltrack.hub.observed import Numbers, Observed
from rltrack.server.run import Background
from rltrack.store.project import Catalog
from tests.hub.team import Team, at


def test_it_says_whether_it_lives_and_can_work(team: Team) -> None:
    """To everybody; a folder that cannot be written takes it out of service, and back."""
    anybody = team.client()
    assert anybody.get("/healthz").json()["status"] == "ok"
    assert anybody.get("/readyz").json() == {"status": "ok", "failed": {}}

    hub = team.root / ".hub"
    hub.rename(team.root / ".away")
    hub.write_text("no folder")
    answer = anybody.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["failed"].keys() == {"folder"}
    assert anybody.get("/healthz").status_code == 200
    hub.unlink()
    (team.root / ".away").rename(hub)
    assert anybody.get("/readyz").status_code == 200


def test_a_database_that_is_gone_is_named_without_its_address(team: Team) -> None:
    file = Path(str(team.database.engine.url.database))
    team.database.close()
    file.rename(file.with_name("away"))
    file.mkdir()
    answer = team.client().get("/readyz")
    file.rmdir()
    file.with_name("away").rename(file)

    assert (answer.status_code, answer.json()["failed"].keys()) == (503, {"database"})
    assert str(file) not in answer.text


def numbers_of(client: httpx.Client) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_an_administrator_reads_numbers(team: Team) -> None:
    """By route, never by path: no name of a project is in them."""
    for client in (team.client(), team.program("ann")):
        assert client.get("/metrics").status_code in (401, 403)
    admin = team.program("root1", "admin")
    ann = team.sign_in("ann")
    for _ in range(3):
        assert ann.get(at("lab/walk", "/runs")).status_code == 200
    assert ann.get(at("lab/none", "/runs")).status_code == 404

    found = numbers_of(admin)
    route = 'method="GET",route="/api/projects/{project:project}/runs"'
    assert found[f'rltrack_requests_total{{{route},status="200"}}'] == 3
    assert found[f'rltrack_requests_total{{{route},status="404"}}'] == 1
    assert found[f"rltrack_request_seconds_count{{{route}}}"] == 4
    assert found["rltrack_sent_bytes_total"] > 0
    assert not any("walk" in name for name in found)


# -- the log ---------------------------------------------------------------------------------------


def _fail(request: Request) -> Response:
    raise RuntimeError("a fault of ours")


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(params=["json", "text"])
def logged(
    request: pytest.FixtureRequest, root: Path, log: io.StringIO
) -> Iterator[tuple[str, httpx.Client]]:
    """A small application that is observed, with an endpoint that fails."""
    app = Starlette(
        routes=[
            Route("/fine", lambda request: Response(b"12345")),
            Route("/fails", _fail),
        ]
    )
    app.add_middleware(Observed, numbers=Numbers(Catalog(root)), log=request.param, file=log)
    app.state.watches, app.state.closing = {}, []
    with Background(root, port=0, app=app) as server, httpx.Client(base_url=server.url) as client:
        yield request.param, client


def test_each_request_is_a_line_without_a_secret(
    logged: tuple[str, httpx.Client], log: io.StringIO
) -> None:
    form, client = logged
    headers = {"authorization": "Bearer rl_secret", "cookie": "session=secret"}
    answer = client.get("/fine?key=secret", headers=headers | {"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    strange = client.get("/fine", headers={"x-request-id": "no id\tof ours"})
    assert re.fullmatch(r"[0-9a-f]{16}", strange.headers["x-request-id"])
    assert client.get("/fails").status_code == 500

    told = log.getvalue()
    assert "secret" not in told
    assert "RuntimeError: a fault of ours" in told
    if form == "text":
        first = told.splitlines()[0]
        assert re.search(r"GET /fine 200 [0-9.]+ ms - mine-1$", first)
        return
    lines: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    assert [(line["status"], line["level"]) for line in lines] == [
        (200, "info"),
        (200, "info"),
        (500, "error"),
    ]
    assert (lines[0]["request"], lines[0]["path"], lines[0]["sent"]) == ("mine-1", "/fine", 5)


def test_a_server_logs_who_asked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the flag, in the server itself; the path of a share link is not told."""
    from tests.hub.team import local, team_at

    with team_at(local(root, log="json")) as team:
        team.sign_in("ann").get("/api/teams")
        team.client().get("/share/verysecret")
        errors = capsys.readouterr().err
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert ("/api/teams", "ann") in [(line["path"], line["user"]) for line in lines]
    assert "verysecret" not in errors
