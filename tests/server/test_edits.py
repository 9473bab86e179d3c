"""Changes of many runs at once, asked of a real server, and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for name in ("a", "b"):
        with rltrack.init(project="p", id=name, name=name, tags=["first"]) as run:
            run.log({"return": 1.0})


def post(client: httpx.Client, what: str, body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/projects/p/{what}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(client: httpx.Client, project: str = "p") -> dict[str, dict[str, Any]]:
    runs = client.get(f"/api/projects/{project}/runs").json()["runs"]
    return {run["id"]: run for run in runs}


def test_what_was_changed_is_listed_and_its_undo_puts_everything_back(client: httpx.Client) -> None:
    """Names, tags, groups and notes of many runs in one request."""
    before = listed(client)
    facts = {"name": "new", "tags": ["x", "y"], "group": "g", "notes": "why"}
    done = post(client, "edit", {"changes": [{"run": r, "facts": facts} for r in ("a", "b")]})

    assert {name: listed(client)["b"][name] for name in facts} == facts
    assert done["failed"] == []
    post(client, "edit", {"changes": done["undo"]})
    after = listed(client)
    assert [after["a"][name] for name in facts] == [before["a"][name] for name in facts]


def test_one_run_that_cannot_be_changed_keeps_no_other_from_it(client: httpx.Client) -> None:
    """And the answer says which, and why."""
    changes = [{"run": r, "facts": {"name": "new"}} for r in ("gone", "a")]
    changes.append({"run": "b", "facts": {"name": ""}})
    done = post(client, "edit", {"changes": changes})

    assert {one["run"] for one in done["failed"]} == {"gone", "b"}
    assert listed(client)["a"]["name"] == "new"


def test_deleted_runs_come_back(client: httpx.Client) -> None:
    """With what they had logged."""
    assert post(client, "delete", {"runs": ["a", "b"]})["done"] == ["a", "b"]
    assert client.get("/api/projects/p/runs").status_code == 404
    assert post(client, "restore", {"runs": ["a", "b"]})["done"] == ["a", "b"]
    assert listed(client)["a"]["summary"]["return"] == 1.0
    assert post(client, "restore", {"runs": ["a"]})["failed"][0]["run"] == "a"


def test_a_live_run_is_neither_deleted_nor_moved(client: httpx.Client) -> None:
    """Its training writes there."""
    with rltrack.init(project="p", id="live"):
        for what, more in (("delete", {}), ("move", {"to": "q"})):
            done = post(client, what, {"runs": ["live", "a"], **more})
            assert [one["run"] for one in done["failed"]] == ["live"]
            assert done["done"] == ["a"]
            if what == "delete":
                post(client, "restore", {"runs": ["a"]})
    assert listed(client, "q").keys() == {"a"}


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("edit", {"changes": [{"run": "a", "facts": {"config": {}}}]}),
        ("edit", {"changes": 3}),
        ("delete", {"runs": "a"}),
        ("move", {"runs": ["a"]}),
    ],
)
def test_what_is_no_change_is_refused(client: httpx.Client, what: str, body: Any) -> None:
    """Before anything is changed."""
    answer = client.post(f"/api/projects/p/{what}", json=body)
    assert answer.status_code == 400
    assert answer.json()["hint"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({}, 200),
    ],
)
def test_no_other_site_changes_anything(
    client: httpx.Client, headers: dict[str, str], status: int
) -> None:
    """A form of another site carries no JSON, and its script's request names its origin."""
    headers = {"content-type": "application/json"} | headers
    answer = client.post("/api/projects/p/delete", content=b'{"runs": ["a"]}', headers=headers)
    assert answer.status_code == status
    assert ("a" in listed(client)) == (status != 200)
    origin = {"origin": str(client.base_url).rstrip("/")}
    assert client.post("/api/projects/p/query", json={}, headers=origin).status_code == 200
