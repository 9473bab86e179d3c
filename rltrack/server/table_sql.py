"""A question about tables, as the dashboard asks it, in SQL.

Names come out of the question and are checked against the columns that there are; values are
spelt as literals. A filter or a computed column may be SQL of the user's: that is held in by the
process in which it runs, not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rltrack.engine.spelling import quoted, sql_text
from rltrack.engine.types import JSON, TEXT
from rltrack.server.answers import Refusal

#: Columns of the answer that are not shown.
ROW: Final = "_rltrack_row"
TOTAL: Final = "_rltrack_total"
RUN: Final = "_rltrack_run"
LEVEL: Final = "_rltrack_level"
#: Of longer cells the beginning is sent.
MOST_CHARS: Final = 4000
MOST_ITEMS: Final = 100

#: As good as no limit.
_ALL: Final = 1 << 62

_COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
_AGGREGATES: Final = {
    "count": "count({})",
    "count_distinct": "count(DISTINCT {})",
    "sum": "sum({})",
    "mean": "avg({})",
    "min": "min({})",
    "max": "max({})",
    "std": "stddev_samp({})",
    "median": "median({})",
    "first": "first({})",
    "last": "last({})",
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is computed of each group."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a table; see `server/tables.py` for how it is written."""

    filter: Any = None
    computed: Mapping[str, str] | None = None
    group: Sequence[str] = ()
    aggregates: Sequence[Mapping[str, Any]] = ()
    subtotals: bool = False
    depth: int = 0
    turned: Sequence[Sequence[Any]] = ()
    sort: Sequence[str] = ()
    columns: Sequence[str] | None = None
    offset: int = 0
    limit: int = 100


def question_sql(asked: Question, types: Mapping[str, str], run_column: str | None) -> str:
    """The query of a page, with the number of all rows in `TOTAL`.

    Args:
        asked: the question.
        types: the columns of ``table``, and their types.
        run_column: the one that says the run, if there is one.

    Raises:
        Refusal: it names what is not there.
    """
    computed = asked.computed or {}
    known = [*types, *computed]
    begin = _begin(asked, types)
    if asked.group:
        return f"{begin}, {_grouped(asked, known)}"
    order = _order(asked.sort, known)
    chosen = [_known(name, known) for name in asked.columns] if asked.columns else known
    shown = ", ".join(
        f"{_short(f'page.{quoted(name)}', types.get(name))} AS {quoted(name)}" for name in chosen
    )
    run = f", page.{quoted(run_column)} AS {RUN}" if run_column else ""
    sorted_by = f" ORDER BY {', '.join([*order, ROW])}" if order else ""
    bounds = f"LIMIT {asked.limit} OFFSET {asked.offset}"
    page = f"page AS NOT MATERIALIZED (SELECT * FROM fitting{sorted_by} {bounds})"
    if order and run_column:
        # Rows of files: which ones come first is found by the columns that say so; the others are
        # read of these alone.
        page = (
            f"places AS MATERIALIZED (SELECT {ROW} AS place FROM fitting{sorted_by} {bounds}), "
            f"page AS NOT MATERIALIZED (SELECT computed.* FROM computed "
            f"JOIN places ON {ROW} = place)"
        )
    return (
        f"{begin}, {page}, total AS (SELECT count(*) AS {TOTAL} FROM fitting) "
        f"SELECT {shown}{run}, {ROW}, {TOTAL} FROM total LEFT JOIN page ON true "
        f"ORDER BY {', '.join([*(f'page.{one}' for one in order), ROW])}"
    )


def whole_sql(asked: Question, types: Mapping[str, str]) -> str:
    """The query of all rows or groups that fit, with their cells whole.

    Args:
        asked: the question; its offset and limit do not count.
        types: the columns of ``table``, and their types.

    Raises:
        Refusal: it names what is not there.
    """
    known = [name for name in (*types, *(asked.computed or {})) if name != ROW]
    if asked.group:
        page = question_sql(replace(asked, offset=0, limit=_ALL), types, None)
        names = [*asked.group, *(one.name for one in _aggregates(asked.aggregates, known))]
        shown = ", ".join(map(quoted, names))
        return f"SELECT {shown} FROM (\n{page}\n) WHERE {ROW} IS NOT NULL ORDER BY {ROW}"
    begin = _begin(asked, types)
    order = _order(asked.sort, known)
    chosen = [_known(name, known) for name in asked.columns] if asked.columns else known
    # Without an order rows come as they stand in the files, and nothing has to wait.
    sorted_by = f" ORDER BY {', '.join([*order, ROW])}" if order else ""
    return f"{begin} SELECT {', '.join(map(quoted, chosen))} FROM fitting{sorted_by}"


