"""What the page shows of sweeps, and asks of them; importance of parameters over any runs.

A ledger is followed for as long as the server runs, so that a look at a sweep costs what is new.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rltrack.errors import MissingExtraError, NotFoundError
from rltrack.server import sweep_board
from rltrack.server.answers import Refusal, is_number, json_answer, version_of
from rltrack.server.sight import lists, sight_of
from rltrack.store.project import Catalog
from rltrack.sweeps.distributions import Constant, LogUniform
from rltrack.sweeps.folder import SweepFolder, folders
from rltrack.sweeps.grid import Grid
from rltrack.sweeps.importance import importances
from rltrack.sweeps.ledger import Ledger, SweepState, Trial
from rltrack.sweeps.schema import SweepConfig

#: What the page's buttons say, and the state of the sweep that each means.
CHANGES: Final[dict[str, SweepState]] = {
    "pause": "PAUSED",
    "resume": "RUNNING",
    "stop": "FINISHED",
    "cancel": "CANCELED",
}
_KEPT_IMPORTANCES: Final = 64
_MOST_POINTS: Final = 20_000

Body = Callable[[Request], Awaitable[Any]]


class _Followed:
    """A sweep, and its ledger as far as it was read."""

    def __init__(self, folder: SweepFolder) -> None:
        self.folder = folder
        self.facts = folder.facts()
        self.ledger = Ledger(folder)
        self._stamp: tuple[int, int] | None = None
        self._config: SweepConfig | None = None

    def config(self) -> SweepConfig:
        """The config; read again when somebody has changed it."""
        about = (self.folder.path / "sweep.yaml").stat()
        stamp = (about.st_mtime_ns, about.st_size)
        if self._config is None or stamp != self._stamp:
            self._config, self._stamp = self.folder.config(), stamp
            self.ledger.retry = self._config.retry
        return self._config


class Sweeps:
    """The sweeps of a root.

    Args:
        catalog: the projects.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._root = catalog.root
        self._catalog = catalog
        self._followed: dict[Path, _Followed] = {}
        self._importances: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def of_project(self, project: str) -> dict[str, Any]:
        """The list of a project's sweeps, the newest first."""
        found = []
        for folder in folders(self._root):
            one = self._follow(folder)
            if one.facts.project == project:
                one.ledger.poll()
                found.append(_described(one))
        return {"sweeps": sorted(found, key=lambda one: -one["created_at"])}

    def one(self, project: str, sweep_id: str, since: int) -> dict[str, Any]:
        """A sweep, and those of its trials that changed since a version."""
        followed = self._find(project, sweep_id)
        config, ledger = followed.config(), followed.ledger
        ledger.poll()
        with ledger.lock:
            version = len(ledger.changed)
            numbers = dict.fromkeys(ledger.changed[since:] if 0 <= since <= version else ())
            whole = not 0 < since <= version
            changed = list(ledger.ordered()) if whole else [ledger.trials[n] for n in numbers]
            return {
                **_described(followed),
                "version": version,
                "has_runs": self._has_runs(project),
                "whole": whole,
                "text": followed.folder.text(),
                "path": str(followed.folder.path),
                "command": f"rltrack agent {followed.folder.id}",
                "early_terminate": config.early_terminate and config.early_terminate.type,
                "run_cap": config.run_cap,
                "expected": _expected(config),
                "parameters": _parameters(config),
                "metrics": [
                    {"name": one.name, "goal": one.goal, "target": one.target}
                    for one in config.metrics
                ],
                "agents": [
                    {
                        "name": one.name,
                        "host": one.host,
                        "pid": one.pid,
                        "began_at": one.began_ns / 1e9,
                        "beat_s": one.beat_s,
                        "state": one.state,
                        "running": list(one.running),
                        "reason": one.reason,
                    }
                    for one in ledger.agents()
                ],
                "trials": [_trial(one, config, ledger) for one in changed],
            }

    def change(self, project: str, sweep_id: str, body: Any) -> dict[str, Any]:
        """Pause, resume, stop or cancel a sweep, or one trial of it."""
        asked = body if isinstance(body, dict) else {}
        what: Any = asked.get("what")
        number: Any = asked.get("trial")
        if not _is_change(what) or not (number is None or type(number) is int):
            raise Refusal(400, f"what={what!r}, trial={number!r}", f"one of {', '.join(CHANGES)}")
        followed = self._find(project, sweep_id)
        ledger = Ledger(followed.folder)  # with a log of its own, that ends with this request
        ledger.poll()
        if number is not None and number not in ledger.trials:
            raise Refusal(404, f"sweep {sweep_id} has no trial {number}", "reload the page")
        try:
            if number is None:
                ledger.set_state(CHANGES[what], "the dashboard")
            else:
                ledger.ask(number, what, "the dashboard")
        except OSError as refusal:
            told = refusal.strerror
            raise Refusal(
                409, f"the sweep cannot be changed: {told}", "look at its folder"
            ) from None
        finally:
            ledger.leave()
        return self.one(project, sweep_id, -1)

    def importances(self, body: Any) -> dict[str, Any]:
        """Importance of parameters; of whatever rows the page has chosen.

        Args:
            body: ``columns`` is parameter to values, ``values`` what came of them, ``metric``,
                ``method`` and ``goal`` as for `rltrack.Api.importances`.
        """
        columns, values = _asked_columns(body)
        key = json.dumps(body, sort_keys=True)
        with self._lock:
            if key in self._importances:
                self._importances.move_to_end(key)
                return self._importances[key]
        rows = [
            ({name: column[at] for name, column in columns.items()}, value)
            for at, value in enumerate(values)
        ]
        try:
            found = importances(
                rows,
                str(body.get("metric", "")),
                method=body.get("method", "forest"),
                goal=body.get("goal", "minimize"),
            )
        except MissingExtraError as missing:
            raise Refusal(501, str(missing), "then start the dashboard again") from None
        answer: dict[str, Any] = {
            "method": found.method,
            "count": found.count,
            "caution": found.caution,
            "parameters": [
                {
                    "name": one.parameter,
                    "importance": one.importance,
                    "correlation": one.correlation,
                }
                for one in found
            ],
        }
        with self._lock:
            self._importances[key] = answer
            while len(self._importances) > _KEPT_IMPORTANCES:
                self._importances.popitem(last=False)
        return answer

    def _has_runs(self, project: str) -> bool:
        """Whether the project is there yet, as a sweep may be first."""
        try:
            self._catalog.project(project)
        except NotFoundError:
            return False
        return True

    def _follow(self, folder: SweepFolder) -> _Followed:
        with self._lock:
            known = self._followed.get(folder.path)
            if known is None:
                known = self._followed[folder.path] = _Followed(folder)
            return known

    def _find(self, project: str, sweep_id: str) -> _Followed:
        return self._follow(sweep_board.find(self._root, project, sweep_id))


