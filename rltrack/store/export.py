"""The rows of a run as a file that others read: Parquet or CSV, and beside it its config as JSON.

    run.parquet     a row a row, a column a key: ints int64, floats double, bools bool; what was
                    not logged is null, and a NaN that was logged is NaN
    run.json        id, name, state, times, config, summary: the same is in the metadata of the
                    Parquet file, under ``rltrack``

A column of lists, references or values of several types is JSON, and its field says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rltrack._values import finite
from rltrack.errors import UsageError
from rltrack.extras import require
from rltrack.store.arrow import CsvWriter, clean, history_schema, history_tables, json_text
from rltrack.store.run import RunReader
from rltrack.store.whole_file import whole_file

Form = Literal["parquet", "csv"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A run that was exported."""

    project: str
    run_id: str
    file: str
    rows: int
    bytes: int


def export_run(run: RunReader, path: Path, form: Form, *, replace: bool = False) -> Exported:
    """Write the rows of a run to `path`, and what is said of it to a JSON file beside.

    Args:
        run: a live one is exported as far as it is.
        path: of the rows.
        form: of the rows.
        replace: take the place of files that are there.

    Raises:
        UsageError: a file is there, and `replace` is not set.
        StorageError: a file cannot be written.
        MissingExtraError: PyArrow is not installed.
    """
    about = path.with_suffix(".json")
    if about == path:
        raise UsageError(f"{path}: the rows go into a .{form} file; .json is for the config beside")
    if path.exists() and not replace:
        raise UsageError(f"{path} is there already; choose another name, or --force to replace it")
    was_held = run.nbytes > 0
    run.refresh()
    facts = _about(run)
    with whole_file(about, replace=replace) as part:  # first: rows without it are never seen
        text = json.dumps(finite(facts), indent=1, ensure_ascii=False, default=str)
        part.write_text(f"{clean(text)}\n", encoding="utf-8")
    with whole_file(path, replace=replace) as part:
        rows = _write_rows(run, part, form, facts)
    if not was_held:
        run.release()  # so that a project of any size can be exported
    return Exported(run.project, run.id, str(path), rows, path.stat().st_size)


def _about(run: RunReader) -> dict[str, Any]:
    digest = run.digest()
    return {
        "id": digest.id,
        "project": digest.project,
        "name": digest.name,
        "state": digest.state,
        "created_at": digest.created_at,
        "ended_at": digest.ended_at,
        "group": digest.group,
        "job_type": digest.job_type,
        "tags": list(digest.tags),
        "notes": digest.notes,
        "host": digest.host,
        "config": digest.config,
        "summary": digest.summary,
    }


def _write_rows(run: RunReader, path: Path, form: Form, facts: dict[str, Any]) -> int:
    count = 0
    with run.lock:
        schema = history_schema(run, {"rltrack": json_text(facts)})
        if form == "csv":
            with open(path, "wb") as file, CsvWriter(file, schema) as csv:
                for table in history_tables(run, schema):
                    csv.write(table)
                    count += table.num_rows
        else:
            pq = require("pyarrow.parquet", extra="analysis")
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for table in history_tables(run, schema):
                    writer.write_table(table)
                    count += table.num_rows
    return count
