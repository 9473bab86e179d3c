r"""What the dashboard asks about logged tables: `POST /api/projects/{project}/tables/query`.

    {"key": "eval/episodes",        under which the tables were logged
     "runs": ["id", …],             by default all runs that have it
     "steps": "last",               of each run; or "all", a step, a list of steps, or an object
                                    of a step for each run
     "join": {"on": ["id"], "changed": false},      side by side by a key, a table a run and step
     "computed": {"ratio": "\"return\" / length"},   new columns, in DuckDB's SQL
     "filter": …,                   SQL, or {"column", "op", "value"}, or a list of which all must
                                    be, or {"any": […]}, {"all": […]}; see `table_sql.py` for ops
     "group": ["env", "seed"],      columns; with "subtotals": true also a row a group of each level
     "depth": 0, "turned": [["CartPole"]],     with subtotals: how many levels are shown (0: all),
                                    and groups that are open though folded, or folded though open
     "aggregates": [{"column", "fn", "as"}],     count count_distinct sum mean min max std median
                                    first last, quantile with "q"; a column "count" is always there
     "sort": ["-return", "id"],     columns, with - in front for descending; what is missing is last
     "columns": ["id", "return"],   by default all; not together with "group"
     "offset": 0, "limit": 100}     at most 1000

answers

    {"total": 1234, "offset": 0,    rows that fit, or groups
     "columns": [{"name", "type"}], type: bool int float text bytes date time utc json media list:…
     "rows": [[…]],                 a cell is JSON; not finite: "NaN", "Infinity"; ints beyond 2**53,
                                    dates and times (ISO 8601) are texts, bytes base64
     "levels": [2, …],              of groups: how many of the group columns a row stands for
     "cut": [[row, column], …],     cells of which only the beginning is sent
     "primary_key": "id",           the column that tells rows apart, if the tables say one
     "tables": [{"run", "step", "rows"}], "missing": [ids of asked runs without such a table],
     "took_ms": 12.3}

Where the tables are of one run or several, the columns ``run`` and ``step`` come first (``_run``,
``_step`` where a table has such a column itself). A cell with media is its reference, with a
``url``. Rows of one file keep their order, and files stand in the order of runs and steps.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rltrack.engine.ask import Answer, Limits, View, Workers, ask
from rltrack.engine.files import FileRows, Rows, TableFile, table_file
from rltrack.engine.sides import SideRows
from rltrack.engine.types import JSON
from rltrack.errors import NotFoundError, QueryError, UsageError
from rltrack.extras import require
from rltrack.media.table_kinds import kind_of_type
from rltrack.server.answers import Refusal
from rltrack.server.table_export import FORMATS, exported
from rltrack.server.table_sql import (
    LEVEL,
    MOST_CHARS,
    MOST_ITEMS,
    ROW,
    RUN,
    TOTAL,
    Question,
    question_sql,
    whole_sql,
)
from rltrack.store.project import Project
from rltrack.store.run import RunReader
from rltrack.store.tables import MOST_FILES, files_of, is_joined, joined_rows

MAX_LIMIT: Final = 1000
MAX_SIDES: Final = 8
TIMEOUT_S: Final = 30.0
EXPORT_TIMEOUT_S: Final = 300.0
_AT_ONCE: Final = 4
_EXACT: Final = 2**53
_DEFAULTS: Final[dict[str, Any]] = {
    "key": None,
    "runs": None,
    "steps": "last",
    "join": None,
    "computed": {},
    "filter": None,
    "group": [],
    "aggregates": [],
    "subtotals": False,
    "depth": 0,
    "turned": [],
    "sort": [],
    "columns": None,
    "offset": 0,
    "limit": 100,
}


class Tables:
    """Answers questions about tables; a process for the next one is always there, once one was asked."""

    def __init__(self) -> None:
        self._workers = Workers()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def prepare(self) -> None:
        """Somebody looks at a run with tables: they may ask soon."""
        self._workers.prepare()

    def close(self) -> None:
        """End the process that waits."""
        self._workers.close()

    def answer(self, project: Project, body: Any) -> dict[str, Any]:
        """A page of rows or groups.

        Args:
            project: as of its last refresh.
            body: as told above.

        Raises:
            Refusal: something in it is not what it may be, or took more than it may.
            NotFoundError: no run has such a table.
        """
        began = time.perf_counter()
        asked = _checked(body)
        found = _Found(project, asked["key"], asked["runs"], asked["steps"])
        try:
            rows, question = _rows(found, asked), _question(asked)
            run_column = rows.same.get("run") if isinstance(rows, FileRows) else None
            text = question_sql(question, rows.columns, run_column)
            with self._turns:
                page = self._ask(text, rows)
        except (QueryError, UsageError) as why:
            raise Refusal(
                400, str(why), "names with other signs than letters need quotes"
            ) from None
        described = _Page(page, rows.columns, found).described()
        return {
            **described,
            "offset": asked["offset"],
            "primary_key": found.files[0].primary_key if found.files else None,
            "tables": found.described(),
            "missing": found.missing,
            "took_ms": round((time.perf_counter() - began) * 1e3, 1),
        }

    def export(
        self, project: Project, query: Mapping[str, str]
    ) -> tuple[str, str, Iterator[bytes]]:
        """All rows or groups that fit, as a file: its name, its media type and its pieces.

        Args:
            project: as of its last refresh.
            query: ``ask``, a question as JSON; ``format``, csv or parquet.

        Raises:
            Refusal: something in it is not what it may be, or took more than it may.
            NotFoundError: no run has such a table.
        """
        form = query.get("format", "csv")
        if form not in FORMATS:
            raise Refusal(400, f"format={form!r}", f"there are {', '.join(FORMATS)}")
        try:
            asked = _checked(json.loads(query.get("ask", "")))
        except ValueError:
            raise Refusal(400, "ask is no JSON", "it is what is asked of tables/query") from None
        found = _Found(project, asked["key"], asked["runs"], asked["steps"])
        try:
            rows = _rows(found, asked)
            text = whole_sql(_question(asked), rows.columns)
            pieces = self._pieces(text, rows, form)
            first = next(pieces)  # what is wrong with the question is told before a file begins
        except (QueryError, UsageError) as why:
            raise Refusal(
                400, str(why), "names with other signs than letters need quotes"
            ) from None
        name = f"{asked['key'].replace('/', '_')}.{form}"
        return name, FORMATS[form], itertools.chain([first], pieces)

    def _pieces(self, text: str, rows: Rows, form: str) -> Iterator[bytes]:
        with self._asking(text, rows, Limits(timeout_s=EXPORT_TIMEOUT_S)) as answer:
            yield from exported(answer, form)

    def _ask(self, text: str, rows: Rows) -> Any:
        limits = Limits(timeout_s=TIMEOUT_S, memory_bytes=Limits().memory_bytes // 2)
        with self._asking(text, rows, limits) as answer:
            return answer.table()

    @contextlib.contextmanager
    def _asking(self, text: str, rows: Rows, limits: Limits) -> Iterator[Answer]:
        def provide(needed: Sequence[str], folder: Path) -> Mapping[str, View]:
            return {name: rows.view(folder / "views", row_number=ROW) for name in needed}

        views = {"table": {**rows.columns, ROW: "BIGINT"}}
        try:
            with ask(text, views, provide, limits, workers=self._workers) as answer:
                yield answer
        finally:
            self._workers.prepare()  # and not before: it takes the processor for a while


def _rows(found: _Found, asked: Mapping[str, Any]) -> Rows:
    return found.side_by_side(asked["join"]) if asked["join"] else found.rows()


def _question(asked: Mapping[str, Any]) -> Question:
    return Question(
        **{name: asked[name] for name in Question.__dataclass_fields__ if name in asked}
    )


# -- which tables ----------------------------------------------------------------------------------


class _Found:
    """The files that are asked about."""

    def __init__(self, project: Project, key: str, runs: list[str] | None, steps: Any) -> None:
        self._project = project.name
        self.files: list[TableFile] = []
        self.missing: list[str] = []
        self.joined: SideRows | None = None
        """A table that was logged as two, side by side."""
        self.media: dict[str, str | None] = {}
        """Columns of media, with the run that all of their cells are of, if it is one."""
        readers: Mapping[str, RunReader | None]
        if runs is None:
            # What the list of runs knows says which of them are worth reading.
            readers = {run.id: run.open() for run in project.runs() if key in run.digest().summary}
        else:
            readers = project.find(runs)
        why: NotFoundError | None = None
        for run_id, run in readers.items():
            try:
                if run is None:
                    raise NotFoundError(f"no run {run_id!r} in project {project.name!r}")
                run.refresh()
                wanted = steps.get(run_id, "last") if isinstance(steps, dict) else steps
                for item in files_of(run, key, wanted):
                    if is_joined(item):
                        self.joined = joined_rows(run, item)
                        continue
                    same: dict[str, str | int] = {"run": run_id, "step": item.step}
                    self.files.append(table_file(run.folder.media / item.path, same))
            except NotFoundError as missing:
                why = missing
                if runs is not None:
                    self.missing.append(run_id)
        if not self.files and self.joined is None:
            raise why or NotFoundError(f"no run of project {project.name!r} has a table {key!r}")
        if len(self.files) > MOST_FILES:
            raise Refusal(400, f"{len(self.files)} tables at once", "choose runs or steps")

    def rows(self) -> Rows:
        """One after the other."""
        if self.joined is not None:
            return self.joined
        self.media = dict.fromkeys(name for one in self.files for name in one.media)
        return FileRows(self.files)

    def side_by_side(self, join: Mapping[str, Any]) -> SideRows:
        """By a key."""
        sides: dict[tuple[str, int], list[TableFile]] = {}
        for one in self.files:
            place = (str(one.same["run"]), int(one.same["step"]))
            sides.setdefault(place, []).append(one)
        several = len({run for run, _ in sides}) < len(sides)
        if not 2 <= len(sides) <= MAX_SIDES:
            raise Refusal(400, f"{len(sides)} tables side by side", f"choose 2 to {MAX_SIDES}")
        named: dict[str, Rows] = {}
        for (run, step), files in sides.items():
            label = f"{run}@{step}" if several else run
            alone = [TableFile(one.path, one.columns, media=one.media) for one in files]
            named[label] = FileRows(alone)
            self.media |= {f"{label}.{name}": run for one in files for name in one.media}
        return SideRows(named, join["on"], only_changed=join["changed"])

    def described(self) -> list[dict[str, Any]]:
        """Which they are."""
        pq = require("pyarrow.parquet", extra="dashboard")
        return [{**one.same, "rows": pq.read_metadata(one.path).num_rows} for one in self.files]

    def url(self, run: str, path: str) -> str:
        """Where the browser gets a file of a run's media."""
        place = f"/api/projects/{quote(self._project, safe='')}/runs/{quote(run, safe='')}"
        return f"{place}/media/{quote(path)}"


