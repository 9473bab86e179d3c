"""Documents over HTTP, asked of a real server."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

import rltrack

VIEWS = "/api/projects/p/documents/views"


@pytest.fixture(autouse=True)
def project(root: Path) -> None:
    with rltrack.init(project="p", id="r"):
        pass


def test_a_document_is_saved_from_the_version_that_it_replaces(client: httpx.Client) -> None:
    """Who was too late is told what is there."""
    new = {"if-none-match": "*"}
    first = client.put(f"{VIEWS}/a", json={"body": {"name": "A"}}, headers=new).json()
    assert client.put(f"{VIEWS}/a", json={"body": 1}, headers=new).status_code == 412
    was = {"if-match": f'"{first["version"]}"'}
    second = client.put(f"{VIEWS}/a", json={"body": {"name": "B"}}, headers=was)
    assert second.status_code == 200
    late = client.put(f"{VIEWS}/a", json={"body": {"name": "C"}}, headers=was)
    assert late.status_code == 412
    assert late.json()["error"] == "somebody has saved 'a' meanwhile"
    assert late.json()["document"] == second.json()
    assert client.get(VIEWS).json() == {"documents": [second.json()], "damaged": []}
    assert client.request("DELETE", f"{VIEWS}/a", headers=was).status_code == 412
    assert client.delete(f"{VIEWS}/a").status_code == 200
    assert client.get(f"{VIEWS}/a").status_code == 404


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        (f"{VIEWS}/A", {"body": 1}, 400),
        (f"{VIEWS}/a", [1], 400),
        ("/api/projects/p/documents/secrets/a", {"body": 1}, 404),
        ("/api/projects/none/documents/views/a", {"body": 1}, 404),
    ],
)
def test_what_is_no_document_is_refused(
    client: httpx.Client, path: str, sent: object, status: int
) -> None:
    """With what to do next."""
    answer = client.put(path, json=sent)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


def test_a_long_link_has_a_short_id_of_what_it_says(client: httpx.Client) -> None:
    """The same link has the same id."""
    link = "/p/p?q=" + "x" * 2000
    ids = {client.post("/api/projects/p/short", json={"link": link}).json()["id"] for _ in "ab"}
    assert len(ids) == 1
    kept = client.get(f"/api/projects/p/documents/links/{ids.pop()}").json()
    assert kept["body"] == link
    for wrong in ("https://elsewhere", "/p/" + "x" * 300_000, None):
        assert client.post("/api/projects/p/short", json={"link": wrong}).status_code == 400


def test_open_pages_hear_of_a_change(client: httpx.Client) -> None:
    """By kind, on the stream of the project."""
    with client.stream("GET", "/api/projects/p/changes") as stream:
        lines = stream.iter_lines()
        for line in lines:
            if line.startswith("data:"):
                break
        client.put(f"{VIEWS}/a", json={"body": 1})
        told = next(json.loads(line[5:]) for line in lines if line.startswith("data:"))
    assert (told["documents"], told["runs"]) == (["views"], [])


def test_a_colour_that_somebody_chose_is_the_run_s_everywhere(client: httpx.Client) -> None:
    """What was chosen counts more than what was frozen; a page hears of it as of any change."""

    def slot(since: int = -1) -> tuple[int, dict[str, int]]:
        found = client.get("/api/projects/p/runs", params={"since": since}).json()
        return found["version"], {run["id"]: run["slot"] for run in found["runs"]}

    colours = "/api/projects/p/documents/colours/project"
    version, slots = slot()
    assert slots == {"r": 0}
    body = {"frozen": {"runs": {"r": 5, "other": 2}}, "runs": {}, "groups": {}}
    client.put(colours, json={"body": body})
    version, slots = slot(version)
    assert slots == {"r": 5}
    client.put(colours, json={"body": {**body, "runs": {"r": 7}}})
    version, slots = slot(version)
    assert slots == {"r": 7}
    client.put(colours, json={"body": {"runs": {"r": "red"}}})
    assert slot(version)[1] == {"r": 0}
    assert client.get("/api/projects/p/runs/r").json()["slot"] == 0
