"""Arrow tables as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rltrack.extras import require
from rltrack.media.table_kinds import arrow

if TYPE_CHECKING:
    import pandas as pd


def data_frame(table: Any) -> pd.DataFrame:
    """A table as a DataFrame; ints with holes are ``Int64``, so that none becomes a float.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = require("pandas", extra="analysis")
    found: pd.DataFrame = table.to_pandas()
    for place, column in enumerate(table.columns):
        if column.null_count and arrow().types.is_integer(column.type):
            found.isetitem(place, pandas.array(column.to_pylist(), dtype="Int64"))
    return found
