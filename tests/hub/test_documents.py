"""Views and colours of a team's project: who saved them, who may, and what one who sees a part finds."""

from __future__ import annotations

from typing import Any

from tests.hub.team import Team, at

VIEWS = at("lab/walk", "/documents/views")


def _save(client: Any, name: str, query: str, version: str | None = None) -> Any:
    headers = {"if-match": f'"{version}"'} if version else {}
    body = {"body": {"name": name, "query": query}}
    return client.put(f"{VIEWS}/{name}", json=body, headers=headers)


def test_a_view_says_who_saved_it_and_so_does_a_conflict(team: Team) -> None:
    """A viewer sees it, and changes nothing."""
    ann, max_, vic = (team.sign_in(name) for name in ("ann", "max", "vic"))
    first = _save(max_, "shared", "y=log").json()
    assert first["by"] == "max"
    assert _save(ann, "shared", "y=log&group=config.lr", first["version"]).json()["by"] == "ann"
    late = _save(max_, "shared", "q=ppo", first["version"])
    assert (late.status_code, late.json()["error"]) == (412, "ann has saved 'shared' meanwhile")

    assert [one["by"] for one in vic.get(VIEWS).json()["documents"]] == ["ann"]
    assert _save(vic, "mine", "").status_code == 403
    assert vic.post(at("lab/walk", "/short"), json={"link": "/p/lab%2Fwalk"}).status_code == 403


def test_who_sees_some_runs_sees_no_views_and_finds_only_those_runs(team: Team) -> None:
    """A view may name runs that they do not see."""
    ann, otto = team.sign_in("ann"), team.sign_in("otto")
    _save(ann, "shared", "on=two")
    page = {"page": "/p/lab%2Fwalk/r/one", "runs": ["one"]}
    link = team.client()
    link.get(ann.post(at("lab/walk", "/links"), json=page).json()["url"])

    assert link.get(VIEWS).json() == {"documents": [], "damaged": []}
    assert link.get(f"{VIEWS}/shared").status_code in (401, 404)
    found = link.get("/api/search", params={"near": "lab/walk"}).json()
    assert [run["id"] for run in found["runs"] if run["project"] == "lab/walk"] == ["one"]
    assert (found["metrics"], found["artifacts"]) == ([], [])
    assert {run["id"] for run in otto.get("/api/search").json()["runs"]} == {"own", "shown"}
    assert {run["id"] for run in ann.get("/api/search").json()["runs"]} == {"one", "two", "shown"}
