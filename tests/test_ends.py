"""How runs end: by exits of every kind, by signals, by another terminal, and by threads that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import rltrack
from rltrack.folder import RunFacts, RunFolder, run_folders
from rltrack.journal.records import Finished, Noted, Record, Row

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


def start(
    cwd: Path, text: str, *, module: bool = False, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Starts a program of the user's; it prints "ready" when it is where it should be."""
    file = cwd / "train.py"
    file.write_text("import os, sys, time, rltrack\n" + textwrap.dedent(text))
    return subprocess.Popen(
        [sys.executable, *(["-m", "train"] if module else [str(file)])],
        cwd=cwd,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def script(cwd: Path, text: str, *, module: bool = False) -> tuple[int, str]:
    """Runs one; its exit status, and what it printed to stderr."""
    with start(cwd, text, module=module) as process:
        _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def wait_for_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def facts(root: Path) -> RunFacts:
    (run,) = run_folders(root, "p")
    return run.read_facts()


def end(root: Path, read_records: ReadRecords) -> Finished:
    (run,) = run_folders(root, "p")
    (found,) = (record for record in read_records(run.journal) if isinstance(record, Finished))
    return found


INIT = "run = rltrack.init(project='p', settings={'silent': True})\nrun.log({'a': 1.0})\n"
CAUGHT = "try: sys.exit(3)\nexcept SystemExit: pass\n"
KEPT = "try: raise SystemExit(3)\nexcept SystemExit as e: kept = e\n"


# -- exits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "state", "exit_code"),
    [
        ("raise SystemExit(4)", "failed", 4),
        ("raise SystemExit", "finished", 0),
        ("raise SystemExit(0)", "finished", 0),
        ("raise SystemExit('something is wrong')", "failed", 1),
        ("def main(): raise SystemExit(5)\nmain()", "failed", 5),
        ("class Own(SystemExit): pass\nraise Own(6)", "failed", 6),
        ("quit(7)", "failed", 7),
        ("import argparse; argparse.ArgumentParser().error('what?')", "failed", 2),
        (f"{CAUGHT}", "finished", 0),
        (f"{KEPT}", "finished", 0),
        (f"{CAUGHT}raise SystemExit(4)", "failed", 4),
        (f"{KEPT}raise SystemExit(4)", "failed", 4),
        (f"{CAUGHT}sys.exit(0)", "finished", 0),
        (f"{CAUGHT}1 / 0", "failed", 1),
        ("try: 1 / 0\nfinally: raise SystemExit(8)", "failed", 8),
        ("sys.stderr.close(); raise SystemExit(9)", "failed", 9),
        ("def main(): raise SystemExit(9)\nsys.stderr.close(); main()", "finished", 0),
    ],
)
def test_the_code_of_an_exit_is_that_of_the_run(
    root: Path, tmp_path: Path, ending: str, state: str, exit_code: int
) -> None:
    """Raised, called, wrapped, or caught before; where stderr was closed, it cannot be known."""
    status, _ = script(tmp_path, INIT + ending)

    found = facts(root)
    assert (found.state, found.exit_code) == (state, exit_code)
    assert status in (exit_code, 9)


def test_an_exit_that_was_caught_is_no_end(root: Path, tmp_path: Path, read_rows: ReadRows) -> None:
    """A library tried something that called `sys.exit`; the training went on to its end."""
    script(tmp_path, INIT + CAUGHT + "run.log({'a': 2.0})")

    (run,) = run_folders(root, "p")
    assert (facts(root).state, len(read_rows(run.journal))) == ("finished", 2)


def test_a_module_that_is_run_ends_as_a_script_does(root: Path, tmp_path: Path) -> None:
    """`python -m train`, by `sys.exit`."""
    status, _ = script(tmp_path, INIT + "sys.exit(3)", module=True)

    assert (status, facts(root).state, facts(root).exit_code) == (3, "failed", 3)


@pytest.mark.parametrize(
    ("ending", "exit_code"),
    [
        ("raise SystemExit(4)", 4),
        ("raise SystemExit", 0),
        ("raise SystemExit(None)", 0),
        ("code = 5\nraise SystemExit(code)", 5),
        ("raise SystemExit('something is wrong')", 1),
        ("if run: raise SystemExit(True)", 1),
        ("def main(): raise SystemExit(6)\nmain()", 6),
        ("def main(): return 7\nraise SystemExit(main())", 7),
        ("try: raise SystemExit(3)\nexcept SystemExit: pass\nraise SystemExit(8)", 8),
        ("try: raise SystemExit(3)\nexcept SystemExit: pass", 0),
    ],
)
@pytest.mark.parametrize("how", ["run", "-m", "-c"])
def test_the_exit_of_a_module_is_read_too(
    root: Path, tmp_path: Path, ending: str, exit_code: int, how: str
) -> None:
    """Nothing is flushed there. A plain ``-m`` of Python 3.11 knows what the code itself says."""
    program = tmp_path / "train.py"
    program.write_text(f"import os, sys, time, rltrack\n{textwrap.dedent(INIT)}{ending}")
    command = {
        "run": ["-m", "rltrack", "run", "-m", "train"],
        "-m": ["-m", "train"],
        "-c": ["-c", program.read_text()],
    }[how]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    known = how == "run" or sys.version_info >= (3, 12) or "main()" not in ending
    assert done.returncode == exit_code
    assert facts(root).exit_code == (exit_code if known else 0), done.stderr


