"""What it takes to read runs of any length: ingest, disk, charts, exact histories, live rows.

    python tests/benchmarks/store.py [--points 10000000] [--large 100000000] [--only ingest charts …]

The generator below writes runs through `rltrack.init` and `log`, in ten kinds of metrics: losses and
returns as torch and SB3 give them (float32), counters, rates, noise of full precision. Each figure
is taken in a fresh process, after its imports; *cold* means that the run's files are dropped from
the page cache first (`posix_fadvise`), and that nothing was opened before. *Floors* and peers are
measured in the same run: a sequential read of the same bytes, NumPy's own pass over the values,
TensorBoard's EventAccumulator and trackio's reader on the same points.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import rltrack
from rltrack.folder import RunFolder
from rltrack.store.ingest import folder_bytes, ingest_run
from rltrack.store.run import RunReader

MIB = 2**20


def metrics(count: int, steps: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Rows of a training: `count` metrics, of which half are float32 and two are counters."""
    generator = np.random.default_rng(seed)
    chunk = 50_000
    for first in range(0, steps, chunk):
        at = np.arange(first, min(first + chunk, steps))
        columns: dict[str, list[Any]] = {}
        for number in range(count):
            noise = generator.normal(size=len(at))
            decay = np.exp(-3 * at / steps)
            if number % 5 == 4:
                columns[f"time/counter_{number}"] = (at * 8).tolist()
            elif number % 2:
                columns[f"train/metric_{number}"] = (
                    (decay + 0.1 * noise).astype(np.float32).tolist()
                )
            elif number % 4:
                columns[f"rollout/metric_{number}"] = np.round(200 + 50 * noise).tolist()
            else:
                columns[f"eval/metric_{number}"] = (decay + 0.1 * noise).tolist()
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))


def write_run(root: Path, run_id: str, count: int, steps: int, seed: int = 0) -> RunFolder:
    """A finished run of `steps` rows of `count` metrics; made once."""
    folder = RunFolder(root / "bench" / run_id)
    if not folder.run_json.exists():
        quiet = {"silent": True, "provenance": False}
        run = rltrack.init(project="bench", dir=str(root), id=run_id, settings=quiet)
        for row in metrics(count, steps, seed):
            run.log(row)
        run.finish()
    return folder


def read_all(folder: Path) -> int:
    """The bytes of a folder's files, as fast as they can be read."""
    return sum(len(path.read_bytes()) for path in folder.iterdir())


def drop_cache(root: Path) -> None:
    """Have the kernel forget the files below a folder."""
    for path in root.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def tell(what: str, seen: str, bound: str, beside: str = "") -> None:
    """A line of the table."""
    print(f"{what:<58} {seen:>22}   {bound:<14} {beside}", flush=True)


def touch_memory(gib: int = 2) -> None:
    """Take memory and give it back, so that what follows finds it there.

    A virtual machine gives memory that nobody used for a while back to its host, and gets it
    again page by page: ten times slower than memory that it has, whoever asks. In a process of its
    own, since a child's greatest memory begins with its parent's.
    """
    code = f"import numpy\nfor _ in range(2): [numpy.ones(1 << 27) for _ in range({gib})]"
    subprocess.run([sys.executable, "-c", code], check=True)


