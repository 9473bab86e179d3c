"""Charts that compute, and charts with a logarithmic axis."""

from __future__ import annotations

import httpx
import numpy as np

import rltrack
from tests.server.test_answers import ask


def test_an_expression_is_drawn_as_a_metric_is(client: httpx.Client) -> None:
    """Over the axis of its first metric; a run without one of its metrics is missing."""
    with rltrack.init(project="p", id="one") as run:
        run.define_metric("a", step_metric="global_step")
        for step in range(4):
            run.log({"a": 2.0 * step, "b/c": 4.0, "global_step": 100 * step})
    with rltrack.init(project="p", id="two") as run:
        run.define_metric("a", step_metric="global_step")
        run.log({"a": 1.0, "global_step": 0})

    (found,) = ask(client, {"key": "a/b/c", "runs": ["one", "two"]})

    assert (found["x"], found["exact"], found["missing"]) == ("global_step", True, ["two"])
    assert found["grid"] == [0, 100, 200, 300]
    assert found["series"][0]["last"] == [0, 0.5, 1, 1.5]


def test_a_wrong_expression_says_why(client: httpx.Client) -> None:
    """What was asked, what was found."""
    with rltrack.init(project="p", id="one") as run:
        run.log({"a": 1.0})
    panel = {"key": "ema(b)", "runs": ["one"]}

    answer = client.post("/api/projects/p/series", json={"panels": [panel]})

    assert answer.status_code == 404
    assert answer.json()["error"] == "'ema(b)' cannot be computed: there is no metric 'b'"


def test_a_logarithmic_axis_has_as_many_points_in_each_decade(client: httpx.Client) -> None:
    """No point is lost, those at zero apart, which has no place on it."""
    steps = 20_001
    with rltrack.init(project="p", id="one") as run:
        for step in range(steps):
            run.log({"a": float(step)})

    (found,) = ask(client, {"key": "a", "runs": ["one"], "buckets": 200, "log_x": True})
    series = found["series"][0]

    grid = np.array(found["grid"])
    assert len(grid) <= 200
    assert sum(series["count"]) == steps - 1
    assert np.count_nonzero(grid < 100) > 40
    assert np.count_nonzero(grid > 2000) > 20
    assert (np.diff(grid) > 0).all()
    assert (min(series["min"]), max(series["max"])) == (1, steps - 1)

    (few,) = ask(client, {"key": "a", "runs": ["one"], "range": [5, 50], "log_x": True})
    assert few["exact"]
    assert few["series"][0]["last"] == list(range(5, 51))
