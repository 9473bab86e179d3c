"""Whether the process that wrote a journal still runs."""

from __future__ import annotations

import os
import subprocess
import sys

from rltrack.journal.process import host_name, is_alive, this_process


def test_this_process_is_alive() -> None:
    """A run that goes on must not be called crashed."""
    assert is_alive(*this_process()) is True


def test_a_process_that_ended_is_not() -> None:
    """Its number may be in use again: start time and boot are compared, too."""
    code = "from rltrack.journal.process import this_process; print(*this_process(), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    host, pid, process = done.stdout.splitlines()

    assert is_alive(host, int(pid), process) is False
    assert is_alive(host, os.getpid(), process) is False


def test_a_zombie_has_ended() -> None:
    """Killed, and its parent, a job launcher, has not asked for it yet."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write_end, "\n".join(map(str, this_process())).encode())
        os._exit(0)
    host, own, process = os.read(read_end, 1000).decode().split("\n")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it is dead, and still there

    assert is_alive(host, int(own), process) is False
    os.waitpid(pid, 0)
    os.close(read_end)
    os.close(write_end)


def test_what_cannot_be_seen_from_here_is_unknown() -> None:
    """Another machine on a shared disk, or another container: their heartbeat has to tell."""
    host, pid, process = this_process()
    boot, _, rest = process.partition("/")

    assert is_alive(f"not-{host}", pid, process) is None
    assert is_alive(host_name(), pid, f"{boot}/pid:[1]/{rest.rpartition('/')[2]}") is None
    assert is_alive(host, pid, f"another-boot/{rest}") is False
