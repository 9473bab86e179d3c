"""Tables: what they take and refuse, what is stored, and what logging one again does."""

from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack import Table
from rltrack.errors import UsageError
from rltrack.media import table_rows
from rltrack.media.table import LogMode

PICTURE = np.zeros((32, 32, 3), np.uint8)


def stored(table: Table, folder: Path) -> pa.Table:
    """What another program reads of the file."""
    path = folder / "table.parquet"
    table.encode(path)
    return pq.read_table(path)


def logged(root: Path, run: rltrack.Run, key: str) -> list[dict[str, Any]]:
    """The references of a key, a row each."""
    rows = rltrack.Api(root).run(f"p/{run.id}").history([key], pandas=False)
    return [row[key] for row in rows]


def start() -> rltrack.Run:
    return rltrack.init(project="p", settings={"silent": True})


@pytest.mark.parametrize(
    "data",
    [
        [[1, 0.5, "x"], [2, None, "y"]],
        ([number, cell, text] for number, cell, text in [(1, 0.5, "x"), (2, None, "y")]),
        {"i": [1, 2], "f": [0.5, None], "s": ["x", "y"]},
        [{"i": 1, "f": 0.5, "s": "x"}, {"i": 2, "s": "y"}],
        pl.DataFrame({"i": [1, 2], "f": [0.5, None], "s": ["x", "y"]}),
        pl.LazyFrame({"i": [1, 2], "f": [0.5, None], "s": ["x", "y"]}),
        pa.table({"i": [1, 2], "f": [0.5, None], "s": ["x", "y"]}),
        pa.table({"i": [1, 2], "f": [0.5, None], "s": ["x", "y"]}).to_reader(),
        [pa.table({"i": [n], "f": [f], "s": [s]}) for n, f, s in [(1, 0.5, "x"), (2, None, "y")]],
        pd.DataFrame({"i": [1, 2], "f": pd.array([0.5, None], "Float64"), "s": ["x", "y"]}),
    ],
    ids=lambda data: f"{type(data).__module__.split('.')[0]}.{type(data).__name__}",
)
def test_a_table_is_made_of_whatever_holds_rows(data: Any, tmp_path: Path) -> None:
    """Each way gives the same columns of the same types."""
    table = Table(["i", "f", "s"], data)

    assert table.types == {"i": "int", "f": "float", "s": "text"}
    assert table.data == [[1, 0.5, "x"], [2, None, "y"]]
    assert stored(table, tmp_path).to_pydict() == {"i": [1, 2], "f": [0.5, None], "s": ["x", "y"]}


def test_a_nan_is_a_number_and_no_hole() -> None:
    """Pandas means both by it; what was in an array of floats is kept."""
    frame = pd.DataFrame({"x": [1.0, math.nan], "s": ["a", None]})

    (first, second) = Table(dataframe=frame).data

    assert first == [1.0, "a"]
    assert math.isnan(second[0])
    assert second[1] is None


def test_arrays_and_tensors_are_columns_and_cells(tmp_path: Path) -> None:
    """A grid is columns; an array in a cell is a list."""
    assert Table(["a", "b"], np.arange(4).reshape(2, 2)).data == [[0, 1], [2, 3]]
    assert Table(data={"t": torch.arange(2), "n": np.ones((2, 3))}).data[1] == [1, [1.0] * 3]
    cells = Table(["x", "l"], [[np.float32(0.5), torch.tensor([1, 2])], [np.int64(3), [4]]])
    assert cells.types == {"x": "float", "l": "list:int"}
    assert stored(cells, tmp_path).schema.field("l").type == pa.list_(pa.int64())


def test_what_was_narrow_stays_narrow(tmp_path: Path) -> None:
    """A float32 takes 4 bytes in the file too; beside Python's own it is widened."""
    table = Table(dataframe=pd.DataFrame({"x": np.ones(2, np.float32), "n": np.ones(2, np.int8)}))
    assert [field.type for field in stored(table, tmp_path).schema] == [pa.float32(), pa.int8()]

    table.add_data(0.1, 1000)

    assert [field.type for field in stored(table, tmp_path).schema] == [pa.float64(), pa.int64()]
    assert table.data[2] == [0.1, 1000]


