"""Tables read back: one, over steps, over runs, side by side; in SQL, as frames and as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import httpx
import numpy as np
import pytest

import rltrack
from rltrack.errors import NotFoundError, QueryError, UsageError
from rltrack.server.run import Background

KEY = "eval/episodes"


def table(first: int, count: int, shift: float = 0.0) -> rltrack.Table:
    """Episodes from a number on, with a step of their own."""
    numbers = list(range(first, first + count))
    return rltrack.Table(
        data={
            "id": numbers,
            "step": [number * 10 for number in numbers],
            "return": [number / 2 + (shift if number % 2 else 0.0) for number in numbers],
        }
    )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> rltrack.Api:
    """Two runs that log a table twice, and one that logs others."""
    root = tmp_path_factory.mktemp("a [b] 'c'")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RLTRACK_CONSOLE", "RLTRACK_PROVENANCE"):
            patch.setenv(name, "off")
        for run_id, shift in (("one", 0.0), ("two", 1.0)):
            with rltrack.init(project="p", id=run_id, dir=root, settings={"silent": True}) as run:
                run.log({KEY: table(0, 3, shift)})
                run.log({KEY: table(0, 5, shift)})
        with rltrack.init(project="p", id="other", dir=root, settings={"silent": True}) as run:
            grows = rltrack.Table(["n"], [[0], [1]], log_mode="INCREMENTAL")
            run.log({"grows": grows})
            run.log({"grows": grows})
            grows.add_data(2)
            run.log({"grows": grows, "odd": rltrack.Table(["A", "a", ""], [["x", 1, "=1+1"]])})
            run.log(
                {
                    "media": rltrack.Table(
                        ["image", "about"],
                        [[rltrack.Image(np.zeros((32, 32, 3), np.uint8)), {"é": [1, None]}]],
                    ),
                    "none": rltrack.Table(["a"]),
                }
            )
    return rltrack.Api(root)


def test_a_table_is_read_as_it_was_logged(api: rltrack.Api) -> None:
    """The last one, or that of a step; whole or by SQL."""
    run = api.run("p/one")
    last = run.table(KEY)

    assert last.columns == ["id", "step", "return"]
    assert last.rows == [[0, 0, 0.0], [1, 10, 0.5], [2, 20, 1.0], [3, 30, 1.5], [4, 40, 2.0]]
    assert (len(last), len(run.table(KEY, step=0))) == (5, 3)
    assert last.dataframe()["return"].sum() == 5.0
    assert last.arrow().num_rows == 5
    assert last.get_column("id") == [0, 1, 2, 3, 4]
    answer = last.query('SELECT count(*) AS n, avg("return") AS mean FROM table WHERE id > 1')
    assert answer.to_dict("records") == [{"n": 3, "mean": 1.5}]


def test_a_row_of_history_opens_its_table(api: rltrack.Api) -> None:
    """When it is asked for."""
    (*_, row) = api.run("p/one").history([KEY], pandas=False)

    assert row[KEY]["nrows"] == 5
    assert row[KEY].table().rows[1] == [1, 10, 0.5]


def test_what_is_not_there_is_told_with_what_is(api: rltrack.Api) -> None:
    """A key, a step, a column, a project's key."""
    run = api.run("p/one")
    with pytest.raises(NotFoundError, match="no table 'nope'; it has eval/episodes"):
        run.table("nope")
    with pytest.raises(NotFoundError, match="not logged at step 7; it was at 0, 1"):
        run.table(KEY, step=7)
    with pytest.raises(UsageError, match="no column 'nope'; it has id, step, return"):
        run.table(KEY).get_column("nope")
    with pytest.raises(NotFoundError, match="none of the runs has a table 'nope'"):
        api.tables("p", "nope")


