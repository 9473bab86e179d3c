"""Samples of the machine: what they tell, when they are taken, and that nobody notices."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from rltrack.capture import cgroup, portable, procfs
from rltrack.capture.system import Machine, Sampler
from rltrack.journal.records import Json

from .conftest import RunProgram

ON = {"RLTRACK_DISABLE_STATS": "false"}


def until(holds: object) -> None:
    assert callable(holds)
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


# -- runs ----------------------------------------------------------------------------------


def test_a_run_has_a_sample_at_once_and_then_by_the_interval(program: RunProgram) -> None:
    """By the names that W&B gave them; and nothing is said where there is no GPU."""
    done = program(
        """
        with rltrack.init(settings={"stats_interval_s": 0.2}) as run:
            begun = time.time()
            run.log({"a": 1})
            time.sleep(1.5)
        """,
        env=ON | {"RLTRACK_SILENT": "false", "CUDA_VISIBLE_DEVICES": ""},
    )

    rows = done.run.history(stream="system", pandas=False)
    times = [row["_timestamp"] for row in rows]
    assert times[0] - done.run.created_at < 1.4
    assert 3 <= len(rows) <= 9
    assert {
        *("system.cpu", "system.memory_percent", "system.proc.memory.rssMB"),
        *("system.proc.memory.percent", "system.proc.memory.availableMB"),
        *("system.proc.cpu.threads", "system.network.sent", "system.network.recv"),
    } <= set(rows[0])
    assert any(key.startswith("system.disk.") and key.endswith(".usagePercent") for key in rows[0])
    assert not any("gpu" in key for key in rows[-1])
    assert "warning" not in done.err
    assert done.notes == []
    assert len(done.run.history(pandas=False)) == 1


def test_a_run_of_a_moment_has_a_sample(program: RunProgram) -> None:
    """W&B's first comes late."""
    done = program("rltrack.init().finish()", env=ON)

    assert "system.cpu" in done.run.system_metrics


def test_the_samples_end_with_the_run_and_do_not_go_on_in_a_fork(program: RunProgram) -> None:
    """Its thread is gone; that of a child was never there."""
    done = program(
        """
        import threading
        with rltrack.init(settings={"stats_interval_s": 0.1}) as run:
            time.sleep(0.3)
            if not os.fork():
                run.log({"child": 1})
                time.sleep(1)
                os._exit(0)
        print([thread.name for thread in threading.enumerate()], time.time(), sep="\\n")
        os.wait()
        """,
        env=ON,
    )

    threads, end = done.out.splitlines()
    assert threads == "['MainThread']"
    rows = done.run.history(stream="system", pandas=False)
    assert max(row["_timestamp"] for row in rows) < float(end)


def test_a_machine_of_an_unknown_kind_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the training goes on without samples."""
    troubles: list[str] = []

    def unreadable(proc: Path = Path("/proc")) -> tuple[int, int]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(procfs, "memory", unreadable)
    sampler = Sampler(lambda values: None, lambda facts: None, trouble=troubles.append)
    until(lambda: troubles)
    sampler.stop()

    assert troubles == ["the machine is not sampled: PermissionError: [Errno 13] Permission denied"]


def test_a_sample_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """A disk of a network may not answer for minutes; the end of a run does not ask it."""
    goes_on = threading.Event()

    def record(values: Mapping[str, float]) -> None:
        goes_on.wait(20)

    sampler = Sampler(record, lambda facts: None, disk_paths=[str(tmp_path)])
    time.sleep(0.2)
    begun = time.monotonic()
    sampler.stop()
    assert time.monotonic() - begun < 5
    goes_on.set()


# -- numbers -------------------------------------------------------------------------------


def test_sub_processes_count_also_when_they_have_ended() -> None:
    """DataLoader workers and vector envs are the program, too."""
    machine = Machine([])
    work = "import time; e=time.process_time()+0.4\nwhile time.process_time()<e: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    ended = machine.sample()
    assert ended["cpu"] > 0

    child = subprocess.Popen([sys.executable, "-c", "x=bytearray(64<<20); input()"], stdin=-1)
    try:
        until(lambda: psutil.Process(child.pid).memory_info().rss > 64 << 20)
        alive = machine.sample()
    finally:
        child.communicate(b"\n")
    assert alive["proc.count"] == ended["proc.count"] + 1
    assert alive["proc.memory.rssMB"] > ended["proc.memory.rssMB"] + 60


def test_what_the_kernel_tells_is_what_psutil_tells() -> None:
    """It is read without psutil for the cost alone."""
    ours, theirs = procfs.tree(os.getpid()), portable.tree(os.getpid())
    assert sorted(ours.pids) == sorted(theirs.pids)
    assert ours.own_threads == theirs.own_threads
    assert ours.cpu_s == pytest.approx(theirs.cpu_s, abs=0.5)
    assert ours.rss_bytes == pytest.approx(theirs.rss_bytes, rel=0.1)
    assert procfs.memory()[0] == portable.memory()[0]
    assert procfs.memory()[1] == pytest.approx(portable.memory()[1], rel=0.2)
    for mine, other in zip(procfs.machine_cpu(), portable.machine_cpu(), strict=True):
        assert mine == pytest.approx(other, rel=0.05)


def test_a_disk_that_is_gone_is_left_out(tmp_path: Path) -> None:
    """A folder may be unmounted while a training goes on."""
    folder = tmp_path / "disk"
    folder.mkdir()
    machine = Machine([str(folder), str(tmp_path)])
    folder.rmdir()

    values = machine.sample()

    assert f"disk.{tmp_path}.usageGB" in values
    assert f"disk.{folder}.usageGB" not in values


# -- limits of containers ------------------------------------------------------------------


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_the_tightest_limit_of_version_2_counts(tmp_path: Path) -> None:
    """A job's group lies in that of its user, and the limit of both holds."""
    own, mounted = tmp_path / "cgroup", tmp_path / "fs"
    own.write_text("0::/slurm/job_1/task_0\n")
    group(mounted, memory__max="max", cpu__max="max 100000")
    group(
        mounted / "slurm/job_1",
        memory__max="2000",
        memory__current="1500",
        cpu__max="150000 100000",
    )
    (mounted / "slurm/job_1/memory.stat").write_text("anon 900\ninactive_file 500\n")
    group(mounted / "slurm/job_1/task_0", memory__max="max", cpu__max="400000 100000")

    found = cgroup.memory(own, mounted)

    assert found is not None
    assert (found.limit_bytes, found.used_bytes()) == (2000, 1000)
    assert cgroup.cpu_limit(own, mounted) == 1.5


