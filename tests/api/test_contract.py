"""`Api` of a folder and `Api` of a server: one suite, and the same answers.

The runs are recorded once, into a folder, and sent by `rltrack sync` to a real server with people and
keys; then each test asks both.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltrack
from rltrack.cli import main
from rltrack.errors import NotFoundError, StorageError, UnsupportedError, UsageError
from rltrack.store.documents import ConflictError
from tests.hub.team import Team, local, process_at, team_at

QUIET = {"silent": True, "provenance": False}


def record(root: Path) -> None:
    """Runs with something of each kind."""
    note = root.parent / "note.txt"
    note.write_text("written down")
    model = root.parent / "model.bin"
    for number, (lr, state) in enumerate([(1e-3, 0), (3e-4, 0), (1e-2, 1)]):
        with rltrack.init(
            project="walk",
            id=f"r{number}",
            name=f"run-{number}",
            dir=root,
            group="all",
            tags=["seed", f"t{number}"],
            notes="n" if number else None,
            config={"lr": lr, "nested": {"seed": number}, "layers": [64, 64]},
            settings={**QUIET, "console": "wrap"},
        ) as run:
            run.define_metric("eval/*", step_metric="global_step")
            for step in range(50):
                run.log({"loss": 1 / (step + 1) + number, "global_step": 10 * step, "big": 2**60})
                if step % 10 == 0:
                    run.log({"eval/return": step - 0.5, "global_step": 10 * step})
            run.log({"loss": math.nan, "odd": -math.inf, "text": "ein Wort", "flag": True})
            picture = np.full((8, 8, 3), number * 40, np.uint8)
            run.log({"shown": rltrack.Image(picture, caption="grey")})
            table = rltrack.Table(["id", "return"])
            for at in range(5):
                table.add_data(at, at * 1.5 + number)
            run.log({"episodes": table})
            run.save(str(note), base_path=str(note.parent), policy="now")
            print(f"line of run {number}")
            model.write_bytes(bytes([number]) * 1000)
            made = rltrack.Artifact("weights", "model", metadata={"number": number})
            made.add_file(str(model), name="deep/model.bin")
            run.log_artifact(made, aliases=[f"of-{number}"])
            if number:
                run.use_artifact("weights:v0")
            run.summary["by hand"] = {"best": number}
            if state:
                run.finish(exit_code=state)
    with rltrack.init(project="other", id="alone", dir=root, settings=QUIET) as run:
        run.log({"x": 1})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RLTRACK_DIR", str(root))
        record(root)
    return root


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Team]:
    """A server to which these runs were sent."""
    base = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch, process_at(base / "root") as team:
        patch.setenv("RLTRACK_CONFIG_DIR", str(base / "config"))
        assert main(["login", team.url, "--key", team.key("ann")]) == 0
        assert main(["sync", "--all", "--dir", str(folder)]) == 0
        yield team


@pytest.fixture(params=["folder", "server"])
def api(
    request: pytest.FixtureRequest,
    folder: Path,
    team: Team,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> rltrack.Api:
    monkeypatch.setenv("RLTRACK_CACHE_DIR", str(tmp_path / "cache"))
    if request.param == "folder":
        return rltrack.Api(folder)
    return rltrack.Api(base_url=team.url, api_key=team.key("ann"))


def short(text: str) -> str:
    """A path without the user in front."""
    return text.removeprefix("ann/")


# -- lists -----------------------------------------------------------------------------------------


def test_projects_and_runs_in_order_and_filtered(api: rltrack.Api) -> None:
    assert [short(name) for name in api.projects()] == ["other", "walk"]
    runs = api.runs("walk")
    assert [run.id for run in runs] == ["r0", "r1", "r2"]
    assert [short(run.path) for run in runs] == ["walk/r0", "walk/r1", "walk/r2"]
    assert [run.project for run in runs] == ["walk"] * 3
    assert [run.id for run in api.runs("walk", order="-config.lr")] == ["r2", "r0", "r1"]
    assert [run.id for run in api.runs("walk", {"config.lr": {"$lt": 5e-3}})] == ["r0", "r1"]
    assert [run.id for run in api.runs("walk", "config.nested.seed >= 1 and state = finished")] == [
        "r1"
    ]
    assert [run.id for run in api.runs("walk", "min(loss) > 2")] == ["r2"]
    groups = api.runs("walk").group_by(but=["lr", "nested.seed"])
    assert [[run.id for run in group] for _, group in groups] == [["r0", "r1", "r2"]]
    assert len(api.runs("walk")[1:]) == 2


def test_what_is_known_of_a_run(api: rltrack.Api) -> None:
    run = api.run("walk/r1")
    assert (run.id, run.name, run.state, run.group) == ("r1", "run-1", "finished", "all")
    assert (list(run.tags), run.notes, run.job_type) == (["seed", "t1"], "n", None)
    assert run.config == {"lr": 3e-4, "nested": {"seed": 1}, "layers": [64, 64]}
    summary = run.summary
    assert summary["by hand.best"] == 1
    assert (summary["odd"], summary["text"], summary["big"]) == (-math.inf, "ein Wort", 2**60)
    assert math.isnan(summary["loss"])
    assert summary["_step"] == run.lastHistoryStep
    assert run.metrics() == ["big", "eval/return", "flag", "global_step", "loss", "odd"]
    assert api.run("walk/r2").state == "failed"
    assert run.damage == ()
    assert run.heartbeat_at >= run.created_at


# -- reports ---------------------------------------------------------------------------------------


def test_reports_are_written_read_and_never_over_somebody_else(api: rltrack.Api) -> None:
    """Of two who change what both have read, the second is told."""
    assert api.reports("walk") == []
    report = api.create_report("walk", "First", "words")
    try:
        again = api.report(f"walk/reports/{report.id}")
        assert (again.title, again.text, short(again.project)) == ("First", "words", "walk")
        again.text = "other words"
        again.save()
        report.text = "mine"
        with pytest.raises(ConflictError, match="meanwhile") as caught:
            report.save()
        assert caught.value.document is not None
        assert caught.value.document.body["text"] == "other words"
        assert [one.text for one in api.reports("walk", name="First")] == ["other words"]
        again.save()
    finally:
        api.report(f"walk/{report.id}").delete()
    with pytest.raises(NotFoundError, match="no report"):
        api.from_path(f"walk/reports/{report.id}")
    with pytest.raises(NotFoundError, match="nowhere"):
        api.create_report("nowhere", "lost")
    with pytest.raises(UsageError, match="say reports"):
        api.reports()


# -- rows ------------------------------------------------------------------------------------------


def test_histories_are_exact(api: rltrack.Api, folder: Path) -> None:
    run, here = api.run("walk/r1"), rltrack.Api(folder).run("walk/r1")
    assert repr(run.history(pandas=False)) == repr(here.history(pandas=False))
    run.history().equals(here.history())
    assert list(run.scan_history(["eval/return"])) == list(here.scan_history(["eval/return"]))
    x, y = run.series("eval/return", "global_step")
    assert (x.tolist(), y.tolist()) == ([0, 100, 200, 300, 400], [-0.5, 9.5, 19.5, 29.5, 39.5])
    assert len(run.history(["loss"], samples=7)) == 7
    with pytest.raises(NotFoundError, match="no metric 'los'; did you mean 'loss'"):
        run.history(["los"])
    both = api.runs("walk").histories(keys=["loss"], format="pandas")
    assert both["run_id"].value_counts().to_dict() == {"r0": 51, "r1": 51, "r2": 51}


def test_sql_over_a_project(api: rltrack.Api) -> None:
    found = api.sql(
        "SELECT run_id, max(value) AS top FROM points WHERE key = 'eval/return' "
        "GROUP BY run_id ORDER BY run_id",
        "walk",
    )
    assert found.to_dict("list") == {"run_id": ["r0", "r1", "r2"], "top": [39.5] * 3}
    assert len(api.sql("SELECT * FROM tables", "walk")) == 3


def test_what_it_printed(api: rltrack.Api) -> None:
    run = api.run("walk/r0")
    assert [line.text for line in run.console_logs(stream="stdout")] == ["line of run 0"]
    tail = run.tail()
    list(tail.poll())
    assert tail.newest["eval/return"].value == 39.5


# -- files and media -------------------------------------------------------------------------------


def test_files_come_when_they_are_opened(api: rltrack.Api, tmp_path: Path) -> None:
    run = api.run("walk/r2")
    names = [file.name for file in run.files()]
    assert "note.txt" in names
    assert [name.split("/")[1] for name in names if name.startswith("media/")] == [
        "images",
        "table",
    ]
    assert run.file("note.txt").size == len("written down")
    assert run.file("note.txt").download(tmp_path).read_text() == "written down"
    with pytest.raises(NotFoundError, match="no file"):
        run.file("note.tx")
    (row,) = [row for row in run.history(["shown"], pandas=False) if "shown" in row]
    picture = row["shown"]
    assert (picture.state, picture.caption, picture.numpy()[0, 0].tolist()) == (
        "ready",
        "grey",
        [80, 80, 80],
    )


def test_tables_of_one_run_and_of_several(api: rltrack.Api) -> None:
    table = api.run("walk/r1").table("episodes")
    assert table.query('SELECT sum("return") AS total FROM "table"')["total"].tolist() == [20.0]
    both = api.tables("walk", "episodes")
    assert len(both.get_dataframe()) == 15


# -- artifacts -------------------------------------------------------------------------------------


def test_artifacts_with_their_files_and_history(api: rltrack.Api, tmp_path: Path) -> None:
    newest = api.artifact("walk/weights:latest")
    assert (newest.version, newest.type, newest.metadata) == ("v2", "model", {"number": 2})
    assert set(newest.aliases) == {"latest", "of-2"}
    assert [one.version for one in api.artifacts("model", "walk/weights")] == ["v2", "v1", "v0"]
    got = api.artifact("walk/weights:of-1").download(tmp_path / "got")
    assert Path(got, "deep", "model.bin").read_bytes() == b"\x01" * 1000
    run = api.run("walk/r1")
    assert [one.name for one in run.logged_artifacts() if one.type == "model"] == ["weights:v1"]
    assert [one.name for one in run.used_artifacts()] == ["weights:v0"]
    assert [kind.name for kind in api.artifact_types("walk")] == ["model", "run_table"]
    with pytest.raises(NotFoundError):
        api.artifact("walk/weights:v9")


# -- sweeps ----------------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "server"])
def swept(
    request: pytest.FixtureRequest, team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[rltrack.Api, str]:
    """A sweep in a folder, and the same on a server, with its runs."""
    monkeypatch.setenv("RLTRACK_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("RLTRACK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", str(tmp_path / "config"))
    if request.param == "server":
        assert main(["login", team.url, "--key", team.key("ann")]) == 0

    def train() -> None:
        with rltrack.init(settings={"silent": True}) as run:
            run.log({"loss": (run.config.a - 2) ** 2 + run.config.b})

    sweep_id = rltrack.sweep(
        {
            "method": "grid",
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": {"a": {"values": [1, 2, 3]}, "b": {"values": [0.5, 0.0]}},
        },
        project="searched",
    )
    rltrack.agent(sweep_id, train)
    return rltrack.Api(None if request.param == "folder" else {"base_url": ""}), sweep_id


def test_a_sweep_is_read(swept: tuple[rltrack.Api, str]) -> None:
    api, sweep_id = swept
    sweep = api.sweep(sweep_id)
    assert (sweep.state, sweep.project, sweep.expected_run_count) == ("FINISHED", "searched", 6)
    best = sweep.best_run()
    assert best is not None
    assert (best.config["a"], best.config["b"], best.summary["loss"]) == (2, 0.0, 0.0)
    assert len(sweep.runs) == 6
    assert {run.sweep_id for run in sweep.runs} == {sweep.id}
    frame = sweep.dataframe()
    assert sorted(frame["loss"]) == [0.0, 0.5, 1.0, 1.0, 1.5, 1.5]
    assert sweep.importances().as_dict().keys() == {"a", "b"}
    assert [one.id for one in api.sweeps("searched")][:1] == [sweep.id]


# -- what is not there -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda api: api.run("walk/r9"), "no run 'r9'"),
        (lambda api: api.run("walk/run-1"), "has the id 'r1'"),
        (lambda api: len(api.runs("walks")), "no project"),
        (lambda api: api.runs("walk", "lr <"), None),
    ],
)
def test_what_is_missing_is_told(
    api: rltrack.Api, ask: Callable[[rltrack.Api], Any], told: str | None
) -> None:
    with pytest.raises((NotFoundError, UsageError), match=told):
        ask(api)


# -- changes ---------------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "server"])
def changed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], rltrack.Api]]:
    """A fresh look at runs that may be changed; each look is of another process, so to say."""
    root = tmp_path / "runs"
    monkeypatch.setenv("RLTRACK_DIR", str(root))
    monkeypatch.setenv("RLTRACK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", str(tmp_path / "config"))
    record(root)
    if request.param == "folder":
        yield lambda: rltrack.Api(root)
        return
    with team_at(local(tmp_path / "hub")) as team:
        assert main(["login", team.url, "--key", team.key("ann")]) == 0
        assert main(["sync", "--all", "--dir", str(root)]) == 0
        yield lambda: rltrack.Api(base_url="")


def test_edits_are_there_for_all(changed: Callable[[], rltrack.Api]) -> None:
    run = changed().run("walk/r1")
    run.name = "better"
    run.tags.append("seen")
    run.config["lr"] = 5.0
    run.summary["verdict"] = "good"
    run.update()
    run.notes = None
    assert (run.name, run.config["lr"]) == ("better", 5.0)

    again = changed().run("walk/r1")
    assert (again.name, again.notes, list(again.tags)) == ("better", None, ["seed", "t1", "seen"])
    assert (again.config["lr"], again.summary["verdict"], again.state) == (5.0, "good", "finished")
    with pytest.raises(UsageError, match="is not running"):
        again.stop()


def test_runs_are_moved_and_deleted(changed: Callable[[], rltrack.Api]) -> None:
    api = changed()
    moved = api.run("walk/r2").move("other")
    assert short(moved.path) == "other/r2"
    assert moved.config["lr"] == 1e-2
    api.run("walk/r1").delete()
    assert [run.id for run in changed().runs("walk")] == ["r0"]
    assert sorted(run.id for run in changed().runs("other")) == ["alone", "r2"]
    with pytest.raises(NotFoundError):
        changed().run("walk/r1")


def test_versions_are_changed_and_deleted(changed: Callable[[], rltrack.Api]) -> None:
    version = changed().artifact("walk/weights:v1")
    version.aliases.append("best")
    version.description = "the one to have"
    version.save()
    found = changed().artifact("walk/weights:best")
    assert (found.version, found.description) == ("v1", "the one to have")
    changed().artifact("walk/weights:v0").delete(delete_aliases=True)
    assert [one.version for one in changed().artifacts("model", "walk/weights")] == ["v2", "v1"]


# -- of servers alone ------------------------------------------------------------------------------


def test_a_run_that_goes_on_is_followed(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows come as they are sent, and asked to stop it stops."""
    monkeypatch.setenv("RLTRACK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("RLTRACK_DIR", str(tmp_path / "runs"))
    assert main(["login", team.url, "--key", team.key("ann")]) == 0
    api = rltrack.Api(base_url="")
    with rltrack.init(project="live", id="on", settings={"silent": True}) as run:
        for step in range(3):
            run.log({"a": step})
            eventually(functools.partial(_has_rows, api, step + 1))
        assert api.run("live/on").state == "running"
        api.run("live/on").stop()
    assert eventually(lambda: api.run("live/on").state != "running")


def _has_rows(api: rltrack.Api, count: int) -> bool:
    try:
        return len(api.run("live/on").history(["a"])) == count
    except NotFoundError:
        return False


def eventually(holds: Callable[[], bool], wait_s: float = 30.0) -> bool:
    end = time.monotonic() + wait_s
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.1)
    return True


def test_what_a_server_does_not_let_one_do_is_said(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLTRACK_CACHE_DIR", str(tmp_path / "cache"))
    stranger = rltrack.Api(base_url=team.url, api_key=team.key("otto"))
    assert stranger.projects() == []
    with pytest.raises(NotFoundError, match="no project 'ann/walk' that you may see"):
        stranger.run("ann/walk/r0")
    reader = rltrack.Api(base_url=team.url, api_key=team.key("ann", "read"))
    with pytest.raises(UsageError, match="may only read"):
        reader.run("walk/r0").name = "mine"
    with pytest.raises(UsageError, match="opens nothing"):
        rltrack.Api(base_url=team.url, api_key="rl_wrong").projects()
    with pytest.raises(UnsupportedError, match="is on a server"):
        reader.run("walk/r0").log_artifact(rltrack.Artifact("a", "b"))
    with pytest.raises(StorageError, match="cannot be reached"):
        rltrack.Api(base_url="http://127.0.0.1:9", api_key="x").projects()
