"""What a run has is what TensorBoard's own reader finds in the files, for real writers of files."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltrack

Series = dict[str, list[tuple[int, Any]]]
Read = Callable[[Any], Series]
ReadEvents = Callable[[Path], Series]

pytestmark = pytest.mark.filterwarnings(
    # Not ours: old NumPy and protobuf manners of the libraries that write.
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
)


@pytest.fixture
def run(root: Path) -> Iterator[rltrack.Run]:
    with rltrack.init(project="tb", sync_tensorboard=True, settings={"silent": True}) as run:
        yield run


def as_float32(series: Series) -> Series:
    """What is left of values in a file: TensorBoard keeps float32."""
    return {
        key: [(step, float(np.float32(v))) for step, v in points] for key, points in series.items()
    }


def numbers(series: Series) -> Series:
    return {key: points for key, points in series.items() if isinstance(points[0][1], float)}


def same(ours: Series, theirs: Series) -> None:
    assert ours.keys() == theirs.keys()
    for key, points in theirs.items():
        np.testing.assert_equal(ours[key], points, err_msg=key)  # NaN equals NaN here


@pytest.mark.parametrize("name", ["PPO", "DQN"])
def test_sb3(
    name: str, run: rltrack.Run, tmp_path: Path, series: Read, event_scalars: ReadEvents
) -> None:
    import stable_baselines3

    arguments = {"PPO": {"n_steps": 64}, "DQN": {"learning_starts": 50}}[name]
    model = getattr(stable_baselines3, name)(
        "MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path / "tb"), device="cpu", **arguments
    )
    model.learn(512, log_interval=1)
    run.finish()
    model.logger.close()

    theirs = event_scalars(tmp_path / "tb" / f"{name}_1")
    assert len(theirs) >= 6
    same(as_float32(series(run)), theirs)


def cleanrl_shaped(folder: Path) -> None:
    """The calls of a single-file PPO with four envs, whose episodes may end on one step."""
    from torch.utils.tensorboard import SummaryWriter

    generator = np.random.default_rng(0)
    writer = SummaryWriter(str(folder))
    writer.add_text("hyperparameters", "|param|value|\n|-|-|\n|seed|1|")
    for update in range(40):
        global_step = update * 512
        for _ in range(4):  # as `infos["final_info"]` does for each env
            writer.add_scalar("charts/episodic_return", generator.random() * 500, global_step)
            writer.add_scalar(
                "charts/episodic_length", np.int64(generator.integers(500)), global_step
            )
        writer.add_scalar("charts/learning_rate", 2.5e-4 * (1 - update / 40), global_step)
        writer.add_scalar("losses/value_loss", np.float32(generator.random()), global_step)
        writer.add_scalar("losses/explained_variance", np.nan if update < 2 else 0.5, global_step)
        writer.add_scalar("charts/SPS", int(1000 + update), global_step)
    for index in range(5):  # the evaluation counts from 0 again
        writer.add_scalar("eval/episodic_return", float(index), index)
    writer.close()


def test_a_single_file_script_in_cleanrls_shape(
    run: rltrack.Run, tmp_path: Path, series: Read, event_scalars: ReadEvents
) -> None:
    """Four episodes that end on one step are four returns."""
    cleanrl_shaped(tmp_path / "log")
    run.finish()

    ours, theirs = series(run), event_scalars(tmp_path / "log")

    assert len(ours["charts/episodic_return"]) == 160
    same(as_float32(numbers(ours)), theirs)
    assert ours["hyperparameters"] == [(0, "|param|value|\n|-|-|\n|seed|1|")]


def test_the_example_of_a_single_file(
    root: Path, tmp_path: Path, series: Read, event_scalars: ReadEvents
) -> None:
    """A training from its first to its last step, in a process of its own."""
    example = Path(__file__).parents[2] / "examples" / "single_file_ppo.py"
    work = tmp_path / "work"
    work.mkdir()
    subprocess.run(
        [sys.executable, str(example), "--total-timesteps", "4096"],
        cwd=work,
        check=True,
        capture_output=True,
    )
    (run,) = rltrack.Api(root).runs("cleanrl")
    (folder,) = (work / "runs").iterdir()

    ours, theirs = series(run), event_scalars(folder)
    assert theirs.keys() >= {"charts/episodic_return", "losses/value_loss", "charts/SPS"}
    same(as_float32(numbers(ours)), theirs)
    assert run.config["learning_rate"] == 1e-3


def test_tensorboardx(
    run: rltrack.Run, tmp_path: Path, series: Read, event_scalars: ReadEvents
) -> None:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(tmp_path / "log"))
    for step in range(300):
        writer.add_scalar("loss", 1 / (step + 1), step // 2)
        writer.add_scalar("steps back", step, 300 - step)
    writer.close()
    run.finish()

    same(as_float32(series(run)), event_scalars(tmp_path / "log"))


def test_lightning(
    run: rltrack.Run,
    tmp_path: Path,
    series: Read,
    event_scalars: ReadEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its TensorBoardLogger, driven by its Trainer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lightning
        import torch
        from lightning.pytorch.loggers import TensorBoardLogger
    monkeypatch.setenv("LIGHTNING_DISABLE_TELEMETRY", "1")

    class Line(lightning.LightningModule):
        def __init__(self, lr: float = 0.05) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, _: int) -> Any:
            loss = (self.layer(batch[0]) - 2 * batch[0]).square().mean()
            self.log("train/loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.05)

    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.linspace(-1, 1, 32)[:, None]), batch_size=4
    )
    logger = TensorBoardLogger(str(tmp_path), name="line", version="a")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few workers, no validation: its advice
        trainer = lightning.Trainer(
            max_epochs=3,
            logger=logger,
            log_every_n_steps=1,
            accelerator="cpu",
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Line(), data)
    run.finish()

    theirs = event_scalars(tmp_path / "line" / "a")
    ours = series(run)
    assert len(theirs["train/loss"]) == 24
    same(as_float32(ours), theirs)
    assert run.config["lr"] == 0.05


def test_skrls_writer_which_uses_event_files_directly(
    run: rltrack.Run, tmp_path: Path, series: Read, event_scalars: ReadEvents
) -> None:
    from skrl.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(log_dir=str(tmp_path / "log"))
    for step in range(50):
        writer.add_scalar(tag="Reward / mean", value=step / 7, timestep=step)
    writer.close()
    run.finish()

    same(as_float32(series(run)), event_scalars(tmp_path / "log"))


def test_tensorflows_own_writer(run: rltrack.Run, tmp_path: Path, series: Read) -> None:
    """Which writes in C++, so that its files are read."""
    tf = pytest.importorskip("tensorflow", reason="it takes two gigabytes")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    with tf.summary.create_file_writer(str(tmp_path / "log")).as_default() as writer:
        for step in range(30):
            tf.summary.scalar("loss", step / 7, step)
        tf.summary.histogram("h", tf.range(100.0), 3)
        tf.summary.text("note", "words", 4)
        tf.summary.image("picture", tf.zeros((2, 4, 5, 3)), 5)
    run.finish()
    writer.close()

    ours = series(run)
    events = EventAccumulator(str(tmp_path / "log"), size_guidance={"tensors": 0}).Reload()
    theirs = [(e.step, make_ndarray(e.tensor_proto).item()) for e in events.Tensors("loss")]
    assert len(theirs) == 30
    assert ours["loss"] == theirs
    assert sum(ours["h"][0][1]["values"]) == 100
    assert ours["note"] == [(4, "words")]
    assert [picture["width"] for picture in ours["picture"][0][1]] == [5, 5]
