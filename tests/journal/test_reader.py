"""Reading journals: whole, cut, damaged in any way, and while they are written."""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rltrack.journal.format import FRAME_HEAD_SIZE, HEADER_SIZE, frame, whole_frame
from rltrack.journal.reader import Damage, Entry, JournalReader, RowBlock
from rltrack.journal.records import ConfigChanged, Finished, Noted, Record, Row, RowFlag
from rltrack.journal.writer import JournalWriter

Sequenced = tuple[int, Record]


def taken(reader: JournalReader, *, final: bool) -> list[Sequenced]:
    """Everything that a poll yields, with its place among the writer's rows."""
    found: list[Sequenced] = []
    for item in reader.poll(final=final):
        if isinstance(item, Entry):
            found.append((item.sequence, item.record))
        else:
            found += [(item.sequence + index, row) for index, row in enumerate(item.rows())]
    return found


def write_some(writer: JournalWriter) -> None:
    """A journal with every way in which a record gets out."""
    log(writer, {"a": 1.5, "n": 3}, 0)
    writer.write(ConfigChanged(5, {"lr": 0.1}))
    for step in range(1, 6):
        log(writer, {"a": step / 3, "n": -step}, step)
        log(writer, {"b": True}, step, RowFlag.POINT)
    writer.write(Row(6, 7, {"text": "x" * 300, "none": None}))
    log(writer, {"a": float("-inf"), "n": 2**62}, 7, RowFlag.EXPLICIT)
    writer.write(Noted(8, "warning", "…"))
    log(writer, {"b": False}, 8)
    writer.write(Finished(9, "finished", 0))


def log(writer: JournalWriter, values: dict[str, float], step: int, flags: int = 0) -> None:
    with writer.lock:
        assert writer.write_row(values, step, 1000 + step, flags)


class Sample:
    """A whole segment: its bytes, its frames, and the records that they hold."""

    def __init__(self, folder: Path) -> None:
        writer = JournalWriter(folder / "whole", clock=itertools.count().__next__)
        write_some(writer)
        writer.close()
        (self.path,) = (folder / "whole").iterdir()
        self.data = self.path.read_bytes()
        self.records = taken(JournalReader(self.path.parent), final=True)
        self.frames: list[tuple[int, int]] = []
        start = HEADER_SIZE
        while (end := whole_frame(self.data, start)) is not None:
            self.frames.append((start, end))
            start = end
        assert start == len(self.data)
        self._other = folder / "other" / self.path.name
        self._other.parent.mkdir()

    def read(self, data: bytes, *, final: bool) -> tuple[list[Sequenced], list[Damage]]:
        """What a reader makes of other bytes in the place of these."""
        self._other.write_bytes(data)
        reader = JournalReader(self._other.parent)
        return taken(reader, final=final), reader.damage

    def is_schema(self, start: int) -> bool:
        return self.data[start + FRAME_HEAD_SIZE] == 2

    def record_frames(self) -> list[tuple[int, int]]:
        """The frames that hold records, in the order of `records`."""
        return [span for span in self.frames if not self.is_schema(span[0])]

    def schema_of(self, start: int) -> int | None:
        """Where the schema of the row at `start` stands; None if it is no such row."""
        if self.data[start + FRAME_HEAD_SIZE] != 1:
            return None
        key = self.data[start + 10 : start + 12]
        return next(
            begin
            for begin, _ in self.frames
            if self.is_schema(begin) and self.data[begin + 10 : begin + 12] == key
        )


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample(tmp_path_factory.mktemp("sample"))


def test_everything_written_is_read_in_order(sample: Sample) -> None:
    """The order within a writer is the order of the calls."""
    kinds = [type(record).__name__ for _, record in sample.records]

    assert kinds == [
        "WriterOpened",
        "Row",
        "ConfigChanged",
        *["Row"] * 12,
        "Noted",
        "Row",
        "Finished",
    ]
    assert [sequence for sequence, record in sample.records if isinstance(record, Row)] == list(
        range(14)
    )


@given(st.data(), st.booleans())
def test_a_journal_cut_at_any_byte_keeps_every_whole_record(
    sample: Sample, data: st.DataObject, final: bool
) -> None:
    """A crash can only cut the tail, so that is silence."""
    cut = data.draw(st.integers(0, len(sample.data)))

    records, damage = sample.read(sample.data[:cut], final=final)

    assert records == sample.records[: sum(end <= cut for _, end in sample.record_frames())]
    assert damage == []


