"""MLflow's local stores as runs: a folder ``mlruns``, or the database ``mlflow.db``.

    mlruns/<experiment>/meta.yaml                      its name
          /<experiment>/<run>/meta.yaml                name, status, times in milliseconds
                             /metrics/<key>            lines of time in milliseconds, value, step
                             /params/<key>             one value, as text
                             /tags/<key>
                             /artifacts/…              files
    mlflow.db                                          the same as tables, without the files

An experiment is a project. Points of one step and millisecond make one row; artifacts become files
of the run.
"""

from __future__ import annotations

import itertools
import math
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlparse

from rltrack import extras
from rltrack.errors import ArchiveError, NotFoundError
from rltrack.importers.recorded import Filler, Imported, Progress, Recorded, import_recorded
from rltrack.importers.sqlite import columns_of, read_only
from rltrack.importers.texts import parsed
from rltrack.journal.records import Json

#: Of `meta.yaml`, where a status is a number.
_STATUSES: Final = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_OWN_TAGS: Final = "mlflow."
_NOTE: Final = "mlflow.note.content"


class _Point(NamedTuple):
    time_ms: int
    step: int
    key: str
    value: float


@dataclass(slots=True)
class _Run:
    id: str
    name: str
    experiment: str
    status: str
    began_ms: int
    source: Path
    points: Callable[[], Iterable[_Point]]
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: Path | None = None


def import_mlflow(
    path: Path,
    root: Path,
    project: str | None = None,
    *,
    progress: Progress = lambda done, total: None,
) -> Iterator[Imported]:
    """Import the runs of MLflow's experiments; those that were deleted there are left out.

    Args:
        path: of ``mlruns``, of ``mlflow.db``, or of a folder that has one of them.
        root: the folder of all projects.
        project: where new runs go; by default one for each experiment.
        progress: told how many of how many are read.

    Raises:
        NotFoundError: there is no such place, or no run in it.
        ArchiveError: the database is none of MLflow's.
        MissingExtraError: PyYAML is not installed, which a folder needs.
    """
    if not path.exists():
        raise NotFoundError(f"there is no {path}; say MLflow's mlruns or mlflow.db")
    stores = [path]
    if path.is_dir() and not any(path.glob("*/meta.yaml")):
        stores = [one for one in (path / "mlruns", path / "mlflow.db") if one.exists()]
    runs = [
        run for one in stores for run in (_of_database(one) if one.is_file() else _of_folder(one))
    ]
    if not runs:
        raise NotFoundError(f"no run of MLflow's in {path}; say its mlruns or mlflow.db")
    return import_recorded([_recorded(run, project) for run in runs], root, progress)


def _recorded(run: _Run, project: str | None) -> Recorded:
    return Recorded(
        tool="mlflow",
        source=str(run.source),
        id=run.id,
        project=project or run.experiment,
        name=run.name or run.id,
        created_ns=run.began_ms * 10**6,
        notes=run.tags.get(_NOTE),
        tags=[
            f"{key}:{value}" if value else key
            for key, value in sorted(run.tags.items())
            if not key.startswith(_OWN_TAGS)
        ],
        fill=partial(_fill, run=run),
    )


def _fill(filler: Filler, *, run: _Run) -> Json:
    """Record points that were not read yet: of each key, those behind a count."""
    read = dict(filler.read or {})
    seen: dict[str, int] = dict.fromkeys(read.get("points", {}), 0)
    new = []
    for point in run.points():
        seen[point.key] = seen.get(point.key, 0) + 1
        if seen[point.key] > read.get("points", {}).get(point.key, 0):
            new.append(point)
    new.sort(key=lambda point: (point.time_ms, point.step))
    for (time_ms, step), points in itertools.groupby(new, key=lambda one: (one.time_ms, one.step)):
        row: dict[str, float] = {}
        for point in points:
            if point.key in row:  # twice within a millisecond: both are kept
                filler.row(row, step, time_ms * 10**6)
                row = {}
            row[point.key] = point.value
        filler.row(row, step, time_ms * 10**6)
    filler.configure({key: parsed(value) for key, value in run.params.items()})
    about = {key.removeprefix(_OWN_TAGS): value for key, value in run.tags.items()}
    filler.run.note_metadata({"mlflow": about})
    files = 0
    if run.artifacts is not None and run.artifacts.is_dir():
        for file in sorted(run.artifacts.rglob("*")):
            if file.is_file() and not file.is_symlink():
                target = filler.folder.files / file.relative_to(run.artifacts)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                files += 1
    filler.exit_code = {"FINISHED": 0, "FAILED": 1, "KILLED": 137}.get(run.status)
    return {"points": seen, "status": run.status, "params": len(run.params), "files": files}


