"""The run table's questions, asked of a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for number in range(6):
        config = {"lr": [0.1, 0.01, 0.001][number % 3], "seed": number // 3, "net": {"width": 64}}
        with rltrack.init(
            project="p", id=f"r{number}", config=config, tags=["even"] * (number % 2 == 0)
        ) as run:
            for step in range(3):
                run.log({"return": number * 10.0 + step})


def ask(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/projects/p/query", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(answer: dict[str, Any]) -> list[str]:
    return [run["id"] for run in answer["runs"]]


def test_a_page_of_runs_that_fit_in_order(client: httpx.Client) -> None:
    """By text and by dict, over config and over what metrics amount to."""
    first = ask(client, filter="config.lr < 0.1", order=["-max(return)"], limit=3)
    assert (first["total"], ids(first)) == (4, ["r5", "r4", "r2"])
    rest = ask(
        client, filter={"config.lr": {"$lt": 0.1}}, order=["-max(return)"], limit=3, offset=3
    )
    assert ids(rest) == ["r1"]
    assert ids(ask(client, filter="tags has even and min(return) >= 20")) == ["r4", "r2"]
    assert rest["runs"][0]["config"]["net"] == {"width": 64}


def test_groups_of_runs(client: httpx.Client) -> None:
    """By fields, and by everything but the seed."""
    found = ask(client, group=["config.seed"], order=["created_at"])
    assert [(g["values"], g["runs"]) for g in found["groups"]] == [
        ({"config.seed": 0}, ["r0", "r1", "r2"]),
        ({"config.seed": 1}, ["r3", "r4", "r5"]),
    ]
    found = ask(client, group={"all_config_but": ["seed"]}, order=["created_at"], limit=2)
    assert found["group_count"] == 3
    assert [group["runs"] for group in found["groups"]] == [["r0", "r3"], ["r1", "r4"]]
    assert found["groups"][0]["values"] == {"lr": 0.1, "net.width": 64}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"filter": "lr < 3"}, "did you mean config.lr"),
        ({"filter": {"config.lr": {"$near": 1}}}, "no operator"),
        ({"filter": 3}, "filter=3"),
        ({"order": ["-nothing"]}, "no field 'nothing'"),
        ({"order": "created_at"}, "order="),
        ({"group": {"config": 1}}, "group="),
        ({"limit": 0}, "limit=0"),
        ({"offset": -1}, "offset=-1"),
        ({"page": 1}, "no 'page'"),
        ([], "no object"),
    ],
)
def test_what_cannot_be_answered_is_told(client: httpx.Client, body: Any, told: str) -> None:
    """And is no fault of the server."""
    answer = client.post("/api/projects/p/query", json=body)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_a_run_that_is_new_is_in_the_next_answer(client: httpx.Client) -> None:
    """And one that is live is there with what it has logged."""
    assert ask(client)["total"] == 6
    run = rltrack.init(project="p", id="live")
    run.log({"return": 7.0})
    found = ask(client, filter="state = running")
    assert ids(found) == ["live"]
    assert found["runs"][0]["summary"]["return"] == 7.0


def test_columns_of_all_runs_are_one_answer(client: httpx.Client) -> None:
    """What a metric amounts to, beside config, of more runs than a page has."""
    found = ask(client, columns=["max(return)", "config.seed", "group"], order=["-max(return)"])
    assert found["ids"] == ["r5", "r4", "r3", "r2", "r1", "r0"]
    assert found["values"]["max(return)"][:2] == [52.0, 42.0]
    assert found["values"]["config.seed"] == [1, 1, 1, 0, 0, 0]
    assert found["values"]["group"] == [None] * 6
    answer = client.post("/api/projects/p/query", json={"columns": ["worst(return)"]})
    assert answer.status_code == 400
