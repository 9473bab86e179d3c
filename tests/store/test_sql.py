"""SQL over a project, with real DuckDB in a process of its own."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rltrack
from rltrack.errors import NotFoundError, QueryError, UsageError
from rltrack.store.project import Catalog, Project
from rltrack.store.run import RunReader
from rltrack.store.sql import Limits, chosen_project, query
from rltrack.store.sql_views import VIEWS, points_source, write_sources

BIG = 2**60 + 1
LONG = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"


def rows(project: Project, text: str, limits: Limits | None = None) -> list[dict[str, Any]]:
    project.refresh()
    with query(project.runs(), text, limits) as answer:
        found: list[dict[str, Any]] = answer.table().to_pylist()
        return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs whose names try what a path, a pattern or a quote could stumble over."""
    root = tmp_path_factory.mktemp("a [b] 'c'")
    for number, run_id in enumerate(("plain", "r.1 é[x]=%")):
        with rltrack.init(
            project="p",
            id=run_id,
            dir=root,
            name=f"n{number}",
            group="g" if number else None,
            tags=["a", "b"] if number else None,
            config={"lr": 0.1 * (number + 1), "net": {"width": 64}, "bad": math.nan},
            settings={"silent": True},
        ) as run:
            for step in range(50):
                run.log({"loss": step / 7, "n": step, "done": step % 2 == 0, "big": BIG})
                run.log({"ünï/кey": math.nan if step == 3 else math.inf})
                run.log({"text": "x", "mixed": step if step % 2 else "odd"})
            run.log({"edge": [1, 2]})
    return root


@pytest.fixture
def project(root: Path) -> Project:
    project = Project(root, "p")
    project.refresh()
    return project


def test_runs_are_a_row_each_with_config_and_summary_as_json(project: Project) -> None:
    """Where a sweep's question begins: which settings gave what."""
    first, second = rows(
        project,
        """select id, name, state, created_at <= ended_at as ended, duration_s >= 0 as lasted,
                  "group", tags, row_count, last_step, config->>'$.lr' as lr,
                  config->'$.net'->>'width' as width, summary->>'$.n' as n, config->>'$.bad' as bad
           from runs order by created_at""",
    )

    assert first["id"] == "plain"
    assert (first["state"], first["ended"], first["lasted"]) == ("finished", True, True)
    assert (first["group"], first["tags"]) == (None, [])
    assert (second["id"], second["group"], second["tags"]) == ("r.1 é[x]=%", "g", ["a", "b"])
    assert (second["lr"], second["width"], second["n"]) == ("0.2", "64", "49")
    assert second["bad"] == "NaN"
    assert (first["row_count"], first["last_step"]) == (151, 150)


def test_points_are_exact_whether_they_lie_in_parts_or_in_the_journal(root: Path) -> None:
    """Two copies of one folder, of which one is sealed: not one bit may differ."""
    text = "select * from points order by run_id, key, row"
    project = Project(root, "p")
    before = rows(project, text)
    project.refresh()
    for run in project.runs():
        run.open().seal()
    after = rows(project, text)

    assert all(isinstance(points_source(run.open()), list) for run in project.runs())
    assert repr(after) == repr(before)  # NaN is not equal to itself
    numbers = {key: [r for r in after if r["key"] == key] for key in {r["key"] for r in after}}
    assert set(numbers) == {"loss", "n", "done", "big", "ünï/кey", "mixed"}
    assert [r["value"] for r in numbers["loss"][:50]] == [step / 7 for step in range(50)]
    assert math.isnan(numbers["ünï/кey"][3]["value"])
    assert numbers["ünï/кey"][4]["value"] == math.inf
    assert {r["exact"] for r in numbers["big"]} == {BIG}
    assert {r["exact"] for r in numbers["n"]} == {None}
    assert len(numbers["mixed"]) == 50  # texts are no points
    assert {r["value"] for r in numbers["done"]} == {0.0, 1.0}


