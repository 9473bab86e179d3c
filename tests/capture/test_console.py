"""What a program prints is kept, and nothing of the program is any different for it."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from rltrack.capture.console import BURST_CHARACTERS, INTERVAL_S, LINE_COST, Console
from rltrack.capture.terminal import LINE_CHARACTERS
from rltrack.journal.records import ConsoleLogged

from .conftest import RunProgram


class Recorded:
    """Stands where a journal would."""

    def __init__(self) -> None:
        self.records: list[ConsoleLogged] = []
        self.troubles: list[str] = []

    @property
    def lines(self) -> list[str]:
        """The lines as they are at last."""
        found: dict[int, str] = {}
        for record in self.records:
            found.update(enumerate(record.text.split("\n"), record.line))
        return [found[number] for number in sorted(found)]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@contextlib.contextmanager
def streams(folder: Path) -> Iterator[tuple[TextIO, TextIO]]:
    """Both streams as Python makes them; those of pytest are not, and change on the way."""
    with (
        open(folder / "out", "a", encoding="utf-8") as out,
        open(folder / "err", "a", encoding="utf-8") as err,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        yield out, err


@contextlib.contextmanager
def recording(recorded: Recorded, folder: Path) -> Iterator[tuple[TextIO, TextIO]]:
    with streams(folder) as made:
        console = Console(
            recorded.records.append, folder / "output.log", trouble=recorded.troubles.append
        )
        try:
            yield made
        finally:
            console.stop()


# -- whole runs ----------------------------------------------------------------------------


def test_what_a_program_prints_is_in_its_run(program: RunProgram) -> None:
    """Of both streams, in the order in which the lines began; as lines of the journal and a file."""
    done = program("""
        with rltrack.init():
            print("one")
            print("two", file=sys.stderr)
            sys.stdout.writelines(["three\\n", "four\\n"])
            print("no end", end="")
        print("after")
    """)

    assert done.lines == [
        ("stdout", "one"),
        ("stderr", "two"),
        ("stdout", "three"),
        ("stdout", "four"),
        ("stdout", "no end"),
    ]
    assert done.output_log == done.texts
    assert done.out == "one\nthree\nfour\nno endafter\n"
    assert done.err == "two\n"


@pytest.mark.parametrize("console", ["wrap", "redirect"])
@pytest.mark.parametrize("begin", ["run = rltrack.init()\nif 1:", "with rltrack.init():"])
def test_a_traceback_is_the_end_of_the_log(program: RunProgram, begin: str, console: str) -> None:
    """It is what one looks for first; of a block, too, behind which Python prints it."""
    done = program(
        f"{begin}\n    print('begun', flush=True)\n    raise ValueError('nan')", console=console
    )

    assert done.status == 1
    assert done.texts[0] == "begun"
    assert done.texts[1] == "Traceback (most recent call last):"
    assert done.lines[-1] == ("stderr", "ValueError: nan")
    assert done.texts.count("ValueError: nan") == done.err.count("ValueError: nan") == 1


def test_leaving_a_block_by_exit_is_no_traceback(program: RunProgram) -> None:
    """`sys.exit` is how programs end."""
    done = program("with rltrack.init():\n    print('done')\n    sys.exit(3)")

    assert done.texts == ["done"]


@pytest.mark.parametrize("console", ["wrap", "redirect"])
def test_a_program_that_is_killed_keeps_what_it_printed(program: RunProgram, console: str) -> None:
    """SIGKILL leaves nobody the time to write anything down."""
    done = program(
        """
        rltrack.init()
        for number in range(200):
            print("line", number, flush=True)
        time.sleep(1)
        os.kill(os.getpid(), 9)
        """,
        console=console,
    )

    assert done.status == -9
    assert done.texts == [f"line {number}" for number in range(200)]
    assert done.out.splitlines() == done.texts


@pytest.mark.parametrize("console", ["wrap", "redirect"])
def test_bars_of_tqdm_and_rich_are_a_line_each(
    program_on_terminal: RunProgram, console: str
) -> None:
    """On a terminal, which they find to be one."""
    done = program_on_terminal(
        """
        from rich.progress import track
        from tqdm import tqdm
        with rltrack.init():
            for _ in tqdm(range(50), desc="by tqdm", mininterval=0):
                time.sleep(0.001)
            for _ in track(range(50), "by rich"):
                time.sleep(0.001)
            print("done")
        """,
        console=console,
    )

    by_tqdm, by_rich, last = done.texts
    assert by_tqdm.startswith("by tqdm: 100%|")
    assert by_rich.startswith("by rich ━")
    assert "100%" in by_rich
    assert last == "done"
    assert done.out.count("by tqdm") > 20


def test_the_program_sees_the_streams_that_it_had(program_on_terminal: RunProgram) -> None:
    """Colours, widths and encodings depend on them."""
    done = program_on_terminal("""
        def facts():
            return [(s, s.isatty(), s.fileno(), s.encoding, s.line_buffering, os.get_terminal_size(s.fileno()))
                    for s in (sys.stdout, sys.stderr)]
        before = facts()
        with rltrack.init():
            print("SAME" if facts() == before else "OTHER")
        print("LEFT" if "write" in vars(sys.stdout) else "CLEAN")
    """)

    assert done.out.split() == ["SAME", "CLEAN"]


def test_a_fork_does_not_print_twice(program: RunProgram) -> None:
    """What a child of `multiprocessing` prints comes to the terminal; it hears of no run."""
    done = program("""
        import multiprocessing
        def work(number):
            print("child", number, flush=True)
        with rltrack.init():
            print("parent", flush=True)
            context = multiprocessing.get_context("fork")
            children = [context.Process(target=work, args=(n,)) for n in range(3)]
            for child in children: child.start()
            for child in children: child.join()
            print("joined", [child.exitcode for child in children], flush=True)
    """)

    assert done.texts == ["parent", "joined [0, 0, 0]"]
    assert sorted(done.out.splitlines()) == [
        *("child 0", "child 1", "child 2", "joined [0, 0, 0]", "parent")
    ]


@pytest.mark.parametrize("console", ["wrap", "redirect"])
def test_a_signal_handler_may_print_in_the_middle_of_a_print(
    program: RunProgram, console: str
) -> None:
    """A lock that is taken by who prints would be waited for by itself, for ever."""
    done = program(
        """
        import signal
        told = []
        def tell(*_):
            with __import__("contextlib").suppress(RuntimeError):  # Python's own: reentrant call
                print("beep")
                told.append(1)
        signal.signal(signal.SIGALRM, tell)
        with rltrack.init():
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                print("text")
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(len(told), file=sys.stderr)
        """,
        console=console,
    )

    assert done.status == 0
    assert int(done.err) > 50
    assert "beep" in "".join(done.texts)


def test_what_is_no_text_is_kept_as_far_as_it_is_one(program: RunProgram) -> None:
    """Bytes that are no UTF-8, halves of characters, NUL and a bell."""
    done = program(
        """
        with rltrack.init():
            print("half \\ud800 \\x00\\x07 of it")
            sys.stdout.flush()
            print(b"\\xff\\xfe bytes".decode("utf-8", "surrogateescape"))
        """,
        env={"PYTHONIOENCODING": "utf-8:surrogatepass"},
    )

    assert done.status == 0
    assert len(done.texts) == 2
    assert done.texts[0].endswith("of it")
    assert done.texts[1].endswith(" bytes")


def test_a_program_without_streams_has_a_run(program: RunProgram) -> None:
    """`pythonw` and daemons have none; others close theirs."""
    done = program("""
        sys.stderr.close()
        sys.stderr = None
        run = rltrack.init()
        print("heard", flush=True)
        sys.stdout.close()
        run.log({"a": 1})
        run.finish()
    """)

    assert done.status == 0
    assert done.texts == ["heard"]
    assert done.run.state == "finished"


def test_each_run_of_several_hears_its_time(program: RunProgram) -> None:
    """Two at once hear both."""
    done = program("""
        one = rltrack.init(id="one", project="q")
        print("for one")
        two = rltrack.init(id="two", reinit="create_new")
        print("for both")
        one.finish()
        print("for two")
        two.finish()
        print(sorted(vars(sys.stdout)))
    """)

    import rltrack

    api = rltrack.Api(done.root)
    assert [line.text for line in api.run("q/one").console_logs()] == ["for one", "for both"]
    assert done.texts == ["for both", "for two"]
    assert done.out.splitlines()[-1] == "['mode']"


def test_each_cell_of_a_notebook_is_heard_once(program: RunProgram) -> None:
    """IPython puts a `write` of its own over ours, and takes ours away behind the first cell."""
    done = program(
        """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for cell in (
            "import rltrack; run = rltrack.init(); print('one')",
            "print('two')",
            "print('three'); 1/0",
            "print('four'); other = rltrack.init(project='q', reinit='create_new')",
            "print('five'); other.finish()",
            "import sys; print('six'); run.finish(); print('after')",
            "print('later', vars(sys.stdout).get('write'))",
        ):
            shell.run_cell(cell, store_history=True)
        """,
        env={"IPYTHONDIR": "ipython"},
    )

    assert [
        text for text in done.texts if text in ["one", "two", "three", "four", "five", "six"]
    ] == [*("one", "two", "three", "four", "five", "six")]
    assert any("ZeroDivisionError" in text for text in done.texts)
    assert "after" not in done.texts
    import rltrack

    (other,) = rltrack.Api(done.root).runs("q")
    assert [line.text for line in other.console_logs()] == ["five"]


@pytest.mark.parametrize("console", ["wrap", "redirect", "off"])
def test_text_may_be_added_to_the_log_without_being_printed(
    program: RunProgram, console: str
) -> None:
    """By `write_logs`, for loggers; also where the console is not recorded."""
    done = program(
        """
        with rltrack.init() as run:
            print("printed", flush=True)
            run.write_logs("written")
            run.write_logs("two\\nlines\\n")
        run.write_logs("after")
        """,
        console=console,
    )

    assert done.out == "printed\n"
    written = ["written", "two", "lines"]
    assert [text for text in done.texts if text != "printed"] == written
    assert [text for text in done.output_log if text != "printed"] == written
    assert ("printed" in done.texts) == (console != "off")


# -- streams that somebody else handles, too -----------------------------------------------


def test_what_is_printed_elsewhere_is_not_the_console(recorded: Recorded, tmp_path: Path) -> None:
    """`redirect_stdout` leads it into a text of the program's own."""
    caught = io.StringIO()
    with recording(recorded, tmp_path):
        print("heard")
        with contextlib.redirect_stdout(caught):
            print("caught")
        print("heard again")

    assert recorded.lines == ["heard", "heard again"]
    assert caught.getvalue() == "caught\n"


