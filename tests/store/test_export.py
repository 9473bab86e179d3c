"""The rows of runs as files that others read."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import rltrack
from rltrack.errors import UsageError
from rltrack.folder import run_folder
from rltrack.store import arrow
from rltrack.store.export import export_run
from rltrack.store.run import RunReader

BIG = 2**60 + 1


def reader(root: Path, run_id: str = "one", project: str = "p") -> RunReader:
    return RunReader(run_folder(root, project, run_id))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One run with a column of every kind."""
    root = tmp_path / "runs"
    with rltrack.init(
        project="p",
        id="one",
        name="é",
        dir=root,
        tags=["t"],
        config={"lr": math.inf, "net": {"width": 64}},
        settings={"silent": True},
    ) as run:
        run.log({"loss": 0.1, "n": BIG, "ok": True, "ünï/кey": 1, "text": 'a,"b"\n'})
        run.log({"loss": math.nan, "n": -1, "ok": False, "ünï/кey": 2.5, "mixed": 1})
        run.log({"loss": -math.inf, "mixed": "x", "list": [1, 2.5], "huge": BIG})
        run.log({"late": -0.0, "mixed": True, "text": "", "huge": 0.5})
    return root


def test_each_column_has_its_type_and_missing_is_not_nan(root: Path, tmp_path: Path) -> None:
    """What pandas, Polars and R read is what was logged."""
    done = export_run(reader(root), tmp_path / "x.parquet", "parquet")
    table = pq.read_table(tmp_path / "x.parquet")

    assert (done.rows, done.project, done.run_id) == (4, "p", "one")
    assert {name: str(table.schema.field(name).type) for name in table.column_names} == {
        "_step": "int64",
        "_timestamp": "double",
        "_runtime": "double",
        "loss": "double",
        "n": "int64",
        "ok": "bool",
        "ünï/кey": "double",
        "text": "string",
        "mixed": "string",
        "list": "string",
        "huge": "string",
        "late": "double",
    }
    columns: dict[str, list[Any]] = table.to_pydict()
    assert columns["_step"] == [0, 1, 2, 3]
    assert columns["loss"][0] == 0.1
    assert math.isnan(columns["loss"][1])
    assert columns["loss"][2:] == [-math.inf, None]
    assert columns["n"] == [BIG, -1, None, None]
    assert columns["ok"] == [True, False, None, None]
    assert columns["ünï/кey"] == [1.0, 2.5, None, None]
    assert columns["text"] == ['a,"b"\n', None, None, ""]
    assert columns["mixed"] == [None, "1", '"x"', "true"]
    assert columns["list"] == [None, None, "[1, 2.5]", None]
    assert columns["huge"] == [None, None, str(BIG), "0.5"]  # no float holds both
    assert math.copysign(1, columns["late"][3]) == -1
    assert table.schema.field("mixed").metadata == {b"rltrack": b"json"}
    assert table.schema.field("text").metadata is None


def test_what_is_said_of_the_run_is_beside_and_inside(root: Path, tmp_path: Path) -> None:
    """A row without its config is worth little."""
    export_run(reader(root), tmp_path / "x.parquet", "parquet")
    beside = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    inside = json.loads(pq.read_schema(tmp_path / "x.parquet").metadata[b"rltrack"])

    assert beside == inside
    assert (beside["id"], beside["name"], beside["state"]) == ("one", "é", "finished")
    assert beside["config"] == {"lr": "Infinity", "net": {"width": 64}}
    assert beside["summary"]["n"] == -1
    assert beside["tags"] == ["t"]


