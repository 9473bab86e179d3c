"""SQL over the runs of a project: one query, in a process of its own that can only read.

    with query(runs, "SELECT key, max(value) FROM points GROUP BY key") as answer:
        table = answer.table()

The views are told in `sql_views.py`, and what keeps a query in its place in `engine/worker.py`.
Only what a query names is read: one over `runs` looks at no point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rltrack.engine.ask import Answer, Limits, View, ask
from rltrack.errors import NotFoundError, UsageError
from rltrack.store.project import Catalog, ListedRun, Project
from rltrack.store.run import RunReader
from rltrack.store.sql_views import VIEWS, view_sql, write_sources

__all__ = ["Answer", "Limits", "chosen_project", "query"]


def query(
    runs: Sequence[ListedRun | RunReader], text: str, limits: Limits | None = None
) -> AbstractContextManager[Answer]:
    """Run one query; its process ends with the block.

    Args:
        runs: what the views show.
        text: one statement that reads, in DuckDB's SQL.
        limits: what it may take.

    Raises:
        QueryError: it is wrong, is not one that reads, or took more than it may. Also raised
            while the answer is read.
        MissingExtraError: DuckDB or PyArrow is not installed.
    """

    def provide(needed: Sequence[str], folder: Path) -> Mapping[str, View]:
        sources = write_sources(needed, runs, folder)
        return {
            name: View(view_sql(VIEWS[name], source), [*source["whole"], *source["parts"]])
            for name, source in sources.items()
        }

    return ask(text, VIEWS, provide, limits)


def chosen_project(catalog: Catalog, name: str | None) -> Project:
    """A project by name, or the only one there is.

    Raises:
        NotFoundError: there is no such project, or none at all.
        UsageError: there are several, and none is named.
    """
    if name is not None:
        return catalog.project(catalog.named(name))
    known = catalog.names()
    if not known:
        raise NotFoundError(f"no runs in {catalog.root} yet; `rltrack demo` makes some")
    if len(known) > 1:
        raise UsageError(f"say which project; there are {', '.join(known)}")
    return catalog.project(known[0])
