"""One run, many threads and processes: forked, spawned, pickled, ranked, shared, asynchronous."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import rltrack
from rltrack.errors import NotInitializedError
from rltrack.folder import run_folder, run_folders
from rltrack.journal.records import Finished, Record, Row

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", id="r", settings={"quiet": True})


def journal(run: rltrack.Run) -> Path:
    assert run.folder is not None
    return run.folder / "journal"


def script(cwd: Path, text: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the user's, as a file: what is spawned imports it again."""
    file = cwd / "train.py"
    file.write_text("import os, sys, rltrack\n" + textwrap.dedent(text))
    return subprocess.run(
        [sys.executable, *arguments, str(file)],
        cwd=cwd,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def log_in_child(run: rltrack.Run, who: int) -> int:
    """What a worker does with a run that it was given."""
    run.log({"who": who})
    return os.getpid()


def module_log(_: int) -> str:
    """What a worker does that was given none."""
    try:
        rltrack.log({"a": 1})
    except NotInitializedError as error:
        return str(error)
    return "no error"


# -- pickling ------------------------------------------------------------------------------


def test_a_run_that_comes_back_to_its_process_is_the_run(run: rltrack.Run) -> None:
    """W&B raises. A copy of a run would be a second writer of it."""
    assert pickle.loads(pickle.dumps(run)) is run
    assert copy.copy(run) is run
    assert copy.deepcopy({"run": run})["run"] is run


def test_a_disabled_run_pickles_as_one_that_records_nothing(root: Path) -> None:
    """And its file system is left alone where it arrives."""
    run = rltrack.init(project="p", mode="disabled")

    again = pickle.loads(pickle.dumps(run))
    again.log({"a": 1.0})

    assert again.disabled
    assert not root.exists()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_logs_into_the_run_that_it_is_given(
    run: rltrack.Run, read_rows: ReadRows, read_records: ReadRecords, method: str
) -> None:
    """However it was started; its end is not the run's."""
    context = multiprocessing.get_context(method)
    run.log({"who": 0})
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        pids = set(pool.map(log_in_child, [run] * 4, range(1, 5)))
    run.log({"who": 5})

    assert os.getpid() not in pids
    assert not any(isinstance(record, Finished) for record in read_records(journal(run)))
    assert sorted(row.values["who"] for row in read_rows(journal(run))) == list(range(6))  # type: ignore[type-var]
    run.finish()
    assert (
        rltrack.Api(run.folder.parent.parent if run.folder else None).run("p/r").state == "finished"
    )


def test_a_worker_begins_one_file_however_often_it_gets_the_run(run: rltrack.Run) -> None:
    """A pool pickles it for each task."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(log_in_child, [run] * 20, range(20)))

    assert len(list(journal(run).iterdir())) == 2


def test_in_a_spawned_worker_there_is_no_run_of_the_module(run: rltrack.Run) -> None:
    """It is a process of its own, which called no `init`."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        (told,) = pool.map(module_log, [0])

    assert told == "You must call rltrack.init() before rltrack.log()"


def test_a_worker_goes_on_at_the_step_of_the_run(run: rltrack.Run, read_rows: ReadRows) -> None:
    """As it was when the run was sent."""
    for _ in range(3):
        run.log({"who": 0})
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(log_in_child, [run], [1]))

    (row,) = (row for row in read_rows(journal(run)) if row.values == {"who": 1})
    assert row.step == 3


def test_torch_multiprocessing_spawn_takes_a_run(
    root: Path, tmp_path: Path, read_rows: ReadRows
) -> None:
    """How DDP scripts without torchrun start their ranks."""
    done = script(
        tmp_path,
        """
        import torch.multiprocessing

        def work(rank, run):
            run.log({"rank": rank})

        if __name__ == "__main__":
            run = rltrack.init(project="p", id="r", settings={"quiet": True})
            torch.multiprocessing.spawn(work, args=(run,), nprocs=2)
            print(run.state)
        """,
    )

    assert (done.returncode, done.stdout) == (0, "running\n"), done.stderr
    rows = read_rows(run_folder(root, "p", "r").journal)
    assert sorted(str(row.values["rank"]) for row in rows) == ["0", "1"]


