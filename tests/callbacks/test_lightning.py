"""RltrackLogger in a real Trainer of Lightning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

import rltrack
from rltrack.callbacks import RltrackLogger
from rltrack.errors import UsageError

Read = Callable[[rltrack.Run], Any]

# What Lightning warns of has nothing to do with loggers: no workers, a short epoch, torch's own.
pytestmark = pytest.mark.filterwarnings("ignore")


class Line(lightning.LightningModule):
    """Learns a line, and says so at each step, at each epoch, in validation and in a test."""

    def __init__(self, learning_rate: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(1, 1)

    def _loss(self, batch: Any) -> torch.Tensor:
        (x,) = batch
        loss: torch.Tensor = (self.layer(x) - 2 * x).square().mean()
        return loss

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        loss = self._loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val_loss", self._loss(batch))

    def test_step(self, batch: Any, index: int) -> None:
        self.log("test_loss", self._loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["learning_rate"])


def data() -> torch.utils.data.DataLoader[Any]:
    points = torch.utils.data.TensorDataset(torch.linspace(-1, 1, 8).unsqueeze(1))
    return torch.utils.data.DataLoader(points, batch_size=2)


def trainer(logger: RltrackLogger, **choices: Any) -> lightning.Trainer:
    quiet: dict[str, Any] = {
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
        "max_epochs": 2,
    }
    return lightning.Trainer(logger=logger, **(quiet | choices))


def test_all_that_lightning_logs_is_there_at_its_own_step(run: rltrack.Run, recorded: Read) -> None:
    """Steps, epochs, validation and a test after it; equal steps replace nothing."""
    host = trainer(RltrackLogger(run))
    model = Line(learning_rate=0.2)
    host.fit(model, data(), data())
    host.test(model, data(), verbose=False)

    rows = recorded(run).rows
    steps = [r.step for r in rows if "train_loss_step" in r.values]
    assert steps == list(range(8))
    assert all(r.values["trainer/global_step"] == r.step for r in rows)
    assert [r.step for r in rows if "val_loss" in r.values] == [3, 7]
    assert [r.values["epoch"] for r in rows if "train_loss_epoch" in r.values] == [0, 1]
    [tested] = [r for r in rows if "test_loss" in r.values]
    assert tested.step == 8
    assert tested.values["test_loss"] < 0.1
    assert run.config["learning_rate"] == 0.2


def test_checkpoints_go_into_the_runs_folder(run: rltrack.Run, tmp_path: Path) -> None:
    """Removing a run takes them along, and nothing lies about in the working folder."""
    trainer(RltrackLogger(run)).fit(Line(), data())

    assert run.folder is not None
    assert [path.suffix for path in (run.folder / "checkpoints").iterdir()] == [".ckpt"]


@pytest.mark.parametrize(("log_model", "kept"), [(True, 2), ("all", 2), (False, 0)])
def test_checkpoints_are_versions_on_request(
    run: rltrack.Run, log_model: Any, kept: int, tmp_path: Path
) -> None:
    """The best one has an alias by which it is found."""
    saver = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, monitor="val_loss", save_top_k=2)
    host = trainer(RltrackLogger(run, log_model=log_model), callbacks=[saver])
    host.fit(Line(), data(), data())
    run.finish()

    found = rltrack.Api().run(run.path).logged_artifacts()
    assert len(found) == kept
    if kept:
        [best] = [version for version in found if "best" in version.aliases]
        assert best.metadata["original_filename"] == Path(saver.best_model_path).name
        ckpt = Path(best.download(tmp_path / "best"), "model.ckpt")
        assert ckpt.read_bytes() == Path(saver.best_model_path).read_bytes()


def test_it_begins_a_run_with_the_first_thing_to_record(root: Path) -> None:
    """And the run goes on after fit."""
    logger = RltrackLogger(project="lines", name="first", prefix="mine")
    assert rltrack.run is None

    trainer(logger).fit(Line(), data())

    run = rltrack.run
    assert run is logger.experiment
    assert run is not None
    assert (run.project, run.name, run.state) == ("lines", "first", "running")
    assert run.summary["mine/train_loss_epoch"] < 1


def test_it_records_into_the_run_that_is_going_on(run: rltrack.Run) -> None:
    """As W&B's does."""
    assert RltrackLogger().experiment is run


def test_a_run_and_arguments_for_another_are_refused(run: rltrack.Run) -> None:
    """Which of both is meant cannot be guessed."""
    with pytest.raises(UsageError, match="project=…"):
        RltrackLogger(run, project="other")


def test_a_finished_run_does_not_end_the_training(
    run: rltrack.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training is worth more than what is recorded of it."""

    class Finisher(lightning.Callback):
        def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
            run.finish()

    host = trainer(RltrackLogger(run), callbacks=[Finisher()])
    host.fit(Line(), data())

    assert host.global_step == 8
    assert run.state == "finished"


def test_a_disabled_run_changes_nothing(root: Path) -> None:
    """Checkpoints then go where Lightning puts them without a logger."""
    host = trainer(
        RltrackLogger(mode="disabled"), enable_checkpointing=False, default_root_dir=str(root)
    )
    host.fit(Line(), data())

    assert host.global_step == 8