def test_a_run_of_which_only_some_is_sealed_counts_once(tmp_path: Path, project: Project) -> None:
    """Sealed and unsealed runs of one project stand side by side."""
    project.runs()[0].open().seal()

    found = rows(project, "select run_id, count(*) as n from points group by run_id order by 1")

    assert [row["n"] for row in found] == [50 * 4 + 50 + 25] * 2


@pytest.mark.parametrize(
    "run_id", ["é" * 110, "[" * 200, "a+b%20c", "..", ".x", "{a}*[!b]", "%5B", "日本", "a=b"]
)
def test_an_id_of_any_letters_is_that_of_its_points(tmp_path: Path, run_id: str) -> None:
    """It is the name of a folder on the way, and such names have meanings."""
    with rltrack.init(project="p", id=run_id, dir=tmp_path, settings={"silent": True}) as run:
        run.log({"loss": 1.0})
    project = Project(tmp_path, "p")
    project.refresh()
    for _ in range(2):
        found = rows(project, "select id, p.value from points p join runs on id = run_id")
        assert found == [{"id": run_id, "value": 1.0}]
        project.runs()[0].open().seal()
    assert project.runs()[0].open().is_sealed


def test_a_query_of_one_run_opens_that_runs_files_only(project: Project) -> None:
    """A project may have ten thousand."""
    for run in project.runs():
        run.open().seal()

    (plan,) = rows(project, "explain analyze select count(*) from points where run_id = 'plain'")

    assert "1/2" in plan["explain_value"]


def test_aggregates_are_those_of_the_table_of_runs(project: Project) -> None:
    """The same figures as on the dashboard."""
    (loss,) = rows(project, "from aggregates where key = 'loss' and run_id = 'plain'")
    expected = project.runs()[0].digest().aggregates["loss"]

    assert {name: loss[name] for name in ("count", "min", "max", "mean", "last", "max_step")} == {
        "count": 50,
        "min": 0.0,
        "max": 7.0,
        "mean": expected.mean,
        "last": 7.0,
        "max_step": expected.max_step,
    }
    (odd,) = rows(project, "from aggregates where key = 'ünï/кey' and run_id = 'plain'")
    assert (odd["nan"], odd["pos_inf"]) == (1, 49)


def test_files_are_rows_of_media_and_tables_of_tables(root: Path, tmp_path: Path) -> None:
    """A table is a file with columns."""
    from rltrack.folder import RunFolder
    from rltrack.journal.records import Json, MediaStored, Row
    from rltrack.journal.writer import JournalWriter

    folder = RunFolder(tmp_path / "q" / "r")
    (folder.media / "videos").mkdir(parents=True)
    writer = JournalWriter(folder.journal)
    video: dict[str, Json] = {"_type": "video-file", "path": "videos/a.mp4", "caption": "ü"}
    table: dict[str, Json] = {
        "_type": "table-file",
        "path": "tables/t.json",
        "rows": 3,
        "columns": ["a", "b"],
    }
    writer.write(Row(4, 1_000_000_000, {"eval/video": video, "t": table, "global_step": 2048}))
    writer.write(MediaStored(2, "videos/a.mp4", {"bytes": 3}))
    (folder.media / "videos" / "a.mp4").write_bytes(b"abc")
    run = RunReader(folder)
    run.refresh()

    with query([run], "from media order by key") as answer:
        media = answer.table().to_pylist()
    with query([run], "select path, rows, columns->>1 as second from tables") as answer:
        tables = answer.table().to_pylist()
    writer.close()

    assert [(m["key"], m["format"], m["kind"], m["step"]) for m in media] == [
        ("eval/video", "mp4", "videos", 4),
        ("t", "json", "tables", 4),
    ]
    assert (media[0]["caption"], media[0]["bytes"], media[0]["global_step"]) == ("ü", 3, 2048.0)
    assert tables == [{"path": "tables/t.json", "rows": 3, "second": "b"}]


