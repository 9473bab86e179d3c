"""Event files, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as of_tensorboard

from rltrack.importers.tensorboard_events import (
    EventFile,
    is_event_file,
    masked_crc32c,
    read_history,
)


def record(payload: bytes) -> bytes:
    head = struct.pack("<Q", len(payload))
    return b"".join(
        [
            head,
            struct.pack("<I", masked_crc32c(head)),
            payload,
            struct.pack("<I", masked_crc32c(payload)),
        ]
    )


def event(step: int, value: float) -> bytes:
    made = Event(step=step, wall_time=1e9 + step)
    made.summary.value.add(tag="x", simple_value=value)
    return bytes(made.SerializeToString())


@given(st.binary(max_size=100))
def test_the_checksum_is_tensorboards(data: bytes) -> None:
    assert masked_crc32c(data) == of_tensorboard(data)


@given(st.integers(0, 400))
def test_a_file_cut_at_any_byte_gives_every_whole_event_and_goes_on_from_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """A writer may be in the middle of a record, or dead in it."""
    path = tmp_path_factory.getbasetemp() / "tfevents"
    data = b"".join(record(event(step, 1.0)) for step in range(1, 9))
    path.write_bytes(data[:cut])
    file = EventFile(path)

    first = [e.step for e in file.events()]
    path.write_bytes(data)
    second = [e.step for e in file.events()]

    assert first + second == list(range(1, 9))
    assert len(first) == min(cut, len(data)) // (len(data) // 8)
    assert file.damage is None


@pytest.mark.parametrize("at", [0, 9, 14, 36])
def test_damage_ends_the_reading_of_a_file_and_says_where(tmp_path: Path, at: int) -> None:
    size = len(record(event(1, 1.0)))
    data = bytearray(b"".join(record(event(step, 1.0)) for step in (1, 2, 3)))
    data[size + at] ^= 0xFF
    path = tmp_path / "tfevents"
    path.write_bytes(data)
    file = EventFile(path)

    assert [e.step for e in file.events()] == [1]
    assert file.damage is not None
    assert str(size) in file.damage
    assert list(file.events()) == []


def test_events_that_are_no_events(tmp_path: Path) -> None:
    path = tmp_path / "tfevents"
    path.write_bytes(record(event(1, 1.0)) + record(b"\xff\xff\xff\xff"))
    file = EventFile(path)

    assert [e.step for e in file.events()] == [1]
    assert file.damage is not None
    assert "cannot be read" in file.damage


def test_large_records_pass_through_several_reads(tmp_path: Path) -> None:
    path = tmp_path / "tfevents"
    large = Event(step=1)
    large.summary.value.add(tag="p").image.encoded_image_string = bytes(9 << 20)
    path.write_bytes(record(large.SerializeToString()) + record(event(2, 1.0)))

    assert [e.step for e in EventFile(path).events()] == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=20), st.integers(1, 3))
def test_a_restart_takes_back_what_stands_before_it_from_its_step_on(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, bool]], file_count: int
) -> None:
    """Against the definition, which keeps everything in memory."""
    folder = tmp_path_factory.mktemp("restarts")
    expected: list[int] = []
    payloads = []
    for step, is_restart in written:
        made = Event(step=step)
        if is_restart:
            made.session_log.status = 1
            expected = [before for before in expected if before < step]
        else:
            made.summary.value.add(tag="x", simple_value=1.0)
            expected.append(step)
        payloads.append(record(made.SerializeToString()))
    files = []
    for number in range(file_count):
        path = folder / f"tfevents.{number}"
        start = len(payloads) * number // file_count
        end = len(payloads) * (number + 1) // file_count
        path.write_bytes(b"".join(payloads[start:end]))
        files.append(EventFile(path))

    kept = [e.step for e in read_history(files) if e.HasField("summary")]

    assert kept == expected


def test_a_file_that_is_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "tfevents"
    path.write_bytes(record(event(1, 1.0)) * 3)
    file = EventFile(path)
    assert not file.was_replaced()
    assert len(list(file.events())) == 3

    path.write_bytes(record(event(5, 1.0)))

    assert file.was_replaced()
    assert [e.step for e in file.events()] == [5]


def test_which_files_are_event_files() -> None:
    assert is_event_file("events.out.tfevents.1700000000.host.1.0")
    assert not is_event_file("events.out.tfevents.1700000000.host.profile-empty")
    assert not is_event_file("model.zip")


def test_tensorboardx_can_stand_in_for_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_scalars: Callable[..., Any]
) -> None:
    """Its messages have the same fields."""
    import sys

    from rltrack.importers import tensorboard_events

    write_scalars(tmp_path, range(3))
    (path,) = tmp_path.iterdir()
    for name in [n for n in sys.modules if n.startswith("tensorboard.")] + ["tensorboard"]:
        monkeypatch.setitem(sys.modules, name, None)
    tensorboard_events.event_class.cache_clear()
    try:
        values = [e.summary.value[0] for e in EventFile(path).events() if e.HasField("summary")]
    finally:
        tensorboard_events.event_class.cache_clear()

    assert type(values[0]).__module__.startswith("tensorboardX")
    assert [value.tag for value in values] == ["x", "x", "x"]
