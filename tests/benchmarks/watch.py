"""What `watch` adds to a training step: against none, and against wandb.watch where it is installed.

    python tests/benchmarks/watch.py [--large-steps 12]

Each contender trains a copy of one network; they take turns of a few steps in one process, so what
else the machine does hits all alike. *Added* is the median step with it less the median step
without. The budget is off, and each step is logged, unless it says otherwise. `log` of one number
is part of each step, also of those without a watch.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import rltrack
from rltrack.hooks.watch import unwatch, watch

Step = Callable[[], None]


def policy() -> tuple[nn.Module, torch.Tensor]:
    """A policy of 64 x 64, as SB3 makes it for CartPole, and a batch."""
    layers = [nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)]
    return nn.Sequential(*layers), torch.randn(64, 4)


def convolutional() -> tuple[nn.Module, torch.Tensor]:
    """A ResNet-like network of 11 million parameters, and a batch."""

    class Block(nn.Module):
        def __init__(self, taken: int, made: int, stride: int) -> None:
            super().__init__()
            self.one = nn.Conv2d(taken, made, 3, stride, 1, bias=False)
            self.norm_one = nn.BatchNorm2d(made)
            self.two = nn.Conv2d(made, made, 3, 1, 1, bias=False)
            self.norm_two = nn.BatchNorm2d(made)
            self.skip = nn.Conv2d(taken, made, 1, stride, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = torch.relu(self.norm_one(self.one(x)))
            summed: torch.Tensor = torch.relu(self.norm_two(self.two(out)) + self.skip(x))
            return summed

    blocks: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False)]
    taken = 64
    for made, stride in (
        (64, 1),
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        (512, 1),
    ):
        blocks.append(Block(taken, made, stride))
        taken = made
    blocks += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)]
    return nn.Sequential(*blocks), torch.randn(2, 3, 16, 16)


def stepper(model: nn.Module, batch: torch.Tensor, log: Callable[[], None]) -> Step:
    """One step of a training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        model(batch).pow(2).mean().backward()
        optimizer.step()
        log()

    return step


def compare(steps: dict[str, Step], turns: int, each: int) -> dict[str, float]:
    """Median milliseconds of a step of each contender; the first turn of each warms it up."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(turns + 1):
        for name, step in steps.items():
            for _ in range(each):
                begun = time.perf_counter()
                step()
                if turn:
                    taken[name].append((time.perf_counter() - begun) * 1e3)
    return {name: statistics.median(times) for name, times in taken.items()}


def contenders(make: Callable[[], tuple[nn.Module, torch.Tensor]], run: Any) -> dict[str, Step]:
    """The same network, watched in each way."""
    network, batch = make()
    ways: dict[str, dict[str, Any]] = {
        "gradients": {"log_freq": 1},
        "gradients, 64 linear bins": {"log_freq": 1, "bins": 64},
        "norms": {"log": "norms", "log_freq": 1},
    }

    def log() -> None:
        run.log({"loss": 1.0})

    steps = {"none": stepper(copy.deepcopy(network), batch, log)}
    for name, how in ways.items():
        model = copy.deepcopy(network)
        watch(model, budget=None, run=run, idx=len(steps), **how)
        steps[name] = stepper(model, batch, log)
    peer = wandb_stepper(copy.deepcopy(network), batch)
    if peer is not None:
        steps["wandb.watch"] = peer
    return steps


def wandb_stepper(model: nn.Module, batch: torch.Tensor) -> Step | None:
    """A step that wandb.watch looks at; None where wandb is not installed."""
    try:
        import wandb
    except ImportError:
        return None
    peer = wandb.init(mode="offline", reinit="finish_previous", settings={"silent": True})
    peer.watch(model, log_freq=1)
    return stepper(model, batch, lambda: peer.log({"loss": 1.0}))


def between_looks_ms(run: Any, pairs: int = 150, each: int = 100) -> float:
    """Median milliseconds that `watch` adds to a step at which it does not look.

    Of a policy's steps, in turns with the same ones without a watch: it is the same for any
    network, and lost in the noise of a larger one.
    """
    network, batch = policy()
    watched = copy.deepcopy(network)
    watch(watched, budget=None, run=run, log_freq=1 << 30, idx=99)
    steps = [stepper(model, batch, lambda: None) for model in (network, watched)]
    taken: list[list[float]] = [[], []]
    for _ in range(pairs):
        for step, times in zip(steps, taken, strict=True):
            begun = time.perf_counter()
            for _ in range(each):
                step()
            times.append((time.perf_counter() - begun) / each * 1e3)
    unwatch(run=run)
    added = [after - before for before, after in zip(*taken, strict=True)]
    return float(statistics.median(added))


BOUNDS = {
    "policy": {"gradients": "<= 0.1 x", "gradients, 64 linear bins": "<= 0.4 x"},
    "11 M": {
        "gradients": "<= 0.15 x",
        "gradients, 64 linear bins": "<= 0.4 x",
        "norms": "<= 3 % of a step",
    },
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large-steps", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = rltrack.init(project="bench", dir=folder, settings={"silent": True})
        between = between_looks_ms(run)
        for title, make, turns, each in (
            ("policy", policy, 30, 20),
            ("11 M", convolutional, options.large_steps, 1),
        ):
            steps = contenders(make, run)
            found = compare(steps, turns, each)
            unwatch(run=run)
            base = found.pop("none")
            peer = found.pop("wandb.watch", None)
            print(f"{title}: a step takes {base:.2f} ms without a watch")
            if peer is not None:
                print(f"  wandb.watch(log_freq=1) adds {peer - base:.2f} ms")
            for name, median in found.items():
                added = median - base
                ratio = f"{added / (peer - base):.2f} x wandb's" if peer is not None else ""
                bound = BOUNDS[title].get(name, "")
                print(f"  {name:<28} {added:+8.3f} ms  {added / base:+7.1%}  {ratio}  {bound}")
            rarely = between + (found["gradients"] - base) / 1000
            bound = "< 0.1 %" if title == "11 M" else ""
            print(
                f"  gradients each 1000 steps    {rarely:+8.4f} ms  {rarely / base:+7.3%}  "
                f"(between looks {between * 1e3:.1f} µs)  {bound}"
            )
        run.finish()


if __name__ == "__main__":
    main()