def test_a_run_that_is_still_written_is_asked_as_far_as_it_is(tmp_path: Path) -> None:
    """And its next rows with the next query."""
    run = rltrack.init(project="live", dir=tmp_path, settings={"silent": True})
    run.log({"loss": 1.0})
    project = Project(tmp_path, "live")
    text = "select state, (select count(*) from points) as n from runs"

    assert rows(project, text) == [{"state": "running", "n": 1}]
    run.log({"loss": 2.0})
    assert rows(project, text) == [{"state": "running", "n": 2}]
    run.finish()
    assert rows(project, text) == [{"state": "finished", "n": 2}]


def test_only_what_is_named_is_read(project: Project, tmp_path: Path) -> None:
    """A question about runs must not cost the points of all of them."""
    assert set(write_sources(["runs"], project.runs(), tmp_path)) == {"runs"}
    assert [path.name for path in tmp_path.iterdir()] == ["runs.parquet"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("with x as (from POINTS) select count(*) from x join main.runs r on r.id = x.run_id", 550),
        ("select count(*) from query('from points')", 550),
        ("select count(*) from query_table(['points'])", 550),
        ("select (select count(*) from points)", 550),
        ("select count(*) from (pivot points on key using avg(value) group by run_id)", 2),
        ('-- all\n/* of them */ select count(*) from "points";', 550),
    ],
)
def test_however_a_view_is_named_it_is_there_whole(project: Project, text: str, count: int) -> None:
    """An empty answer where there is one would be a wrong one."""
    (row,) = rows(project, text)
    assert list(row.values()) == [count]


@pytest.mark.parametrize(
    "text",
    [
        "pivot points on key using max(value) group by run_id",
        "describe points",
        "summarize runs",
        "show tables",
        "values (1), (2)",
        "explain from runs",
        "from system",
        "from tables",
    ],
)
def test_all_that_reads_may_be_asked(project: Project, text: str) -> None:
    """DuckDB has more words than SELECT."""
    rows(project, text)


def test_views_have_the_columns_that_are_told(project: Project) -> None:
    """And so for a project without a row of them, too."""
    for name, columns in VIEWS.items():
        for runs in (project.runs(), []):
            with query(runs, f"describe select * from {name}") as answer:
                told = answer.table().to_pylist()
            assert {row["column_name"]: row["column_type"] for row in told} == columns


