"""Several agents side by side in one process, each with programs of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rltrack.errors import UsageError
from rltrack.sweeps.agent import Agent
from rltrack.sweeps.folder import Place
from rltrack.sweeps.programs import ProgramRunner


def run_jobs(
    folder: Place,
    jobs: int = 1,
    count: int | None = None,
    *,
    gpus: Sequence[str] = (),
    gpus_per_job: int = 1,
    term_timeout_s: float | None = None,
    forwards: bool = False,
    quiet: bool = False,
) -> int:
    """Run a sweep's program until there are no trials; how many there were.

    Ctrl-C and SIGTERM end the programs and give their trials back.

    Args:
        folder: of the sweep.
        jobs: how many programs run at a time.
        count: how many trials to run at most, all jobs together.
        gpus: the numbers of GPUs that the jobs share out.
        gpus_per_job: how many each gets.
        term_timeout_s: from telling a program to end to killing it.
        forwards: whether Ctrl-C reaches the programs at once, too.
        quiet: say nothing.

    Raises:
        UsageError: there are fewer GPUs than a job needs, or the sweep has no program.
        SweepError: the first trials of an agent all failed.
        KeyboardInterrupt: the user interrupted, or the process was told to end.
    """
    stopped = threading.Event()
    shares = gpu_shares(jobs, gpus, gpus_per_job)
    counts = [None] * jobs if count is None else _split(count, jobs)
    agents = [
        Agent(
            folder,
            ProgramRunner(
                folder,
                environ=environ,
                term_timeout_s=term_timeout_s,
                forwards=forwards,
                stopped=stopped,
            ),
            share,
            stopped=stopped,
            quiet=quiet,
        )
        for environ, share in zip(shares, counts, strict=True)
    ]
    faults: list[BaseException] = []

    def work(agent: Agent, done: threading.Event) -> None:
        try:
            agent.run()
        except BaseException as fault:  # told in the main thread; the others end, too
            faults.append(fault)
            stopped.set()
        finally:
            done.set()

    ends = [threading.Event() for _ in agents]
    threads = [
        threading.Thread(target=work, args=(agent, done), name="rltrack-job")
        for agent, done in zip(agents, ends, strict=True)
    ]
    interrupt: BaseException | None = None
    with _ended_by_sigterm():
        for thread in threads:
            thread.start()
        # Not by `join`: interrupted, that takes a thread for ended (bpo-45274).
        while not all(done.is_set() for done in ends):
            try:
                for done in ends:
                    done.wait(0.1)
            except KeyboardInterrupt as raised:
                interrupt = raised
                stopped.set()
        for thread in threads:
            thread.join()
    if interrupt is not None:
        raise interrupt
    if faults:
        raise faults[0]
    return sum(agent.ran for agent in agents)


def gpu_shares(jobs: int, gpus: Sequence[str], each: int) -> list[dict[str, str]]:
    """The environment of each job, which names its GPUs.

    Raises:
        UsageError: there are fewer GPUs than a job needs.
    """
    if not gpus:
        return [{} for _ in range(jobs)]
    if not 1 <= each <= len(gpus):
        raise UsageError(f"a job needs {each} GPUs, and there are {len(gpus)}: {', '.join(gpus)}")
    # More jobs than GPUs share them in turn.
    taken = [[gpus[(job * each + at) % len(gpus)] for at in range(each)] for job in range(jobs)]
    return [{"CUDA_VISIBLE_DEVICES": ",".join(own)} for own in taken]


def visible_gpus() -> list[str]:
    """The numbers of the GPUs that this process may use."""
    import os

    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in named.split(",") if name.strip()]
    from rltrack.capture.gpu import find_gpus

    found = find_gpus(None, lambda message: None)
    return [str(number) for number, _ in enumerate(fact for gpu in found for fact in gpu.facts())]


def _split(count: int, jobs: int) -> list[int | None]:
    return [count // jobs + (job < count % jobs) for job in range(jobs)]


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM is heard as Ctrl-C is: schedulers and `kill` send it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Any = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
