"""What `sync_tensorboard` costs the caller of `add_scalar`, beyond the writer's own time.

    python tests/benchmarks/tensorboard_sync.py [--turns 200]

The writer with and without take turns of a hundred calls over ten tags in one process, so what
else the machine does hits both alike; between the turns the writer's own thread gets to its end.
A turn gives the median of its calls, and two turns side by side a difference: the figure is the
median of these. W&B's sync, where it works, is measured by the same turns in a process of its
own: there the turns without come first, since its patch stays. It reads the files in another
process, so the caller pays little; the last table shows when that work is done instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rltrack

TURN = 100
TAGS = [f"charts/metric_{index}" for index in range(10)]
BOUND_US = 5.0


def torch_writer(folder: str) -> Any:
    """What most scripts use."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, max_queue=2 * TURN)


def tensorboardx_writer(folder: str) -> Any:
    """The other one."""
    from tensorboardX import SummaryWriter

    return SummaryWriter(folder, max_queue=2 * TURN)


WRITERS: dict[str, Callable[[str], Any]] = {
    "torch": torch_writer,
    "tensorboardX": tensorboardx_writer,
}


def turn(writer: Any, start: int) -> float:
    """Median nanoseconds of a call."""
    clock = time.perf_counter_ns
    times = []
    for step in range(start, start + TURN):
        tag, value = TAGS[step % len(TAGS)], 1 / (step + 1)
        begin = clock()
        writer.add_scalar(tag, value, step)
        times.append(clock() - begin)
    writer.flush()
    return statistics.median(times)


def measure(name: str, turns: int, folder: str) -> float:
    """Microseconds that are added to a call of one writer; printed."""
    from rltrack.hooks import _tensorboard_tap as tap

    writer = WRITERS[name](os.path.join(folder, name))
    run = rltrack.init(
        project="benchmark",
        dir=os.path.join(folder, "runs"),
        sync_tensorboard=True,
        settings={"silent": True},
    )
    (listener,) = tap.listeners()
    without, with_it = [], []
    for number in range(turns + 4):
        tap.leave(listener)
        plain = turn(writer, TURN * number)
        tap.listen(listener)
        synced = turn(writer, TURN * number)
        if number >= 4:
            without.append(plain / 1000)
            with_it.append(synced / 1000)
    start = time.perf_counter()
    run.finish()
    finish_ms = 1000 * (time.perf_counter() - start)
    writer.close()
    added = statistics.median(b - a for a, b in zip(without, with_it, strict=True))
    verdict = "holds" if added <= BOUND_US else "MISSED"
    print(
        f"  {name}: {statistics.median(without):.1f} µs a call, with the hook "
        f"{statistics.median(with_it):.1f} µs; added {added:.2f} µs "
        f"(bound ≤ {BOUND_US:g} µs: {verdict}), ratio "
        f"{statistics.median(with_it) / statistics.median(without):.2f}; finish took "
        f"{finish_ms:.0f} ms"
    )
    return added


def measure_wandb(turns: int, folder: str) -> None:
    """In a process of its own: print what W&B's sync adds, and what its finish takes."""
    os.environ |= {"WANDB_SILENT": "true", "WANDB_MODE": "offline"}
    import wandb

    plain = torch_writer(os.path.join(folder, "plain"))
    without = [turn(plain, TURN * number) for number in range(turns)]
    plain.close()
    run = wandb.init(project="benchmark", dir=folder, mode="offline", sync_tensorboard=True)
    writer = torch_writer(os.path.join(folder, "synced"))
    with_it = [turn(writer, TURN * number) for number in range(turns)]
    writer.close()
    start = time.perf_counter()
    run.finish()
    finish_s = time.perf_counter() - start
    added_us = (statistics.median(with_it) - statistics.median(without)) / 1000
    print("\n" + json.dumps([added_us, finish_s]), flush=True)


def main() -> None:
    """Measure, and print what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        if options.peer:
            measure_wandb(options.turns, folder)
            return
        print(f"add_scalar, {options.turns} pairs of {TURN} calls")
        added = {name: measure(name, options.turns, folder) for name in WRITERS}
    command = [sys.executable, str(Path(__file__)), "--peer", "--turns", str(options.turns)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        print("W&B's sync is not installed here, or does not work")
        return
    wandb_us, finish_s = json.loads(done.stdout.splitlines()[-1])
    ratio = f"rltrack's is {added['torch'] / wandb_us:.1f} x that" if wandb_us > 0 else "noise"
    print(
        f"  W&B, torch: added {wandb_us:.2f} µs on the caller ({ratio}), which reads the files in "
        f"another process instead; finish took {finish_s:.1f} s"
    )


if __name__ == "__main__":
    main()
