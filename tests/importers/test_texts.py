"""CSV and JSON lines as runs."""

from __future__ import annotations

import csv
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.cli import main
from rltrack.errors import ArchiveError, NotFoundError, UsageError
from rltrack.importers.recorded import Imported
from rltrack.importers.texts import Form, import_texts


def imported(form: Form, path: Path, root: Path, **chosen: Any) -> list[Imported]:
    return list(import_texts(form, path, root, "p", **chosen))


def run_of(root: Path, one: Imported) -> Any:
    return rltrack.Api(root).run(one.run)


def test_each_cell_is_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("step,loss,ok,note,empty\n5,0.5,True,a b,\n10,nan,false,7up,\n15,inf,,,\n")

    (one,) = imported("csv", file, tmp_path / "runs")

    assert (one.name, one.outcome, one.values, one.trouble) == ("log", "new", 10, ())
    rows = run_of(tmp_path / "runs", one).history(pandas=False)
    assert [row["_step"] for row in rows] == [5, 10, 15]
    assert rows[0]["loss"] == 0.5
    assert rows[0]["ok"] is True
    assert (rows[1]["ok"], rows[1]["note"]) == (False, "7up")
    assert math.isnan(rows[1]["loss"])
    assert rows[2]["loss"] == math.inf
    assert "empty" not in rows[0]


def test_sb3s_own_files(tmp_path: Path) -> None:
    """What a training without any tracker has left: a monitor file and a logger's."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.logger import configure

    env = make_vec_env("CartPole-v1", seed=1, monitor_dir=str(tmp_path / "logs"))
    model = PPO("MlpPolicy", env, n_steps=128, seed=0, device="cpu")
    model.set_logger(configure(str(tmp_path / "logs"), ["csv"]))
    model.learn(512)
    model.logger.close()
    env.close()

    monitor, progress = imported("csv", tmp_path / "logs", tmp_path / "runs")

    run = run_of(tmp_path / "runs", monitor)
    with (tmp_path / "logs" / "0.monitor.csv").open() as file:
        next(file)
        episodes = list(csv.DictReader(file))
    rows = run.history(["episode/return", "episode/length"], pandas=False)
    assert [row["episode/return"] for row in rows] == [float(one["r"]) for one in episodes]
    assert rows[-1]["_step"] == sum(int(one["l"]) for one in episodes)
    assert run.config == {"env_id": "CartPole-v1"}
    steps = run_of(tmp_path / "runs", progress).history(["train/loss"])["_step"].tolist()
    assert steps == [256, 384, 512]


def test_a_file_that_grows_is_added_to(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1, "loss": 3.0}\n{"step": 2, "lo')

    (first,) = imported("jsonl", file, tmp_path / "runs")
    (again,) = imported("jsonl", file, tmp_path / "runs")
    with file.open("a") as lines:
        lines.write('ss": 2.0}\n[1]\n{"step": 3, "loss": NaN, "nested": {"a": 1}}')
    (grown,) = imported("jsonl", file, tmp_path / "runs")
    (done,) = imported("jsonl", file, tmp_path / "runs")

    assert [one.outcome for one in (first, again, grown, done)] == [
        "new",
        "there already",
        "grown",
        "there already",
    ]
    assert "last line" in first.trouble[0]
    assert grown.trouble == ("a line that is no JSON object (1 x)",)
    rows = run_of(tmp_path / "runs", grown).history(pandas=False)
    assert [row["_step"] for row in rows] == [1, 2, 3]
    assert rows[1]["loss"] == 2.0
    assert rows[2]["nested.a"] == 1 if "nested.a" in rows[2] else rows[2]["nested"] == {"a": 1}


def test_a_number_that_is_being_written_is_not_read_in_half(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("step,loss\n1,0.25\n2,0.1")

    (first,) = imported("csv", file, tmp_path / "runs")
    old = time.time() - 3600
    os.utime(file, (old, old))
    (rest,) = imported("csv", file, tmp_path / "runs")

    assert first.values == 2
    assert rest.outcome == "grown"
    assert run_of(tmp_path / "runs", rest).history()["loss"].tolist() == [0.25, 0.1]


def test_the_axis_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("step,samples,time,loss\n1,640,x,1.0\n2,1280,x,0.5\n")

    (one,) = imported("csv", file, tmp_path / "runs", step="samples")
    with pytest.raises(UsageError, match=r"no column 'sample'; it has step, samples"):
        imported("csv", file, tmp_path / "others", step="sample")

    assert run_of(tmp_path / "runs", one).history()["_step"].tolist() == [640, 1280]


def test_steps_that_are_none_and_times_that_are(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    lines: list[dict[str, Any]] = [
        {"training_iteration": 1, "timestamp": 1_700_000_000, "r": 1},
        {"training_iteration": 1.5, "timestamp": 1_700_000_010_000, "r": 2},
        {"training_iteration": 2**60, "timestamp": "2023-11-14T22:13:50+00:00", "r": 3},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    (one,) = imported("jsonl", file, tmp_path / "runs")

    rows = run_of(tmp_path / "runs", one).history(["r"])
    assert rows["_step"].tolist() == [1, 1]
    assert rows["_timestamp"].tolist() == [1_700_000_000, 1_700_000_010]
    assert any("no whole numbers" in told for told in one.trouble)
    assert any("beyond 2**53" in told for told in one.trouble)


def test_tensorboards_download_is_called_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "reward.csv"
    file.write_text("Wall time,Step,Value\n1700000000.5,10,1.5\n")

    (one,) = imported("csv", file, tmp_path / "runs")

    (row,) = run_of(tmp_path / "runs", one).history(["reward"], pandas=False)
    assert (row["_step"], row["_timestamp"], row["reward"]) == (10, 1_700_000_000.5, 1.5)


@pytest.mark.parametrize(
    ("name", "content", "fault", "said"),
    [
        ("a.csv", b"step,loss\n", NotFoundError, "has no row yet"),
        ("a.csv", b"\xff\xfe\x00", ArchiveError, "no text in UTF-8"),
        ("a.csv", b"", NotFoundError, "has no row yet"),
        ("a.txt", b"", NotFoundError, "ends in .csv"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, name: str, content: bytes, fault: type[Exception], said: str
) -> None:
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / name
    file.write_bytes(content)
    place = file if name.endswith(".csv") else file.parent

    with pytest.raises(fault, match=said):
        imported("csv", place, tmp_path / "runs")


def test_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("step,loss\n1,2\n")
    at = ["--dir", str(tmp_path / "runs"), "--project", "p"]

    assert main(["import", "csv", str(tmp_path / "a.csv"), *at]) == 0
    assert main(["import", "csv", str(tmp_path / "a.csv"), *at]) == 0
    assert "there already" in capsys.readouterr().out
    assert main(["import", "wandb", str(tmp_path), *at, "--step", "x"]) == 1
    assert "--step names a column of csv and jsonl" in capsys.readouterr().err


@given(st.binary(max_size=300))
def test_no_bytes_make_it_crash(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    for form, ending in (("csv", "csv"), ("jsonl", "jsonl")):
        file = folder / f"a.{ending}"
        file.write_bytes(content)
        try:
            imported("csv" if form == "csv" else "jsonl", file, folder / "runs")
        except (ArchiveError, NotFoundError):
            continue
