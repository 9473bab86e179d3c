"""What a call of `log` costs: against the least that writing a row can cost, and against peers.

    python tests/benchmarks/log.py [--rows 1000000]

The floor is what no tracker that is durable on return can go far below: msgspec encodes
(step, time, values) as msgpack, and one `os.write` appends it to a file. Floor and `log` take
turns of a hundred calls in one process, so what else the machine does hits both alike. Peers,
where they are installed, take the same rows in a process of their own, without a network.

Each call is timed by itself, and the cost of reading the clock is taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

import rltrack

TURN = 100

Row = dict[str, object]
Log = Callable[[Row], object]


def rows(keys: int, number: Callable[[float], object] = float) -> Iterator[Row]:
    """Rows like those of a training, each with other values."""
    names = [f"train/metric_{index}" for index in range(keys)]
    step = 0
    while True:
        step += 1
        yield {name: number(1 / (step + index)) for index, name in enumerate(names)}


def clock_ns() -> int:
    """What it takes to read the clock twice."""
    clock = time.perf_counter_ns
    return int(statistics.median(-(clock() - clock()) for _ in range(10_000)))


def turn(log: Log, source: Iterator[Row], calls: int = TURN) -> list[int]:
    """Nanoseconds of each of some calls."""
    clock = time.perf_counter_ns
    batch = [next(source) for _ in range(calls)]
    times = []
    for row in batch:
        start = clock()
        log(row)
        times.append(clock() - start)
    return times


def compare(
    logs: Mapping[str, Log], turns: int, make_rows: Callable[[], Iterator[Row]]
) -> dict[str, list[int]]:
    """Nanoseconds of each call of each contender, in turns; the first of each warm it up."""
    sources = {name: make_rows() for name in logs}
    off = clock_ns()
    times: dict[str, list[int]] = {name: [] for name in logs}
    for number in range(-2, turns):
        for name, log in logs.items():
            taken = turn(log, sources[name])
            if number >= 0:
                times[name] += [max(0, ns - off) for ns in taken]
    return times


@contextmanager
def floor(folder: Path) -> Iterator[Log]:
    """Encode and write, and nothing else."""
    fd = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    encode = msgspec.msgpack.Encoder().encode
    step = 0

    def log(row: Row) -> None:
        nonlocal step
        os.write(fd, encode((step, time.time_ns(), row)))
        step += 1

    yield log
    os.close(fd)


@contextmanager
def ours(folder: Path) -> Iterator[Log]:
    """A run of rltrack."""
    with rltrack.init(project="benchmark", dir=folder, settings={"silent": True}) as run:
        yield run.log


@contextmanager
def busy_thread() -> Iterator[None]:
    """A thread that keeps the interpreter, as an env in Python does."""
    stop = False

    def spin() -> None:
        count = 0
        while not stop:
            count += 1

    thread = threading.Thread(target=spin)
    thread.start()
    yield
    stop = True
    thread.join()


# -- peers ---------------------------------------------------------------------------------


def wandb_log(folder: Path) -> Log:
    """W&B, offline."""
    os.environ |= {"WANDB_SILENT": "true", "WANDB_MODE": "offline"}
    import wandb

    run = wandb.init(project="benchmark", dir=str(folder), mode="offline")
    log: Log = run.log
    return log


def trackio_log(folder: Path) -> Log:
    """Trackio, into a local folder."""
    os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    import trackio

    trackio.init(project="benchmark")
    log: Log = trackio.log
    return log


PEERS: dict[str, Callable[[Path], Log]] = {"wandb": wandb_log, "trackio": trackio_log}


def measure_peer(name: str) -> None:
    """In a process of its own: print the nanoseconds of each call."""
    with tempfile.TemporaryDirectory() as folder:
        log = PEERS[name](Path(folder))
        times = compare({name: log}, 20, lambda: rows(10))
        print("\n" + json.dumps(times[name]), flush=True)
        os._exit(0)  # its uploads and servers are not what is measured


def peer_times(name: str) -> list[int] | None:
    """Nanoseconds of each call of a peer; None if it is not installed, or does not work."""
    command = [sys.executable, __file__, "--peer", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        return None
    times: list[int] = json.loads(done.stdout.splitlines()[-1])
    return times


# -- the table -----------------------------------------------------------------------------


def line(what: str, times: Sequence[int], remark: str = "") -> None:
    """One line of the table."""
    ordered = sorted(times)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    figures = "".join(f"{ns / 1000:10.2f}" for ns in (p50, p99, statistics.fmean(times)))
    print(f"{what:<42}{figures}   {remark}", flush=True)


def p50(times: Sequence[int]) -> float:
    """The median call."""
    return statistics.median(times)


def verdict(ratio: float, bound: float, words: str, *, at_most: bool) -> str:
    """A ratio beside its bound."""
    holds = ratio <= bound if at_most else ratio >= bound
    sign = "≤" if at_most else "≥"
    return f"{ratio:.2f} {words} (bound {sign} {bound:g}: {'holds' if holds else 'MISSED'})"


def memory_kib() -> tuple[int, int]:
    """Resident memory of this process: all of it, and what is no page of a file."""
    fields = dict(
        text.split(":", 1)
        for text in Path("/proc/self/status").read_text().splitlines()
        if ":" in text
    )
    return int(fields["VmRSS"].split()[0]), int(fields["RssAnon"].split()[0])


def measure_costs(folder: Path) -> None:
    """Every figure but that of memory."""
    print(f"{'microseconds a call':<42}{'p50':>10}{'p99':>10}{'mean':>10}")
    with floor(folder) as write, ours(folder) as log:
        times = compare({"floor": write, "rltrack": log}, 300, lambda: rows(10))
        ratio = p50(times["rltrack"]) / p50(times["floor"])
        line("floor: encode + os.write, 10 floats", times["floor"])
        line("rltrack, 10 floats", times["rltrack"], verdict(ratio, 1.5, "x floor", at_most=True))
        mine = p50(times["rltrack"])

        for name, bound in (("wandb", 30), ("trackio", 10)):
            if (peer := peer_times(name)) is None:
                print(f"{name} is not installed here, or does not work")
                continue
            line(
                f"{name}, 10 floats",
                peer,
                verdict(p50(peer) / mine, bound, "x rltrack", at_most=False),
            )

        with busy_thread():
            times = compare({"rltrack": log}, 100, lambda: rows(10))
            mean_us = statistics.fmean(times["rltrack"]) / 1000
            line(
                "rltrack, 10 floats, beside a busy thread",
                times["rltrack"],
                verdict(mean_us, 10, "µs mean", at_most=True),
            )
            times = compare({"floor": write}, 20, lambda: rows(10))
            line("floor, the same", times["floor"], "os.write lets go of the interpreter")

        times = compare({"floor": write, "rltrack": log}, 50, lambda: rows(100))
        line("floor, 100 floats", times["floor"])
        line("rltrack, 100 floats", times["rltrack"])
        times = compare({"rltrack": log}, 50, lambda: rows(10, np.float32))
        line("rltrack, 10 NumPy float32", times["rltrack"])
        times = compare({"rltrack": lambda row: log({**row, "text": "x"})}, 20, lambda: rows(10))
        line("rltrack, 10 floats and a text", times["rltrack"])


def measure_memory(folder: Path, count: int) -> None:
    """Memory before and after many rows."""
    with ours(folder) as log:
        source = rows(10)
        for _ in range(count // 10):
            log(next(source))
        before = memory_kib()
        start = time.perf_counter()
        for _ in range(count):
            log(next(source))
        seconds = time.perf_counter() - start
        after = memory_kib()
    print(
        f"\n{count:,} rows of 10 floats in {seconds:.1f} s: memory {before[0] / 1024:.1f} MiB before, "
        f"{after[0] / 1024:.1f} MiB after (not of files: {before[1] / 1024:.1f}, {after[1] / 1024:.1f})"
    )


def main() -> None:
    """Measure, and print what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the test of memory")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        measure_peer(arguments.peer)
    with tempfile.TemporaryDirectory() as folder:
        measure_costs(Path(folder))
        measure_memory(Path(folder), arguments.rows)


if __name__ == "__main__":
    main()
