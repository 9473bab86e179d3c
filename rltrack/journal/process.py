"""Which process this is, in words that another process can check later.

A pid alone comes back: after a reboot, in another container, or when the numbers wrap. So a
process is named by its host, its pid, and a text made of the boot, the pid namespace and
the time at which it started.
"""

from __future__ import annotations

import functools
import os


def this_process() -> tuple[str, int, str]:
    """Host name, pid and process text of the caller."""
    pid = os.getpid()
    return host_name(), pid, f"{_machine()}/{_started(pid)}"


def host_name() -> str:
    """What this machine is called."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")  # Windows


def is_alive(host: str, pid: int, process: str) -> bool | None:
    """Whether that process still runs; None if it cannot be seen from here."""
    machine, _, started = process.rpartition("/")
    if host != host_name():
        return None
    if machine != _machine():
        # Another boot of this host: gone. Another pid namespace of the same boot: out of sight.
        return False if machine.partition("/")[0] != _machine().partition("/")[0] else None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and somebody else's
    return _started(pid) == started


@functools.cache
def _machine() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When the process started, in clock ticks since boot; a zombie has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return _started_by_psutil(pid)
    return "" if fields[0] in ("Z", "X") else fields[19]


def _started_by_psutil(pid: int) -> str:
    import psutil  # where there is no /proc

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""
