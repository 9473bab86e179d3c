"""What SB3Callback costs PPO on CartPole, by pairs of trainings that differ by nothing else.

    python tests/benchmarks/sb3_callback.py [--pairs 40] [--timesteps 10240]

Each pair is one training with the callback and one without, one right after the other, in a
random order, all with one seed: the work is the same to the bit, and what else the machine
does hits both alike. A pair gives the ratio of their times. Printed are

    - the median ratio and its 95 % confidence interval from order statistics, which assumes
      nothing of how the noise is distributed: a neighbour that takes the core for a second
      spoils a pair and not the figure;
    - the fastest with the callback against the fastest without: noise only ever adds time, so
      where others share the machine this is the better figure, though it has no interval.

    - the share of `learn()` that passes inside our code, by a clock at its doors: it misses what
      ours does to the caches, and hardly moves with what the neighbours do.

CPU time is of the whole process, so it counts our threads too.

Only `learn()` is timed: not `init()`, and not `finish()`.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from stable_baselines3 import PPO

import rltrack
from rltrack.callbacks import SB3Callback
from rltrack.callbacks._sb3_logger import RunWriter

_T = TypeVar("_T")


def learn(seed: int, timesteps: int, *, recorded: bool, folder: str) -> tuple[float, float]:
    """Train once; wall and CPU seconds of `learn()`."""
    model = PPO("MlpPolicy", "CartPole-v1", seed=seed, device="cpu")
    run = None
    if recorded:
        run = rltrack.init(project="benchmark", dir=folder, settings={"silent": True})
    callback = SB3Callback(run) if run is not None else None
    wall, cpu = time.perf_counter(), time.process_time()
    model.learn(timesteps, callback=callback)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if run is not None:
        run.finish()
    return wall, cpu


class _Timed(SB3Callback):
    """The callback, with a clock at its doors. SB3's own part of each call is not counted."""

    inside_s = 0.0

    def _timed(self, call: Callable[[], _T]) -> _T:
        start = time.perf_counter()
        try:
            return call()
        finally:
            self.inside_s += time.perf_counter() - start

    def _on_training_start(self) -> None:
        self._timed(super()._on_training_start)
        # The other door: SB3's logger calls the writer that was added to it.
        for writer in self.logger.output_formats:
            if isinstance(writer, RunWriter):
                self._watch_door(writer)

    def _watch_door(self, writer: RunWriter) -> None:
        write = writer.write
        writer.write = lambda *row: self._timed(lambda: write(*row))  # type: ignore[method-assign]

    def _on_step(self) -> bool:
        return self._timed(super()._on_step)

    def _on_training_end(self) -> None:
        self._timed(super()._on_training_end)


def share(timesteps: int, folder: str) -> float:
    """The part of `learn()` that passes inside our code."""
    model = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu")
    with rltrack.init(project="benchmark", dir=folder, settings={"silent": True}) as run:
        callback = _Timed(run)
        start = time.perf_counter()
        model.learn(timesteps, callback=callback)
        return callback.inside_s / (time.perf_counter() - start)


def overhead(ratios: Sequence[float]) -> str:
    """Median of `ratios` less one, with its interval, in percent."""
    ordered = sorted(100 * (ratio - 1) for ratio in ratios)
    # Ranks between which the median lies in 95 % of samples: the normal form of Binomial(n, 1/2).
    low = max(0, math.floor(len(ordered) / 2 - 0.98 * math.sqrt(len(ordered))))
    high = len(ordered) - 1 - low
    return f"{statistics.median(ordered):+.2f} %  [{ordered[low]:+.2f}, {ordered[high]:+.2f}]"


def main() -> None:
    """Run the pairs and print what they say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--timesteps", type=int, default=10240)
    options = parser.parse_args()

    torch.set_num_threads(1)
    order = random.Random(0)
    times: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        learn(0, 2048, recorded=True, folder=folder)  # imports, first allocations
        for pair in range(options.pairs):
            for recorded in order.sample((True, False), 2):
                times[recorded].append(
                    learn(0, options.timesteps, recorded=recorded, folder=folder)
                )
            (bare, _), (with_it, _) = times[False][-1], times[True][-1]
            print(
                f"pair {pair + 1:3}: {bare:6.3f} s, with the callback {with_it:6.3f} s  "
                f"({100 * (with_it / bare - 1):+.2f} %)",
                flush=True,
            )
        inside = share(options.timesteps, folder)
    fastest = min(wall for wall, _ in times[False])
    print(
        f"\n{options.pairs} pairs of {options.timesteps} timesteps, at best "
        f"{options.timesteps / fastest:.0f} timesteps a second without the callback"
    )
    for clock, name in enumerate(("wall time", "CPU time")):
        ours = [seconds[clock] for seconds in times[True]]
        without = [seconds[clock] for seconds in times[False]]
        ratios = [with_it / bare for with_it, bare in zip(ours, without, strict=True)]
        best = 100 * (min(ours) / min(without) - 1)
        print(
            f"{name:9}  median of pairs {overhead(ratios)}   fastest against fastest {best:+.2f} %"
        )
    print(f"inside the callback: {100 * inside:.2f} % of wall time")


if __name__ == "__main__":
    main()
