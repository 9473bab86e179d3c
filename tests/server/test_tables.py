"""The dashboard's questions about tables, asked of a real server."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

import rltrack
from rltrack.server.run import Background

KEY = "eval/episodes"
BIG = 2**60 + 1


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with episodes of two envs, twice each, and one with cells of all kinds."""
    root = tmp_path_factory.mktemp("runs")
    for number in range(2):
        with rltrack.init(
            project="p q", id=f"r{number}", dir=root, settings={"silent": True}
        ) as run:
            table = rltrack.Table(["id", "env", "return", "length"])
            for at in range(20):
                table.add_data(at, f"env-{at % 2}", at * 1.5 + number * (at % 5 == 0), 100 - at)
                if at == 9:
                    run.log({KEY: table})
            run.log({KEY: table})
    with rltrack.init(project="p q", id="all", dir=root, settings={"silent": True}) as run:
        picture = rltrack.Image(np.zeros((32, 32, 3), np.uint8))
        noon = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)
        names = ["n", "x", "s", "j", "t", "b", "l", "i", "ok"]
        row = [BIG, math.nan, "x" * 9000, {"a": 1}, noon, b"\x00\xff", [1.0] * 300, picture, True]
        run.log({"kinds": rltrack.Table(names, [row, [None] * 9]), "empty": rltrack.Table(["a"])})
    return root