# -- the answer ------------------------------------------------------------------------------------


class _Page:
    """Rows as JSON."""

    def __init__(self, page: Any, types: Mapping[str, str], found: _Found) -> None:
        self._types = types
        self._found = found
        self._total = int(page.column(TOTAL)[0].as_py() or 0) if page.num_rows else 0
        is_row = [row is not None for row in page.column(ROW).to_pylist()]
        self._page = page.filter(is_row)
        self._cut: list[list[int]] = []

    def described(self) -> dict[str, Any]:
        """The page."""
        names = [name for name in self._page.schema.names if name not in (ROW, TOTAL, RUN, LEVEL)]
        runs = self._page.column(RUN).to_pylist() if RUN in self._page.schema.names else []
        columns = [self._cells(place, name, runs) for place, name in enumerate(names)]
        described: dict[str, Any] = {
            "total": self._total,
            "columns": [{"name": name, "type": self._kind(name)} for name in names],
            "rows": [list(row) for row in zip(*columns, strict=True)],
            "cut": sorted(self._cut),
        }
        if LEVEL in self._page.schema.names:
            described["levels"] = self._page.column(LEVEL).to_pylist()
        return described

    def _kind(self, name: str) -> str:
        if name in self._found.media:
            return "media"
        if self._types.get(name) == JSON:
            return "json"
        if self._types.get(name) == "BLOB":
            return "bytes"
        return kind_of_type(self._page.schema.field(name).type) or "json"

    def _cells(self, place: int, name: str, runs: list[str]) -> list[Any]:
        cells = self._page.column(name).to_pylist()
        if self._types.get(name) == JSON:
            return [
                None if cell is None else self._json(row, place, name, json.loads(cell), runs)
                for row, cell in enumerate(cells)
            ]
        told = []
        for row, cell in enumerate(cells):
            most = MOST_CHARS if isinstance(cell, str) else MOST_ITEMS
            if isinstance(cell, (str, list)) and len(cell) > most:
                self._cut.append([row, place])
                cell = cell[:most]
            told.append(_plain(cell))
        return told

    def _json(self, row: int, place: int, name: str, cell: Any, runs: list[str]) -> Any:
        if not isinstance(cell, dict):
            return cell
        if cell.get("_type") == "cut":
            self._cut.append([row, place])
            return cell["text"]
        run = self._found.media.get(name) or (runs[row] if runs else None)
        if name in self._found.media and run is not None and isinstance(cell.get("path"), str):
            cell["url"] = self._found.url(run, cell["path"])
        return cell


