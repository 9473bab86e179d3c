"""Charts: their tables and numbers, what they refuse, how they are kept and drawn again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

import rltrack
from rltrack import Table, plot
from rltrack.server.run import Background

TABLE = Table(["x", "y", "name"], [[1, 0.5, "a"], [2, 1.5, "b"]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: plot.line(TABLE, "nope", "y"),
        lambda: plot.line(TABLE, "x", "nope"),
        lambda: plot.line(TABLE, "x", "y", stroke="nope"),
        lambda: plot.scatter(TABLE, "x", "nope"),
        lambda: plot.bar(TABLE, "nope", "y"),
        lambda: plot.histogram(TABLE, "nope"),
        lambda: rltrack.plot_table("wandb/line/v0", TABLE, {"x": "nope", "y": "y"}),
        lambda: rltrack.plot_table("wandb/line/v0", TABLE, {"x": "x"}),
    ],
)
def test_a_missing_column_is_an_error_at_the_call(make: Callable[[], object]) -> None:
    """W&B's row 52: it accepts them, and the chart stays empty."""
    with pytest.raises(ValueError, match=r"it has 'x', 'y', 'name'|needs a column for y"):
        make()


def test_a_chart_says_how_its_columns_are_drawn() -> None:
    """The types of the axes follow from those of the columns."""
    chart = plot.line(TABLE, "x", "y", stroke="name", title="t")

    assert chart.spec is not None
    assert chart.spec["title"] == "t"
    assert chart.spec["data"] == {"name": "table"}
    assert chart.spec["encoding"]["x"] == {"field": "x", "type": "quantitative"}
    assert chart.spec["encoding"]["color"] == {"field": "name", "type": "nominal"}
    by_name = plot.line(TABLE, "name", "y").spec
    assert by_name is not None
    assert by_name["encoding"]["x"]["type"] == "ordinal"


def test_a_chart_of_several_runs_tells_them_apart() -> None:
    """By colour; what had the colour has another mark; what is colour alone stands side by side."""
    lines = plot.line(TABLE, "x", "y", stroke="name").overlay
    assert lines is not None
    assert lines["encoding"]["color"]["field"] == "run"
    assert lines["encoding"]["strokeDash"]["field"] == "name"
    matrix = plot.confusion_matrix(y_true=[0, 1], preds=[0, 1]).overlay
    assert matrix is not None
    assert matrix["facet"]["field"] == "run"
    assert matrix["spec"]["mark"]["type"] == "rect"


def test_dots_and_brackets_in_a_name_are_no_path() -> None:
    """To Vega-Lite `a.b` is the b of an a."""
    spec = plot.scatter(Table(data={"a.b[0]": [1], "y": [2]}), "a.b[0]", "y").spec

    assert spec is not None
    assert spec["encoding"]["x"]["field"] == r"a\.b\[0\]"