def post(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/api/projects/p%20q/tables/query", json={"key": KEY, **body})


def ask(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = post(client, **body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_page_of_a_table_filtered_and_sorted(client: httpx.Client) -> None:
    """By several columns; a page later, the same rows are not there again."""
    asked = {
        "runs": ["r0"],
        "filter": [{"column": "id", "op": ">=", "value": 4}, '"return" < 27'],
        "sort": ["env", "-id"],
        "columns": ["id", "env"],
    }

    first, second = ask(client, **asked, limit=8), ask(client, **asked, offset=8)

    assert first["total"] == 14
    assert first["columns"] == [{"name": "id", "type": "int"}, {"name": "env", "type": "text"}]
    assert first["rows"] == [
        *([number, "env-0"] for number in (16, 14, 12, 10, 8, 6, 4)),
        [17, "env-1"],
    ]
    assert [row[0] for row in second["rows"]] == [15, 13, 11, 9, 7, 5]
    assert first["tables"] == [{"run": "r0", "step": 1, "rows": 20}]
    beyond = ask(client, **asked, offset=99)
    assert (beyond["total"], beyond["rows"]) == (14, [])


@pytest.mark.parametrize(
    ("filtered", "count"),
    [
        ({"column": "env", "op": "in", "value": ["env-0", "x"]}, 10),
        ({"column": "env", "op": "contains", "value": "ENV-1"}, 10),
        ({"column": "env", "op": "matches", "value": "0$"}, 10),
        ({"column": "id", "op": "between", "value": [3, 5]}, 3),
        ({"column": "id", "op": "is null"}, 0),
        ({"column": "env", "value": "'; DROP TABLE x --"}, 0),
        ({"any": [{"column": "id", "value": 1}, {"column": "id", "value": 2}]}, 2),
        ({"any": []}, 0),
        ([], 20),
        ("id > 3 -- and a comment", 16),
    ],
)
def test_filters(client: httpx.Client, filtered: Any, count: int) -> None:
    """Each of the forms."""
    assert ask(client, runs=["r0"], filter=filtered)["total"] == count


def test_columns_are_computed(client: httpx.Client) -> None:
    """And can be filtered, sorted and grouped by."""
    found = ask(
        client,
        runs=["r0"],
        computed={"per step": '"return" / length', "late": "id >= 10"},
        filter="late",
        sort=["-per step"],
        limit=1,
    )
    assert found["total"] == 10
    assert found["columns"][-2:] == [
        {"name": "per step", "type": "float"},
        {"name": "late", "type": "bool"},
    ]
    assert found["rows"][0][-2:] == [28.5 / 81, True]


def test_groups_with_aggregates_over_runs_and_steps(client: httpx.Client) -> None:
    """Run and step are columns as others are."""
    found = ask(
        client,
        steps="all",
        group=["run", "step"],
        aggregates=[{"column": "return", "fn": "max", "as": "best"}],
        sort=["run", "-best"],
    )
    assert [column["name"] for column in found["columns"]] == ["run", "step", "count", "best"]
    assert found["rows"] == [
        ["r0", 1, 20, 28.5],
        ["r0", 0, 10, 13.5],
        ["r1", 1, 20, 28.5],
        ["r1", 0, 10, 13.5],
    ]
    assert found["total"] == 4
    several = [
        {"column": "id", "fn": fn}
        for fn in ("count_distinct", "sum", "mean", "min", "std", "median", "first", "last")
    ]
    (row,) = ask(
        client,
        runs=["r0"],
        group=["run"],
        aggregates=[*several, {"column": "id", "fn": "quantile", "q": 0.5}],
    )["rows"]
    assert row[:5] == ["r0", 20, 20, 190, 9.5]


def test_groups_of_groups_stand_below_each_other(client: httpx.Client) -> None:
    """Each level is in the order that is asked for, its parts right below it."""
    found = ask(
        client,
        group=["env", "run"],
        aggregates=[{"column": "return", "fn": "sum", "as": "sum"}],
        subtotals=True,
        sort=["-sum"],
        limit=5,
    )

    assert found["total"] == 6
    assert found["levels"] == [1, 2, 2, 1, 2]
    assert found["rows"] == [
        ["env-1", None, 20, 302.0],
        ["env-1", "r1", 10, 152.0],
        ["env-1", "r0", 10, 150.0],
        ["env-0", None, 20, 272.0],
        ["env-0", "r1", 10, 137.0],
    ]


def test_groups_fold_and_unfold(client: httpx.Client) -> None:
    """What stands in a folded group is no row of the answer; the order stays."""

    def rows(**more: Any) -> list[list[Any]]:
        found = ask(
            client,
            computed={"even": "id // 2 % 2 = 0"},
            group=["env", "even", "run"],
            subtotals=True,
            sort=["-env"],
            **more,
        )
        assert found["total"] == len(found["rows"])
        return [row[:level] for row, level in zip(found["rows"], found["levels"], strict=True)]

    whole = rows()
    assert rows(depth=3) == whole
    assert rows(depth=1) == [["env-1"], ["env-0"]]
    assert rows(depth=2) == [row for row in whole if len(row) < 3]
    assert rows(turned=[["env-1"]]) == [["env-1"], *(row for row in whole if row[0] == "env-0")]
    inner = whole[1]
    assert rows(depth=1, turned=[["env-1"]]) == [
        *(row for row in whole if row[0] == "env-1" and len(row) < 3),
        ["env-0"],
    ]
    assert rows(depth=1, turned=[["env-1"], inner]) == [
        *(row for row in whole if row[0] == "env-1" and (len(row) < 3 or row[:2] == inner)),
        ["env-0"],
    ]


def test_runs_side_by_side(client: httpx.Client) -> None:
    """Only what differs, if that is asked for."""
    found = ask(
        client,
        runs=["r0", "r1"],
        join={"on": ["id"], "changed": True},
        columns=["id", "r0.return", "r1.return", "_sides"],
    )
    assert found["rows"] == [[at, at * 1.5, at * 1.5 + 1, ["r0", "r1"]] for at in (0, 5, 10, 15)]
    steps = ask(client, runs=["r0"], steps="all", join={"on": ["id"]}, sort=["-id"], limit=1)
    assert steps["columns"][1]["name"] == "r0@0.env"
    assert steps["rows"][0][-1] == ["r0@1"]


def test_cells_of_all_kinds_are_json(client: httpx.Client) -> None:
    """With types; of a long one the beginning is sent, and that is told."""
    found = ask(client, key="kinds", runs=["all"])

    assert {column["name"]: column["type"] for column in found["columns"]} == {
        "run": "text",
        "step": "int",
        "n": "int",
        "x": "float",
        "s": "text",
        "j": "json",
        "t": "utc",
        "b": "bytes",
        "l": "list:float",
        "i": "media",
        "ok": "bool",
    }
    row, holes = found["rows"]
    assert row[:4] == ["all", 0, str(BIG), "NaN"]
    assert (len(row[4]), len(row[8])) == (4000, 100)
    assert row[5:8] == [{"a": 1}, "2020-01-01T12:00:00+00:00", "AP8="]
    assert row[10] is True
    assert holes[2:] == [None] * 9
    assert found["cut"] == [[0, 4], [0, 8]]
    picture = client.get(row[9]["url"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")


def test_an_empty_table_has_columns(client: httpx.Client) -> None:
    """And no rows."""
    found = ask(client, key="empty")

    assert (found["total"], found["rows"]) == (0, [])
    assert found["columns"][-1]["name"] == "a"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"key": "nope"}, 404, "has a table 'nope'"),
        ({"key": 3}, 400, "key=3"),
        ({"nonsense": 1}, 400, "no 'nonsense'"),
        ({"sort": ["nope"]}, 400, "no column 'nope'"),
        ({"columns": ['a"; DROP']}, 400, "no column"),
        ({"group": ["env"], "aggregates": [{"column": "id", "fn": "evil"}]}, 400, "'evil'"),
        ({"filter": {"column": "id", "op": "~", "value": 1}}, 400, "op='~'"),
        ({"filter": {"column": "id", "value": [1]}}, 400, "value=[1]"),
        ({"filter": "nope > 1"}, 400, '"nope" not found'),
        ({"filter": "id > 1) UNION SELECT 1 -- "}, 400, "error"),
        ({"filter": "id IN (SELECT 1 FROM read_csv('/etc/passwd'))"}, 400, "Permission"),
        ({"computed": {"id": "1"}}, 400, "already"),
        ({"limit": 1001}, 400, "limit=1001"),
        ({"offset": -1}, 400, "offset=-1"),
        ({"join": {"on": ["nope"]}, "runs": ["r0", "r1"]}, 400, "no column 'nope'"),
        ({"join": {"on": ["id"]}, "runs": ["r0"]}, 400, "1 tables side by side"),
    ],
)
def test_what_cannot_be_answered_is_told(
    client: httpx.Client, body: dict[str, Any], status: int, told: str
) -> None:
    """What was asked, and what there is."""
    answer = post(client, **body)

    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]


