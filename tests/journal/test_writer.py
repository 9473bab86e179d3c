"""The writing end: threads, forks, signals, segments, and what the last values were."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rltrack.journal import writer as writer_module
from rltrack.journal.reader import JournalReader
from rltrack.journal.records import Finished, Noted, Record, Row, RowFlag, WriterOpened
from rltrack.journal.writer import JournalWriter

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


def log(writer: JournalWriter, values: dict[str, object], step: int, flags: int = 0) -> bool:
    with writer.lock:
        return writer.write_row(values, step, 1000 + step, flags)


def steps(rows: list[Row]) -> list[int]:
    return [row.step for row in rows]


@pytest.mark.parametrize("mapped", [True, False])
def test_a_row_can_be_read_when_the_call_has_returned(
    tmp_path: Path, mapped: bool, read_rows: ReadRows
) -> None:
    """Nothing waits in a buffer of ours: that is what a kill would take."""
    writer = JournalWriter(tmp_path, mapped=mapped)
    for step in range(5):
        log(writer, {"a": step / 2, "n": step}, step)

        assert steps(read_rows(tmp_path)) == list(range(step + 1))
    writer.close()


def test_numpy_scalars_are_plain_numbers(tmp_path: Path, read_rows: ReadRows) -> None:
    """They are what RL code logs most, so they take the fast path, with their kind kept."""
    writer = JournalWriter(tmp_path)

    assert log(writer, {"f": np.float32(0.5), "i": np.int64(2**62), "b": np.bool_(True)}, 0)
    assert not log(writer, {"u": np.uint64(2**64 - 1)}, 1)  # what fits no int64 is for the caller

    writer.close()
    (row,) = read_rows(tmp_path)
    assert [(value, type(value)) for value in row.values.values()] == [
        (0.5, float),
        (2**62, int),
        (True, bool),
    ]


def test_a_segment_ends_at_its_size_and_the_next_goes_on(
    tmp_path: Path, read_rows: ReadRows
) -> None:
    """Each segment reads alone: it names its keys itself, and says how many rows came before."""
    writer = JournalWriter(tmp_path, segment_bytes=1000, mapped=False)
    for step in range(100):
        log(writer, {"a": 1.0} if step % 2 else {"b": 1}, step)
    writer.close()

    files = sorted(tmp_path.iterdir())
    assert len(files) > 3
    assert all(path.stat().st_size <= 1000 for path in files)
    assert [path.name for path in files] == [
        f"{writer.name}-{number:06d}.rlj" for number in range(1, len(files) + 1)
    ]
    assert steps(read_rows(tmp_path)) == list(range(100))


def test_a_mapped_segment_ends_too(tmp_path: Path, read_rows: ReadRows) -> None:
    """The fast path asks for its size at each window, so it may be that much longer."""
    writer = JournalWriter(tmp_path, segment_bytes=1 << 20, mapped=True)
    with writer.lock:
        for step in range(100_000):
            writer.write_row({"a": 1.0}, step, 0, 0)
    writer.close()

    assert len(list(tmp_path.iterdir())) >= 3
    assert steps(read_rows(tmp_path)) == list(range(100_000))


def test_a_closed_segment_ends_with_its_last_frame(tmp_path: Path) -> None:
    """What was allocated ahead is given back: a thousand small runs are small."""
    writer = JournalWriter(tmp_path, mapped=True)
    log(writer, {"a": 1.0}, 0)
    (path,) = tmp_path.iterdir()
    allocated = path.stat().st_size
    writer.close()

    assert allocated >= 1 << 20
    assert path.stat().st_size < 1000


def test_two_writers_share_a_folder(tmp_path: Path, read_rows: ReadRows) -> None:
    """They do not know of each other: each has a name, and files, of its own."""
    writers = [JournalWriter(tmp_path) for _ in range(3)]
    for step in range(30):
        log(writers[step % 3], {"a": 1.0}, step)
    for writer in writers:
        writer.close()

    assert sorted(steps(read_rows(tmp_path))) == list(range(30))


def test_more_sets_of_keys_than_a_segment_can_count_begin_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_rows: ReadRows
) -> None:
    """A program that names a metric after its episode must not end the journal."""
    monkeypatch.setattr(writer_module, "MAX_SCHEMAS", 10)
    writer = JournalWriter(tmp_path)
    for step in range(35):
        assert log(writer, {f"episode{step}": 1.0}, step)
    writer.close()

    assert steps(read_rows(tmp_path)) == list(range(35))
    assert len(list(tmp_path.iterdir())) == 4


def test_the_last_values_are_in_the_order_of_writing(tmp_path: Path) -> None:
    """Two sets of keys share one: what was written last counts, whichever set it was in."""
    writer = JournalWriter(tmp_path)
    log(writer, {"a": 1.0, "b": 1}, 0)
    log(writer, {"a": 2.0}, 1)
    log(writer, {"a": 3.0, "b": 2}, 2)
    assert writer.latest() == {"a": 3.0, "b": 2}
    log(writer, {"a": 4.0}, 3)
    writer.write(Row(4, 0, {"b": "text"}))
    log(writer, {"cpu": 99.0}, 5, RowFlag.SYSTEM)

    assert writer.latest() == {"a": 4.0, "b": "text"}
    writer.close()
    assert writer.latest() == {"a": 4.0, "b": "text"}


def test_a_closed_journal_takes_nothing(tmp_path: Path, read_rows: ReadRows) -> None:
    """Its segment has been cut to its size."""
    writer = JournalWriter(tmp_path)
    writer.close()
    writer.close()
    writer.sync()

    assert not log(writer, {"a": 1.0}, 0)
    with pytest.raises(ValueError, match="closed"):
        writer.write(Noted(0, "info", "late"))
    assert read_rows(tmp_path) == []


def test_a_dropped_writer_is_let_go_of(tmp_path: Path) -> None:
    """The fork hook must not keep every journal of a long process open."""
    writer = JournalWriter(tmp_path)
    writer.close()
    alive = weakref.ref(writer)
    del writer
    gc.collect()

    assert alive() is None


# -- threads and forks ---------------------------------------------------------------------


def test_threads_lose_no_row(tmp_path: Path, read_rows: ReadRows) -> None:
    """Four threads, with sets of keys that change all the time."""
    writer = JournalWriter(tmp_path, segment_bytes=20_000, mapped=False)

    def work(thread: int) -> None:
        for step in range(500):
            log(writer, {f"t{thread}.{step % 5}": 1.0}, thread * 1000 + step)
            if step % 50 == 0:
                writer.sync()
                writer.write(Noted(0, "info", "…"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()

    expected = [thread * 1000 + step for thread in range(4) for step in range(500)]
    assert sorted(steps(read_rows(tmp_path))) == expected


@pytest.mark.parametrize("mapped", [True, False])
def test_a_forked_child_writes_under_a_name_of_its_own(
    tmp_path: Path, mapped: bool, read_rows: ReadRows, read_records: ReadRecords
) -> None:
    """Both go on, while another thread of the parent may hold the lock at the fork."""
    writer = JournalWriter(tmp_path, mapped=mapped)
    log(writer, {"a": 1.0}, 0)
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            log(writer, {"busy": 1.0}, -1, RowFlag.POINT)

    thread = threading.Thread(target=keep_busy)
    thread.start()
    children = []
    for child in range(5):
        pid = os.fork()
        if pid == 0:
            for step in range(100):
                log(writer, {"a": 1.0}, 1000 * (child + 1) + step)
            os._exit(0)  # with no close: a child that ends in os._exit loses nothing either
        children.append(pid)
    for step in range(1, 100):
        log(writer, {"a": 1.0}, step)
    stop.set()
    thread.join()
    for pid in children:
        os.waitpid(pid, 0)
    writer.close()

    expected = [1000 * part + step for part in range(6) for step in range(100)]
    assert sorted(step for step in steps(read_rows(tmp_path)) if step >= 0) == expected
    opened = [record for record in read_records(tmp_path) if isinstance(record, WriterOpened)]
    assert sorted(record.pid for record in opened) == sorted([os.getpid(), *children])


# -- signals -------------------------------------------------------------------------------


@pytest.fixture
def on_timer() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Has a function called by a signal, hundreds of times a second, until the test ends.

    By a timer of CPU time: the other is that of pytest-timeout.
    """

    def start(action: Callable[[], None]) -> None:
        signal.signal(signal.SIGPROF, lambda *_: action())
        signal.setitimer(signal.ITIMER_PROF, 0.0002, 0.0002)

    before = signal.getsignal(signal.SIGPROF)
    gc.collect()
    gc.disable()  # what a handler raises within the collector's own calls, no code can catch
    yield start
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
    gc.enable()


