"""`console="redirect"`: what sub-processes and C libraries print is kept as well."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from .conftest import COLUMNS, ROWS, Program, RunProgram, environment, written

#: How long a process that has nobody left to serve may take to end.
PATIENCE_S = 10.0


def pumps(root: Path) -> list[psutil.Process]:
    """The processes that stand between programs in this folder and their terminals."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if any(word.endswith("pump.py") for word in words) and process.info["cwd"] == str(
            root.parent
        ):
            found.append(process)
    return found


def nobody_is_left(root: Path) -> bool:
    end = time.monotonic() + PATIENCE_S
    while pumps(root):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def redirected(program: RunProgram, root: Path) -> RunProgram:
    """Runs a program with `console="redirect"`; its pump ends with it."""

    def run(text: str, **options: object) -> Program:
        done = program(text, console="redirect", **options)
        assert nobody_is_left(root)
        return done

    return run


def test_all_that_is_printed_is_recorded_and_shown(redirected: RunProgram) -> None:
    """By Python, by a shell, by a C library, in order, and to the byte."""
    done = redirected("""
        import ctypes, subprocess
        with rltrack.init():
            print("by python", flush=True)
            subprocess.run(["sh", "-c", "echo by a shell; echo to stderr >&2"], check=True)
            os.system("echo by system")
            libc = ctypes.CDLL(None)
            libc.puts(b"by C")
            libc.fflush(None)
            os.write(1, b"no end")
    """)

    assert done.out == "by python\nby a shell\nby system\nby C\nno end"
    assert done.err == "to stderr\n"
    assert [text for stream, text in done.lines if stream == "stdout"] == done.out.splitlines()
    assert ("stderr", "to stderr") in done.lines
    assert sorted(done.output_log) == sorted(done.texts)


def test_streams_that_lead_to_one_place_stay_in_order(redirected: RunProgram) -> None:
    """As with ``2>&1``."""
    done = redirected(
        """
        with rltrack.init():
            for number in range(100):
                os.write(1 + number % 2, b"%d\\n" % number)
        """,
        command=lambda words: ["sh", "-c", 'exec "$@" 2>&1', "sh", *words],
    )

    assert done.texts == done.out.splitlines() == [str(number) for number in range(100)]


def test_a_terminal_stays_one(program_on_terminal: RunProgram) -> None:
    """Of the same size, for sub-processes too; and a newline is translated once."""
    done = program_on_terminal(
        """
        import subprocess
        with rltrack.init():
            print(sys.stdout.isatty(), *os.get_terminal_size())
            subprocess.run(["sh", "-c", "test -t 1 && test -t 2 && stty size <&1"], check=True)
        print("after", *os.get_terminal_size())
        """,
        console="redirect",
    )

    size = f"{ROWS} {COLUMNS}"
    assert done.texts == [f"True {COLUMNS} {ROWS}", size]
    assert done.out == f"True {COLUMNS} {ROWS}\r\n{size}\r\nafter {COLUMNS} {ROWS}\r\n"


def test_descriptors_are_what_they_were(redirected: RunProgram) -> None:
    """None is left open, and one that the program led elsewhere stays there."""
    done = redirected("""
        def facts():
            return len(os.listdir("/proc/self/fd")), os.fstat(1), os.fstat(2)
        before = facts()
        for _ in range(5):
            rltrack.init().finish()
        print(before == facts())
        run = rltrack.init()
        kept = os.dup(2)
        elsewhere = os.open("elsewhere", os.O_CREAT | os.O_WRONLY)
        os.dup2(elsewhere, 2)
        run.finish()
        os.write(2, b"told elsewhere")
        os.dup2(kept, 2)
    """)

    assert done.out == "True\n"
    assert (done.root.parent / "elsewhere").read_text() == "told elsewhere"


def test_a_program_that_waits_for_its_children_ends(redirected: RunProgram) -> None:
    """The process that stands between is none of them."""
    done = redirected("""
        with rltrack.init():
            for number in range(3):
                if not os.fork():
                    os._exit(number)
            ended = []
            while True:
                try:
                    ended.append(os.wait()[1] >> 8)
                except ChildProcessError:
                    break
            print(sorted(ended))
    """)

    assert done.texts == ["[0, 1, 2]"]


def test_a_library_that_holds_pythons_lock_may_print_without_end(redirected: RunProgram) -> None:
    """More than a pipe takes, while no thread of ours could take any of it."""
    done = redirected("""
        import ctypes
        libc = ctypes.PyDLL(None)  # which, unlike CDLL, keeps the lock
        with rltrack.init():
            text = b"0123456\\n" * 100_000
            print(libc.write(1, text, len(text)))
    """)

    assert done.status == 0
    assert done.out.count("0123456\n") == 100_000
    assert done.texts[0] == "0123456"
    assert len(done.texts) > 1000