def _begin(asked: Question, types: Mapping[str, str]) -> str:
    computed = asked.computed or {}
    if taken := [name for name in computed if name in types]:
        raise Refusal(400, f"there is a column {taken[0]!r} already", "compute it by another name")
    extra = "".join(f", (\n{text}\n) AS {quoted(name)}" for name, text in computed.items())
    condition = _condition(asked.filter, [*types, *computed])
    # Read anew for the count and for the page: to keep ten million rows would take longer.
    return (
        f'WITH computed AS NOT MATERIALIZED (SELECT *{extra} FROM "table"), '
        f"fitting AS NOT MATERIALIZED (SELECT * FROM computed WHERE {condition})"
    )


def _aggregates(asked: Sequence[Mapping[str, Any]], known: Sequence[str]) -> list[Aggregate]:
    return [Aggregate("count", "count(*)"), *(_aggregate(one, known) for one in asked)]


def _grouped(asked: Question, known: Sequence[str]) -> str:
    groups = [quoted(_known(name, known)) for name in asked.group]
    aggregates = _aggregates(asked.aggregates, known)
    names = [*asked.group, *(one.name for one in aggregates)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Refusal(400, f"there are several columns {twice[0]!r}", "name each by 'as'")
    levels = len(groups)
    by = f"ROLLUP ({', '.join(groups)})" if asked.subtotals else ", ".join(groups)
    level = f"{levels} - bit_count(GROUPING({', '.join(groups)}))"
    computed = ", ".join(f"{one.sql} AS {quoted(one.name)}" for one in aggregates)
    having = ""
    if asked.subtotals:
        having = f" HAVING {' AND '.join([f'{level} > 0', *_unfolded(asked, groups, level)])}"
    grouped = (
        f"grouped AS MATERIALIZED (SELECT {', '.join(groups)}, {computed}, {level} AS {LEVEL} "
        f"FROM fitting GROUP BY {by}{having})"
    )
    order = _order(asked.sort, names)
    if not asked.subtotals:
        ordered = f"SELECT *, row_number() OVER (ORDER BY {', '.join([*order, *groups])}) AS {ROW} FROM grouped"
    else:
        ordered = _nested(asked.sort, names, groups)
    shown = ", ".join(quoted(name) for name in names)
    return (
        f"{grouped}, ordered AS NOT MATERIALIZED ({ordered}), "
        f"page AS NOT MATERIALIZED (SELECT * FROM ordered WHERE {ROW} > {asked.offset} "
        f"AND {ROW} <= {asked.offset + asked.limit}), "
        f"total AS (SELECT count(*) AS {TOTAL} FROM grouped) "
        f"SELECT {shown}, {LEVEL}, {ROW}, {TOTAL} FROM total LEFT JOIN page ON true ORDER BY {ROW}"
    )


def _unfolded(asked: Question, groups: Sequence[str], level: str) -> list[str]:
    """Conditions of rows that stand in no folded group, for each level above the last."""
    found = []
    for above in range(1, len(groups)):
        is_open = asked.depth == 0 or above < asked.depth
        turned = [path for path in asked.turned if len(path) == above]
        is_turned = " OR ".join(_is_in(groups, path) for path in turned) or "false"
        if turned or not is_open:
            found.append(f"({level} <= {above} OR {'NOT ' if is_open else ''}({is_turned}))")
    return found


def _is_in(groups: Sequence[str], path: Sequence[Any]) -> str:
    same = (
        f"{group} IS NOT DISTINCT FROM {'NULL' if value is None else _literal(value)}"
        for group, value in zip(groups, path, strict=False)
    )
    return f"({' AND '.join(same)})"


def _nested(sort: Sequence[str], names: Sequence[str], groups: Sequence[str]) -> str:
    """Groups within groups: each level is in order, and the rows of a group are below it."""
    windows, order = [], []
    for level in range(1, len(groups) + 1):
        path = ", ".join(groups[:level])
        order.append(f"{LEVEL} >= {level}")
        for number, one in enumerate(sort):
            name, direction = _direction(one, names)
            told = f"_rltrack_{level}_{number}"
            windows.append(
                f"max(CASE WHEN {LEVEL} = {level} THEN {quoted(name)} END) "
                f"OVER (PARTITION BY {path}, {LEVEL} >= {level}) AS {told}"
            )
            order.append(f"{told} {direction}")
        order.append(groups[level - 1])
    inner = f"SELECT *{''.join(f', {one}' for one in windows)} FROM grouped"
    return f"SELECT *, row_number() OVER (ORDER BY {', '.join(order)}) AS {ROW} FROM ({inner})"


# -- parts -----------------------------------------------------------------------------------------


def _known(name: Any, known: Sequence[str]) -> str:
    if name not in known:
        there = ", ".join(known[:50])
        raise Refusal(400, f"the table has no column {name!r}", f"there are {there}")
    return str(name)


def _aggregate(one: Mapping[str, Any], known: Sequence[str]) -> Aggregate:
    told = one.get("fn")
    column = quoted(_known(one.get("column"), known))
    name = one.get("as") or f"{told}({one['column']})"
    if told == "quantile":
        share = one.get("q")
        if not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise Refusal(400, f"q={share!r} of an aggregate", "a quantile is between 0 and 1")
        return Aggregate(str(name), f"quantile_cont({column}, {float(share)})")
    if told not in _AGGREGATES:
        known_names = ", ".join([*_AGGREGATES, "quantile"])
        raise Refusal(400, f"there is no aggregate {told!r}", f"there are {known_names}")
    return Aggregate(str(name), _AGGREGATES[told].format(column))


def _order(sort: Sequence[str], known: Sequence[str]) -> list[str]:
    found = []
    for one in sort:
        name, direction = _direction(one, known)
        found.append(f"{quoted(name)} {direction}")
    return found


def _direction(one: str, known: Sequence[str]) -> tuple[str, str]:
    """A column to sort by, with ``-`` in front for descending; what is missing comes last."""
    if one in known:
        return one, "ASC NULLS LAST"
    if one[:1] == "-" and one[1:] in known:
        return one[1:], "DESC NULLS LAST"
    return _known(one[1:] if one[:1] in "+-" else one, known), "ASC NULLS LAST"


def _condition(asked: Any, known: Sequence[str]) -> str:
    if asked is None or asked in ([], {}):
        return "true"
    if isinstance(asked, str):
        return f"(\n{asked}\n)"
    if isinstance(asked, list):
        return " AND ".join(_condition(one, known) for one in asked)
    if isinstance(asked, dict) and len(asked) == 1 and isinstance(asked.get("any"), list):
        return f"({' OR '.join(_condition(one, known) for one in asked['any']) or 'false'})"
    if isinstance(asked, dict) and len(asked) == 1 and isinstance(asked.get("all"), list):
        return f"({_condition(asked['all'], known)})"
    if isinstance(asked, dict) and "column" in asked:
        return _comparison(asked, known)
    raise Refusal(
        400,
        f"filter={asked!r}",
        'a filter is SQL, {"column", "op", "value"}, {"any": [...]}, {"all": [...]}, or a list',
    )


def _comparison(asked: Mapping[str, Any], known: Sequence[str]) -> str:
    column, op, value = (
        quoted(_known(asked["column"], known)),
        asked.get("op", "="),
        asked.get("value"),
    )
    if op in _COMPARISONS and value is not None:
        return f"{column} {op} {_literal(value)}"
    if op in ("is null", "is not null"):
        return f"{column} {op.upper()}"
    if op in ("in", "not in") and isinstance(value, list):
        if not value:
            return "false" if op == "in" else "true"
        return f"{column} {op.upper()} ({', '.join(_literal(one) for one in value)})"
    if op == "between" and isinstance(value, list) and len(value) == 2:
        return f"{column} BETWEEN {_literal(value[0])} AND {_literal(value[1])}"
    if op in ("contains", "starts", "ends") and isinstance(value, str):
        test = {"contains": "contains", "starts": "starts_with", "ends": "ends_with"}[op]
        return f"{test}(lower(CAST({column} AS VARCHAR)), lower({sql_text(value)}))"
    if op == "matches" and isinstance(value, str):
        return f"regexp_matches(CAST({column} AS VARCHAR), {sql_text(value)})"
    ops = ", ".join(
        [
            *sorted(_COMPARISONS),
            *("in", "not in", "between", "contains", "starts", "ends", "matches"),
            *("is null", "is not null"),
        ]
    )
    raise Refusal(400, f"op={op!r} with value={value!r} in a filter", f"there are {ops}")


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return sql_text(value)
    raise Refusal(400, f"value={value!r} in a filter", "a value is a number, a text or a boolean")


def _short(column: str, kind: str | None) -> str:
    """A cell, of which no more is sent than can be looked at; one more, so that it can be told."""
    if kind is None:
        return column
    if kind == TEXT:
        return f"left({column}, {MOST_CHARS + 1})"
    if kind == "BLOB":
        return f"left(base64({column}), {MOST_CHARS + 1})"
    if kind == JSON:
        cut = f"json_object('_type', 'cut', 'text', left(CAST({column} AS VARCHAR), 200))"
        return f"CASE WHEN strlen({column}) > {16 * MOST_CHARS} THEN {cut} ELSE {column} END"
    return f"{column}[1:{MOST_ITEMS + 1}]" if kind.endswith("[]") else column