@pytest.mark.parametrize(
    ("row", "error", "told"),
    [
        ((1, 2, 3), ValueError, "3 cells, and this table expects 2 columns: n, s"),
        ((1,), ValueError, "1 cells"),
        (("x", "y"), TypeError, "column 'n' holds int, and 'x' is text"),
        ((True, "y"), TypeError, "'n' holds int, and True is bool"),
        ((object(), "y"), TypeError, "has no form"),
        ((1, [rltrack.Image(PICTURE)]), TypeError, "list of media is no cell"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_whole(
    row: tuple[Any, ...], error: type[Exception], told: str
) -> None:
    """W&B's row 51: the shapes of its errors, and the table is as it was."""
    table = Table(["n", "s"], [[1, "x"]])

    with pytest.raises(error, match=told):
        table.add_data(*row)

    assert table.data == [[1, "x"]]
    table.add_data(2, "y")
    assert len(table) == 2


def test_data_that_does_not_fit_names_row_and_column() -> None:
    """Among a million, one wants to know which."""
    with pytest.raises(TypeError, match="row 2, column 'a': 'x' is text, and the column holds int"):
        Table(["a"], [[1], [2], ["x"]])
    with pytest.raises(ValueError, match="row 1 has 2 cells"):
        Table(["a"], [[1], [2, 3]])
    with pytest.raises(ValueError, match="'a' has 1, 'b' has 2"):
        Table(data={"a": [1], "b": [1, 2]})


def test_types_can_be_said_and_mixed(tmp_path: Path) -> None:
    """As W&B's dtype, optional and allow_mixed_types."""
    typed = Table(["x", "s"], [[1, None]], dtype=[float, str], optional=[False, True])
    assert typed.data == [[1.0, None]]
    with pytest.raises(TypeError, match="no holes"):
        typed.add_data(None, "x")
    with pytest.raises(TypeError, match="'s' holds text, and 3 is int"):
        typed.add_data(1.0, 3)
    with pytest.raises(TypeError, match="no type of a column"):
        Table(["x"], dtype="nonsense")

    mixed = Table(["m"], [[1], ["x"], [None], [{"a": [1]}]], allow_mixed_types=True)
    mixed.add_data(rltrack.Image(PICTURE))
    assert mixed.data[:4] == [[1], ["x"], [None], [{"a": [1]}]]
    assert [json.loads(cell or "null") for cell in stored(mixed, tmp_path)["m"].to_pylist()][3] == {
        "a": [1]
    }


def test_columns_are_added_computed_read_and_cast() -> None:
    """The methods of W&B's table."""
    table = Table(["a"], [[1], [2]])
    table.add_column("b", ["x", "y"])
    table.add_computed_columns(lambda number, row: {"c": row["a"] * 10 + number, "d": row["b"] * 2})
    table.add_row(3, "z", 32, "zz")

    assert table.columns == ["a", "b", "c", "d"]
    assert table.data[1:] == [[2, "y", 21, "yy"], [3, "z", 32, "zz"]]
    assert table.get_column("c") == [10, 21, 32]
    column = table.get_column("c", convert_to="numpy")
    assert isinstance(column, np.ndarray)
    assert column.sum() == 63
    assert table.get_index() == [0, 1, 2]
    assert table.get_dataframe()["b"].tolist() == ["x", "y", "z"]
    table.cast("a", float)
    assert table.get_column("a") == [1.0, 2.0, 3.0]
    for wrong in (
        lambda: table.add_column("a", [1, 2, 3]),
        lambda: table.add_column("e", [1]),
        lambda: table.get_column("nonsense"),
    ):
        with pytest.raises(ValueError, match=r"column|cells"):
            wrong()


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_and_odd_tables_are_stored(rows: int, tmp_path: Path) -> None:
    """No rows, no columns, huge cells, names and texts of all kinds."""
    assert Table().columns == ["Input", "Output", "Expected"]
    assert stored(Table(columns=[]), tmp_path).num_columns == 0
    assert stored(Table(["a"]), tmp_path).num_rows == 0
    names = ["", "a\nb", "ключ", "A", "=1+1", "x" * 5000]
    table = Table(names, [["\ud800", None, "\0", "=cmd()", "🂡", "y" * 10_000_000]] * rows)
    found = stored(table, tmp_path)
    assert found.schema.names == names
    assert found.num_rows == rows
    for twice in (["a", "a"], [1, "1"]):
        with pytest.raises(ValueError, match="several times"):
            Table(twice)
    with pytest.raises(ValueError, match="once"):
        Table(dataframe=pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_ints_of_any_size_and_times_are_kept(tmp_path: Path) -> None:
    """What has more than 64 bits is a float; a time with a zone is in UTC."""
    zone = dt.timezone(dt.timedelta(hours=2))
    noon = dt.datetime(2020, 1, 1, 12, tzinfo=zone)
    table = Table(["n", "t", "d"], [[2**60 + 1, noon, dt.date(2020, 1, 1)]])
    assert stored(table, tmp_path).to_pylist() == [
        {"n": 2**60 + 1, "t": noon, "d": dt.date(2020, 1, 1)}
    ]
    table.add_data(2**70, None, None)
    assert table.get_column("n") == [float(2**60 + 1), float(2**70)]


def test_rows_beyond_what_memory_is_for_wait_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """And are read back as they came."""
    monkeypatch.setattr(table_rows, "MEMORY_BYTES", 1 << 20)

    def rows() -> Iterator[list[Any]]:
        for number in range(300_000):
            yield [number, number / 7]

    table = Table(["n", "x"], rows())

    assert len(table) == 300_000
    assert table.size_bytes <= 1 << 20
    assert table.get_column("n") == list(range(300_000))


cell = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.booleans()


@given(
    st.sampled_from(
        [st.integers(-(2**63), 2**63 - 1), st.text(), st.booleans(), st.floats()]
    ).flatmap(lambda kind: st.lists(st.none() | kind))
)
def test_a_column_of_one_type_comes_back_as_it_was(cells: list[Any]) -> None:
    """Through Arrow, row by row and at once."""
    slowly = Table(["x"])
    for one in cells:
        slowly.add_data(one)

    for table in (slowly, Table(["x"], [[one] for one in cells])):
        assert repr(table.get_column("x")) == repr(
            [
                one.encode("utf-8", "replace").decode() if isinstance(one, str) else one
                for one in cells
            ]
        )


@given(st.lists(st.lists(cell, min_size=1, max_size=1)))
def test_mixed_cells_come_back_as_json_holds_them(rows: list[list[Any]]) -> None:
    """Any cells may stand in one column, if that is said."""
    found = Table(["x"], rows, allow_mixed_types=True).data

    assert len(found) == len(rows)


# -- logging ---------------------------------------------------------------------------------------


def test_a_logged_table_is_a_parquet_file_that_says_what_it_holds(root: Path) -> None:
    """Its columns, marks and log mode are in the metadata, so that others need no rltrack."""
    with start() as run:
        run.log({"eval/t": Table(["n", "j"], [[1, {"a": 1}]])})

    (reference,) = logged(root, run, "eval/t")
    found = pq.read_table(run_folder(root, run) / "media" / reference["path"])
    told = json.loads(found.schema.metadata[b"rltrack"])
    assert reference["path"].startswith("table/eval/t_0_")
    assert (reference["nrows"], reference["ncols"]) == (1, 2)
    assert told["columns"] == [
        {"name": "n", "kind": "int", "optional": True},
        {"name": "j", "kind": "json", "optional": True},
    ]
    assert found.schema.field("j").metadata[b"rltrack"] == b"json"
    assert found.to_pylist() == [{"n": 1, "j": '{"a": 1}'}]


def run_folder(root: Path, run: rltrack.Run) -> Path:
    return rltrack.Api(root).run(f"p/{run.id}").folder


def test_media_cells_are_files_of_their_own(root: Path) -> None:
    """The cell refers to one as a row would; a second log writes the new ones only."""
    with start() as run:
        table = Table(["n", "image"], [[1, rltrack.Image(PICTURE)], [2, None]])
        run.log({"t": table})
        table.add_data(3, rltrack.Image(PICTURE + 1, caption="c"))
        run.log({"t": table})
        assert isinstance(table.get_column("image")[0], rltrack.Image)

    media = run_folder(root, run) / "media"
    last = pq.read_table(media / logged(root, run, "t")[-1]["path"])["image"].to_pylist()
    first, third = (json.loads(cell) for cell in last if cell is not None)
    assert last[1] is None
    assert third["caption"] == "c"
    assert (media / first["path"]).exists()
    assert len(list(media.rglob("*.png"))) == 2


def test_a_row_that_comes_after_log_is_not_in_what_was_logged(root: Path) -> None:
    """The file is written later, and holds the table as it was."""
    with start() as run:
        table = Table(["n"], [[1]])
        run.log({"t": table})
        table.add_data(2)

    (reference,) = logged(root, run, "t")
    assert pq.read_table(run_folder(root, run) / "media" / reference["path"]).num_rows == 1


@pytest.mark.parametrize(
    ("mode", "rows"), [("MUTABLE", [1, 2, 2]), ("IMMUTABLE", [1, 1, 1]), ("INCREMENTAL", [1, 1, 1])]
)
def test_logging_again_does_what_the_mode_says(
    mode: LogMode, rows: list[int], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """W&B's row 50, with MUTABLE as the default: what was added is not lost without a word."""
    with rltrack.init(project="p") as run:
        table = Table(["n"], [[1]], log_mode=mode)
        run.log({"t": table})
        table.add_data(2)
        run.log({"t": table})
        run.log({"t": table})

    references = logged(root, run, "t")
    media = run_folder(root, run) / "media"
    found = [pq.read_table(media / one["path"])["n"].to_pylist() for one in references]
    assert [one["nrows"] for one in references] == rows
    assert references[2] == references[1]
    assert found[1] == {"MUTABLE": [1, 2], "IMMUTABLE": [1], "INCREMENTAL": [2]}[mode]
    assert ("is IMMUTABLE" in capsys.readouterr().err) == (mode == "IMMUTABLE")


def test_frames_are_logged_as_tables(root: Path) -> None:
    """W&B's row 42, and the frames of two more libraries."""
    frame = pd.DataFrame({"a": [1, 2]})
    with start() as run:
        run.log({"pandas": frame, "polars": pl.DataFrame(frame), "arrow": pa.table({"a": [1, 2]})})

    for key in ("pandas", "polars", "arrow"):
        (reference,) = logged(root, run, key)
        assert reference["_type"] == "table-file"
        assert reference["nrows"] == 2


def test_a_frame_that_is_no_table_costs_only_itself(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training goes on: a frame of several types is stored, one with a column twice is told."""
    with rltrack.init(project="p") as run:
        run.log({"mixed": pd.DataFrame({"a": [1, "x"]}), "n": 1})
        run.log({"twice": pd.DataFrame([[1, 2]], columns=["a", "a"]), "n": 2})

    assert logged(root, run, "mixed")[0]["column_types"] == ["any"]
    assert [row["n"] for row in rltrack.Api(root).run(f"p/{run.id}").history(pandas=False)] == [
        1,
        2,
    ]
    assert "a table has each column once" in capsys.readouterr().err


def test_logging_other_values_imports_no_frames(tmp_path: Path) -> None:
    """Pandas takes half a second, and who logs none has none."""
    code = """
import sys, rltrack
with rltrack.init(project="p", dir=sys.argv[1], settings={"silent": True}) as run:
    run.log({"text": "x", "list": [1, 2]})
print([name for name in ("pandas", "polars", "pyarrow", "numpy") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_arguments_that_mean_nothing_are_refused() -> None:
    """At the call."""
    for wrong in (
        {"log_mode": "SOMETIMES"},
        {"columns": "abc"},
        {"data": [[1]], "rows": [[1]]},
        {"columns": ["a"], "dtype": [int, str]},
        {"columns": ["a"], "optional": {"b": True}},
    ):
        with pytest.raises(UsageError):
            Table(**wrong)
    for what in (7, "text"):
        with pytest.raises(TypeError, match="a table is made of"):
            Table(data=what)


# -- as artifacts ----------------------------------------------------------------------------------


def test_each_logged_table_is_a_version_of_an_artifact(root: Path) -> None:
    """The same rows once more are no new version; the media of its cells are in it."""
    frame = pd.DataFrame({"a": [1, 2]})
    with start() as run:
        for number in (1, 1, 2):
            run.log({"eval/frame": frame * number})
        run.log({"cells": Table(["image"], [[rltrack.Image(PICTURE)]])})

    api = rltrack.Api(root)
    versions = api.run(f"p/{run.id}").logged_artifacts()
    name = f"run-{run.id}-eval_frame"
    assert {one.name for one in versions} == {f"{name}:v0", f"{name}:v1", f"run-{run.id}-cells:v0"}
    assert {one.type for one in versions} == {"run_table"}
    (cells,) = (one for one in versions if "cells" in one.name)
    files = sorted(file.path for file in cells.files())
    assert files[1] == "table.parquet"
    assert files[0].startswith("media/images/cells_")
    newest = api.artifact(f"p/{name}:latest")
    (file,) = newest.files()
    found = pq.read_table(Path(newest.download(str(root.parent / "there"))) / file.path)
    assert found["a"].to_pylist() == [2, 4]


def test_an_incremental_table_adds_a_file_to_its_artifact(root: Path) -> None:
    """What was logged before is in the new version, too."""
    with start() as run:
        table = Table(["n"], [[0]], log_mode="INCREMENTAL")
        for number in range(3):
            table.add_data(number)
            run.log({"t": table})

    newest = rltrack.Api(root).artifact(f"p/run-{run.id}-t:latest")
    assert sorted(file.path for file in newest.files()) == [
        f"{number}.table.parquet" for number in range(3)
    ]


def test_a_table_is_added_to_an_artifact(root: Path) -> None:
    """Without being logged; its media are beside it."""
    with start() as run:
        artifact = rltrack.Artifact("mine", "dataset")
        artifact.add(Table(["image"], [[rltrack.Image(PICTURE)], [None]]), "rows")
        run.log_artifact(artifact)

    newest = rltrack.Api(root).artifact("p/mine:latest")
    with newest.get_entry("rows.parquet").open() as file:
        image, hole = pq.read_table(file)["image"].to_pylist()
    assert hole is None
    assert json.loads(image)["path"] in {file.path for file in newest.files()}


def test_keys_are_kept_with_the_table_and_put_two_beside_each_other(tmp_path: Path) -> None:
    """As W&B's set_pk and set_fk say them."""
    envs = Table(["name"], [["a"]])
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        for shift in (0, 1):
            table = Table(["id", "env", "x"], [[1, "a", 1.0], [2, "a", 2.0 + shift]])
            table.set_pk("id")
            table.set_fk("env", envs, "name")
            run.log({"t": table})
    read = rltrack.Api(tmp_path).run(f"p/{run.id}")

    beside = read.table("t", step=0).diff(read.table("t", step=1), only_changed=True)

    assert beside.columns[:3] == ["id", "a.env", "b.env"]
    assert [row[0] for row in beside.rows] == [2]
    file = next((tmp_path / "p").rglob("*.parquet"))
    told = json.loads(pq.read_schema(file).metadata[b"rltrack"])
    assert (told["primary_key"], told["foreign_keys"]) == ("id", {"env": "name"})
    with pytest.raises(UsageError, match="no column 'nope'"):
        table.set_pk("nope")
    with pytest.raises(UsageError, match="no column 'nope'"):
        table.set_fk("env", envs, "nope")
