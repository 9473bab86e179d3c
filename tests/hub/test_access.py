"""Who may do what: every route, asked by everybody."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from starlette.routing import Route

from rltrack.artifacts.collection import Collection, Version
from rltrack.hub.app import create_hub
from rltrack.hub.gate import RULES
from tests.hub.team import Team, at, local, record

EVERYBODY = [
    "anonymous",
    "link",
    "outsider",
    "viewer",
    "member",
    "owner",
    "admin",
    "key-read",
    "key-write",
    "key-other",
]
#: Rights, and who has them on the private project lab/walk and its run `one`.
ALLOWED: dict[str, set[str]] = {
    "anyone": set(EVERYBODY),
    "listing": set(EVERYBODY),
    "user": set(EVERYBODY) - {"anonymous", "link"},
    "account": {"outsider", "viewer", "member", "owner", "admin"},
    "admin": {"admin"},
    "run": {"link", "viewer", "member", "owner", "admin", "key-read", "key-write"},
    "some": {"link", "viewer", "member", "owner", "admin", "key-read", "key-write"},
    "read": {"viewer", "member", "owner", "admin", "key-read", "key-write"},
    "write": {"member", "owner", "admin", "key-write"},
    "own": {"owner", "admin"},
}
#: What stands for the parts of a route.
PARTS = {
    "project:project": "lab%2Fwalk",
    "run": "one",
    "path:path": "nothing",
    "secret": "none",
    "id": "none",
    "team": "none",
    "user": "none",
    "entity": "none",
    "segment": "none",
    "name": "none",
    "version": "v0",
    "sweep": "none",
    "kind": "views",
    "digest": "none",
}
#: What would end the session or the account that the next line asks with.
LAST = [("POST", "/api/logout")]
REFUSED = (401, 403)


def routes_of(team: Team) -> Iterator[tuple[str, str]]:
    app = create_hub(local(team.root, database=f"sqlite:///{team.root.parent / 'other.sqlite'}"))
    app.state.database.close()
    for route in app.routes:
        assert isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, route.path


def test_every_route_has_a_rule_and_every_rule_a_route(team: Team) -> None:
    """One without would be closed to all; one too many might open what comes later."""
    routes = set(routes_of(team))

    assert routes - RULES.keys() == set()
    assert RULES.keys() - routes == set()


@pytest.fixture
def clients(team: Team) -> dict[str, httpx.Client]:
    owner = team.sign_in("ann")
    body = {"page": "/p/lab%2Fwalk/r/one", "runs": ["one"]}
    url = owner.post(at("lab/walk", "/links"), json=body).json()["url"]
    link = team.client()
    assert link.get(url).status_code == 303
    clients = {
        "anonymous": team.client(),
        "link": link,
        "outsider": team.sign_in("otto"),
        "viewer": team.sign_in("vic"),
        "member": team.sign_in("max"),
        "owner": owner,
        "admin": team.sign_in("root1"),
        "key-read": team.program("ann", "read"),
        "key-write": team.program("max", "write"),
        "key-other": team.program("ann", "admin", project="lab/open"),
    }
    assert list(clients) == EVERYBODY
    return clients


def test_each_route_is_open_to_those_whom_its_rule_names(
    team: Team, clients: dict[str, httpx.Client]
) -> None:
    """A private project's 404 means "not for you", too: what is there is not told to outsiders."""
    wrong = []
    for method, route in sorted(RULES, key=lambda rule: rule in LAST):
        path = route
        for part, value in PARTS.items():
            path = path.replace("{" + part + "}", value)
        for who, client in clients.items():
            if path.endswith("/changes"):
                with client.stream(method, path) as stream:  # which would go on for ever
                    status, told = stream.status_code, ""
                    if status != 200:
                        told = json.loads(stream.read())["error"]
            else:
                data = {"content": b"{}", "headers": {"content-type": "application/json"}}
                answer = client.request(method, path, **({} if method == "GET" else data))  # type: ignore[arg-type]
                status, told = answer.status_code, answer.text
            refused = status in REFUSED or "that you may see" in told
            if "/api/login" in path:
                refused = status in REFUSED and "signed in" in told
            if refused is (who in ALLOWED[RULES[method, route]]):
                wrong.append(f"{who} {method} {path}: {status} {told[:120]}")

    assert wrong == []


