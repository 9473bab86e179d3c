"""What a run does with what it is given: rows, steps, threads, its own facts and its end."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import types
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rltrack
from rltrack.errors import NotInitializedError, RunFinishedError
from rltrack.folder import RunFolder
from rltrack.journal.records import Finished, MetricDefined, Noted, Record, Row, RowFlag, RunChanged

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", settings={"quiet": True})


def folder(run: rltrack.Run) -> RunFolder:
    assert run.folder is not None
    return RunFolder(run.folder)


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was said on the terminal since the last look."""
    return capsys.readouterr().err.splitlines()


# -- rows and steps ------------------------------------------------------------------------


def test_rows_count_up_from_zero(run: rltrack.Run, read_rows: ReadRows) -> None:
    """The step of a row is its index unless the caller says otherwise."""
    for value in (1.0, 2.0, 3.0):
        run.log({"a": value})

    rows = read_rows(folder(run).journal)
    assert [(row.step, row.values) for row in rows] == [
        (0, {"a": 1.0}),
        (1, {"a": 2.0}),
        (2, {"a": 3.0}),
    ]
    assert run.step == 3


def test_the_callers_dict_is_left_alone(run: rltrack.Run) -> None:
    """He may log it again."""
    data = {"a": 1, "nested": {"b": [1, 2]}, "_step": 7, "_timestamp": 5.0}
    before = repr(data)

    run.log(data)

    assert repr(data) == before


def test_any_mapping_can_be_logged(run: rltrack.Run, read_rows: ReadRows) -> None:
    """A frozen one, an ordered one, one of a library's."""
    run.log(types.MappingProxyType({"a": 1}))
    run.log(OrderedDict(a=2))

    assert [row.values for row in read_rows(folder(run).journal)] == [{"a": 1}, {"a": 2}]


def test_commit_false_leaves_the_row_open(run: rltrack.Run, read_rows: ReadRows) -> None:
    """Several calls may make one row; the last closes it."""
    run.log({"a": 1}, commit=False)
    run.log({"b": 2}, commit=False)
    run.log({"c": 3})
    run.log({"d": 4})

    rows = read_rows(folder(run).journal)
    assert [(row.step, *row.values) for row in rows] == [(0, "a"), (0, "b"), (0, "c"), (1, "d")]


def test_an_open_row_is_there_without_a_finish(run: rltrack.Run, read_rows: ReadRows) -> None:
    """A row that waits for its commit is not waited for: a kill would take it."""
    run.log({"a": 1}, commit=False)

    assert [row.values for row in read_rows(folder(run).journal)] == [{"a": 1}]


def test_an_empty_log_makes_no_row_and_takes_no_step(run: rltrack.Run, read_rows: ReadRows) -> None:
    """A program that had nothing to say said nothing."""
    run.log({})
    run.log({}, commit=True)
    run.log({"a": 1})

    assert [row.step for row in read_rows(folder(run).journal)] == [0]


def test_an_empty_log_closes_an_open_row(run: rltrack.Run, read_rows: ReadRows) -> None:
    """`log({}, commit=True)` is how scripts end a row of many calls."""
    run.log({"a": 1}, commit=False)
    run.log({}, commit=True)
    run.log({"b": 2})

    assert [row.step for row in read_rows(folder(run).journal)] == [0, 1]


def test_a_plain_log_joins_the_row_of_the_step_before(
    run: rltrack.Run, read_rows: ReadRows
) -> None:
    """`log(x, step=10); log(y)` is one row at 10, then comes 11."""
    run.log({"a": 1}, step=10)
    run.log({"b": 2})
    run.log({"c": 3})

    rows = read_rows(folder(run).journal)
    assert [(row.step, *row.values) for row in rows] == [(10, "a"), (10, "b"), (11, "c")]


