"""What tables cost: to log, to stream, to ask.

    python tests/benchmarks/tables.py [--rows 10000000]

Against the floor of the same work in this run: PyArrow alone writing the same Parquet file, and
DuckDB alone asking it in a process that is there already.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import rltrack
from rltrack.server.run import Background

LOG_S = 1.5
ASK_MS = 300
FIRST_PAGE_MS = 500
REPEATS = 7


def columns(rows: int, first: int = 0) -> dict[str, Any]:
    """Ten columns of an evaluation: episodes of fifty envs."""
    rng = np.random.default_rng(first)
    envs = np.array([f"env-{number:02d}" for number in range(50)])
    return {
        "episode": np.arange(first, first + rows),
        "env": pa.array(envs[rng.integers(0, 50, rows)]),
        "seed": rng.integers(0, 10, rows),
        "return": rng.normal(size=rows),
        "length": rng.integers(1, 1000, rows),
        "truncated": rng.random(rows) < 0.5,
        "x": rng.random(rows),
        "y": rng.random(rows),
        "z": rng.random(rows),
        "w": rng.random(rows),
    }


def stream(rows: int) -> Iterator[pa.Table]:
    """The same, some at a time."""
    step = 100_000
    for first in range(0, rows, step):
        yield pa.table(columns(min(step, rows - first), first))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def line(what: str, found: str, bound: str = "") -> None:
    print(f"{what:58} {found:>16} {bound}")


def logging(folder: Path, rows: int = 1_000_000) -> None:
    """A table of a million rows: what the caller waits, and until the file is there."""
    data = columns(rows)
    frame = pd.DataFrame({**data, "env": data["env"].to_pandas()})
    ready = pa.table(data)
    floor = median(timed(lambda: pq.write_table(ready, folder / "floor.parquet")) for _ in range(3))
    calls, wholes = [], []
    for number in range(3):
        with rltrack.init(
            project="log", id=f"l{number}", dir=folder, settings={"silent": True, "console": "off"}
        ) as run:
            began = time.perf_counter()
            run.log({"t": rltrack.Table(dataframe=frame)})
            calls.append(time.perf_counter() - began)
            run.finish()
            wholes.append(time.perf_counter() - began)
    line("1 M x 10 DataFrame: Table() and log", f"{median(calls):.2f} s")
    whole = median(wholes)
    line("  until the file is there", f"{whole:.2f} s", f"(<= {LOG_S} s)")
    line("  PyArrow alone writes it", f"{floor:.2f} s", f"{whole / floor:.1f} x")
    cells = list(zip(*(ready.column(name).to_pylist() for name in data), strict=True))
    line("1 M rows as lists: Table()", f"{timed(lambda: rltrack.Table(list(data), cells)):.2f} s")
    table = rltrack.Table(list(data))
    some = cells[: rows // 10]
    began = time.perf_counter()
    for row in some:
        table.add_data(*row)
    took = time.perf_counter() - began
    line("add_data, a row of ten", f"{took / len(some) * 1e6:.2f} us")


def streaming(folder: Path, rows: int) -> None:
    """The memory of a process that logs a table of a stream, beyond one that logs none."""
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[2]), str(Path(__file__).parent)]!r}
import rltrack
from pathlib import Path
from tables import stream
def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
with rltrack.init(project="big", id="b", dir={str(folder)!r}, settings={{"silent": True}}) as run:
    run.log({{"t": rltrack.Table(data=stream(200_000))}})
    before = peak()
    run.log({{"t": rltrack.Table(data=stream({rows}))}})
print((peak() - before) / 1024)
"""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line(
        f"{rows / 1e6:g} M x 10 streamed: memory beyond that of 0.2 M",
        f"{float(done.stdout.split()[-1]):.0f} MiB",
        f"in {time.perf_counter() - began:.1f} s",
    )


