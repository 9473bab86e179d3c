"""What it costs to capture everything: console, samples of the machine, provenance.

    python tests/benchmarks/capture.py [--pairs 12] [--without-ppo]

*On* is a run with all of it, *off* one with nothing; they take turns in one process, so what else the
machine does hits both alike, and what is told is the median of the pairs. PPO is SB3's on CartPole,
64 x 64, on one thread, which prints its tables; without a run it is the floor. Its processor time
counts all threads of the process, so none of ours can hide on another core.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import rltrack
from rltrack.capture.system import Machine

ON = {"console": "wrap", "provenance": True, "silent": True}
OFF = {"console": "off", "provenance": False, "disable_stats": True, "silent": True}


@contextlib.contextmanager
def run(settings: dict[str, Any], folder: Path) -> Iterator[rltrack.Run]:
    """A run; what is captured at its beginning is over when the block begins."""
    with rltrack.init(project="p", dir=folder, settings=settings) as made:
        time.sleep(0.5 if settings is ON else 0.0)
        yield made


def told(name: str, value: float, unit: str, bound: str = "") -> None:
    """One line of the table."""
    print(f"{name:48} {value:10.3f} {unit:8} {bound}", file=sys.__stdout__, flush=True)


def log_of_ten(folder: Path, pairs: int) -> None:
    """What a row of ten numbers takes with and without."""
    row = {f"train/metric_{number}": number * 0.5 for number in range(10)}

    def cost(settings: dict[str, Any]) -> float:
        with run(settings, folder) as made:
            taken = []
            for _ in range(20):
                begun = time.perf_counter()
                for _ in range(500):
                    made.log(row)
                taken.append((time.perf_counter() - begun) / 500)
        return statistics.median(taken) * 1e6

    found = [(cost(OFF), cost(ON)) for _ in range(pairs)]
    told("log of 10 floats, nothing captured", statistics.median(off for off, _ in found), "us")
    told("log of 10 floats, everything captured", statistics.median(on for _, on in found), "us")
    told(
        "  ratio", statistics.median(on / off for off, on in found), "x", "(1: captured beside it)"
    )


def prints(folder: Path, pairs: int) -> None:
    """What a print takes with and without."""

    def cost(settings: dict[str, Any]) -> float:
        with run(settings, folder):
            taken = []
            for _ in range(20):
                begun = time.perf_counter()
                for number in range(200):
                    print("loss", number, flush=True)
                taken.append((time.perf_counter() - begun) / 200)
                time.sleep(0.01)
        return statistics.median(taken) * 1e6

    found = [(cost(OFF), cost(ON)) for _ in range(pairs)]
    told("print of a line, nothing captured", statistics.median(off for off, _ in found), "us")
    told("print of a line, everything captured", statistics.median(on for _, on in found), "us")


def finish(folder: Path, pairs: int) -> None:
    """What the end of a run takes that captured everything."""
    taken = []
    for _ in range(2 * pairs):
        made = rltrack.init(project="p", dir=folder, settings=ON)
        for number in range(200):
            made.log({"a": number})
            print("line", number)
        begun = time.perf_counter()
        made.finish()
        taken.append((time.perf_counter() - begun) * 1e3)
    told("finish, median", statistics.median(taken), "ms", "(bound 50)")
    told("finish, worst", max(taken), "ms", "(bound 50)")


def samples(folder: Path) -> None:
    """What a sample takes of a processor, beside many threads."""
    goes_on = threading.Event()
    threads = [threading.Thread(target=goes_on.wait) for _ in range(50)]
    for thread in threads:
        thread.start()
    machine = Machine([str(folder)])
    taken = []
    for _ in range(100):
        begun = time.thread_time()
        machine.sample()
        taken.append(time.thread_time() - begun)
    goes_on.set()
    cost = statistics.median(taken)
    told("a sample of the machine, beside 50 threads", cost * 1e3, "ms")
    told("  each 10 s, of one core", 100 * cost / 10, "%", "(bound 0.2)")


def idle(folder: Path) -> None:
    """What all threads of a run take of a processor while the program does nothing."""

    def share(settings: dict[str, Any]) -> float:
        with run(settings, folder):
            begun = time.process_time()
            time.sleep(21)  # two samples, and all that goes on between
            return 100 * (time.process_time() - begun) / 21

    off, on = share(OFF), share(ON)
    told("all threads of an idle run, nothing captured", off, "%")
    told("all threads of an idle run, everything captured", on, "%", "(bound 0.2)")


def ppo(folder: Path, pairs: int) -> None:
    """What a training takes with and without."""
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(1)
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=1024, seed=0, device="cpu", verbose=1)

    def learn() -> tuple[float, float]:
        wall, processor = time.perf_counter(), time.process_time()
        model.learn(2048, reset_num_timesteps=False)
        return time.perf_counter() - wall, time.process_time() - processor

    def recorded() -> tuple[float, float]:
        with run(ON, folder):
            return learn()

    learn()
    ways: list[Callable[[], tuple[float, float]]] = [learn, recorded]
    found = []
    for number in range(4 * pairs):
        first, second = ways[number % 2], ways[1 - number % 2]  # who is first changes
        one, two = first(), second()
        found.append((one, two) if number % 2 == 0 else (two, one))
    for index, name in enumerate(("wall", "processor")):
        ratios = [100 * (on[index] / off[index] - 1) for off, on in found]
        told(
            f"PPO 64 x 64: what capture adds, {name} time",
            statistics.median(ratios),
            "%",
            "(bound 1)",
        )
        quarters = statistics.quantiles(ratios, n=4)
        told("  half of the pairs lie within", quarters[0], f"to {quarters[2]:.2f} %")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--without-ppo", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        open(os.devnull, "w", encoding="utf-8") as shown,
        contextlib.redirect_stdout(shown),
    ):
        folder = Path(name)
        log_of_ten(folder, options.pairs)
        prints(folder, options.pairs)
        finish(folder, options.pairs)
        samples(folder)
        idle(folder)
        if not options.without_ppo:
            ppo(folder, options.pairs)


if __name__ == "__main__":
    main()
