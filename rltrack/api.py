"""Read runs back: `rltrack.Api`.

    api = rltrack.Api()
    for run in api.runs("cartpole", filters={"config.seed": {"$lt": 3}}, order="-created_at"):
        print(run.name, run.summary["rollout/ep_rew_mean"])
        frame = run.history()

Everything is read from the folder, while it is being written or after, and exactly: there is
no sampling unless `samples=` asks for it.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import mimetypes
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from rltrack._api_artifacts import ArtifactQueries
from rltrack._api_cloud import refused
from rltrack._api_drafts import Drafts
from rltrack._api_projects import Project as ProjectName
from rltrack._api_projects import Projects
from rltrack._api_sweeps import Sweeps
from rltrack._api_transfer import Transfer
from rltrack._api_wandb import RunInWandbsWords
from rltrack._values import config_value
from rltrack.artifacts.artifact import Artifact, find, used
from rltrack.artifacts.names import checked_aliases
from rltrack.errors import NotFoundError, UsageError
from rltrack.extras import require
from rltrack.folder import State
from rltrack.journal.definitions import ROW_AXES, STEP
from rltrack.settings import resolve
from rltrack.store.console import ConsoleLine
from rltrack.store.edit import link_artifact
from rltrack.store.history import Table, TableColumn, pages, spread, table
from rltrack.store.media_file import copy_into, opened
from rltrack.store.project import Catalog, ListedRun, Project
from rltrack.store.query import Filter, compile_filters, field_reader, orders_of
from rltrack.store.run import RunDigest, RunReader, StreamName
from rltrack.store.series import series
from rltrack.store.table import RunTable
from rltrack.store.tail import RunTail

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import polars as pl

    from rltrack.store.tables import LoggedTable, Steps


class Api(ArtifactQueries, Projects, Sweeps, Transfer):
    """The runs of a folder.

    Args:
        root: the folder of all projects; by default that of the settings (``RLTRACK_DIR``, a
            settings file, ``./rltrack-runs``). A dict is taken for `overrides`.
        timeout: accepted for W&B's scripts, as `api_key` is: nothing is asked over a network.
        api_key: see `timeout`.
        overrides: W&B's choices for paths that leave something out: ``project`` and ``entity``.
    """

    def __init__(
        self,
        root: str | PathLike[str] | Mapping[str, Any] | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
        *,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(root, Mapping):
            root, overrides = None, root
        chosen = resolve().dir if root is None else root
        self.root = Path(chosen or ".").absolute()
        self._overrides = overrides or {}
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
        name = project if project is not None else before[-1] if before else None
        if name is None:
            name = self._chosen_project(f"run({path!r})")
        found = self._project(name)
        listed = found.get(run_id)
        if listed is None:
            raise NotFoundError(_no_such_run(found, run_id))
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

        runs = [run._reader for run in self.runs(project, filters)]
        for reader in runs:
            reader.refresh()
        return tables_of(runs, key, steps)

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

        runs = [run._reader for run in self.runs(project, filters)]
        for reader in runs:
            reader.refresh()
        return chart_of(self.root, runs, key, steps)

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
        return self._catalog.project(name.rpartition("/")[2])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise refused(name)

    def __repr__(self) -> str:
        return f"<rltrack.Api {self.root}>"


class Runs(Sequence["Run"]):
    """Runs of a project, filtered and in order; read at the first look, and then kept."""

    def __init__(self, project: Project, fits: Filter, order: str | Sequence[str]) -> None:
        self._project = project
        self._fits = fits
        self._order = order
        self._found: list[Run] | None = None

    def _runs(self) -> list[Run]:
        if self._found is None:
            project = self._project
            with project.lock:
                project.refresh()
                table = project.table()
                places = table.query(self._fits, orders_of(self._order)).tolist()
                self._found = [Run(project, project.run(table.runs[at].id)) for at in places]
        return self._found

    def group_by(
        self, keys: str | Sequence[str] | None = None, *, but: Sequence[str] = ()
    ) -> list[tuple[dict[str, Any], list[Run]]]:
        """The runs in groups, in the order of their first runs.

        Args:
            keys: fields that are the same in a group, as filters name them.
            but: instead of `keys`: keys of the config that may differ in a group, while all others
                are the same. ``but=["seed"]`` makes a group of each experiment.

        Returns:
            Of each group the values that its runs share, and the runs.

        Raises:
            UsageError: runs have no such field, or both or none of `keys` and `but` are given.
        """
        if (keys is None) == (not but):
            raise UsageError("group_by takes fields, or but=[...] for all of the config but these")
        runs = {run.id: run for run in self._runs()}
        table = RunTable(run._digest() for run in runs.values())
        if keys is None:
            found = table.groups_by_config(but)
        else:
            fields = [keys] if isinstance(keys, str) else list(keys)
            found = table.groups([(key, field_reader(key, "group_by")) for key in fields])
        return [(values, [runs[table.runs[at].id] for at in group]) for values, group in found]

    @overload
    def histories(
        self,
        samples: int | None = None,
        keys: Sequence[str] | None = None,
        x_axis: str = STEP,
        format: Literal["default"] = "default",
        stream: StreamName = "default",
    ) -> list[dict[str, Any]]: ...
    @overload
    def histories(
        self,
        samples: int | None = None,
        keys: Sequence[str] | None = None,
        x_axis: str = STEP,
        *,
        format: Literal["pandas"],
        stream: StreamName = "default",
    ) -> pd.DataFrame: ...
    @overload
    def histories(
        self,
        samples: int | None = None,
        keys: Sequence[str] | None = None,
        x_axis: str = STEP,
        *,
        format: Literal["polars"],
        stream: StreamName = "default",
    ) -> pl.DataFrame: ...
    def histories(
        self,
        samples: int | None = None,
        keys: Sequence[str] | None = None,
        x_axis: str = STEP,
        format: Literal["default", "pandas", "polars"] = "default",
        stream: StreamName = "default",
    ) -> list[dict[str, Any]] | pd.DataFrame | pl.DataFrame:
        """The rows of all these runs, each with the run's id as ``run_id``, run by run.

        Args:
            samples: at most this many rows of each run, evenly spread; by default all.
            keys: columns to have; a run without one of them has no value there.
            x_axis: order each run's rows by this metric.
            format: ``default`` is a list of dicts that have what was logged; ``pandas`` and
                ``polars`` are one DataFrame.
            stream: ``default``, or ``system`` for samples of the machine.

        Raises:
            UsageError: the format is unknown.
            MissingExtraError: pandas or polars is not installed.
        """
        if format not in ("default", "pandas", "polars"):
            raise UsageError(f"format={format!r}: 'default', 'pandas' or 'polars' was expected")
        found = list(self._histories(samples, keys, x_axis, stream))
        if format == "default":
            return [{"run_id": name, **row} for name, rows in found for row in rows.dicts()]
        pandas = require("pandas", extra="analysis")
        frames = []
        for name, rows in found:
            frame = _data_frame(rows)
            frame.insert(0, "run_id", name)
            frames.append(frame)
        joined: pd.DataFrame = (
            pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame({"run_id": []})
        )
        if format == "pandas":
            return joined
        polars: pl.DataFrame = require("polars", extra="analysis").from_pandas(joined)
        return polars

    def _histories(
        self,
        samples: int | None,
        keys: Sequence[str] | None,
        x_axis: str,
        stream: StreamName,
    ) -> Iterator[tuple[str, Table]]:
        """The rows of each run that has any of them."""
        wanted = [keys] if isinstance(keys, str) else keys
        for run in self._runs():
            reader = run._reader
            reader.refresh()
            known = reader.logged_keys(stream)
            if x_axis not in known and x_axis not in ROW_AXES:
                continue
            there = None if wanted is None else [key for key in wanted if key in known]
            if there != []:
                yield run.id, run._sampled(there, x_axis, samples, stream)

    def __len__(self) -> int:
        return len(self._runs())

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> list[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | list[Run]:
        return self._runs()[index]

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs())

    def __repr__(self) -> str:
        return f"<rltrack.Runs of {self._project.name}, {len(self)} in all>"


class Run(RunInWandbsWords):
    """One run, as it stands in the folder. What is read is as of the moment of reading.

    Found by `Api.runs` and `Api.run`.
    """

    def __init__(self, project: Project, listed: ListedRun) -> None:
        self._project = project
        self._listed = listed
        self._drafts = Drafts()

    @property
    def _reader(self) -> RunReader:
        return self._listed.open()

    def _digest(self) -> RunDigest:
        with self._project.lock:
            self._listed.look(again=True)
            return self._listed.digest()

    @property
    def id(self) -> str:
        """Names the run within its project, for ever."""
        return self._listed.id

    @property
    def project(self) -> str:
        """The project that the run belongs to."""
        return self._project.name

    @property
    def path(self) -> str:
        """``project/id``, as `Api.run` takes it."""
        return f"{self.project}/{self.id}"

    @property
    def folder(self) -> Path:
        """Where the run is on the disk."""
        return self._listed.folder.path

    @property
    def url(self) -> str:
        """The address of its folder."""
        return self.folder.as_uri()

    @property
    def name(self) -> str:
        """The display name."""
        return self._digest().name

    @name.setter
    def name(self, name: str) -> None:
        self._edit(facts={"name": name})

    display_name = name

    @property
    def state(self) -> State:
        """``running``, ``finished``, ``failed``, ``crashed``, ``killed`` or ``preempted``."""
        return self._digest().state

    @property
    def group(self) -> str | None:
        """The group that the run belongs to."""
        return self._digest().group

    @group.setter
    def group(self, group: str | None) -> None:
        self._edit(facts={"group": group})

    @property
    def job_type(self) -> str | None:
        """What kind of job the run is within its group."""
        return self._digest().job_type

    @job_type.setter
    def job_type(self, job_type: str | None) -> None:
        self._edit(facts={"job_type": job_type})

    @property
    def sweep_id(self) -> str | None:
        """The sweep that the run is a trial of."""
        return self._digest().sweep

    @property
    def tags(self) -> tuple[str, ...]:
        """Labels of the run."""
        return self._digest().tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._edit(facts={"tags": [tags] if isinstance(tags, str) else list(tags)})

    @property
    def notes(self) -> str | None:
        """Free text about the run."""
        return self._digest().notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._edit(facts={"notes": notes})

    @property
    def created_at(self) -> float:
        """When the run began, in seconds since the epoch."""
        return self._digest().created_at

    @property
    def metadata(self) -> dict[str, Any]:
        """How the run came to be: command, host, versions, git."""
        self._reader.refresh()
        return self._reader.metadata()

    @property
    def lastHistoryStep(self) -> int | None:
        """The greatest step of a row; None without rows."""
        return self._digest().last_step

    @property
    def damage(self) -> tuple[str, ...]:
        """What could not be read; empty for a run that is whole."""
        return self._digest().damage

    def metrics(self) -> list[str]:
        """The names of numeric metrics, sorted."""
        return list(self._digest().metrics)

    # -- changes ---------------------------------------------------------------------------

    def _edit(self, **changes: Any) -> None:
        from rltrack.store.edit import edit

        edit(self._listed.folder, **changes)

    def update_config(self, values: Mapping[str, Any], remove: Sequence[str] = ()) -> None:
        """Change the recorded config, also of a run that has ended.

        Args:
            values: top-level keys to set.
            remove: top-level keys to remove.
        """
        self._edit(
            config={key: config_value(value) for key, value in values.items()},
            removed_config=list(remove),
        )

    def update_summary(self, values: Mapping[str, Any], remove: Sequence[str] = ()) -> None:
        """Change what the run amounts to, also of one that has ended.

        Args:
            values: keys to set; they stay, whatever was logged under them.
            remove: keys to remove.
        """
        self._edit(
            summary={key: config_value(value) for key, value in values.items()},
            removed_summary=list(remove),
        )

    def move(self, project: str) -> Run:
        """Put the run into another project; the run there.

        Raises:
            UsageError: it goes on, or that project has one of its id.
        """
        from rltrack.store.edit import move

        move(self._project.root, self._listed.folder, project)
        there = self._project.sibling(project)
        listed = there.get(self.id)
        assert listed is not None
        return Run(there, listed)

    def delete(
        self, delete_artifacts: bool = False, *, force: bool = False, forever: bool = False
    ) -> int:
        """Move the run into the trash, from which `rltrack restore` puts it back.

        Args:
            delete_artifacts: also the versions that it made, with their aliases; those do not come
                back.
            force: also if it goes on.
            forever: free its space at once.

        Returns:
            How many bytes are free now: 0, unless `forever`.

        Raises:
            UsageError: it goes on.
        """
        from rltrack.store.trash import delete, free

        versions = self.logged_artifacts() if delete_artifacts else []
        trashed = delete(self._project.root, self._listed.folder, force=force)
        for artifact in versions:
            artifact.delete(delete_aliases=True)
        return free(trashed) if forever else 0

    # -- files -----------------------------------------------------------------------------

    def files(self, names: Sequence[str] | None = None, pattern: str | None = None) -> list[File]:
        """The files that were saved with the run, and its media.

        Args:
            names: only these; by default all.
            pattern: only names that fit it, with ``*`` and ``?``.
        """
        found = [
            File(path, path.relative_to(place).as_posix() if place.name == "files" else None)
            for place in (self._listed.folder.files, self._listed.folder.media)
            for path in sorted(place.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        ]
        return [
            file
            for file in found
            if (names is None or file.name in names)
            and (pattern is None or fnmatch.fnmatchcase(file.name, pattern))
        ]

    def file(self, name: str) -> File:
        """One of `files`.

        Raises:
            NotFoundError: there is none of that name.
        """
        found = self.files([name])
        if not found:
            known = [file.name for file in self.files()]
            raise NotFoundError(f"run {self.path} has no file {name!r}; {_near(name, known)}")
        return found[0]

    # -- artifacts -------------------------------------------------------------------------

    def logged_artifacts(self, per_page: int = 100) -> list[Artifact]:
        """The versions that the run made, in that order; those that were deleted are not there.

        Args:
            per_page: accepted for W&B's scripts.
        """
        return self._artifacts("logged")

    def used_artifacts(self, per_page: int = 100) -> list[Artifact]:
        """The versions that the run used, in that order; those that were deleted are not there.

        Args:
            per_page: accepted for W&B's scripts.
        """
        return self._artifacts("used")

    def _artifacts(self, role: str) -> list[Artifact]:
        reader = self._reader
        reader.refresh()
        # A run may make a version and use it later; each once.
        links = [link.artifact for link in reader.artifacts() if link.role == role]
        found = []
        for name in dict.fromkeys(links):
            try:
                found.append(find(self._project.root, name))
            except NotFoundError:
                continue
        return found

    def log_artifact(
        self, artifact: Artifact, aliases: Sequence[str] | None = None, tags: Any = None
    ) -> Artifact:
        """Make an artifact a version that this run made, after its end.

        Args:
            artifact: it; a draft is logged.
            aliases: besides ``latest``.
            tags: labels.
        """
        chosen, labels = checked_aliases(aliases), checked_aliases(tags, "tag")
        if artifact.is_draft():
            artifact.log_into(
                self._project.root, self.project, aliases=chosen, tags=labels, run=self.path
            )
        link_artifact(self._listed.folder, "logged", artifact, chosen)
        return artifact

    def use_artifact(self, artifact: Artifact, use_as: str | None = None) -> Artifact:
        """Say that this run used an artifact, after its end.

        Raises:
            ArtifactNotLoggedError: it is a draft.
        """
        used(artifact, self.path, use_as)
        link_artifact(self._listed.folder, "used", artifact, [artifact.version], use_as)
        return artifact

    @property
    def system_metrics(self) -> dict[str, Any]:
        """The last sample of the machine; all of them are in ``history(stream="system")``."""
        reader = self._reader
        reader.refresh()
        found: dict[str, Any] = {}
        for key in reader.logged_keys("system"):
            points = reader.points(key, "system")
            if points is not None and len(points):
                row, values = points.numbers()
                if len(row):
                    found[key] = float(values[-1])
        return found

    # -- what it printed -------------------------------------------------------------------

    def console_logs(
        self, *, last: int | None = None, stream: str | None = None, per_page: int = 1000
    ) -> Iterator[ConsoleLine]:
        """What the run printed, as a terminal shows it, oldest line first; read anew at each call.

        Args:
            last: only so many lines, the newest.
            stream: only those of ``stdout``, or of ``stderr``.
            per_page: accepted for W&B's scripts; a folder has no pages.

        Raises:
            UsageError: there is no such stream.
        """
        if stream not in (None, "stdout", "stderr"):
            raise UsageError(f"stream={stream!r}: there are stdout and stderr")
        lines = iter(self._reader.console(last=None if stream else last))
        if stream is not None:
            lines = (line for line in lines if line.stream == stream)
        return lines if last is None else iter(deque(lines, maxlen=max(0, last)))

    def tail(self) -> RunTail:
        """Follows the run while it goes on: its newest values, and the lines that it prints."""
        return self._reader.tail()

    # -- tables ----------------------------------------------------------------------------

    def table(self, key: str, step: int | None = None) -> LoggedTable:
        """A table that was logged.

        Args:
            key: under which.
            step: at which; by default as it was logged last.

        Raises:
            NotFoundError: there is none.
            QueryError: its file is damaged.
        """
        from rltrack.store.tables import table_of

        self._reader.refresh()
        return table_of(self._reader, key, step)

    def tables(self, key: str, steps: Steps = "all") -> LoggedTable:
        """A table as it was at each step, one after the other, with the column ``step`` first.

        Args:
            key: under which it was logged.
            steps: ``all``, ``last``, one or several.

        Raises:
            NotFoundError: there is none.
            QueryError: a file is damaged.
        """
        from rltrack.store.tables import tables_of

        self._reader.refresh()
        return tables_of([self._reader], key, steps, with_run=False)

    # -- rows ------------------------------------------------------------------------------

    @overload
    def history(
        self,
        keys: Sequence[str] | int | None = None,
        x_axis: str | Sequence[str] | None = STEP,
        samples: int | str | None = None,
        *,
        pandas: Literal[True] = True,
        stream: StreamName = "default",
    ) -> pd.DataFrame: ...
    @overload
    def history(
        self,
        keys: Sequence[str] | int | None = None,
        x_axis: str | Sequence[str] | None = STEP,
        samples: int | str | None = None,
        *,
        pandas: Literal[False],
        stream: StreamName = "default",
    ) -> list[dict[str, Any]]: ...
    def history(
        self,
        keys: Sequence[str] | int | None = None,
        x_axis: str | Sequence[str] | None = STEP,
        samples: int | str | None = None,
        *,
        pandas: bool = True,
        stream: StreamName = "default",
    ) -> pd.DataFrame | list[dict[str, Any]]:
        """The rows of the run, each exactly as it was logged.

        Columns are ``_step``, ``_timestamp`` (seconds since the epoch), ``_runtime`` (seconds
        since the run began) and the keys. In a DataFrame, ints are ``int64`` and bools
        ``bool``; with holes they are ``Int64`` and ``boolean``, so that a large int stays
        exact. A hole among floats is NaN, like a NaN that was logged: ``pandas=False`` tells
        them apart.

        Args:
            keys: columns to have, and rows that have at least one of them; by default all. In W&B,
                `samples` comes first, `keys` second and `x_axis` third: where a number stands
                here, they are taken so.
            x_axis: order rows by this metric; where a row has no value of it, the last one at
                its step or before stands in.
            samples: at most this many rows, evenly spread; by default all.
            pandas: a DataFrame; False is a list of dicts that have what was logged.
            stream: ``default``, or ``system`` for samples of the machine.

        Raises:
            NotFoundError: the run has no such metric.
            MissingExtraError: pandas is not installed.
        """
        keys, x_axis, samples = _checked_history(keys, x_axis, samples)
        found = self._sampled(keys, x_axis, samples, stream)
        return _data_frame(found) if pandas else found.dicts()

    def series(
        self, key: str, x_axis: str = STEP, *, stream: StreamName = "default"
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The points of one metric over an axis: every one that was logged, exactly.

        Args:
            key: the metric.
            x_axis: ``_step``, ``_timestamp``, ``_runtime``, or another metric, of which a point has
                the value of its own row, or else the last one at its step or before.
            stream: ``default``, or ``system`` for samples of the machine.

        Returns:
            x and y, each of the shape (n_points,); x ascends. Empty if it was never logged.
        """
        reader = self._reader
        reader.refresh()
        found = series(reader, key, x_axis, stream)
        return (np.empty(0), np.empty(0)) if found is None else (found.x, found.y)

    def scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Iterate over rows as dicts.

        Args:
            keys: what to have of each row, and only rows that have all of them, as in W&B.
            page_size: how many rows are made into dicts at a time.
            min_step: the first step.
            max_step: the step before which to stop.

        Raises:
            NotFoundError: the run has no such metric.
        """
        found = self._table(keys, STEP, "default").where(keys or (), min_step, max_step)
        if keys is not None:
            found = Table({key: found.columns[key] for key in keys}, found.row_count)
        return pages(found, max(page_size, 1))

    def _sampled(
        self, keys: Sequence[str] | None, x_axis: str, samples: int | None, stream: StreamName
    ) -> Table:
        found = self._table(keys, x_axis, stream)
        if samples is None:
            return found
        if samples < 1:
            raise UsageError(f"history(samples={samples}) must be 1 or more; leave it out for all")
        return found.take(spread(found.row_count, samples))

    def _table(self, keys: Sequence[str] | None, x_axis: str, stream: StreamName) -> Table:
        if isinstance(keys, str):
            keys = [keys]
        self._reader.refresh()
        known = self._reader.logged_keys(stream)
        for key in [*(keys or ()), x_axis]:
            if key not in known and key not in ROW_AXES:
                raise NotFoundError(f"run {self.path} has no metric {key!r}; {_near(key, known)}")
        found = table(self._reader, keys, x_axis=x_axis, stream=stream)
        for column in found.columns.values():
            if column.values.dtype == object:
                for at, value in enumerate(column.values.tolist()):
                    if isinstance(value, (dict, list)):
                        column.values[at] = opened(value, self._reader)
        return found

    def __repr__(self) -> str:
        return f"<rltrack.api.Run {self.path} {self.name!r} {self.state}>"


class File:
    """A file of a run."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = path
        """Where it is on the disk."""
        self.name = name if name is not None else _media_name(path)
        """Relative to the run's files; of media, with ``media/`` in front."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size

    @property
    def mimetype(self) -> str:
        """By its name."""
        return mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"

    @property
    def updated_at(self) -> float:
        """When it was last written, in seconds since the epoch."""
        return self.path.stat().st_mtime

    @property
    def sha256(self) -> str:
        """Of its content."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def download(
        self, root: str | PathLike[str] = ".", replace: bool = False, exist_ok: bool = False
    ) -> Path:
        """Copy it, under its name, into a folder; where it is then.

        Args:
            root: the folder.
            replace: write over a file that is there.
            exist_ok: leave a file that is there as it is.

        Raises:
            UsageError: a file is there, and neither is allowed.
        """
        return copy_into(self.path, Path(root) / self.name, replace, exist_ok)

    def __repr__(self) -> str:
        return f"<rltrack.File {self.name} {self.size} bytes>"


