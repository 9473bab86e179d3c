"""Local stores of MLflow, Trackio and Aim as runs.

What MLflow 3.18 and Trackio 0.43 wrote lies in tests/data, their databases as the SQL of the
tables that are read; Aim writes its repository here.
"""

from __future__ import annotations

import math
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltrack
from rltrack.errors import ArchiveError, NotFoundError
from rltrack.importers.mlflow import import_mlflow
from rltrack.importers.recorded import Imported
from rltrack.importers.trackio import import_trackio

DATA = Path(__file__).parents[1] / "data"


def database(sql: Path, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(file) as store:
        store.executescript(sql.read_text())
    store.close()
    return file


def mlruns(folder: Path) -> Path:
    shutil.copytree(DATA / "mlflow-3.18" / "mlruns", folder / "mlruns")
    return folder / "mlruns"


def mlflow_database(folder: Path) -> Path:
    return database(DATA / "mlflow-3.18" / "mlflow.sql", folder / "mlflow.db")


@pytest.mark.parametrize("store", [mlruns, mlflow_database])
def test_mlflows_runs(tmp_path: Path, store: Callable[[Path], Path]) -> None:
    place = store(tmp_path / "theirs")

    found = list(import_mlflow(place, tmp_path / "runs"))
    again = list(import_mlflow(place.parent, tmp_path / "runs"))

    assert {one.name: one.outcome for one in found} == dict.fromkeys(
        ["ppo-0", "ppo-1", "broken"], "new"
    )
    assert {one.outcome for one in again} == {"there already"}
    runs = {one.name: rltrack.Api(tmp_path / "runs").run(one.run) for one in found}
    run = runs["ppo-0"]
    assert run.path.startswith("walk/")
    assert run.config == {"lr": 3e-4, "seed": 0, "env": "CartPole-v1"}
    assert (run.state, run.notes, run.tags) == ("finished", "a note", ("team:rl",))
    assert run.metadata["mlflow"]["user"] == "root"
    rows = run.history(["reward", "loss"], pandas=False)
    assert [row["_step"] for row in rows if "reward" in row] == [0, 100, 200, 300, 400, 500]
    assert [row["reward"] for row in rows if "reward" in row] == [i * 1.5 for i in range(6)]
    assert [math.isnan(row["loss"]) for row in rows if "loss" in row] == [False] * 3 + [True] + [
        False
    ] * 2
    assert run.summary["final/score"] == math.inf
    assert runs["broken"].state == "failed"


def test_mlflows_files_come_along(tmp_path: Path) -> None:
    found = list(import_mlflow(mlruns(tmp_path / "theirs"), tmp_path / "runs"))

    (run,) = (rltrack.Api(tmp_path / "runs").run(one.run) for one in found if one.name == "ppo-0")
    assert {file.name for file in run.files()} >= {"d.json", "notes/a.txt"}


def test_a_run_of_mlflows_that_goes_on(tmp_path: Path) -> None:
    """Points that came since, a status that changed."""
    place = mlflow_database(tmp_path)
    with sqlite3.connect(place) as store:
        store.execute("UPDATE runs SET status = 'RUNNING' WHERE name = 'ppo-0'")
        (uuid,) = store.execute("SELECT run_uuid FROM runs WHERE name = 'ppo-0'").fetchone()
    first = {one.name: one for one in import_mlflow(place, tmp_path / "runs")}
    api = rltrack.Api(tmp_path / "runs")
    assert api.run(first["ppo-0"].run).state == "crashed"

    with sqlite3.connect(place) as store:
        store.execute(
            "INSERT INTO metrics VALUES ('reward', 9.0, 1795457999000, ?, 600, 0)", (uuid,)
        )
        store.execute("UPDATE runs SET status = 'FINISHED' WHERE name = 'ppo-0'")
    store.close()
    then = {one.name: one for one in import_mlflow(place, tmp_path / "runs")}

    assert {name: one.outcome for name, one in then.items()} == {
        "ppo-0": "grown",
        "ppo-1": "there already",
        "broken": "there already",
    }
    run = rltrack.Api(tmp_path / "runs").run(then["ppo-0"].run)
    assert run.history(["reward"])["reward"].tolist() == [0, 1.5, 3, 4.5, 6, 7.5, 9]
    assert run.state == "finished"


def test_trackios_runs(tmp_path: Path) -> None:
    file = database(DATA / "trackio-0.43" / "demo.sql", tmp_path / "theirs" / "demo.db")
    shutil.copytree(DATA / "trackio-0.43" / "media", tmp_path / "theirs" / "media")

    (one,) = import_trackio(tmp_path / "theirs", tmp_path / "runs")
    (again,) = import_trackio(file, tmp_path / "runs")

    assert (one.outcome, one.name, again.outcome) == ("new", "first", "there already")
    run = rltrack.Api(tmp_path / "runs").run(one.run)
    assert (run.project, run.group, run.config) == ("demo", "g", {"lr": 0.1, "nested": {"a": 1}})
    rows = run.history(pandas=False)
    assert [row["_step"] for row in rows] == [0, 1, 2, 3, 4, 9]
    assert [row["loss"] for row in rows[:5]] == [1 / (i + 1) for i in range(5)]
    assert math.isnan(rows[0]["nan"])
    assert rows[5]["img"].numpy().shape[:2] == (8, 8)
    assert run.table("t").get_dataframe().to_dict("list") == {"a": [1], "b": ["x"]}

    with sqlite3.connect(file) as store:
        store.execute(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
            'SELECT run_id, "2099-01-01T00:00:00+00:00", run_name, 10, \'{"loss": "-Infinity"}\' '
            "FROM metrics LIMIT 1"
        )
    store.close()
    (grown,) = import_trackio(file, tmp_path / "runs")
    assert (grown.outcome, grown.values) == ("grown", 1)
    assert rltrack.Api(tmp_path / "runs").run(one.run).summary["loss"] == -math.inf


AIM = """
import sys
import aim
import numpy as np

run = aim.Run(
    repo=sys.argv[1], experiment="walk", system_tracking_interval=None, log_system_params=False
)
run["hparams"] = {"lr": 0.1, "layers": [64, 64]}
run["env"] = "CartPole-v1"
run.name, run.description = "first", "a note"
run.add_tag("blue")
for i in range(5):
    run.track(1 / (i + 1), name="loss", step=i * 10, context={"subset": "train"})
    run.track(float("nan") if i == 2 else i, name="reward", step=i * 10)
run.track(aim.Image(np.full((8, 8, 3), 7, np.uint8), caption="seven"), name="picture", step=3)
run.track(aim.Text("hello"), name="words", step=3)
run.track(aim.Distribution(np.arange(100.0)), name="weights", step=3)
run.close()
"""


@pytest.fixture(scope="module")
def aim_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("aim", reason="needs aim: pip install 'rltrack[aim]'")
    home = tmp_path_factory.mktemp("aim")
    subprocess.run(
        [sys.executable, "-m", "aim", "init", "-y", "--repo", str(home)],
        check=False,
        capture_output=True,
    )
    subprocess.run([sys.executable, "-c", AIM, str(home)], check=True, cwd=home)
    return home


def imported_from_aim(home: Path, root: Path) -> list[Imported]:
    """In a process of its own: Aim's library keeps threads and files open until the end."""
    text = (
        "import sys; from pathlib import Path; from rltrack.importers.aim import import_aim\n"
        "for one in import_aim(Path(sys.argv[1]), Path(sys.argv[2])):\n"
        "    print(one.name, one.run, one.outcome.replace(' ', '_'), one.values)"
    )
    done = subprocess.run(
        [sys.executable, "-c", text, str(home), str(root)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = []
    for line in done.stdout.splitlines():
        name, run, outcome, values = line.split()
        known: Any = outcome.replace("_", " ")
        found.append(Imported(name, run, known, int(values), ()))
    return found


def test_aims_runs(aim_repository: Path, tmp_path: Path) -> None:
    (one,) = imported_from_aim(aim_repository, tmp_path / "runs")
    (again,) = imported_from_aim(aim_repository, tmp_path / "runs")

    assert (one.name, one.outcome, again.outcome) == ("first", "new", "there already")
    run = rltrack.Api(tmp_path / "runs").run(one.run)
    assert run.path.startswith("walk/")
    assert run.config == {"lr": 0.1, "layers": [64, 64], "env": "CartPole-v1"}
    assert (run.notes, run.tags, run.state) == ("a note", ("blue",), "finished")
    loss = run.history(["train/loss"])
    assert loss["_step"].tolist() == [0, 10, 20, 30, 40]
    assert loss["train/loss"].tolist() == [1 / (i + 1) for i in range(5)]
    assert np.isnan(run.history(["reward"])["reward"].tolist()[2])
    (picture,) = (row["picture"] for row in run.history(["picture"], pandas=False))
    assert (picture.numpy() == 7).all()
    rows = run.history(["words", "weights"], pandas=False)
    assert {key for row in rows for key in row} >= {"words", "weights"}


def test_a_place_that_is_none_of_theirs_is_said(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"no database at all, but more than a page of it" * 100)
    with sqlite3.connect(tmp_path / "empty.sqlite") as store:
        store.execute("CREATE TABLE runs (a)")
    store.close()

    with pytest.raises(ArchiveError, match="cannot be read as SQLite"):
        list(import_trackio(tmp_path, tmp_path / "runs"))
    with pytest.raises(ArchiveError, match="no database of MLflow's"):
        list(import_mlflow(tmp_path / "empty.sqlite", tmp_path / "runs"))
    with pytest.raises(NotFoundError, match="mlruns"):
        list(import_mlflow(tmp_path, tmp_path / "runs"))
    with pytest.raises(NotFoundError, match="there is no"):
        list(import_trackio(tmp_path / "nowhere", tmp_path / "runs"))
