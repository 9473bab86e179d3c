"""Samples of the machine: processors, memory, disks, network, and all processes of the program.

Names are those that W&B gave them. What limits a container or a job counts as the machine, so 100 %
is what the program may have.

    system.cpu                         % of the processors that the program may use, that it uses
    system.cpu.machine_percent         % of all processors that are busy, with whatever
    system.memory_percent              % of memory that is used, by whomever
    system.proc.memory.rssMB           of the program with its sub-processes; shared pages count for each
    system.proc.memory.percent         the same as a part of memory
    system.proc.memory.availableMB     memory that could still be had
    system.proc.cpu.threads            of the program itself
    system.proc.count                  processes of the program
    system.disk.<path>.usagePercent    and usageGB, of the disk that the run lies on
    system.disk.<device>.in            MB read since the run began, and out: MB written
    system.network.sent                bytes since the run began, and recv
    system.gpu.<n>.…                   see `gpu.py`
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from rltrack.capture import cgroup

if TYPE_CHECKING:
    from rltrack.capture.gpu import Gpus
    from rltrack.capture.procfs import Tree
    from rltrack.journal.records import Json

#: W&B's bound as well: below, the samples show themselves.
LEAST_INTERVAL_S: Final = 0.1
#: Shares of time need some: so long after the start the first sample is taken.
FIRST_S: Final = 0.1
#: How long the end of a run waits for a sample that is being taken.
_STOP_S: Final = 0.05
_MB: Final = 1 << 20
_GB: Final = 1 << 30


class _Source(Protocol):
    """Where numbers come from: the module `procfs`, or `portable`."""

    def tree(self, pid: int) -> Tree: ...
    def machine_cpu(self) -> tuple[float, float]: ...
    def memory(self) -> tuple[int, int]: ...
    def network(self) -> tuple[int, int]: ...
    def disk_io(self, device: str) -> tuple[int, int] | None: ...
    def device_of(self, path: str) -> str | None: ...
    def processor(self) -> str | None: ...


def source() -> _Source:
    """What this system's numbers are read with."""
    if sys.platform == "linux":
        from rltrack.capture import procfs

        return procfs
    from rltrack.capture import portable

    return portable


