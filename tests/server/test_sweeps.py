"""Sweeps over HTTP: what the page reads, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import rltrack


@pytest.fixture
def sweep_id(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RLTRACK_SILENT", "true")
    config = {
        "method": "grid",
        "metric": {"name": "loss"},
        "parameters": {"a": {"values": [3, 1, 2]}, "kind": {"values": ["x", "y"]}},
    }
    return rltrack.sweep(config, project="p")


def train() -> None:
    with rltrack.init() as run:
        run.log({"loss": run.config.a + (run.config.kind == "x")})


def test_a_sweep_is_read_and_followed(root: Path, client: httpx.Client, sweep_id: str) -> None:
    """Whoever knows a version is told only what is new."""
    path = f"/api/projects/p/sweeps/{sweep_id}"
    empty = client.get(path).json()
    assert (empty["state"], empty["trials"], empty["expected"]) == ("PENDING", [], 6)
    assert [one["name"] for one in empty["parameters"]] == ["a", "kind"]

    rltrack.agent(sweep_id, train, count=4)
    some = client.get(path).json()
    assert len(some["trials"]) == 4
    assert some["state"] == "RUNNING"
    assert [one["state"] for one in some["agents"]] == ["gone"]
    rltrack.agent(sweep_id, train)
    rest = client.get(path, params={"since": some["version"]}).json()
    assert [one["number"] for one in rest["trials"]] == [4, 5]
    assert not rest["whole"]
    assert (rest["state"], rest["best"]["value"]) == ("FINISHED", 1.0)
    assert [one["id"] for one in client.get("/api/projects/p/sweeps").json()["sweeps"]] == [
        sweep_id
    ]
    assert client.get("/api/projects/q/sweeps").json() == {"sweeps": []}
    assert client.get(f"/api/projects/q/sweeps/{sweep_id}").status_code == 404


def test_a_sweep_and_a_trial_are_controlled(client: httpx.Client, sweep_id: str) -> None:
    """As by the command line; and nothing that is no such request changes anything."""
    path = f"/api/projects/p/sweeps/{sweep_id}/ask"
    assert client.post(path, json={"what": "pause"}).json()["state"] == "PAUSED"
    answered = client.post(path, json={"what": "resume"}).json()
    assert (answered["state"], answered["agents"]) == ("PENDING", [])
    assert client.post(path, json={"what": "burn"}).status_code == 400
    assert client.post(path, json={"what": "stop", "trial": 7}).status_code == 404


def test_importance_of_any_rows(client: httpx.Client, missing: Callable[[str, str], None]) -> None:
    """The page sends those that are chosen; a row without a number is left out."""
    columns = {"lr": [1, 2, 3, 4, 5, 6], "note": ["a", "b", "a", "b", "a", "b"]}
    body = {"columns": columns, "values": [1, 2, 3, 4, None, 6], "metric": "loss"}
    found = client.post("/api/projects/p/importances", json=body).json()
    assert found["count"] == 5
    assert "few" in found["caution"]
    assert [one["name"] for one in found["parameters"]] == ["lr", "note"]
    assert found["parameters"][0]["correlation"] == pytest.approx(1.0)
    body["columns"]["lr"] = [1]  # type: ignore[index]
    assert client.post("/api/projects/p/importances", json=body).status_code == 400
