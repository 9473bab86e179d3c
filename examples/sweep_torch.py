"""Search the learning rate and the size of a small network, and see which of them matters.

    python examples/sweep_torch.py                  about 10 seconds on one core

Bayesian search (Optuna's TPE) over a training loop in PyTorch; Optuna's median rule stops the
trials that fall behind. You will see the trials, the best of them, and the importance of each
parameter with its direction: the learning rate is nearly all of it.

Needs: pip install 'rltrack[sweeps]' torch
"""

import argparse

import torch
from torch import nn

import rltrack

parser = argparse.ArgumentParser()
parser.add_argument("--trials", type=int, default=25)
parser.add_argument("--epochs", type=int, default=300)
options = parser.parse_args()
torch.set_num_threads(1)  # a network this small is slower on two


def train() -> None:
    """One trial: a network that learns a sine."""
    with rltrack.init(config={"epochs": options.epochs}) as run:
        torch.manual_seed(0)
        size = run.config["net"]["size"]
        model = nn.Sequential(nn.Linear(1, size), nn.Tanh(), nn.Linear(size, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=run.config.learning_rate)
        x = torch.linspace(-3, 3, 128).unsqueeze(1)
        y = torch.sin(2 * x)
        for _ in range(run.config.epochs):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            run.log({"loss": loss.detach()})


sweep_id = rltrack.sweep(
    {
        "method": "bayes",
        "metric": {"name": "loss", "goal": "minimize"},
        "run_cap": options.trials,
        "seed": 0,
        "parameters": {
            "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
            "net": {"parameters": {"size": {"values": [8, 32, 128]}}},
        },
        "early_terminate": {"type": "median", "n_warmup_steps": 50, "interval_steps": 10},
    },
    project="sweep-torch",
)
rltrack.agent(sweep_id, train)

sweep = rltrack.Api().sweep(sweep_id)
print(sweep.dataframe()[["trial", "state", "learning_rate", "net.size", "loss"]].to_string())
for one in sweep.importances():
    direction = "" if one.correlation is None else f", correlation {one.correlation:+.2f}"
    print(f"{one.parameter:<14} importance {one.importance:.2f}{direction}")
best = sweep.best_run()
assert best is not None
print(f"best: {best.config} with a loss of {best.summary['loss']:.4f}")