def test_a_query_reads_its_table_and_nothing_else(api: rltrack.Api, tmp_path: Path) -> None:
    """It is another's text as often as not."""
    found = api.run("p/one").table(KEY)
    out = tmp_path / "out"
    for text, told in (
        (f"COPY table TO '{out}'", "COPY is not run"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Permission"),
        ("SELECT * FROM table; DROP VIEW table", "one statement"),
        ("SELECT nope FROM table", r'"nope" not found.*line 1, column 8'),
        ("SELECT 1 FROM table\nWHERE tabel.id = table.id AND", r"line 2"),
        ("SELECT * FROM runs", "no table runs; the one that there is is table"),
    ):
        with pytest.raises(QueryError, match=told):
            found.query(text)
    with pytest.raises(QueryError, match=r"more than 0\.5 s"):
        found.query(
            "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b, table",
            timeout_s=0.5,
        )
    assert not out.exists()


def test_tables_of_several_steps_and_runs_are_one(api: rltrack.Api) -> None:
    """With the step and the run in front; a column of the table's own keeps its name."""
    steps = api.run("p/two").tables(KEY)
    assert steps.columns == ["_step", "id", "step", "return"]
    assert steps.query("SELECT _step, count(*) AS n FROM table GROUP BY 1 ORDER BY 1").to_dict(
        "list"
    ) == {"_step": [0, 1], "n": [3, 5]}

    runs = api.tables("p", KEY)
    assert runs.columns == ["run", "_step", "id", "step", "return"]
    text = 'SELECT run, max("return") AS best FROM table GROUP BY run ORDER BY run'
    assert runs.query(text).to_dict("list") == {"run": ["one", "two"], "best": [2.0, 2.5]}
    assert len(api.tables("p", KEY, steps="all")) == 16
    assert len(api.tables("p", KEY, steps=[0])) == 6
    assert api.tables("p", KEY, {"name": "one"}).get_column("run") == ["one"] * 5


def test_an_incremental_table_is_all_that_came_until_then(api: rltrack.Api) -> None:
    """Each file has what was new; a log without news adds nothing."""
    run = api.run("p/other")

    assert run.table("grows").rows == [[0], [1], [2]]
    assert run.table("grows", step=1).rows == [[0], [1]]
    assert run.tables("grows").rows == [[0, 0], [0, 1], [2, 2]]


def test_columns_of_several_types_have_one_for_all(tmp_path: Path) -> None:
    """Ints beside floats are floats; what has nothing in common is text; a hole where none is."""
    for number, data in enumerate(({"a": [1], "b": [1]}, {"a": [0.5], "b": ["x"], "c": [[1.0]]})):
        with rltrack.init(
            project="p", id=f"r{number}", dir=tmp_path, settings={"silent": True}
        ) as run:
            run.log({"t": rltrack.Table(data=data)})

    found = rltrack.Api(tmp_path).tables("p", "t")

    assert found.types["a"] == "DOUBLE"
    assert found.rows == [["r0", 0, 1.0, "1", None], ["r1", 0, 0.5, "x", [1.0]]]


def test_two_tables_stand_side_by_side_by_a_key(api: rltrack.Api) -> None:
    """What changed between two runs, and which rows only one has."""
    one, two = api.run("p/one").table(KEY), api.run("p/two").table(KEY, step=0)

    found = one.diff(two, on="id")

    assert found.columns == [
        *("id", "a.step", "b.step", "a.return", "b.return"),
        *("_changed", "_sides"),
    ]
    assert found.rows[:2] == [
        [0, 0, 0, 0.0, 0.0, False, ["a", "b"]],
        [1, 10, 10, 0.5, 1.5, True, ["a", "b"]],
    ]
    assert found.rows[4] == [4, 40, None, 2.0, None, True, ["a"]]
    changed = one.diff(two, "id", names=("one", "two"), only_changed=True)
    assert changed.query('SELECT id, "two.return" FROM table')["id"].tolist() == [1, 3, 4]
    with pytest.raises(UsageError, match="table 'a' has no column 'nope'; it has id"):
        one.diff(two, on="nope")


def test_rows_with_the_same_key_pair_in_their_order(api: rltrack.Api) -> None:
    """So that a key that is none multiplies nothing."""
    one, two = api.run("p/one").table(KEY), api.run("p/two").tables(KEY)

    assert len(two.diff(one, on="id")) == 8
    assert len(two.diff(two, on=["id", "_step"])) == 8


def test_names_that_sql_cannot_have_are_others_there(api: rltrack.Api) -> None:
    """Names that differ in their case only, and one that is empty."""
    odd = api.run("p/other").table("odd")

    assert odd.columns == ["A", "a_1", "_"]
    assert odd.query("SELECT a_1 + 1 AS n, A FROM table").to_dict("list") == {"n": [2], "A": ["x"]}


def test_media_and_dicts_are_told_as_what_they_are(api: rltrack.Api) -> None:
    """A reference says where the file is; in SQL both are JSON."""
    found = api.run("p/other").table("media")

    ((image, about),) = found.rows
    assert image["_type"] == "image-file"
    assert (api.run("p/other").folder / "media" / image["path"]).exists()
    assert about == {"é": [1, None]}
    assert found.dataframe()["about"][0] == about
    assert found.query("SELECT about->>'é' AS e FROM table")["e"].tolist() == ["[1,null]"]
    assert api.run("p/other").table("none").rows == []


def test_csv_holds_no_formulas(api: rltrack.Api, tmp_path: Path) -> None:
    """A spreadsheet runs what begins with an equals sign; asked for, it stays."""
    odd = api.run("p/other").table("odd")

    with odd.csv(tmp_path / "safe.csv").open(encoding="utf-8") as file:
        assert list(csv.reader(file))[1] == ["x", "1", "'=1+1"]
    with odd.csv(tmp_path / "raw.csv", formulas=True).open(encoding="utf-8") as file:
        assert list(csv.reader(file))[1] == ["x", "1", "=1+1"]
    assert odd.parquet(tmp_path / "t.parquet").stat().st_size > 0


def test_sql_over_a_project_lists_its_tables(api: rltrack.Api) -> None:
    """With their columns, and how many rows they have."""
    found = api.sql(
        "SELECT run_id, step, columns->>0 AS first, rows FROM tables WHERE key = 'eval/episodes' "
        "ORDER BY run_id, step",
        "p",
    )
    assert found.to_numpy().tolist() == [
        ["one", 0, "id", 3],
        ["one", 1, "id", 5],
        ["two", 0, "id", 3],
        ["two", 1, "id", 5],
    ]


def test_a_live_table_is_asked_before_it_is_logged() -> None:
    """In the same SQL."""
    live = table(0, 4)
    live.add_data(9, 90, None)

    assert live.query('SELECT max(id) AS m, count("return") AS n FROM table').to_dict("list") == {
        "m": [9],
        "n": [4],
    }
    with pytest.raises(UsageError, match="without columns"):
        rltrack.Table(columns=[]).query("SELECT 1")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """Half of a Parquet file is none."""
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"t": table(0, 3), "gone": table(0, 3)})
    media = rltrack.Api(tmp_path).run(f"p/{run.id}").folder / "media" / "table"
    (file,) = media.glob("t_*")
    file.write_bytes(file.read_bytes()[:100])
    (gone,) = media.glob("gone_*")
    gone.unlink()

    with pytest.raises(QueryError, match="cannot be read as a table"):
        rltrack.Api(tmp_path).run(f"p/{run.id}").table("t")
    with pytest.raises(NotFoundError, match="is lost: its file was deleted"):
        rltrack.Api(tmp_path).run(f"p/{run.id}").table("gone")


