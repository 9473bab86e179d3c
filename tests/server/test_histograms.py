"""Histograms of many steps, merged for one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import rltrack


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: one whose bins fit each other, and one whose values grow, with an outlier."""
    root = tmp_path_factory.mktemp("runs")
    settings = {"silent": True}
    with rltrack.init(project="p", id="even", dir=root, settings=settings) as run:
        for step in range(4):
            run.log({"h": rltrack.Histogram(np_histogram=([1, 2, 3, 4], [0, 1, 2, 3, 4]))}, step)
        run.log({"loss": 1.0})
    with rltrack.init(project="p", id="grown", dir=root, settings=settings) as run:
        random = np.random.default_rng(0)
        for step in range(500):
            values = random.normal(0, 1 + step / 100, 400)
            run.log({"h": rltrack.Histogram(np.append(values, 1e6 * (step == 7)))}, step)
    return root


def ask(client: httpx.Client, **body: object) -> dict[str, Any]:
    answer = client.post("/api/projects/p/histograms", json={"key": "h", **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_counts_are_those_that_were_logged(client: httpx.Client) -> None:
    """As long as the picture has as many bins and columns as there are."""
    found = ask(client, runs=["even"], bins=4, outliers=True)

    assert found["edges"] == [0, 1, 2, 3, 4]
    assert found["grid"] == [-0.5, 0.5, 1.5, 2.5, 3.5]
    assert found["runs"] == [{"run": "even", "histograms": 4, "counts": [[1, 2, 3, 4]] * 4}]


def test_coarser_bins_and_columns_share_all_values(client: httpx.Client) -> None:
    """None is lost, and none is counted twice."""
    found = ask(client, runs=["even", "grown", "none"], columns=7, bins=9, outliers=True)

    assert found["missing"] == ["none"]
    even, grown = found["runs"]
    sums = [
        sum(sum(column) for column in one["counts"] if column is not None) for one in (even, grown)
    ]
    assert sums == pytest.approx([40, 500 * 401], abs=0.1)
    assert grown["histograms"] == 500


def test_an_outlier_does_not_make_the_rest_one_line(client: httpx.Client) -> None:
    """And it is told that it is there."""
    found = ask(client, runs=["grown"])

    edges = found["edges"]
    assert edges[0] > -40
    assert found["outside"] > 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"runs": []}, 400),
        ({"runs": ["even"], "bins": 1}, 400),
        ({"runs": ["even"], "key": "loss"}, 404),
        ({"runs": ["none"]}, 404),
    ],
)
def test_what_cannot_be_answered_is_refused(
    client: httpx.Client, body: dict[str, object], status: int
) -> None:
    """With what to do next."""
    answer = client.post("/api/projects/p/histograms", json={"key": "h", **body})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_the_media_of_several_runs_come_in_one_answer(client: httpx.Client) -> None:
    """With the names of histograms, which are no files."""
    answer = client.post("/api/projects/p/media", json={"runs": ["even", "grown", "none"]})
    assert answer.json() == {
        "runs": [
            {"run": "even", "media": [], "histograms": ["h"]},
            {"run": "grown", "media": [], "histograms": ["h"]},
        ],
        "missing": ["none"],
    }
    assert client.post("/api/projects/p/media", json={"runs": "even"}).status_code == 400
