"""Which runs a table shows: filtered, in order, grouped, a page at a time."""

from __future__ import annotations

from typing import Any, Final

from rltrack.errors import UsageError
from rltrack.server.answers import Refusal, describe_run
from rltrack.store.project import Project
from rltrack.store.query import compile_filters, field_reader, orders_of
from rltrack.store.table import Places, RunTable

MAX_LIMIT: Final = 1000
_DEFAULTS: Final[dict[str, Any]] = {
    "filter": None,
    "order": ["-created_at"],
    "group": None,
    "columns": None,
    "offset": 0,
    "limit": 50,
}


def answer_query(project: Project, body: Any, seen: frozenset[str] | None = None) -> dict[str, Any]:
    """The runs that are asked for.

    Args:
        project: as of its last refresh.
        body: ``filter`` (a text, or a dict as MongoDB has it), ``order`` (a list of fields, with
            ``-`` in front for descending), ``group`` (a list of fields, or ``{"all_config_but":
            [keys]}``), ``columns`` (a list of fields), ``offset`` and ``limit``; each may be left
            out.
        seen: ids of the runs that the one who asks may see; None: all.

    Returns:
        ``total`` runs that fit, and of the page ``runs``; or, grouped, of the page of ``groups``
        each's ``values``, ``count`` and the ``runs`` by id, in order. With ``columns``, of all
        runs that fit the ``ids``, in order, and by field the ``values``: what a table of ten
        thousand rows shows of them is one answer.

    Raises:
        Refusal: something in it is not what it may be.
    """
    asked = _checked(body)
    with project.lock:
        table = project.table()
        try:
            places = table.query(compile_filters(asked["filter"]), orders_of(asked["order"]))
            if seen is not None:
                places = places[[table.runs[at].id in seen for at in places.tolist()]]
            groups = _groups(table, asked["group"], places)
        except UsageError as mistake:
            raise Refusal(400, str(mistake), "the README tells how filters are written") from None
        if asked["columns"] is not None:
            return _columns(project, table, asked["columns"], places)
        page = slice(asked["offset"], asked["offset"] + asked["limit"])
        found: dict[str, Any] = {"version": project.version, "total": len(places)}
        if groups is not None:
            found["groups"] = [
                {"values": values, "count": len(group), "runs": [table.runs[at].id for at in group]}
                for values, group in groups[page]
            ]
            found["group_count"] = len(groups)
            return found
        found["runs"] = [
            describe_run(project, project.run(table.runs[at].id)) for at in places[page].tolist()
        ]
        return found


def _columns(
    project: Project, table: RunTable, fields: list[str], places: Places
) -> dict[str, Any]:
    rows = places.tolist()
    try:
        columns = {name: table.column(name, field_reader(name, "columns")) for name in fields}
    except UsageError as mistake:
        raise Refusal(400, str(mistake), "the README tells how fields are written") from None
    return {
        "version": project.version,
        "total": len(rows),
        "ids": [table.runs[at].id for at in rows],
        "values": {
            name: [column.values[at][0] if column.values[at] else None for at in rows]
            for name, column in columns.items()
        },
    }


def _groups(
    table: RunTable, asked: Any, places: Places
) -> list[tuple[dict[str, Any], list[int]]] | None:
    if asked is None:
        return None
    if isinstance(asked, dict):
        return table.groups_by_config(asked["all_config_but"], places)
    return table.groups([(name, field_reader(name, "group")) for name in asked], places)


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal(400, "the body is no object", f"send some of {', '.join(_DEFAULTS)}")
    if unknown := sorted(body.keys() - _DEFAULTS.keys()):
        raise Refusal(400, f"there is no {unknown[0]!r}", f"there are {', '.join(_DEFAULTS)}")
    asked = _DEFAULTS | body

    def check(name: str, fits: bool, wanted: str) -> None:
        if not fits:
            raise Refusal(400, f"{name}={asked[name]!r}", f"it must be {wanted}")

    group = asked["group"]
    but = group.get("all_config_but") if isinstance(group, dict) and len(group) == 1 else None
    check("filter", isinstance(asked["filter"], str | dict | None), "a text or an object")
    check("order", _are_texts(asked["order"]), "a list of fields")
    check(
        "group",
        group is None or _are_texts(group) or _are_texts(but),
        'null, a list of fields, or {"all_config_but": [keys]}',
    )
    check("columns", asked["columns"] is None or _are_texts(asked["columns"]), "a list of fields")
    check("offset", type(asked["offset"]) is int and asked["offset"] >= 0, "0 or more")
    check(
        "limit",
        type(asked["limit"]) is int and 0 < asked["limit"] <= MAX_LIMIT,
        f"from 1 to {MAX_LIMIT}",
    )
    return asked


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