@pytest.mark.parametrize("mapped", [True, False])
def test_a_signal_handler_that_logs_neither_waits_nor_loses(
    tmp_path: Path,
    mapped: bool,
    on_timer: Callable[[Callable[[], None]], None],
    read_rows: ReadRows,
) -> None:
    """It interrupts a write anywhere, and cannot wait for a lock that its own thread holds."""
    writer = JournalWriter(tmp_path, segment_bytes=50_000, mapped=mapped)
    handled = 0

    def handler() -> None:
        nonlocal handled
        number = handled  # the next alarm may strike in here already
        handled += 1
        if number % 2:
            log(writer, {"handled": number}, number, RowFlag.POINT)
        else:
            writer.write(Row(number, 0, {"handled": "text"}, RowFlag.POINT))

    on_timer(handler)
    written = 0
    while handled < 100:
        log(writer, {"a": 1.0} if written % 3 else {f"b{written % 50}": 1}, written)
        if written % 100 == 0:
            writer.write(Row(written + 1, 0, {"text": "x"}))
            written += 1
        written += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
    total = handled
    writer.close()

    rows = read_rows(tmp_path)
    assert steps([row for row in rows if not row.flags]) == list(range(written))
    assert sorted(steps([row for row in rows if row.flags])) == list(range(total))