def test_a_joined_table_is_read_side_by_side(tmp_path: Path) -> None:
    """W&B's JoinedTable, by a column of each; asked of the server, too."""
    left = rltrack.Table(["id", "x"], [[1, "a"], [2, "b"]])
    right = rltrack.Table(["number", "x"], [[2, "c"], [3, "d"]])
    with rltrack.init(project="p", id="r", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"both": rltrack.JoinedTable(left, right, ["id", "number"])})
        left.add_data(9, "later")

    found = rltrack.Api(tmp_path).run("p/r").table("both")

    assert found.columns == ["id", "a.x", "b.x", "_changed", "_sides"]
    assert [row[:3] for row in found.rows] == [[1, "a", None], [2, "b", "c"], [3, None, "d"]]
    with Background(tmp_path, port=0) as server:
        body = {"key": "both", "sort": ["-id"], "columns": ["id"]}
        answer = httpx.post(f"{server.url}/api/projects/p/tables/query", json=body, timeout=60)
    assert answer.json()["rows"] == [[3], [2], [1]]
    with pytest.raises(ValueError, match="table_2 has no column 'id'; it has number, x"):
        rltrack.JoinedTable(left, right, "id")
    with pytest.raises(TypeError, match="table_1 is a list"):
        rltrack.JoinedTable([], right, "id")  # type: ignore[arg-type]


def test_a_partitioned_table_is_the_files_of_a_folder(tmp_path: Path) -> None:
    """As many workers write them, each a part; dicts and references are what they were."""
    for number in range(3):
        part = rltrack.Table(["n", "about"], [[number, {"a": number}]])
        part.encode(tmp_path / f"part-{number}.parquet")

    whole = rltrack.PartitionedTable(tmp_path)

    assert whole.data == [[0, {"a": 0}], [1, {"a": 1}], [2, {"a": 2}]]
    assert whole.types["about"] == "json"
    with pytest.raises(ValueError, match="no Parquet file below it"):
        rltrack.PartitionedTable(tmp_path / "nowhere")
