"""Reading runs back, as a user does."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltrack
from rltrack.errors import MissingExtraError, NotFoundError, UsageError


@pytest.fixture
def project(root: Path) -> Path:
    """Three finished runs of one project."""
    for seed in range(3):
        config = {
            "seed": seed,
            "optimizer": {"lr": 10.0**-seed, "name": "adam"},
            "layers": [64, seed],
        }
        with rltrack.init(
            project="p",
            id=f"run{seed}",
            name=f"name-{seed}",
            config=config,
            tags=["baseline", f"s{seed}"] if seed else None,
            group="g" if seed == 2 else None,
        ) as run:
            for step in range(10):
                run.log(
                    {
                        "train/loss": seed + 1 / (step + 1),
                        "big": step + 2**60,
                        "flag": step % 2 == 0,
                    }
                )
            run.log({"nan": math.nan, "note": "end"})
            if seed:
                run.summary["best.return"] = seed * 100
    return root


def found(filters: Mapping[str, Any] | None, order: str = "+created_at") -> list[str]:
    return [run.id for run in rltrack.Api().runs("p", filters, order)]


def test_the_readme_s_loop_runs(project: Path) -> None:
    """Api, runs, name, state, config, summary, history."""
    rows = 0
    for run in rltrack.Api().runs("p"):
        assert run.state == "finished"
        assert run.summary["train/loss"] == run.config["seed"] + 0.1
        rows += len(run.history())
    assert rows == 33


def test_a_run_says_what_it_is(project: Path) -> None:
    """The names are W&B's where it has them."""
    api = rltrack.Api()
    run = api.run("p/run2")

    assert api.projects() == ["p"]
    assert (run.id, run.name, run.project, run.path) == ("run2", "name-2", "p", "p/run2")
    assert (run.group, run.job_type, run.tags, run.notes) == ("g", None, ("baseline", "s2"), None)
    assert run.lastHistoryStep == 10
    assert run.metrics() == ["big", "flag", "nan", "train/loss"]
    assert run.folder == project / "p" / "run2"
    assert Path(run.url.removeprefix("file://")) == run.folder
    assert run.damage == ()
    assert api.run("run2", project="p").id == api.run("team/p/run2").id == "run2"


def test_what_was_handed_out_is_the_caller_s(project: Path) -> None:
    """Changing it changes nothing that is recorded."""
    run = rltrack.Api().run("p/run1")
    run.config["optimizer"]["lr"] = "changed"
    run.summary.clear()

    run = rltrack.Api().run("p/run1")
    assert run.config["optimizer"]["lr"] == 0.1
    assert run.summary["big"] == 9 + 2**60