# -- the fence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "from read_blob('/proc/self/environ')",
        "from glob('/etc/*')",
        "from read_parquet('/tmp/x.parquet')",
        "from parquet_metadata('/etc/passwd')",
        "from sniff_csv('/etc/passwd')",
        "from read_json('https://example.com/x.json')",
        "from 's3://bucket/x.parquet'",
        "select getenv('HOME')",
        "from sqlite_scan('a', 'b')",
        "with x as (insert into runs values (1) returning *) from x",
        "from query('select * from read_text(''/etc/passwd'')')",
    ],
)
def test_a_query_reaches_nothing_but_the_runs(project: Project, text: str) -> None:
    """Neither files nor networks nor the environment."""
    with pytest.raises(QueryError) as refused:
        rows(project, text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "copy runs to '{0}/x.csv'",
        "copy (from runs) to '{0}/x.parquet'",
        "copy runs from '/etc/passwd'",
        "attach '{0}/x.db'",
        "install httpfs",
        "load httpfs",
        "pragma database_list",
        "set enable_external_access = true",
        "reset lock_configuration",
        "export database '{0}/x'",
        "import database '{0}'",
        "create table x as from runs",
        "create secret s (type s3)",
        "drop view runs",
        "call pragma_version()",
        "checkpoint",
        "use memory",
        "prepare x as select 1",
        "explain analyze copy runs to '{0}/x.csv'",
        "explain analyze attach '{0}/x.db'",
        "/* select */ copy runs to '{0}/x.csv'",
        "begin",
    ],
)
def test_what_does_more_than_read_is_not_run(project: Project, tmp_path: Path, text: str) -> None:
    """It is told so, and nothing is written."""
    with pytest.raises(QueryError, match=r"is not run: queries read|rror"):
        rows(project, text.format(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_settings_of_the_engine_are_locked(project: Project) -> None:
    """The fence behind the first one: even a statement that slipped through could open nothing."""
    found = rows(
        project,
        """select name, value from duckdb_settings() where name in
           ('enable_external_access', 'lock_configuration', 'autoload_known_extensions',
            'python_enable_replacements', 'allowed_directories') order by name""",
    )
    values = {row["name"]: row["value"] for row in found}
    assert values.pop("allowed_directories").endswith("/spill/]")  # its own, for what is too big
    assert values == {
        "autoload_known_extensions": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
        "python_enable_replacements": "false",
    }


def test_the_worker_has_none_of_the_users_secrets(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not have, it cannot lose."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-test")
    project.refresh()
    before = psutil.Process().children()  # of other tests' libraries, which stay
    with query(project.runs(), "select 1") as answer:
        answer.table()
        (worker,) = set(psutil.Process().children()) - set(before)
        environment = worker.environ()
    assert "s3cr3t-of-the-test" not in environment.values()
    assert "AWS_SECRET_ACCESS_KEY" not in environment


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("selec 1", r"Parser error: syntax error at or near .* \(line 1, column 1\)"),
        ("select 'é' as a,\n  bar from points", r'"bar" not found .* \(line 2, column 3\)'),
        ("from nowhere", r"there is no table nowhere; there are runs, aggregates, points"),
        ("select foo(1)", r"Scalar Function with name foo does not exist.*\(line 1, column 8\)"),
        ("select 'a'::int", r"Could not convert string 'a' to INT32 \(line 1, column 11\)"),
        ("select error('boo') from runs", r"boo"),
        ("select $1", r"rror"),
        ("", r"one statement is run at a time, and there are 0"),
        ("select 1; select 2", r"one statement is run at a time, and there are 2"),
        ("copy runs to 'x'", r"COPY is not run: queries read, with SELECT"),
    ],
)
def test_a_wrong_query_is_one_line_with_the_place(project: Project, text: str, told: str) -> None:
    """Not a traceback of another process."""
    with pytest.raises(QueryError, match=told) as refused:
        rows(project, text)
    assert "\n" not in str(refused.value)


def test_a_query_without_end_is_stopped(project: Project) -> None:
    """And the process with it."""
    with pytest.raises(QueryError, match=r"took more than 0\.3 s"):
        rows(project, LONG, Limits(timeout_s=0.3))


def test_a_query_that_streams_without_end_is_stopped(project: Project) -> None:
    """Also one that has begun to answer."""
    text = "select a.range from range(10000000) a, range(10000000) b"
    with (
        pytest.raises(QueryError, match=r"took more than 0\.5 s"),
        query(project.runs(), text, Limits(timeout_s=0.5)) as answer,
    ):
        for _ in answer:
            pass


def test_a_reader_that_takes_its_time_does_not_use_up_the_querys(project: Project) -> None:
    """`rltrack sql … | less` may stay open over lunch."""
    limits = Limits(timeout_s=2.0)
    text = "select range from range(3000000)"  # more than the pipe holds
    with query(project.runs(), text, limits) as answer:
        time.sleep(3.0)
        assert sum(batch.num_rows for batch in answer) == 3_000_000


def test_a_query_that_wants_too_much_memory_is_told_so(project: Project) -> None:
    """And takes nothing else with it."""
    limits = Limits(memory_bytes=50 << 20, temp_bytes=1 << 20)
    with pytest.raises(QueryError, match=r"Out of Memory error|may use 0\.0 GiB"):
        rows(project, "select list(range) from range(100000000)", limits)


