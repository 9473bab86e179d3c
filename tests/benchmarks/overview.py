"""What blocks cost: to make, to write, to read back, and to draw a chart from.

    python tests/benchmarks/overview.py [--points 10000000]

Everything is timed in one warm process, and each figure is the median of several. Beside it stands
a floor from the same run: NumPy's own pass over the values, or a plain read of the same bytes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rltrack.store.aggregate import aggregate
from rltrack.store.blocks import BlockBuilder, Blocks, levels_of, pick_level
from rltrack.store.columns import Floats, Ints
from rltrack.store.overview import Overview, OverviewWriter
from rltrack.store.thin import even_grid, thin_blocks

RUNS = 100


def timed(work: Callable[[], object], times: int = 7) -> float:
    """Milliseconds, the median."""
    seen = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seen.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(seen)


def tell(what: str, seen: str, bound: str = "", beside: str = "") -> None:
    """A line of the table."""
    print(f"{what:<58} {seen:>14}   {bound:<14} {beside}", flush=True)


def series(count: int, seed: int = 0) -> tuple[Ints, Ints, Floats]:
    """Steps, times and values of a loss that falls."""
    generator = np.random.default_rng(seed)
    step = np.arange(count, dtype=np.int64)
    time_ns = step * 1_000_003 + generator.integers(0, 1_000_000, count) + 10**18
    return step, time_ns, np.exp(-3 * step / count) + 0.1 * generator.normal(size=count)


def write(path: Path, keys: list[str], points: tuple[Ints, Ints, Floats]) -> None:
    """An overview in which every key has the same points."""
    summed = aggregate(points[0], points[2])
    with OverviewWriter(path) as writer:
        for key in keys:
            builder = BlockBuilder()
            builder.add(*points)
            writer.add("default", key, builder, aggregate=summed, kinds=1)


def levels_figures(count: int) -> None:
    """Making blocks of one long series."""
    step, time_ns, values = series(count)
    floor = timed(lambda: (values.min(), values.max(), values.mean()))
    beside = f"min, max and mean of all: {floor:.0f} ms"
    ms = timed(lambda: levels_of(step, time_ns, values))
    tell(f"levels of {count:,} points", f"{ms:.0f} ms", "<= 350 ms at 10 M", beside)
    for what, every in (("one point in 100 is NaN", 100), ("one point in 2 is NaN", 2)):
        odd = values.copy()
        odd[::every] = np.nan
        ms = timed(lambda odd=odd: levels_of(step, time_ns, odd))  # type: ignore[misc]
        tell(f"  where {what}", f"{ms:.0f} ms")

    def in_pieces(size: int) -> None:
        builder = BlockBuilder()
        for first in range(0, count, size):
            part = slice(first, first + size)
            builder.add(step[part], time_ns[part], values[part])
        builder.levels()

    for size in (32_768, 1_000):
        ms = timed(lambda size=size: in_pieces(size), 3)  # type: ignore[misc]
        tell(f"  in pieces of {size:,}", f"{ms:.0f} ms")


def file_figures(folder: Path, count: int) -> None:
    """Reading overviews back."""
    points = series(count)
    path = folder / "long"
    write(path, ["loss"], points)
    tell("bytes of the overview a point", f"{path.stat().st_size / count:.3f}", "<= 0.9")

    paths = [folder / f"run-{number}" for number in range(RUNS)]
    for number, one in enumerate(paths):
        write(one, ["loss"], series(100_000, number))

    def opened(one: Path) -> Overview:
        overview = Overview.open(one)
        assert overview.entry("default", "loss") is not None
        return overview

    floor = timed(lambda: paths[0].read_bytes()) * 1e3
    us = timed(lambda: opened(paths[0]), 200) * 1e3
    tell("open a file of one metric", f"{us:.0f} us", "<= 100 us", f"its bytes: {floor:.0f} us")

    def read_all() -> None:
        for one in paths:
            overview = Overview.open(one)
            entry = overview.entry("default", "loss")
            assert entry is not None
            overview.level(entry, 0, 0, 1563)

    floor = timed(lambda: [one.read_bytes() for one in paths])
    beside = f"their bytes: {floor:.1f} ms"
    tell(
        f"level 0 of {RUNS} runs x 100,000 points", f"{timed(read_all):.1f} ms", "<= 20 ms", beside
    )

    many = folder / "many"
    keys = [f"layer_{number}/grad_norm" for number in range(10_000)]
    write(many, keys, series(100))
    floor = timed(many.read_bytes)
    ms = timed(lambda: Overview.open(many).entry("default", keys[-1]))
    tell("open a file of 10,000 metrics", f"{ms:.1f} ms", "", f"its bytes: {floor:.1f} ms")


def chart_figures() -> None:
    """Blocks to buckets."""
    assert pick_level(100_000, 300) == 0
    for what, every in (("", 0), ("  where one point in 100 is NaN", 100)):
        shown = []
        for number in range(RUNS):
            step, time_ns, values = series(100_000, number)
            if every:
                values[::every] = np.nan
            blocks = levels_of(step, time_ns, values)[0]
            shown.append((blocks.step.astype(np.float64), blocks))

        def chart(shown: list[tuple[Floats, Blocks]] = shown) -> None:
            grid = even_grid([x for x, _ in shown], 0.0, 99_999.0, 300)
            for x, blocks in shown:
                thin_blocks(x, blocks, grid)

        what = what or f"{RUNS} runs x 1,563 blocks -> 300 buckets"
        tell(what, f"{timed(chart, 20):.2f} ms", "<= 8 ms")
    step, time_ns, values = series(640_000)
    blocks = levels_of(step, time_ns, values)[0]
    x = blocks.step.astype(np.float64)

    def one() -> None:
        thin_blocks(x, blocks, even_grid([x], 0.0, 639_999.0, 1000))

    tell("10,000 blocks -> 1,000 buckets", f"{timed(one, 100):.2f} ms", "<= 0.5 ms")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--points", type=int, default=10_000_000)
    options = parser.parse_args()
    levels_figures(options.points)
    with tempfile.TemporaryDirectory() as folder:
        file_figures(Path(folder), options.points)
    chart_figures()


if __name__ == "__main__":
    main()
