"""Lines: what a chart reads of a run, against all of its points."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rltrack
from rltrack.folder import RunFolder
from rltrack.store.blocks import BLOCK_POINTS, FACTOR
from rltrack.store.line import Line, line
from rltrack.store.panel import panel
from rltrack.store.run import RunReader
from rltrack.store.series import series

ROWS = 70_000
AXES = ("_step", "_timestamp", "_runtime", "global_step")


def record(root: Path) -> RunFolder:
    with rltrack.init(project="p", dir=str(root), settings={"silent": True}) as run:
        for at in range(ROWS):
            value = math.sin(at / 100) if at % 1000 else (math.nan, math.inf)[at // 1000 % 2]
            row: dict[str, float] = {"loss": value, "global_step": at * 8}
            if at % 50 == 0:
                row["sparse"] = at
            run.log(row, step=at // 2 if at < 1000 else at)
    assert run.folder is not None
    return RunFolder(run.folder)


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunReader]]:
    """One run, read in three ways: from its journal, from columns, from columns and the journal."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("runs")
        folder = record(root)
        plain = RunReader(folder)
        plain.refresh()
        plain.points("loss")
        patch.setattr("rltrack.store.run.PART_VALUES", 40_000)
        patch.setattr("rltrack.journal.reader.CHUNK_BYTES", 1 << 18)
        patch.setattr("rltrack.store.run.WORTH_SEALING", 10**9)
        parts = RunReader(folder, may_seal=True)
        parts.refresh()
        assert not parts.is_sealed
        assert len(parts.ask(lambda content: content.sealed["default"].parts)) > 1
        line(parts, "loss")
        copy = folder.path.parent / "copy"
        shutil.copytree(folder.path, copy)
        whole = RunReader(RunFolder(copy), may_seal=True)
        whole.refresh()
        whole.seal()
        assert whole.is_sealed
        yield {"journal": plain, "parts": parts, "columns": whole}


def found(reader: RunReader, key: str, x: str) -> Line:
    answer = line(reader, key, x)
    assert answer is not None
    return answer


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    key=st.sampled_from(["loss", "sparse"]),
    x=st.sampled_from(AXES),
    ends=st.tuples(st.floats(-0.1, 1.1), st.floats(-0.1, 1.1)).map(sorted),
    level=st.sampled_from([None, 0, 1, 2]),
)
@pytest.mark.parametrize("way", ["journal", "parts", "columns"])
def test_a_range_holds_exactly_its_points(
    readers: dict[str, RunReader],
    way: str,
    key: str,
    x: str,
    ends: list[float],
    level: int | None,
) -> None:
    """As single points, and in blocks of which none reaches beyond it."""
    whole = series(readers["journal"], key, x)
    assert whole is not None
    width = whole.x[-1] - whole.x[0]
    low, high = (float(whole.x[0] + end * width) for end in ends)
    expected = whole.between(low, high)
    shown = found(readers[way], key, x)

    assert shown.count == len(whole.x)
    assert (shown.first, shown.last) == (whole.x[0], whole.x[-1])
    assert shown.count_between(low, high) == len(expected.x)
    points = shown.points(low, high)
    assert np.array_equal(points.x, expected.x)
    assert points.y.tobytes() == expected.y.tobytes()
    blocks = shown.blocks(level, low, high)
    assert blocks.blocks.count.sum() == len(expected.x)
    starts = np.cumsum(blocks.blocks.count) - blocks.blocks.count
    assert np.array_equal(blocks.x, expected.x[starts])
    if len(starts):
        ends_at = starts + blocks.blocks.count - 1
        assert blocks.blocks.last.tobytes() == expected.y[ends_at].tobytes()
        size = 1 if level is None else BLOCK_POINTS * FACTOR**level
        assert blocks.blocks.count.max() <= size


@pytest.mark.parametrize("x", AXES)
@pytest.mark.parametrize("buckets", [2, 20, 300, 5000])
@pytest.mark.parametrize("shown", [None, (1234.0, 43210.0), (5000.0, 5100.0)])
def test_a_finished_run_is_drawn_alike_from_journal_and_columns(
    readers: dict[str, RunReader], x: str, buckets: int, shown: tuple[float, float] | None
) -> None:
    """Byte for byte, zoomed in or not, with few buckets and with many."""
    drawn = []
    for way in ("journal", "columns"):
        answer = panel({"r": readers[way]}, "loss", x=x, buckets=buckets, shown=shown)
        buckets_of = answer.series["r"] if answer.series else None
        drawn.append(
            (
                answer.grid.x.tobytes(),
                answer.extent,
                buckets_of
                and [
                    column.tobytes()
                    for column in (
                        buckets_of.count,
                        buckets_of.min,
                        buckets_of.max,
                        buckets_of.mean,
                    )
                ],
            )
        )

    assert drawn[0] == drawn[1]


def test_a_chart_of_a_long_run_reads_little_of_it(
    readers: dict[str, RunReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it from the overview; a zoom also from the row groups at its ends."""
    reader = RunReader(readers["columns"].folder)
    reader.refresh()
    read: list[int] = []
    from rltrack.store.segments import Group, Part

    original = Part.read

    def watched(part: Part, groups: list[Group], **how: bool) -> object:
        read.extend(group.number for group in groups)
        return original(part, groups, **how)

    monkeypatch.setattr(Part, "read", watched)
    answer = panel({"r": reader}, "loss", x="_step", buckets=100)
    assert not answer.grid.is_exact
    assert read == []

    panel({"r": reader}, "loss", x="_step", buckets=20, shown=(3000.0, 60000.0))
    assert 1 <= len(set(read)) <= 2


def test_a_run_that_goes_while_it_is_drawn_has_no_points(tmp_path: Path) -> None:
    """Its files are gone, and its journal with them; a chart of others is drawn all the same."""
    with rltrack.init(project="p", dir=str(tmp_path), settings={"silent": True}) as run:
        for at in range(5000):
            run.log({"loss": float(at)})
    assert run.folder is not None
    reader = RunReader(RunFolder(run.folder))
    assert reader.seal()
    reader = RunReader(RunFolder(run.folder))
    shown = found(reader, "loss", "_step")
    shutil.rmtree(run.folder)

    assert shown.count_between(3.0, 77.0) == 0
    assert len(shown.points(3.0, 77.0).x) == 0
    assert len(shown.blocks(None, 3.0, 77.0).x) == 0