def test_a_closed_step_can_still_be_added_to(
    run: rltrack.Run, read_rows: ReadRows, capsys: pytest.CaptureFixture[str]
) -> None:
    """`log(step=10, commit=True)` twice: W&B drops the second."""
    run.log({"a": 1, "b": 1}, step=10, commit=True)
    run.log({"a": 2}, step=10)

    rows = read_rows(folder(run).journal)
    assert [(row.step, row.values, row.flags) for row in rows] == [
        (10, {"a": 1, "b": 1}, RowFlag.EXPLICIT),
        (10, {"a": 2}, RowFlag.EXPLICIT),
    ]
    assert told(capsys) == []


def test_a_step_that_goes_back_is_kept_and_told_once(
    run: rltrack.Run, read_rows: ReadRows, capsys: pytest.CaptureFixture[str]
) -> None:
    """W&B drops the whole call; no point is dropped for its step here."""
    for step in (5, 6, 3, 2, 7):
        run.log({"a": step}, step=step)

    assert [row.step for row in read_rows(folder(run).journal)] == [5, 6, 3, 2, 7]
    (warning,) = told(capsys)
    assert "log(step=3) goes back: rows up to step 6 are there" in warning
    assert run.step == 7


def test_a_step_that_goes_back_raises_in_strict_mode(root: Path, read_rows: ReadRows) -> None:
    """For who would rather stop."""
    run = rltrack.init(project="p", settings={"strict": True, "quiet": True})
    run.log({"a": 1}, step=5)

    with pytest.raises(rltrack.UsageError, match="goes back"):
        run.log({"a": 1}, step=3)
    assert [row.step for row in read_rows(folder(run).journal)] == [5]


def test_a_negative_step_is_kept_and_told(
    run: rltrack.Run, read_rows: ReadRows, capsys: pytest.CaptureFixture[str]
) -> None:
    """An evaluation before the first update, perhaps."""
    run.log({"a": 1.0}, step=-1)

    assert [row.step for row in read_rows(folder(run).journal)] == [-1]
    (warning,) = told(capsys)
    assert "log(step=-1) is below 0" in warning


@pytest.mark.parametrize("step", [7, 7.0, np.int64(7), np.uint8(7), np.float32(7), np.float64(7)])
def test_a_step_may_be_any_whole_number(run: rltrack.Run, read_rows: ReadRows, step: int) -> None:
    """`num_timesteps` of one library is an int, of another an array's element."""
    run.log({"a": 1.0}, step=step)

    (row,) = read_rows(folder(run).journal)
    assert row.step == 7


@pytest.mark.parametrize("step", [7.5, float("nan"), "7", [7], 1j])
def test_a_step_that_is_no_whole_number_is_a_type_error(run: rltrack.Run, step: object) -> None:
    """Rounding would be a guess."""
    with pytest.raises(TypeError, match="a step is an integer"):
        run.log({"a": 1.0}, step=step)  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [2**53 + 1, 2**63, -(2**70), 1e300])
def test_a_step_that_nothing_can_count_to_is_refused(
    run: rltrack.Run, read_rows: ReadRows, step: int
) -> None:
    """It must not poison the steps of the calls that follow."""
    with pytest.raises(ValueError, match=r"at most 2\*\*53"):
        run.log({"a": 1.0}, step=step)
    run.log({"a": 1.0})

    assert [row.step for row in read_rows(folder(run).journal)] == [0]


def test_points_share_a_step_and_leave_the_count_alone(
    run: rltrack.Run, read_rows: ReadRows
) -> None:
    """Episodes of several envs end on one timestep; each is a row."""
    run.log({"loss": 1.0})
    for value in (10.0, 20.0):
        run.log_point({"episode/return": value}, step=512)
    run.log_point({"note": "text"}, step=512, time_ns=99)
    run.log({"loss": 0.5})

    rows = read_rows(folder(run).journal)
    assert [(row.step, row.flags) for row in rows] == [
        (0, RowFlag.NONE),
        *[(512, RowFlag.POINT)] * 3,
        (1, RowFlag.NONE),
    ]
    assert rows[3].time_ns == 99


