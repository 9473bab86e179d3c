"""Logged media become files: off the training's path, without loss, whatever goes wrong."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

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

    def __init__(self, folder: Path, **options: int) -> None:
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

    assert [stored.error for stored in bench.recorded] == ["unwell"] * 3 + [None]
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
