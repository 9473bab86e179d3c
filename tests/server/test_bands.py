"""Groups of runs in a chart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import rltrack
from tests.server.test_answers import ask


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for run_id, factor, steps in (("a", 1.0, 4), ("b", 3.0, 4), ("c", 5.0, 2)):
        with rltrack.init(project="p", id=run_id) as run:
            for step in range(steps):
                run.log({"return": factor * step})


def bands(client: httpx.Client, **more: Any) -> list[dict[str, Any]]:
    panel = {"key": "return", "runs": ["a", "b", "c"], "groups": {"all": ["a", "b", "c"]}}
    (found,) = ask(client, panel | more)
    assert [one["run"] for one in found["series"]] == (["a", "b", "c"] * bool(more.get("members")))
    one: list[dict[str, Any]] = found["bands"]
    return one


def test_a_band_is_over_the_runs_that_have_a_value_and_says_how_many(client: httpx.Client) -> None:
    """Run c ends at step 1: nothing of it is made up beyond, and the number falls."""
    (band,) = bands(client, members=True)
    assert band["count"] == [3, 3, 2, 2]
    assert band["centre"] == [0.0, 3.0, 4.0, 6.0]
    assert band["low"][1:] == pytest.approx([1.0, 4 - math.sqrt(8), 6 - math.sqrt(18)])
    assert band["name"] == "mean, std"


@pytest.mark.parametrize(
    ("centre", "spread", "at_one"),
    [
        ("median", "minmax", (3.0, 1.0, 5.0)),
        ("iqm", "none", (3.0, 3.0, 3.0)),
        ("min", "none", (1.0, 1.0, 1.0)),
        ("max", "minmax", (5.0, 1.0, 5.0)),
        ("mean", "sem", (3.0, 3 - 2 / math.sqrt(3), 3 + 2 / math.sqrt(3))),
    ],
)
def test_statistics_are_chosen(
    client: httpx.Client, centre: str, spread: str, at_one: tuple[float, ...]
) -> None:
    """Worked by hand: at step 1 the runs have 1, 3 and 5."""
    (band,) = bands(client, centre=centre, spread=spread)
    found = [band[name][1] for name in ("centre", "low", "high")]
    np.testing.assert_allclose(found, at_one)


def test_a_group_without_points_makes_no_band(client: httpx.Client) -> None:
    """It has no number to draw."""
    assert bands(client, key="nothing") == []
