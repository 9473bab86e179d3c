"""Rows that a query sees as one table: of Parquet files one after the other, or side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rltrack.engine.ask import View
from rltrack.engine.spelling import quoted, sql_text
from rltrack.engine.types import common_columns, duck_type, sql_names
from rltrack.errors import QueryError
from rltrack.extras import require


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file, and what is the same for all of its rows."""

    path: Path
    columns: Mapping[str, str]
    """Name as SQL has it, and type, in the order of the file."""
    same: Mapping[str, str | int] = field(default_factory=dict)
    """Columns that are not in the file, such as the run."""
    media: frozenset[str] = frozenset()
    """Columns whose cells are references to media."""
    primary_key: str | None = None
    """The column that tells rows apart, if the table says one."""


def table_file(path: Path, same: Mapping[str, str | int] | None = None) -> TableFile:
    """A file as it is on the disk.

    Raises:
        QueryError: it is no Parquet file, or has no columns.
    """
    pq = require("pyarrow.parquet", extra="analysis")
    pa = require("pyarrow", extra="analysis")
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as why:
        raise QueryError(f"{path.name} cannot be read as a table: {why}") from None
    names = sql_names(schema.names)
    columns = {name: duck_type(one) for name, one in zip(names, schema, strict=True)}
    media = {
        name
        for name, one in zip(names, schema, strict=True)
        if (one.metadata or {}).get(b"rltrack") == b"media"
    }
    return TableFile(path, columns, same or {}, frozenset(media), _primary_key(schema, columns))


def _primary_key(schema: Any, columns: Mapping[str, str]) -> str | None:
    try:
        key = json.loads((schema.metadata or {}).get(b"rltrack", b"{}")).get("primary_key")
    except (ValueError, AttributeError):  # a file of others may say anything there
        return None
    return key if key in columns else None


class Rows(Protocol):
    """What a view shows."""

    @property
    def columns(self) -> dict[str, str]:
        """Names and types."""
        ...

    def view(self, folder: Path, *, row_number: str | None = None) -> View:
        """Where the rows come from.

        Args:
            folder: of the query; links to files are put into it, so that what is in their names
                is no pattern, and the query sees nothing of the user's folders.
            row_number: name of one more column at the end, which tells the rows apart.
        """
        ...


class Renamed:
    """The same rows, with other names of columns.

    Args:
        rows: they.
        names: new ones, by the old.
    """

    def __init__(self, rows: Rows, names: Mapping[str, str]) -> None:
        self._rows = rows
        told = sql_names([names.get(name, name) for name in rows.columns])
        self._names = dict(zip(rows.columns, told, strict=True))

    @property
    def columns(self) -> dict[str, str]:
        """Names and types."""
        return {self._names[name]: kind for name, kind in self._rows.columns.items()}

    def view(self, folder: Path, *, row_number: str | None = None) -> View:
        """Where the rows come from."""
        view = self._rows.view(folder, row_number=row_number)
        chosen = [f"{quoted(old)} AS {quoted(new)}" for old, new in self._names.items()]
        chosen += [quoted(row_number)] if row_number is not None else []
        return View(f"SELECT {', '.join(chosen)} FROM ({view.sql})", view.files)


class FileRows:
    """The rows of files, one after the other, by the names of their columns.

    What is the same for all rows of a file comes first. Where a table has a column of such a name
    itself, ours has a ``_`` in front.

    Args:
        files: at least one, in order.
    """

    def __init__(self, files: Sequence[TableFile]) -> None:
        self.files = files
        self._own = common_columns(one.columns for one in files)
        there = {name.lower() for name in self._own}
        self.same: dict[str, str] = {}
        """The name of the column of each fact about a file."""
        self._same_types: dict[str, str] = {}
        for name, value in files[0].same.items():
            told = name
            while told in there:
                told = f"_{told}"
            self.same[name] = told
            self._same_types[told] = "BIGINT" if isinstance(value, int) else "VARCHAR"

    @property
    def are_alike(self) -> bool:
        """Whether the files are the table as they are: all of its columns, and no others."""
        return all(list(one.columns.items()) == list(self.columns.items()) for one in self.files)

    @property
    def columns(self) -> dict[str, str]:
        """Names and types."""
        return {**self._same_types, **self._own}

    def view(self, folder: Path, *, row_number: str | None = None) -> View:
        """Where the rows come from."""
        folder.mkdir(parents=True, exist_ok=True)
        selects, links = [], []
        for number, one in enumerate(self.files):
            link = folder / f"{number}.parquet"
            os.symlink(one.path.absolute(), link)
            links.append(str(link))
            selects.append(self._select(number, one, str(link), row_number))
        return View(" UNION ALL ".join(selects), links)

    def _select(self, number: int, one: TableFile, link: str, row_number: str | None) -> str:
        # By place: names that differ in their case only are one to SQL.
        places = {name: f"c{place}" for place, name in enumerate(one.columns)}
        chosen = [
            f"CAST({_literal(one.same[name])} AS {self._same_types[told]}) AS {quoted(told)}"
            for name, told in self.same.items()
        ]
        chosen += [
            f"CAST({places.get(name, 'NULL')} AS {kind}) AS {quoted(name)}"
            for name, kind in self._own.items()
        ]
        extra = ""
        if row_number is not None:
            # Files have less rows than 2**40, and a query less files than 2**23.
            place = f"{number << 40} + file_row_number" if number else "file_row_number"
            chosen.append(f"{place} AS {quoted(row_number)}")
            extra = ", file_row_number = true"
        return (
            f"SELECT {', '.join(chosen)} FROM read_parquet([{sql_text(link)}], "
            f"hive_partitioning = false{extra}) AS t({', '.join(places.values())})"
        )


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else sql_text(value)
