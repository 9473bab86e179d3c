"""What logged media cost the caller, and what encoding them takes.

    python tests/benchmarks/media.py [--repeats 200]

The caller's cost is that of making the value and logging it, in turns of twenty calls, behind
which the workers encode them, as after an evaluation of twenty episodes; the floor beside it is a copy of the same bytes. wandb, where it
is installed, takes the same values in the same run, without a network. Encoding is timed on one
core, ffmpeg included: seconds of work for a second of video.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import rltrack

GENERATOR = np.random.default_rng(0)


def smooth(*shape: int) -> Any:
    """Frames that look like something: noise is not what codecs are made for."""
    *lead, height, width, channels = shape
    y, x = np.mgrid[:height, :width]
    picture = (np.sin(x / 17) + np.cos(y / 11) + 2) * 60
    frames = np.empty(shape, np.uint8)
    for at in range(int(np.prod(lead, dtype=int))):
        moved = np.roll(picture, at * 3, axis=1)[..., None] * np.linspace(0.5, 1, channels)
        frames.reshape(-1, height, width, channels)[at] = moved
    return frames


def micros(call: Callable[[], object], repeats: int, pause_s: float) -> float:
    """The median time of a call, in µs: of calls in turns of twenty, behind which the workers end."""
    times = []
    for at in range(-20, repeats):
        start = time.perf_counter_ns()
        call()
        taken = time.perf_counter_ns() - start
        if at >= 0:
            times.append(taken / 1e3)
        if at % 20 == 19:
            time.sleep(pause_s)
    return statistics.median(times)


def caller(folder: Path, repeats: int) -> None:
    """What `log` of each costs its caller."""
    image = GENERATOR.integers(0, 256, (256, 256, 3), np.uint8)
    video = smooth(50, 84, 84, 3)
    numbers = GENERATOR.normal(size=10_000)
    cases: list[tuple[str, float, Any, Callable[[Any, Any], object], float]] = [
        ("image 256x256x3", 60, image, lambda lib, it: lib.Image(it), 0.6),
        (
            "video 50x84x84x3",
            300,
            video,
            # The layout that both know.
            lambda lib, it: lib.Video(
                it.transpose(0, 3, 1, 2),
                **({"format": "mp4"} if lib is not rltrack else {}),
                fps=30,
            ),
            2.5,
        ),
        ("histogram of 10k", 150, numbers, lambda lib, it: lib.Histogram(it), 0.0),
    ]
    peers: list[tuple[str, Any, Any]] = []
    run = rltrack.init(project="benchmark", dir=folder, settings={"silent": True})
    try:
        os.environ["WANDB_SILENT"] = "true"
        import wandb

        peers.append(("wandb", wandb, wandb.init(mode="offline", dir=folder)))
    except ImportError:
        pass
    print(f"{'on the caller, median µs':28}{'copy':>8}{'rltrack':>10}{'bound':>8}{'wandb':>10}")
    for name, bound, data, make, pause_s in cases:
        floor = micros(data.copy, repeats, 0)
        ours = micros(partial(logged, run, make, rltrack, data), repeats, pause_s)
        line = f"{name:28}{floor:8.1f}{ours:10.1f}{bound:8.0f}"
        for _, library, their_run in peers:
            few = max(5, repeats // 10)
            theirs = micros(partial(logged, their_run, make, library, data), few, 0)
            line += f"{theirs:10.1f}"
        print(line)
    run.finish()
    for _, _, their_run in peers:
        their_run.finish()


def logged(run: Any, make: Callable[[Any, Any], object], library: Any, data: Any) -> None:
    """Make the value and log it."""
    run.log({"it": make(library, data)})


def encoding(folder: Path) -> None:
    """What a second of video takes to encode, on one core."""
    frames = smooth(180, 480, 640, 3)
    noisy = frames // 2 + GENERATOR.integers(0, 40, frames.shape, np.uint8)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name, clip in (("smooth", frames), ("noisy", noisy)):
        start, used = time.perf_counter(), cpu()
        rltrack.Video(clip, fps=60).encode(folder / "video.mp4")
        taken, work = time.perf_counter() - start, cpu() - used
        print(
            f"{name} 640x480: {len(clip) / taken:6.0f} frames/s of wall time, "
            f"{len(clip) / work:6.0f} of a core's (goal: 60)"
        )


def cpu() -> float:
    """Seconds of a core that this process and its children have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--encoding", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.encoding:
        encoding(options.encoding)
        return
    with tempfile.TemporaryDirectory() as name:
        caller(Path(name), options.repeats)
        # In a process of its own, since it keeps to one core.
        subprocess.run([sys.executable, __file__, "--encoding", name], check=True)


if __name__ == "__main__":
    main()
