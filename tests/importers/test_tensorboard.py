"""`rltrack import tensorboard`: log folders of the past as runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorboardX
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from torch.utils.tensorboard import SummaryWriter

import rltrack
from rltrack.cli import main
from rltrack.errors import NotFoundError
from rltrack.importers.recorded import Imported
from rltrack.importers.staging import STAGING
from rltrack.importers.tensorboard import import_tensorboard

Series = dict[str, list[tuple[int, Any]]]
ReadEvents = Callable[[Path], Series]
Write = Callable[..., None]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboardX")


def imported(logdir: Path, root: Path) -> dict[str, Imported]:
    return {run.name: run for run in import_tensorboard(logdir, root, "past")}


def series(root: Path, run: str) -> Series:
    found: Series = {}
    for row in rltrack.Api(root).run(run).history(pandas=False):
        for key in row.keys() - {"_step", "_timestamp", "_runtime", "global_step"}:
            found.setdefault(key, []).append((row["_step"], row[key]))
    return found


def test_a_run_for_each_folder_with_the_values_that_tensorboard_reads(
    tmp_path: Path, root: Path, event_scalars: ReadEvents
) -> None:
    """To the bit, which is that of float32."""
    log = tmp_path / "log"
    for seed in range(2):
        random = np.random.default_rng(seed)
        writer_class = (SummaryWriter, tensorboardX.SummaryWriter)[seed]
        with writer_class(str(log / f"ppo_{seed}")) as writer:
            for step in range(500):
                writer.add_scalar("loss", random.random(), step)
                writer.add_scalar("return", random.random(), step // 4 * 4)
            writer.add_scalar("loss", float("nan"), 500)

    found = imported(log, root)

    assert {name: run.outcome for name, run in found.items()} == {"ppo_0": "new", "ppo_1": "new"}
    for name, run in found.items():
        theirs = event_scalars(log / name)
        assert theirs.keys() == {"loss", "return"}
        np.testing.assert_equal(series(root, run.run), theirs)
        read = rltrack.Api(root).run(run.run)
        assert (read.state, read.name, read.tags) == ("finished", name, ("tensorboard",))
        assert read.created_at == pytest.approx(os.stat(log / name).st_ctime, abs=60)
    assert not (root / STAGING).exists()


def test_sb3_in_its_own_folder(tmp_path: Path, root: Path, event_scalars: ReadEvents) -> None:
    import stable_baselines3

    model = stable_baselines3.A2C(
        "MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path / "log"), device="cpu"
    )
    model.learn(600, log_interval=10)
    model.logger.close()

    found = imported(tmp_path / "log", root)

    assert series(root, found["A2C_1"].run) == event_scalars(tmp_path / "log" / "A2C_1")


@pytest.mark.parametrize("writer_class", [SummaryWriter, tensorboardX.SummaryWriter])
def test_every_plugin_as_tensorboard_reads_it(
    writer_class: Any, tmp_path: Path, root: Path
) -> None:
    """Bins, encoded bytes, texts and tensors, all of them and each as it is."""
    random = np.random.default_rng(0)
    log = tmp_path / "log"
    with writer_class(str(log)) as writer:
        for step in range(12):  # more than the ten that TensorBoard keeps of images
            writer.add_histogram("h", random.normal(size=200) * 10.0**step, step)
            picture = random.integers(0, 255, (3, 6, 8), dtype=np.uint8)
            writer.add_image("picture", picture, step)
            writer.add_text("text", f"step {step}", step)
        writer.add_pr_curve("curve", random.integers(2, size=50), random.random(50), 6, 20)
        writer.add_histogram_raw("raw", 0.5, 3.5, 6, 12.0, 30.0, [2.0, 3.0, 4.0], [1, 2, 3])
    sizes = {"histograms": 0, "images": 0, "tensors": 0}
    events = EventAccumulator(str(log), size_guidance=sizes).Reload()

    run = imported(log, root)["log"]
    ours = series(root, run.run)

    for tag in ("h", "raw"):
        assert len(ours[tag]) == len(events.Histograms(tag))
        for (step, mine), theirs in zip(ours[tag], events.Histograms(tag), strict=True):
            value = theirs.histogram_value
            kept = slice(int(value.bucket[0] == 0), None)  # without the empty one on the left
            assert step == theirs.step
            assert mine["values"] == value.bucket[kept]
            assert mine["bins"][1:] == value.bucket_limit[kept]
            assert (mine["min"], mine["max"], mine["sum"]) == (value.min, value.max, value.sum)
    assert ours["raw"][0][1]["bins"] == [0.5, 2.0, 3.0, 4.0]
    folder = rltrack.Api(root).run(run.run).folder / "media"
    assert [(step, (folder / p["path"]).read_bytes()) for step, p in ours["picture"]] == [
        (e.step, e.encoded_image_string) for e in events.Images("picture")
    ]
    (text_tag,) = [tag for tag in events.Tags()["tensors"] if tag.startswith("text")]
    assert ours["text"] == [
        (e.step, e.tensor_proto.string_val[0].decode()) for e in events.Tensors(text_tag)
    ]
    (curve,) = events.Tensors("curve")
    _, mine = ours["curve"][0]
    assert [mine[name] for name in list(mine)[2:]] == make_ndarray(curve.tensor_proto).tolist()


def test_importing_twice_makes_no_second_run_and_adds_what_has_grown(
    tmp_path: Path, root: Path, write_scalars: Write, event_scalars: ReadEvents
) -> None:
    log = tmp_path / "log" / "a"
    write_scalars(log, range(10))
    first = imported(log.parent, root)["a"]
    live = rltrack.Api(root).run(first.run)
    assert live.lastHistoryStep == 9

    assert imported(log.parent, root)["a"].outcome == "there already"
    write_scalars(log, range(10, 15))
    shutil.move(log.parent, tmp_path / "elsewhere")
    grown = imported(tmp_path / "elsewhere", root)["a"]

    assert (grown.run, grown.outcome, grown.values) == (first.run, "grown", 5)
    assert imported(tmp_path / "elsewhere", root)["a"].outcome == "there already"
    assert series(root, first.run) == event_scalars(tmp_path / "elsewhere" / "a")
    assert [run.id for run in rltrack.Api(root).runs("past")] == [first.run.split("/")[1]]


def test_restarts_with_purge_step_over_many_files(
    tmp_path: Path, root: Path, write_scalars: Write, event_scalars: ReadEvents
) -> None:
    log = tmp_path / "log"
    write_scalars(log, range(100))
    write_scalars(log, range(60, 120), purge_step=60)
    write_scalars(log, range(80, 90), purge_step=80)

    ours = series(root, imported(log, root)["log"].run)

    assert ours == event_scalars(log)
    assert [step for step, _ in ours["x"]] == list(range(90))


def test_torn_tails_and_damage(tmp_path: Path, root: Path, write_scalars: Write) -> None:
    for name in ("torn", "damaged", "empty"):
        write_scalars(tmp_path / name, range(20))
    for name in ("torn", "damaged", "empty"):
        (path,) = (tmp_path / name).iterdir()
        data = bytearray(path.read_bytes())
        if name == "torn":
            del data[-5:]
        elif name == "damaged":
            data[len(data) // 2] ^= 0xFF
        else:
            data.clear()
        path.write_bytes(data)

    found = imported(tmp_path, root)

    assert (found["torn"].values, found["torn"].trouble) == (19, ())
    assert 5 < found["damaged"].values < 15
    assert "damaged" in found["damaged"].trouble[0]
    assert found["empty"].values == 0
    assert imported(tmp_path, root)["torn"].outcome == "there already"


def test_folders_of_add_scalars_and_add_hparams_belong_to_their_writer(
    tmp_path: Path, root: Path
) -> None:
    for number, writer_class in enumerate((SummaryWriter, tensorboardX.SummaryWriter)):
        with writer_class(str(tmp_path / "log" / str(number))) as writer:
            writer.add_scalar("plain", 1.0, 0)
            writer.add_scalars("loss/all", {"train": 0.5, "val": 0.25}, 3)
            writer.add_hparams({"lr": 0.5, "n": 64}, {"hparam/return": 2.0})

    found = imported(tmp_path / "log", root)

    assert found.keys() == {"0", "1"}
    for run in found.values():
        assert series(root, run.run) == {
            "plain": [(0, 1.0)],
            "loss/all/train": [(3, 0.5)],
            "loss/all/val": [(3, 0.25)],
            "hparam/return": [(0, 2.0)],
        }
        read = rltrack.Api(root).run(run.run)
        assert read.config == {"lr": 0.5, "n": 64}
        assert read.summary["hparam/return"] == 2.0


def test_media_come_along_and_what_has_no_place_is_told(tmp_path: Path, root: Path) -> None:
    log = tmp_path / "log"
    with SummaryWriter(str(log)) as writer:
        writer.add_image("picture", torch.rand(3, 4, 4), 1)
        writer.add_text("note", "words", 1)
        writer.add_video("video", torch.rand(1, 2, 3, 4, 4), 1)  # empty, without moviepy 1
        writer.add_histogram("h", torch.arange(100.0), 1)
        writer.add_embedding(torch.rand(5, 3))

    run = imported(log, root)["log"]

    found = series(root, run.run)
    assert found["note"] == [(1, "words")]
    assert sum(found["h"][0][1]["values"]) == 100
    picture = rltrack.Api(root).run(run.run).folder / "media" / found["picture"][0][1]["path"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run.trouble == (
        "video: a value that holds nothing (1 x)",
        "the embeddings that projector_config.pbtxt names",
    )


KILLED = """
import os, signal, sys
from pathlib import Path
from rltrack.importers.tensorboard import import_tensorboard
def stop(done, total):
    os.kill(os.getpid(), signal.SIGKILL)