def test_lists_show_what_one_may_see(clients: dict[str, httpx.Client]) -> None:
    """A public project to everybody, a private one to its team, a link's to whoever has it."""
    seen = {
        who: {one["name"] for one in client.get("/api/projects").json()["projects"]}
        for who, client in clients.items()
    }

    lab, everything = {"lab/walk", "lab/open"}, {"lab/walk", "lab/open", "otto/mine"}
    assert seen == {
        "anonymous": {"lab/open"},
        "link": lab,
        "outsider": {"lab/open", "otto/mine"},
        "viewer": lab,
        "member": lab,
        "owner": lab,
        "admin": everything,
        "key-read": lab,
        "key-write": lab,
        "key-other": {"lab/open"},
    }


def test_the_stream_of_all_projects_tells_of_those_that_one_sees(
    team: Team, clients: dict[str, httpx.Client]
) -> None:
    """Even when others train is nobody else's business."""

    def version(lines: Iterator[str]) -> int:
        told = next(line for line in lines if line.startswith("data: "))
        found: int = json.loads(told.removeprefix("data: "))["version"]
        return found

    with (
        clients["outsider"].stream("GET", "/api/changes") as outside,
        clients["owner"].stream("GET", "/api/changes") as inside,
    ):
        outsider, owner = outside.iter_lines(), inside.iter_lines()
        assert version(outsider) == version(owner)
        record(team.root, "lab/walk", "hidden")
        private = version(owner)
        record(team.root, "lab/open", "seen")

        assert version(outsider) > private


def test_a_public_project_is_read_by_all_and_written_by_its_team(
    clients: dict[str, httpx.Client],
) -> None:
    for who, client in clients.items():
        assert client.get(at("lab/open", "/runs/shown")).status_code == 200, who
        edited = client.post(at("lab/open", "/edit"), json={"changes": []}).status_code
        assert (edited == 200) == (who in ("member", "owner", "admin", "key-write", "key-other"))


# -- share links -----------------------------------------------------------------------------


def test_a_link_to_a_run_shows_that_run_and_no_other(clients: dict[str, httpx.Client]) -> None:
    link = clients["link"]
    panel = {"key": "loss", "runs": ["one", "two"]}
    head = link.post(at("lab/walk", "/series"), json={"panels": [panel]}).content
    size = int.from_bytes(head[:4], "little")
    [answered] = json.loads(head[4 : 4 + size])["panels"]

    assert [run["id"] for run in link.get(at("lab/walk", "/runs")).json()["runs"]] == ["one"]
    assert link.get(at("lab/walk", "/runs/one")).status_code == 200
    assert link.get(at("lab/walk", "/runs/two")).status_code == 404
    assert link.get(at("lab/walk", "/runs/two/console")).status_code == 404
    assert link.get(at("lab/walk", "/runs/one/../two")).status_code == 404
    assert link.get(at("lab/walk", "/runs/..%2f..%2fotto%252Fmine%2fown")).status_code == 404
    assert [one["run"] for one in answered["series"]] == ["one"]
    assert answered["missing"] == ["two"]
    for body in ({"columns": ["name"]}, {"filter": "summary.loss > 0", "columns": []}):
        assert link.post(at("lab/walk", "/query"), json=body).json()["ids"] == ["one"]
    assert link.get(at("otto/mine", "/runs/own")).status_code == 404


