"""A journal of every released format stays in `tests/data`, and opens with what was written."""

from __future__ import annotations

import math
import runpy
import struct
from pathlib import Path

from rltrack.journal.reader import Entry, JournalReader
from rltrack.journal.records import (
    ConfigChanged,
    Finished,
    MediaStored,
    MetricDefined,
    Noted,
    Record,
    Row,
    RowFlag,
    RunChanged,
    SummaryChanged,
    WriterOpened,
)

DATA = Path(__file__).parent.parent / "data"
START_S = 1_750_000_000


def at(second: int) -> int:
    return (START_S + second) * 10**9


def read(folder: Path) -> tuple[list[tuple[int, Record]], JournalReader]:
    reader = JournalReader(folder)
    found: list[tuple[int, Record]] = []
    for item in reader.poll(final=True):
        if isinstance(item, Entry):
            found.append((item.sequence, item.record))
        else:
            found += [(item.sequence + index, row) for index, row in enumerate(item.rows())]
    return found, reader


def test_a_journal_of_format_1_opens_with_all_that_was_written() -> None:
    """Runs are kept for years; an upgrade must not take them away."""
    found, reader = read(DATA / "journal-1")

    assert reader.damage == []
    rows = [record for _, record in found if isinstance(record, Row)]
    assert [place for place, record in found if isinstance(record, Row)] == list(range(36))
    for step in range(10):
        loss, episode = rows[2 * step : 2 * step + 2]
        second = 6 + 2 * step
        assert loss == Row(
            step, at(second), {"train/loss": 1 / (step + 1), "global_step": 2**53 + step}
        )
        done = step % 2 == 0
        values = {"episode/return": float(step), "done": done}
        assert episode == Row(7, at(second + 1), values, RowFlag.POINT)
        assert type(episode.values["done"]) is bool

    odd = rows[20]
    assert (odd.step, odd.time_ns, odd.flags) == (10, at(26), RowFlag.EXPLICIT)
    nan, infinite, zero, least = odd.values.values()
    assert struct.pack("<d", nan) == struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF)
    assert (infinite, str(zero), least) == (math.inf, "-0.0", -(2**63))
    assert type(least) is int

    assert rows[21:24] == [
        Row(0, at(27), {"cpu": 12.5}, RowFlag.SYSTEM),
        Row(11, at(28), {"text": "Größe \ud83d", "none": None, "list": [1, 2.5, True]}),
        Row(12, at(29), {"video": {"_type": "video-file", "path": "videos/a.mp4"}}),
    ]
    assert [(row.step, row.values["global_step"]) for row in rows[24:]] == [
        (step, step) for step in range(13, 25)
    ]

    *others, summary, finished = (record for _, record in found if not isinstance(record, Row))
    assert others == [
        WriterOpened(at(1), "trainer-7", 4242, "boot/pid:[1]/99"),
        RunChanged(at(2), {"metadata": {"python": "3.11.7", "cpu_count": 8}}),
        ConfigChanged(at(3), {"lr": 3e-4, "net": {"sizes": [64, 64]}, "old": None}, []),
        ConfigChanged(at(4), {}, ["old"]),
        MetricDefined(at(5), "train/*", "global_step"),
        MediaStored(at(30), "videos/a.mp4", {"frames": 30}),
        MediaStored(at(31), "videos/b.mp4", {}, "no ffmpeg"),
        Noted(at(33), "warning", "the disk was full", 3),
    ]
    assert isinstance(summary, SummaryChanged)
    best, none = summary.set.values()
    assert (best, str(none), summary.removed) == (0.1, "nan", ["a"])
    traceback = "Traceback (most recent call last):\n…"
    assert finished == Finished(at(47), "failed", 1, traceback)


def test_todays_writer_writes_format_1_to_the_byte(tmp_path: Path) -> None:
    """A change of the bytes that nobody meant would be a format of its own."""
    make = runpy.run_path(str(DATA / "make_journal_1.py"))

    make["write"](tmp_path)

    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in (DATA / "journal-1").iterdir()}
