"""`sync_tensorboard`: what a process writes for TensorBoard is in the run as it was given."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorboardX
import torch
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from torch.utils.tensorboard import SummaryWriter

import rltrack
from rltrack.errors import NotInitializedError, RunFinishedError, UsageError
from rltrack.hooks.tensorboard import sync_tensorboard

Series = dict[str, list[tuple[int, Any]]]
Read = Callable[[rltrack.Run], Series]
Warnings = Callable[[rltrack.Run], list[str]]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboardX")

#: Of all the classes that are listened to, what they have when nobody listens.
METHODS = [
    (owner, name)
    for owner in (SummaryWriter, tensorboardX.SummaryWriter)
    for name in ("add_scalar", "add_scalars", "add_video", "add_hparams")
] + [(EventFileWriter, "add_event"), (tensorboardX.event_file_writer.EventFileWriter, "add_event")]


def methods() -> list[Any]:
    return [vars(owner)[name] for owner, name in METHODS]


@pytest.fixture(autouse=True)
def _classes_are_left_as_they_were() -> Iterator[None]:
    before, finders = methods(), list(sys.meta_path)
    yield
    for run in reversed(list(rltrack._active.live)):
        run.finish()
    assert methods() == before
    assert sys.meta_path == finders


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="tb", sync_tensorboard=True, settings={"silent": True})


@pytest.fixture(params=[SummaryWriter, tensorboardX.SummaryWriter], ids=["torch", "tensorboardX"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = request.param(str(tmp_path / "log"))
    yield made
    made.close()


# -- what arrives ------------------------------------------------------------------------------


def test_a_writer_that_was_made_before_init_is_heard(
    writer: Any, run: rltrack.Run, series: Read
) -> None:
    """The order in which W&B hears nothing."""
    writer.add_scalar("loss", 0.5, 3)
    run.finish()

    assert series(run) == {"loss": [(3, 0.5)]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0.1, 0.1),
        (16777217, 16777217.0),
        (np.float64(1) / 3, 1 / 3),
        (np.float32(0.1), float(np.float32(0.1))),
        (torch.tensor(0.1), float(np.float32(0.1))),
        (torch.tensor([1 / 3], dtype=torch.float64), 1 / 3),
        (np.array([[2.0**-60 + 1]]), 2.0**-60 + 1),
        (1e300, 1e300),
        (True, 1.0),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_numbers_are_what_the_caller_gave(
    run: rltrack.Run, writer: Any, series: Read, given: Any, kept: float
) -> None:
    """An event has a float32: 0.1 is 0.10000000149 there, and 1e300 infinite."""
    writer.add_scalar("x", given, 1)
    run.finish()

    assert series(run) == {"x": [(1, kept)]}


def test_steps_may_be_anything_that_torch_takes(
    run: rltrack.Run, writer: Any, series: Read
) -> None:
    for step in (np.int64(5), torch.tensor(5), 5.0):
        writer.add_scalar("x", 1.0, step)
    writer.add_scalar("x", 2.0)  # which is step 0 in the file
    run.finish()

    assert series(run) == {"x": [(0, 2.0), (5, 1.0), (5, 1.0), (5, 1.0)]}


def test_equal_steps_are_points_of_their_own_and_have_the_time_of_their_event(
    run: rltrack.Run, writer: Any
) -> None:
    for index in range(4):
        writer.add_scalar("return", float(index), 100, walltime=1_700_000_000.5 + index)
    run.finish()

    rows = rltrack.Api().run(run.path).history(pandas=False)
    assert [row["return"] for row in rows] == [0.0, 1.0, 2.0, 3.0]
    assert [row["_timestamp"] for row in rows] == [1_700_000_000.5 + index for index in range(4)]


def test_global_step_is_the_x_axis(run: rltrack.Run, writer: Any, read_records: Any) -> None:
    rltrack.log({"own": 1})
    writer.add_scalar("loss", 0.5, 300)
    run.finish()
    assert run.folder is not None

    defined = [
        r for r in read_records(run.folder / "journal") if type(r).__name__ == "MetricDefined"
    ]
    assert [(record.name, record.step_metric) for record in defined] == [("loss", "global_step")]


def test_new_style_scalars_of_torch(run: rltrack.Run, tmp_path: Path, series: Read) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("x", 0.1, 1, new_style=True)
        writer.add_scalar("y", 0.1, 1, new_style=True, double_precision=True)
    run.finish()

    assert series(run) == {"x": [(1, 0.1)], "y": [(1, 0.1)]}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_every_plugin(
    run: rltrack.Run, writer: Any, tmp_path: Path, series: Read, warnings_of: Warnings
) -> None:
    random = np.random.default_rng(0)
    samples = random.normal(size=1000)
    picture = random.integers(0, 255, (3, 6, 8), dtype=np.uint8)
    writer.add_histogram("h", samples, 1)
    writer.add_image("picture", picture, 2)
    writer.add_images("pictures", np.stack([picture, picture]), 2)
    sound = torch.from_numpy(random.uniform(-1, 1, 800))
    summary = importlib.import_module("torch.utils.tensorboard.summary")
    # Through torch's summary for both: tensorboardX needs one more library to make a WAV.
    with SummaryWriter(str(tmp_path / "sound")) as sounds:
        sounds._get_file_writer().add_summary(summary.audio("sound", sound, 8000), 3)
    writer.add_text("note", "**bold**", 4)
    writer.add_video("video", torch.rand(1, 5, 3, 16, 24), 5, fps=7)
    writer.add_pr_curve("curve", random.integers(2, size=50), random.random(50), 6, 20)
    writer.add_mesh(
        "mesh",
        torch.rand(1, 4, 3),
        faces=torch.tensor([[[0, 1, 2], [1, 2, 3]]]),
        colors=torch.randint(0, 255, (1, 4, 3)),
        global_step=7,
    )
    writer.add_graph(torch.nn.Linear(3, 2), torch.rand(1, 3))
    writer.add_custom_scalars({"Losses": {"both": ["Multiline", ["a", "b"]]}})
    run.finish()

    found = series(run)
    assert warnings_of(run) == []
    assert found["note"] == [(4, "**bold**")]
    kinds = {key: points[0][1]["_type"] for key, points in found.items() if key != "note"}
    assert kinds.pop("h") == "histogram"
    assert kinds.pop("curve") == "pr-curve"
    assert kinds.pop("video") == "video-file"
    assert {key.partition("/")[0]: kind for key, kind in kinds.items()} == {
        "picture": "image-file",
        "pictures": "image-file",
        "sound": "audio-file",
        "mesh": "object3D-file",
        "graph": "graph-file",
    }

    histogram = found["h"][0][1]
    counts, edges = np.array(histogram["values"]), np.array(histogram["bins"])
    assert counts.sum() == 1000 == histogram["num"]
    np.testing.assert_array_equal(counts, np.histogram(samples, edges)[0])
    curve = found["curve"][0][1]
    assert len(curve["thresholds"]) == len(curve["precision"]) == 20
    assert found["video"][0][1]["fps"] == 7.0
    assert (found["video"][0][1]["frames"], found["video"][0][1]["height"]) == (5, 16)

    assert run.folder is not None
    for points in found.values():
        if isinstance(points[0][1], dict) and "path" in points[0][1]:
            assert (run.folder / "media" / points[0][1]["path"]).stat().st_size > 0
    mesh = (run.folder / "media" / found["mesh"][0][1]["path"]).read_text().splitlines()
    assert [line.split()[0] for line in mesh] == ["v"] * 4 + ["f"] * 2
    assert mesh[-1] == "f 2 3 4"
    picture_file = run.folder / "media" / found["picture"][0][1]["path"]
    assert picture_file.suffix == ".png"
    layout = rltrack.Api().run(run.path).metadata["tensorboard_layout"]
    assert layout["category"][0]["chart"][0]["multiline"]["tag"] == ["a", "b"]


def test_hyperparameters_are_config_and_their_metrics_summary(
    run: rltrack.Run, writer: Any, series: Read, warnings_of: Warnings
) -> None:
    """The folder that they are written to has no part in a name."""
    run.config["lr"] = 0.3  # the user's own
    writer.add_scalar("hparam/return", 1.0, 0)
    writer.add_hparams(
        {"lr": 0.1, "n": 64, "env": "CartPole", "anneal": True}, {"hparam/return": 0.7}
    )
    run.finish()

    assert dict(run.config) == {"lr": 0.3, "n": 64, "env": "CartPole", "anneal": True}
    assert series(run) == {"hparam/return": [(0, 1.0), (0, 0.7)]}
    assert run.summary["hparam/return"] == 0.7
    (warning,) = warnings_of(run)
    assert "other values of lr" in warning


def test_add_scalars_are_scalars_of_one_section(
    run: rltrack.Run, writer: Any, series: Read
) -> None:
    for step in range(2):
        writer.add_scalars("loss", {"train": 0.1 * step, "val": 0.2 * step}, step)
    run.finish()

    assert series(run) == {"loss/train": [(0, 0.0), (1, 0.1)], "loss/val": [(0, 0.0), (1, 0.2)]}


def test_add_scalars_do_not_mix_with_a_tag_of_the_same_name(
    run: rltrack.Run, writer: Any, series: Read
) -> None:
    writer.add_scalar("loss/train", 1.0, 0)
    writer.add_scalars("loss", {"train": 2.0}, 0)
    run.finish()

    found = series(run)
    assert found.pop("loss/train") == [(0, 1.0)]
    assert list(found.values()) == [[(0, 2.0)]]


def test_folders_are_in_names_only_where_these_would_collide(
    run: rltrack.Run, tmp_path: Path, series: Read
) -> None:
    with (
        SummaryWriter(str(tmp_path / "ppo")) as train,
        tensorboardX.SummaryWriter(str(tmp_path / "ppo" / "eval")) as evaluation,
        SummaryWriter(str(tmp_path / "ppo")) as again,
    ):
        train.add_scalar("return", 1.0, 0)
        evaluation.add_scalar("return", 2.0, 0)
        evaluation.add_scalar("length", 3.0, 0)
        again.add_scalar("return", 4.0, 1)
    run.finish()

    assert series(run) == {
        "return": [(0, 1.0), (1, 4.0)],
        "eval/return": [(0, 2.0)],
        "length": [(0, 3.0)],
    }


def test_names_that_mean_something_else_in_a_row(
    run: rltrack.Run, tmp_path: Path, read_rows: Any
) -> None:
    with SummaryWriter(str(tmp_path / "log")) as writer:
        writer.add_scalar("_step", 1.0, 7)
        writer.add_scalar("global_step", 2.0, 7)
        writer.add_scalar("all*", 3.0, 7)
    run.finish()
    assert run.folder is not None

    rows = read_rows(run.folder / "journal")
    assert [dict(row.values) for row in rows] == [
        {"tensorboard/_step": 1.0, "global_step": 7},
        {"global_step": 2.0},
        {"all*": 3.0, "global_step": 7},
    ]


# -- what stays as it is -----------------------------------------------------------------------


def test_event_files_are_the_same_with_and_without(tmp_path: Path, root: Path) -> None:
    """But for the times at which a file was begun."""

    def write(folder: Path) -> bytes:
        with SummaryWriter(str(folder)) as writer:
            for step in range(50):
                writer.add_scalar("loss", step / 7, step, walltime=1e9 + step)
            writer.add_histogram("h", np.arange(100.0), 1, walltime=1e9)
            writer.add_text("t", "x", 1, walltime=1e9)
        (file,) = folder.iterdir()
        data = file.read_bytes()
        first = int.from_bytes(data[:8], "little") + 16
        return data[first:]

    without = write(tmp_path / "without")
    with rltrack.init(project="tb", sync_tensorboard=True, settings={"silent": True}):
        assert write(tmp_path / "with") == without


def test_the_hook_is_gone_with_the_run(run: rltrack.Run, writer: Any, series: Read) -> None:
    writer.add_scalar("x", 1.0, 1)
    run.finish()
    writer.add_scalar("x", 2.0, 2)

    assert series(run) == {"x": [(1, 1.0)]}
    assert not any("rltrack" in str(value) for value in vars(writer).values())


def test_who_wrapped_our_wrapper_keeps_theirs_and_it_is_harmless(
    run: rltrack.Run, tmp_path: Path, series: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other trackers patch the same classes; the run after that is told each event once."""
    original = EventFileWriter.add_event
    seen = []

    def theirs(self: Any, event: Any) -> Any:
        seen.append(event)
        return original(self, event)

    with monkeypatch.context() as patch:
        patch.setattr(EventFileWriter, "add_event", theirs)
        run.finish()
        assert EventFileWriter.add_event is theirs
        second = rltrack.init(project="tb", sync_tensorboard=True, settings={"silent": True})
        with SummaryWriter(str(tmp_path / "log")) as writer:
            writer.add_scalar("x", 1.0, 1)
        second.finish()
        assert EventFileWriter.add_event is theirs
    EventFileWriter.add_event = vars(EventFileWriter)["add_event"].__wrapped__

    assert series(second) == {"x": [(1, 1.0)]}
    assert len(seen) == 2  # the file's version, and x


