"""What SQL sees of a project: the views, their columns, and where their rows come from.

    runs        a row a run
    aggregates  a row a run and numeric metric: what the metric amounts to
    points      a row a number that was logged
    system      the same of the machine's samples
    media       a row a file that was logged
    tables      those of them that are tables

`points` and `system` are read where they lie, from the Parquet parts of runs that are sealed;
the others are put into files of a folder that goes with the query.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from rltrack.engine.spelling import quoted, sql_list
from rltrack.errors import SegmentError
from rltrack.extras import require
from rltrack.store.arrow import (
    arrow,
    clean,
    gathered,
    json_text,
    points_schema,
    points_tables,
)
from rltrack.store.content import FILE_NAMES, StreamName
from rltrack.store.manifest import read_manifest
from rltrack.store.media import MediaItem, media_of
from rltrack.store.project import ListedRun
from rltrack.store.run import RunReader

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT, _INT, _FLOAT, _JSON = "VARCHAR", "BIGINT", "DOUBLE", "JSON"
_TIME = "TIMESTAMP WITH TIME ZONE"
_POINTS: Final = {
    "run_id": _TEXT,
    "key": _TEXT,
    "row": _INT,
    "step": _INT,
    "time": _TIME,
    "value": _FLOAT,
    "exact": _INT,
}
_FILES: Final = {
    "run_id": _TEXT,
    "key": _TEXT,
    "step": _INT,
    "global_step": _FLOAT,
    "time": _TIME,
    "kind": _TEXT,
    "path": _TEXT,
    "format": _TEXT,
    "state": _TEXT,
    "error": _TEXT,
    "caption": _TEXT,
    "bytes": _INT,
    "facts": _JSON,
}

#: Columns and their types, by view. Columns may be added at the end of each.
VIEWS: Final[dict[str, dict[str, str]]] = {
    "runs": {
        "id": _TEXT,
        "name": _TEXT,
        "state": _TEXT,
        "created_at": _TIME,
        "ended_at": _TIME,
        "duration_s": _FLOAT,
        "group": _TEXT,
        "job_type": _TEXT,
        "tags": "VARCHAR[]",
        "host": _TEXT,
        "notes": _TEXT,
        "last_step": _INT,
        "row_count": _INT,
        "config": _JSON,
        "summary": _JSON,
        "sweep": _TEXT,
    },
    "aggregates": {
        "run_id": _TEXT,
        "key": _TEXT,
        "count": _INT,
        "min": _FLOAT,
        "max": _FLOAT,
        "mean": _FLOAT,
        "last": _FLOAT,
        "first_step": _INT,
        "last_step": _INT,
        "min_step": _INT,
        "max_step": _INT,
        "nan": _INT,
        "pos_inf": _INT,
        "neg_inf": _INT,
    },
    "points": _POINTS,
    "system": _POINTS,
    "media": _FILES,
    "tables": {**_FILES, "columns": _JSON, "rows": _INT},
}

_STREAMS: Final[dict[str, StreamName]] = {"points": "default", "system": "system"}
#: What an id must not have as the name of a folder of Parquet files.
_PATTERNS: Final = re.compile(r"[%/\\*?\[\]{}\x00-\x1f]|^\.")
_LONGEST_NAME: Final = 255
#: Folder, below ``media/``, of files that are tables.
_TABLE_KINDS: Final = ("table", "tables")


def write_sources(
    views: Iterable[str], runs: Sequence[ListedRun | RunReader], folder: Path
) -> dict[str, dict[str, list[str]]]:
    """Put what some views need into `folder`.

    Args:
        views: names of `VIEWS`.
        runs: of the project.
        folder: goes with the query.

    Returns:
        For each view the Parquet files of its rows: ``whole`` have all of its columns, and
        ``parts`` are sealed parts, whose run is named by the folder that they are in.
    """
    media: list[list[MediaItem]] | None = None
    sources: dict[str, dict[str, list[str]]] = {}
    for view in views:
        if view in _STREAMS:
            sources[view] = _write_points(view, runs, folder)
            continue
        if view in ("media", "tables"):
            media = [media_of(run.open()) for run in runs] if media is None else media
            rows = _file_rows(view, runs, media)
        else:
            rows = _run_rows(runs) if view == "runs" else _aggregate_rows(runs)
        sources[view] = {"whole": [_write_rows(view, rows, folder)], "parts": []}
    return sources


def view_sql(columns: Mapping[str, str], source: dict[str, list[str]]) -> str:
    """The query behind a view, over files as `write_sources` gives them."""
    selects = []
    if source["whole"]:
        chosen = ", ".join(
            f"CAST({quoted(column)} AS {kind}) AS {quoted(column)}"
            for column, kind in columns.items()
        )
        selects.append(f"SELECT {chosen} FROM read_parquet({sql_list(source['whole'])})")
    if source["parts"]:
        # The folder is the run's id; said so, a query of one run opens that run's files only.
        own = "url_decode(split_part(filename, '/', -2)) AS run_id"
        rest = ", ".join(quoted(column) for column in columns if column != "run_id")
        selects.append(
            f"SELECT {own}, {rest} FROM read_parquet({sql_list(source['parts'])}, "
            "filename = true, hive_partitioning = false) WHERE value IS NOT NULL"
        )
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
    return " UNION ALL ".join(selects) or f"SELECT {nothing} WHERE false"


# -- points ----------------------------------------------------------------------------------------


def points_source(
    run: RunReader, stream: StreamName = "default"
) -> list[Path] | Iterator[pa.Table]:
    """Where the points of a run are.

    Returns:
        The Parquet parts, where all of the run is sealed: nothing is to be copied. Else tables.
    """
    if run.is_settled and run.is_sealed:
        try:
            manifest = read_manifest(run.folder.segments)
        except SegmentError:
            manifest = None
        if manifest is not None and manifest.settled:
            name = FILE_NAMES[stream]
            return [
                run.folder.segments / f"{name}-{part['number']:06d}.parquet"
                for part in manifest.streams[stream].parts
            ]
    return points_tables(run, stream)


def _write_points(
    view: str, runs: Sequence[ListedRun | RunReader], folder: Path
) -> dict[str, list[str]]:
    stream = _STREAMS[view]
    parts: list[str] = []

    def unsealed() -> Iterator[pa.Table]:
        for listed in runs:
            run = listed.open()
            run.refresh()
            was_held = run.nbytes > 0
            source = points_source(run, stream)
            name = _link_name(run.id)
            if isinstance(source, list) and len(os.fsencode(name)) <= _LONGEST_NAME:
                parts.extend(_linked(source, folder / "parts" / name))
                continue
            yield from points_tables(run, stream) if isinstance(source, list) else source
            if not was_held:  # a project of any size can be asked
                run.release()

    pq = require("pyarrow.parquet", extra="analysis")
    path = folder / f"{view}.parquet"
    written = 0
    with pq.ParquetWriter(path, points_schema(), compression="lz4") as writer:
        for table in gathered(unsealed()):
            writer.write_table(table)
            written += table.num_rows
    return {"whole": [str(path)] if written else [], "parts": parts}


def _link_name(run_id: str) -> str:
    """A run's id as the name of a folder that is no pattern of files; `url_decode` undoes it."""
    return _PATTERNS.sub(lambda match: f"%{ord(match[0]):02X}", run_id)


