"""Writes the journal of format 1 that every later rltrack must open.

    python tests/data/make_journal_1.py FOLDER

What lies in `tests/data/journal-1` was written by this, with rltrack 0.1. Never write it anew:
a newer format gets a folder, and a script, of its own.
"""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from rltrack.journal import writer as writer_module
from rltrack.journal.records import (
    ConfigChanged,
    Finished,
    MediaStored,
    MetricDefined,
    Noted,
    Row,
    RowFlag,
    RunChanged,
    SummaryChanged,
)
from rltrack.journal.writer import JournalWriter

START_NS = 1_750_000_000_000_000_000


class FixedWriter(JournalWriter):
    """A writer whose name is no surprise."""

    def _begin(self) -> None:
        super()._begin()
        self.name = "0ldj0urn"


def write(folder: Path) -> None:
    """Write a journal of two segments with every type of record into `folder`."""
    process = ("trainer-7", 4242, "boot/pid:[1]/99")
    with patch.object(writer_module, "this_process", return_value=process):
        clock = itertools.count(START_NS, 1_000_000_000)
        writer = FixedWriter(folder, segment_bytes=2000, mapped=False, clock=lambda: next(clock))
        _write_records(writer, lambda: next(clock))
        writer.close()


def _write_records(writer: JournalWriter, now: Callable[[], int]) -> None:
    (nan,) = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))
    writer.write(RunChanged(now(), {"metadata": {"python": "3.11.7", "cpu_count": 8}}))
    writer.write(ConfigChanged(now(), {"lr": 3e-4, "net": {"sizes": [64, 64]}, "old": None}))
    writer.write(ConfigChanged(now(), {}, ["old"]))
    writer.write(MetricDefined(now(), "train/*", "global_step"))
    for step in range(10):
        _row(writer, {"train/loss": 1 / (step + 1), "global_step": 2**53 + step}, step, now())
        _row(
            writer, {"episode/return": float(step), "done": step % 2 == 0}, 7, now(), RowFlag.POINT
        )
    _row(
        writer, {"a": nan, "b": float("inf"), "c": -0.0, "d": -(2**63)}, 10, now(), RowFlag.EXPLICIT
    )
    _row(writer, {"cpu": 12.5}, 0, now(), RowFlag.SYSTEM)
    writer.write(Row(11, now(), {"text": "Größe \ud83d", "none": None, "list": [1, 2.5, True]}))
    writer.write(Row(12, now(), {"video": {"_type": "video-file", "path": "videos/a.mp4"}}))
    writer.write(MediaStored(now(), "videos/a.mp4", {"frames": 30}))
    writer.write(MediaStored(now(), "videos/b.mp4", {}, "no ffmpeg"))
    writer.write(Noted(now(), "warning", "the disk was full", 3))
    writer.write(SummaryChanged(now(), {"best": 0.1, "none": float("nan")}, ["a"]))
    for step in range(13, 25):
        _row(writer, {"train/loss": 1 / step, "global_step": step}, step, now())
    writer.write(Finished(now(), "failed", 1, "Traceback (most recent call last):\n…"))


def _row(
    writer: JournalWriter,
    values: dict[str, float],
    step: int,
    time_ns: int,
    flags: RowFlag = RowFlag.NONE,
) -> None:
    with writer.lock:
        assert writer.write_row(values, step, time_ns, flags)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
