"""Trackio's local store as runs: one SQLite file for each project, and a folder of media beside.

<project>.db            tables `metrics`, `configs`, `system_metrics` and `alerts`, each value
                        as JSON in which NaN and the infinities are texts
media/<project>/…       what rows refer to by ``file_path``
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from rltrack.errors import ArchiveError, Error, NotFoundError
from rltrack.importers.recorded import Filler, Imported, Progress, Recorded, import_recorded
from rltrack.importers.sqlite import columns_of, iso_ns, read_only
from rltrack.journal.records import Json, Row, RowFlag
from rltrack.store.media import file_inside

_NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_LEVELS: Final = {"info": "info", "warn": "warning", "error": "error"}
_FILES: Final = {
    "trackio.image": ("rltrack.media.image", "Image"),
    "trackio.video": ("rltrack.media.video", "Video"),
    "trackio.audio": ("rltrack.media.audio", "Audio"),
}


def import_trackio(
    path: Path,
    root: Path,
    project: str | None = None,
    *,
    progress: Progress = lambda done, total: None,
) -> Iterator[Imported]:
    """Import the runs of Trackio's projects.

    Args:
        path: of a project's `.db` file, or of Trackio's folder, which is mostly
            ``~/.cache/huggingface/trackio``.
        root: the folder of all projects.
        project: where new runs go; by default the project that they are in.
        progress: told how many bytes of how many are read.

    Raises:
        NotFoundError: there is no such place, or no project in it.
        ArchiveError: a file is none of Trackio's.
    """
    if not path.exists():
        raise NotFoundError(
            f"there is no {path}; say Trackio's folder, mostly ~/.cache/huggingface/trackio"
        )
    files = [path] if path.is_file() else sorted(path.glob("*.db"))
    if not files:
        raise NotFoundError(f"no project in {path}: Trackio has a .db file for each")
    found = [run for file in files for run in _runs(file, project)]
    return import_recorded(found, root, progress)


def _runs(file: Path, project: str | None) -> Iterator[Recorded]:
    with read_only(file) as store:
        columns = columns_of(store, "metrics")
        if not {"run_name", "step", "metrics", "timestamp"} <= columns:
            raise ArchiveError(f"{file} is no project of Trackio's: it has no table of metrics")
        # Before Trackio 0.10 a run was known by its name alone.
        key = "run_id" if "run_id" in columns else "run_name"
        rows = store.execute(
            f"SELECT {key}, min(run_name), min(timestamp), count(*) FROM metrics GROUP BY {key} "
            "ORDER BY min(id)"
        ).fetchall()
        for run, name, began, count in rows:
            config = _config(store, key, run)
            yield Recorded(
                tool="trackio",
                source=str(file),
                id=str(run),
                project=project or file.stem,
                name=str(name),
                created_ns=iso_ns(config.get("_Created")) or iso_ns(began) or 1,
                group=config.get("_Group") or None,
                size=max(1, file.stat().st_size * count // max(1, sum(row[3] for row in rows))),
                fill=partial(_fill, file=file, key=key, run=run),
            )


def _config(store: sqlite3.Connection, key: str, run: object) -> dict[str, Any]:
    if not columns_of(store, "configs"):
        return {}
    found = store.execute(f"SELECT config FROM configs WHERE {key} = ?", (run,)).fetchone()
    config = _loaded(found[0]) if found else {}
    return config if isinstance(config, dict) else {}


def _fill(filler: Filler, *, file: Path, key: str, run: object) -> Json:
    read = dict(filler.read or {})
    media = file.parent / "media"
    with read_only(file) as store:
        config = _config(store, key, run)
        filler.configure({name: value for name, value in config.items() if name[:1] != "_"})
        known = f"FROM {{}} WHERE {key} = ? AND id > ? ORDER BY id"
        for number, timestamp, step, text in store.execute(
            f"SELECT id, timestamp, step, metrics {known.format('metrics')}",
            (run, read.get("metrics", 0)),
        ):
            values = _loaded(text)
            filler.row(
                {name: _value(value, media, filler) for name, value in values.items()},
                int(step),
                iso_ns(timestamp),
            )
            read["metrics"] = number
        began_ns = round(filler.run.start_time * 1e9)
        if "id" in columns_of(store, "system_metrics"):
            for number, timestamp, text in store.execute(
                f"SELECT id, timestamp, metrics {known.format('system_metrics')}",
                (run, read.get("system_metrics", 0)),
            ):
                time_ns = iso_ns(timestamp) or began_ns
                values = {
                    f"system.{name}": value
                    for name, value in _loaded(text).items()
                    if isinstance(value, (int, float))
                }
                step = max(0, (time_ns - began_ns) // 10**9)
                filler.run.record(Row(step, time_ns, values, RowFlag.SYSTEM | RowFlag.POINT))
                read["system_metrics"] = number
        if "id" in columns_of(store, "alerts"):
            for number, title, text, level in store.execute(
                f"SELECT id, title, text, level {known.format('alerts')}",
                (run, read.get("alerts", 0)),
            ):
                filler.run.note(_LEVELS.get(level, "info"), text or "", title=title)
                read["alerts"] = number
        for table, what in (("traces", "traces"), ("run_artifact_links", "artifacts")):
            if key in columns_of(store, table):
                (count,) = store.execute(
                    f"SELECT count(*) FROM {table} WHERE {key} = ?", (run,)
                ).fetchone()
                filler.left_out.update({what: count} if count else {})
    return read


def _loaded(text: str | bytes) -> Any:
    """A JSON value whose texts for NaN and the infinities are numbers again."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)
    return {}


def _value(value: Any, media: Path, filler: Filler) -> Any:
    """A value of a row as a run here has it."""
    if isinstance(value, str):
        return _NUMBERS.get(value, value)
    if not isinstance(value, Mapping) or "_type" not in value:
        return value
    from rltrack.media.histogram import Histogram
    from rltrack.media.table import Table

    kind = str(value["_type"])
    try:
        if kind in _FILES:
            found = file_inside(media, str(value.get("file_path", "")))
            if found is None:
                raise FileNotFoundError(f"{value.get('file_path')} is gone")
            caption = value.get("caption")
            module, name = _FILES[kind]
            made = getattr(importlib.import_module(module), name)
            return made(str(found), caption=caption)
        if kind == "trackio.table" and isinstance(rows := value.get("_value"), list):
            columns = list(dict.fromkeys(name for row in rows for name in row))
            data = [[_plain(row.get(name)) for name in columns] for row in rows]
            return Table(columns=columns, data=data, allow_mixed_types=True)
        if kind == "trackio.histogram" and "values" in value:
            edges = value.get("bins") or value.get("bin_edges")
            return Histogram(np_histogram=(value["values"], edges))
    except (Error, OSError, ValueError, TypeError, AttributeError) as fault:
        filler.left_out[f"{kind}: {fault}"] += 1
        return dict(value)
    filler.left_out[f"{kind}, kept as it is written"] += 1
    return dict(value)


def _plain(cell: Any) -> Any:
    return _NUMBERS.get(cell, cell) if isinstance(cell, str) else cell