def test_a_run_without_the_table_is_named(client: httpx.Client) -> None:
    """The others are answered."""
    found = ask(client, runs=["r0", "all", "gone"])

    assert (found["total"], found["missing"]) == (20, ["all", "gone"])


def test_a_process_is_ready_before_a_question_comes(
    server: Background, client: httpx.Client
) -> None:
    """Who opens the page of a run with tables will ask; without one nothing is started."""
    before = set(psutil.Process().children())  # of other tests' libraries, which stay

    def children() -> set[psutil.Process]:
        return set(psutil.Process().children()) - before

    client.get("/api/projects/p%20q/runs")
    assert children() == set()
    client.get("/api/projects/p%20q/runs/r0")
    (waiting,) = children()

    ask(client, runs=["r0"])

    assert waiting not in children()
    assert len(children()) == 1
    server.stop()
    assert children() == set()


def test_all_rows_that_fit_are_exported(client: httpx.Client, tmp_path: Path) -> None:
    """As CSV and as Parquet, whole cells, in the order that is asked for."""
    asked = {"key": KEY, "runs": ["r0"], "filter": "id > 2", "sort": ["-id"], "columns": ["id"]}
    where = "/api/projects/p%20q/tables/export"

    text = client.get(where, params={"ask": json.dumps(asked), "format": "csv"})
    assert text.text.split() == ['"id"', *map(str, range(19, 2, -1))]
    assert "eval_episodes.csv" in text.headers["content-disposition"]

    grouped = {"key": KEY, "runs": ["r0"], "group": ["env"], "limit": 1}
    file = client.get(where, params={"ask": json.dumps(grouped), "format": "parquet"})
    (tmp_path / "t.parquet").write_bytes(file.content)
    rows = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert rows == [{"env": "env-0", "count": 10}, {"env": "env-1", "count": 10}]

    whole = client.get(where, params={"ask": json.dumps({"key": "kinds"}), "format": "csv"})
    assert "x" * 9000 in whole.text
    assert '"run"' in whole.text.splitlines()[0]

    for bad in ({"ask": "{"}, {"ask": json.dumps(asked), "format": "xls"}):
        assert client.get(where, params=bad).status_code == 400
    wrong = {"key": KEY, "filter": "no_such > 1"}
    assert client.get(where, params={"ask": json.dumps(wrong)}).status_code == 400
