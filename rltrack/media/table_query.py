"""SQL over a table that is still in the program: its rows go into a file of the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rltrack.engine.ask import Limits, View, ask
from rltrack.engine.files import FileRows, TableFile
from rltrack.engine.types import duck_type, sql_names
from rltrack.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from rltrack.media.table import Table


def query_table(table: Table, text: str, timeout_s: float) -> pd.DataFrame:
    """`Table.query`."""
    schema = table._schema()
    if not len(schema):
        raise UsageError("a table without columns has nothing to ask for")
    names = sql_names(schema.names)
    columns = {name: duck_type(field) for name, field in zip(names, schema, strict=True)}

    def provide(needed: Sequence[str], folder: Path) -> Mapping[str, View]:
        if not needed:
            return {}
        path = folder / "logged.parquet"
        table.encode(path)
        return {"table": FileRows([TableFile(path, columns)]).view(folder / "views")}

    with ask(text, {"table": columns}, provide, Limits(timeout_s=timeout_s)) as answer:
        return answer.frame()
