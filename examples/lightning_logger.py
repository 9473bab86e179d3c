"""Record a training of Lightning: its metrics, its hyperparameters, its checkpoints.

    python examples/lightning_logger.py             a few seconds on one core
    rltrack ui                                      then look at it in the browser

A network learns the sine. You will see `train/loss` and `val/loss` fall over the optimizer steps
to below 0.01; `gradients/*` and how the network is built stand beside them. The
checkpoint that Lightning keeps lies in `./rltrack-runs/lightning/<run id>/checkpoints/`.

Needs: pip install 'rltrack[lightning,analysis,dashboard]'
"""

from __future__ import annotations

import argparse
import warnings

import lightning
import torch

import rltrack
from rltrack.callbacks import RltrackLogger


class Sine(lightning.LightningModule):
    """Two layers, which Lightning trains."""

    def __init__(self, width: int = 64, learning_rate: float = 1e-2) -> None:
        super().__init__()
        self.save_hyperparameters()  # Lightning hands them to its loggers
        self.net = torch.nn.Sequential(
            torch.nn.Linear(1, width), torch.nn.Tanh(), torch.nn.Linear(width, 1)
        )

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Mean squared error."""
        return torch.nn.functional.mse_loss(self.net(x), torch.sin(x))

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        """One batch; what is logged here arrives in the run."""
        loss = self.loss(batch[0])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        """One batch that is not learned from."""
        self.log("val/loss", self.loss(batch[0]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.hparams["learning_rate"])


def loader(points: int) -> torch.utils.data.DataLoader[tuple[torch.Tensor, ...]]:
    """Points of the line between -3 and 3."""
    data = torch.utils.data.TensorDataset(torch.rand(points, 1) * 6 - 3)
    return torch.utils.data.DataLoader(data, batch_size=64)


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
warnings.filterwarnings("ignore", module="lightning")  # data this small needs no workers
lightning.seed_everything(options.seed)

logger = RltrackLogger(project="lightning", config={"seed": options.seed})
model = Sine()
logger.watch(model, log="gradients", log_freq=50)
trainer = lightning.Trainer(
    logger=logger,
    max_epochs=options.epochs,
    accelerator="cpu",
    enable_progress_bar=False,
    log_every_n_steps=1,
)
trainer.fit(model, loader(1024), loader(256))

# The logger's `experiment` is the run itself.
run = logger.experiment
run.summary["parameters"] = sum(p.numel() for p in model.parameters())
run.finish()

losses = rltrack.Api().run(run.path).history(["val/loss"])["val/loss"].dropna()
print(f"val/loss {losses.iloc[0]:.3f} -> {losses.iloc[-1]:.4f} in {len(losses)} epochs")