def test_the_streams_are_what_they_were_when_no_run_goes_on(root: Path) -> None:
    """`sys.stderr` and `sys.exit`, the hook of threads, and SIGTERM are only borrowed."""
    before = (sys.exit, threading.excepthook, signal.getsignal(signal.SIGTERM))
    had_flush = "flush" in vars(sys.stderr)

    with rltrack.init(project="p"):
        sys.stderr.flush()
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    assert rltrack.run is None

    assert (sys.exit, threading.excepthook, signal.getsignal(signal.SIGTERM)) == before
    assert ("flush" in vars(sys.stderr)) == had_flush


def test_the_end_of_the_last_run_gives_all_of_it_back_at_once(root: Path) -> None:
    """Nobody has to ask for the next run first."""
    before = (sys.exit, threading.excepthook)
    first = rltrack.init(project="p", settings={"quiet": True})
    second = rltrack.init(project="p", reinit="create_new", settings={"quiet": True})
    first.finish()
    assert sys.exit != before[0]
    second.finish()

    assert (sys.exit, threading.excepthook) == before


def test_a_run_left_by_a_thread_ends_with_the_process(root: Path, tmp_path: Path) -> None:
    """Where no frame of the script's is known."""
    status, _ = script(
        tmp_path,
        """
        import threading
        def work():
            rltrack.init(project="p", settings={"silent": True}).log({"a": 1})
        thread = threading.Thread(target=work)
        thread.start(); thread.join()
        sys.exit(3)
        """,
    )

    assert (status, facts(root).state, facts(root).exit_code) == (3, "failed", 3)


def test_an_exception_that_ends_a_thread_is_kept_and_the_run_goes_on(
    root: Path, tmp_path: Path, read_records: ReadRecords
) -> None:
    """Python prints it once and goes on; the run keeps the traceback, and ends as it ends."""
    status, errors = script(
        tmp_path,
        INIT
        + textwrap.dedent(
            """
            import threading
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start(); thread.join()
            run.log({"a": 2.0})
            """
        ),
    )

    (run,) = run_folders(root, "p")
    (note,) = (record for record in read_records(run.journal) if isinstance(record, Noted))
    assert note.level == "error"
    assert "ZeroDivisionError" in note.message
    assert (status, errors.count("ZeroDivisionError"), facts(root).state) == (0, 1, "finished")


# -- signals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "before", "state"),
    [
        ({}, "", "killed"),
        ({"SLURM_JOB_ID": "7"}, "", "preempted"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "", "preempted"),
        ({}, "run.mark_preempting()", "preempted"),
    ],
)
def test_sigterm_ends_the_run_and_then_the_process(
    root: Path, tmp_path: Path, read_rows: ReadRows, env: dict[str, str], before: str, state: str
) -> None:
    """Preempted where a scheduler takes the machine back; the shell sees what it saw without us."""
    text = f"{INIT}{before}\nprint('ready', flush=True)\ntime.sleep(60)\n"
    with start(tmp_path, text, env=env) as process:
        wait_for_ready(process)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)

    assert process.returncode == -signal.SIGTERM
    (run,) = run_folders(root, "p")
    found = run.read_facts()
    assert (found.state, found.exit_code) == (state, 143)
    assert len(read_rows(run.journal)) == 1


def test_sigterm_in_the_middle_of_a_write_loses_no_row(
    root: Path, tmp_path: Path, read_rows: ReadRows
) -> None:
    """The main thread holds the journal most of the time; it is given back before the end."""
    text = INIT + "print('ready', flush=True)\nfor step in range(10**9): run.log({'a': step})\n"
    for _ in range(5):
        with start(tmp_path, text) as process:
            wait_for_ready(process)
            time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            process.wait(timeout=30)
        assert process.returncode == -signal.SIGTERM
        assert time.monotonic() - began < 10

    for run in run_folders(root, "p"):
        assert run.read_facts().state == "killed"
        rows = read_rows(run.journal)
        assert [row.step for row in rows] == list(range(len(rows)))


