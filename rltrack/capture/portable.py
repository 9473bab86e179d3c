"""What `procfs.py` reads, by psutil: for systems without /proc."""

from __future__ import annotations

import psutil

from rltrack.capture.procfs import Tree


def tree(pid: int) -> Tree:
    """What a process and its descendants use."""
    total = Tree()
    own = psutil.Process(pid)
    for process in (own, *own.children(recursive=True)):
        try:
            with process.oneshot():
                times, rss = process.cpu_times(), process.memory_info().rss
                threads = process.num_threads()
        except psutil.Error:
            continue  # it has ended meanwhile
        total.cpu_s += times.user + times.system
        total.cpu_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        total.rss_bytes += rss
        if process.pid == pid:
            total.own_threads = threads
        total.pids.append(process.pid)
    return total


def machine_cpu() -> tuple[float, float]:
    """Seconds in which processors did something, and all seconds, since the machine began."""
    times = psutil.cpu_times()
    total = float(sum(times))
    return total - times.idle, total


def memory() -> tuple[int, int]:
    """Bytes of memory, and how many of them could be had."""
    found = psutil.virtual_memory()
    return found.total, found.available


def network() -> tuple[int, int]:
    """Bytes sent and received by this machine's devices since it began."""
    found = psutil.net_io_counters()
    return (found.bytes_sent, found.bytes_recv) if found else (0, 0)


def disk_io(device: str) -> tuple[int, int] | None:
    """Bytes read from and written to a device since the machine began."""
    found = psutil.disk_io_counters(perdisk=True).get(device)
    return (found.read_bytes, found.write_bytes) if found else None


def device_of(path: str) -> str | None:
    """The name of the device that a folder lies on; which, psutil does not say."""
    return None


def processor() -> str | None:
    """What kind of processor it is."""
    import platform

    return platform.processor() or None
