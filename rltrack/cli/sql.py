"""`rltrack sql`: ask a project in SQL."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rltrack.cli.output import api_of, print_table, text
from rltrack.cli.parser import Commands
from rltrack.errors import QueryError, UsageError

if TYPE_CHECKING:
    from rltrack.store.sql import Answer

#: Rows of the table that is printed; a file takes them all.
_SHOWN: Final = 1000
_EPILOG: Final = """\
views (`rltrack sql "describe points"` lists columns and types):
  runs        a row a run: id, name, state, created_at, ended_at, duration_s, "group", job_type,
              tags, host, notes, last_step, row_count, config (JSON), summary (JSON), sweep
  aggregates  a row a run and metric: run_id, key, count, min, max, mean, last, min_step, max_step…
  points      a row a number: run_id, key, row, step, time, value, exact (ints beyond 2^53)
  system      the same of the machine's samples
  media       a row a logged file: run_id, key, step, time, kind, path, format, state…
  tables      those of them that are tables

examples:
  rltrack sql "select name, config->>'$.lr' lr, summary->>'$.loss' loss from runs order by loss"
  rltrack sql "select run_id, max(value) from points where key = 'return' group by run_id"
  rltrack sql "pivot points on key using avg(value) group by run_id" --csv
"""


def add_to(commands: Commands) -> None:
    """Add `sql`."""
    sql = commands.add("sql", _sql, "ask the runs of a project in SQL (DuckDB's)", over_http=True)
    sql.formatter_class = argparse.RawDescriptionHelpFormatter
    sql.epilog = _EPILOG
    sql.add_argument("query", help="one statement that reads; - reads it from the standard input")
    sql.add_argument("--project", help="the project (default: the only one)")
    form = sql.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list of rows")
    form.add_argument("--csv", action="store_true", help="print CSV")
    form.add_argument("--parquet", metavar="FILE", help="write a Parquet file")
    sql.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="seconds it may take (default: 60)"
    )


def _sql(options: argparse.Namespace) -> int:
    from rltrack.store.sql import Limits, chosen_project, query

    if not options.timeout > 0:
        raise UsageError(f"--timeout {options.timeout:g} must be more than 0 seconds")
    asked = sys.stdin.read() if options.query == "-" else options.query
    project = chosen_project(api_of(options)._catalog, options.project)
    project.refresh()
    with query(project.runs(), asked, Limits(timeout_s=options.timeout)) as answer:
        if options.parquet:
            _write_parquet(answer, Path(options.parquet))
        elif options.csv:
            _print_csv(answer)
        elif options.json:
            _print_json(answer)
        else:
            _print_table(answer)
    return 0


def _print_table(answer: Answer) -> None:
    if answer.schema.names == ["explain_key", "explain_value"]:
        for _, plan in _rows(answer):  # a drawing, of many lines
            print(plan)
        return
    rows: list[list[object]] = []
    count = 0
    for batch in answer:
        wanted = batch.slice(0, max(_SHOWN - count, 0))
        columns = [_plain(column) for column in wanted.columns]
        rows += ([_cell(value) for value in row] for row in zip(*columns, strict=True))
        count += batch.num_rows
    print_table(list(answer.schema.names), rows)
    if count > _SHOWN:
        print(f"… {count - _SHOWN:,} more rows; --csv, --json and --parquet FILE have them all")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)  # whole: people compare them
    nested = isinstance(value, (list, dict, bool))
    told = text(value) if nested else str(value)
    return told.replace("\r", "\\r").replace("\n", "\\n")


def _plain(column: Any) -> list[Any]:
    """The values of a column as Python's own; whole numbers are ints, however wide they were."""
    import decimal

    return [
        int(value) if isinstance(value, decimal.Decimal) and value == int(value) else value
        for value in column.to_pylist()
    ]


def _print_json(answer: Answer) -> None:
    from rltrack._values import finite

    names = answer.schema.names
    before = "[\n"
    for row in _rows(answer):
        one = finite(dict(zip(names, row, strict=True)))
        sys.stdout.write(f"{before}  {json.dumps(one, default=str)}")
        before = ",\n"
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def _rows(answer: Answer) -> Iterator[tuple[Any, ...]]:
    for batch in answer:
        yield from zip(*(_plain(column) for column in batch.columns), strict=True)


def _print_csv(answer: Answer) -> None:
    from rltrack.store.arrow import CsvWriter

    sys.stdout.flush()
    with CsvWriter(sys.stdout.buffer, answer.schema) as writer:
        for batch in answer:
            writer.write(batch)


def _write_parquet(answer: Answer, path: Path) -> None:
    """A file that is whole, or not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    rows = 0
    try:
        with pq.ParquetWriter(part, answer.schema, compression="zstd") as writer:
            for batch in answer:
                writer.write_batch(batch)
                rows += batch.num_rows
        os.replace(part, path)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as refusal:
        raise QueryError(
            f"the answer is not for Parquet ({refusal}); cast the column, or take --csv"
        ) from None
    except OSError as refusal:
        raise UsageError(f"--parquet {path}: {refusal.strerror or refusal}") from refusal
    finally:
        part.unlink(missing_ok=True)
    print(f"{path}: {rows:,} rows")