def test_who_put_a_stream_over_ours_keeps_it(recorded: Recorded, tmp_path: Path) -> None:
    """A tee is heard by what it passes on, and is there when the run has ended."""

    class Tee(io.StringIO):
        def write(self, text: str) -> int:
            return out.write(text)

    with streams(tmp_path) as (out, _):
        console = Console(recorded.records.append, tmp_path / "output.log")
        tee = sys.stdout = Tee()
        print("through it")
        console.stop()

        assert sys.stdout is tee
        print("after")
        assert "write" not in vars(out)
    assert recorded.lines == ["through it"]
    assert (tmp_path / "out").read_text() == "through it\nafter\n"


def test_who_wrapped_a_write_after_us_is_not_unwrapped(recorded: Recorded, tmp_path: Path) -> None:
    """Giving a stream its own `write` back would take theirs away."""
    seen: list[str] = []
    with streams(tmp_path) as (out, _):
        console = Console(recorded.records.append, tmp_path / "output.log")
        ours = out.write

        def theirs(text: str) -> int:
            seen.append(text)
            return ours(text)

        out.write = theirs  # type: ignore[method-assign]
        print("first")
        console.stop()
        print("second")
        again = Recorded()
        console = Console(again.records.append, tmp_path / "output.log")
        print("third")
        console.stop()

    assert "".join(seen) == "first\nsecond\nthird\n"
    assert recorded.lines == ["first"]
    assert again.lines == ["third"]