def routes(catalog: Catalog, body: Body) -> list[Route]:
    """The routes of sweeps.

    Args:
        catalog: the projects.
        body: reads the JSON of a request.
    """
    root, sweeps = catalog.root, Sweeps(catalog)
    one = "/api/projects/{project:project}"

    def listed(request: Request) -> Response:
        """The sweeps of a project."""
        return json_answer(request, sweeps.of_project(request.path_params["project"]))

    def whole(request: Request) -> Response:
        """A sweep with its trials, or those that changed after a version."""
        return json_answer(request, sweeps.one(*_named(request), version_of(request)))

    async def change(request: Request) -> Response:
        """Pause, resume, stop or cancel a sweep, or one of its trials."""
        given = await body(request)
        return json_answer(request, await run_in_threadpool(sweeps.change, *_named(request), given))

    async def importance(request: Request) -> Response:
        """How much parameters matter for what came of them."""
        given = await body(request)
        return json_answer(request, await run_in_threadpool(sweeps.importances, given))

    def place(request: Request) -> Response:
        """In which project a sweep is."""
        name = request.path_params["sweep"]
        project = sweep_board.find(root, None, name).facts().project
        if not lists(sight_of(request), project):
            raise NotFoundError(f"no sweep {name!r}")
        return json_answer(request, {"id": name, "project": project})

    async def make(request: Request) -> Response:
        """Make a sweep."""
        project, given = request.path_params["project"], await body(request)
        return json_answer(request, await run_in_threadpool(sweep_board.make, root, project, given))

    async def board(request: Request) -> Response:
        """One step of an agent, which takes trials and tells of them."""
        given = await body(request)

        def step() -> dict[str, Any]:
            return sweep_board.step(sweep_board.find(root, *_named(request)), given)

        return json_answer(request, await run_in_threadpool(step))

    return [
        Route("/api/sweeps/{sweep}", place),
        Route(f"{one}/sweeps", listed, methods=["GET"]),
        Route(f"{one}/sweeps", make, methods=["POST"]),
        Route(f"{one}/sweeps/{{sweep}}/board", board, methods=["POST"]),
        Route(f"{one}/sweeps/{{sweep}}", whole),
        Route(f"{one}/sweeps/{{sweep}}/ask", change, methods=["POST"]),
        Route(f"{one}/importances", importance, methods=["POST"]),
    ]