# -- a folder --------------------------------------------------------------------------------------


def _of_folder(store: Path) -> Iterator[_Run]:
    for experiment in sorted(store.glob("*/meta.yaml")):
        about = _yaml(experiment)
        if about.get("lifecycle_stage", "active") != "active":
            continue
        for file in sorted(experiment.parent.glob("*/meta.yaml")):
            said = _yaml(file)
            if said.get("lifecycle_stage", "active") != "active":
                continue
            folder = file.parent
            tags = _texts(folder / "tags")
            status = said.get("status")
            yield _Run(
                id=str(said.get("run_id") or folder.name),
                name=str(said.get("run_name") or tags.get("mlflow.runName") or ""),
                experiment=str(about.get("name") or experiment.parent.name),
                status=_STATUSES.get(status, str(status))
                if isinstance(status, int)
                else str(status),
                began_ms=int(said.get("start_time") or 0),
                source=folder,
                points=partial(_points_of_folder, folder / "metrics"),
                params=_texts(folder / "params"),
                tags=tags,
                artifacts=folder / "artifacts",
            )


def _yaml(file: Path) -> dict[str, Any]:
    yaml = extras.require("yaml", extra="mlflow")
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as damage:
        raise ArchiveError(f"{file} cannot be read: {damage}") from damage
    return said if isinstance(said, dict) else {}


def _texts(folder: Path) -> dict[str, str]:
    """What each file of a folder says; a key may have slashes."""
    return {
        file.relative_to(folder).as_posix(): file.read_text(
            encoding="utf-8", errors="replace"
        ).strip()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _points_of_folder(folder: Path) -> Iterator[_Point]:
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        key = file.relative_to(folder).as_posix()
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            words = line.split()
            if len(words) >= 2 and line.endswith("\n"):
                yield _Point(
                    int(words[0]), int(words[2]) if len(words) > 2 else 0, key, float(words[1])
                )


# -- a database ------------------------------------------------------------------------------------


def _of_database(file: Path) -> Iterator[_Run]:
    with read_only(file) as store:
        if not {"run_uuid", "experiment_id"} <= columns_of(store, "runs"):
            raise ArchiveError(f"{file} is no database of MLflow's: it has no table of runs")
        names = dict(store.execute("SELECT experiment_id, name FROM experiments").fetchall())
        for run, name, status, began, experiment, uri in store.execute(
            "SELECT run_uuid, name, status, start_time, experiment_id, artifact_uri FROM runs "
            "WHERE lifecycle_stage = 'active' ORDER BY start_time, run_uuid"
        ).fetchall():
            tags = _pairs(store, "tags", run)
            yield _Run(
                id=run,
                name=tags.get("mlflow.runName") or name or "",
                experiment=str(names.get(experiment, experiment)),
                status=status,
                began_ms=int(began or 0),
                source=file,
                points=partial(_points_of_database, file, run),
                params=_pairs(store, "params", run),
                tags=tags,
                artifacts=_local(uri, file.parent),
            )


def _pairs(store: sqlite3.Connection, table: str, run: str) -> dict[str, str]:
    return dict(store.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run,)))


def _points_of_database(file: Path, run: str) -> Iterator[_Point]:
    with read_only(file) as store:
        for key, value, is_nan, time_ms, step in store.execute(
            "SELECT key, value, is_nan, timestamp, step FROM metrics WHERE run_uuid = ? "
            "ORDER BY key, timestamp, step, value",
            (run,),
        ):
            number = math.nan if is_nan or value is None else value
            if abs(number) >= _LARGEST:  # the database has no infinity
                number = math.copysign(math.inf, number)
            yield _Point(int(time_ms), int(step), key, number)


#: What MLflow writes into a database for infinity.
_LARGEST: Final = 1.7976931348623157e308


def _local(uri: str | None, beside: Path) -> Path | None:
    """Where artifacts are, if that is on this machine."""
    if not uri:
        return None
    found = urlparse(uri)
    if found.scheme not in ("", "file"):
        return None
    path = Path(unquote(found.path))
    return path if path.is_absolute() else beside / path