def test_a_stream_that_cannot_be_overheard_is_told_once(recorded: Recorded, tmp_path: Path) -> None:
    """And left alone."""

    class Sealed:
        __slots__ = ()

        def write(self, text: str) -> int:
            return len(text)

        def flush(self) -> None: ...

    with contextlib.redirect_stdout(Sealed()):
        console = Console(
            recorded.records.append, tmp_path / "output.log", trouble=recorded.troubles.append
        )
        print("said")
        console.stop()

    assert recorded.lines == []
    (trouble,) = recorded.troubles
    assert "stdout" in trouble


def test_what_a_stream_refuses_was_not_said(recorded: Recorded, tmp_path: Path) -> None:
    """The error is the program's, as without us."""
    with recording(recorded, tmp_path) as (out, _):
        with pytest.raises(TypeError):
            sys.stdout.write(5)  # type: ignore[arg-type]
        out.close()
        with pytest.raises(ValueError, match="closed file"):
            print("into nothing")

    assert recorded.records == []


def test_lines_of_threads_are_all_there(recorded: Recorded, tmp_path: Path) -> None:
    """Each write is heard as a whole."""
    with recording(recorded, tmp_path):

        def work(name: int) -> None:
            for number in range(500):
                sys.stdout.write(f"{name} {number}\n")

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    expected = [f"{name} {number}" for name in range(4) for number in range(500)]
    assert sorted(recorded.lines) == sorted(expected)