def test_a_handler_of_the_users_own_is_left_alone(root: Path, tmp_path: Path) -> None:
    """He saves his model, and ends as he sees fit."""
    text = (
        "import signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        f"{INIT}print('ready', flush=True)\ntime.sleep(60)\n"
    )
    with start(tmp_path, text) as process:
        wait_for_ready(process)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)

    assert (process.returncode, facts(root).state, facts(root).exit_code) == (5, "failed", 5)


def test_sigterm_of_a_forked_worker_is_not_the_runs_end(root: Path, tmp_path: Path) -> None:
    """`Process.terminate` is how pools end their workers."""
    text = INIT + textwrap.dedent(
        """
        import multiprocessing
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()
        worker.terminate()
        worker.join()
        print(worker.exitcode, run.state, file=sys.stderr)
        """
    )
    _, errors = script(tmp_path, text)

    assert errors == "-15 running\n"
    assert facts(root).state == "finished"


def test_a_run_that_is_preempted_says_so_however_it_fails(root: Path) -> None:
    """And one that still came to its end is finished."""
    failed = rltrack.init(project="p", settings={"quiet": True})
    failed.mark_preempting()
    failed.finish(exit_code=1)
    finished = rltrack.init(project="p", settings={"quiet": True})
    finished.mark_preempting()
    finished.finish()

    assert (failed.state, finished.state) == ("preempted", "finished")


# -- another terminal ----------------------------------------------------------------------


def rltrack_stop(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rltrack", "stop", "--dir", str(root), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_rltrack_stop_ends_a_training_in_its_sleep(
    root: Path, tmp_path: Path, read_records: ReadRecords
) -> None:
    """Like Ctrl-C in its terminal: what is in `finally` is done, and the run is killed."""
    text = (
        INIT + "print('ready', flush=True)\ntry: time.sleep(60)\nfinally: run.log({'saved': 1.0})\n"
    )
    with start(tmp_path, text) as process:
        wait_for_ready(process)
        (run,) = run_folders(root, "p")
        stopped = rltrack_stop(root, run.read_facts().id, "--json")
        process.wait(timeout=30)

    assert stopped.returncode == 0, stopped.stderr
    assert json.loads(stopped.stdout)["state"] == "killed"
    assert process.returncode == -signal.SIGINT
    assert end(root, read_records).state == "killed"
    notes = [r.message for r in read_records(run.journal) if isinstance(r, Noted)]
    assert notes == ["stopped by `rltrack stop`"]


def test_a_training_that_hears_of_it_and_ends_well_was_stopped_all_the_same(
    root: Path, tmp_path: Path
) -> None:
    """It caught the KeyboardInterrupt and saved; that it did not come to its end is what counts."""
    text = (
        INIT + "print('ready', flush=True)\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: run.finish()\n"
    )
    with start(tmp_path, text) as process:
        wait_for_ready(process)
        rltrack_stop(root, facts(root).id)
        process.wait(timeout=30)

    assert (process.returncode, facts(root).state, facts(root).exit_code) == (0, "killed", 0)


def test_a_run_that_is_over_cannot_be_stopped(root: Path) -> None:
    """It is said what it is."""
    run = rltrack.init(project="p", id="over", settings={"quiet": True})
    run.finish()

    stopped = rltrack_stop(root, "over")

    assert stopped.returncode == 1
    assert "p/over is not running: it is finished" in stopped.stderr


# -- finish --------------------------------------------------------------------------------


def test_finish_by_two_threads_at_once_is_one_end(root: Path, read_records: ReadRecords) -> None:
    """The second waits for the first, and both find a run that has ended."""
    run = rltrack.init(project="p", settings={"quiet": True})
    run.on_finish(lambda: time.sleep(0.05))
    states: list[str] = []

    def work() -> None:
        run.finish()
        states.append(run.state)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert states == ["finished"] * 4
    assert end(root, read_records).state == "finished"


def test_ctrl_c_in_the_middle_of_the_end_still_ends_the_run(root: Path) -> None:
    """Who is impatient loses the waiting, not the record."""
    run = rltrack.init(project="p", settings={"quiet": True})

    def impatient() -> None:
        raise KeyboardInterrupt

    run.on_finish(impatient)
    with pytest.raises(KeyboardInterrupt):
        run.finish()

    assert run.folder is not None
    assert RunFolder(run.folder).read_facts().state == run.state == "finished"


def test_a_finish_does_not_wait_longer_than_it_is_told(root: Path) -> None:
    """A job that must end, ends."""
    run = rltrack.init(project="p", settings={"quiet": True, "finish_timeout_s": 0.01})
    run.log({"a": 1.0})
    began = time.monotonic()
    run.finish()

    assert time.monotonic() - began < 5
