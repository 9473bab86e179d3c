"""Signing in: what lets somebody in, and what does not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import sqlalchemy

from rltrack.hub import tokens
from rltrack.hub.app import create_hub, set_up_link
from rltrack.hub.database import Database
from rltrack.hub.limits import Buckets, Limit, TooMany, attempt
from rltrack.server.run import Background
from tests.hub.team import PASSWORD, Team, at, local

JSON = {"content-type": "application/json"}


def secret_of(url: str) -> str:
    return url.partition("/join#")[2]


def test_the_first_start_gives_a_link_that_makes_the_first_administrator(root: Path) -> None:
    """And no default password; the link works once."""
    app = create_hub(local(root))
    with Background(root, port=0, app=app) as server, httpx.Client(base_url=server.url) as client:
        links = [set_up_link(app, server.url), set_up_link(app, server.url)]  # two replicas
        assert links[0] is not None
        assert links[1] is not None
        first, second = (secret_of(link) for link in links if link)
        assert client.post("/api/invitation", json={"secret": first}).json()["kind"] == "setup"
        weak = {"secret": first, "name": "ann", "password": "short"}
        assert client.post("/api/invitation/accept", json=weak).status_code == 400
        made = {"secret": first, "name": "ann", "password": PASSWORD}
        assert client.post("/api/invitation/accept", json=made).status_code == 200
        assert client.get("/api/account").json()["is_admin"] is True

        again = {"name": "eve", "password": PASSWORD}
        for used in (first, second):
            answer = client.post("/api/invitation/accept", json={**again, "secret": used})
            assert answer.status_code == 404
        assert set_up_link(app, server.url) is None


def test_a_session_is_another_after_each_login(team: Team) -> None:
    """Else whoever has put a cookie into somebody's browser would be signed in with them."""
    client = team.client()
    client.cookies.set("rltrack-session", "planted")
    client.post("/api/login", json={"name": "ann", "password": PASSWORD})
    first = client.cookies.get("rltrack-session", domain="127.0.0.1")
    client.cookies.delete("rltrack-session", domain="")
    answer = client.post("/api/login", json={"name": "ann", "password": PASSWORD})
    second = client.cookies["rltrack-session"]

    assert len({"planted", first, second}) == 3
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    assert "secure" not in flags  # plain HTTP, on this machine
    for cookie in ("planted", first):
        stale = team.client(cookie=f"rltrack-session={cookie}").get("/api/account")
        assert stale.json()["name"] is None


def test_a_cookie_is_secure_where_the_server_is_reached_by_https(root: Path) -> None:
    """As its public address says, or a proxy that is believed."""
    app = create_hub(local(root, public_url="https://lab.example"))
    with Background(root, port=0, app=app) as server, httpx.Client(base_url=server.url) as client:
        link = set_up_link(app, "https://lab.example")
        assert link is not None
        made = {"secret": secret_of(link), "name": "ann", "password": PASSWORD}
        answer = client.post("/api/invitation/accept", json=made)

    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_password_is_not_guessed_for_long(team: Team) -> None:
    """Ten times from one address, however right the eleventh is; others still get in."""
    client = team.client()
    wrong = [
        client.post("/api/login", json={"name": "ann", "password": f"guess {n}"}).status_code
        for n in range(11)
    ]
    right = client.post("/api/login", json={"name": "ann", "password": PASSWORD})

    assert wrong == [403] * 10 + [429]
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0
    assert client.post("/api/login", json={"name": "max", "password": PASSWORD}).status_code == 200


def test_a_wrong_name_is_told_like_a_wrong_password(team: Team) -> None:
    """Who has an account is nobody's business."""
    client = team.client()
    answers = [
        client.post("/api/login", json={"name": name, "password": "nonsense"}).json()
        for name in ("ann", "nobody-here", "lab", "../ann", "ann\x00"[:3])
    ]

    assert all(answer == answers[0] for answer in answers)


def test_keys_are_told_once_and_kept_as_hashes(team: Team) -> None:
    client = team.sign_in("ann")
    made = client.post("/api/account/keys", json={"name": "laptop", "scope": "write"}).json()
    key = made["key"]
    program = team.client(authorization=f"Bearer {key}")
    assert program.get("/api/account").json()["by"] == "key"

    [told] = client.get("/api/account/keys").json()["keys"]
    assert told["used_at"] is not None
    assert key not in str(told)
    secret = key.split("_", 2)[2]
    with team.database.read() as session:
        for table in sqlalchemy.inspect(team.database.engine).get_table_names():
            rows = session.execute(sqlalchemy.text(f'SELECT * FROM "{table}"')).all()
            assert secret not in str(rows), table

    # A key makes no other keys, unless it may do all that its user may.
    assert (
        program.post("/api/account/keys", json={"name": "x", "scope": "admin"}).status_code == 403
    )
    assert client.delete(f"/api/account/keys/{told['id']}", headers=JSON).status_code == 200
    assert program.get(at("lab/walk", "/runs")).status_code == 401