def test_two_runs_at_once_both_hear_and_the_last_one_cleans_up(
    run: rltrack.Run, writer: Any, series: Read
) -> None:
    beside = rltrack.init(
        project="tb", reinit="create_new", sync_tensorboard=True, settings={"silent": True}
    )
    writer.add_scalar("x", 1.0, 1)
    run.finish()
    writer.add_scalar("x", 2.0, 2)
    beside.finish()

    assert series(run) == {"x": [(1, 1.0)]}
    assert series(beside) == {"x": [(1, 1.0), (2, 2.0)]}


def test_a_call_that_the_writer_refuses_is_not_recorded(
    run: rltrack.Run, tmp_path: Path, read_rows: Any
) -> None:
    direct = EventFileWriter(str(tmp_path / "log"))
    direct.close()
    event = Event(step=1, summary=Summary(value=[Summary.Value(tag="x", simple_value=1.0)]))
    with pytest.raises(OSError, match="closed"):
        direct.add_event(event)
    direct.close()  # twice
    inner = tensorboardX.SummaryWriter(str(tmp_path / "log2"))
    file_writer = inner.file_writer
    inner.close()
    file_writer.add_summary(tensorboardX.summary.scalar("x", 1.0), 1)  # dropped in silence
    with pytest.raises((AssertionError, TypeError, ValueError)):
        SummaryWriter.add_scalar(inner, "x")  # type: ignore[call-arg]
    run.finish()
    assert run.folder is not None

    assert read_rows(run.folder / "journal") == []