def test_limits_of_version_1_count(tmp_path: Path) -> None:
    """Each controller has a folder of its own; above 2^62 is none."""
    own, mounted = tmp_path / "cgroup", tmp_path / "fs"
    own.write_text("4:memory:/job\n2:cpu,cpuacct:/job\n0::/\n")
    group(mounted / "memory", memory__limit_in_bytes=str(2**63 - 4096))
    group(mounted / "memory/job", memory__limit_in_bytes="5000", memory__usage_in_bytes="400")
    group(mounted / "cpu,cpuacct/job", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")

    found = cgroup.memory(own, mounted)

    assert found is not None
    assert (found.limit_bytes, found.used_bytes()) == (5000, 400)
    assert cgroup.cpu_limit(own, mounted) == 0.5


@pytest.mark.parametrize("text", ["", "0::/\n", "0::/../other\n", "nonsense\n", "4:memory:/gone\n"])
def test_without_limits_there_are_none(tmp_path: Path, text: str) -> None:
    """Nor where nothing is mounted, or the name is that of another namespace."""
    own = tmp_path / "cgroup"
    own.write_text(text)

    assert cgroup.memory(own, tmp_path / "fs") is None
    assert cgroup.cpu_limit(own, tmp_path / "fs") is None


def test_inside_of_a_container_the_root_is_its_own(tmp_path: Path) -> None:
    """Whatever the kernel calls the group: it is mounted as the root."""
    own, mounted = tmp_path / "cgroup", tmp_path / "fs"
    own.write_text("0::/../../docker/abc\n")
    group(mounted, memory__max="3000", cpu__max="200000 100000")

    found = cgroup.memory(own, mounted)

    assert found is not None
    assert found.limit_bytes == 3000
    assert cgroup.cpu_limit(own, mounted) == 2.0


# -- GPUs ----------------------------------------------------------------------------------


def test_facts_of_gpus_are_told_once() -> None:
    """And their samples are beside the others, from the second on."""
    from rltrack.capture import gpu

    class Card:
        def facts(self) -> list[dict[str, Json]]:
            return [{"index": 0, "name": "a card"}]

        def sample(self, pids: object) -> dict[str, float]:
            return {"gpu.0.gpu": 50.0}

    found = gpu.find_gpus
    told: list[Mapping[str, Json]] = []
    rows: list[Mapping[str, float]] = []
    gpu.find_gpus = lambda ids, trouble: [Card()]
    try:
        sampler = Sampler(rows.append, told.append, interval_s=0.1)
        until(lambda: len(rows) > 3)
        sampler.stop()
    finally:
        gpu.find_gpus = found

    assert told == [{"gpus": [{"index": 0, "name": "a card"}]}]
    assert "system.gpu.0.gpu" not in rows[0]
    assert all(row["system.gpu.0.gpu"] == 50.0 for row in rows[1:])
