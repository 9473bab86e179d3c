"""`run.summary`: last values, and what the user sets by hand."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, MutableMapping
from pathlib import Path

import numpy as np
import pytest

import rltrack
from rltrack.journal.records import Record, SummaryChanged

ReadRecords = Callable[[Path], list[Record]]


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", settings={"quiet": True})


def changes(run: rltrack.Run, read_records: ReadRecords) -> list[SummaryChanged]:
    assert run.folder is not None
    records = read_records(run.folder / "journal")
    return [record for record in records if isinstance(record, SummaryChanged)]


def test_it_holds_the_last_value_of_each_metric(run: rltrack.Run) -> None:
    """Of fast rows and slow ones, of logs and of points."""
    run.log({"a": 1.0, "b": 1})
    run.log({"a": 2.0, "text": "x"})
    run.log_point({"a": 3.0, "episode": 7}, step=100)

    assert dict(run.summary) == {"a": 3.0, "b": 1, "text": "x", "episode": 7}
    run.finish()
    assert run.summary["a"] == 3.0


def test_it_is_a_mutable_mapping(run: rltrack.Run) -> None:
    """W&B's has neither `items` nor `in`."""
    run.log({"a": 1.0})
    run.summary.best = 0.5
    run.summary.update({"c": 2}, d=3)
    del run.summary["c"]

    assert isinstance(run.summary, MutableMapping)
    assert "a" in run.summary
    assert "c" not in run.summary
    assert dict(run.summary.items()) == {"a": 1.0, "best": 0.5, "d": 3}
    assert (len(run.summary), run.summary.best, run.summary.get("x")) == (3, 0.5, None)
    assert repr(run.summary) == "{'a': 1.0, 'best': 0.5, 'd': 3}"
    with pytest.raises(AttributeError, match="no 'x'"):
        run.summary.x  # noqa: B018
    with pytest.raises(KeyError):
        run.summary["x"]
    with pytest.raises(KeyError):
        del run.summary["x"]


def test_a_value_set_by_hand_is_pinned(run: rltrack.Run) -> None:
    """It stays, whatever is logged under its name."""
    run.log({"accuracy": 0.9})
    run.summary["accuracy"] = 0.95
    run.log({"accuracy": 0.1})

    assert run.summary["accuracy"] == 0.95


@pytest.mark.parametrize("value", [1.0, math.nan, "text"])
def test_a_removed_key_comes_back_with_another_value(run: rltrack.Run, value: object) -> None:
    """Removing hides what was there; the next value is news. NaN is one value."""
    run.log({"a": value})
    del run.summary["a"]
    assert "a" not in run.summary

    run.log({"a": 2.0})
    assert run.summary["a"] == 2.0


def test_nested_keys_are_recorded(run: rltrack.Run, read_records: ReadRecords) -> None:
    """`summary["a"]["b"] = 1` reads and writes, as with W&B's."""
    run.summary["test"] = {"accuracy": 0.9, "deep": {"er": 1}}
    run.summary["test"]["accuracy"] = 0.95
    run.summary["test"]["deep"]["new"] = 2
    del run.summary["test"]["deep"]["er"]
    run.log({"train": {"loss": 0.5}})
    run.summary["empty"] = {}
    run.summary["empty"]["now"] = 1

    assert dict(run.summary["test"]) == {"accuracy": 0.95, "deep.new": 2}
    assert run.summary["test.accuracy"] == run.summary.test["accuracy"] == 0.95
    assert run.summary["train"]["loss"] == 0.5
    assert repr(run.summary["test"]["deep"]) == "{'new': 2}"
    assert run.summary["empty"]["now"] == 1
    recorded = [change.set or change.removed for change in changes(run, read_records)]
    assert recorded == [
        {"test.accuracy": 0.9, "test.deep.er": 1},
        {"test.accuracy": 0.95},
        {"test.deep.new": 2},
        ["test.deep.er"],
        {"empty": {}},
        {"empty.now": 1},
    ]


def test_values_are_stored_as_log_stores_them(run: rltrack.Run) -> None:
    """Of a bad one, none of its call."""
    run.summary.update({"a": np.float32(0.5), "b": (1, 2), "c": math.inf})
    with pytest.raises(TypeError):
        run.summary.update({"d": 1, "e": object()})

    assert dict(run.summary) == {"a": 0.5, "b": [1, 2], "c": math.inf}


def test_a_copy_is_a_plain_dict(run: rltrack.Run) -> None:
    """It belongs to no run."""
    run.log({"a": 1.0})

    copies: list[object] = [copy.copy(run.summary), copy.deepcopy(run.summary)]

    assert copies == [{"a": 1.0}, {"a": 1.0}]
    assert {type(copied) for copied in copies} == {dict}


def test_a_forked_childs_last_values_are_its_own(run: rltrack.Run) -> None:
    """What the parent logged before the fork is there, too."""
    import os

    run.log({"a": 1.0, "b": 1.0})
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        run.log({"a": 2.0})
        os.write(write_end, repr(run.summary).encode())
        os._exit(0)
    os.waitpid(pid, 0)

    assert os.read(read_end, 100) == b"{'a': 2.0, 'b': 1.0}"
    assert dict(run.summary) == {"a": 1.0, "b": 1.0}
    os.close(read_end)
    os.close(write_end)


def test_where_the_last_row_stands_can_be_asked_for(root: Path) -> None:
    """W&B's summaries have it among their keys; here it can be asked for, and clutters nothing."""
    with rltrack.init(project="p", settings={"silent": True}) as run:
        assert "_step" not in run.summary
        run.log({"loss": 1.0}, step=7)
        run.log_system({"cpu": 0.5})
        live = {name: run.summary[name] for name in ("_step", "_timestamp", "_runtime")}
        assert "_step" in run.summary
        assert list(run.summary) == ["loss"]

    read = rltrack.Api().run(run.path).summary
    assert live["_step"] == 7
    assert {name: read[name] for name in live} == pytest.approx(live)
    assert read.get("_runtime") == pytest.approx(live["_runtime"])
    assert (list(read), read.get("_nope", 3)) == (["loss"], 3)
    with pytest.raises(KeyError):
        read["_nope"]