def _linked(parts: list[Path], folder: Path) -> Iterator[str]:
    """The parts of a run in a folder that is called as the run is.

    So that brackets in the names of folders are no patterns, and the query sees nothing of the
    user's folders.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        link = folder / part.name
        if not link.is_symlink():
            os.symlink(part.absolute(), link)
        yield str(link)


# -- the other views -------------------------------------------------------------------------------


def _write_rows(view: str, rows: Iterator[dict[str, Any]], folder: Path) -> str:
    pa = arrow()
    pq = require("pyarrow.parquet", extra="analysis")
    schema = pa.schema([(name, _arrow_type(kind)) for name, kind in VIEWS[view].items()])
    path = folder / f"{view}.parquet"
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == 10_000:
                writer.write_table(pa.Table.from_pylist(waiting, schema))
                waiting = []
        writer.write_table(pa.Table.from_pylist(waiting, schema))
    return str(path)


def _arrow_type(kind: str) -> Any:
    pa = arrow()
    types: dict[str, Callable[[], Any]] = {
        _TEXT: pa.string,
        _JSON: pa.string,
        _INT: pa.int64,
        _FLOAT: pa.float64,
        _TIME: lambda: pa.timestamp("us", tz="UTC"),
        "VARCHAR[]": lambda: pa.list_(pa.string()),
    }
    return types[kind]()


def _run_rows(runs: Sequence[ListedRun | RunReader]) -> Iterator[dict[str, Any]]:
    for run in runs:
        digest = run.digest()
        until = digest.heartbeat_at if digest.ended_at is None else digest.ended_at
        yield {
            "id": clean(digest.id),
            "name": clean(digest.name),
            "state": digest.state,
            "created_at": _micros(digest.created_at),
            "ended_at": _micros(digest.ended_at),
            "duration_s": max(until - digest.created_at, 0.0),
            "group": _text(digest.group),
            "job_type": _text(digest.job_type),
            "tags": [clean(tag) for tag in digest.tags],
            "host": clean(digest.host),
            "notes": _text(digest.notes),
            "last_step": digest.last_step,
            "row_count": digest.row_count,
            "config": json_text(digest.config),
            "summary": json_text(digest.summary),
            "sweep": _text(digest.sweep),
        }


def _aggregate_rows(runs: Sequence[ListedRun | RunReader]) -> Iterator[dict[str, Any]]:
    names = [name for name in VIEWS["aggregates"] if name not in ("run_id", "key")]
    for run in runs:
        for key, amounts in run.digest().aggregates.items():
            yield {"run_id": clean(run.id), "key": clean(key)} | {
                name: getattr(amounts, name) for name in names
            }


def _file_rows(
    view: str, runs: Sequence[ListedRun | RunReader], media: list[list[MediaItem]]
) -> Iterator[dict[str, Any]]:
    for run, items in zip(runs, media, strict=True):
        for item in items:
            if view == "tables" and item.kind not in _TABLE_KINDS:
                continue
            row = {
                "run_id": clean(run.id),
                "key": clean(item.key),
                "step": item.step,
                "global_step": item.global_step,
                "time": _micros(item.time),
                "kind": clean(item.kind),
                "path": clean(item.path),
                "format": clean(PurePosixPath(item.path).suffix.removeprefix(".")),
                "state": item.state,
                "error": _text(item.error),
                "caption": _text(item.facts.get("caption")),
                "bytes": _whole(item.facts.get("bytes")),
                "facts": json_text(item.facts),
            }
            if view == "tables":
                columns = item.facts.get("columns")
                row["columns"] = None if columns is None else json_text(columns)
                row["rows"] = _whole(item.facts.get("rows", item.facts.get("nrows")))
            yield row


def _micros(seconds: float | None) -> int | None:
    """A time as Arrow has it."""
    return None if seconds is None else round(seconds * 1e6)


def _text(value: object) -> str | None:
    return None if value is None else clean(str(value))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and abs(value) < 2**63 else None