def test_a_key_with_one_letter_changed_opens_nothing(team: Team) -> None:
    key = team.key("ann", "admin")
    wrong = [key[:-1] + ("a" if key[-1] != "a" else "b"), key[:20], "rlt__", "rlt", f"{key}x"]

    statuses = [
        team.client(authorization=f"Bearer {one}").get("/api/projects").status_code for one in wrong
    ]
    assert set(statuses) <= {401, 429}
    assert team.client(authorization=f"Basic {key}").get("/api/projects").status_code in (401, 429)


def test_a_key_of_a_deleted_user_opens_nothing(team: Team) -> None:
    """Nor does their session, and nobody can take their name."""
    program, browser = team.program("max", "admin"), team.sign_in("max")
    admin = team.sign_in("root1")
    assert program.get(at("lab/walk", "/runs")).status_code == 200
    assert admin.delete("/api/admin/users/max", headers=JSON).status_code == 200

    assert program.get(at("lab/walk", "/runs")).status_code == 401
    assert browser.get(at("lab/walk", "/runs")).status_code == 401
    assert browser.post("/api/login", json={"name": "max", "password": PASSWORD}).status_code == 403
    link = admin.post("/api/admin/invitations", json={}).json()["url"]
    body = {"secret": secret_of(link), "name": "max", "password": PASSWORD}
    assert team.client().post("/api/invitation/accept", json=body).status_code == 409


def test_a_key_past_its_days_opens_nothing(team: Team) -> None:
    made = team.sign_in("ann").post(
        "/api/account/keys", json={"name": "short", "scope": "read", "days": 1e-7}
    )

    program = team.client(authorization=f"Bearer {made.json()['key']}")
    assert program.get(at("lab/walk", "/runs")).status_code == 401


@pytest.mark.parametrize(
    "name", ["../ann", "a/b", "a%2Fb", "Ann", "", "a" * 40, "api", "-a", "ä", "a\x00", 3, None]
)
def test_names_that_could_be_paths_or_words_of_ours_are_refused(team: Team, name: object) -> None:
    """A name stands in addresses and in folders."""
    assert team.sign_in("ann").post("/api/teams", json={"name": name}).status_code == 400


@pytest.mark.parametrize(
    "project",
    ["walk", "lab", "lab/../otto/mine", "../otto/mine", "lab/", "/walk", "LAB/walk", "lab//walk"],
)
def test_tricks_in_the_name_of_a_project_lead_nowhere(team: Team, project: str) -> None:
    """The part in front of the first slash says whose it is; the rest has none."""
    owner = team.sign_in("ann")

    assert owner.get(at(project, "/runs")).status_code == 404
    assert owner.post(at(project, "/delete"), json={"runs": ["own"]}).status_code == 404
    assert (team.root / "otto%2Fmine" / "own").exists()


def test_runs_move_only_to_where_one_may_write(team: Team) -> None:
    owner = team.sign_in("ann")
    for target in ("otto/mine", "../x", "lab", "otto/../lab/x"):
        body = {"runs": ["one"], "to": target}
        assert owner.post(at("lab/walk", "/move"), json=body).status_code == 403, target

    body = {"runs": ["../../otto%2Fmine/own", "/etc"], "to": "ann/x"}
    assert owner.post(at("lab/walk", "/move"), json=body).json()["done"] == []
    body = {"runs": ["../otto%2Fmine/own", "own"]}
    for change in ("/delete", "/restore"):
        assert owner.post(at("lab/walk", change), json=body).json()["done"] == []


def test_a_form_of_another_site_changes_nothing(team: Team) -> None:
    """Its browser sends the cookie along where the sites are one to it: two ports, two sub-domains."""
    browser = team.sign_in("ann")
    for headers in (
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {},
        {**JSON, "origin": "http://127.0.0.1:1"},
        {**JSON, "sec-fetch-site": "same-site"},
    ):
        for method, path in (
            ("POST", "/api/account/keys"),
            ("DELETE", "/api/teams/lab/members/max"),
            ("POST", "/api/logout"),
        ):
            answer = browser.request(method, path, content=b"{}", headers=headers)
            assert answer.status_code in (403, 415), (headers, path)
    assert browser.get("/api/teams/lab").json()["members"][1]["name"] == "max"