def test_a_writer_that_is_closed_and_used_again(
    run: rltrack.Run, writer: Any, series: Read
) -> None:
    writer.add_scalar("x", 1.0, 1)
    writer.close()
    writer.close()
    writer.add_scalar("x", 2.0, 2)
    run.finish()

    assert series(run) == {"x": [(1, 1.0), (2, 2.0)]}


def test_a_fault_of_ours_is_one_warning_and_the_writer_goes_on(
    run: rltrack.Run, writer: Any, series: Read, warnings_of: Warnings, tmp_path: Path
) -> None:
    """An event that another library's version fills with nonsense."""
    direct = EventFileWriter(str(tmp_path / "direct"))
    for step in range(3):
        event = Event(step=step)
        value = event.summary.value.add(tag="broken")
        value.tensor.dtype = 1
        value.tensor.float_val.extend([1.0, 2.0])
        value.tensor.tensor_shape.dim.add(size=7)
        value.tensor.tensor_shape.dim.add(size=-3)
        direct.add_event(event)
    direct.close()
    writer.add_scalar("x", 1.0, 1)
    run.finish()

    assert series(run) == {"x": [(1, 1.0)]}
    (warning,) = warnings_of(run)
    assert warning.startswith("sync_tensorboard could not record an event")


def test_a_fault_of_ours_is_an_error_where_that_was_asked_for(root: Path, tmp_path: Path) -> None:
    event = Event(step=1)
    event.summary.value.add(tag="broken").tensor.dtype = 99
    with rltrack.init(
        project="tb", sync_tensorboard=True, settings={"silent": True, "strict": True}
    ):
        writer = EventFileWriter(str(tmp_path))
        with pytest.raises(ValueError, match="holds no numbers"):
            writer.add_event(event)
        writer.close()


