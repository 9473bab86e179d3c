"""Charts of the columns of a table: lines, points, bars, a histogram."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rltrack.errors import UsageError
from rltrack.media.table import Table
from rltrack.plot.chart import Chart, as_table
from rltrack.plot.presets import BUILT_IN
from rltrack.plot.presets import line as line_spec

_TYPES: Final = {"int": "quantitative", "float": "quantitative", "bool": "nominal"}
_TIMES: Final = ("time", "utc", "date")


def line(
    table: Any,
    x: str,
    y: str,
    stroke: str | None = None,
    title: str = "",
    split_table: bool = False,
) -> Chart:
    """Lines through the rows of a table.

    Args:
        table: a `Table`, or what one is made of.
        x: column of the x axis.
        y: column of the y axis.
        stroke: column whose values are a line each.
        title: of the chart.
        split_table: show the table as a panel of its own, too.

    Raises:
        UsageError: the table has no such column. It is a `ValueError`.
    """
    made = as_table(table)
    fields = {"x": x, "y": y} | ({"stroke": stroke} if stroke is not None else {})
    spec = line_spec(_type_of(made, x), stroke is not None)
    return Chart(made, "rltrack/line/v0", spec, fields, {"title": title}, split_table=split_table)


def scatter(table: Any, x: str, y: str, title: str = "", split_table: bool = False) -> Chart:
    """A point for each row of a table; arguments as for `line`."""
    return _of("scatter", table, {"x": x, "y": y}, title, split_table)


def bar(table: Any, label: str, value: str, title: str = "", split_table: bool = False) -> Chart:
    """A bar for each row of a table.

    Args:
        table: a `Table`, or what one is made of.
        label: column of names.
        value: column of lengths.
        title: of the chart.
        split_table: show the table as a panel of its own, too.

    Raises:
        UsageError: the table has no such column. It is a `ValueError`.
    """
    return _of("bar", table, {"label": label, "value": value}, title, split_table)


def histogram(table: Any, value: str, title: str = "", split_table: bool = False) -> Chart:
    """How often values of a column occur; arguments as for `bar`."""
    return _of("histogram", table, {"value": value}, title, split_table)


def _of(name: str, table: Any, fields: dict[str, str], title: str, split_table: bool) -> Chart:
    preset = f"rltrack/{name}/v0"
    strings = {"title": title}
    return Chart(
        as_table(table), preset, BUILT_IN[preset], fields, strings, split_table=split_table
    )


def _type_of(table: Table, column: str) -> str:
    """How Vega-Lite takes a column; a missing one is told later."""
    kind = table.types.get(column, "float")
    return "temporal" if kind in _TIMES else _TYPES.get(kind, "ordinal")


def line_series(
    xs: Iterable[Any],
    ys: Iterable[Iterable[Any]],
    keys: Iterable[str] | None = None,
    title: str = "",
    xname: str = "x",
    split_table: bool = False,
) -> Chart:
    """Several lines in one chart.

    Args:
        xs: x values, the same for all lines, or of each line its own.
        ys: of each line its y values.
        keys: names of the lines.
        title: of the chart.
        xname: of the x axis.
        split_table: show the table as a panel of its own, too.

    Raises:
        TypeError: `xs` or `ys` is no list.
        UsageError: there are not as many of one as of another. It is a `ValueError`.
    """
    lines = [_numbers(values, "ys") for values in _listed(ys, "ys")]
    given = _listed(xs, "xs")
    own = [hasattr(one, "__len__") and not isinstance(one, str) for one in given]
    axes = (
        [_numbers(values, "xs") for values in given] if given and all(own) else [given] * len(lines)
    )
    names = [f"key_{number}" for number in range(len(lines))] if keys is None else list(keys)
    for what, found in (("x-lists", axes), ("keys", names)):
        if len(found) != len(lines):
            raise UsageError(f"line_series: there are {len(lines)} y-lists and {len(found)} {what}")
    rows = []
    for name, axis, values in zip(names, axes, lines, strict=True):
        if len(axis) != len(values):
            raise UsageError(
                f"line_series: {name!r} has {len(axis)} x values and {len(values)} y values"
            )
        rows += [[x, str(name), y] for x, y in zip(axis, values, strict=True)]
    table = Table(["step", "lineKey", "lineVal"], rows)
    fields = {"step": "step", "lineKey": "lineKey", "lineVal": "lineVal"}
    preset = "rltrack/lineseries/v0"
    strings = {"title": title, "xname": xname}
    return Chart(table, preset, BUILT_IN[preset], fields, strings, split_table=split_table)


def _listed(values: Any, what: str) -> Sequence[Any]:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"line_series: {what} is a list, and not {type(values).__qualname__}")
    return list(values)


def _numbers(values: Any, what: str) -> Sequence[Any]:
    return _listed(values, f"each of {what}")