list(import_tensorboard(Path(sys.argv[1]), Path(sys.argv[2]), "past", progress=stop))
"""


def test_an_import_that_is_killed_leaves_no_half_a_run(
    tmp_path: Path, root: Path, write_scalars: Write
) -> None:
    write_scalars(tmp_path / "log", range(5000))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "log"), str(root)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert rltrack.Api(root).projects() == []
    (left,) = (root / STAGING).iterdir()
    os.utime(left / "run" / "run.json", (0, 0))

    assert imported(tmp_path / "log", root)["log"].values == 5000
    assert rltrack.Api(root).projects() == ["past"]
    assert not (root / STAGING).exists()  # what was left is gone, too


def test_the_command(
    tmp_path: Path,
    root: Path,
    write_scalars: Write,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_scalars(tmp_path / "log" / "a", range(10))

    assert main(["import", "tensorboard", str(tmp_path / "log"), "--project", "old"]) == 0
    assert "a: new, 10 values, old/tb-" in capsys.readouterr().out
    assert main(["import", "tensorboard", str(tmp_path / "log"), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "there already"
    assert told["run"].startswith("old/")

    for arguments, message in [
        (["tensorboard"], "say which folder"),
        (["nonsense", "x"], "what can be imported"),
        (["tensorboard", str(tmp_path / "nowhere")], "there is no folder"),
        (["tensorboard", str(root)], "no event file"),
    ]:
        assert main(["import", *arguments]) == 1
        assert message in capsys.readouterr().err


def test_no_event_files(tmp_path: Path, root: Path) -> None:
    with pytest.raises(NotFoundError, match="tfevents"):
        next(import_tensorboard(tmp_path, root, "past"))


def test_a_server_that_has_read_the_run_sees_what_was_added(
    tmp_path: Path, root: Path, write_scalars: Write
) -> None:
    """A reader of a run that has ended looks at it no more, unless it is another."""
    from rltrack.folder import RunFolder
    from rltrack.store.run import RunReader

    write_scalars(tmp_path / "log", range(3))
    run = imported(tmp_path / "log", root)["log"].run
    reader = RunReader(RunFolder(rltrack.Api(root).run(run).folder))
    reader.refresh()
    assert reader.digest().last_step == 2
    write_scalars(tmp_path / "log", range(3, 6))
    time.sleep(0.02)  # the facts' file has a time of its own

    imported(tmp_path / "log", root)

    assert reader.reopen_if_changed()
    assert reader.digest().last_step == 5
