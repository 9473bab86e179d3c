"""`define_metric`: axes, and what metrics amount to, in the process and for every reader."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rltrack
from rltrack._metrics import Metric, Sum
from rltrack.journal.definitions import Definitions
from rltrack.journal.records import MetricDefined, Record

ReadRecords = Callable[[Path], list[Record]]


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", id="r", settings={"quiet": True})


def read_back(run: rltrack.Run) -> dict[str, Any]:
    """The summary that a reader of the folder sees."""
    assert run.folder is not None
    return rltrack.Api(run.folder.parent.parent).run("p/r").summary


def is_same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Equal, where NaN equals NaN, and sums may be rounded in another order."""
    return ours.keys() == theirs.keys() and all(
        ours[key] == pytest.approx(theirs[key], rel=1e-9, nan_ok=True)
        if isinstance(ours[key], float)
        else ours[key] == theirs[key]
        for key in ours
    )


def test_each_amount_has_a_key_of_its_own(run: rltrack.Run) -> None:
    """`summary["loss"]["min"]` as with W&B, and `summary["loss.min"]`."""
    run.define_metric("loss", summary="min,max,mean,last,first")
    for loss in (3.0, 1.0, 2.0):
        run.log({"loss": loss, "other": loss})

    assert dict(run.summary) == {
        "loss.min": 1.0,
        "loss.max": 3.0,
        "loss.mean": 2.0,
        "loss.last": 2.0,
        "loss.first": 3.0,
        "other": 2.0,
    }
    assert run.summary["loss"]["min"] == run.summary.loss["min"] == 1.0
    assert read_back(run) == dict(run.summary)


@pytest.mark.parametrize(
    ("summary", "goal", "expected"),
    [
        ("best", "maximize", {"a.best": 3.0}),
        ("best", "minimize", {"a.best": 1.0}),
        ("best", None, {"a.best": 1.0}),
        ("copy", None, {"a": 2.0}),
        ("copy,max", None, {"a": 2.0, "a.max": 3.0}),
        ("none", None, {}),
        (["min", "max"], None, {"a.min": 1.0, "a.max": 3.0}),
    ],
)
def test_best_is_what_the_goal_says(
    run: rltrack.Run, summary: Any, goal: str | None, expected: dict[str, float]
) -> None:
    """And `none` keeps a metric out of the summary."""
    run.define_metric("a", summary=summary, goal=goal)
    for value in (1.0, 3.0, 2.0):
        run.log({"a": value})

    assert dict(run.summary) == read_back(run) == expected


def test_what_is_not_finite_has_no_part_in_amounts_and_is_counted(run: rltrack.Run) -> None:
    """W&B's are NaN for ever after."""
    run.define_metric("a", summary="min,max,mean,last")
    for value in (math.nan, 1.0, math.inf, 3.0, math.nan):
        run.log({"a": value})

    summary = dict(run.summary)
    assert math.isnan(summary.pop("a.last"))
    assert summary == {"a.min": 1.0, "a.max": 3.0, "a.mean": 2.0, "a.not_finite": 3}
    assert is_same(dict(run.summary), read_back(run))


def test_a_metric_without_a_finite_value_has_no_least_one(run: rltrack.Run) -> None:
    """Nor an infinite one."""
    run.define_metric("a", summary="min,mean")
    run.log({"a": math.nan})

    assert math.isnan(run.summary["a.min"])
    assert is_same(dict(run.summary), read_back(run))


def test_a_metric_that_is_no_number_has_its_last_value(run: rltrack.Run) -> None:
    """A glob may mean texts as well."""
    run.define_metric("*", summary="max")
    run.log({"a": 1.0, "text": "x"})

    assert dict(run.summary) == read_back(run) == {"a.max": 1.0, "text": "x"}


def test_a_value_by_hand_counts_over_amounts(run: rltrack.Run) -> None:
    """W&B turns the aggregate off; here both are there."""
    run.define_metric("a", summary="min")
    run.log({"a": 2.0})
    run.summary["a"] = 7.0
    run.summary["a.min"] = 0.5
    run.log({"a": 1.0})

    assert dict(run.summary) == read_back(run) == {"a": 7.0, "a.min": 0.5}
    assert run.summary["a"] == 7.0


def test_numbers_of_any_kind_are_summed_up(run: rltrack.Run) -> None:
    """NumPy's as well, of one element or none."""
    run.define_metric("a", summary="mean")
    for value in (1, np.float32(2.0), np.int64(3), np.array([4.0]), True):
        run.log({"a": value})

    assert run.summary["a.mean"] == pytest.approx(11 / 5)
    assert is_same(dict(run.summary), read_back(run))


def test_a_definition_may_come_after_the_first_rows(run: rltrack.Run) -> None:
    """They count, too."""
    run.log({"a": 5.0})
    run.define_metric("a", summary="max")
    run.log({"a": 1.0})

    assert read_back(run) == dict(run.summary) == {"a.max": 5.0}