@pytest.mark.parametrize("end", ["revoke", "leave", "delete"])
def test_a_link_ends_when_it_is_revoked_or_its_maker_goes(team: Team, end: str) -> None:
    """Nobody shows what they no longer see themselves."""
    maker, owner, admin = team.sign_in("max"), team.sign_in("ann"), team.sign_in("root1")
    body = {"page": "/p/lab%2Fwalk", "runs": None}
    made = maker.post(at("lab/walk", "/links"), json=body).json()
    reader = team.client()
    assert reader.get(made["url"]).status_code == 303
    assert reader.get(at("lab/walk", "/runs/two")).status_code == 200

    says = {"content-type": "application/json"}
    ends = {
        "revoke": lambda: owner.delete(at("lab/walk", f"/links/{made['id']}"), headers=says),
        "leave": lambda: owner.delete("/api/teams/lab/members/max", headers=says),
        "delete": lambda: admin.delete("/api/admin/users/max", headers=says),
    }
    assert ends[end]().status_code == 200

    assert reader.get(at("lab/walk", "/runs/two")).status_code == 401
    assert team.client().get(made["url"]).status_code == 404


def test_a_link_ends_when_its_days_are_over(team: Team) -> None:
    body = {"page": "/p/lab%2Fwalk", "runs": None, "days": 1e-7}
    made = team.sign_in("ann").post(at("lab/walk", "/links"), json=body).json()

    assert team.client().get(made["url"]).status_code == 404


def test_a_stream_ends_with_the_right_to_read_it(team: Team) -> None:
    """It may have been open for days."""
    reader, admin = team.program("vic", "read"), team.sign_in("root1")
    with reader.stream("GET", at("lab/walk", "/changes")) as stream:
        lines = stream.iter_lines()
        next(lines)
        says = {"content-type": "application/json"}
        assert admin.delete("/api/admin/users/vic", headers=says).status_code == 200
        record(team.root, "lab/walk", "three")  # a notice, which is no longer told

        assert "three" not in "".join(lines)


@pytest.mark.parametrize("page", ["//evil.example/p/", "https://evil.example", "/p/\\evil", "p", 3])
def test_a_link_opens_pages_of_this_server_only(team: Team, page: object) -> None:
    answer = team.sign_in("ann").post(at("lab/walk", "/links"), json={"page": page, "runs": None})

    assert answer.status_code == 400


# -- what users logged ---------------------------------------------------------------------------


def test_what_a_user_logged_runs_nothing_on_the_server_either(team: Team) -> None:
    """HTML has an origin of its own in the sandbox: it reads nothing with the reader's cookie."""
    reader = team.sign_in("vic")
    run = reader.get(at("lab/walk", "/runs/one")).json()
    [page] = [item for item in run["media"] if item["key"] == "page"]
    files = [one["path"] for one in run["files"]]
    urls = [page["url"], *(at("lab/walk", f"/runs/one/files/{path}") for path in files)]

    assert "note.html" in files
    for url in urls:
        answer = reader.get(url)
        assert answer.status_code == 200, url
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        assert team.client().get(url).status_code == 401


def test_what_is_served_of_users_files_is_known(team: Team) -> None:
    """These routes, and no other, send bytes as they were logged; each has the sandbox.

    The test above asks the first two, `tests/server/test_artifacts.py` the third.
    """
    one = "/api/projects/{project:project}"
    sending = {path for _, path in routes_of(team) if path.endswith("{path:path}")}

    assert {path for path in sending if path.startswith(one)} == {
        f"{one}/runs/{{run}}/media/{{path:path}}",
        f"{one}/runs/{{run}}/files/{{path:path}}",
        f"{one}/artifact/{{name}}/{{version}}/file/{{path:path}}",
    }


def test_artifacts_lead_into_no_project_that_one_does_not_see(team: Team) -> None:
    """Their lineage goes from one project into another."""
    model = Collection(team.root, "lab/walk", "model")
    facts = Version(
        type="model", digest="0" * 64, size=1, count=1, created_ns=1, run="lab/walk/one"
    )
    version, _ = model.add(facts)
    model.used(version.number, "otto/mine/own")
    path = at("lab/walk", "/artifact/model")

    told = {}
    for name in ("vic", "root1"):
        client = team.sign_in(name)
        told[name] = client.get(path).text + client.get(f"{path}/v0/lineage").text
    assert "otto/mine" in told["root1"]
    assert "otto/mine" not in told["vic"]
    assert "own" not in told["vic"]
