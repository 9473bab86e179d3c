"""Logged media become files: off the training's path, without loss, whatever goes wrong."""

from __future__ import annotations

import gc
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rltrack.journal.records import Json, MediaStored
from rltrack.media.base import Media
from rltrack.media.store import MediaStore


class Text(Media):
    """The smallest medium: text in a file. A gate holds its encoding, a fault ends it."""

    kind: ClassVar[str] = "texts"
    type_name: ClassVar[str] = "text-file"
    extension = "txt"

    def __init__(
        self,
        text: str,
        *,
        gate: threading.Event | None = None,
        fault: Exception | None = None,
        size_bytes: int = 10,
    ) -> None:
        self.text = text
        self.gate = gate
        self.fault = fault
        self.size_bytes = size_bytes

    def facts(self) -> dict[str, Json]:
        return {"caption": self.text}

    def encode(self, path: Path) -> dict[str, Json]:
        if self.gate is not None:
            assert self.gate.wait(20)
        path.write_text(self.text)
        if self.fault is not None:
            raise self.fault
        return {"letters": len(self.text)}


class Bench:
    """A store, and what it recorded."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.recorded: list[MediaStored] = []
        self.store = MediaStore(folder, self.recorded.append, clock=lambda: 7, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A store in a folder of its own, which leaves no thread behind."""
    bench = Bench(tmp_path / "media")
    yield bench
    bench.store.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "rltrack-media"]