def _is_change(what: object) -> bool:
    return isinstance(what, str) and what in CHANGES


def _named(request: Request) -> tuple[str, str]:
    return request.path_params["project"], request.path_params["sweep"]


def _described(followed: _Followed) -> dict[str, Any]:
    config, facts, ledger = followed.config(), followed.facts, followed.ledger
    with ledger.lock:
        trials = list(ledger.ordered())
        states = [trial.state for trial in trials]
        metric = config.metric
        best = None
        if metric is not None and (done := [one for one in trials if one.result]):
            sign = 1 if metric.goal == "minimize" else -1
            best = min(done, key=lambda one: sign * (one.result or [0.0])[0])
        return {
            "id": facts.id,
            "name": config.name or facts.id,
            "description": config.description,
            "project": facts.project,
            "method": config.method,
            "metric": None if metric is None else metric.name,
            "goal": None if metric is None else metric.goal,
            "state": "PENDING" if ledger.state == "RUNNING" and not trials else ledger.state,
            "reason": ledger.state_reason,
            "created_at": facts.created_ns / 1e9,
            "counts": {state: states.count(state) for state in dict.fromkeys(states)},
            "live_agents": sum(one.state == "alive" for one in ledger.agents()),
            "best": best
            and {
                "trial": best.number,
                "run": best.run_id,
                "value": best.result[0] if best.result else None,
            },
        }


def _expected(config: SweepConfig) -> int | None:
    """How many trials there will be; None if there is no end."""
    size = Grid(config.space).size if config.method == "grid" else None
    known = [count for count in (size, config.run_cap) if count is not None]
    return min(known) if known else None


def _parameters(config: SweepConfig) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": type(one).__name__,
            "log": isinstance(one, LogUniform),
            "constant": isinstance(one, Constant),
        }
        for name, one in config.space.parameters.items()
    ]


def _trial(trial: Trial, config: SweepConfig, ledger: Ledger) -> dict[str, Any]:
    return {
        "number": trial.number,
        "attempt": trial.attempt,
        "run": trial.run_id,
        "agent": trial.agent,
        "state": "queued" if ledger.is_queued(trial.number) else trial.state,
        "asked": trial.asked,
        "reason": trial.reason or trial.stop_reason,
        "parameters": config.space.flat(trial.parameters),
        "values": trial.result,
        "started_at": trial.started_ns / 1e9,
        "ended_at": None if trial.ended_ns is None else trial.ended_ns / 1e9,
        "exploited": trial.extra.get("from") if trial.extra.get("exploited") else None,
    }


def _asked_columns(body: Any) -> tuple[dict[str, list[Any]], list[float]]:
    columns = body.get("columns") if isinstance(body, dict) else None
    values = body.get("values") if isinstance(body, dict) else None
    if (
        not isinstance(columns, dict)
        or not isinstance(values, list)
        or len(values) > _MOST_POINTS
        or any(not isinstance(one, list) or len(one) != len(values) for one in columns.values())
    ):
        raise Refusal(
            400,
            "columns must be lists of one length, by the name of their parameter",
            f"and values a list of as many numbers, {_MOST_POINTS} at most",
        )
    goal = body.get("goal", "minimize")
    if goal not in ("minimize", "maximize"):
        raise Refusal(400, f"goal={str(goal)[:40]!r}", "it is minimize or maximize")
    kept = [at for at, value in enumerate(values) if is_number(value)]
    return (
        {name: [column[at] for at in kept] for name, column in columns.items()},
        [float(values[at]) for at in kept],
    )