# -- forks ---------------------------------------------------------------------------------


def in_a_fork(work: Callable[[], Any]) -> str:
    """What `work` answers in a forked child, as text."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = str(work())
        except BaseException as error:
            answer = repr(error)
        os.write(write_end, answer.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write_end)
    with os.fdopen(read_end) as file:
        return file.read()


def test_init_in_a_forked_child_returns_the_parents_run(run: rltrack.Run) -> None:
    """Rows of both are one run's."""
    assert in_a_fork(lambda: rltrack.init(project="p") is run) == "True"


@pytest.mark.parametrize("reinit", ["create_new", "finish_previous"])
def test_a_forked_child_may_have_a_run_of_its_own(
    run: rltrack.Run, root: Path, reinit: Any
) -> None:
    """On request; the parent's goes on."""

    def work() -> str:
        own = rltrack.init(project="p", id="own", reinit=reinit, settings={"quiet": True})
        own.log({"a": 1.0})
        own.finish()
        return own.state

    assert in_a_fork(work) == "finished"
    assert run.state == "running"
    states = {found.read_facts().id: found.read_facts().state for found in run_folders(root, "p")}
    assert states == {"r": "running", "own": "finished"}


def test_a_child_that_finished_its_part_may_begin_a_run(run: rltrack.Run) -> None:
    """The module's functions mean no run there any more."""

    def work() -> bool:
        run.finish()
        return (
            rltrack.run is None and rltrack.init(project="p", settings={"quiet": True}) is not run
        )

    assert in_a_fork(work) == "True"
    assert run.state == "running"


# -- what frameworks start -----------------------------------------------------------------


class Dataset(torch.utils.data.Dataset[int]):
    """Logs from wherever it is asked for an item."""

    def __init__(self, run: rltrack.Run) -> None:
        self.run = run

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        self.run.log({"item": index})
        return index


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_data_loader_log(run: rltrack.Run, read_rows: ReadRows, method: str) -> None:
    """The run is a part of the data set that they are given."""
    loader = torch.utils.data.DataLoader(
        Dataset(run), num_workers=2, batch_size=4, multiprocessing_context=method
    )
    assert sum(len(batch) for batch in loader) == 8

    items = sorted(int(str(row.values["item"])) for row in read_rows(journal(run)))
    assert items == list(range(8))


