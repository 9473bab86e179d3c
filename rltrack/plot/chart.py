"""`Chart`: a table, and the Vega-Lite specification by which it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from rltrack.errors import UsageError
from rltrack.journal.records import Json
from rltrack.media.base import Logging, Media
from rltrack.media.table import Table
from rltrack.plot.presets import BUILT_IN, read_preset
from rltrack.plot.spec import field_names, filled, overlaid


class Chart(Media):
    """A table, and how it is drawn. Made by the functions of `rltrack.plot`.

    Args:
        table: its rows; as many as are logged.
        preset: name of the specification.
        spec: in Vega-Lite, with ``${field:x}`` for a column and ``${string:title}`` for a text;
            None for a preset that is looked up when it is drawn.
        fields: the column for each ``${field:…}``.
        strings: the text for each ``${string:…}``.
        split_table: accepted as W&B has it: show the table as a panel of its own, too.

    Raises:
        UsageError: the table has no such column. It is a `ValueError`.
    """

    kind: ClassVar[str] = "table"
    type_name: ClassVar[str] = "chart"
    extension = "parquet"

    def __init__(
        self,
        table: Table,
        preset: str,
        spec: Mapping[str, Any] | None,
        fields: Mapping[str, str],
        strings: Mapping[str, str] | None = None,
        *,
        split_table: bool = False,
    ) -> None:
        columns = table.columns
        for name, column in fields.items():
            if column not in columns:
                there = ", ".join(map(repr, columns))
                raise UsageError(f"{name}={column!r}: the table has no such column; it has {there}")
        if spec is not None and (missing := sorted(field_names(spec) - fields.keys())):
            raise UsageError(
                f"the chart {preset!r} also needs a column for {', '.join(missing)}: fields="
                f"{{{missing[0]!r}: …}}"
            )
        self.table = table
        self.preset = preset
        self.fields = dict(fields)
        self.strings = dict(strings or {})
        self._spec = spec
        self._split_table = split_table

    @property
    def spec(self) -> dict[str, Any] | None:
        """As it is drawn for one run; its rows are data of the name ``table``."""
        return None if self._spec is None else filled(self._spec, self.fields, self.strings)

    @property
    def overlay(self) -> dict[str, Any] | None:
        """As it is drawn for several runs together, whose rows have their id as ``run``."""
        return (
            None if self._spec is None else overlaid(filled(self._spec, self.fields, self.strings))
        )

    def logged(self, to: Logging) -> dict[str, Json]:
        """Have the table written; the row says how it is drawn."""
        chart: dict[str, Json] = {
            "preset": self.preset,
            "fields": dict(self.fields),
            "strings": dict(self.strings),
            "spec": self.spec,
            "overlay": self.overlay,
        }
        if self._split_table:
            chart["split_table"] = True
        return {**self.table.logged(to), "_type": self.type_name, "chart": chart}

    @property
    def size_bytes(self) -> int:  # type: ignore[override]
        """Memory that is held."""
        return self.table.size_bytes

    def place(self, put: Callable[[Media], dict[str, Json]]) -> None:
        """Have the media in cells written."""
        self.table.place(put)

    def facts(self) -> dict[str, Json]:
        """Those of the table."""
        return self.table.facts()

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the table.

        Raises:
            OSError: it cannot be written.
        """
        return self.table.encode(path)

    def __repr__(self) -> str:
        return f"<rltrack chart {self.preset} of {self.table!r}>"


def plot_table(
    vega_spec_name: str | Mapping[str, Any],
    data_table: Any,
    fields: Mapping[str, str],
    string_fields: Mapping[str, str] | None = None,
    split_table: bool = False,
) -> Chart:
    """A table drawn by a specification of your own.

    Args:
        vega_spec_name: what `Api.create_custom_chart` gave, a name of ours such as
            ``rltrack/line/v0``, or the specification itself.
        data_table: a `Table`, or what one is made of.
        fields: the column for each ``${field:…}`` of the specification.
        string_fields: the text for each ``${string:…}``.
        split_table: show the table as a panel of its own, too.

    Raises:
        UsageError: the table has no such column, or the specification needs one more. It is a
            `ValueError`.
    """
    spec: Mapping[str, Any] | None
    if isinstance(vega_spec_name, Mapping):
        name, spec = "custom", vega_spec_name
    else:
        name = str(vega_spec_name)
        own = name.replace("wandb/", "rltrack/", 1)
        spec = BUILT_IN[own] if own in BUILT_IN else read_preset(name)
        name = own if own in BUILT_IN else name
    return Chart(as_table(data_table), name, spec, fields, string_fields, split_table=split_table)


def visualize(id: str, value: Any) -> Chart:
    """The same as `plot_table` for a table whose columns are called as the fields are.

    Raises:
        UsageError: the table lacks one of them.
    """
    table = as_table(value)
    return plot_table(id, table, {name: name for name in table.columns})


def as_table(value: Any) -> Table:
    """A table, made of what is none yet."""
    return value if isinstance(value, Table) else Table(data=value)