_numbers = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 5) | st.none(),
            st.dictionaries(st.sampled_from("ab"), _numbers, min_size=1),
            st.booleans(),
        ),
        max_size=12,
    ),
    amounts=st.lists(
        st.sampled_from(["min", "max", "mean", "first", "last"]), min_size=1, unique=True
    ),
)
def test_the_process_and_the_reader_agree(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int | None, dict[str, float], bool]],
    amounts: list[str],
) -> None:
    """Whatever is logged, as long as no row is added to after another was begun."""
    folder = tmp_path_factory.mktemp("runs")
    run = rltrack.init(
        project="p", id="r", dir=folder, reinit="create_new", settings={"silent": True}
    )
    run.define_metric("*", summary=amounts)
    step, was_alone = 0, False
    for advance, values, alone in rows:
        step += advance or 0
        if was_alone and not alone and not advance:
            advance, step = 1, step + 1  # or it would be added to the row before that one
        was_alone = alone
        if alone:
            run.log_point(values, step=step)
        else:
            run.log(values, step=step if advance is not None else None)
            step = run.step
    ours = dict(run.summary)
    run.finish()

    assert is_same(ours, rltrack.Api(folder).run("p/r").summary)


def test_of_one_row_the_last_value_counts() -> None:
    """As for whoever reads it."""
    total = Sum()
    for order, value in enumerate((9.0, 1.0)):
        total.add(value, 0, order, alone=False)
    total.add(3.0, 1, 2, alone=False)

    found = total.so_far()
    assert (found.count, found.min, found.max, found.mean, found.first_value) == (2, 1, 3, 2, 1)


# -- definitions ---------------------------------------------------------------------------


def test_a_definition_is_recorded_and_returned(run: rltrack.Run, read_records: ReadRecords) -> None:
    """With all that was said."""
    axis = run.define_metric("global_step", hidden=True)
    metric = run.define_metric(
        "train/*", axis, step_sync=False, summary="min, max", goal="minimize"
    )

    assert metric == Metric("train/*", "global_step", False, None, ("min", "max"), "minimize")
    assert run.folder is not None
    first, second = (
        r for r in read_records(run.folder / "journal") if isinstance(r, MetricDefined)
    )
    assert (first.name, first.hidden) == ("global_step", True)
    assert (second.step_metric, second.step_sync, second.summary, second.goal) == (
        "global_step",
        False,
        "min,max",
        "minimize",
    )


def test_a_later_definition_adds_to_an_earlier_one(
    run: rltrack.Run, read_records: ReadRecords
) -> None:
    """Unless it overwrites; and what was hidden can be shown again, which W&B's cannot."""
    run.define_metric("a", step_metric="x", hidden=True)
    run.define_metric("a", summary="min", hidden=False)
    run.define_metric("a", summary="max", overwrite=True)

    assert run.folder is not None
    found = [r for r in read_records(run.folder / "journal") if isinstance(r, MetricDefined)]
    assert [(r.step_metric, r.summary, r.hidden) for r in found] == [
        ("x", None, True),
        ("x", "min", False),
        (None, "max", False),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": 5},
        {"name": ""},
        {"name": "a*b"},
        {"name": "*/loss"},
        {"name": "a", "step_metric": 5},
        {"name": "a", "step_sync": "yes"},
        {"name": "a", "hidden": 1},
        {"name": "a", "summary": "median"},
        {"name": "a", "summary": 5},
        {"name": "a", "goal": "up"},
    ],
    ids=repr,
)
def test_a_definition_that_is_none_is_an_error(run: rltrack.Run, arguments: dict[str, Any]) -> None:
    """And nothing of it is recorded."""
    with pytest.raises(rltrack.UsageError, match="define_metric"):
        run.define_metric(**arguments)
    run.log({"a": 1.0})
    assert dict(run.summary) == {"a": 1.0}


def test_a_metrics_own_definition_counts_over_a_glob_and_the_longer_glob_over_the_shorter() -> None:
    """Field by field: what the nearer one does not say, the other may."""
    definitions = Definitions()
    definitions.add(MetricDefined(0, "*", step_metric="x", summary="max"))
    definitions.add(MetricDefined(0, "train/*", step_metric="y", step_sync=False))
    definitions.add(MetricDefined(0, "train/loss", goal="maximize", hidden=True))

    assert definitions.axis("train/loss") == "y"
    assert definitions.axis("eval/loss") == "x"
    assert definitions.axis("y") == "x"
    assert definitions.amounts("train/loss") == ("max",)
    assert (definitions.goal("train/loss"), definitions.goal("train/x")) == ("maximize", "minimize")
    assert (definitions.is_hidden("train/loss"), definitions.is_hidden("train/x")) == (True, False)
    assert (definitions.is_synced("train/loss"), definitions.is_synced("a")) == (False, True)


def test_an_axis_may_be_set_back_to_the_steps() -> None:
    """By its name."""
    definitions = Definitions()
    definitions.add(MetricDefined(0, "*", step_metric="x"))
    definitions.add(MetricDefined(0, "a", step_metric="_step"))

    assert definitions.axis("a") == "_step"


def test_a_run_that_defines_no_summary_pays_nothing(run: rltrack.Run) -> None:
    """Its journal is what it was: an axis alone costs no row anything."""
    before = run._journal
    run.define_metric("a", step_metric="x", goal="minimize")
    assert run._journal is before

    run.define_metric("a", summary="min")
    assert run._journal is not before


def test_amounts_of_a_disabled_run_are_there_too(root: Path) -> None:
    """The same script prints the same."""
    run = rltrack.init(project="p", mode="disabled")
    run.define_metric("a", summary="max")
    for value in (1.0, 3.0, 2.0):
        run.log({"a": value})

    assert run.summary["a.max"] == 3.0
