"""Rows as a DataFrame of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rltrack.extras import require
from rltrack.store.history import Table, TableColumn

if TYPE_CHECKING:
    import pandas as pd


def data_frame(found: Table) -> pd.DataFrame:
    """Rows, with a column for each metric.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = require("pandas", extra="analysis")
    # In one piece each: put in one by one, a thousand columns would be a thousand blocks.
    columns = {key: _pandas_column(column) for key, column in found.columns.items()}
    frame: pd.DataFrame = pandas.DataFrame(columns, copy=False)
    return frame


def _pandas_column(column: TableColumn) -> Any:
    pandas = require("pandas", extra="analysis")
    if column.present.all() or column.values.dtype.kind not in "ib":
        return column.values
    kind = (
        pandas.arrays.IntegerArray
        if column.values.dtype.kind == "i"
        else pandas.arrays.BooleanArray
    )
    return kind(column.values, ~column.present)