def test_the_last_owner_stays(team: Team) -> None:
    """A team that nobody owns could not be helped."""
    owner = team.sign_in("ann")

    left = owner.delete("/api/teams/lab/members/ann", headers=JSON)
    lowered = owner.put("/api/teams/lab/members/ann", json={"role": "viewer"})
    assert (left.status_code, lowered.status_code) == (409, 409)
    assert owner.put("/api/teams/lab/members/max", json={"role": "owner"}).status_code == 200
    assert owner.delete("/api/teams/lab/members/ann", headers=JSON).status_code == 200
    assert owner.get(at("lab/walk", "/runs")).status_code == 404


def test_an_invitation_brings_somebody_into_a_team(team: Team) -> None:
    """With a new account, or with the one that they have."""
    owner = team.sign_in("ann")
    links = [
        owner.post("/api/teams/lab/invitations", json={"role": "viewer"}).json()["url"]
        for _ in range(2)
    ]
    new, otto = team.client(), team.sign_in("otto")
    body = {"secret": secret_of(links[0]), "name": "nina", "password": PASSWORD}
    assert new.post("/api/invitation/accept", json=body).status_code == 200
    assert (
        otto.post("/api/invitation/accept", json={"secret": secret_of(links[1])}).status_code == 200
    )

    for client in (new, otto):
        assert client.get(at("lab/walk", "/runs")).status_code == 200
        assert client.post(at("lab/walk", "/edit"), json={"changes": []}).status_code == 403
        assert client.post("/api/teams/lab/invitations", json={"role": "owner"}).status_code == 403


def test_a_new_password_signs_other_browsers_out(team: Team) -> None:
    here, there = team.sign_in("ann"), team.sign_in("ann")
    body = {"old": PASSWORD, "new": "another long one"}

    assert here.post("/api/account/password", json={**body, "old": "x"}).status_code == 403
    assert here.post("/api/account/password", json=body).status_code == 200
    assert here.get("/api/account").json()["name"] == "ann"
    assert there.get("/api/account").json()["name"] is None
    team.sign_in("ann", "another long one")


def test_the_audit_log_says_who_did_what(team: Team) -> None:
    """With what, and from where; and nothing secret."""
    owner, admin = team.sign_in("ann"), team.sign_in("root1")
    key = owner.post("/api/account/keys", json={"name": "laptop", "scope": "read"}).json()["key"]
    owner.put(at("lab/walk", "/access"), json={"visibility": "public"})
    team.client().post("/api/login", json={"name": "ann", "password": "a wrong one"})

    entries = admin.get("/api/admin/audit?limit=3").json()["entries"]
    assert [(one["who"], one["action"], one["target"]) for one in entries[:2]] == [
        ("", "login.failed", "ann"),
        ("ann", "project.visibility", "lab/walk"),
    ]
    assert entries[1]["by"].startswith("session ")
    assert entries[1]["address"] == "127.0.0.1"
    assert entries[1]["detail"] == {"visibility": "public"}
    older = admin.get(f"/api/admin/audit?before={entries[-1]['id']}").json()["entries"]
    assert entries[-1]["id"] not in [one["id"] for one in older]
    assert key not in str(entries + older)
    assert "a wrong one" not in str(entries + older)


# -- limits --------------------------------------------------------------------------------------


def test_requests_are_counted_for_each_key_on_its_own() -> None:
    """A burst, and then as many as come back with time."""
    at = [0.0]
    buckets = Buckets(2.0, clock=lambda: at[0])
    waits = [buckets.take("a") for _ in range(21)]

    assert waits == [0.0] * 20 + [0.5]
    assert buckets.take("b") == 0
    at[0] = 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 0.5]


def test_a_key_that_asks_too_often_is_told_when_to_ask_again(root: Path) -> None:
    from tests.hub.team import team_at

    with team_at(local(root, requests_per_s=0.5)) as team:
        program = team.program("ann")
        answers = [program.get("/api/account") for _ in range(8)]

    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) in (1, 2)


def test_attempts_are_counted_over_replicas(database_url: str) -> None:
    """Each has its own process, and they share the database."""
    limit = Limit(2, 60.0)
    with Database(database_url) as one, Database(database_url) as other:
        for database, now in ((one, 0.0), (other, 1.0)):
            with database.write() as session:
                attempt(session, "login", limit, now)
        with pytest.raises(TooMany) as caught, one.write() as session:
            attempt(session, "login", limit, 20.0)
        with other.write() as session:
            attempt(session, "login", limit, 60.0)

    assert caught.value.headers == {"retry-after": "40"}


def test_a_key_is_random_and_says_its_id() -> None:
    key = tokens.api_key(tokens.new_id(), tokens.new_secret())

    assert tokens.id_of_key(key) == key.split("_")[1]
    assert tokens.id_of_key("sk-something") is None
    assert len(key) >= 55