def test_who_outlives_the_run_is_still_shown(redirected: RunProgram) -> None:
    """Its output came to the terminal without us, so it does with us."""
    done = redirected("""
        import subprocess
        with rltrack.init():
            child = subprocess.Popen(["sh", "-c", "sleep 1; echo late"])
            print("early", flush=True)
        print("ended", flush=True)
    """)

    assert done.out == "early\nended\nlate\n"
    assert done.texts == ["early"]


def test_what_a_killed_program_said_last_is_shown(redirected: RunProgram) -> None:
    """All that it wrote, although it could hand over nothing any more."""
    done = redirected("""
        rltrack.init()
        os.write(1, b"x" * 50_000 + b"\\nlast\\n")
        os.kill(os.getpid(), 9)
    """)

    assert done.out.endswith("x\nlast\n")
    assert len(done.out) == 50_006


@pytest.mark.parametrize("where", ["into pipes", "on a terminal"])
def test_a_program_survives_the_death_of_what_stands_between(
    program: RunProgram, program_on_terminal: RunProgram, root: Path, where: str
) -> None:
    """Otherwise the next print would end the training, by a broken pipe."""
    run = program if where == "into pipes" else program_on_terminal
    done = run(
        """
        import signal, subprocess
        run = rltrack.init()
        child = subprocess.Popen(["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; echo by sh; done"])
        from rltrack.capture import redirect
        (between,) = redirect._live
        os.kill(between._pump, signal.SIGKILL)
        for number in range(20):
            print("number", number, flush=True)
            time.sleep(0.05)
        assert child.wait() == 0
        run.finish()
        print("done", flush=True)
        """,
        console="redirect",
    )

    assert done.status == 0
    assert done.out.count("by sh") == 9
    assert [f"number {n}" for n in range(20)] == [
        line for line in done.out.splitlines() if line.startswith("number")
    ]
    assert done.out.endswith("done\n") or done.out.endswith("done\r\n")
    assert "number 19" in done.texts
    assert any("is gone" in note.message for note in done.notes)
    assert nobody_is_left(root)


def test_a_child_that_became_a_daemon_holds_nothing(redirected: RunProgram) -> None:
    """Who reads the program's output sees its end when the program ends."""
    begun = time.monotonic()
    done = redirected("""
        with rltrack.init():
            pid = os.fork()
            if not pid:
                null = os.open(os.devnull, os.O_RDWR)
                for fd in range(3):
                    os.dup2(null, fd)
                time.sleep(30)
                os._exit(0)
            open("daemon", "w").write(str(pid))
            print("begun")
    """)
    os.kill(int((done.root.parent / "daemon").read_text()), signal.SIGKILL)

    assert done.out == "begun\n"
    assert time.monotonic() - begun < 25


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_a_program_may_have_closed_descriptors(redirected: RunProgram, closed: str) -> None:
    """As daemons do. Files have their numbers then, and those are none of ours to lead anywhere."""
    shut = " ".join(f"{number}>&-" for number in closed.split())
    done = redirected(
        """
        with rltrack.init() as run:
            for stream in (sys.__stdout__, sys.__stderr__):
                if stream is not None:
                    os.write(stream.fileno(), b"to %d\\n" % stream.fileno())
            run.log({"a": 1})
        """,
        command=lambda words: ["sh", "-c", f'exec "$@" {shut}', "sh", *words],
    )

    assert done.status == 0
    assert done.run.summary["a"] == 1
    open_ones = [fd for fd in ("1", "2") if fd not in closed]
    assert done.texts == [f"to {fd}" for fd in open_ones]


def test_where_it_is_not_possible_python_is_recorded(redirected: RunProgram) -> None:
    """A program that embeds Python has no interpreter to start; told once."""
    done = redirected("""
        sys.executable = "/bin/false"
        with rltrack.init(settings={"silent": False}):
            print("by python", flush=True)
            os.system("echo by sh")
    """)

    assert done.out == "by python\nby sh\n"
    assert "by python" in done.texts
    assert "by sh" not in done.texts
    assert "console='redirect' is not possible here" in done.err


def test_a_run_within_a_run_is_heard_by_both(redirected: RunProgram) -> None:
    """And they may end in any order."""
    done = redirected("""
        import subprocess
        outer = rltrack.init()
        inner = rltrack.init(project="q", reinit="create_new")
        subprocess.run(["echo", "to both"])
        time.sleep(0.5)  # it is on its way through two
        outer.finish()
        subprocess.run(["echo", "to the inner"])
        inner.finish()
        subprocess.run(["echo", "to none"])
    """)

    assert done.out == "to both\nto the inner\nto none\n"
    assert done.texts == ["to both"]


def test_ctrl_c_is_for_the_program(root: Path) -> None:
    """What it prints while it ends is recorded and shown."""
    command = written(
        root,
        """
        try:
            with rltrack.init():
                print("begun", flush=True)
                time.sleep(60)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """,
    )
    process = subprocess.Popen(
        command,
        cwd=root.parent,
        env=environment(root, "redirect"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
    assert process.returncode == 0
    assert nobody_is_left(root)