def test_a_bad_point_leaves_the_summary_alone(run: rltrack.Run) -> None:
    """The last value that was recorded stays the last."""
    run.log_point({"a": 1.0}, step=1)

    with pytest.raises(TypeError):
        run.log_point({"a": 2.0}, step="x")  # type: ignore[arg-type]
    assert run.summary["a"] == 1.0


def test_step_and_time_in_the_data_are_the_rows_own(run: rltrack.Run, read_rows: ReadRows) -> None:
    """W&B removes `_step` and honours `_timestamp`, in seconds."""
    run.log({"_step": 99, "_timestamp": 1_750_000_000.5, "a": 1})

    (row,) = read_rows(folder(run).journal)
    assert (row.step, row.time_ns, row.values) == (0, 1_750_000_000_500_000_000, {"a": 1})


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), 1e300, "noon", None])
def test_a_time_that_is_none_is_told_and_the_row_kept(
    run: rltrack.Run, read_rows: ReadRows, capsys: pytest.CaptureFixture[str], moment: object
) -> None:
    """Like any value without a form."""
    run.log({"_timestamp": moment, "a": 1})

    (row,) = read_rows(folder(run).journal)
    assert row.values == {"a": 1}
    assert "'_timestamp'" in told(capsys)[0]


def test_nested_mappings_become_dotted_names(run: rltrack.Run, read_rows: ReadRows) -> None:
    """As W&B shows them."""
    run.log({"a": {"b": 1, "c": {"d": 2}}, "e": {}, "f": {1: 3}})

    (row,) = read_rows(folder(run).journal)
    assert row.values == {"a.b": 1, "a.c.d": 2, "e": {}, "f.1": 3}


@pytest.mark.parametrize("data", [[1], None, 1.0, "text", {1, 2}])
def test_only_a_dictionary_can_be_logged(run: rltrack.Run, data: object) -> None:
    """W&B's words, by which people search."""
    with pytest.raises(TypeError, match="must be passed a dictionary"):
        run.log(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [1.0, "text"])
def test_a_name_that_is_no_text_is_a_type_error(run: rltrack.Run, value: object) -> None:
    """Fast and slow rows alike."""
    with pytest.raises(TypeError, match="must be strings, and 1 is int"):
        run.log({1: value})  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [1.0, "text"])
def test_a_name_that_is_empty_is_an_error(run: rltrack.Run, value: object) -> None:
    """W&B takes the step and loses the value."""
    with pytest.raises(ValueError, match="needs a name"):
        run.log({"": value})


