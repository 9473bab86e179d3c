"""`rltrack sweep` and `rltrack agent`: searches, and who runs their trials."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltrack.cli.output import ago, print_json, print_table, root_of, text
from rltrack.cli.parser import Commands
from rltrack.errors import NotFoundError, UsageError
from rltrack.settings import resolve

if TYPE_CHECKING:
    from rltrack.sweeps.folder import Place
    from rltrack.sweeps.ledger import Ledger

_CHANGES = {"pause": "PAUSED", "resume": "RUNNING", "stop": "FINISHED", "cancel": "CANCELED"}


def add_to(commands: Commands) -> None:
    """Add the commands."""
    sweep = commands.add(
        "sweep", _sweep, "make a sweep, show or control one, or list all", prints_json=True
    )
    sweep.add_argument(
        "sweep",
        nargs="?",
        metavar="CONFIG|ID",
        help="a file of YAML or JSON, or a sweep that is there",
    )
    sweep.add_argument("-p", "--project", help="project of its runs (default: the config's)")
    sweep.add_argument("--name", help="name, instead of the config's")
    sweep.add_argument("--program", help="program, instead of the config's")
    sweep.add_argument("-e", "--entity", help=argparse.SUPPRESS)
    sweep.add_argument(
        "-R",
        "--prior-run",
        dest="prior_runs",
        action="append",
        metavar="RUN",
        help="with CONFIG: a run of the project that counts as a trial; may be given several times",
    )
    sweep.add_argument(
        "--update",
        metavar="ID",
        help="with CONFIG: give it to this sweep; agents go on by it with their next trial",
    )
    sweep.add_argument(
        "--enqueue", metavar="JSON", help="with ID: run these parameters next, as an object"
    )
    change = sweep.add_mutually_exclusive_group()
    for name, what in (
        ("pause", "begin no trials until it is resumed; those that run go on"),
        ("resume", "begin trials again"),
        ("stop", "begin no more trials; those that run go on to their end"),
        ("cancel", "begin no more trials, and end those that run"),
    ):
        change.add_argument(f"--{name}", action="store_true", help=what)
    sweep.add_argument(
        "--trial",
        type=int,
        metavar="N",
        help="of this trial alone: pause it for later, resume it, stop it with the value that it "
        "has, or cancel it",
    )

    agent = commands.add("agent", _agent, "run the trials of a sweep, by its program")
    agent.add_argument("sweep", help="its id")
    agent.add_argument("--count", type=_positive, metavar="N", help="run N trials at most")
    agent.add_argument(
        "--jobs",
        type=_positive,
        metavar="N",
        help="run N trials at a time (default: 1, or one a GPU)",
    )
    agent.add_argument(
        "--gpus", metavar="0,1|all", help="GPUs that jobs share out, by CUDA_VISIBLE_DEVICES"
    )
    agent.add_argument(
        "--gpus-per-job",
        type=_positive,
        default=1,
        metavar="N",
        help="GPUs of each job (default 1)",
    )
    agent.add_argument(
        "--term-timeout",
        "-t",
        type=float,
        metavar="SECONDS",
        help="from telling a program to end to killing it (default 30)",
    )
    agent.add_argument(
        "--forward-signals", "-f", action="store_true", help="Ctrl-C reaches the programs, too"
    )
    agent.add_argument(
        "--launch",
        choices=["local", "slurm", "ray"],
        help="start agents elsewhere: processes here, a SLURM array, or tasks of a Ray cluster",
    )
    agent.add_argument(
        "--agents",
        type=_positive,
        default=2,
        metavar="N",
        help="with --launch: how many (default 2)",
    )
    agent.add_argument(
        "--launch-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="with --launch slurm: of submitit, as slurm_partition=gpu or timeout_min=60; with ray: "
        "address, num_cpus, num_gpus",
    )


def _positive(written: str) -> int:
    number = int(written)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


# -- sweeps --------------------------------------------------------------------------------------


def _sweep(options: argparse.Namespace) -> int:
    change = next((name for name in _CHANGES if getattr(options, name)), None)
    if options.sweep is None:
        if change is not None or options.trial is not None:
            raise UsageError(f"which sweep? `rltrack sweep --{change or 'stop'} ID`")
        return _list(options)
    if options.update is not None:
        return _update(options)
    if change is None and options.trial is None and Path(options.sweep).is_file():
        return _make(options)
    from rltrack.sweeps.places import find_place

    try:
        folder = find_place(resolve(dir=options.dir), options.sweep)
    except NotFoundError as missing:
        if change is None and ("." in options.sweep or "/" in options.sweep):
            raise NotFoundError(f"there is no file {options.sweep!r}, and {missing}") from None
        raise
    with closing(folder):
        if options.enqueue is not None:
            return _enqueue(options, folder)
        return _show(options, folder) if change is None else _change(options, folder, change)


def _make(options: argparse.Namespace) -> int:
    from rltrack.sweeps.calls import sweep
    from rltrack.sweeps.source import read_source

    source: Any = options.sweep
    if given := {
        name: getattr(options, name) for name in ("name", "program") if getattr(options, name)
    }:
        source = read_source(source)[0] | given
    sweep_id = sweep(
        source,
        entity=options.entity,
        project=options.project,
        prior_runs=options.prior_runs,
        dir=options.dir,
    )
    if options.json:
        print_json({"id": sweep_id})
    else:
        print(sweep_id)
    return 0


def _update(options: argparse.Namespace) -> int:
    from rltrack.sweeps.given import update
    from rltrack.sweeps.places import find_place
    from rltrack.sweeps.source import read_source

    _, written, _ = read_source(options.sweep)
    with closing(find_place(resolve(dir=options.dir), options.update)) as place:
        update(place, written)
    if options.json:
        print_json({"id": place.id})
    else:
        print(f"sweep {place.id} goes on by {options.sweep}")
    return 0


def _enqueue(options: argparse.Namespace, place: Place) -> int:
    from rltrack.sweeps.given import enqueue

    try:
        values = json.loads(options.enqueue)
    except ValueError as mistake:
        raise UsageError(f"--enqueue takes an object of JSON: {mistake}") from None
    if not isinstance(values, dict):
        raise UsageError("--enqueue takes an object of JSON, as '{\"lr\": 0.1}'")
    number = enqueue(place, values)
    if options.json:
        print_json({"id": place.id, "trial": number})
    else:
        print(f"trial {number} of sweep {place.id} is run next")
    return 0


def _change(options: argparse.Namespace, folder: Place, change: str) -> int:
    from rltrack.sweeps.ledger import Ledger

    ledger = Ledger(folder)
    ledger.poll()
    by = f"`rltrack sweep --{change}`"
    try:
        if options.trial is None:
            ledger.set_state(_CHANGES[change], by)  # type: ignore[arg-type]
            told = f"sweep {folder.id} is {_CHANGES[change]}"
        elif options.trial not in ledger.trials:
            raise NotFoundError(
                f"sweep {folder.id} has no trial {options.trial}; it has {len(ledger.trials)} so far"
            )
        else:
            ledger.ask(options.trial, change, f"{by} --trial {options.trial}")  # type: ignore[arg-type]
            told = f"trial {options.trial} of sweep {folder.id} is asked to {change}"
    finally:
        ledger.leave()
    if options.json:
        print_json({"id": folder.id, "state": ledger.state})
    else:
        print(told)
    return 0


def _facts(folder: Place, ledger: Ledger) -> dict[str, Any]:
    facts, config = folder.facts(), folder.config()
    states = [trial.state for trial in ledger.ordered()]
    found: dict[str, Any] = {
        "id": facts.id,
        "name": config.name,
        "project": facts.project,
        "method": config.method,
        "state": ledger.state,
        "reason": ledger.state_reason,
        "created_at": facts.created_ns / 1e9,
        "trials": {state: states.count(state) for state in dict.fromkeys(states)},
        "best": None,
    }
    metric = config.metric
    done = [trial for trial in ledger.ordered() if trial.result]
    if metric is not None and done:
        pick = min if metric.goal == "minimize" else max
        best = pick(done, key=lambda trial: (trial.result or [0])[0])
        found["best"] = {
            "trial": best.number,
            "run": best.run_id,
            metric.name: best.result[0] if best.result else None,
            "parameters": best.parameters,
        }
    return found


def _list(options: argparse.Namespace) -> int:
    from rltrack.sweeps.folder import folders
    from rltrack.sweeps.ledger import Ledger

    found = []
    for folder in folders(root_of(options)):
        ledger = Ledger(folder)
        ledger.poll()
        found.append(_facts(folder, ledger))
    if options.json:
        print_json(found)
    elif not found:
        print("there are no sweeps; `rltrack sweep CONFIG.yaml` makes one")
    else:
        rows: list[list[object]] = [
            [
                *(one["id"], one["project"], one["method"], one["state"]),
                sum(one["trials"].values()),
                ago(one["created_at"]),
                one["name"] or "",
            ]
            for one in found
        ]
        print_table(["SWEEP", "PROJECT", "METHOD", "STATE", "TRIALS", "MADE", "NAME"], rows)
    return 0


def _show(options: argparse.Namespace, folder: Place) -> int:
    from rltrack.sweeps.ledger import Ledger

    ledger = Ledger(folder)
    ledger.poll()
    facts = _facts(folder, ledger)
    trials: list[dict[str, Any]] = [
        {
            "number": trial.number,
            "state": trial.state,
            "run": trial.run_id,
            "attempt": trial.attempt,
            "values": trial.values,
            "reason": trial.reason,
            "parameters": trial.parameters,
        }
        for trial in ledger.ordered()
    ]
    if options.json:
        print_json({**facts, "trials": trials})
        return 0
    counts = (
        ", ".join(f"{count} {state}" for state, count in facts["trials"].items()) or "no trials"
    )
    why = f" ({facts['reason']})" if facts["reason"] else ""
    print(f"sweep {facts['id']} of {facts['project']}: {facts['state']}{why}, {counts}")
    rows: list[list[object]] = [
        [
            trial["number"],
            trial["state"],
            trial["run"],
            ", ".join(map(text, trial["values"] or ())) or "-",
            json.dumps(trial["parameters"]),
            trial["reason"] or "",
        ]
        for trial in trials
    ]
    if rows:
        print_table(["TRIAL", "STATE", "RUN", "VALUE", "PARAMETERS", "WHY"], rows)
    return 0


# -- agents --------------------------------------------------------------------------------------


def _agent(options: argparse.Namespace) -> int:
    from rltrack.sweeps.places import find_place

    with closing(find_place(resolve(dir=options.dir), options.sweep)) as folder:
        return _run_agent(options, folder)


def _run_agent(options: argparse.Namespace, folder: Place) -> int:
    from rltrack.sweeps.jobs import run_jobs, visible_gpus

    if options.launch is not None:
        return _launch(options, folder)
    gpus = _gpus(options.gpus, visible_gpus)
    jobs = options.jobs or max(1, len(gpus) // options.gpus_per_job)
    ran = run_jobs(
        folder,
        jobs,
        options.count,
        gpus=gpus,
        gpus_per_job=options.gpus_per_job,
        term_timeout_s=options.term_timeout,
        forwards=options.forward_signals,
        quiet=os.environ.get("RLTRACK_SILENT", "").lower() in ("1", "true", "yes", "on"),
    )
    print(f"{ran} trials of sweep {folder.id} were run here")
    return 0


def _launch(options: argparse.Namespace, folder: Place) -> int:
    from rltrack.sweeps.launch import launch, options_of

    words: list[str] = []
    for name in ("count", "jobs", "gpus", "gpus_per_job", "term_timeout"):
        value = getattr(options, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += ["--forward-signals"] if options.forward_signals else []
    print(launch(options.launch, folder, options.agents, words, options_of(options.launch_option)))
    return 0


def _gpus(written: str | None, visible: Any) -> list[str]:
    if written is None:
        return []
    if written != "all":
        return [name.strip() for name in written.split(",") if name.strip()]
    found: list[str] = visible()
    if not found:
        raise UsageError("--gpus all: no GPU can be seen here; leave it out to run without")
    return found