def _media_name(path: Path) -> str:
    parts = path.parts
    return "/".join(parts[len(parts) - 1 - parts[::-1].index("media") :])


def _data_frame(found: Table) -> pd.DataFrame:
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


def _checked_history(
    keys: object, x_axis: object, samples: object
) -> tuple[Sequence[str] | None, str, int | None]:
    """The arguments of `history`, which come in W&B's order where a number stands first.

    Raises:
        UsageError: one of them is nothing of the kind.
    """
    if isinstance(keys, int):
        keys, x_axis, samples = None if x_axis == STEP else x_axis, samples, keys
    x_axis = STEP if x_axis is None else x_axis
    if (
        not isinstance(x_axis, str)
        or not isinstance(samples, int | None)
        or not isinstance(keys, Sequence | None)
    ):
        raise UsageError(
            f"history(keys={keys!r}, x_axis={x_axis!r}, samples={samples!r}): metrics, one metric, "
            "and a number"
        )
    return keys, x_axis, samples


def _no_such_run(project: Project, run_id: str) -> str:
    project.refresh()
    names = {run.digest().name: run.id for run in project.runs()}
    if run_id in names:
        return (
            f"no run with id {run_id!r} in project {project.name!r}; "
            f"the run of that name has the id {names[run_id]!r}"
        )
    known = [run.id for run in project.runs()]
    return (
        f"no run {run_id!r} among the {len(known)} runs of project {project.name!r}; "
        f"{_near(run_id, known)}"
    )


def _near(asked: str, known: Iterable[str]) -> str:
    """What to do next: the name that was probably meant, or some that are there."""
    names = sorted(known)
    if near := difflib.get_close_matches(asked, names, n=1):
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"there are {', '.join(names[:8])}{more}" if names else "it has none"
