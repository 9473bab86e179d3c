"""How far a segment is written, while its writer goes on and after it was killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rltrack.journal.extent import written, written_for_good
from rltrack.journal.writer import JournalWriter


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def rows(writer: JournalWriter, count: int, first: int = 0) -> None:
    for step in range(first, first + count):
        with writer.lock:
            assert writer.write_row({"a": 0.0, "b": step}, step, 0, 0)


@pytest.mark.parametrize("mapped", [True, False])
def test_it_is_what_the_closed_segment_has(tmp_path: Path, mapped: bool) -> None:
    """The last value is 0.0, so zeros at the end are no sign of the end."""
    writer = JournalWriter(tmp_path, mapped=mapped)
    (path,) = tmp_path.iterdir()
    ends: list[int] = []
    with opened(path) as fd:
        for first in (0, 10, 20_000):
            rows(writer, 10 if first < 20_000 else 90_000, first)
            ends.append(written(fd, ends[-1] if ends else 0))
            assert ends[-1] == written(fd)
            assert written_for_good(fd) == ends[-1]
    writer.close()

    assert ends[-1] == path.stat().st_size
    assert ends == sorted(set(ends))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 500))
def test_a_torn_frame_is_left_out_until_its_writer_is_gone(tmp_path: Path, cut: int) -> None:
    writer = JournalWriter(tmp_path / os.urandom(4).hex(), mapped=False)
    rows(writer, 5)
    writer.close()
    (path,) = writer.folder.iterdir()
    whole = path.read_bytes()
    torn = whole[:cut] + bytes(1000)
    path.write_bytes(torn)

    with opened(path) as fd:
        live, good = written(fd), written_for_good(fd)

    assert torn[:live] == whole[:live]
    assert live <= good
    assert torn[good:].strip(b"\0") == b""


def test_what_follows_damage_is_part_of_it(tmp_path: Path) -> None:
    """The copy is as damaged as the original, and not more."""
    writer = JournalWriter(tmp_path, mapped=False)
    rows(writer, 50)
    writer.close()
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[-100] ^= 0xFF
    path.write_bytes(data + bytes(5000))

    with opened(path) as fd:
        assert written(fd) < len(data) - 50
        assert written_for_good(fd) == len(data)


def test_a_frame_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    from rltrack.journal.records import Noted

    writer = JournalWriter(tmp_path)
    writer.write(Noted(0, "info", "x" * (9 << 20)))
    rows(writer, 3)
    (path,) = tmp_path.iterdir()
    with opened(path) as fd:
        end = written(fd)
    writer.close()

    assert end == path.stat().st_size
