"""One box over all projects, asked of a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import rltrack
from rltrack.server.search import Search
from rltrack.server.sight import EVERYTHING
from rltrack.store.project import Catalog


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for number in range(4):
        config = {"lr": [3e-4, 0.01][number % 2], "env": {"id": "CartPole-v1"}}
        with rltrack.init(
            project="p", id=f"r{number}", name=f"ppo-seed{number}", config=config, tags=["baseline"]
        ) as run:
            run.log({"train/loss": 1.0, "episode/return": 2.0})
    with rltrack.init(project="walker", id="w1", name="sac first", config={"lr": 3e-4}) as run:
        run.log({"fps": 1.0})
        artifact = rltrack.Artifact("policy", type="model")
        with artifact.new_file("weights.txt") as file:
            file.write("1")
        run.log_artifact(artifact)


def ask(client: httpx.Client, q: str, near: str = "") -> dict[str, Any]:
    answer = client.get("/api/search", params={"q": q, "near": near})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [run["id"] for run in found["runs"]]


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        ("seed2", ["r2"], []),
        ("R3", ["r3"], ["r3"]),
        ("lr=3e-4 ppo", ["r2", "r0"], ["lr=0.0003"]),
        ("sac lr=0.0003", ["w1"], ["lr=0.0003"]),
        ("baseline", ["r3", "r2", "r1", "r0"], ["baseline"]),
        ("ps1", ["r1"], []),
        ("nothing like it", [], None),
    ],
)
def test_runs_are_found_by_all_that_is_said_of_them(
    client: httpx.Client, text: str, expected: list[str], why: list[str] | None
) -> None:
    """By name, id, tag and config; by letters of the name where no word fits."""
    found = ask(client, text)
    assert ids(found) == expected
    if why is not None:
        assert found["runs"][0]["why"] == why


def test_metrics_and_artifacts_are_those_of_the_project_that_is_open(client: httpx.Client) -> None:
    """Projects are found wherever one is."""
    found = ask(client, "", near="walker")
    assert found["metrics"] == ["fps"]
    assert found["artifacts"] == [{"name": "policy", "type": "model"}]
    assert found["projects"] == ["p", "walker"]
    assert ask(client, "los", near="p")["metrics"] == ["train/loss"]
    assert ask(client, "wlk")["projects"] == ["walker"]


def test_only_what_one_sees_is_found(root: Path) -> None:
    """A run that somebody was shown by link, and nothing else."""

    class OneRun:
        name = None

        def runs_of(self, project: str) -> frozenset[str] | None:
            return frozenset({"r1"} if project == "p" else ())

        def may_write(self, project: str) -> bool:
            return False

    found = Search(Catalog(root)).find("", OneRun(), "p")
    assert (ids(found), found["projects"]) == (["r1"], ["p"])
    assert (found["metrics"], found["artifacts"]) == ([], [])


def test_a_run_that_came_meanwhile_is_found(root: Path) -> None:
    """Folders are looked at again after a moment."""
    search = Search(Catalog(root), look_s=0.0)
    assert len(search.find("ppo", EVERYTHING, None)["runs"]) == 4
    with rltrack.init(project="p", id="new", name="ppo-new"):
        pass
    assert len(search.find("ppo", EVERYTHING, None)["runs"]) == 5
