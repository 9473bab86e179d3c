"""Accounts on each database: the statements that the two could read differently."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.team import PASSWORD, Team, at, local, record, team_at

JSON = {"content-type": "application/json"}


@pytest.fixture
def team(root: Path, database_url: str) -> Iterator[Team]:
    """A running server with people, on a database of each kind."""
    record(root, "lab/walk", "one")
    with team_at(local(root, database=database_url)) as team:
        yield team


def test_people_keys_links_and_the_log_work_on_it(team: Team) -> None:
    owner, admin = team.sign_in("ann"), team.sign_in("root1")
    key = owner.post("/api/account/keys", json={"name": "k", "scope": "read"}).json()
    program = team.client(authorization=f"Bearer {key['key']}")
    assert [one["id"] for one in program.get(at("lab/walk", "/runs")).json()["runs"]] == ["one"]

    assert owner.put(at("lab/walk", "/access"), json={"visibility": "public"}).status_code == 200
    assert team.client().get(at("lab/walk", "/runs")).status_code == 200
    link = owner.post(at("lab/walk", "/links"), json={"page": "/p/lab%2Fwalk", "runs": ["one"]})
    assert team.client().get(link.json()["url"]).status_code == 303
    invited = owner.post("/api/teams/lab/invitations", json={"role": "viewer"}).json()["url"]
    body = {"secret": invited.partition("#")[2], "name": "nina", "password": PASSWORD}
    assert team.client().post("/api/invitation/accept", json=body).status_code == 200
    assert owner.post("/api/teams", json={"name": "lab"}).status_code == 409
    assert admin.delete("/api/admin/users/max", headers=JSON).status_code == 200
    assert admin.get("/api/admin/quotas").status_code == 200
    assert len(admin.get("/api/admin/users").json()["users"]) == 5

    actions = [one["action"] for one in admin.get("/api/admin/audit").json()["entries"]]
    assert {"user.delete", "invitation.join", "link.make", "key.make", "login"} <= set(actions)


def test_an_invitation_is_used_once_however_many_try_at_once(team: Team) -> None:
    link = team.sign_in("ann").post("/api/teams/lab/invitations", json={"role": "viewer"}).json()
    secret = link["url"].partition("#")[2]

    def accept(number: int) -> int:
        body = {"secret": secret, "name": f"new{number}", "password": PASSWORD}
        return team.client().post("/api/invitation/accept", json=body).status_code

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(accept, range(4))) == [200, 404, 404, 404]


def test_attempts_at_once_are_all_counted(team: Team) -> None:
    def guess(number: int) -> int:
        body = {"name": "ann", "password": f"guess {number}"}
        return team.client().post("/api/login", json=body).status_code

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(guess, range(14)))

    assert sorted(statuses) == [403] * 10 + [429] * 4