def test_runs_are_a_sequence_that_reads_when_looked_at(project: Path) -> None:
    """Making it reads nothing; len, index and slice work."""
    runs = rltrack.Api().runs("p")
    (project / "p" / "run0" / "run.json").unlink()

    assert len(runs) == 2
    assert runs[0].id == "run1"
    assert [run.id for run in runs[-1:]] == ["run2"]
    assert [run.id for run in runs] == ["run1", "run2"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (None, "012"),
        ({"config.seed": 1}, "1"),
        ({"config.seed": True}, ""),
        ({"config.seed.value": 1}, "1"),
        ({"config.optimizer.lr": {"$lt": 0.5, "$gt": 0.05}}, "1"),
        ({"config.optimizer": {"lr": 1.0, "name": "adam"}}, "0"),
        ({"config.layers": 2}, "2"),
        ({"config.layers": [64, 2]}, "2"),
        ({"config.nothing": {"$exists": False}}, "012"),
        ({"config.nothing": None}, "012"),
        ({"config.nothing": {"$gt": 0}}, ""),
        ({"config.nothing": {"$ne": 1}}, "012"),
        ({"config.optimizer.name": {"$gt": 5}}, ""),
        ({"summary_metrics.train/loss": {"$gte": 1.1, "$lte": 2.1}}, "12"),
        ({"summary_metrics.best.return": {"$in": [100, 7]}}, "1"),
        ({"tags": "baseline"}, "12"),
        ({"tags": {"$nin": ["s1"]}}, "02"),
        ({"tags": {"$ne": "s1"}}, "02"),
        ({"tags": {"$not": {"$regex": "^s"}}}, "0"),
        ({"state": {"$ne": "finished"}}, ""),
        ({"group": {"$exists": True}}, "2"),
        ({"group": None}, "01"),
        ({"display_name": {"$regex": "e-[12]$"}}, "12"),
        ({"name": "run1"}, "1"),
        ({"name": {"$in": ["name-1", "run2"]}}, "12"),
        ({"createdAt": {"$gt": "2020-01-01T00:00:00"}}, "012"),
        ({"created_at": {"$lt": "2020-01-01"}}, ""),
        ({"$or": [{"config.seed": 0}, {"tags": "s2"}]}, "02"),
        ({"$and": [{"tags": "baseline"}, {"config.seed": {"$lt": 2}}]}, "1"),
        ({"$nor": [{"config.seed": 0}, {"config.seed": 1}]}, "2"),
        ({"$not": {"config.seed": 0}}, "12"),
        ({"config.seed": {"$gte": 1}, "state": "finished", "group": "g"}, "2"),
    ],
)
def test_a_filter_means_what_it_means_in_mongodb(
    project: Path, filters: dict[str, Any] | None, expected: str
) -> None:
    """Scripts written for `wandb.Api` find the same runs."""
    assert found(filters) == [f"run{seed}" for seed in expected]


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"config.seed": {"$foo": 1}}, r"no operator '\$foo' \(on 'config.seed'\); there are \$eq"),
        ({"$xor": []}, r"no operator '\$xor'"),
        ({"$or": {}}, r"\$or takes a list"),
        ({"config.seed": {"$in": 1}}, r"\$in of 'config.seed' takes a list"),
        ({"name": {"$regex": "("}}, r"no regular expression"),
        ({"seed": 1}, r"no field 'seed'; there are .*config\.<key>"),
        ({"createdAt": {"$gt": "yesterday"}}, r"is no time"),
        (["state"], r"must be a dict"),
    ],
)
def test_a_wrong_filter_is_told_at_the_call(project: Path, filters: Any, told: str) -> None:
    """And not by an empty list of runs."""
    with pytest.raises(UsageError, match=told):
        rltrack.Api().runs("p", filters)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("+created_at", "012"),
        ("-created_at", "210"),
        ("created_at", "012"),
        ("-config.seed", "210"),
        ("-summary_metrics.best.return", "210"),
        ("+summary_metrics.best.return", "120"),
        ("-summary_metrics.nan", "012"),
        ("display_name", "012"),
    ],
)
def test_runs_come_in_order_and_those_without_the_field_last(
    project: Path, order: str, expected: str
) -> None:
    """Whichever the direction: the best run is the first."""
    assert found(None, order) == [f"run{seed}" for seed in expected]


def test_a_wrong_order_is_told_at_the_call(project: Path) -> None:
    """With the fields that there are."""
    with pytest.raises(UsageError, match=r"order: runs have no field 'loss'; there are"):
        rltrack.Api().runs("p", order="-loss")


# -- rows ----------------------------------------------------------------------------------------


def test_history_is_exact_and_typed(project: Path) -> None:
    """Ints of 60 bits survive a hole, NaN stays, one row for each row."""
    frame = rltrack.Api().run("p/run1").history()

    assert list(frame.columns[:3]) == ["_step", "_timestamp", "_runtime"]
    assert frame["_step"].tolist() == list(range(11))
    assert frame["_step"].dtype == np.int64
    assert str(frame["big"].dtype) == "Int64"
    assert frame["big"].tolist()[:10] == [step + 2**60 for step in range(10)]
    assert frame["big"].isna().tolist() == [False] * 10 + [True]
    assert str(frame["flag"].dtype) == "boolean"
    assert frame["train/loss"].dtype == np.float64
    assert frame["note"].tolist()[-1] == "end"
    assert bool((frame["_runtime"] >= 0).all())


def test_history_of_ints_without_a_hole_is_plain_int64(root: Path) -> None:
    """NumPy's own types, where they can say it all."""
    with rltrack.init(project="p", id="r") as run:
        for step in range(3):
            run.log({"count": step, "ok": True, "mixed": step if step else 0.5})
    frame = rltrack.Api().run("p/r").history()

    assert [str(frame[key].dtype) for key in ("count", "ok", "mixed")] == [
        "int64",
        "bool",
        "float64",
    ]