@given(st.data(), st.booleans())
def test_zeros_behind_a_cut_are_silence_too(
    sample: Sample, data: st.DataObject, final: bool
) -> None:
    """A writer allocates ahead: what a kill leaves is a torn frame, and zeros."""
    cut = data.draw(st.integers(HEADER_SIZE, len(sample.data)))

    records, damage = sample.read(sample.data[:cut] + bytes(5000), final=final)

    # A frame that ends in zeros may be whole without them.
    assert len(records) >= sum(end <= cut for _, end in sample.record_frames())
    assert records == sample.records[: len(records)]
    assert damage == []


def harmed(data: bytes, draw: Callable[[st.SearchStrategy[int]], int]) -> bytes:
    """`data` with flipped bits, zeroed pages, foreign bytes, in some places."""
    bad = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(bad) - 1))
        how = draw(st.integers(0, 3))
        size = draw(st.integers(1, 700))
        if how == 0:
            bad[at] ^= 1 << draw(st.integers(0, 7))
        elif how == 1:
            bad[at : at + size] = bytes(len(bad[at : at + size]))
        elif how == 2:
            fill = draw(st.integers(0, 255))
            bad[at : at + size] = bytes([fill]) * len(bad[at : at + size])
        else:  # a copy of another place, frames and all
            source = bad[: len(bad) - at][-size:]
            bad[at : at + len(source)] = source
    return bytes(bad[: len(data)])


@given(st.data(), st.booleans())
def test_no_damage_anywhere_makes_up_a_row(
    sample: Sample, data: st.DataObject, final: bool
) -> None:
    """Flipped bits, zeroed pages, misplaced pages: each row read is one that was written."""
    bad = harmed(sample.data, data.draw)

    records, _ = sample.read(bad, final=final)

    written = [record for _, record in sample.records]
    assert all(record in written for _, record in records)


@given(st.data())
def test_damage_is_told_and_takes_no_record_but_those_it_hit(
    sample: Sample, data: st.DataObject
) -> None:
    """What lies behind a bad block of a disk is found again, and that there was one is said."""
    bad = bytearray(sample.data)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(bad) - 1))
        size = data.draw(st.sampled_from([1, 1, 1, 40, 600]))
        old = bad[at : at + size]
        bad[at : at + size] = (
            bytes(len(old)) if data.draw(st.booleans()) else bytes(b ^ 4 for b in old)
        )

    records, damage = sample.read(bytes(bad), final=True)

    untouched = {start for start, end in sample.frames if bad[start:end] == sample.data[start:end]}
    expected = [
        record
        for (start, _), (_, record) in zip(sample.record_frames(), sample.records, strict=True)
        if start in untouched and (sample.schema_of(start) or start) in untouched
    ]
    assert [record for _, record in records] == expected
    last = max(untouched, default=0)
    if any(start < last for start, _ in sample.frames if start not in untouched):
        assert damage


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes_are_no_row_and_no_crash(
    sample: Sample, junk: bytes, final: bool, after_header: bool
) -> None:
    """A reader meets files of any origin in a folder of a shared disk."""
    head = sample.data[:HEADER_SIZE] if after_header else b""

    records, _ = sample.read(head + junk, final=final)

    assert records == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3, 10, 12, 17, 99]),
            st.integers(0, 255),
            st.integers(0, 2),
            st.binary(max_size=30)
            | st.sampled_from(
                [
                    b'{"keys":["a"],"kinds":"d"}',
                    b'{"keys":["a"],"kinds":"9x"}',
                    b"[[1]]",
                    b"{}",
                    b"3",
                ]
            ),
        ),
        max_size=6,
    )
)
def test_foreign_frames_with_right_checksums_are_no_crash(
    sample: Sample, bodies: list[tuple[int, int, int, bytes]]
) -> None:
    """Only a checksum was right: rows of a wrong size, schemas that are none, JSON of a wrong kind."""
    frames = [frame(struct.pack("<BBHqq", *head, 0, 0) + tail) for *head, tail in bodies]

    sample.read(sample.data[:HEADER_SIZE] + b"".join(frames), final=True)