def test_a_value_without_a_form_costs_only_itself(
    run: rltrack.Run, read_rows: ReadRows, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key is named, once; the rest of the row is kept, each time."""
    for _ in range(3):
        run.log({"loss": 0.5, "model": object(), "text": "x"})

    rows = read_rows(folder(run).journal)
    assert [row.values for row in rows] == [{"loss": 0.5, "text": "x"}] * 3
    (warning,) = told(capsys)
    assert "'model': a builtins.object has no form in a row" in warning


def test_a_value_without_a_form_raises_in_strict_mode(root: Path, read_rows: ReadRows) -> None:
    """After the rest of the row was kept."""
    run = rltrack.init(project="p", settings={"strict": True, "quiet": True})

    with pytest.raises(TypeError, match="'model'"):
        run.log({"loss": 0.5, "model": object()})
    assert [row.values for row in read_rows(folder(run).journal)] == [{"loss": 0.5}]


def test_what_contains_itself_is_no_endless_loop(
    run: rltrack.Run, read_rows: ReadRows, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list is a value without a form; a dictionary, of which no name could be made, an error."""
    endless: list[object] = []
    endless.append(endless)
    run.log({"a": 1, "list": endless})
    nested: dict[str, object] = {}
    nested["again"] = nested

    with pytest.raises(ValueError, match="contains itself"):
        run.log(nested)
    assert [row.values for row in read_rows(folder(run).journal)] == [{"a": 1}]
    assert "'list'" in told(capsys)[0]


def test_long_names_and_long_texts_are_kept_and_not_printed(
    run: rltrack.Run, read_rows: ReadRows, capsys: pytest.CaptureFixture[str]
) -> None:
    """W&B's last lines print all of them."""
    run.log({"k" * 5000: 1.0, "text": "x" * 1_000_000})
    run.finish()

    (row,) = read_rows(folder(run).journal)
    assert [len(key) for key in row.values] == [5000, 4]
    assert sum(map(len, told(capsys))) < 1000


def test_every_warning_is_kept_beside_the_run(run: rltrack.Run, read_records: ReadRecords) -> None:
    """A terminal is gone with its session."""
    run.warn("kind", "something")
    run.warn("kind", "something")
    run.log({"a": 1}, step=5)
    run.log({"a": 1}, step=1)

    notes = [r for r in read_records(folder(run).journal) if isinstance(r, Noted)]
    assert [(note.level, note.message[:12]) for note in notes] == [
        ("warning", "something"),
        ("warning", "log(step=1) "),
    ]


def test_a_defined_metric_is_recorded(run: rltrack.Run, read_records: ReadRecords) -> None:
    """Which axis a chart has is a fact of the run."""
    run.define_metric("train/*", step_metric="global_step")
    with pytest.raises(ValueError, match=r"a \* may only stand at the end"):
        run.define_metric("*/loss")

    (defined,) = (r for r in read_records(folder(run).journal) if isinstance(r, MetricDefined))
    assert (defined.name, defined.step_metric) == ("train/*", "global_step")


# -- who else may log ----------------------------------------------------------------------


def test_four_threads_lose_no_row(run: rltrack.Run, read_rows: ReadRows) -> None:
    """Each row has a step of its own."""

    def work(number: int) -> None:
        for index in range(50):
            run.log({f"thread{number}": float(index), "shared": number})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = read_rows(folder(run).journal)
    assert sorted(row.step for row in rows) == list(range(200))


def test_a_forked_child_logs_into_the_run(
    run: rltrack.Run, read_rows: ReadRows, read_records: ReadRecords
) -> None:
    """Its rows are there, whether it finishes or is gone; and its end is not the run's."""
    run.log({"who": "parent"})
    children = []
    for finish in (True, False):
        pid = os.fork()
        if pid == 0:
            run.log({"who": "child", "finishes": finish})
            if finish:
                run.finish()
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    run.log({"who": "parent"})
    run.finish()

    values = [row.values["who"] for row in read_rows(folder(run).journal)]
    assert sorted(map(str, values)) == ["child", "child", "parent", "parent"]
    ends = [r for r in read_records(folder(run).journal) if isinstance(r, Finished)]
    assert [end.state for end in ends] == ["finished"]


def test_a_signal_handler_may_log_and_finish(run: rltrack.Run, read_rows: ReadRows) -> None:
    """SIGTERM from a scheduler, whose handler saves what it can."""
    before = signal.getsignal(signal.SIGUSR1)

    def handler(*_: object) -> None:
        run.log({"saved": 1.0})
        run.finish(exit_code=143)

    signal.signal(signal.SIGUSR1, handler)
    try:
        for step in range(101):
            run.log({"a": float(step)})
        os.kill(os.getpid(), signal.SIGUSR1)
        with pytest.raises(RunFinishedError):
            run.log({"a": 1.0})
    finally:
        signal.signal(signal.SIGUSR1, before)

    rows = read_rows(folder(run).journal)
    assert [row.step for row in rows] == list(range(102))
    assert rows[-1].values == {"saved": 1.0}
    assert folder(run).read_facts().exit_code == 143


# -- facts about the run -------------------------------------------------------------------


def test_name_notes_and_tags_can_be_changed(run: rltrack.Run, read_records: ReadRecords) -> None:
    """In the journal, and in the file that a listing reads."""
    run.name = "new name"
    run.notes = "why"
    run.tags = ["a", "b", "a"]
    run.tags += ("c",)

    facts = folder(run).read_facts()
    assert (facts.name, facts.notes, facts.tags) == ("new name", "why", ["a", "b", "c"])
    assert [run.name, run.notes, *run.tags] == ["new name", "why", "a", "b", "c"]
    changes = [r.set for r in read_records(folder(run).journal) if isinstance(r, RunChanged)]
    assert {"name": "new name"} in changes


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("name", 5), ("name", ""), ("tags", [1]), ("tags", ["x" * 65]), ("tags", 5)],
)
def test_a_fact_that_is_none_changes_nothing(
    run: rltrack.Run, attribute: str, value: object
) -> None:
    """W&B only warns."""
    before = getattr(run, attribute)

    with pytest.raises(rltrack.UsageError):
        setattr(run, attribute, value)
    assert getattr(run, attribute) == before


