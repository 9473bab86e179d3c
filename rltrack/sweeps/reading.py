"""A sweep, read from its folder or its server: `Api().sweep(id)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rltrack.errors import NotFoundError
from rltrack.extras import require
from rltrack.sweeps.folder import Place, find_folder, folders
from rltrack.sweeps.given import enqueue
from rltrack.sweeps.importance import Importances, Method, importances
from rltrack.sweeps.ledger import AgentFacts, Ledger, SweepState, Trial
from rltrack.sweeps.methods import search_of
from rltrack.sweeps.schema import SweepConfig
from rltrack.sweeps.source import parse
from rltrack.sweeps.through import ServerSweep
from rltrack.sync.client import joined

if TYPE_CHECKING:
    import pandas as pd

    from rltrack.api import Api, Run, Runs


class Sweep:
    """One sweep, as it stands. What is read is as of the moment of reading."""

    def __init__(self, api: Api, folder: Place) -> None:
        self._api = api
        self._folder = folder
        self._facts = folder.facts()
        self._ledger = Ledger(folder, self._config.retry)

    @property
    def _config(self) -> SweepConfig:
        return self._folder.config()

    @property
    def id(self) -> str:
        """Names the sweep."""
        return self._folder.id

    @property
    def project(self) -> str:
        """The project that its runs belong to."""
        return self._facts.project

    @property
    def _whole(self) -> str:
        entity = self._facts.entity
        return f"{entity}/{self.project}" if entity else self.project

    @property
    def path(self) -> str:
        """``project/id``; on a server with the user or team in front."""
        return f"{self._whole}/{self.id}"

    @property
    def name(self) -> str:
        """The display name; without one, the id."""
        return self._config.name or self.id

    @property
    def url(self) -> str:
        """The address of its folder, or of its page on a server."""
        return self._folder.url

    @property
    def created_at(self) -> float:
        """When it was made, in seconds since the epoch."""
        return self._facts.created_ns / 1e9

    @property
    def config(self) -> dict[str, Any]:
        """The config, as it was given."""
        return parse(self._folder.text(), self.id)

    @property
    def state(self) -> SweepState | Literal["PENDING"]:
        """W&B's word: ``PENDING``, ``RUNNING``, ``PAUSED``, ``FINISHED`` or ``CANCELED``."""
        self._ledger.poll()
        if self._ledger.state == "RUNNING" and not self._ledger.trials:
            return "PENDING"
        return self._ledger.state

    @property
    def order(self) -> str | None:
        """What `Api.runs` takes to have the best run first; None without a metric."""
        metric = self._config.metric
        if metric is None:
            return None
        return f"{'+' if metric.goal == 'minimize' else '-'}summary_metrics.{metric.name}"

    @property
    def trials(self) -> list[Trial]:
        """The trials by number."""
        self._ledger.poll()
        return list(self._ledger.ordered())

    @property
    def runs(self) -> Runs:
        """Its runs, the oldest first; a trial may have several."""
        return self._api.runs(self._whole, {"sweep": self.id})

    @property
    def expected_run_count(self) -> int | None:
        """How many trials there will be; None if there is no end."""
        config = self._config
        if config.method == "grid":
            size = search_of(config, self._facts).size(self._ledger)
        else:
            size = None
        known = [count for count in (size, config.run_cap) if count is not None]
        return min(known) if known else None

    def enqueue_run(self, config: Mapping[str, Any]) -> int:
        """Let these parameters be run next, whatever the method would choose; the trial's number.

        Args:
            config: of all parameters but constants.

        Raises:
            UsageError: one is missing or unknown, or the sweep takes no more trials.
        """
        return enqueue(self._folder, config)

    @property
    def agents(self) -> list[AgentFacts]:
        """Who runs its trials, or did."""
        self._ledger.poll()
        return self._ledger.agents()

    def best_trial(self) -> Trial | None:
        """The trial with the best value of the first metric; None if none has one."""
        metric = self._config.metric
        done = [trial for trial in self.trials if trial.result]
        if metric is None or not done:
            return None
        sign = 1 if metric.goal == "minimize" else -1
        return min(done, key=lambda trial: sign * (trial.result or [0.0])[0])

    def best_run(self, order: str | Sequence[str] | None = None) -> Run | None:
        """The best run; None if none has a value.

        Args:
            order: as for `Api.runs`; by default by the sweep's metric and goal.
        """
        if order is not None:
            runs = self._api.runs(self._whole, {"sweep": self.id}, order)
            return runs[0] if len(runs) else None
        best = self.best_trial()
        if best is None:
            return None
        try:
            return self._api.run(f"{self._whole}/{best.run_id}")
        except NotFoundError:  # somebody deleted it
            return None

    def importances(self, method: Method = "forest", metric: str | None = None) -> Importances:
        """How much each parameter has to do with the metric.

        Args:
            method: ``forest`` with correlation, as W&B shows; ``fanova`` or ``ped_anova``.
            metric: one of the sweep's; by default the first.

        Raises:
            UsageError: there are fewer than two trials with a value, or no such metric.
        """
        config = self._config
        names = [one.name for one in config.metrics]
        at = names.index(metric) if metric in names else 0
        if metric is not None and metric not in names:
            return self._api.importances(self.runs, metric, list(config.space.varied()), method)
        points = [
            (config.space.flat(trial.parameters), trial.result[at])
            for trial in self.trials
            if trial.result
        ]
        goal = config.metrics[at].goal if config.metrics else "minimize"
        varied = [name for name in config.space.varied() if any(name in one for one, _ in points)]
        return importances(points, names[at] if names else "", varied, method, goal)

    def dataframe(self) -> pd.DataFrame:
        """A row a trial: number, state, run, parameters, metrics, seconds."""
        pandas = require("pandas", extra="analysis")
        config = self._config
        rows = []
        for trial in self.trials:
            values: Sequence[float | None] = trial.values or [None] * len(config.metrics)
            seconds = None if trial.ended_ns is None else (trial.ended_ns - trial.started_ns) / 1e9
            row: dict[str, Any] = {
                "trial": trial.number,
                "state": trial.state,
                "run_id": trial.run_id,
                "attempt": trial.attempt,
                **config.space.flat(trial.parameters),
            }
            row |= {one.name: value for one, value in zip(config.metrics, values, strict=True)}
            rows.append({**row, "seconds": seconds, "reason": trial.reason})
        found: pd.DataFrame = pandas.DataFrame(rows)
        return found

    def __repr__(self) -> str:
        return f"<rltrack.Sweep {self.path} {self.state}, {len(self._ledger.trials)} trials>"


def read_sweep(api: Api, sweep_id: str) -> Sweep:
    """See `Api.sweep`."""
    server = api._server
    if server is not None:
        name = sweep_id.strip("/").rpartition("/")[2]
        project = server.ask("GET", joined("api", "sweeps", name))["project"]
        return Sweep(api, ServerSweep(server.client, project, name, api.root))
    return Sweep(api, find_folder(api.root, sweep_id))


def read_sweeps(api: Api, project: str | None) -> list[Sweep]:
    """See `Api.sweeps`."""
    if (server := api._server) is not None:
        names = api._catalog.names() if project is None else [server.whole_name(project)]
        found = [
            Sweep(api, ServerSweep(server.client, name, one["id"], api.root))
            for name in names
            for one in server.ask("GET", joined("api", "projects", name, "sweeps"))["sweeps"]
        ]
        return sorted(found, key=lambda one: -one.created_at)
    found = [Sweep(api, folder) for folder in folders(api.root)]
    chosen = [one for one in found if project in (None, one.project)]
    return sorted(chosen, key=lambda one: -one.created_at)