def test_csv_has_the_same_and_tells_missing_from_empty(root: Path, tmp_path: Path) -> None:
    """Nothing between two commas was not logged; quotes around nothing are an empty text."""
    export_run(reader(root), tmp_path / "x.csv", "csv")
    text = (tmp_path / "x.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(keepends=True)))

    assert [row["n"] for row in rows] == [str(BIG), "-1", "", ""]
    assert [row["loss"] for row in rows] == ["0.1", "nan", "-inf", ""]
    assert [row["ok"] for row in rows] == ["true", "false", "", ""]
    assert rows[0]["text"] == 'a,"b"\n'
    assert text.splitlines()[-1].startswith("3,")
    assert ',"",' in text.splitlines()[-1]
    assert (tmp_path / "x.json").exists()


def test_a_long_history_is_written_in_slices_that_make_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sparse keys, late keys, and a sealed run like one that is not."""
    with rltrack.init(project="p", id="one", dir=tmp_path / "a", settings={"silent": True}) as run:
        for step in range(5000):
            run.log({"loss": step / 3} | ({"rare": step} if step % 1111 == 7 else {}))
        run.log({"late": True})
    monkeypatch.setattr(arrow, "SLICE_CELLS", 1)
    export_run(reader(tmp_path / "a"), tmp_path / "x.parquet", "parquet")
    assert pq.read_metadata(tmp_path / "x.parquet").num_row_groups == 5
    run_reader = reader(tmp_path / "a")
    run_reader.refresh()
    run_reader.seal()
    assert run_reader.is_sealed
    export_run(run_reader, tmp_path / "y.parquet", "parquet")

    table = pq.read_table(tmp_path / "x.parquet")
    assert table.equals(pq.read_table(tmp_path / "y.parquet"))
    frame = rltrack.Api(tmp_path / "a").run("p/one").history()
    assert np.array_equal(table.column("loss").to_numpy()[:5000], frame["loss"].to_numpy()[:5000])
    assert table.column("rare").drop_null().to_pylist() == [7, 1118, 2229, 3340, 4451]
    assert table.column("late").drop_null().to_pylist() == [True]
    assert table.column("_timestamp").to_pylist() == frame["_timestamp"].tolist()


def test_a_run_without_rows_and_one_that_goes_on_are_files_too(tmp_path: Path) -> None:
    """As far as they are."""
    run = rltrack.init(project="p", id="one", dir=tmp_path, settings={"silent": True})
    export_run(reader(tmp_path), tmp_path / "x.parquet", "parquet")
    export_run(reader(tmp_path), tmp_path / "x.csv", "csv", replace=True)
    assert pq.read_table(tmp_path / "x.parquet").column_names == ["_step", "_timestamp", "_runtime"]
    assert (tmp_path / "x.csv").read_text() == '"_step","_timestamp","_runtime"\n'

    live = reader(tmp_path)
    run.log({"loss": 1})
    assert export_run(live, tmp_path / "y.parquet", "parquet").rows == 1
    run.log({"loss": 2})
    assert export_run(live, tmp_path / "y.parquet", "parquet", replace=True).rows == 2
    assert json.loads((tmp_path / "y.json").read_text())["state"] == "running"


def test_a_file_that_is_there_is_not_replaced_unasked(root: Path, tmp_path: Path) -> None:
    """Neither the rows nor what is beside them."""
    (tmp_path / "x.json").write_text("mine")
    with pytest.raises(UsageError, match=r"x\.json is there already"):
        export_run(reader(root), tmp_path / "x.parquet", "parquet")
    (tmp_path / "y.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"y\.csv is there already"):
        export_run(reader(root), tmp_path / "y.csv", "csv")
    with pytest.raises(UsageError, match=r"the rows go into a \.csv file"):
        export_run(reader(root), tmp_path / "z.json", "csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "x.json", "y.csv"]


def test_keys_that_are_no_text_and_keys_of_axes_have_columns_of_their_own(tmp_path: Path) -> None:
    """None takes the place of another."""
    with rltrack.init(project="p", id="one", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"a\ud800": 1.0, "a?": 2.0, "x" * 5000: 3.0})
    export_run(reader(tmp_path), tmp_path / "x.parquet", "parquet")
    (row,) = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert sorted(value for name, value in row.items() if not name.startswith("_")) == [1, 2, 3]


# -- the command -----------------------------------------------------------------------------------


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rltrack", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_exports_one_run_or_many(root: Path, tmp_path: Path) -> None:
    """To a file, to a folder, or into a zip that comes back."""
    with rltrack.init(project="p", id="two", dir=root, settings={"silent": True}) as run:
        run.log({"loss": 1})
    with rltrack.init(project="q", id="one", dir=root, settings={"silent": True}) as run:
        run.log({"loss": 1})
    out, folder = tmp_path / "out", ("--dir", str(root))

    assert typed("export", "é", "-o", str(out / "x.csv"), *folder).returncode == 0
    told = typed("export", "p/two", "q/one", "-o", str(out / "some"), "--json", *folder)
    assert [one["run_id"] for one in json.loads(told.stdout)] == ["two", "one"]
    chosen = ("--project", "p", "--filter", '{"state": "finished"}')
    assert typed("export", *chosen, "-o", str(out / "p.zip"), *folder).returncode == 0

    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "p.zip",
        "some/p/two.json",
        "some/p/two.parquet",
        "some/q/one.json",
        "some/q/one.parquet",
        "x.csv",
        "x.json",
    ]
    again = typed("import", str(out / "p.zip"), "--project", "r", *folder)
    assert "2 new runs of 2" in again.stdout
    assert "r/two (was p/two): imported" in again.stdout
    there = typed("import", str(out / "p.zip"), "--project", "r", "--json", *folder)
    assert {one["outcome"] for one in json.loads(there.stdout)} == {"there"}
    assert {run.id for run in rltrack.Api(root).runs("r")} == {"one", "two"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["export", "-o", "{}/x"], "say which runs to export"),
        (["export", "nobody", "-o", "{}/x"], "no run with id or name 'nobody'"),
        (["export", "nobody", "--project", "p", "-o", "{}/x"], "no run 'nobody' in project 'p'"),
        (["export", "one", "--filter", "a", "-o", "{}/x"], "leave the names of runs out"),
        (["export", "--project", "p", "--filter", '{{"state": "failed"}}', "-o", "{}/x"], "fits"),
        (["export", "--project", "p", "--filter", "{{", "-o", "{}/x"], "is no JSON"),
        (["export", "p/one", "p/one", "-o", "{}/x.csv"], "is one file, and there are 2 runs"),
        (["import", "{}/none.zip"], "there is no file"),
        (["import", "nothing"], "what can be imported is"),
    ],
)
def test_a_wrong_call_is_one_line_and_no_file(
    root: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    """What was asked, and what to do."""
    done = typed(*[argument.format(tmp_path) for argument in arguments], "--dir", str(root))
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_an_export_that_is_killed_leaves_files_that_are_whole(tmp_path: Path) -> None:
    """And the next one completes them."""
    for number in range(60):
        with rltrack.init(
            project="p", id=f"{number:02}", dir=tmp_path / "runs", settings={"silent": True}
        ) as run:
            for step in range(500):
                run.log({"loss": step / 7})
    out = tmp_path / "out"
    arguments = ["export", "--project", "p", "-o", str(out), "--dir", str(tmp_path / "runs")]
    process = subprocess.Popen(
        [sys.executable, "-m", "rltrack", *arguments], stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + 30
    while not list(out.glob("p/05.parquet")) and time.monotonic() < end:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()

    files = [path for path in (out / "p").iterdir() if not path.name.startswith(".")]
    assert 10 < len(files) < 120
    for path in files:
        assert pq.read_table(path).num_rows == 500 if path.suffix == ".parquet" else True
    assert typed(*arguments, "--force").returncode == 0
    names = sorted(os.listdir(out / "p"))
    assert names == sorted(f"{n:02}.{end}" for n in range(60) for end in ("json", "parquet"))