def test_unknown_attributes_are_attribute_errors(run: rltrack.Run) -> None:
    """A typo must not look like a success."""
    with pytest.raises(AttributeError):
        run.foo  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        run.foo = 1  # type: ignore[attr-defined]


def test_names_changed_by_threads_at_once_leave_a_whole_file(run: rltrack.Run) -> None:
    """Each writes a part of its own."""
    threads = [
        threading.Thread(target=setattr, args=(run, "notes", f"{number}" * 1000))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    notes = folder(run).read_facts().notes
    assert notes is not None
    assert len(notes) == 1000
    assert [path.name for path in folder(run).path.iterdir() if path.is_file()] == ["run.json"]


def test_a_removed_folder_comes_back_with_all_that_was_logged(
    root: Path, read_rows: ReadRows, capsys: pytest.CaptureFixture[str]
) -> None:
    """One warning, and run.json is there again, too."""
    run = rltrack.init(project="p", settings={"quiet": True, "sync_interval_s": 0.01})
    run.log({"a": 1.0})
    shutil.rmtree(root)
    run.log({"a": 2.0})
    while not folder(run).run_json.exists():
        pass
    run.log({"a": 3.0})
    run.finish()

    assert [row.values["a"] for row in read_rows(folder(run).journal)] == [1.0, 2.0, 3.0]
    assert folder(run).read_facts().state == "finished"
    (warning,) = told(capsys)
    assert "was removed while the run was going on; it is back" in warning


def test_a_folder_removed_just_before_the_end_comes_back(root: Path, read_rows: ReadRows) -> None:
    """Nobody looked after it before `finish` does."""
    run = rltrack.init(project="p", settings={"silent": True})
    run.log({"a": 1.0})
    shutil.rmtree(root)
    run.finish()

    assert len(read_rows(folder(run).journal)) == 1
    assert folder(run).read_facts().state == "finished"


# -- the end -------------------------------------------------------------------------------


def test_a_finished_run_takes_nothing_more(run: rltrack.Run) -> None:
    """The words are W&B's. What was there can still be read."""
    run.config["lr"] = 0.1
    run.log({"a": 1.0})
    run.finish()
    run.finish()

    calls: list[Callable[[], object]] = [
        lambda: run.log({"a": 1.0}),
        lambda: run.log({"a": "text"}),
        lambda: run.log({"a": 1}, step=5),
        lambda: run.log({"a": 1}, commit=False),
        lambda: run.log_point({"a": 1}, step=1),
        lambda: run.define_metric("a"),
        lambda: run.config.update({"new": 1}),
        lambda: run.summary.update({"new": 1}),
        lambda: setattr(run, "name", "new"),
    ]
    for call in calls:
        with pytest.raises(RunFinishedError, match=f"Run \\({run.id}\\) is finished"):
            call()
    assert dict(run.config) == {"lr": 0.1}
    assert dict(run.summary) == {"a": 1.0}
    assert run.step == 1
    assert run.state == "finished"


def test_an_exit_code_says_whether_it_failed(run: rltrack.Run, read_records: ReadRecords) -> None:
    """As for a shell."""
    run.finish(exit_code=3)

    facts = folder(run).read_facts()
    assert (facts.state, facts.exit_code) == ("failed", 3)
    assert facts.ended_ns is not None
    end = read_records(folder(run).journal)[-1]
    assert isinstance(end, Finished)
    assert (end.state, end.exit_code) == ("failed", 3)


def test_hooks_are_undone_last_first_and_their_faults_are_told(
    run: rltrack.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hook that fails must not keep the run, or the other hooks, from ending."""
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("a hook's own fault")

    run.on_finish(lambda: done.append("first"))
    run.on_finish(fail)
    run.on_finish(lambda: done.append("last"))
    run.finish()

    assert done == ["last", "first"]
    assert run.state == "finished"
    assert "a hook's own fault" in told(capsys)[0]


def test_a_block_left_by_an_exception_is_a_failed_run(
    root: Path, read_records: ReadRecords
) -> None:
    """The exception goes on to the caller, and the run keeps its traceback."""
    with (
        pytest.raises(ZeroDivisionError),
        rltrack.init(project="p", settings={"quiet": True}) as run,
    ):
        run.log({"a": 1 / 0})

    end = read_records(folder(run).journal)[-1]
    assert isinstance(end, Finished)
    assert (end.state, end.exit_code) == ("failed", 1)
    assert end.traceback is not None
    assert "ZeroDivisionError" in end.traceback


# -- disabled ------------------------------------------------------------------------------


def test_a_disabled_run_accepts_every_call_and_leaves_no_file(root: Path) -> None:
    """For a debugger, or a test of the user's: nothing is recorded, and nothing is in the way."""
    run = rltrack.init(project="p", mode="disabled")
    run.log({"a": 1.0, "b": 2})
    run.log({"a": 2.0}, step=5)
    run.log({"a": 3.0}, step=1)
    for data in ([1], None, {1: 2}, {1: "x"}, {"": 1}, {"": "x"}, {"a": object()}):
        run.log(data)  # type: ignore[arg-type]
    for step in ("x", 2**70, 1.5):
        run.log({"a": "text"}, step=step)  # type: ignore[arg-type]
    run.config["lr"] = 0.1
    run.summary["best"] = 1
    run.define_metric("a")
    run.name = "name"

    assert run.config["lr"] == 0.1
    assert run.summary["best"] == 1
    assert run.summary["a"] == 3.0
    assert run.disabled
    assert run.folder is None
    run.finish()
    run.log({"a": 1.0})
    assert run.state == "finished"
    assert not root.exists()


def test_before_init_there_is_no_run(root: Path) -> None:
    """W&B's words."""
    assert rltrack.run is None
    rltrack.finish()
    with pytest.raises(
        NotInitializedError, match=r"You must call rltrack.init\(\) before rltrack.log\(\)"
    ):
        rltrack.log({"a": 1})
    with pytest.raises(NotInitializedError, match=r"before rltrack.config"):
        rltrack.config.x  # noqa: B018
    with pytest.raises(NotInitializedError, match=r"before rltrack.summary"):
        rltrack.summary["x"]


def test_after_finish_there_is_no_run_again(run: rltrack.Run) -> None:
    """The module's functions answer as before `init`."""
    rltrack.log({"a": 1})
    assert rltrack.run is run
    rltrack.finish()

    assert rltrack.run is None
    with pytest.raises(rltrack.UsageError, match="You must call"):
        rltrack.log({"a": 1})
