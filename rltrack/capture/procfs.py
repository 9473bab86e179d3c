"""The machine and this process, read from Linux's /proc: a few small files a sample.

psutil would do, at ten times the cost: it takes 20 ms to import, and looks at every process of a
machine to find the children of one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_SECTOR_BYTES: Final = 512
#: Network devices that carry nothing out of the machine.
_INSIDE: Final = ("lo", "docker", "veth", "br-", "virbr", "cni", "flannel", "cali")
_MOST_PROCESSES: Final = 4096


@dataclass(slots=True)
class Tree:
    """A process and all that it started, added up."""

    cpu_s: float = 0.0
    """Of those that live, and of those that have ended and were waited for."""
    rss_bytes: int = 0
    """Pages that several of them share count for each."""
    own_threads: int = 0
    """Of the process itself."""
    pids: list[int] = field(default_factory=list)


def tree(pid: int, proc: Path = Path("/proc")) -> Tree:
    """What a process and its descendants use."""
    total = Tree()
    waiting = [pid]
    while waiting and len(total.pids) < _MOST_PROCESSES:
        one = waiting.pop()
        try:
            fields = (proc / str(one) / "stat").read_bytes().rpartition(b")")[2].split()
            # Fields 14 to 17 of `man proc`, of which the first two are not in here.
            total.cpu_s += sum(map(int, fields[11:15])) / _TICKS_PER_S
            total.rss_bytes += int(fields[21]) * _PAGE_BYTES
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
        if one == pid:
            total.own_threads = int(fields[17])
        total.pids.append(one)
        waiting += _children(one, proc)
    return total


def _children(pid: int, proc: Path) -> Iterator[int]:
    """Those that any thread of the process started."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(proc / str(pid) / "task"):
            children = f"{proc}/{pid}/task/{thread}/children"
            with contextlib.suppress(OSError), open(children, "rb") as file:
                yield from map(int, file.read().split())


def machine_cpu(proc: Path = Path("/proc")) -> tuple[float, float]:
    """Seconds in which processors did something, and all seconds, since the machine began."""
    with open(proc / "stat", "rb") as file:
        words = file.readline().split()[1:9]  # guests are in the first two already
    ticks = [int(word) for word in words]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS_PER_S, sum(ticks) / _TICKS_PER_S


def memory(proc: Path = Path("/proc")) -> tuple[int, int]:
    """Bytes of memory, and how many of them could be had."""
    found: dict[bytes, int] = {}
    with open(proc / "meminfo", "rb") as file:
        for line in file:
            key, _, rest = line.partition(b":")
            if key in (b"MemTotal", b"MemAvailable", b"MemFree"):
                found[key] = int(rest.split()[0]) * 1024
            if b"MemTotal" in found and b"MemAvailable" in found:
                break
    total = found[b"MemTotal"]
    return total, found.get(b"MemAvailable", found.get(b"MemFree", 0))


def network(proc: Path = Path("/proc")) -> tuple[int, int]:
    """Bytes sent and received by this machine's devices since it began."""
    sent = received = 0
    with open(proc / "net" / "dev", "rb") as file:
        for line in file.readlines()[2:]:
            name, _, rest = line.partition(b":")
            if not name.strip().decode("ascii", "replace").startswith(_INSIDE):
                words = rest.split()
                received, sent = received + int(words[0]), sent + int(words[8])
    return sent, received


def disk_io(device: str, proc: Path = Path("/proc")) -> tuple[int, int] | None:
    """Bytes read from and written to a device since the machine began."""
    with open(proc / "diskstats", "rb") as file:
        for line in file:
            words = line.split()
            if words[2] == device.encode():
                return int(words[5]) * _SECTOR_BYTES, int(words[9]) * _SECTOR_BYTES
    return None


def device_of(path: str, proc: Path = Path("/proc")) -> str | None:
    """The name of the device that a folder lies on; None if it is not one of this machine."""
    try:
        number = os.stat(path).st_dev
        name = f"{os.major(number)} {os.minor(number)}".split()
        with open(proc / "diskstats", "rb") as file:
            for line in file:
                words = line.decode("ascii", "replace").split()
                if words[:2] == name:
                    return words[2]
    except OSError:
        pass
    return None


def processor(proc: Path = Path("/proc")) -> str | None:
    """What kind of processor it is."""
    with contextlib.suppress(OSError), open(proc / "cpuinfo", encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model", "cpu model"):
                return value.strip()
    return None
