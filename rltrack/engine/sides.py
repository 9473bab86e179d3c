"""Tables side by side: rows with the same key in one row, and whether they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rltrack.engine.ask import View
from rltrack.engine.files import Rows
from rltrack.engine.spelling import quoted, sql_text
from rltrack.engine.types import common_type, sql_names
from rltrack.errors import UsageError

CHANGED: Final = "_changed"
SIDES: Final = "_sides"
#: Names within the query that no column of a table has.
_AT: Final = "_rltrack_at"
_NTH: Final = "_rltrack_nth"
_KEY: Final = "_rltrack_key"


class SideRows:
    """Rows of several tables that have one key, as one row; the first column or columns are the key.

    Of each other column there is one a table, ``<table>.<column>``. ``_changed`` says whether one
    of them differs, ``_sides`` which tables have the row. Rows of one table that have the same key
    stand beside those of the others in their order.

    Args:
        sides: at least two tables, by what they are called.
        on: the key.
        only_changed: leave out rows that are the same in all.

    Raises:
        UsageError: a table has no such column, or there is one table only.
    """

    def __init__(
        self, sides: Mapping[str, Rows], on: Sequence[str], *, only_changed: bool = False
    ) -> None:
        if len(sides) < 2 or not on:
            raise UsageError("tables are put side by side by a key, and there must be two or more")
        self._sides = list(sides.values())
        self._labels = list(sides)
        self._only_changed = only_changed
        self._keys = {}
        for name in on:
            kinds = []
            for label, rows in sides.items():
                if name not in rows.columns:
                    there = ", ".join(rows.columns)
                    raise UsageError(f"table {label!r} has no column {name!r}; it has {there}")
                kinds.append(rows.columns[name])
            kind = kinds[0]
            for other in kinds[1:]:
                kind = common_type(kind, other)
            self._keys[name] = kind
        self._others: dict[str, str] = {}
        for rows in self._sides:
            for name, kind in rows.columns.items():
                if name not in self._keys:
                    known = self._others.get(name, kind)
                    self._others[name] = common_type(known, kind)
        self._cells = [
            (at, name, f"{label}.{name}")
            for name in self._others
            for at, label in enumerate(self._labels)
            if name in self._sides[at].columns
        ]
        names = sql_names([*self._keys, *(told for _, _, told in self._cells), CHANGED, SIDES])
        self._names = names

    @property
    def columns(self) -> dict[str, str]:
        """Names and types."""
        kinds = [*self._keys.values(), *(self._others[name] for _, name, _ in self._cells)]
        return dict(zip(self._names, [*kinds, "BOOLEAN", "VARCHAR[]"], strict=True))

    def view(self, folder: Path, *, row_number: str | None = None) -> View:
        """Where the rows come from."""
        views = [rows.view(folder / str(at), row_number=_AT) for at, rows in enumerate(self._sides)]
        parts = [self._side(at, view) for at, view in enumerate(views)]
        joined = "s0"
        for at in range(1, len(parts)):
            same = [
                f"{self._key(key, at)} IS NOT DISTINCT FROM s{at}.{_KEY}{key}" for key in self._each
            ]
            nth = f"COALESCE({', '.join(f's{one}.{_NTH}' for one in range(at))})"
            joined += f" FULL JOIN s{at} ON {' AND '.join([*same, f'{nth} = s{at}.{_NTH}'])}"
        count = len(parts)
        cells = [
            f"CAST(s{at}.{quoted(name)} AS {self._others[name]})" for at, name, _ in self._cells
        ]
        changed = self._changed()
        present = ", ".join(
            f"CASE WHEN s{at}.{_NTH} IS NOT NULL THEN {sql_text(label)} END"
            for at, label in enumerate(self._labels)
        )
        values = [
            *(self._key(key, count) for key in self._each),
            *cells,
            changed,
            f"[side FOR side IN [{present}] IF side IS NOT NULL]",
        ]
        chosen = ", ".join(
            f"{value} AS {quoted(name)}" for value, name in zip(values, self._names, strict=True)
        )
        # The order of the first table, and then that of the next for rows that it lacks.
        order = ", ".join(f"s{one}.{_AT} + {one << 52}" for one in range(count))
        if row_number is not None:
            chosen += f", COALESCE({order}) AS {quoted(row_number)}"
        only = f" WHERE {changed}" if self._only_changed else ""
        files = [file for view in views for file in view.files]
        body = f"SELECT {chosen} FROM {joined}{only} ORDER BY COALESCE({order})"
        return View(f"WITH {', '.join(parts)} {body}", files)

    @property
    def _each(self) -> range:
        return range(len(self._keys))

    def _side(self, at: int, view: View) -> str:
        keys = [f"CAST({quoted(name)} AS {kind})" for name, kind in self._keys.items()]
        named = ", ".join(f"{key} AS {_KEY}{place}" for place, key in enumerate(keys))
        nth = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {_AT})"
        return f"s{at} AS (SELECT *, {named}, {nth} AS {_NTH} FROM ({view.sql}))"

    def _key(self, key: int, sides: int) -> str:
        found = [f"s{one}.{_KEY}{key}" for one in range(sides)]
        return found[0] if sides == 1 else f"COALESCE({', '.join(found)})"

    def _changed(self) -> str:
        by_name: dict[str, list[str]] = {}
        for at, name, _ in self._cells:
            cell = f"CAST(s{at}.{quoted(name)} AS {self._others[name]})"
            by_name.setdefault(name, []).append(cell)
        told = [
            f"{cells[0]} IS DISTINCT FROM {other}"
            for cells in by_name.values()
            for other in cells[1:]
        ]
        told += [f"s{at}.{_NTH} IS NULL" for at in range(len(self._sides))]
        return f"({' OR '.join(told)})"