def test_history_as_dicts_has_what_was_logged_and_nothing_else(root: Path) -> None:
    """A hole is no key; NaN and ±Inf are themselves."""
    with rltrack.init(project="p", id="r") as run:
        run.log({"a": math.nan, "b": math.inf})
        run.log({"b": -math.inf})
        run.log({"b": 3, "c": None})
    rows = rltrack.Api().run("p/r").history(pandas=False)
    values = [{key: value for key, value in row.items() if key[0] != "_"} for row in rows]

    assert repr(values) == repr(
        [{"a": math.nan, "b": math.inf}, {"b": -math.inf}, {"b": 3, "c": None}]
    )


def test_history_of_some_keys_has_rows_with_any_of_them(root: Path) -> None:
    """In the order of an axis, if one is asked for."""
    with rltrack.init(project="p", id="r") as run:
        run.log({"a": 1, "global_step": 30})
        run.log({"b": 2, "global_step": 10})
        run.log({"c": 3, "global_step": 20})
    run_read = rltrack.Api().run("p/r")

    rows = run_read.history(["a", "b"], x_axis="global_step", pandas=False)
    assert [(row["global_step"], row.get("a"), row.get("b")) for row in rows] == [
        (10, None, 2),
        (30, 1, None),
    ]
    assert len(run_read.history(["_step"])) == 3


@pytest.mark.parametrize(
    ("samples", "steps"), [(1, [0]), (3, [0, 50, 100]), (500, list(range(101)))]
)
def test_samples_are_evenly_spread_and_always_the_same(
    root: Path, samples: int, steps: list[int]
) -> None:
    """Not random, as in W&B: two looks at one run must not differ."""
    with rltrack.init(project="p", id="r") as run:
        for step in range(101):
            run.log({"a": step})

    assert rltrack.Api().run("p/r").history(samples=samples)["_step"].tolist() == steps


def test_a_scan_has_rows_with_all_keys_in_a_range_of_steps(project: Path) -> None:
    """As W&B documents it; pages are invisible."""
    run = rltrack.Api().run("p/run0")

    scanned = list(run.scan_history(["big", "_step"], page_size=2, min_step=3, max_step=6))
    assert scanned == [{"big": step + 2**60, "_step": step} for step in (3, 4, 5)]
    assert list(run.scan_history(["big", "note"])) == []
    assert len(list(run.scan_history(page_size=3))) == 11


def test_a_live_run_is_read_while_it_is_written(root: Path) -> None:
    """What is read is as of the moment of reading."""
    run = rltrack.init(project="p", id="r")
    read = rltrack.Api().run("p/r")
    for step in range(3):
        run.log({"a": step})
        assert read.history()["a"].tolist() == list(range(step + 1))
        assert read.summary == {"a": step}
    states = [read.state]
    run.finish()
    assert [*states, read.state] == ["running", "finished"]


def test_samples_of_the_machine_are_apart(root: Path) -> None:
    """A stream of their own, with steps of their own."""
    from rltrack.journal.records import Row, RowFlag
    from rltrack.journal.writer import JournalWriter

    with rltrack.init(project="p", id="r") as run:
        run.log({"a": 1})
    writer = JournalWriter(root / "p" / "r" / "journal")
    writer.write(Row(0, 1, {"cpu": 50.0}, RowFlag.SYSTEM))
    writer.close()
    read = rltrack.Api().run("p/r")

    assert "cpu" not in read.history()
    assert read.history(stream="system")["cpu"].tolist() == [50.0]
    assert read.summary == {"a": 1}


# -- what is not there ---------------------------------------------------------------------------


def test_what_is_not_there_is_told_with_what_is(project: Path) -> None:
    """And with the name that was probably meant."""
    api = rltrack.Api()
    with pytest.raises(NotFoundError, match=r"no project 'q' in .*; there are p"):
        api.runs("q")
    with pytest.raises(
        NotFoundError, match=r"no run 'run9' among the 3 runs of project 'p'; did you"
    ):
        api.run("p/run9")
    with pytest.raises(NotFoundError, match=r"the run of that name has the id 'run1'"):
        api.run("p/name-1")
    with pytest.raises(NotFoundError, match=r"no metric 'train/los'; did you mean 'train/loss'\?"):
        api.run("p/run1").history(["train/los"])
    rltrack.init(project="q").finish()
    with pytest.raises(UsageError, match=r"say the project; there are p, q"):
        api.run("run1")


def test_without_pandas_the_error_says_what_to_type(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And history as dicts needs none."""
    run = rltrack.Api().run("p/run1")
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'rltrack\[analysis\]'"):
        run.history()
    assert len(run.history(pandas=False)) == 11