def test_envs_of_a_subprocess_vector_env_log(run: rltrack.Run, read_rows: ReadRows) -> None:
    """An env that is made in its worker, by a function that holds the run."""
    import gymnasium
    from stable_baselines3.common.vec_env import SubprocVecEnv

    class Logging(gymnasium.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            run.log({"action": int(action)})
            return super().step(action)

    def make() -> Any:
        return Logging(gymnasium.make("CartPole-v1"))

    envs = SubprocVecEnv([make, make], start_method="fork")
    envs.reset()
    import numpy as np

    envs.step(np.array([0, 1]))
    envs.close()

    actions = sorted(str(row.values["action"]) for row in read_rows(journal(run)))
    assert actions == ["0", "1"]


TRAIN = """
import torch.distributed
torch.distributed.init_process_group("gloo")
run = rltrack.init(project="p", settings={"silent": True}, ARGUMENTS)
run.log({"rank": torch.distributed.get_rank()})
torch.distributed.barrier()
run.finish()
torch.distributed.destroy_process_group()
"""


def torchrun(cwd: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    return script(
        cwd,
        TRAIN.replace("ARGUMENTS", arguments),
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        OMP_NUM_THREADS="1",
    )


def test_of_a_torchrun_rank_0_records(root: Path, tmp_path: Path, read_rows: ReadRows) -> None:
    """A script that calls `init` in every rank has one run."""
    done = torchrun(tmp_path, "")

    assert done.returncode == 0, done.stderr
    (found,) = run_folders(root, "p")
    assert [row.values for row in read_rows(found.journal)] == [{"rank": 0}]
    assert found.read_facts().state == "finished"


def test_a_shared_run_has_the_rows_of_all_ranks(
    root: Path, tmp_path: Path, read_rows: ReadRows, read_records: ReadRecords
) -> None:
    """Under the id that the launcher knows; it ends as the process that began it ends."""
    done = torchrun(tmp_path, "mode='shared'")

    assert done.returncode == 0, done.stderr
    (found,) = run_folders(root, "p")
    assert sorted(str(row.values["rank"]) for row in read_rows(found.journal)) == ["0", "1"]
    ends = [record for record in read_records(found.journal) if isinstance(record, Finished)]
    assert [end.state for end in ends] == ["finished"]


@pytest.mark.parametrize(
    ("arguments", "disabled"),
    [
        ({}, True),
        ({"group": "ddp"}, False),
        ({"settings": {"all_ranks": True, "quiet": True}}, False),
        ({"mode": "shared", "id": "s"}, False),
    ],
)
def test_each_rank_records_where_that_is_asked_for(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: dict[str, Any],
    disabled: bool,
) -> None:
    """A group means a run for each, as with W&B."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")

    assert rltrack.init(project="p", **arguments).disabled == disabled
    assert ("rank 1 of 2 records nothing" in capsys.readouterr().err) == disabled


def test_a_shared_run_needs_an_id(root: Path) -> None:
    """Two that do not know of each other could not meet."""
    with pytest.raises(rltrack.UsageError, match="needs an id that all processes know"):
        rltrack.init(project="p", mode="shared")


def test_steps_that_are_named_are_one_row_of_a_shared_run(root: Path, tmp_path: Path) -> None:
    """W&B ignores them there."""
    text = """
        run = rltrack.init(project="p", id="s", mode="shared", settings={"silent": True})
        for step in range(3): run.log({f"who{os.environ['WHO']}": step}, step=step)
        sys.stdin.read()
        """
    file = tmp_path / "train.py"
    file.write_text("import os, sys, rltrack\n" + textwrap.dedent(text))
    processes = [
        subprocess.Popen(
            [sys.executable, str(file)],
            cwd=tmp_path,
            env=os.environ | {"WHO": str(who)},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for who in range(3)
    ]
    import time

    api = rltrack.Api(root)
    end = time.monotonic() + 60
    while True:
        assert time.monotonic() < end
        if list(run_folders(root, "p")):
            rows = api.run("p/s").history(pandas=False)
            if len(rows) == 3 and all(f"who{who}" in row for who in range(3) for row in rows):
                break
        time.sleep(0.05)
    for process in processes:
        process.communicate(timeout=60)

    assert [row["_step"] for row in rows] == [0, 1, 2]
    assert [process.returncode for process in processes] == [0, 0, 0]


# -- threads and tasks ---------------------------------------------------------------------


def test_a_pool_of_threads_loses_no_row(run: rltrack.Run, read_rows: ReadRows) -> None:
    """By the module's function, too."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: rltrack.log({"index": index}), range(400)))

    rows = read_rows(journal(run))
    assert sorted(row.step for row in rows) == list(range(400))
    assert sorted(int(str(row.values["index"])) for row in rows) == list(range(400))


def test_tasks_log_as_anybody_does(run: rltrack.Run, read_rows: ReadRows) -> None:
    """`log` waits for nothing, so an event loop is not held up."""

    async def work(index: int) -> None:
        for _ in range(10):
            rltrack.log({"task": index})
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(work(index) for index in range(10)))

    asyncio.run(main())

    assert sorted(row.step for row in read_rows(journal(run))) == list(range(100))
