"""What it takes to list runs: filter, sort and page of a large table, and a folder of many runs.

    python tests/benchmarks/catalog.py [--runs 10000]

The table has 50 keys a run, half of them config, half summary. Beside it, in the same process and on
the same runs, SQLite answers the same question from JSON. The folder holds finished runs that were
made by `rltrack.init`, `log` and `finish`; its catalog is warm, the process is new.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sqlite3
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
from rltrack.server.search import Search
from rltrack.server.sight import EVERYTHING
from rltrack.store.project import Catalog
from rltrack.store.query import compile_filters, orders_of
from rltrack.store.run import RunDigest
from rltrack.store.table import RunTable

FILTER = "config.lr < 0.005 and config.optimizer = adam"
ORDER = "-summary.loss"


def digests(count: int) -> list[RunDigest]:
    """Runs of a large search, with 50 keys each."""
    random = np.random.default_rng(0)
    lr, loss = 10 ** random.uniform(-5, -1, count), random.normal(size=count)
    others = random.normal(size=(count, 48)).tolist()
    optimizers = random.choice(["adam", "sgd", "rmsprop"], count).tolist()
    found = []
    for at in range(count):
        config = {f"c{key}": others[at][key] for key in range(23)}
        summary = {f"s{key}": others[at][key + 24] for key in range(24)}
        found.append(
            RunDigest(
                id=f"r{at}",
                project="p",
                name=f"run {at}",
                state="finished",
                created_at=float(at),
                ended_at=at + 1.0,
                heartbeat_at=at + 1.0,
                host="h",
                group=None,
                job_type=None,
                tags=(),
                notes=None,
                last_step=9,
                row_count=10,
                lost_rows=0,
                damage=(),
                config=config | {"lr": float(lr[at]), "optimizer": optimizers[at]},
                summary=summary | {"loss": float(loss[at])},
                aggregates={},
                axes={},
            )
        )
    return found


def median_ms(work: Callable[[], object], times: int = 11) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(taken)


def tables(count: int, bound: str) -> None:
    """Filter, sort and page, against SQLite."""
    runs = digests(count)
    table = RunTable(runs)

    def ours() -> list[str]:
        places = table.query(compile_filters(FILTER), orders_of(ORDER))[:50]
        return [table.runs[at].id for at in places.tolist()]

    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE runs (id TEXT, config TEXT, summary TEXT)")
    database.executemany(
        "INSERT INTO runs VALUES (?, ?, ?)",
        [(run.id, json.dumps(run.config), json.dumps(run.summary)) for run in runs],
    )
    sql = (
        "SELECT id FROM runs WHERE config ->> '$.lr' < 0.005 AND config ->> '$.optimizer' = 'adam' "
        "ORDER BY summary ->> '$.loss' DESC LIMIT 50"
    )
    begun = time.perf_counter()
    first_answer = ours()
    first = (time.perf_counter() - begun) * 1e3
    assert [one for (one,) in database.execute(sql)] == first_answer
    warm = median_ms(ours)
    peer = median_ms(lambda: database.execute(sql).fetchall(), 5)
    print(
        f"{count:,} runs x 50 keys: filter two, sort, page of 50  {warm:6.2f} ms  {bound}   "
        f"first time {first:.0f} ms; SQLite on JSON {peer:.0f} ms, {peer / warm:.0f} x"
    )
    changed = runs[count // 2]

    def change() -> None:
        table.put(changed)
        ours()

    print(f"  after one run changed                                {median_ms(change):6.2f} ms")


LIST = """
import sys, time
import rltrack.api
begun = time.perf_counter()
runs = rltrack.Api(sys.argv[1]).runs("bench", order="-created_at")
page = [(run.name, run.state, run.summary) for run in runs[:50]]
print((time.perf_counter() - begun) * 1e3, len(runs))
"""


def folder(count: int) -> None:
    """A folder of finished runs, opened by a new process."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "runs"
        environment = os.environ | {"RLTRACK_CACHE_DIR": str(Path(temporary) / "cache")}
        quiet: dict[str, Any] = {"silent": True, "provenance": False}
        for number in range(count):
            config = {f"c{key}": number / (key + 1) for key in range(40)}
            with rltrack.init(project="bench", dir=str(root), config=config, settings=quiet) as run:
                run.log({f"s{key}": number * key for key in range(10)})

        def listed() -> float:
            answer = subprocess.run(
                [sys.executable, "-c", LIST, str(root)],
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
            taken, found = answer.stdout.split()
            assert int(found) == count
            return float(taken)

        cold = listed()
        warm = statistics.median(listed() for _ in range(5))
        print(
            f"open a folder of {count:,} finished runs, page of 50       {warm:6.0f} ms  <= 300 ms   "
            f"without a catalog {cold:.0f} ms, {cold / warm:.0f} x"
        )

        searches(root, count, str(Path(temporary) / "cache"))


def searches(root: Path, count: int, cache: str) -> None:
    """The box that finds everything, with each key that is pressed."""
    os.environ["RLTRACK_CACHE_DIR"] = cache
    search = Search(Catalog(root), look_s=math.inf)
    begun = time.perf_counter()
    search.find("", EVERYTHING, "bench")
    first = (time.perf_counter() - begun) * 1e3
    for words in ("e", "bold", "c3=2", "qzx"):
        taken = median_ms(partial(search.find, words, EVERYTHING, "bench"))
        print(
            f"search {count:,} runs for {words!r:8}                         {taken:6.1f} ms  <= 50 ms"
        )
    print(f"  the first time, when all runs are read               {first:6.0f} ms")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000, help="in the folder")
    options = parser.parse_args()
    tables(10_000, "<= 20 ms ")
    tables(100_000, "<= 100 ms")
    folder(options.runs)


if __name__ == "__main__":
    main()
