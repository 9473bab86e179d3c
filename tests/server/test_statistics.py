"""Statistics of experiments, asked of a real server: the same numbers as in Python."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import rltrack
from rltrack import stats

FINAL = {
    (env_id, lr, seed): 10 * scale * seed + 100 * lr * scale
    for env_id, scale in (("Cart", 1.0), ("Pole", 3.0))
    for lr in (0.1, 0.2)
    for seed in range(3)
}


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for (env_id, lr, seed), final in FINAL.items():
        config = {"env": env_id, "lr": lr, "seed": seed}
        with rltrack.init(project="p", id=f"{env_id}-{lr}-{seed}", dir=root, config=config) as run:
            run.define_metric("episode/return", step_metric="global_step")
            for step in range(4):
                run.log({"episode/return": final * step / 3, "global_step": step * 100})
    with contextlib.suppress(ValueError):
        config = {"env": "Cart", "lr": 0.1, "seed": 3}
        with rltrack.init(project="p", id="broken", dir=root, config=config):
            raise ValueError("it fell over before its first episode")


def ask(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    answer = client.post("/api/projects/p/statistics", json={"take": "last", **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_experiments_are_found_and_a_run_without_score_is_told(client: httpx.Client) -> None:
    """Equal in config but for the seed; the run that failed is one of its four."""
    found = ask(client)
    assert {one["name"]: one["n_runs"] for one in found["experiments"]} == {
        "env=Cart, lr=0.1": 4,
        "env=Cart, lr=0.2": 3,
        "env=Pole, lr=0.1": 3,
        "env=Pole, lr=0.2": 3,
    }
    first = found["groups"][0]
    assert (first["n_runs"], first["n_all"], first["few"]) == (3, 4, True)
    (broken,) = [run for run in first["runs"] if not run["counts"]]
    assert (broken["id"], broken["state"], broken["why"]) == ("broken", "failed", "it has no score")


def test_tasks_are_normalised_and_the_numbers_are_those_of_rltrack_stats(
    client: httpx.Client,
) -> None:
    """Each experiment over two tasks, three runs of each."""
    limits = {"Cart": [0, 40], "Pole": [0, 120]}
    found = ask(client, task="env", limits=limits)
    assert [one["name"] for one in found["experiments"]] == ["lr=0.1", "lr=0.2"]
    matrix = np.array(
        [[FINAL["Cart", 0.2, seed] / 40, FINAL["Pole", 0.2, seed] / 120] for seed in range(3)]
    )
    group = found["groups"][1]
    for name in ("iqm", "median", "mean", "optimality_gap"):
        expected = stats.interval(matrix, name)
        assert group["intervals"][name] == pytest.approx(
            [expected.point, expected.low, expected.high]
        )
    assert group["profile"]["share"][0] == 1
    assert group["curve"]["count"][0] == 6
    assert found["warnings"] == []
    assert any("normalise" in told for told in ask(client, task="env")["warnings"])


def test_the_copied_lines_print_the_same_numbers(client: httpx.Client) -> None:
    """They are a program of their own."""
    found = ask(client, task="env", limits="observed")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found["python"], "copied", "exec"), {})
    text = printed.getvalue()
    for group in found["groups"]:
        for point, low, high in group["intervals"].values():
            assert f"Interval(point={point}, low={low}, high={high}" in text
    point, low, high = found["groups"][1]["versus"]
    assert f"Interval(point={point}, low={low}, high={high}" in text


def test_what_is_no_question_is_refused(client: httpx.Client) -> None:
    """With what it may be."""
    for asked in ({"take": "all"}, {"last": 0}, {"limits": {"Cart": [1, 1]}}, {"crashed": "x"}):
        assert client.post("/api/projects/p/statistics", json=asked).status_code == 400
    assert ask(client, chosen=[])["groups"] == []
