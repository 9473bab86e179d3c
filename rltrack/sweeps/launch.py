"""Many agents at once: processes here, a SLURM array, or tasks of a Ray cluster.

Each is `rltrack agent` as one would type it, in the folder where this was typed; the sweep's folder
must be seen by all of them. They agree through it, so nothing here waits for anything but the end.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from rltrack.errors import SweepError, UsageError
from rltrack.extras import require
from rltrack.sweeps.folder import Place as SweepPlace

Place = Literal["local", "slurm", "ray"]

#: Ray's: what each agent takes of the cluster, and where that is.
_RAY_OPTIONS: Final = ("address", "num_cpus", "num_gpus")


def launch(
    place: Place,
    folder: SweepPlace,
    agents: int,
    words: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> str:
    """Start agents, and wait for them; those of SLURM are not waited for.

    Args:
        place: where.
        folder: of the sweep.
        agents: how many.
        words: further arguments of each `rltrack agent`.
        options: of SLURM those of submitit, as ``slurm_partition`` and ``timeout_min``; of Ray
            ``address``, ``num_cpus`` and ``num_gpus``.

    Returns:
        What there is to tell.

    Raises:
        SweepError: agents ended with an error.
        UsageError: an option is unknown.
        MissingExtraError: submitit or Ray is not installed.
    """
    command = [sys.executable, "-m", "rltrack", "agent", folder.id, "--dir", str(folder.root)]
    command += words
    if place == "local":
        return _local(command, agents, options or {})
    if place == "slurm":
        return _slurm(command, folder, agents, options or {})
    return _ray(command, agents, options or {})


def _local(command: Sequence[str], agents: int, options: Mapping[str, str]) -> str:
    if options:
        raise UsageError("--launch local takes no --launch-option")
    processes = [subprocess.Popen(command) for _ in range(agents)]
    try:
        codes = [process.wait() for process in processes]
    except BaseException:  # Ctrl-C: they are told, and give their trials back
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait()
        raise
    return _told(codes)


def _told(codes: Sequence[int]) -> str:
    """What agents came to.

    Raises:
        SweepError: some ended with an error.
    """
    if failed := sum(code != 0 for code in codes):
        raise SweepError(f"{failed} of {len(codes)} agents ended with an error, told above")
    return f"{len(codes)} agents have ended"


def _slurm(
    command: Sequence[str], folder: SweepPlace, agents: int, options: Mapping[str, str]
) -> str:
    submitit = require("submitit", extra="slurm")
    jobs = folder.path / "jobs"
    try:
        executor = submitit.AutoExecutor(folder=jobs, cluster="slurm")
        executor.update_parameters(
            name=f"rltrack-{folder.id}",
            **{name: _number(value) for name, value in options.items()},
        )
        function = submitit.helpers.CommandFunction(list(command), cwd=Path.cwd())
        with executor.batch():  # one array, and not a job each
            submitted = [executor.submit(function) for _ in range(agents)]
    except (RuntimeError, NameError, ValueError, AssertionError, OSError) as refusal:
        raise UsageError(f"SLURM does not take the agents: {refusal}") from None
    except submitit.core.utils.FailedJobError as refusal:
        raise SweepError(f"SLURM does not take the agents: {refusal}") from None
    ids = ", ".join(job.job_id for job in submitted)
    return f"SLURM has {agents} agents: {ids}; their output is in {jobs}"


def _ray(command: Sequence[str], agents: int, options: Mapping[str, str]) -> str:
    ray = require("ray", extra="ray")
    for name in options:
        if name not in _RAY_OPTIONS:
            raise UsageError(f"--launch ray takes {', '.join(_RAY_OPTIONS)}, and not {name}")
    address = options.get("address", os.environ.get("RAY_ADDRESS", "auto"))
    try:
        ray.init(address=address, log_to_driver=True, logging_level="warning")
    except ConnectionError as refusal:
        raise UsageError(
            f"there is no Ray cluster at {address!r}: {refusal}; `ray start --head` starts one"
        ) from None
    try:
        takes: dict[str, Any] = {
            name: _number(options[name]) for name in _RAY_OPTIONS[1:] if name in options
        }
        remote = ray.remote(run_in_task)
        # An agent whose machine goes is replaced; its trial is not lost with it either way.
        started = [
            remote.options(max_retries=3, **takes).remote(list(command), os.getcwd())
            for _ in range(agents)
        ]
        return _told(ray.get(started))
    finally:
        ray.shutdown()


def run_in_task(command: Sequence[str], folder: str) -> int:
    """One agent in a task of Ray, whose cancelling ends it; its exit status."""
    process = subprocess.Popen(command, cwd=folder if os.path.isdir(folder) else None)
    try:
        while process.poll() is None:
            time.sleep(0.2)
        return process.returncode
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()


def options_of(given: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` as a dict.

    Raises:
        UsageError: one has no ``=``.
    """
    found = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise UsageError(f"--launch-option {shlex.quote(one)} must be NAME=VALUE")
        found[name] = value
    return found


def _number(written: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return written
