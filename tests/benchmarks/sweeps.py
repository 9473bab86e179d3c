"""What a sweep costs: a trial's overhead with eight agents on a folder, and asking for parameters.

    python tests/benchmarks/sweeps.py [--agents 8] [--trials 400] [--most 10000] [--peers]

*Overhead* is what an agent takes for a trial beside the run itself: agents that run nothing are
timed, and agents whose function begins a run, beside processes that begin as many runs without a
sweep. *Ask and tell* is one claim, choice and end of a trial, when there are as many before it, by
method; `--peers` has Optuna's own storages beside it, with the same sampler.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import rltrack
from rltrack.sweeps.agent import Agent, Outcome
from rltrack.sweeps.folder import SweepFolder, find_folder, make_folder
from rltrack.sweeps.ledger import Ledger
from rltrack.sweeps.methods import search_of

PARAMETERS = {
    "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2},
    "gamma": {"min": 0.9, "max": 0.999},
    "clip": {"min": 0.1, "max": 0.4},
    "epochs": {"min": 3, "max": 20},
    "net": {"values": ["small", "large"]},
}
BLOCKS = (0, 100, 1000, 3000, 10_000)
BOUND_MS = 20.0


class Nothing:
    """Runs a trial in no time."""

    def __init__(self, stamps: list[float]) -> None:
        self._stamps = stamps

    def run(self, trial: Any, resume: bool, watch: Any) -> Outcome:
        self._stamps.append(time.perf_counter())
        return Outcome("finished", {"loss": float(trial.number)})


def train(stamps: list[float]) -> None:
    stamps.append(time.perf_counter())
    with rltrack.init(project="p") as run:
        run.log({"loss": 1.0})


def quiet(root: str) -> None:
    os.environ |= {
        "RLTRACK_DIR": root,
        "RLTRACK_SILENT": "true",
        "RLTRACK_PROVENANCE": "false",
        "RLTRACK_CONSOLE": "off",
        "RLTRACK_DISABLE_STATS": "true",
    }


def agent_of_nothing(root: str, sweep_id: str, count: int, stamps: list[float]) -> None:
    Agent(find_folder(Path(root), sweep_id), Nothing(stamps), count, quiet=True).run()


def agent_of_runs(root: str, sweep_id: str, count: int, stamps: list[float]) -> None:
    rltrack.agent(sweep_id, partial(train, stamps), count=count)


def runs_alone(root: str, sweep_id: str, count: int, stamps: list[float]) -> None:
    for _ in range(count):
        train(stamps)


Work = Callable[[str, str, int, list[float]], None]


def timed(work: Work, agents: int, trials: int) -> float:
    """Milliseconds from one trial of a process to its next, in the mean of all that run at once."""
    with tempfile.TemporaryDirectory() as root:
        quiet(root)
        sweep_id = rltrack.sweep(
            {"method": "random", "metric": {"name": "loss"}, "parameters": PARAMETERS}, project="p"
        )
        context = multiprocessing.get_context("spawn")
        gate, told = context.Barrier(agents), context.SimpleQueue()
        each = trials // agents + 2
        processes = [
            context.Process(target=_behind, args=(gate, told, work, root, sweep_id, each))
            for _ in range(agents)
        ]
        for process in processes:
            process.start()
        found: list[float] = [told.get() for _ in processes]
        for process in processes:
            process.join()
        return statistics.mean(found)


def _behind(gate: Any, told: Any, work: Work, root: str, sweep_id: str, count: int) -> None:
    quiet(root)
    stamps: list[float] = []
    gate.wait()
    work(root, sweep_id, count, stamps)
    first, *_, last = stamps[1:]  # the first of all loads modules
    told.put((last - first) / (len(stamps) - 2) * 1e3)


def overhead(agents: int, trials: int) -> None:
    nothing = timed(agent_of_nothing, agents, trials)
    alone = timed(runs_alone, agents, trials)
    swept = timed(agent_of_runs, agents, trials)
    cores = os.cpu_count()
    print(f"\n{agents} agents on {cores} cores, {trials} trials: ms that an agent takes for one\n")
    print("| | ms | bound |\n| --- | --- | --- |")
    print(f"| claim, choose and end, no run | {nothing:.2f} | {BOUND_MS:.0f} |")
    print(f"| a run without a sweep | {alone:.2f} | |")
    print(f"| a trial with its run | {swept:.2f} | |")
    print(f"| so a trial adds | {swept - alone:.2f} | {BOUND_MS:.0f} |")


# -- ask and tell --------------------------------------------------------------------------------


def one_of_ours(folder: SweepFolder) -> Callable[[], None]:
    """Claims, chooses and ends a trial of the sweep."""
    ledger = Ledger(folder)
    search = search_of(folder.config(), folder.facts())
    choose = partial(search.choose, ledger=ledger)
    ledger.join()

    def one() -> None:
        trial = ledger.claim(choose)
        assert trial is not None
        flat = folder_space.flat(trial.parameters)
        ledger.end(trial, "finished", [value_of(flat)])

    folder_space = folder.config().space
    return one


def value_of(parameters: dict[str, Any]) -> float:
    rate: float = parameters["learning_rate"]
    gamma: float = parameters["gamma"]
    return abs(rate - 1e-3) * 1e3 + abs(gamma - 0.99)


def one_of_optuna(storage: Any) -> Callable[[], None]:
    """Asks and tells a study of Optuna, with the same sampler."""
    import optuna

    sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=0)
    study = optuna.create_study(storage=storage, sampler=sampler)

    def one() -> None:
        trial = study.ask()
        point = {
            "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True),
            "gamma": trial.suggest_float("gamma", 0.9, 0.999),
            "clip": trial.suggest_float("clip", 0.1, 0.4),
            "epochs": trial.suggest_int("epochs", 3, 20),
            "net": trial.suggest_categorical("net", [0, 1]),
        }
        study.tell(trial, value_of(point))

    return one


def curve(one: Callable[[], None], most: int, sample: int = 20) -> list[float]:
    """Median milliseconds of a step, after as many as `BLOCKS` says."""
    found, done = [], 0
    for block in BLOCKS:
        if block > most:
            break
        while done < block - sample:
            one()
            done += 1
        times = []
        for _ in range(sample):
            began = time.perf_counter()
            one()
            times.append((time.perf_counter() - began) * 1e3)
            done += 1
        found.append(statistics.median(times))
    return found


def ask_and_tell(most: int, peers: bool) -> None:
    print("\nms of ask and tell, median of 20, when there are as many trials before it\n")
    print("| | " + " | ".join(f"{block:,}" for block in BLOCKS if block <= most) + " |")
    print("| --- |" + " --- |" * sum(block <= most for block in BLOCKS))
    for method in ("random", "bayes"):
        with tempfile.TemporaryDirectory() as root:
            given = {"method": method, "metric": {"name": "loss"}, "parameters": PARAMETERS}
            folder = make_folder(Path(root), "p", json.dumps({**given, "seed": 0}))
            show(f"rltrack {method}", curve(one_of_ours(folder), most))
    if not peers:
        return
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as root:
        from optuna.storages.journal import JournalFileBackend

        backend = JournalFileBackend(f"{root}/journal")
        for name, storage in (
            ("Optuna TPE, in memory", None),
            ("Optuna TPE, journal file", optuna.storages.JournalStorage(backend)),
            ("Optuna TPE, SQLite", f"sqlite:///{root}/study.db"),
        ):
            show(name, curve(one_of_optuna(storage), min(most, 3000)))


def show(name: str, times: list[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{one:.2f}" for one in times) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    overhead(options.agents, options.trials)
    ask_and_tell(options.most, options.peers)


if __name__ == "__main__":
    main()
