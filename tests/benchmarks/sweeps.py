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

    def run(self, trial: Any, resume: bool, watch: Any) -> Outcome:
        return Outcome("finished", {"loss": float(trial.number)})


def train() -> None:
    with rltrack.init(project="p") as run:
        run.log({"loss": 1.0})


def runs_alone() -> None:
    for _ in range(ROUND):
        train()


def quiet(root: str) -> None:
    os.environ |= {
        "RLTRACK_DIR": root,
        "RLTRACK_SILENT": "true",
        "RLTRACK_PROVENANCE": "false",
        "RLTRACK_CONSOLE": "off",
        "RLTRACK_DISABLE_STATS": "true",
    }


#: Milliseconds of a trial: of the wall's clock, and of this process's own.
Cost = tuple[float, float]
ROUND = 10


def measured(work: Callable[[], object]) -> Cost:
    """What one of `ROUND` trials costs."""
    began, used = time.perf_counter(), time.process_time()
    work()
    each = 1e3 / ROUND
    return (time.perf_counter() - began) * each, (time.process_time() - used) * each


def worker(gate: Any, told: Any, root: str, sweep_id: str, rounds: int) -> None:
    """One agent of several. It takes turns, so that what else the machine does hits all alike."""
    quiet(root)
    folder = find_folder(Path(root), sweep_id)
    works: dict[str, Callable[[], object]] = {
        "nothing": lambda: Agent(folder, Nothing(), ROUND, quiet=True).run(),
        "alone": runs_alone,
        "swept": lambda: rltrack.agent(sweep_id, train, count=ROUND),
    }
    for work in works.values():  # modules are loaded
        work()
    gate.wait()
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(measured(work))
    told.put(found)


def overhead(agents: int, trials: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        quiet(root)
        sweep_id = rltrack.sweep(
            {"method": "random", "metric": {"name": "loss"}, "parameters": PARAMETERS}, project="p"
        )
        context = multiprocessing.get_context("spawn")
        gate, told = context.Barrier(agents), context.SimpleQueue()
        rounds = max(1, trials // agents // ROUND)
        processes = [
            context.Process(target=worker, args=(gate, told, root, sweep_id, rounds))
            for _ in range(agents)
        ]
        for process in processes:
            process.start()
        found: list[dict[str, list[Cost]]] = [told.get() for _ in processes]
        for process in processes:
            process.join()
    wall, own = (
        {
            name: statistics.median(cost[clock] for one in found for cost in one[name])
            for name in found[0]
        }
        for clock in (0, 1)
    )
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"\n{agents} agents at once on {cores} cores (load {load:.0f}): ms a trial, medians\n")
    print("| | wall | of it CPU | bound of wall |\n| --- | --- | --- | --- |")
    for name, text in (
        ("nothing", "claim, choose and end, no run"),
        ("alone", "a run without a sweep"),
        ("swept", "a trial with its run"),
    ):
        print(f"| {text} | {wall[name]:.2f} | {own[name]:.2f} | |")
    added = [clock["swept"] - clock["alone"] for clock in (wall, own)]
    print(f"| so a trial adds | {added[0]:.2f} | {added[1]:.2f} | {BOUND_MS:.0f} |", flush=True)


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