@pytest.mark.parametrize("mapped", [True, False])
def test_an_exception_out_of_a_signal_handler_harms_nothing_that_follows(
    tmp_path: Path,
    mapped: bool,
    on_timer: Callable[[Callable[[], None]], None],
    read_rows: ReadRows,
) -> None:
    """A timeout that a user raises may strike between any two bytecodes of a write."""
    writer = JournalWriter(tmp_path, segment_bytes=50_000, mapped=mapped)
    raised = 0
    returned = []

    armed = False  # outside of the calls, it would strike in the test itself

    class TimesUp(Exception):
        pass

    def handler() -> None:
        if armed:
            raise TimesUp

    on_timer(handler)
    step = 0
    while raised < 100:
        step += 1
        try:
            armed = True
            if step % 10:
                log(writer, {"a": 1.0} if step % 3 else {f"b{step % 500}": 1}, step)
            else:
                writer.write(Row(step, 0, {"text": "x"}))
            armed = False
            returned.append(step)
        except TimesUp:
            armed = False
            raised += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
    log(writer, {"a": 1.0}, step + 1)
    writer.close()

    found = steps(read_rows(tmp_path))
    assert set(returned) | {step + 1} <= set(found)
    assert found == sorted(set(found))  # those that were broken off are there once, or not


def test_a_handler_may_log_more_than_python_may_recurse(
    tmp_path: Path, read_rows: ReadRows
) -> None:
    """What it logs waits for the interrupted write, and is then written in a loop."""
    count = 5000

    def admit(keys: tuple[str, ...]) -> bool:
        if keys == ("outer",):  # in the middle of a write, as a handler would be
            for step in range(count):
                assert log(writer, {"inner": step}, step)
        return True

    writer = JournalWriter(tmp_path, admit=admit)
    log(writer, {"outer": 1.0}, count)
    writer.close()

    assert steps(read_rows(tmp_path)) == [count, *range(count)]


def test_a_handler_may_end_the_run(tmp_path: Path, read_rows: ReadRows) -> None:
    """SIGTERM in the middle of `log`, whose handler finishes: the row is there, and the end."""

    def admit(keys: tuple[str, ...]) -> bool:
        writer.write(Finished(1, "killed", 255))
        writer.close()
        return True

    writer = JournalWriter(tmp_path, admit=admit)
    log(writer, {"a": 1.0}, 0)

    assert not log(writer, {"a": 1.0}, 1)
    assert steps(read_rows(tmp_path)) == [0]
    reader = JournalReader(tmp_path)
    records = [getattr(item, "record", None) for item in reader.poll(final=True)]
    assert records[-1] == Finished(1, "killed", 255)


def test_what_a_handler_logs_keeps_its_kinds(tmp_path: Path, read_rows: ReadRows) -> None:
    """Waiting must not turn an int into a float, or accept what an undisturbed call refuses."""

    def admit(keys: tuple[str, ...]) -> bool:
        if "outer" in keys:
            assert log(writer, {"n": 2**62 + 1, "b": True, "f": np.float32(0.5)}, 1)
            assert not log(writer, {"n": 2**70}, 2)
            assert not log(writer, {"bad": 1.0}, 3)
        return "bad" not in keys

    writer = JournalWriter(tmp_path, admit=admit)
    log(writer, {"outer": 1.0}, 0)
    writer.close()

    _, inner = read_rows(tmp_path)
    assert [(value, type(value)) for value in inner.values.values()] == [
        (2**62 + 1, int),
        (True, bool),
        (0.5, float),
    ]