def in_fresh_process(task: str, *arguments: object) -> dict[str, Any]:
    """The answer of one of the tasks below, from a process that has opened nothing yet."""
    touch_memory()
    answer = subprocess.run(
        [sys.executable, __file__, "--task", task, *map(str, arguments)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


# -- ingest and disk -------------------------------------------------------------------------------


def ingest_task(path: str) -> dict[str, Any]:
    """Seal one run; seconds, and the memory that it took."""
    import pyarrow.parquet  # noqa: F401  # its import is no part of the figure

    folder = RunFolder(Path(path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    begun = time.perf_counter()
    done = ingest_run(RunReader(folder, may_seal=True))
    seconds = time.perf_counter() - begun
    assert done is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"seconds": seconds, "peak_mb": peak, "idle_mb": before}


def ingest_figures(root: Path) -> None:
    """Ingest and disk use."""
    for rows in (1_000_000, 5_000_000):
        folder = write_run(root, f"ingest-{rows}", 10, rows)
        shutil.rmtree(folder.segments, ignore_errors=True)
        floor = min(timed(functools.partial(read_all, folder.journal)) for _ in range(2))
        found = in_fresh_process("ingest", folder.path)
        bound = "<= 3 s" if rows == 1_000_000 else ""
        beside = f"{found['seconds'] / (floor / 1e3):.0f} x reading the bytes"
        tell(f"ingest of {rows:,} rows x 10", f"{found['seconds']:.2f} s", bound, beside)
        tell("  memory at its peak", f"{found['peak_mb']:.0f} MB", "< 300 MB")
        values = rows * 10
        journal, segments = folder_bytes(folder.journal), folder_bytes(folder.segments)
        tell(
            "  disk, journal + segments, bytes a scalar",
            f"{(journal + segments) / values:.2f}",
            "<= 17",
            f"{journal / values:.2f} + {segments / values:.2f}; 16 are a float and its step",
        )


# -- charts ----------------------------------------------------------------------------------------


def chart_task(root: str, key: str, buckets: str, *runs: str) -> dict[str, Any]:
    """One chart, cold and warm; milliseconds."""
    from rltrack.server.frame import encode_panels
    from rltrack.store.panel import panel

    readers: dict[str, RunReader | None] = {}

    def chart() -> bytes:
        for run in runs:
            if run not in readers:
                readers[run] = RunReader(RunFolder(Path(root) / "bench" / run))
            reader = readers[run]
            assert reader is not None
            reader.refresh()
        return encode_panels([(panel(readers, key, x="_step", buckets=int(buckets)), {})])

    cold = timed(chart)
    warm = [timed(chart) for _ in range(20)]
    return {"cold": cold, "warm": statistics.median(warm), "bytes": len(chart())}


def chart_figures(root: Path, points: int, large: int) -> None:
    """Charts of long runs, and of many."""
    seen = {}
    for length in (points, large):
        if not length:
            continue
        folder = write_run(root, f"long-{length}", 1, length)
        ingest_run(RunReader(folder, may_seal=True))
        drop_cache(folder.path)
        found = in_fresh_process("chart", root, "eval/metric_0", 1000, folder.path.name)
        seen[length] = found
        values = np.random.default_rng(0).normal(size=length)
        floor = timed(functools.partial(np.ptp, values))
        bound = "<= 100 ms" if length == points else "<= 2 x the above"
        what = f"1 metric x 1 run x {length:,} points -> 1000 buckets"
        tell(f"{what}, cold", f"{found['cold']:.1f} ms", bound, f"a pass in NumPy: {floor:.1f} ms")
        tell("  warm", f"{found['warm']:.2f} ms", "<= 10 ms")
    for number in range(100):
        folder = write_run(root, f"seed-{number}", 1, 100_000, seed=number)
        ingest_run(RunReader(folder, may_seal=True), least_bytes=0)
    runs = [f"seed-{number}" for number in range(100)]
    ask = functools.partial(in_fresh_process, "chart", root, "eval/metric_0", 300, *runs)
    found = sorted((ask() for _ in range(3)), key=lambda one: float(one["cold"]))[1]
    for run in runs:
        drop_cache(root / "bench" / run)
    from_disk = ask()
    tell(
        "1 metric x 100 runs x 100k points -> 300 buckets, cold process",
        f"{found['cold']:.1f} ms",
        "<= 100 ms",
        f"{from_disk['cold']:.1f} ms where the disk is read, too",
    )
    tell("  warm", f"{found['warm']:.1f} ms", "<= 30 ms")
    many_clients(root, runs)


def many_clients(root: Path, runs: list[str], clients: int = 8, asks: int = 10) -> None:
    """The same chart, from the real server, for several clients at once."""
    import httpx

    body = {"panels": [{"key": "eval/metric_0", "runs": runs, "buckets": 300, "x": "_step"}]}
    times: list[float] = []
    serve = "import sys; from pathlib import Path; from rltrack.server.run import serve\n"
    serve += (
        "serve(Path(sys.argv[1]), '127.0.0.1', 0, on_started=lambda url: print(url, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", serve, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = f"{process.stdout.readline().strip()}/api/projects/bench/series"

    def client() -> None:
        with httpx.Client(timeout=60) as session:
            times.extend(
                timed(lambda: session.post(url, json=body).raise_for_status()) for _ in range(asks)
            )

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    process.terminate()
    process.wait()
    tell(f"  p50 with {clients} clients at once", f"{statistics.median(times):.1f} ms", "<= 100 ms")


# -- exact histories -------------------------------------------------------------------------------


def history_task(root: str, run: str, key: str) -> dict[str, Any]:
    """A DataFrame of one metric; milliseconds, in a process that has read nothing yet."""
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    api = rltrack.Api(root)
    first = timed(lambda: api.run(f"bench/{run}").history(keys=[key]))
    again = timed(lambda: rltrack.Api(root).run(f"bench/{run}").history(keys=[key]))
    return {
        "first": first,
        "again": again,
        "rows": len(api.run(f"bench/{run}").history(keys=[key])),
    }


def tensorboard_task(folder: str) -> dict[str, Any]:
    """The same points from an event file."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read() -> None:
        events = EventAccumulator(folder, size_guidance={"scalars": 0})
        events.Reload()
        assert events.Scalars("loss")

    return {"ms": timed(read)}


def history_figures(root: Path) -> None:
    """One exact metric of a million points."""
    rows = 1_000_000
    folder = write_run(root, "history", 10, rows)
    ingest_run(RunReader(folder, may_seal=True))
    key = "eval/metric_0"
    seen = [in_fresh_process("history", root, "history", key) for _ in range(5)]
    found = sorted(seen, key=lambda one: float(one["first"]))[2]
    assert found["rows"] == rows
    tell(
        "history() of one metric, 1 M points, as DataFrame, median",
        f"{found['first']:.1f} ms",
        "<= 60 ms",
    )
    tell("  again, by another Api of the same process", f"{found['again']:.1f} ms", "<= 60 ms")
    count = 100_000
    with tempfile.TemporaryDirectory() as events:
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(events)
        for step in range(count):
            writer.add_scalar("loss", 1 / (step + 1), step)
        writer.close()
        peer = in_fresh_process("tensorboard", events)["ms"] * rows / count
        beside = f"measured on {count:,} points"
        tell(
            "  against TensorBoard's EventAccumulator",
            f"{peer / found['first']:.0f} x",
            ">= 10 x",
            beside,
        )
    try:
        peer = in_fresh_process("trackio", count)["ms"] * rows / count
        tell("  against trackio's reader", f"{peer / found['first']:.0f} x", ">= 10 x", beside)
    except subprocess.CalledProcessError:
        tell("  against trackio's reader", "not installed", ">= 10 x")


def trackio_task(count: str) -> dict[str, Any]:
    """The same points from trackio's database."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRACKIO_DIR"] = folder
        os.environ["HF_HUB_OFFLINE"] = "1"
        from trackio.sqlite_storage import SQLiteStorage

        steps = list(range(int(count)))
        SQLiteStorage.bulk_log("p", "r", [{"loss": 1 / (step + 1)} for step in steps], steps)

        def read() -> None:
            import pandas as pd

            logs = SQLiteStorage.get_logs("p", "r")
            assert len(pd.DataFrame(logs)) == int(count)

        return {"ms": timed(read)}


# -- live rows -------------------------------------------------------------------------------------


def live_figures(root: Path) -> None:
    """From `log` in one process to a reader in another."""
    code = (
        "import sys, time, rltrack\n"
        f"run = rltrack.init(project='live', dir={str(root)!r}, id='live', settings={{'silent': True}})\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    run.log({'logged_at': time.time()})\n"
    )
    shutil.rmtree(root / "live", ignore_errors=True)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    reader = RunReader(RunFolder(root / "live" / "live"))
    delays = []
    for count in range(1, 31):
        process.stdin.write("\n")
        process.stdin.flush()
        while True:
            reader.refresh()
            points = reader.points("logged_at")
            if points is not None and len(points) == count:
                delays.append((time.time() - float(points.numbers()[1][-1])) * 1e3)
                break
            time.sleep(0.1)  # as the server looks
    process.stdin.close()
    process.wait()
    seen = f"{statistics.median(delays):.0f}, max {max(delays):.0f} ms"
    tell("a row logged by a live process, seen by a reader", seen, "< 300 ms")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--large", type=int, default=0, help="100000000 needs 4 GB of disk")
    parser.add_argument("--only", nargs="*", default=["ingest", "charts", "history", "live"])
    parser.add_argument("--root", help="keep the runs here, for the next time")
    parser.add_argument("--task", nargs="*", help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if options.task:
        name, arguments = options.task[0], [*options.task[1:], *rest]
        print(json.dumps(globals()[f"{name}_task"](*arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(options.root or folder)
        if "ingest" in options.only:
            ingest_figures(root)
        if "charts" in options.only:
            chart_figures(root, options.points, options.large)
        if "history" in options.only:
            history_figures(root)
        if "live" in options.only:
            live_figures(root)


if __name__ == "__main__":
    main()