# -- how much ------------------------------------------------------------------------------


def test_a_huge_line_is_cut(recorded: Recorded, tmp_path: Path) -> None:
    """And says of how much."""
    with recording(recorded, tmp_path):
        print("x" * 1_000_000)
        print("next")

    cut, following = recorded.lines
    assert len(cut) < LINE_CHARACTERS + 100
    assert cut.endswith(f"({1_000_000 - LINE_CHARACTERS} characters left out)")
    assert following == "next"


def test_a_flood_is_left_out_and_said(recorded: Recorded, tmp_path: Path) -> None:
    """It comes to the terminal; a record of it would fill memory and disk."""
    with recording(recorded, tmp_path):
        sys.stdout.write("x" * 1000)
        sys.stdout.write("line\n" * BURST_CHARACTERS)
        sys.stdout.write("more\n")

    lines = recorded.lines
    assert len(lines) * LINE_COST <= BURST_CHARACTERS
    assert "more" not in lines
    (told,) = [line for line in lines if line.startswith("rltrack:")]
    assert "characters were printed here that are not recorded" in told
    assert (tmp_path / "out").read_text().endswith("line\nmore\n")


def test_a_run_that_prints_without_end_is_recorded_no_further(
    recorded: Recorded, tmp_path: Path
) -> None:
    """A disk is not there for that; said once, and nothing is held any more."""
    with streams(tmp_path):
        console = Console(
            recorded.records.append,
            tmp_path / "output.log",
            trouble=recorded.troubles.append,
            most_characters=1000,
        )
        for _ in range(3):
            print("x" * 600)
            console._take_batch(last=False)
        console.stop()

    assert recorded.troubles == [
        "the console is recorded no further: more than 1,000 characters were printed"
    ]
    assert len(recorded.lines) == 2


def test_a_disk_that_refuses_ends_the_recording_alone(tmp_path: Path) -> None:
    """Printing goes on as if nothing was."""
    troubles: list[str] = []

    def refuse(record: ConsoleLogged) -> None:
        raise OSError(28, "No space left on device")

    with streams(tmp_path):
        console = Console(refuse, tmp_path / "output.log", trouble=troubles.append)
        for _ in range(2):
            print("text")
            console._take_batch(last=False)
        console.stop()

    assert len(troubles) == 1
    assert "No space left" in troubles[0]
    assert (tmp_path / "out").read_text() == "text\n" * 2


def test_lines_are_there_while_the_program_goes_on(recorded: Recorded, tmp_path: Path) -> None:
    """Whoever looks on sees them, and a crash has them."""
    with recording(recorded, tmp_path):
        print("now")
        end = time.monotonic() + 20 * INTERVAL_S
        while not recorded.records and time.monotonic() < end:
            time.sleep(0.01)
        assert recorded.lines == ["now"]


def test_a_forked_child_leaves_nothing_open(recorded: Recorded, tmp_path: Path) -> None:
    """Its streams are what they were before the run."""
    with recording(recorded, tmp_path):
        pid = os.fork()
        if not pid:
            os._exit(int("write" in vars(sys.stdout)))
        assert os.waitpid(pid, 0)[1] == 0