def _plain(cell: Any) -> Any:
    if isinstance(cell, int) and abs(cell) > _EXACT:
        return str(cell)
    if isinstance(cell, Decimal):
        return _plain(int(cell)) if cell == cell.to_integral_value() else float(cell)
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        return str(cell)
    if isinstance(cell, bytes):
        return base64.b64encode(cell).decode()
    if isinstance(cell, list):
        return [_plain(item) for item in cell]
    return {key: _plain(item) for key, item in cell.items()} if isinstance(cell, dict) else cell


# -- what is asked ---------------------------------------------------------------------------------


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal(400, "the body is no object", f"send some of {', '.join(_DEFAULTS)}")
    if unknown := sorted(body.keys() - _DEFAULTS.keys()):
        raise Refusal(400, f"there is no {unknown[0]!r}", f"there are {', '.join(_DEFAULTS)}")
    asked = _DEFAULTS | body
    steps, join, limit = asked["steps"], asked["join"], asked["limit"]
    checks: tuple[tuple[str, bool, str], ...] = (
        ("key", isinstance(asked["key"], str), "the key of a table"),
        ("runs", asked["runs"] is None or _are(str, asked["runs"]), "null, or a list of ids"),
        (
            "steps",
            steps in ("last", "all")
            or type(steps) is int
            or _are(int, list(steps.values()) if isinstance(steps, dict) else steps),
            "last, all, a step, a list of steps, or a step by run",
        ),
        ("join", join is None or _is_join(join), '{"on": [columns], "changed": false}'),
        ("computed", _is_computed(asked["computed"]), "an object of SQL by name"),
        ("group", _are(str, asked["group"]), "a list of columns"),
        ("aggregates", _are(dict, asked["aggregates"]), 'a list of {"column", "fn", "as"}'),
        ("subtotals", isinstance(asked["subtotals"], bool), "true or false"),
        ("depth", _is_count(asked["depth"], 64), "how many levels of groups are shown, 0 for all"),
        ("turned", _are(list, asked["turned"]), "a list of groups, each a list of values"),
        ("sort", _are(str, asked["sort"]), "a list of columns"),
        ("columns", asked["columns"] is None or _are(str, asked["columns"]), "null, or a list"),
        ("offset", _is_count(asked["offset"], 2**53), "0 or more"),
        ("limit", _is_count(limit, MAX_LIMIT) and limit > 0, f"from 1 to {MAX_LIMIT}"),
    )
    for name, fits, wanted in checks:
        if not fits:
            raise Refusal(400, f"{name}={asked[name]!r}", f"it must be {wanted}")
    if join:
        asked["join"] = {"changed": False} | join
    return asked


def _are(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is kind for one in value)


def _is_join(join: Any) -> bool:
    return (
        isinstance(join, dict)
        and _are(str, join.get("on"))
        and isinstance(join.get("changed", False), bool)
        and join.keys() <= {"on", "changed"}
    )


def _is_computed(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most
