"""HuggingFaceCallback in a real Trainer of transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import rltrack
from rltrack.callbacks import HuggingFaceCallback

Read = Callable[[rltrack.Run], Any]

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own, of what it deprecates


class Line(torch.nn.Module):
    """As small as a model can be that a Trainer takes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        choices: dict[str, Any] = {"hidden_size": 1, "learning_rate": "of the model"}
        self.config = transformers.PretrainedConfig(**choices)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.layer(x)
        return {"loss": (y - labels).square().mean(), "logits": y}


class Points(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, at: int) -> dict[str, torch.Tensor]:
        x = torch.tensor([at / 8])
        return {"x": x, "labels": 2 * x}


def trainer(callback: HuggingFaceCallback, folder: Path, **more: Any) -> Any:
    chosen: dict[str, Any] = {"save_strategy": "no"} | more
    args = transformers.TrainingArguments(
        **chosen,
        output_dir=str(folder),
        max_steps=6,
        per_device_train_batch_size=4,
        learning_rate=0.05,
        logging_steps=2,
        eval_strategy="steps",
        eval_steps=3,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    host = transformers.Trainer(
        Line(), args, train_dataset=Points(), eval_dataset=Points(), callbacks=[callback]
    )
    host.remove_callback(transformers.PrinterCallback)
    return host


def test_all_that_the_trainer_logs_is_there(
    run: rltrack.Run, recorded: Read, tmp_path: Path
) -> None:
    """Each value that its own history has, at the same step, under W&B's names."""
    host = trainer(HuggingFaceCallback(run), tmp_path)
    host.train()
    host.predict(Points())

    found = recorded(run)
    assert found.warnings == []
    losses = {r.step: r.values["train/loss"] for r in found.rows if "train/loss" in r.values}
    checks = {r.step: r.values["eval/loss"] for r in found.rows if "eval/loss" in r.values}
    history = host.state.log_history
    assert losses == {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    assert checks == {e["step"]: e["eval_loss"] for e in history if "eval_loss" in e}
    assert list(losses) == [2, 4, 6]
    assert list(checks) == [3, 6]
    assert any("test/loss" in r.values for r in found.rows)
    assert all(r.values["train/global_step"] == r.step for r in found.rows)
    assert run.summary["train_runtime"] > 0
    assert run.config["max_steps"] == 6
    assert run.config["hidden_size"] == 1
    assert run.config["learning_rate"] == 0.05  # the training's, not the model's


def test_checkpoints_are_versions_on_request(run: rltrack.Run, tmp_path: Path) -> None:
    """As the trainer saves them."""
    more = {"save_strategy": "steps", "save_steps": 3, "save_total_limit": 1}
    trainer(HuggingFaceCallback(run, log_model=True), tmp_path, **more).train()
    run.finish()

    found = rltrack.Api().run(run.path).logged_artifacts()
    assert [version.metadata["global_step"] for version in found] == [3, 6]
    folder = Path(found[0].download(tmp_path / "first"))
    assert (folder / "trainer_state.json").is_file()


def test_a_run_of_its_own_goes_on_for_evaluations(root: Path, tmp_path: Path) -> None:
    """They belong to what was trained."""
    host = trainer(HuggingFaceCallback(project="lines"), tmp_path / "out")
    host.train()
    host.evaluate()
    rltrack.finish()

    [run] = rltrack.Api().runs("lines")
    assert run.state == "finished"
    steps = [row["_step"] for row in run.scan_history() if "eval/loss" in row]
    assert steps == [3, 6, 6]


def test_a_finished_run_does_not_end_the_training(run: rltrack.Run, tmp_path: Path) -> None:
    """Training is worth more than what is recorded of it."""
    run.finish()
    host = trainer(HuggingFaceCallback(run), tmp_path)
    host.train()

    assert host.state.global_step == 6
