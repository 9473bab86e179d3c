"""The overview file: what was written comes back, or it is told that it cannot."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rltrack.errors import SegmentError
from rltrack.store.aggregate import aggregate
from rltrack.store.blocks import BLOCK_POINTS, BlockBuilder, Blocks, levels_of
from rltrack.store.columns import Floats, Ints
from rltrack.store.handles import MOST_OPEN
from rltrack.store.overview import Overview, OverviewWriter


def points(values: list[float]) -> tuple[Ints, Ints, Floats]:
    step = np.arange(len(values), dtype=np.int64) * 3
    return step, step * 10**9 + 2**60, np.array(values, np.float64)


def bits(levels: list[Blocks]) -> list[object]:
    return [
        [
            None if column is None else np.ascontiguousarray(column).tobytes()
            for column in (
                b.step, b.time_ns, b.count, b.odd, b.min, b.max, b.mean, b.last,
            )
        ]
        for b in levels
    ]  # fmt: skip


def without_empty_odd(levels: list[Blocks]) -> list[Blocks]:
    """Levels as they come back: nothing odd is counted where nothing is odd in the whole file."""
    return [
        b if b.odd is None or b.odd.any() else Blocks(b.step, b.time_ns, b.count, None, b.min, b.max, b.mean, b.last)
        for b in levels
    ]  # fmt: skip


def write(path: Path, series: dict[tuple[str, str], list[float]]) -> None:
    with OverviewWriter(path) as writer:
        for (stream, key), values in series.items():
            step, time_ns, array = points(values)
            builder = BlockBuilder()
            builder.add(step, time_ns, array)
            writer.add(stream, key, builder, aggregate=aggregate(step, array), kinds=1)


SERIES = {
    ("default", "loss"): [1 / (at + 1) for at in range(50_000)],
    ("default", "odd"): [math.nan, math.inf, -math.inf, 0.5] * 5_000,
    ("system", "loss"): [2.0],
    ("default", "損失" * 2000): [1.0, 2.0],
    ("default", "half \ud83d"): [3.0] * 65,
}


def test_an_overview_gives_back_what_was_written(tmp_path: Path) -> None:
    """Every level, and every range of it, of every metric."""
    path = tmp_path / "overview-000001.rlo"
    write(path, SERIES)
    overview = Overview.open(path)

    assert set(overview.keys("default")) == {key for of, key in SERIES if of == "default"}
    assert overview.entry("system", "odd") is None
    for (stream, key), values in SERIES.items():
        entry = overview.entry(stream, key)
        assert entry is not None
        step, time_ns, array = points(values)
        levels = levels_of(step, time_ns, array)
        assert entry.points == len(values)
        assert entry.levels == len(levels)
        assert repr(entry.aggregate) == repr(aggregate(step, array))
        assert (entry.first_step, entry.last_step) == (step[0], step[-1])
        for level, expected in enumerate(levels):
            found = overview.level(entry, level, 0, len(expected))
            assert bits(without_empty_odd([found])) == bits(without_empty_odd([expected]))
            for first, end in [(0, 1), (len(expected) - 1, len(expected)), (255, 258), (300, 700)]:
                if end <= len(expected):
                    part = overview.level(entry, level, first, end)
                    assert bits(without_empty_odd([part])) == bits(
                        without_empty_odd([expected.slice(first, end)])
                    )


def test_an_overview_takes_less_than_a_byte_a_point(tmp_path: Path) -> None:
    """Beside the ten of the journal and the four of the columns."""
    path = tmp_path / "overview-000001.rlo"
    write(path, {("default", "loss"): [float(at % 77) for at in range(1_000_000)]})

    assert path.stat().st_size / 1_000_000 < 0.9


@given(st.data())
def test_an_overview_with_a_wrong_byte_is_told_or_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Never another number."""
    path = tmp_path_factory.mktemp("overview") / "overview-000001.rlo"
    write(path, SMALL)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        damaged = bytearray(whole)
        damaged[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(damaged)
    with contextlib.suppress(SegmentError):
        overview = Overview.open(path)
        for (stream, key), values in SMALL.items():
            entry = overview.entry(stream, key)
            assert entry is not None
            step, time_ns, array = points(values)
            assert repr(entry.aggregate) == repr(aggregate(step, array))
            for level, expected in enumerate(levels_of(step, time_ns, array)):
                found = overview.level(entry, level, 0, len(expected))
                assert bits(without_empty_odd([found])) == bits(without_empty_odd([expected]))


SMALL = {("default", "a"): [float(at) for at in range(1500)], ("system", "b"): [math.nan, 1.0]}


def test_an_overview_that_is_missing_or_something_else_is_told(tmp_path: Path) -> None:
    """By its name, so that it can be made again."""
    with pytest.raises(SegmentError, match="gone"):
        Overview.open(tmp_path / "gone")
    other = tmp_path / "other"
    other.write_bytes(b"something else " * 10)
    with pytest.raises(SegmentError, match="no overview"):
        Overview.open(other)


def test_a_writer_that_fails_leaves_no_whole_file(tmp_path: Path) -> None:
    """What no footer ends is no overview."""
    path = tmp_path / "overview-000001.rlo"
    step, time_ns, array = points([1.0])
    builder = BlockBuilder()
    builder.add(step, time_ns, array)
    with contextlib.suppress(ZeroDivisionError), OverviewWriter(path) as writer:
        writer.add("default", "a", builder, aggregate=aggregate(step, array), kinds=1)
        raise ZeroDivisionError
    with pytest.raises(SegmentError):
        Overview.open(path)


def test_no_byte_of_the_footer_can_be_wrong_unseen(tmp_path: Path) -> None:
    """Its own fields have no checksum: the number of metrics, too, must fit what is there."""
    path = tmp_path / "overview-000001.rlo"
    write(path, SMALL)
    whole = path.read_bytes()
    for at in range(len(whole) - 28, len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(SegmentError):
                Overview.open(path)


def test_damage_is_told_of_the_blocks_that_are_asked_for_and_of_no_others(tmp_path: Path) -> None:
    """A chart reads a part of a level; what else is there is looked at by who reads it."""
    path = tmp_path / "overview-000001.rlo"
    values = [float(at) for at in range(600 * BLOCK_POINTS)]
    write(path, {("default", "a"): values, ("default", "b"): values})
    damaged = bytearray(path.read_bytes())
    damaged[8 + 300 * 48 + 5] ^= 1  # block 300 of the first metric
    path.write_bytes(damaged)

    overview = Overview.open(path)
    first, second = overview.entry("default", "a"), overview.entry("default", "b")
    assert first is not None
    assert second is not None
    assert len(overview.level(first, 0, 0, 256)) == 256
    assert len(overview.level(first, 0, 512, 600)) == 88
    assert len(overview.level(second, 0, 0, 600)) == 600
    with pytest.raises(SegmentError, match="'a' fail their checksum"):
        overview.level(first, 0, 200, 260)


def test_ten_thousand_metrics_share_a_file(tmp_path: Path) -> None:
    """Each is found by its stream and its key."""
    path = tmp_path / "overview-000001.rlo"
    keys = [f"layer.{number}/grad_norm" for number in range(10_000)]
    write(path, {("default", key): [float(number)] for number, key in enumerate(keys)})

    overview = Overview.open(path)
    assert overview.keys("default") == keys
    assert overview.keys("system") == []
    for number in (0, 4321, 9999):
        entry = overview.entry("default", keys[number])
        assert entry is not None
        assert overview.level(entry, 0, 0, 1).last.tolist() == [number]


def test_more_overviews_than_a_process_may_hold_files_are_read_at_once(tmp_path: Path) -> None:
    """A project has more runs than `ulimit -n` says, and each thread reads them as it likes."""
    count = 3 * MOST_OPEN
    for number in range(count):
        write(tmp_path / f"{number}", {("default", "a"): [float(number)] * 100})
    before = open_files()
    overviews = [Overview.open(tmp_path / f"{number}") for number in range(count)]
    assert open_files() - before <= MOST_OPEN
    wrong: list[int] = []

    def read(turn: int) -> None:
        for at in range(2 * count):
            number = at * (7 + 2 * turn) % count
            entry = overviews[number].entry("default", "a")
            assert entry is not None
            if overviews[number].level(entry, 0, 0, 2).last.tolist() != [number, number]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert open_files() - before <= MOST_OPEN
    overviews.clear()
    gc.collect()
    assert open_files() <= before


def test_an_overview_that_was_made_again_is_not_taken_for_the_one_that_was_opened(
    tmp_path: Path,
) -> None:
    """After `segments/` was deleted, a file of the same name has blocks of other points."""
    path = tmp_path / "overview-000001.rlo"
    write(path, {("default", "a"): [1.0] * 100})
    overview = Overview.open(path)
    entry = overview.entry("default", "a")
    assert entry is not None
    others = []
    for number in range(MOST_OPEN):  # so that the file is closed on the way
        write(tmp_path / f"{number}", {("default", "a"): [0.0]})
        others.append(Overview.open(tmp_path / f"{number}"))
    path.rename(tmp_path / "old")
    write(path, {("default", "a"): [2.0] * 100})

    with pytest.raises(SegmentError, match="another file"):
        overview.level(entry, 0, 0, 2)


def open_files() -> int:
    """How many files this process holds open."""
    return len(os.listdir("/proc/self/fd"))