def test_a_length_that_claims_gigabytes_asks_for_no_memory(sample: Sample) -> None:
    """One flipped bit must not end a reader with a MemoryError."""
    start = sample.frames[3][0]
    for claim in (0x7FFF_FFFF, 0xFFFF_FFFF):
        bad = sample.data[:start] + struct.pack("<I", claim) + sample.data[start + 4 :]

        records, damage = sample.read(bad, final=True)

        assert len(records) == len(sample.records) - 1
        assert len(damage) == 1


@pytest.mark.parametrize("size", [100, 65_536, 3 << 20])
@pytest.mark.parametrize("hole", [0, 1 << 12, 5 << 20])
def test_what_follows_a_bad_frame_of_any_size_or_a_hole_is_read(
    tmp_path: Path, size: int, hole: int
) -> None:
    """A row of a large text, hit by one bit, must not cost the rows behind it; nor a lost extent."""
    writer = JournalWriter(tmp_path)
    writer.write(Row(0, 0, {"text": "x" * size}))
    writer.write(Row(1, 0, {"text": "y" * (65_536 - 20 - len('{"text":""}'))}))  # length 0x10000
    log(writer, {"a": 1.0}, 2)
    writer.close()
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    at = data.index(b"x" * size)
    data[at] ^= 1
    end = at + size + len('"}')
    path.write_bytes(bytes(data[:end]) + bytes(hole) + bytes(data[end:]))
    reader = JournalReader(tmp_path)

    rows = [record for _, record in taken(reader, final=True) if isinstance(record, Row)]

    assert [row.step for row in rows] == [1, 2]
    assert len(reader.damage) == 1


def test_a_bad_header_costs_no_row(sample: Sample) -> None:
    """A header is 64 bytes of 64 MiB."""
    for bad in (bytes(HEADER_SIZE), b"\xff" * HEADER_SIZE):
        records, damage = sample.read(bad + sample.data[HEADER_SIZE:], final=True)

        assert records == sample.records
        assert len(damage) == 1


def test_a_newer_segment_is_named_and_left_alone(sample: Sample) -> None:
    """Its frames may mean something else."""
    head = sample.data[:8] + b"\2" + sample.data[9:60]
    newer = head + struct.pack("<I", zlib.crc32(head))

    records, damage = sample.read(newer + sample.data[HEADER_SIZE:], final=True)

    assert records == []
    assert "pip install -U rltrack" in str(damage[0])


def test_rows_whose_schema_is_lost_are_one_damage(tmp_path: Path) -> None:
    """A million rows must not be a million complaints, and the rows behind keep their numbers."""
    writer = JournalWriter(tmp_path)
    for step in range(50):
        log(writer, {"lost": 1.0}, step)
        log(writer, {"kept": 1.0}, step)
    writer.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes().replace(b'"lost"', b'"LOST"'))
    reader = JournalReader(tmp_path)

    kept = [place for place, record in taken(reader, final=True) if isinstance(record, Row)]

    assert kept == list(range(1, 100, 2))
    assert len(reader.damage) == 2  # the schema, and its rows
    assert reader.damage[1].lost_bytes == 50 * (8 + 20 + 8)


def test_a_missing_segment_is_told_with_its_rows(tmp_path: Path) -> None:
    """Somebody deleted one: the others are read, on their own numbers."""
    writer = JournalWriter(tmp_path, segment_bytes=2000, mapped=False)
    for step in range(200):
        log(writer, {"a": 1.0}, step)
    writer.close()
    segments = sorted(tmp_path.iterdir())
    segments[1].unlink()
    reader = JournalReader(tmp_path)

    found = [
        (place, record) for place, record in taken(reader, final=True) if isinstance(record, Row)
    ]

    assert all(place == row.step for place, row in found)
    missing = 200 - len(found)
    assert missing > 0
    assert [str(damage).partition(": ")[2] for damage in reader.damage] == [
        "segments 2 to 2 before it are missing",
        f"{missing} rows before this segment are lost",
    ]


def test_files_that_are_no_segments_are_passed_over(tmp_path: Path) -> None:
    """Editors, sync tools and file managers leave theirs everywhere."""
    writer = JournalWriter(tmp_path)
    log(writer, {"a": 1.0}, 0)
    writer.close()
    (path,) = tmp_path.iterdir()
    for name in (".DS_Store", f"{path.name}.tmp", "notes.txt", "x-1.rlj", f"{path.name}~"):
        (tmp_path / name).write_bytes(b"anything")
    (tmp_path / "folder-000001.rlj").mkdir()
    reader = JournalReader(tmp_path)

    assert sum(isinstance(record, Row) for _, record in taken(reader, final=True)) == 1
    assert [damage.path.name for damage in reader.damage] == ["folder-000001.rlj"]


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """A run is listed before its journal is there, and after it was removed."""
    assert list(JournalReader(tmp_path / "none").poll()) == []