def test_a_big_answer_is_not_held_whole(project: Project) -> None:
    """It comes in batches, of which the first is here before the last is made."""
    with query(project.runs(), "select range, range::varchar from range(2000000)") as answer:
        sizes = [batch.num_rows for batch in answer]
    assert sum(sizes) == 2_000_000
    assert max(sizes) <= 1 << 16


def test_whoever_asked_is_killed_and_nothing_is_left(root: Path, tmp_path: Path) -> None:
    """Neither the worker nor its folder."""
    code = (
        "import sys; from pathlib import Path; from rltrack.store.project import Project\n"
        "from rltrack.store.sql import query\n"
        f"project = Project(Path({str(root)!r}), 'p'); project.refresh()\n"
        f"with query(project.runs(), 'select 1 from points') as answer:\n"
        "    print('ready', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"ready\n"
    (worker,) = psutil.Process(process.pid).children()
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()

    worker.wait(timeout=20)
    assert list(tmp_path.iterdir()) == []


def test_a_frame_keeps_ints_that_have_holes(root: Path) -> None:
    """A float would round them."""
    api = rltrack.Api(root)
    frame = api.sql("select max(exact) as big, null::bigint as n, sum(step) as s from points", "p")
    assert frame["big"].tolist() == [BIG]
    assert str(frame["s"].dtype) == "int64"
    holes = api.sql("select unnest([1152921504606846977, null]) as n")
    assert str(holes["n"].dtype) == "Int64"
    assert holes["n"][0] == BIG


def test_the_project_must_be_clear(root: Path, tmp_path: Path) -> None:
    """The only one, or the one that is named."""
    assert chosen_project(Catalog(root), None).name == "p"
    with pytest.raises(NotFoundError, match="no runs in"):
        chosen_project(Catalog(tmp_path), None)
    for name in ("a", "b"):
        rltrack.init(project=name, dir=tmp_path, settings={"silent": True}).finish()
    with pytest.raises(UsageError, match="say which project; there are a, b"):
        chosen_project(Catalog(tmp_path), None)
    assert chosen_project(Catalog(tmp_path), "team/b").name == "b"


# -- the command -----------------------------------------------------------------------------------


def typed(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rltrack", "sql", *arguments, "--dir", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_a_table_json_or_csv_or_writes_parquet(
    root: Path, tmp_path: Path
) -> None:
    """What a person reads, and what a program does."""
    text = "select name, row_count, 0.1::double + 0.2 as x, 'nan'::double as y from runs order by 1"
    header, first, _ = typed(root, text).stdout.splitlines()
    assert header.split() == ["name", "row_count", "x", "y"]
    assert first.split() == ["n0", "151", "0.30000000000000004", "nan"]

    parsed = json.loads(typed(root, text, "--json").stdout)
    assert parsed[0] == {"name": "n0", "row_count": 151, "x": 0.1 + 0.2, "y": "NaN"}
    assert json.loads(typed(root, "from runs where false", "--json").stdout) == []

    assert typed(root, text, "--csv").stdout.splitlines() == [
        '"name","row_count","x","y"',
        '"n0",151,0.30000000000000004,nan',
        '"n1",151,0.30000000000000004,nan',
    ]
    file = tmp_path / "x.parquet"
    assert "2 rows" in typed(root, text, "--parquet", str(file)).stdout
    assert pq.read_table(file).column("row_count").type == pa.int64()
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_a_failed_command_is_one_line_and_no_file(root: Path, tmp_path: Path) -> None:
    """A file that is there is whole."""
    file = tmp_path / "x.parquet"
    text = "select case when range < 2900000 then range else error('late') end from range(3000000)"
    done = typed(root, text, "--parquet", str(file))
    assert done.returncode == 1
    assert "late" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_command_and_its_worker(root: Path) -> None:
    """At once, with the status that a shell expects."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rltrack", "sql", LONG, "--dir", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30
    while not (workers := psutil.Process(process.pid).children()) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(1.0)  # the query has begun
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Traceback" not in errors
    psutil.wait_procs(workers, timeout=10)
    assert not any(worker.is_running() for worker in workers)
