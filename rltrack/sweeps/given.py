"""What users give a sweep beside its config: runs from before it, points by hand, another config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rltrack.api import Api
from rltrack.errors import NotFoundError, UsageError
from rltrack.sweeps.distributions import Constant
from rltrack.sweeps.folder import Place, SweepFolder
from rltrack.sweeps.ledger import Ledger
from rltrack.sweeps.mistakes import nearest
from rltrack.sweeps.schema import SweepConfig, read_config
from rltrack.sweeps.source import parse

#: Methods whose trials are numbered points: another space would make other points of them.
_NUMBERED: Final = ("grid", "pbt")

Prior = tuple[str, dict[str, Any], list[float] | None]


def read_prior(root: Path, project: str, runs: Sequence[str], config: SweepConfig) -> list[Prior]:
    """Runs that are there already, as a sweep takes them: id, parameters, values.

    Args:
        root: the folder of all projects.
        project: of the runs.
        runs: their ids; a project and an entity before one are left out.
        config: of the sweep.

    Raises:
        UsageError: there is no such run, or it lacks a parameter of the sweep.
    """
    found: list[Prior] = []
    api = Api(root)
    for given in runs:
        run_id = given.rpartition("/")[2]
        try:
            run = api.run(f"{project}/{run_id}")
        except NotFoundError as missing:
            raise UsageError(f"prior_runs: {missing}") from None
        flat = config.space.flat(run.config)
        for name in config.space.varied():
            if name not in flat:
                raise UsageError(
                    f"prior_runs: the config of run {run_id!r} has no {name!r}, so it is no trial "
                    f"of this sweep; it has {', '.join(sorted(run.config)) or 'nothing'}"
                )
        values = [run.summary.get(metric.name) for metric in config.metrics]
        numbers = [
            float(value)
            for value in values
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
        ]
        whole = numbers if numbers and len(numbers) == len(values) else None
        found.append((run_id, config.space.nested(flat), whole))
    return found


def add_prior(folder: SweepFolder, prior: Sequence[Prior]) -> None:
    """Let runs count as trials of a new sweep."""
    ledger = Ledger(folder)
    try:
        for run_id, parameters, values in prior:
            ledger.add_prior(run_id, parameters, values)
    finally:
        ledger.leave()


def enqueue(place: Place, values: Mapping[str, Any]) -> int:
    """Let a point be run next, whatever the method would choose; the number of its trial.

    Args:
        place: where the sweep is.
        values: of all parameters but constants, nested or by dotted name.

    Raises:
        UsageError: a parameter is missing or unknown, or the sweep takes no more trials.
    """
    space = place.config().space
    constants = {
        name: one.value for name, one in space.parameters.items() if isinstance(one, Constant)
    }
    dotted = {name: value for name, value in values.items() if name in space.parameters}
    flat = constants | space.flat(values) | dotted
    known = {path[0] for path in space.paths.values()} | set(space.parameters)
    for name in values:
        if name not in known:
            raise UsageError(f"the sweep has no parameter {name!r}; {nearest(name, sorted(known))}")
    if missing := [name for name in space.parameters if name not in flat]:
        raise UsageError(f"say what {', '.join(missing)} shall be, too")
    ledger = Ledger(place)
    ledger.poll()
    if ledger.state in ("FINISHED", "CANCELED"):
        raise UsageError(
            f"sweep {place.id} is {ledger.state}; `rltrack sweep {place.id} --resume` lets it go on"
        )
    try:
        return ledger.enqueue(space.nested(flat))
    finally:
        ledger.leave()


def check_update(place: Place, text: str) -> SweepConfig:
    """The config that a sweep is to have from now on.

    Raises:
        UsageError: it has mistakes, or would make other points of trials that are there.
    """
    before, after = place.config(), read_config(parse(text, "the sweep"), "the sweep")
    ledger = Ledger(place)
    ledger.poll()
    changed = before.method != after.method or before.space != after.space
    numbered = before.method in _NUMBERED or after.method in _NUMBERED
    if ledger.trials and changed and numbered:
        raise UsageError(
            f"the method and parameters of a {before.method} sweep cannot change once it has "
            "trials; make a new one, with prior_runs for what was run already"
        )
    return after


def update(place: Place, text: str) -> None:
    """Give a sweep another config; agents go on by it with their next trial.

    Raises:
        UsageError: see `check_update`.
        StorageError: it cannot be written.
    """
    check_update(place, text)
    place.replace_text(text)
    ledger = Ledger(place)
    try:
        ledger.tell_config(text)
    finally:
        ledger.leave()