# -- following a live journal --------------------------------------------------------------


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("rows"), st.integers(1, 60)),
            st.tuples(st.just("text"), st.integers(1, 3)),
            st.tuples(st.just("poll"), st.just(0)),
        ),
        max_size=25,
    ),
    st.sampled_from([600, 5000, 1 << 20]),
    st.booleans(),
)
@settings(max_examples=40)  # each segment that ends is synced to the disk
def test_a_reader_sees_each_row_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    actions: list[tuple[str, int]],
    segment_bytes: int,
    mapped: bool,
) -> None:
    """Whenever it looks, however many segments there are by then."""
    folder = tmp_path_factory.mktemp("live")
    writer = JournalWriter(folder, segment_bytes=segment_bytes, mapped=mapped)
    reader = JournalReader(folder)
    step = 0
    seen: list[Sequenced] = []
    for action, count in actions:
        for _ in range(count):
            if action == "rows":
                log(writer, {"a": float(step)} if step % 3 else {"b": step}, step)
            else:
                writer.write(Row(step, 0, {"text": "x" * 100}))
            step += 1
        if action == "poll":
            seen += taken(reader, final=False)
            assert sum(isinstance(record, Row) for _, record in seen) == step
    writer.close()
    seen += taken(reader, final=True)

    rows = [(place, record.step) for place, record in seen if isinstance(record, Row)]
    assert rows == [(index, index) for index in range(step)]
    assert reader.damage == []


@pytest.mark.parametrize("mapped", [True, False])
def test_a_reader_follows_writers_at_full_speed(tmp_path: Path, mapped: bool) -> None:
    """Two processes write as fast as they can: a frame caught half-stored is no damage."""
    children = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            writer = JournalWriter(tmp_path, segment_bytes=1 << 20, mapped=mapped)
            with writer.lock:
                for step in range(60_000):
                    writer.write_row({"a": float(step), "b": step}, step, 1, 0)
            os._exit(0)
        children.append(pid)
    reader = JournalReader(tmp_path)
    steps: dict[str, list[int]] = {}
    polls = 0
    while children:
        if os.waitpid(children[0], os.WNOHANG) != (0, 0):
            del children[0]
        polls += 1
        for item in reader.poll(final=not children):
            if isinstance(item, RowBlock):
                seen = steps.setdefault(item.writer, [])
                assert item.sequence == len(seen)
                seen += [row.step for row in item.rows()]

    assert polls > 2
    assert list(steps.values()) == [list(range(60_000))] * 2
    assert reader.damage == []


def test_a_reader_goes_on_when_a_removed_journal_is_back(tmp_path: Path) -> None:
    """The file that it has open is not the one that the writer goes on in."""
    folder = tmp_path / "journal"
    writer = JournalWriter(folder)
    reader = JournalReader(folder)
    log(writer, {"a": 1.0}, 0)
    before = taken(reader, final=False)
    (path,) = folder.iterdir()
    path.unlink()
    folder.rmdir()
    log(writer, {"a": 1.0}, 1)
    assert taken(reader, final=False) == []
    writer.sync()
    log(writer, {"a": 1.0}, 2)

    after = taken(reader, final=False)

    writer.close()
    rows = [record for _, record in before + after if isinstance(record, Row)]
    assert [row.step for row in rows] == [0, 1, 2]


def test_an_abandoned_poll_yields_no_row_twice(tmp_path: Path) -> None:
    """Who breaks out of the loop has lost the rest, which is better than rows that count double."""
    writer = JournalWriter(tmp_path)
    log(writer, {"a": 1.0}, 0)
    writer.write(Row(1, 0, {"text": "x"}))
    reader = JournalReader(tmp_path)
    next(iter(reader.poll()))

    log(writer, {"a": 1.0}, 2)
    writer.close()

    assert [record.step for _, record in taken(reader, final=True) if isinstance(record, Row)] == [
        2
    ]