def test_a_restart_in_the_same_run_is_told_and_nothing_is_taken_back(
    run: rltrack.Run, tmp_path: Path, series: Read, warnings_of: Warnings
) -> None:
    """A run only appends. In a run of its own, as after a crash, there is nothing to tell."""
    with SummaryWriter(str(tmp_path / "log"), purge_step=3) as writer:
        writer.add_scalar("x", 3.0, 3)
    assert warnings_of(run) == []
    with SummaryWriter(str(tmp_path / "log"), purge_step=2) as writer:
        writer.add_scalar("x", 2.0, 2)
    run.finish()

    assert series(run) == {"x": [(2, 2.0), (3, 3.0)]}
    (warning,) = warnings_of(run)
    assert "restarted at step 2" in warning


def test_threads_do_not_mix_what_they_were_given(
    run: rltrack.Run, tmp_path: Path, series: Read
) -> None:
    def write(name: str, value: float) -> None:
        with SummaryWriter(str(tmp_path / name)) as writer:
            for step in range(200):
                writer.add_scalar(name, value + step, step)

    threads = [threading.Thread(target=write, args=(f"t{i}", i + 1 / 3)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()

    assert series(run) == {
        f"t{i}": [(step, i + 1 / 3 + step) for step in range(200)] for i in range(4)
    }


def test_a_forked_child_records_into_the_run(
    run: rltrack.Run, tmp_path: Path, series: Read
) -> None:
    with SummaryWriter(str(tmp_path / "parent")) as writer:
        writer.add_scalar("parent", 1.0, 1)
        if not (pid := os.fork()):
            direct = SummaryWriter(str(tmp_path / "child"))
            direct.add_scalar("child", 0.1, 2)
            run.finish()
            os._exit(0)
        os.waitpid(pid, 0)
        writer.add_scalar("parent", 2.0, 3)
    run.finish()

    assert series(run) == {"parent": [(1, 1.0), (3, 2.0)], "child": [(2, 0.1)]}


# -- with others -------------------------------------------------------------------------------


def test_beside_the_sb3_callback_nothing_is_there_twice(
    root: Path, tmp_path: Path, series: Read
) -> None:
    """Both hear SB3's logger; what the callback has from it, the hook leaves to it."""
    import stable_baselines3

    from rltrack.callbacks import SB3Callback

    run = rltrack.init(project="tb", sync_tensorboard=True, settings={"silent": True})
    model = stable_baselines3.PPO(
        "MlpPolicy", "CartPole-v1", n_steps=64, tensorboard_log=str(tmp_path), device="cpu"
    )
    with SummaryWriter(str(tmp_path / "own")) as own:
        model.learn(256, callback=SB3Callback())
        own.add_scalar("own", 0.1, 5)
    model.logger.close()
    run.finish()

    rows = rltrack.Api().run(run.path).history(["rollout/ep_rew_mean", "own"], pandas=False)
    steps = [row["_step"] for row in rows if "rollout/ep_rew_mean" in row]
    assert steps == [64, 128, 192, 256]
    assert [row["own"] for row in rows if "own" in row] == [0.1]


# -- sync_tensorboard by itself ----------------------------------------------------------------


def test_only_below_a_folder_and_only_in_a_block(root: Path, tmp_path: Path, series: Read) -> None:
    run = rltrack.init(project="tb", settings={"silent": True})
    with SummaryWriter(str(tmp_path / "a")) as a, SummaryWriter(str(tmp_path / "b")) as b:
        with sync_tensorboard(tmp_path / "a"):
            a.add_scalar("x", 1.0, 1)
            b.add_scalar("y", 1.0, 1)
        a.add_scalar("x", 2.0, 2)
    run.finish()

    assert series(run) == {"x": [(1, 1.0)]}


def test_asked_for_twice_it_records_once(run: rltrack.Run, writer: Any, series: Read) -> None:
    with sync_tensorboard():
        writer.add_scalar("x", 1.0, 1)
    writer.add_scalar("x", 2.0, 2)
    run.finish()

    assert series(run) == {"x": [(1, 1.0), (2, 2.0)]}


def test_wrong_calls_say_what_to_do(root: Path) -> None:
    with pytest.raises(NotInitializedError, match=r"rltrack\.init"):
        sync_tensorboard()
    run = rltrack.init(project="tb", settings={"silent": True})
    with pytest.raises(UsageError, match="logdir="):
        sync_tensorboard(follow=True)
    run.finish()
    with pytest.raises(RunFinishedError, match="start another"):
        sync_tensorboard(run=run)


def test_a_disabled_run_hears_nothing(root: Path) -> None:
    before = methods()
    with rltrack.init(mode="disabled", sync_tensorboard=True):
        assert methods() == before


LATE = """
import json, sys
import rltrack
run = rltrack.init(project="p", dir="runs", sync_tensorboard=True, settings={"silent": True})
early = sorted({"torch", "tensorboard", "tensorboardX"} & set(sys.modules))
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter("log")
writer.add_scalar("x", 0.1, 1)
loader = type(sys.modules["torch.utils.tensorboard.writer"].__spec__.loader).__name__
run.finish()
writer.close()
row = rltrack.Api("runs").run(run.path).history(["x"], pandas=False)[0]
wrapped = hasattr(SummaryWriter.add_scalar, "__wrapped__")
print(json.dumps([early, row["x"], loader, wrapped]))
"""


def test_writers_that_are_imported_after_init_are_heard(tmp_path: Path) -> None:
    """And init imports none of them: a script that never writes pays nothing for torch."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LATE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [[], 0.1, "SourceFileLoader", False]


NONE_INSTALLED = """
import sys, importlib.util
for name in ("tensorboard", "tensorboardX"):
    sys.modules[name] = None
import rltrack
with rltrack.init(project="p", dir="runs", sync_tensorboard=True) as run:
    run.log({"x": 1})
"""


def test_without_any_writer_installed_the_run_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NONE_INSTALLED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pip install 'rltrack[tensorboard]'" in done.stderr
