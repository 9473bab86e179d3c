"""`Api`: where reading begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltrack._credentials import connection
from rltrack.api.artifacts import ArtifactQueries
from rltrack.api.cloud import refused
from rltrack.api.projects import Project as ProjectName
from rltrack.api.projects import Projects
from rltrack.api.reports import Reports
from rltrack.api.run import Run
from rltrack.api.runs import Runs
from rltrack.api.sweeps import Sweeps
from rltrack.api.told import no_such_run
from rltrack.api.transfer import Transfer
from rltrack.errors import NotFoundError, UsageError
from rltrack.settings import resolve
from rltrack.store.project import Catalog, Project
from rltrack.store.query import compile_filters, orders_of

if TYPE_CHECKING:
    import pandas as pd

    from rltrack.api.copies import Server
    from rltrack.store.run import RunReader
    from rltrack.store.tables import LoggedTable, Steps


class Api(ArtifactQueries, Projects, Reports, Sweeps, Transfer):
    """The runs of a folder, or of a server.

    Args:
        root: the folder of all projects; by default that of the settings (``RLTRACK_DIR``, a
            settings file, ``./rltrack-runs``). A dict is taken for `overrides`.
        timeout: accepted for W&B's scripts.
        api_key: of the server; by default that of ``rltrack login`` or ``RLTRACK_API_KEY``.
        base_url: the address of a server, whose runs are read instead; an empty text is the server
            of the settings. Projects are called ``project`` there or, of others than oneself,
            ``entity/project``. What is looked into is copied to the user's cache folder.
        overrides: W&B's choices for paths that leave something out: ``project`` and ``entity``;
            also ``base_url``.

    Raises:
        UsageError: there is no such server in the settings.
        StorageError: copies cannot be kept.
    """

    def __init__(
        self,
        root: str | PathLike[str] | Mapping[str, Any] | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(root, Mapping):
            root, overrides = None, root
        self._overrides = overrides or {}
        address = base_url if base_url is not None else self._overrides.get("base_url")
        self._server = None if address is None else _server_of(address, api_key)
        if self._server is not None:
            self.root = self._server.root
            from rltrack.api.copies import ServerCatalog

            self._catalog: Catalog = ServerCatalog(self._server)
            return
        chosen = resolve().dir if root is None else root
        self.root = Path(chosen or ".").absolute()
        self._catalog = Catalog(self.root)

    def projects(self, entity: str | None = None, per_page: int = 200) -> list[ProjectName]:
        """The projects, sorted by name; each is its name, with W&B's attributes.

        Args:
            entity: accepted for W&B's scripts.
            per_page: the same.
        """
        return [ProjectName(name, self) for name in self._catalog.names()]

    def runs(
        self,
        project: str | None = None,
        filters: Mapping[str, Any] | str | None = None,
        order: str | Sequence[str] = "+created_at",
        per_page: int = 50,
        include_sweeps: bool = True,
        lazy: bool = True,
        *,
        path: str | None = None,
    ) -> Runs:
        """The runs of a project, read when they are looked at.

        Args:
            project: its name; an entity in front of it (``team/project``) is left out. By default
                that of the settings, or the only one.
            filters: what runs must be, as W&B and MongoDB write it, for example
                ``{"config.lr": {"$lt": 1e-3}, "state": "finished"}``; over ``name``,
                ``display_name``, ``id``, ``state``, ``tags``, ``group``, ``jobType``, ``host``,
                ``createdAt``, ``config.<key>`` and ``summary_metrics.<key>``, with ``$and $or
                $nor $not $eq $ne $gt $gte $lt $lte $in $nin $exists $regex``. `name` fits by
                the display name or the id. Or the same as text, with what metrics amount to:
                ``"config.lr < 1e-3 and max(eval/mean_reward) >= 400"``.
            order: a field, ascending, or with ``-`` in front descending; several, of which the
                first counts most. Runs without it come last.
            per_page: accepted for W&B's scripts; nothing is fetched page by page.
            include_sweeps: the same.
            lazy: the same.
            path: W&B's name of `project`.

        Raises:
            NotFoundError: there is no such project.
            UsageError: a filter or the order is none, or the project is not said.
        """
        orders_of(order)  # so that a wrong one is told here, and not at the first look
        name = project or path or self._chosen_project("runs()")
        return Runs(self._project(name), compile_filters(filters), order)

    def run(self, path: str, project: str | None = None) -> Run:
        """One run.

        Args:
            path: ``project/id``, with an entity in front or without; or the id alone.
            project: its project, if `path` does not say it; by default that of the settings, or the
                only one.

        Raises:
            NotFoundError: there is no such project, or no such run in it.
            UsageError: the project is not said.
        """
        *before, run_id = path.strip("/").split("/")
        name = project if project is not None else "/".join(before[-2:]) if before else None
        if name is None:
            name = self._chosen_project(f"run({path!r})")
        found = self._project(name)
        listed = found.get(run_id)
        if listed is None:
            raise NotFoundError(no_such_run(found, run_id))
        return Run(found, listed)

    def sql(
        self, query: str, project: str | None = None, *, timeout_s: float = 60.0
    ) -> pd.DataFrame:
        """Ask a project in SQL (DuckDB's), in a process of its own that can only read.

        Args:
            query: one statement over the views ``runs``, ``aggregates``, ``points``, ``system``,
                ``media`` and ``tables``; ``rltrack sql --help`` tells their columns.
            project: its name; by default the only one.
            timeout_s: how many seconds it may take.

        Raises:
            QueryError: it is wrong, does more than read, or takes too long or too much memory.
            NotFoundError: there is no such project.
            UsageError: there are several projects, and none is named.
            MissingExtraError: DuckDB is not installed.
        """
        from rltrack.store import sql

        found = sql.chosen_project(self._catalog, project)
        found.refresh()
        with sql.query(found.runs(), query, sql.Limits(timeout_s=timeout_s)) as answer:
            return answer.frame()

    def tables(
        self,
        project: str,
        key: str,
        filters: Mapping[str, Any] | str | None = None,
        steps: Steps = "last",
    ) -> LoggedTable:
        """The tables that several runs logged under one key, one after the other.

        Columns ``run`` and ``step`` come first; where a table has one of that name itself, ours is
        ``_run`` or ``_step``. Columns of runs are put together by name.

        Args:
            project: its name.
            key: under which the tables were logged.
            filters: what runs must be, as for `runs`.
            steps: ``last`` of each run, ``all``, one or several.

        Raises:
            NotFoundError: there is no such project, or no such table in it.
            UsageError: a filter is none.
        """
        from rltrack.store.tables import tables_of

        return tables_of(self._readers(project, key, filters), key, steps)

    def _readers(
        self, project: str, key: str, filters: Mapping[str, Any] | str | None
    ) -> list[RunReader]:
        """The runs that logged something under a key; only these are read."""
        runs = [run for run in self.runs(project, filters) if key in run._digest().summary]
        readers = [run._reader for run in runs]
        for reader in readers:
            reader.refresh()
        return readers

    def chart(
        self,
        project: str,
        key: str,
        filters: Mapping[str, Any] | str | None = None,
        steps: Steps = "last",
    ) -> dict[str, Any]:
        """A chart that several runs logged under one key, drawn together: in Vega-Lite, with data.

        Args:
            project: its name.
            key: under which the charts were logged.
            filters: what runs must be, as for `runs`.
            steps: ``last`` of each run, ``all``, one or several.

        Raises:
            NotFoundError: there is no such chart, or it is of a preset that is not there.
        """
        from rltrack.store.charts import chart_of

        return chart_of(self.root, self._readers(project, key, filters), key, steps)

    def create_custom_chart(
        self,
        entity: str,
        name: str,
        display_name: str = "",
        spec_type: str = "vega2",
        access: str = "private",
        spec: str | Mapping[str, Any] | None = None,
    ) -> str:
        """Keep a chart's specification in a project, for `rltrack.plot_table`.

        Args:
            entity: the project, or ``team/project``; in W&B whose it is.
            name: of the chart; one of that name is replaced.
            display_name: as it is shown.
            spec_type: ``vega2``, which is Vega-Lite.
            access: accepted for W&B's scripts: who reads the folder reads its charts.
            spec: in Vega-Lite, with ``${field:x}`` for a column and ``${string:title}`` for a text.

        Returns:
            ``project/name``, as `rltrack.plot_table` takes it.

        Raises:
            UsageError: an argument is not what it may be.
        """
        from rltrack.plot.presets import write_preset

        if spec_type != "vega2":
            raise UsageError(f"create_custom_chart(spec_type={spec_type!r}): there is 'vega2'")
        if spec is None:
            raise UsageError("create_custom_chart: the spec is missing")
        project = entity.rpartition("/")[2]
        return write_preset(self.root, project, name, display_name or name, spec)

    def _project(self, name: str) -> Project:
        return self._catalog.project(self._catalog.named(name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise refused(name)

    def __repr__(self) -> str:
        return f"<rltrack.Api {self.root if self._server is None else self._server.address}>"


def _server_of(address: str, api_key: str | None) -> Server:
    told = connection(resolve(server=address or None, api_key=api_key))
    if told is None:
        raise UsageError(
            "no server is configured; `rltrack login URL` does that, or say base_url='https://…'"
        )
    from rltrack.api.copies import server_of

    return server_of(told)
