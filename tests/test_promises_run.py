"""What is promised of a run to those who come from W&B: table 3 of its behaviours, row by row.

Each test says in its docstring which row it holds. `M` is matched, `B` is better; what W&B does
stands beside a better one. The edges of each are in the file of their part.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import rltrack
from rltrack.errors import NotInitializedError, RunFinishedError
from rltrack.folder import run_folders
from rltrack.journal.records import Finished, Record, Row

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", id="r", settings={"quiet": True})


@pytest.fixture
def logged(run: rltrack.Run, read_rows: ReadRows) -> Callable[[], list[dict[str, Any]]]:
    """Reads the values of all rows."""

    def read() -> list[dict[str, Any]]:
        assert run.folder is not None
        return [dict(row.values) for row in read_rows(run.folder / "journal")]

    return read


@pytest.fixture
def steps(run: rltrack.Run) -> Callable[[], list[tuple[int, dict[str, Any]]]]:
    """Reads the rows as users do: merged, with their steps."""

    def read() -> list[tuple[int, dict[str, Any]]]:
        assert run.folder is not None
        rows = rltrack.Api(run.folder.parent.parent).run("p/r").history(pandas=False)
        return [
            (row["_step"], {key: row[key] for key in row if not key.startswith("_")})
            for row in rows
        ]

    return read


Logged = Callable[[], list[dict[str, Any]]]
Steps = Callable[[], list[tuple[int, dict[str, Any]]]]


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def script(root: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the user's; its runs are in `root`."""
    file = root.parent / "train.py"
    file.write_text(
        "import os, sys, rltrack\n"
        "run = rltrack.init(project='p', settings={'silent': True})\n"
        f"run.log({{'a': 1.0}})\n{text}\n"
    )
    return subprocess.run(
        [sys.executable, str(file), *arguments],
        cwd=root.parent,
        env=os.environ | {"RLTRACK_DIR": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def the_run(root: Path) -> rltrack.api.Run:
    (found,) = run_folders(root, "p")
    return rltrack.Api(root).run(f"p/{found.path.name}")


# -- before init ---------------------------------------------------------------------------


def test_what_needs_a_run_says_that_init_must_be_called(root: Path) -> None:
    """Row 1, M."""
    message = r"You must call rltrack.init\(\) before rltrack."
    with pytest.raises(rltrack.Error, match=message + r"config.x"):
        rltrack.config.x  # noqa: B018
    with pytest.raises(rltrack.Error, match=message + r"log\(\)"):
        rltrack.log({"a": 1})


def test_finish_without_a_run_does_nothing(root: Path) -> None:
    """Row 2, M."""
    rltrack.finish()
    assert rltrack.run is None


# -- config --------------------------------------------------------------------------------


def test_a_config_value_that_would_change_is_an_error_of_a_public_name(run: rltrack.Run) -> None:
    """Row 3, M."""
    run.config.lr = 0.1
    with pytest.raises(
        rltrack.ConfigError, match=r'Attempted to change value of key "lr" from 0.1 to 0.2\n'
    ):
        run.config.lr = 0.2


def test_init_may_allow_changes_of_config(root: Path) -> None:
    """Row 4, B: W&B ignores the argument."""
    run = rltrack.init(project="p", config={"lr": 0.1}, allow_val_change=True)
    run.config.lr = 0.2
    assert run.config.lr == 0.2


def test_config_values_have_a_form_without_addresses(run: rltrack.Run) -> None:
    """Row 5, B: W&B's have memory addresses in them."""

    class Thing:
        pass

    run.config.update({"t": (1, 2), "s": {3}, "f": len, "o": Thing()})
    assert (run.config["t"], run.config["s"], run.config["f"]) == ([1, 2], [3], "builtins.len")
    assert "Thing" in run.config["o"]
    assert "0x" not in run.config["o"]


def test_a_config_key_that_is_no_text_is_an_error_before_any_file(root: Path) -> None:
    """Row 6, B: W&B leaves half a run behind."""
    with pytest.raises(TypeError, match="config key 1 must be text"):
        rltrack.init(project="p", config={1: 2})
    assert not root.exists()


def test_config_is_a_mutable_mapping(run: rltrack.Run) -> None:
    """Row 7, B: W&B's has no length, and nothing can be deleted."""
    run.config.update({"a": 1, "b": 2})
    del run.config["a"]
    assert isinstance(run.config, MutableMapping)
    assert (len(run.config), dict(run.config)) == (1, {"b": 2})


def test_a_change_inside_of_config_is_recorded(run: rltrack.Run, root: Path) -> None:
    """Row 8, B: W&B changes its memory only."""
    run.config["nested"] = {"a": 1}
    run.config["nested"]["a"] = 9
    assert the_run(root).config == {"nested": {"a": 9}}


def test_nan_in_config_stays_nan(run: rltrack.Run, root: Path) -> None:
    """Row 9, B: W&B stores null."""
    run.config["a"] = math.nan
    assert math.isnan(the_run(root).config["a"])


def test_a_config_may_be_a_path(root: Path, tmp_path: Path) -> None:
    """Row 10, B: a TypeError with W&B."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"lr": 0.1}))
    assert rltrack.init(project="p", config=file).config["lr"] == 0.1


def test_a_yaml_may_mix_wrapped_and_plain_keys(root: Path, tmp_path: Path) -> None:
    """Row 11, B: a TypeError with W&B."""
    file = tmp_path / "config.yaml"
    file.write_text("wandb_version: 1\nlr: {value: 0.1, desc: rate}\nseed: 7\n")
    assert dict(rltrack.init(project="p", config=str(file)).config) == {"lr": 0.1, "seed": 7}


# -- init ----------------------------------------------------------------------------------


def test_one_text_is_one_tag(root: Path) -> None:
    """Row 12, B: with W&B a tag of each letter."""
    assert rltrack.init(project="p", tags="abc").tags == ("abc",)


@pytest.mark.parametrize("run_id", ["a%b", "a b", "x" * 200])
def test_an_id_that_is_allowed_becomes_a_folder(root: Path, run_id: str) -> None:
    """Row 13, B: W&B makes folders of these names as they are."""
    rltrack.init(project="p", id=run_id)
    (found,) = run_folders(root, "p")
    assert found.read_facts().id == run_id
    assert not set('%/ "') & (set(found.path.name) - set("%")) or " " in run_id


@pytest.mark.parametrize(
    ("run_id", "words"),
    [
        ("a/b", "cannot contain"),
        ("", "Run ID cannot be empty"),
        (" a", "cannot start or end with whitespace"),
    ],
)
def test_an_id_that_is_none_is_an_error(root: Path, run_id: str, words: str) -> None:
    """Rows 13 and 14, M."""
    with pytest.raises(rltrack.UsageError, match=words):
        rltrack.init(project="p", id=run_id)


@pytest.mark.parametrize("project", ["a/b", "p" * 129, ""])
def test_a_project_that_is_none_is_an_error(root: Path, project: str) -> None:
    """Row 15, B: W&B accepts the empty one."""
    with pytest.raises(rltrack.UsageError, match="project name"):
        rltrack.init(project=project)


def test_arguments_of_old_scripts_are_accepted_and_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row 16, B: TypeErrors with W&B; what nobody ever meant still is one."""
    rltrack.init(project="p", magic=True, anonymous="must", force=True)
    assert any("anonymous, force, magic has no meaning" in line for line in told(capsys))
    with pytest.raises(TypeError):
        rltrack.init(projekt="p")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "arguments", [{"mode": "x"}, {"resume": "x"}, {"tags": [1]}, {"name": 5}], ids=repr
)
def test_a_bad_argument_is_a_value_error_in_plain_words(
    root: Path, arguments: dict[str, Any]
) -> None:
    """Row 17, M, without pydantic's address."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        rltrack.init(project="p", **arguments)
    assert "http" not in str(caught.value)
    assert next(iter(arguments)).rstrip("s") in str(caught.value)


def test_a_second_init_returns_the_run_and_names_what_it_dropped(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row 18, B: W&B names nothing."""
    first = rltrack.init(project="p")
    told(capsys)
    assert rltrack.init(project="q", config={"lr": 1}, resume_from=None) is first
    assert told(capsys)[-1].endswith("ignored: project, config")


def test_reinit_true_finishes_and_begins_and_is_told_to_be_old(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row 19, M."""
    first = rltrack.init(project="p")
    second = rltrack.init(project="p", reinit=True)
    assert (first.state, second.state, rltrack.run) == ("finished", "running", second)
    assert any("old word" in line for line in told(capsys))


def test_create_new_is_a_run_beside_the_current_one(root: Path) -> None:
    """Row 20, M."""
    first = rltrack.init(project="p")
    second = rltrack.init(project="p", reinit="create_new")
    assert (first.state, second.state, rltrack.run) == ("running", "running", first)


def test_a_disabled_run_never_raises(root: Path) -> None:
    """Row 21, B: W&B's raises raw TypeErrors, and its config is locked all the same."""
    run = rltrack.init(project="p", mode="disabled")
    run.log([1])  # type: ignore[arg-type]
    run.log({1: 2})  # type: ignore[dict-item]
    run.log({"a": object(), "b": 1}, step="x")  # type: ignore[arg-type]
    run.finish()
    assert not root.exists()


# -- log -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [[1], None])
def test_only_a_dictionary_is_logged(run: rltrack.Run, data: Any) -> None:
    """Row 22, M."""
    with pytest.raises(TypeError, match="must be passed a dictionary"):
        run.log(data)


def test_a_key_that_is_no_text_is_a_type_error(run: rltrack.Run) -> None:
    """Row 23, M."""
    with pytest.raises(TypeError, match="must be strings"):
        run.log({1: 2})  # type: ignore[dict-item]


def test_an_empty_log_is_no_row(run: rltrack.Run, steps: Steps) -> None:
    """Row 24, B: with W&B a row, and a step."""
    run.log({})
    run.log({"a": 1})
    assert steps() == [(0, {"a": 1})]


def test_a_key_that_is_empty_is_an_error(run: rltrack.Run) -> None:
    """Row 25, B: W&B loses the value."""
    with pytest.raises(ValueError, match="needs a name"):
        run.log({"": 1})
    assert run.step == 0


def test_a_step_that_goes_back_is_kept_and_told_once(
    run: rltrack.Run, steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row 26, B: W&B drops the whole call."""
    for step in (5, 3, 4):
        run.log({"a": step}, step=step)
    assert steps() == [(3, {"a": 3}), (4, {"a": 4}), (5, {"a": 5})]
    assert sum("goes back" in line for line in told(capsys)) == 1


def test_a_plain_log_joins_the_step_before_it(run: rltrack.Run, steps: Steps) -> None:
    """Row 27, M."""
    run.log({"a": 1}, step=10)
    run.log({"b": 2})
    run.log({"c": 3})
    assert steps() == [(10, {"a": 1, "b": 2}), (11, {"c": 3})]


def test_a_committed_step_can_be_added_to(run: rltrack.Run, steps: Steps) -> None:
    """Row 28, B: W&B drops the second call."""
    run.log({"a": 1, "b": 1}, step=10, commit=True)
    run.log({"b": 2, "c": 3}, step=10)
    assert steps() == [(10, {"a": 1, "b": 2, "c": 3})]


def test_an_open_row_is_there_at_the_end(run: rltrack.Run, steps: Steps) -> None:
    """Row 29, M."""
    run.log({"a": 1}, commit=False)
    run.finish()
    assert steps() == [(0, {"a": 1})]


def test_a_step_may_be_a_whole_float_and_no_other(run: rltrack.Run, steps: Steps) -> None:
    """Row 30, B: a TypeError with W&B."""
    run.log({"a": 1}, step=7.0)  # type: ignore[arg-type]
    run.log({"a": 2}, step=np.int64(8))  # type: ignore[arg-type]
    for step in (7.5, "7"):
        with pytest.raises(TypeError, match="a step is an integer"):
            run.log({"a": 1}, step=step)  # type: ignore[arg-type]
    assert steps() == [(7, {"a": 1}), (8, {"a": 2})]


def test_a_negative_step_is_kept_and_told(
    run: rltrack.Run, steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row 31, B: W&B drops it without a word."""
    run.log({"a": 1}, step=-5)
    assert steps() == [(-5, {"a": 1})]
    assert "below 0" in told(capsys)[0]


def test_nested_dictionaries_are_dotted_names(run: rltrack.Run, logged: Logged) -> None:
    """Row 32, M."""
    run.log({"a": {"b": 1, "c": {"d": 2}}})
    assert logged() == [{"a.b": 1, "a.c.d": 2}]


def test_bools_none_and_texts_are_stored(run: rltrack.Run, logged: Logged) -> None:
    """Row 33, M."""
    run.log({"a": True, "b": None, "c": "x"})
    assert logged() == [{"a": True, "b": None, "c": "x"}]


def test_nan_and_infinity_are_stored_as_such(run: rltrack.Run, logged: Logged) -> None:
    """Row 34, M."""
    run.log({"a": math.nan, "b": math.inf, "c": -math.inf, "d": "slow", "e": [math.nan]})
    (row,) = logged()
    assert math.isnan(row["a"])
    assert math.isnan(row["e"][0])
    assert (row["b"], row["c"]) == (math.inf, -math.inf)


def test_an_int_beyond_63_bits_is_a_float(run: rltrack.Run, logged: Logged) -> None:
    """Row 35, M."""
    run.log({"a": 2**70})
    assert logged() == [{"a": float(2**70)}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(5), 5),
        (np.bool_(True), True),
        (np.float16(0.5), 0.5),
        (np.array(3.0), 3.0),
        (np.array([3.0]), 3.0),
        (torch.tensor(2.0), 2.0),
        (torch.tensor(2.0, requires_grad=True), 2.0),
        (torch.tensor(2.0, dtype=torch.bfloat16), 2.0),
        (torch.tensor(True), True),
        (torch.tensor([[7]]), 7),
    ],
    ids=repr,
)
def test_scalars_of_every_kind_are_scalars(
    run: rltrack.Run, logged: Logged, value: Any, expected: Any
) -> None:
    """Rows 36 and 37, M."""
    run.log({"a": value})
    run.log({"a": value, "text": "slow"})
    assert [row["a"] for row in logged()] == [expected] * 2
    assert {type(row["a"]) for row in logged()} == {type(expected)}


def test_small_arrays_are_lists_and_large_ones_histograms(run: rltrack.Run, logged: Logged) -> None:
    """Row 38, M."""
    run.log({"small": np.arange(32), "large": torch.arange(33), "wide": np.ones((6, 6))})
    (row,) = logged()
    assert row["small"] == list(range(32))
    assert row["large"]["_type"] == row["wide"]["_type"] == "histogram"
    assert (len(row["large"]["values"]), len(row["large"]["bins"])) == (32, 33)


def test_a_list_of_tensors_is_a_list_of_numbers(run: rltrack.Run, logged: Logged) -> None:
    """Row 39, M."""
    run.log({"a": [torch.tensor(1), np.float32(2.0), 3]})
    assert logged() == [{"a": [1, 2.0, 3]}]


def test_what_has_a_text_is_logged_as_it(run: rltrack.Run, logged: Logged) -> None:
    """Row 40, M."""

    class Colour(enum.Enum):
        RED = 1

    values = {
        "complex": (1 + 2j, "(1+2j)"),
        "bytes": (b"abc", "abc"),
        "date": (dt.datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        "decimal": (decimal.Decimal("1.50"), "1.50"),
        "path": (Path("a/b"), "a/b"),
        "set": ({1}, [1]),
        "function": (len, "builtins.len"),
        "enum": (Colour.RED, "RED"),
    }
    run.log({name: value for name, (value, _) in values.items()})
    assert logged() == [{name: text for name, (_, text) in values.items()}]


@pytest.mark.parametrize("value", [object(), pd.Series([1, 2])], ids=["object", "Series"])
def test_what_has_no_form_names_its_key_and_the_rest_is_kept(
    run: rltrack.Run, logged: Logged, capsys: pytest.CaptureFixture[str], value: Any
) -> None:
    """Row 41, B: a raw TypeError with W&B, and the row is lost."""
    run.log({"loss": 0.5, "thing": value})
    assert logged() == [{"loss": 0.5}]
    assert "'thing'" in told(capsys)[0]


def test_long_names_and_texts_are_not_printed(
    run: rltrack.Run, logged: Logged, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row 43, B: W&B's last lines print all of it."""
    run.log({"k" * 5000: 1, "text": "x" * 1_000_000})
    run.finish()
    assert len(logged()[0]["text"]) == 1_000_000
    assert sum(map(len, told(capsys))) < 1000


def test_a_step_in_the_data_is_left_out_and_a_time_honoured(
    run: rltrack.Run, read_rows: ReadRows
) -> None:
    """Row 44, M."""
    run.log({"a": 1, "_step": 99, "_timestamp": 1_750_000_000.25})
    assert run.folder is not None
    (row,) = read_rows(run.folder / "journal")
    assert (row.step, row.time_ns, row.values) == (0, 1_750_000_000_250_000_000, {"a": 1})


# -- summary -------------------------------------------------------------------------------


def test_summary_is_a_mutable_mapping(run: rltrack.Run) -> None:
    """Row 55, B: KeyErrors with W&B."""
    run.log({"a": 1.0})
    assert dict(run.summary.items()) == {"a": 1.0}
    assert "a" in run.summary
    assert not hasattr(run.summary, "b")


def test_what_is_set_inside_of_summary_is_recorded(run: rltrack.Run, root: Path) -> None:
    """Row 56, M."""
    run.summary["test"] = {"a": 1}
    run.summary["test"]["b"] = 2
    assert the_run(root).summary == {"test.a": 1, "test.b": 2}


def test_an_aggregate_ignores_nan_and_counts_it(run: rltrack.Run, root: Path) -> None:
    """Row 57, B: NaN for ever with W&B."""
    run.define_metric("a", summary="min")
    for value in (2.0, math.nan, 1.0):
        run.log({"a": value})
    expected = {"a.min": 1.0, "a.not_finite": 1}
    assert dict(run.summary) == the_run(root).summary == expected


def test_a_value_by_hand_wins_over_an_aggregate(run: rltrack.Run, root: Path) -> None:
    """Row 58, B: with W&B the last value comes back."""
    run.define_metric("a", summary="max")
    run.log({"a": 1.0})
    run.summary["a"] = 42
    run.log({"a": 2.0})
    assert run.summary["a"] == the_run(root).summary["a"] == 42


# -- after the end -------------------------------------------------------------------------


def test_a_log_after_the_end_is_an_error(run: rltrack.Run) -> None:
    """Row 59, M."""
    run.finish()
    with pytest.raises(
        rltrack.UsageError, match=r"Run \(r\) is finished. The call to `log` will be ignored"
    ):
        run.log({"a": 1})
    with pytest.raises(NotInitializedError):
        rltrack.log({"a": 1})
    assert issubclass(RunFinishedError, rltrack.UsageError)


def test_the_step_is_there_after_the_end(run: rltrack.Run) -> None:
    """Row 60, B: W&B waits for 30 s, then a TimeoutError."""
    run.log({"a": 1})
    run.finish()
    assert run.step == 1


def test_an_unknown_attribute_is_an_attribute_error(run: rltrack.Run) -> None:
    """Row 61, B: to set one is a bare Exception with W&B."""
    with pytest.raises(AttributeError):
        run.foo  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        run.foo = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ending", "state", "exit_code", "status", "tracebacks"),
    [
        pytest.param("", "finished", 0, 0, 0, id="62 to its end"),
        pytest.param("sys.exit(3)", "failed", 3, 3, 0, id="62 sys.exit(3)"),
        pytest.param("sys.exit('x')", "failed", 1, 1, 0, id="62 sys.exit(text)"),
        pytest.param("raise SystemExit(4)", "failed", 4, 4, 0, id="63 raise SystemExit(4)"),
        pytest.param("1 / 0", "failed", 1, 1, 1, id="64 an exception"),
        pytest.param("with run: 1 / 0", "failed", 1, 1, 1, id="64 an exception in a block"),
        pytest.param("with run: sys.exit(0)", "finished", 0, 0, 0, id="65 sys.exit(0) in a block"),
        pytest.param("raise KeyboardInterrupt", "killed", 255, -signal.SIGINT, 1, id="66 Ctrl-C"),
    ],
)
def test_the_end_of_a_program_is_that_of_its_run(
    root: Path, ending: str, state: str, exit_code: int, status: int, tracebacks: int
) -> None:
    """Rows 62 to 66: W&B records 0 for 63, 1 for 65, and prints the traceback of 64 twice."""
    done = script(root, ending)
    (found,) = run_folders(root, "p")
    facts = found.read_facts()
    assert (facts.state, facts.exit_code) == (state, exit_code), done.stderr
    assert (done.returncode, done.stderr.count("Traceback")) == (status, tracebacks)


@pytest.mark.parametrize(
    ("death", "state"),
    [
        ("os._exit(0)", "crashed"),
        ("os.kill(os.getpid(), 9)", "crashed"),
        ("os.kill(os.getpid(), 15)", "killed"),
    ],
)
def test_a_program_that_is_gone_has_its_rows_and_a_state(
    root: Path, death: str, state: str
) -> None:
    """Row 67, B: with W&B an empty file."""
    script(root, f"for step in range(999): run.log({{'a': step}})\n{death}")
    found = the_run(root)
    assert (found.state, len(found.history(pandas=False))) == (state, 1000)


# -- processes -----------------------------------------------------------------------------


def test_a_forked_child_logs_into_the_run_and_has_another_on_request(root: Path) -> None:
    """Row 68, B: W&B's child cannot have one."""
    done = script(
        root,
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    assert rltrack.init(project='p') is run\n"
        "    run.log({'a': 2.0})\n"
        "    own = rltrack.init(project='q', reinit='create_new', settings={'silent': True})\n"
        "    own.finish()\n"
        "    os._exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n",
    )
    assert done.returncode == 0, done.stderr
    assert len(the_run(root).history(pandas=False)) == 2
    assert [run.state for run in rltrack.Api(root).runs("q")] == ["finished"]


def test_a_spawned_child_logs_into_the_run_that_it_is_given(root: Path) -> None:
    """Row 69, M: the module has no run there."""
    file = root.parent / "train.py"
    file.write_text(
        "import multiprocessing, rltrack\n"
        "def work(run):\n"
        "    assert rltrack.run is None\n"
        "    run.log({'a': 2.0})\n"
        "if __name__ == '__main__':\n"
        "    run = rltrack.init(project='p', settings={'silent': True})\n"
        "    run.log({'a': 1.0})\n"
        "    child = multiprocessing.get_context('spawn').Process(target=work, args=(run,))\n"
        "    child.start(); child.join()\n"
        "    assert child.exitcode == 0\n"
    )
    done = subprocess.run(
        [sys.executable, str(file)], cwd=root.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = the_run(root)
    assert (found.state, len(found.history(pandas=False))) == ("finished", 2)


def test_threads_lose_no_row(run: rltrack.Run, logged: Logged) -> None:
    """Row 70, M."""

    def work() -> None:
        for index in range(50):
            run.log({"a": index})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(logged()) == 200


def test_a_run_that_must_be_there_and_is_not_is_an_error(root: Path) -> None:
    """Row 71, B: W&B begins another, offline."""
    with pytest.raises(rltrack.UsageError, match="there is no run 'nothing'"):
        rltrack.init(project="p", id="nothing", resume="must")


def test_a_run_begins_without_a_server(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows 72 and 73, B: errors with W&B, the second after 16 seconds."""
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    run = rltrack.init(project="p", mode="online")
    run.log({"a": 1.0})
    run.finish()
    assert the_run(root).state == "finished"


def test_a_run_has_a_name(root: Path) -> None:
    """Row 75, B: None with W&B, offline."""
    assert re.fullmatch(r"[a-z]+-[a-z]+-1", rltrack.init(project="p").name)


# -- the table itself ----------------------------------------------------------------------

#: Rows that others hold: media (42, 45 to 54), artifacts (74), and watch (76).
OTHERS = {42, *range(45, 55), 74, 76}


def test_every_row_of_the_table_has_a_test() -> None:
    """A promise that nothing holds is none."""
    tests = [
        found
        for name, found in globals().items()
        if name.startswith("test_") and isinstance(found, types.FunctionType)
    ]
    held: set[int] = set()
    for test in tests:
        words = (test.__doc__ or "").partition(",")[0].partition(":")[0]
        numbers = [int(number) for number in re.findall(r"\d+", words)]
        held.update(
            range(numbers[0], numbers[-1] + 1)
            if words.startswith("Rows") and "to" in words
            else numbers
        )

    assert held | OTHERS == set(range(1, 77))


def test_the_records_of_an_end_are_one(run: rltrack.Run, read_records: ReadRecords) -> None:
    """However often it is finished."""
    run.finish()
    run.finish(exit_code=3)
    assert run.folder is not None
    ends = [r for r in read_records(run.folder / "journal") if isinstance(r, Finished)]
    assert [dataclasses.asdict(end)["state"] for end in ends] == ["finished"]
