"""Watch a torch model learn: its gradients, as the optimizer uses them, and how far it steps.

    pip install 'rltrack[analysis,dashboard]' torch
    python examples/torch_watch.py && rltrack ui

A network of two layers learns the sine. The page shows the loss; `gradients/*` and `parameters/*` are
histograms by powers of two, `update_ratio/*` is how far each step moves a parameter, relative to its
size (about 1e-3 is healthy), and `dead_units/*` the share of ReLUs that no sample wakes.
"""

from __future__ import annotations

import argparse

import torch

import rltrack


def main(steps: int, seed: int) -> None:
    """Train, and say what came of it."""
    torch.manual_seed(seed)
    config = {"learning_rate": 3e-3, "width": 64, "seed": seed}
    with rltrack.init(project="torch-watch", config=config) as run:
        model = torch.nn.Sequential(
            torch.nn.Linear(1, run.config.width),
            torch.nn.ReLU(),
            torch.nn.Linear(run.config.width, 1),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=run.config.learning_rate)
        rltrack.watch(model, log="all", log_freq=20, updates=True, activations=True, log_graph=True)
        for _ in range(steps):
            x = torch.rand(256, 1) * 6 - 3
            loss = (model(x) - torch.sin(x)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # what is logged is clipped
            optimizer.step()
            run.log({"train/loss": loss})

    history = rltrack.Api().run(run.path).history(["train/loss", "update_ratio/0.weight"])
    losses = history["train/loss"].dropna()
    ratio = history["update_ratio/0.weight"].dropna()
    print(f"loss {losses.iloc[0]:.3f} -> {losses.iloc[-1]:.4f} in {len(losses)} steps")
    print(f"the last step moved the first layer by {ratio.iloc[-1]:.1e} of its size")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    main(options.steps, options.seed)