def asking(folder: Path) -> None:
    """The server's answers, from the request to the JSON."""
    (file,) = sorted((folder / "big" / "b" / "media" / "table").glob("*_1_*.parquet"))
    body = {
        "key": "t",
        "runs": ["b"],
        "filter": [{"column": "truncated", "value": True}, "x < 0.9"],
        "group": ["env", "seed"],
        "aggregates": [{"column": "return", "fn": "mean", "as": "mean"}],
        "sort": ["-mean"],
        "limit": 50,
    }
    alone = (
        'SELECT env, seed, count(*), avg("return") AS mean FROM read_parquet(?) '
        "WHERE truncated AND x < 0.9 GROUP BY env, seed ORDER BY mean DESC LIMIT 50"
    )
    connection = duckdb.connect()
    floor = [
        timed(lambda: connection.execute(alone, [str(file)]).fetchall()) for _ in range(REPEATS)
    ]
    with Background(folder, port=0) as server, httpx.Client(base_url=server.url) as client:

        def ask(question: dict[str, Any]) -> float:
            answer = client.post("/api/projects/big/tables/query", json=question, timeout=60)
            assert answer.status_code == 200, answer.text
            json.loads(answer.content)
            return answer.elapsed.total_seconds()

        line("first question of a server", f"{ask(body) * 1e3:.0f} ms")
        questions = {
            "filter + group + sort": (body, ASK_MS),
            "filter + sort, a page of rows": (
                {"key": "t", "filter": "x < 0.5", "sort": ["-return", "env"], "limit": 100},
                ASK_MS,
            ),
            "a page of rows": ({"key": "t", "limit": 100}, FIRST_PAGE_MS),
        }
        for name, (question, bound) in questions.items():
            times = []
            for _ in range(REPEATS):
                time.sleep(1.0)  # as long as somebody looks at a page
                times.append(ask(question))
            line(name, f"{median(times) * 1e3:.0f} ms", f"(<= {bound} ms)")
    line("  DuckDB alone: filter + group + sort", f"{median(floor) * 1e3:.0f} ms")


#: In the page: from the click on the tab to the first row with its cells.
_FIRST_ROW = """
() => new Promise((found) => {
    const began = performance.now();
    const look = () => {
        const cell = document.querySelector('[data-testid="table-row"] [role="gridcell"] span[title]');
        if (cell) requestAnimationFrame(() => found(performance.now() - began));
        else requestAnimationFrame(look);
    };
    document.querySelector('[data-testid="tab-tables"]').click();
    look();
})
"""
#: From a click on a column's name to the greatest row of all.
_SORTED = """
() => new Promise((found) => {
    const first = () => document.querySelector('[data-row="0"]')?.innerText;
    const before = first();
    const began = performance.now();
    const look = () => {
        if (first() && first() !== before) requestAnimationFrame(() => found(performance.now() - began));
        else requestAnimationFrame(look);
    };
    document.querySelector('[data-column="return"] .name').click();
    look();
})
"""


def seen(folder: Path, rows: int) -> None:
    """What a person waits for in the browser."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        line("in the browser", "no chromium")
        return
    firsts, sorts = [], []
    with Background(folder, port=0) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(REPEATS):
            page = browser.new_page()
            page.goto(f"{server.url}/p/big/r/b?tab=config")
            page.get_by_test_id("tab-tables").wait_for()
            time.sleep(2.0)  # as long as it takes to look at the page and to find the tab
            firsts.append(page.evaluate(_FIRST_ROW))
            time.sleep(2.0)
            sorts.append(page.evaluate(_SORTED))
            page.close()
        browser.close()
    told = f"first page of {rows / 1e6:g} M rows in the browser"
    line(told, f"{median(firsts):.0f} ms", f"(<= {FIRST_PAGE_MS} ms)")
    line("  sorted by a click", f"{median(sorts):.0f} ms")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="rltrack-tables-") as name:
        folder = Path(name)
        logging(folder)
        streaming(folder, rows)
        asking(folder)
        seen(folder, rows)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"processor time of this process: {used.ru_utime + used.ru_stime:.1f} s")


if __name__ == "__main__":
    main()
