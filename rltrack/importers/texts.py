"""CSV and JSON lines as runs: a file is a run, a line is a row.

What people and libraries write themselves: SB3's ``progress.csv`` and ``monitor.csv``, RLlib's
``result.json``, TensorBoard's and other tools' downloads. A column that counts steps becomes the
step of its rows, and one of times their time; all columns stay metrics as well.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from rltrack.errors import ArchiveError, NotFoundError, UsageError
from rltrack.importers.recorded import Filler, Imported, Progress, Recorded, import_recorded
from rltrack.journal.records import Json

Form = Literal["csv", "jsonl"]

#: Columns that count steps, in the order in which they are looked for.
STEP_COLUMNS: Final = (
    "_step",
    "step",
    "Step",
    "global_step",
    "total_timesteps",
    "time/total_timesteps",
    "num_timesteps",
    "timesteps_total",
    "timesteps",
    "timestep",
    "training_iteration",
    "iteration",
    "iter",
    "epoch",
)
#: Columns that say when; seconds since the epoch, or a date.
TIME_COLUMNS: Final = ("_timestamp", "timestamp", "wall_time", "Wall time", "datetime", "date")

_ENDINGS: Final[dict[Form, tuple[str, ...]]] = {
    "csv": (".csv",),
    "jsonl": (".jsonl", ".ndjson", ".json"),
}
#: A last line without an end is whole if nobody has written for this long.
_AT_REST_S: Final = 60.0
#: The year 2001, as seconds: what is less is no time since the epoch.
_LEAST_TIME_S: Final = 1e9
_INT: Final = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class _Row:
    values: Mapping[str, Any]
    number: int


def import_texts(
    form: Form,
    path: Path,
    root: Path,
    project: str,
    *,
    step: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Iterator[Imported]:
    """Import files, each as a run.

    Args:
        form: what they are.
        path: of a file, or of a folder in whose folders they are.
        root: the folder of all projects.
        project: where new runs go.
        step: the column that counts steps; by default one of `STEP_COLUMNS`, or else the row.
        progress: told how many bytes of how many are read.

    Raises:
        NotFoundError: there is no such file.
        UsageError: no file has the column `step`.
        ArchiveError: a file is no text in UTF-8.
    """
    if not path.exists():
        raise NotFoundError(f"there is no {path}; say a {form} file, or a folder of some")
    files = [path] if path.is_file() else _files(form, path)
    if not files:
        raise NotFoundError(f"no file in {path} ends in {' or '.join(_ENDINGS[form])}")
    found = [one for file in files if (one := _recorded(form, file, path, project, step))]
    if not found:
        raise NotFoundError(
            f"{path} has no row yet" if path.is_file() else f"no file in {path} has a row"
        )
    return import_recorded(found, root, progress)


def _files(form: Form, folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix in _ENDINGS[form]
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _recorded(form: Form, file: Path, top: Path, project: str, step: str | None) -> Recorded | None:
    """A file as a run; None if it has no row."""
    text = _Text(form, file)
    first = next(text.rows(), None)
    if first is None:
        return None
    if step is not None and step not in first.values:
        near = ", ".join(map(str, list(first.values)[:20]))
        raise UsageError(f"{file} has no column {step!r}; it has {near}")
    inside = file.relative_to(top).with_suffix("") if file != top else Path(file.stem)
    # Of a file that has grown since, the first lines are what they were.
    digest = hashlib.sha256(f"{file.parent.name}/{file.name}\n{text.head}".encode()).hexdigest()
    size = file.stat()
    began_ns = text.began_ns or _time_ns(first.values, _column(TIME_COLUMNS, first.values))
    return Recorded(
        tool=form,
        source=str(file),
        id=digest[:12],
        project=project,
        name=inside.as_posix(),
        created_ns=began_ns or size.st_mtime_ns,
        size=size.st_size,
        fill=lambda filler: _fill(filler, text, step),
    )


def _fill(filler: Filler, text: _Text, step: str | None) -> Json:
    """Record the rows of a file behind those that were read."""
    filler.configure(text.config)
    before = filler.read or 0
    count, total_length = 0, 0
    for row in text.rows():
        count = row.number
        length = row.values.get("episode/length")
        total_length += length if text.is_monitor and isinstance(length, int) else 0
        if count <= before:
            continue
        column = step or _column(STEP_COLUMNS, row.values)
        at = total_length if text.is_monitor else _step(row.values.get(column) if column else None)
        if at is None:
            if column:
                filler.left_out[f"steps in {column!r} that are no whole numbers"] += 1
            at = count - 1
        time_ns = text.time_of(row.values)
        filler.row(
            {key: value for key, value in row.values.items() if key not in _OWN}, at, time_ns
        )
    for told in text.trouble:
        filler.left_out[told] += 1
    return max(count, before)


#: Rows here have these by themselves.
_OWN: Final = frozenset({"_step", "_timestamp", "_runtime"})


class _Text:
    """The rows of one file.

    Attributes:
        head: its first lines.
        config: what it says about the whole.
        is_monitor: it is of SB3's `Monitor`, whose rows are episodes.
        trouble: what could not be read.
    """

    def __init__(self, form: Form, file: Path) -> None:
        self.head = ""
        self.config: dict[str, Any] = {}
        self.is_monitor = False
        self.began_ns: int | None = None
        self.trouble: list[str] = []
        self._file = file
        self._rows = self._of_csv if form == "csv" else self._of_json

    def rows(self) -> Iterator[_Row]:
        """The rows that are whole, in order.

        Raises:
            ArchiveError: it is no text in UTF-8.
        """
        self.trouble = []
        try:
            with self._file.open(encoding="utf-8-sig", newline="") as lines:
                yield from self._rows(lines)
        except UnicodeDecodeError as damage:
            raise ArchiveError(f"{self._file} is no text in UTF-8: {damage}") from None
        except csv.Error as damage:
            raise ArchiveError(f"{self._file} is no CSV: {damage}") from None

    def time_of(self, values: Mapping[str, Any]) -> int | None:
        """When a row was written, in nanoseconds since the epoch."""
        if self.is_monitor and self.began_ns is not None:
            since = values.get("episode/time_s")
            return self.began_ns + round(since * 1e9) if isinstance(since, (int, float)) else None
        return _time_ns(values, _column(TIME_COLUMNS, values))

    def _of_csv(self, lines: Iterator[str]) -> Iterator[_Row]:
        first = next(lines, "")
        self.head = first
        if first.startswith("#{"):  # SB3's Monitor
            self._begin_monitor(first[1:])
            first = next(lines, "")
            self.head += first
        names = next(csv.reader([first]), [])
        names = [name.strip() for name in names]
        if self.is_monitor:
            names = [_MONITOR.get(name, f"episode/{name}") for name in names]
        elif names == ["Wall time", "Step", "Value"]:  # TensorBoard's download of one chart
            names[2] = self._file.stem
        number = 0
        for cells in csv.reader(self._whole_lines(lines)):
            if not cells:
                continue
            number += 1
            if number == 1:
                self.head += ",".join(cells)
            if len(cells) > len(names):
                self.trouble.append(
                    f"cells beyond the {len(names)} columns that the first line names"
                )
            values = {
                name: value
                for name, cell in zip(names, cells, strict=False)
                if name and (value := parsed(cell)) is not None
            }
            yield _Row(values, number)

    def _begin_monitor(self, text: str) -> None:
        try:
            said = json.loads(text)
        except ValueError:
            return
        if isinstance(said, dict) and isinstance(said.get("t_start"), (int, float)):
            self.is_monitor = True
            self.began_ns = round(said["t_start"] * 1e9)
            self.config = {key: value for key, value in said.items() if key != "t_start"}

    def _of_json(self, lines: Iterator[str]) -> Iterator[_Row]:
        number = 0
        for line in self._whole_lines(lines, is_json=True):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as damage:
                self.trouble.append(f"a line that is no JSON: {damage}")
                continue
            if not isinstance(values, dict):
                self.trouble.append("a line that is no JSON object")
                continue
            number += 1
            if number == 1:
                self.head = line
            kept = {str(key): value for key, value in values.items() if value is not None}
            yield _Row(kept, number)

    def _whole_lines(self, lines: Iterator[str], *, is_json: bool = False) -> Iterator[str]:
        """The lines, without a last one that may still be written."""
        for line in lines:
            if line.endswith("\n") or self._is_at_rest() or (is_json and _is_json(line)):
                yield line
            else:
                self.trouble.append("the last line has no end; import again when it has")

    def _is_at_rest(self) -> bool:
        return time.time() - self._file.stat().st_mtime > _AT_REST_S


#: Of SB3's Monitor: reward, length and time of an episode.
_MONITOR: Final = {"r": "episode/return", "l": "episode/length", "t": "episode/time_s"}


def parsed(cell: str) -> Any:
    """What a cell of a CSV says; None for nothing."""
    text = cell.strip()
    if not text:
        return None
    if _INT.fullmatch(text):
        return int(text)
    if text in ("True", "true", "False", "false"):
        return text in ("True", "true")
    try:
        return float(text) if "_" not in text else text
    except ValueError:
        return cell


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _column(names: tuple[str, ...], values: Mapping[str, Any]) -> str | None:
    return next((name for name in names if name in values), None)


def _step(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _time_ns(values: Mapping[str, Any], column: str | None) -> int | None:
    value = values.get(column) if column else None
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if value > 1e12:  # milliseconds, as JavaScript counts
        value = value / 1000
    return round(value * 1e9) if _LEAST_TIME_S <= value < 2**63 / 1e9 else None
