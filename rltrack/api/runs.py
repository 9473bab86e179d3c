"""Several runs of a project: chosen, ordered, grouped, and read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from rltrack.api.frames import data_frame
from rltrack.api.run import Run
from rltrack.errors import UsageError
from rltrack.extras import require
from rltrack.journal.definitions import ROW_AXES, STEP
from rltrack.store.history import Table
from rltrack.store.project import Project
from rltrack.store.query import Filter, field_reader, orders_of
from rltrack.store.run import StreamName
from rltrack.store.table import RunTable

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class Runs(Sequence[Run]):
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
            frame = data_frame(rows)
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