def test_line_series() -> None:
    """One x axis for all or one each."""
    shared = plot.line_series([0, 1], [[1, 2], [3, 4]], keys=["a", "b"], xname="step")
    assert shared.table.columns == ["step", "lineKey", "lineVal"]
    assert shared.table.data == [[0, "a", 1], [1, "a", 2], [0, "b", 3], [1, "b", 4]]
    own = plot.line_series(np.array([[0, 1], [5, 6]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert own.table.data[2] == [5, "key_1", 3.0]
    calls: list[Callable[[], object]] = [
        lambda: plot.line_series([[0], [1]], [[1], [2], [3]]),
        lambda: plot.line_series([0, 1], [[1]]),
        lambda: plot.line_series([0], [[1]], keys=["a", "b"]),
    ]
    for wrong in calls:
        with pytest.raises(ValueError, match="line_series"):
            wrong()
    with pytest.raises(TypeError, match="xs is a list"):
        plot.line_series(3, [[1]])  # type: ignore[arg-type]


samples = st.integers(2, 60).flatmap(
    lambda count: st.tuples(
        st.lists(st.sampled_from([0, 1]), min_size=count, max_size=count).filter(
            lambda labels: 0 < sum(labels) < len(labels)
        ),
        # Few values, so that many samples tie.
        st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=count, max_size=count),
    )
)


@given(samples)
def test_curves_are_those_of_scikit_learn(sample: tuple[list[int], list[float]]) -> None:
    """The same area, and the same precision at each recall, ties and all."""
    true, scores = sample
    roc = plot.roc_curve(true, scores, classes_to_plot=[1]).table.data
    fpr, tpr = [row[1] for row in roc], [row[2] for row in roc]
    assert metrics.auc(fpr, tpr) == pytest.approx(metrics.roc_auc_score(true, scores))

    found = plot.pr_curve(true, scores, classes_to_plot=[1], interp_size=11).table.data
    precision, recall, _ = metrics.precision_recall_curve(true, scores)
    for _, at, value in found:
        assert value == pytest.approx(precision[:-1][recall[:-1] >= at - 1e-9].max())


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1),
)
def test_a_confusion_matrix_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Numbers, names, and scores give the same counts."""
    true, predicted = [one for one, _ in pairs], [other for _, other in pairs]
    names = ["cat", "dog", "fox", "owl"]
    wanted = metrics.confusion_matrix(true, predicted, labels=range(4)).ravel().tolist()

    for found in (
        plot.confusion_matrix(y_true=true, preds=predicted, class_names=names),
        plot.confusion_matrix(
            y_true=[names[at] for at in true],
            preds=[names[at] for at in predicted],
            class_names=names,
        ),
        plot.confusion_matrix(probs=np.eye(4)[predicted], y_true=true, class_names=names),
    ):
        assert found.table.get_column("nPredictions") == wanted
        assert found.table.get_column("Actual")[::4] == names


def test_classes_have_names_of_their_own() -> None:
    """Labels of several classes, drawn by name or by place."""
    scores = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.6, 0.3, 0.1]]
    true = ["ant", "bee", "cow", "ant"]
    curves = plot.roc_curve(true, scores, labels=["ant", "bee", "cow"], classes_to_plot=["bee", 2])

    assert sorted(set(curves.table.get_column("class"))) == ["bee", "cow"]
    assert set(plot.pr_curve(true, scores).table.get_column("class")) == {"ant", "bee", "cow"}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: plot.roc_curve(None, [0.5]), "y_true is missing"),
        (lambda: plot.roc_curve([0, 1], None), "y_probas is missing"),
        (lambda: plot.roc_curve([], []), "y_true is empty"),
        (lambda: plot.roc_curve([0, 1], [0.5]), "and there are 2 labels"),
        (lambda: plot.roc_curve([0, 1], [0.5, float("nan")]), "sample 1 are not finite"),
        (lambda: plot.roc_curve([1, 1], [0.5, 0.5]), "no class"),
        (lambda: plot.roc_curve([0, 2], [0.5, 0.5]), "there is 2, and 2 classes"),
        (lambda: plot.pr_curve([0, 1], ["a", "b"]), "are numbers"),
        (lambda: plot.pr_curve([0, 1], [0.1, 0.2], classes_to_plot=["x"]), "'x' is none of"),
        (lambda: plot.pr_curve([0, 1], [0.1, 0.2], labels=["a"]), "2 classes, and 1 names"),
        (lambda: plot.confusion_matrix(y_true=[0]), "Must provide probabilities or predictions"),
        (lambda: plot.confusion_matrix(y_true=[0, 1], preds=[0]), "preds has 1 labels"),
        (
            lambda: plot.confusion_matrix(y_true=["a"], preds=["b"], class_names=["a"]),
            "'b' is none of the classes",
        ),
        (
            lambda: plot.confusion_matrix(y_true=[0], preds=[5], class_names=["a", "b"]),
            "there is 5, and 2 classes",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(make: Callable[[], object], told: str) -> None:
    """At the call, in words."""
    with pytest.raises(ValueError, match=told):
        make()


# -- in a run --------------------------------------------------------------------------------------


def test_a_logged_chart_is_its_table_and_how_it_is_drawn(root: Path) -> None:
    """It is read, asked and put together over runs as a table is."""
    for number in range(2):
        with rltrack.init(project="p", id=f"r{number}", settings={"silent": True}) as run:
            run.log({"c": plot.bar(pd.DataFrame({"n": ["a"], "v": [number]}), "n", "v", "title")})

    api = rltrack.Api(root)
    (row,) = api.run("p/r0").history(["c"], pandas=False)
    assert row["c"]["_type"] == "chart"
    assert row["c"]["chart"]["preset"] == "rltrack/bar/v0"
    assert row["c"]["chart"]["fields"] == {"label": "n", "value": "v"}
    assert api.run("p/r0").table("c").rows == [["a", 0]]
    assert api.tables("p", "c").rows == [["r0", 0, "a", 0], ["r1", 0, "a", 1]]
    drawn = api.chart("p", "c")
    assert drawn["data"]["values"][1] == {"run": "r1", "step": 0, "n": "a", "v": 1}
    assert drawn["encoding"]["color"]["field"] == "run"


def test_a_preset_of_a_project_is_kept_and_used(root: Path) -> None:
    """Also if it is written after the run; a spec may be given as it is."""
    spec = {
        "mark": "point",
        "title": "${string:title}",
        "encoding": {"x": {"field": "${field:a}"}, "y": {"field": "${field:b}"}},
    }
    api = rltrack.Api(root)
    later = rltrack.plot_table("p/mine", TABLE, {"a": "x", "b": "y"}, {"title": "T"})
    assert later.spec is None
    with rltrack.init(project="p", id="r", settings={"silent": True}) as run:
        run.log({"later": later})
    name = api.create_custom_chart(
        entity="team/p",
        name="mine",
        display_name="Mine",
        spec_type="vega2",
        access="private",
        spec=spec,
    )

    assert name == "p/mine"
    assert (root / "p" / "charts" / "mine.json").exists()
    chart = rltrack.plot_table(name, TABLE, {"a": "x", "b": "y"}, {"title": "T"})
    assert chart.spec is not None
    assert chart.spec["encoding"] == {"x": {"field": "x"}, "y": {"field": "y"}}
    assert chart.spec["title"] == "T"
    assert rltrack.plot_table(spec, TABLE, {"a": "x", "b": "y"}).spec is not None
    assert api.chart("p", "later")["encoding"]["x"] == {"field": "x"}
    assert api.projects() == ["p"]
    with Background(root, port=0) as server:
        media: list[dict[str, Any]] = httpx.get(f"{server.url}/api/projects/p/runs/r").json()[
            "media"
        ]
    assert media[0]["chart"]["spec"]["title"] == "T"
    for wrong in ({"name": "a/b", "spec": {}}, {"name": "x", "spec": "nope"}, {"name": "x"}):
        with pytest.raises(ValueError, match="create_custom_chart"):
            api.create_custom_chart("p", **wrong)


def test_importing_rltrack_does_not_load_charts() -> None:
    """`rltrack.plot` is there when it is asked for."""
    assert rltrack.plot is plot
    assert set(plot.__all__) >= {"line", "scatter", "bar", "histogram", "line_series"}