def usable_cpus() -> float:
    """How many processors the program may use; a part of one, where a container has no more."""
    there = float(os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        there = float(len(os.sched_getaffinity(0)))
    limit = cgroup.cpu_limit()
    return there if limit is None else min(there, limit)


class Machine:
    """Reads the machine; shares of time are of the time since the last reading.

    Args:
        disk_paths: folders whose disks are looked at.
    """

    def __init__(self, disk_paths: Sequence[str]) -> None:
        self._source = source()
        self._pid = os.getpid()
        self._cpus = usable_cpus()
        self._limit = cgroup.memory()
        self._disks = [(path, self._source.device_of(path)) for path in disk_paths]
        self.pids: list[int] = []
        """The processes of the program."""
        self._at = time.monotonic()
        self._tree_cpu_s = self._source.tree(self._pid).cpu_s
        self._machine_cpu = self._source.machine_cpu()
        self._network = self._source.network()
        self._io = {device: self._source.disk_io(device) for _, device in self._disks if device}

    def sample(self) -> dict[str, float]:
        """All of it."""
        values = self._processes()
        self._add_memory(values)
        self._add_disks(values)
        sent, received = self._source.network()
        values["network.sent"] = sent - self._network[0]
        values["network.recv"] = received - self._network[1]
        return values

    def _processes(self) -> dict[str, float]:
        found = self._source.tree(self._pid)
        now = time.monotonic()
        passed = max(1e-6, now - self._at)
        used = max(0.0, found.cpu_s - self._tree_cpu_s)
        busy, total = self._source.machine_cpu()
        since_busy, since = busy - self._machine_cpu[0], total - self._machine_cpu[1]
        self._at, self._tree_cpu_s, self._machine_cpu = now, found.cpu_s, (busy, total)
        self.pids = found.pids
        return {
            "cpu": 100 * used / passed / self._cpus,
            "cpu.machine_percent": 100 * max(0.0, since_busy) / since if since > 0 else 0.0,
            "proc.memory.rssMB": found.rss_bytes / _MB,
            "proc.cpu.threads": found.own_threads,
            "proc.count": len(found.pids),
        }

    def _add_memory(self, values: dict[str, float]) -> None:
        total, available = self._source.memory()
        if self._limit is not None and self._limit.limit_bytes < total:
            used = self._limit.used_bytes()
            total = self._limit.limit_bytes
            if used is not None:
                available = min(available, max(0, total - used))
        values["memory_percent"] = 100 * (1 - available / total)
        values["proc.memory.percent"] = 100 * values["proc.memory.rssMB"] * _MB / total
        values["proc.memory.availableMB"] = available / _MB

    def _add_disks(self, values: dict[str, float]) -> None:
        for path, device in self._disks:
            try:
                usage = shutil.disk_usage(path)
            except OSError:
                continue  # a folder that was removed
            if usage.total:
                values[f"disk.{path}.usagePercent"] = 100 * usage.used / usage.total
                values[f"disk.{path}.usageGB"] = usage.used / _GB
            before = self._io.get(device) if device else None
            if device and before and (io := self._source.disk_io(device)):
                values[f"disk.{device}.in"] = (io[0] - before[0]) / _MB
                values[f"disk.{device}.out"] = (io[1] - before[1]) / _MB


class Sampler:
    """Takes a sample at once and then from time to time, on a thread of its own, until `stop`.

    Args:
        record: takes the values of a sample.
        tell: takes facts about the GPUs, once.
        trouble: told in words, once, if something cannot be sampled.
        interval_s: from one sample to the next.
        disk_paths: folders whose disks are looked at.
        gpu_ids: numbers of the GPUs that are meant; None for those that the program may use.
    """

    def __init__(
        self,
        record: Callable[[Mapping[str, float]], None],
        tell: Callable[[Mapping[str, Json]], None],
        *,
        trouble: Callable[[str], None] = lambda message: None,
        interval_s: float = 10.0,
        disk_paths: Sequence[str] = (),
        gpu_ids: Sequence[str] | None = None,
    ) -> None:
        self._record = record
        self._tell = tell
        self._trouble = trouble
        self._interval_s = max(LEAST_INTERVAL_S, interval_s)
        self._disk_paths = disk_paths
        self._gpu_ids = gpu_ids
        self._gpus: list[Gpus] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rltrack-system", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            machine = Machine(self._disk_paths)
            self._stopped.wait(min(FIRST_S, self._interval_s))
            self._sample(machine)
            if self._stopped.is_set():
                return
            # Not before: a driver that sleeps takes seconds to wake up.
            self._find_gpus()
            next_at = time.monotonic() + (0 if self._gpus else self._interval_s)
            while not self._stopped.wait(max(0.0, next_at - time.monotonic())):
                self._sample(machine)
                next_at = time.monotonic() + self._interval_s
        except Exception as fault:  # a machine of a kind that nobody thought of
            if not self._stopped.is_set():
                self._trouble(f"the machine is not sampled: {type(fault).__name__}: {fault}")

    def _sample(self, machine: Machine) -> None:
        values = machine.sample()
        for gpus in self._gpus:
            values.update(gpus.sample(machine.pids))
        self._record({f"system.{name}": value for name, value in values.items()})

    def _find_gpus(self) -> None:
        from rltrack.capture.gpu import find_gpus

        self._gpus = find_gpus(self._gpu_ids, self._trouble)
        facts = [fact for gpus in self._gpus for fact in gpus.facts()]
        if facts and not self._stopped.is_set():
            self._tell({"gpus": facts})

    def stop(self) -> None:
        """End it; a run that was too short for a sample gets its sample now."""
        self._stopped.set()
        self._thread.join(_STOP_S)