def files_of(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_the_row_gets_its_reference_before_the_file_is_there(bench: Bench) -> None:
    """Training must not wait for an encoder."""
    gate = threading.Event()

    reference = bench.store.put("eval/note", 20480, Text("hello", gate=gate))

    assert str(reference.pop("path")).startswith("texts/eval/note_20480_")
    assert reference == {"_type": "text-file", "caption": "hello"}
    assert not files_of(bench.folder)
    gate.set()


def test_a_stored_file_is_recorded_with_its_digest_and_size(bench: Bench) -> None:
    """A reader can tell that the file is whole, and what it is, without opening it."""
    path = bench.store.put("note", 3, Text("hello"))["path"]
    bench.store.close()

    assert isinstance(path, str)
    assert (bench.folder / path).read_text() == "hello"
    digest = hashlib.sha256(b"hello").hexdigest()
    assert bench.recorded == [
        MediaStored(7, path, {"letters": 5, "sha256": digest, "bytes": 5}, None)
    ]


def test_no_half_file_is_ever_seen_under_its_name(bench: Bench) -> None:
    """A dashboard may fetch the file the moment that it appears."""
    bench.store.put("note", 0, Text("half", fault=ValueError("the codec is unwell")))
    bench.store.close()

    assert files_of(bench.folder) == []
    assert bench.recorded[0].error == "the codec is unwell"
    assert not bench.recorded[0].facts


def test_a_fault_is_told_once_and_the_next_file_is_written(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hundred broken videos must not bury the terminal, nor stop the good one."""
    for _ in range(3):
        bench.store.put("note", 0, Text("bad", fault=ValueError("unwell")))
    bench.store.put("note", 0, Text("good"))
    bench.store.close()

    errors = [stored.error for stored in bench.recorded]
    assert (errors.count("unwell"), errors.count(None)) == (3, 1)
    assert capsys.readouterr().err.count("unwell") == 1


@pytest.mark.parametrize(
    "key",
    [
        "../../../escaped",
        "/etc/passwd",
        "a/../../b",
        "..",
        "a/..",
        "",
        "/",
        "a//b",
        "nul\0byte",
        "C:\\windows\\x",
        "colon:star*?",
        "été/視頻",
        "a/" * 300 + "deep",
        "long" * 300,
        ".hidden/.file",
    ],
)
def test_no_key_leads_out_of_the_folder(bench: Bench, key: str) -> None:
    """Keys come from anywhere, also from imported logs."""
    path = bench.store.put(key, 0, Text("x"))["path"]
    bench.store.close()

    assert isinstance(path, str)
    assert bench.recorded[0].error is None
    assert files_of(bench.folder) == [path]
    assert not any(part.startswith(".") for part in Path(path).parts)
    assert (bench.folder / path).resolve().is_relative_to(bench.folder.resolve())


def test_many_files_of_one_key_and_step_keep_apart(bench: Bench) -> None:
    """A list of videos in one row, or 64 processes of one run, share key and step."""
    paths = {bench.store.put("note", 1, Text("x"))["path"] for _ in range(50)}
    bench.store.close()

    assert len(paths) == len(files_of(bench.folder)) == 50


def test_a_full_queue_makes_the_caller_wait(tmp_path: Path) -> None:
    """Memory stays bounded when training makes videos faster than they can be encoded."""
    bench = Bench(tmp_path, queue_bytes=100)
    gate = threading.Event()
    bench.store.put("note", 0, Text("first", gate=gate, size_bytes=60))
    third_is_in = threading.Event()

    def put_more() -> None:
        bench.store.put("note", 1, Text("second", size_bytes=60))
        third_is_in.set()

    caller = threading.Thread(target=put_more)
    caller.start()
    assert not third_is_in.wait(0.2)
    gate.set()
    caller.join(20)
    bench.store.close()

    assert third_is_in.is_set()
    assert len(bench.recorded) == 2


def test_one_larger_than_the_queue_still_passes(tmp_path: Path) -> None:
    """Waiting would not make it fit."""
    bench = Bench(tmp_path, queue_bytes=100)
    bench.store.put("note", 0, Text("huge", size_bytes=1000))
    bench.store.close()

    assert [stored.error for stored in bench.recorded] == [None]


def test_close_gives_up_in_time_and_says_what_is_missing(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hanging encoder must not keep a finished training from ending, nor be a secret."""
    gate = threading.Event()
    for step in range(3):
        bench.store.put("note", step, Text("slow", gate=gate))

    bench.store.close(timeout_s=1.2)

    told = capsys.readouterr().err
    assert "waiting for 3 texts to be written, 1 s at most" in told
    assert "3 texts left out" in told
    errors = [stored.error for stored in bench.recorded]
    assert errors == ["not written within 1 s after the run ended"] * 3
    gate.set()


def test_closing_an_idle_store_says_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most runs end with nothing to wait for."""
    bench.store.put("note", 0, Text("x"))
    bench.store.close()
    bench.store.close()

    assert capsys.readouterr().err == ""


def test_beyond_the_queue_new_ones_are_dropped_on_request_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where training must never wait, what is missing is in the run, and told."""
    bench = Bench(tmp_path, queue_bytes=100, overflow="drop")
    gate = threading.Event()
    bench.store.put("note", 0, Text("first", gate=gate, size_bytes=60))
    dropped = [bench.store.put("note", step, Text("more", size_bytes=60)) for step in (1, 2, 3)]
    gate.set()
    bench.store.close()

    errors = {stored.path: stored.error for stored in bench.recorded if stored.error}
    assert set(errors) == {reference["path"] for reference in dropped}
    assert all((error or "").startswith("dropped: ") for error in errors.values())
    told = capsys.readouterr().err
    assert told.count("is dropped:") == 1
    assert "3 media were dropped" in told


def test_one_that_takes_long_does_not_hold_up_the_next(tmp_path: Path) -> None:
    """A minute of video must not keep a picture from the dashboard."""
    bench = Bench(tmp_path)
    gate = threading.Event()
    bench.store.put("note", 0, Text("slow", gate=gate))
    path = bench.store.put("note", 1, Text("quick"))["path"]

    deadline = time.monotonic() + 20
    while not bench.recorded and time.monotonic() < deadline:
        time.sleep(0.01)
    arrived = [stored.path for stored in bench.recorded]
    gate.set()
    bench.store.close()
    assert arrived == [path]


def test_no_thread_is_left_behind(bench: Bench) -> None:
    """They linger for the next media, and not beyond the run."""
    for step in range(20):
        bench.store.put("note", step, Text("x"))
    bench.store.close()

    assert not [one for one in threading.enumerate() if one.name == "rltrack-media"]


def test_the_same_object_is_the_same_file(bench: Bench) -> None:
    """One picture under two keys is one picture; one that may change in between is two."""
    same, changing = Text("x"), Text("y")
    same.immutable = True  # type: ignore[misc]

    first, second = bench.store.put("a", 0, same), bench.store.put("b", 1, same)
    third, fourth = bench.store.put("a", 0, changing), bench.store.put("b", 1, changing)
    bench.store.close()

    assert first == second
    assert third["path"] != fourth["path"]
    assert len(files_of(bench.folder)) == 3


def test_an_object_that_is_gone_is_not_taken_for_another(bench: Bench) -> None:
    """Python gives the place of a dead object to the next."""
    paths = set()
    for step in range(50):
        text = Text(f"{step}")
        text.immutable = True  # type: ignore[misc]
        paths.add(bench.store.put("a", 0, text)["path"])
        del text
        gc.collect(0)
    bench.store.close()

    assert len(paths) == len(files_of(bench.folder)) == 50


def test_equal_content_takes_the_disk_once(bench: Bench) -> None:
    """A blank frame at each evaluation; and to delete one of them leaves the others."""
    texts = ["same"] * 5 + ["other"]
    references = [bench.store.put("note", at, Text(text)) for at, text in enumerate(texts)]
    bench.store.close()

    files = [bench.folder / str(reference["path"]) for reference in references]
    assert [file.read_text() for file in files] == texts
    assert len({file.stat().st_ino for file in files}) == 2
    assert not list(bench.folder.rglob(".*"))


def test_an_equal_file_that_was_deleted_is_written_again(bench: Bench) -> None:
    """The newest video of each metric may be all that a user keeps."""
    first = bench.folder / str(bench.store.put("note", 0, Text("same"))["path"])
    bench.store.close()
    first.unlink()
    second = bench.folder / str(bench.store.put("note", 1, Text("same"))["path"])
    bench.store.close()

    assert second.read_text() == "same"


def test_many_threads_may_log_at_once(bench: Bench) -> None:
    """Actors evaluate beside the learner."""

    def log(worker: int) -> None:
        for step in range(25):
            bench.store.put(f"actor{worker}", step, Text(f"{worker} {step}"))

    threads = [threading.Thread(target=log, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.store.close()

    assert len(files_of(bench.folder)) == len(bench.recorded) == 100
    assert not any(stored.error for stored in bench.recorded)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_writes_its_own_and_leaves_the_parents_alone(tmp_path: Path) -> None:
    """The child has the parent's queue in memory, but not its thread."""
    gate = threading.Event()
    bench = Bench(tmp_path)
    bench.store.put("parent", 0, Text("parent", gate=gate))

    pid = os.fork()
    if pid == 0:  # the child: assertions would be lost here, so its exit code speaks
        bench.store.put("child", 0, Text("child"))
        bench.store.close()
        os._exit(0 if [stored.error for stored in bench.recorded] == [None] else 1)
    _, status = os.waitpid(pid, 0)
    gate.set()
    bench.store.close()

    assert os.waitstatus_to_exitcode(status) == 0
    assert [Path(path).name.split("_")[0] for path in files_of(tmp_path)] == ["child", "parent"]
    assert [Path(stored.path).name[:6] for stored in bench.recorded] == ["parent"]
