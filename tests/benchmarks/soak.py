"""Whether a run can go on for hours: rows at a steady rate, and the memory that the process has.

    python tests/benchmarks/soak.py [--minutes 60] [--rate 200] [--console wrap]

Everything is on: the console, with a bar that moves and a line a second, samples of the machine, and
provenance; each row has ten numbers. A line a minute tells memory and what `log` costs; at the end
all rows are read back and counted. Memory must not grow with the number of rows: what is told as
growth is that since a tenth of the time has passed, by when all has been loaded that ever is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import rltrack

#: What an hour may add to the memory of the process.
MOST_GROWTH_MB = 5.0


def resident_mb() -> float:
    """Memory of this process."""
    words = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def folder_mb(folder: Path) -> float:
    """What a run takes on disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*")) / (1 << 20)


def soak(minutes: float, rate: int, console: str, root: Path) -> None:
    """Log at a rate for some minutes."""
    settings = {"console": console, "stats_interval_s": 10.0, "silent": True}
    run = rltrack.init(project="soak", id="soak", dir=root, settings=settings)
    assert run.folder is not None
    told = sys.__stderr__  # beside the console that is recorded
    print("  minute     rows  memory MB  disk MB  log p50 us  p99 us  max ms  threads", file=told)
    begun = time.monotonic()
    end = begun + 60 * minutes
    tell_at, step, costs, memory = begun, 0, [0.0], []
    while (now := time.monotonic()) < end:
        if now >= tell_at:
            memory.append((now - begun, resident_mb()))
            costs.sort()
            print(
                f"{(now - begun) / 60:8.1f} {step:8,} {memory[-1][1]:10.1f} "
                f"{folder_mb(run.folder):8.1f} {statistics.median(costs) * 1e6:11.1f} "
                f"{costs[int(len(costs) * 0.99)] * 1e6:7.1f} {costs[-1] * 1e3:7.2f} "
                f"{threading.active_count():8}",
                file=told,
                flush=True,
            )
            costs = [0.0]
            tell_at += min(60.0, 6 * minutes)
        values = {f"train/metric_{number}": step * 0.5 + number for number in range(10)}
        before = time.perf_counter()
        run.log(values)
        costs.append(time.perf_counter() - before)
        step += 1
        print(f"\r{100 * (now - begun) / (end - begun):3.0f}%", end="", flush=step % 20 == 0)
        if step % rate == 0:
            print(f"\r{step:,} rows, loss {1 / step:.6f}", flush=True)
        time.sleep(max(0.0, begun + step / rate - time.monotonic()))
    last = resident_mb()
    before = time.perf_counter()
    run.finish()
    finish_ms = (time.perf_counter() - before) * 1e3
    early = next(mb for at, mb in memory if at >= 6 * minutes)
    found = rltrack.Api(root).run("soak/soak")
    rows = sum(1 for _ in found.scan_history(["train/metric_0"]))
    lines = sum(1 for _ in found.console_logs())
    samples = len(found.history(stream="system", pandas=False))
    print(f"finish     {finish_ms:8.1f} ms   (bound 50)", file=told)
    print(f"growth     {last - early:8.1f} MB   (bound {MOST_GROWTH_MB})", file=told)
    print(f"rows       {rows:8,} of {step:,}; lines {lines:,}; samples {samples:,}", file=told)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--console", default="wrap", choices=["wrap", "redirect", "off"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w", encoding="utf-8") as shown:
        sys.stdout = shown  # what is printed goes nowhere, and is recorded all the same
        try:
            soak(options.minutes, options.rate, options.console, Path(folder))
        finally:
            sys.stdout = sys.__stdout__


if __name__ == "__main__":
    main()
