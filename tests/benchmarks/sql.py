"""What `rltrack sql` costs over what DuckDB takes for the same Parquet files.

    python tests/benchmarks/sql.py [points per run and key, default 100000]

Ten runs of ten metrics, sealed. The floor is a fresh Python that imports DuckDB and PyArrow, and
asks the same question of the same files; both are whole processes or wait for one.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import rltrack
from rltrack.store.project import Project
from rltrack.store.sql import query

RUNS, KEYS, ROUNDS = 10, 10, 7
QUESTIONS = {
    "runs": "select count(*) from runs",
    "one metric": "select run_id, avg(value), max(value) from points where key = 'k3' group by 1",
    "all points": "select run_id, key, avg(value), max(value) from points group by 1, 2",
    "one run": "select * from points where run_id = 'r3' and key = 'k2' and step between 10 and 20",
}
FLOOR = """
import sys, duckdb, pyarrow
files, question = sys.argv[1], sys.argv[2]
duckdb.sql(f"create view points as select split_part(filename, '/', -3) as run_id, key, step, value "
           f"from read_parquet('{files}', filename = true)")
duckdb.sql("create view runs as select 1")
print(duckdb.sql(question).to_arrow_table().num_rows)
"""


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        os.environ["RLTRACK_CACHE_DIR"] = str(Path(folder) / "cache")
        for number in range(RUNS):
            with rltrack.init(
                project="p", id=f"r{number}", dir=root, settings={"silent": True}
            ) as run:
                for step in range(points):
                    run.log({f"k{key}": step * key / 7 for key in range(KEYS)})
        project = Project(root, "p")
        project.refresh()
        for listed in project.runs():
            listed.open().seal()
        print(f"{RUNS * KEYS * points:,} points, median of {ROUNDS}, ms")
        for name, text in QUESTIONS.items():
            files = str(root / "p" / "*" / "segments" / "history-0*.parquet")
            ours = median(partial(ask, project, text))
            floor = median(partial(bare, files, text))
            print(f"{name:12} {ours:8.0f}  bare DuckDB {floor:8.0f}  ratio {ours / floor:.2f}")


def ask(project: Project, text: str) -> None:
    with query(project.runs(), text) as answer:
        answer.table()


def bare(files: str, text: str) -> None:
    subprocess.run([sys.executable, "-c", FLOOR, files, text], check=True, capture_output=True)


def median(work: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
