"""What one chart shows: a metric of many runs, on one grid."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from rltrack.errors import UsageError
from rltrack.journal.definitions import RUNTIME, STEP
from rltrack.store.blocks import pick_level
from rltrack.store.expression import Expression, is_expression, may_be_name, parse
from rltrack.store.left import left_behind
from rltrack.store.line import Line, MemoryPiece, Placed, line
from rltrack.store.run import RunDigest, RunReader, StreamName
from rltrack.store.series import Series
from rltrack.store.thin import Buckets, Grid, even_grid, log_grid, own_grid, thin, thin_blocks

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The answer to one chart."""

    key: str
    x: str
    """The axis, never `auto`."""
    grid: Grid
    extent: tuple[float, float] | None
    """First and last x of all points, shown, left or neither; None without points."""
    series: Mapping[str, Buckets]
    """By run id, in the order in which the runs were asked for."""
    missing: tuple[str, ...]
    """Runs that were asked for and have no point of the metric on this axis."""
    left: Mapping[str, Sequence[Series]] = field(default_factory=dict)
    """By run id, what a rewind left behind."""


def panel(
    runs: Mapping[str, RunReader | None],
    key: str,
    *,
    x: str = AUTO,
    buckets: int,
    shown: tuple[float, float] | None = None,
    stream: StreamName = "default",
    log_x: bool = False,
) -> Panel:
    """Thin a metric of many runs to one grid.

    Args:
        runs: by id; None for one that is not there.
        key: the metric, or what is computed of metrics: see `expression.py`.
        x: the axis; `auto` is what most of the runs say by `define_metric`.
        buckets: how many points a line may have at most; 2 or more.
        shown: the part of the axis; by default all of it.
        stream: of the runs' history, or of their machines' samples, which stand over the run's time.
        log_x: the axis is logarithmic: as many points in each decade.

    Raises:
        UsageError: `key` cannot be computed.
    """
    there = [run for run in runs.values() if run is not None]
    computed = _computed(there, key, stream)
    if x == AUTO and stream == "system":
        x = RUNTIME
    elif x == AUTO:
        x = common_axis(there, computed.keys[0] if computed else key)
    lines: dict[str, Line] = {}
    for run_id, run in runs.items():
        if run is None:
            continue
        found = (
            line(run, key, x, stream)
            if computed is None
            else _computed_line(run, computed, x, stream)
        )
        if found is not None:
            lines[run_id] = found
    extent = None
    if lines:
        extent = min(one.first for one in lines.values()), max(one.last for one in lines.values())
    low, high = shown or extent or (0.0, 0.0)
    if log_x and high > 0:
        grid, thinned = _on_log_grid(lines, low, high, buckets)
    else:
        grid, thinned = _on_one_grid(lines, low, high, buckets)
    left: dict[str, list[Series]] = {}
    if computed is None and stream == "default":
        ends = shown or (-math.inf, math.inf)
        for run_id, run in runs.items():
            if run is not None and (found_left := left_behind(run, key, x, *ends, buckets)):
                left[run_id] = found_left
    if extent is not None:
        pieces = [piece for some in left.values() for piece in some]
        extent = (
            min([extent[0], *(float(piece.x[0]) for piece in pieces)]),
            max([extent[1], *(float(piece.x[-1]) for piece in pieces)]),
        )
    return Panel(
        key=key,
        x=x,
        grid=grid,
        extent=extent,
        left=left,
        series=thinned,
        missing=tuple(run_id for run_id in runs if run_id not in lines),
    )


def _computed(runs: Sequence[RunReader], key: str, stream: StreamName) -> Expression | None:
    """What a key computes that is no metric of any run; None where it is the name of one."""
    if not is_expression(key):
        return None
    if stream == "system":
        known = {name for run in runs for name in run.logged_keys("system")}
    else:
        known = {name for run in runs for name in run.digest().metrics}
    if key in known:
        return None
    try:
        return parse(key, known)
    except UsageError:
        if may_be_name(key):
            return None  # of a metric that none of these runs has
        raise


def _computed_line(run: RunReader, computed: Expression, x: str, stream: StreamName) -> Line | None:
    found = computed.series(run, x, stream)
    return Line([MemoryPiece(found)], lambda damage: []) if found and len(found.x) else None


def _on_log_grid(
    lines: Mapping[str, Line], low: float, high: float, buckets: int
) -> tuple[Grid, dict[str, Buckets]]:
    """As `_on_one_grid`, decade by decade: else the first thousandth of a run would be one bucket."""
    first = min((place for one in lines.values() if (place := one.above_zero())), default=high)
    low = min(max(low, first), high)
    decades = max(1, math.ceil(math.log10(high) - math.log10(low)))
    edges = [low * 10.0**power for power in range(decades)] + [high]
    each = max(2, buckets // decades)
    placed: dict[str, Placed] = {}
    exact = True
    for run_id, one in lines.items():
        parts = []
        for number, (start, end) in enumerate(itertools.pairwise(edges)):
            if number:
                start = math.nextafter(start, math.inf)  # the edge itself is of the decade before
            level = pick_level(one.count_between(start, end), each)
            parts.append(one.blocks(level, start, end))
        placed[run_id] = Placed.concatenate(parts)
        exact = (
            exact and len(placed[run_id].x) <= buckets and one.count_between(low, high) <= buckets
        )
    if exact:
        points = {run_id: one.points(low, high) for run_id, one in lines.items()}
        own = own_grid(list(points.values()), buckets)
        if own is not None:
            return own, {run_id: thin(found, own) for run_id, found in points.items()}
    grid = log_grid([found.x for found in placed.values()], low, high, buckets)
    return grid, {
        run_id: thin_blocks(found.x, found.blocks, grid) for run_id, found in placed.items()
    }


def _on_one_grid(
    lines: Mapping[str, Line], low: float, high: float, buckets: int
) -> tuple[Grid, dict[str, Buckets]]:
    counts = {run_id: one.count_between(low, high) for run_id, one in lines.items()}
    if all(count <= buckets for count in counts.values()):
        points = {run_id: one.points(low, high) for run_id, one in lines.items()}
        grid = own_grid(list(points.values()), buckets)
        if grid is not None:
            return grid, {run_id: thin(found, grid) for run_id, found in points.items()}
    placed = {
        run_id: one.blocks(pick_level(counts[run_id], buckets), low, high)
        for run_id, one in lines.items()
    }
    grid = even_grid([found.x for found in placed.values()], low, high, buckets)
    return grid, {
        run_id: thin_blocks(found.x, found.blocks, grid) for run_id, found in placed.items()
    }


class HasAxes(Protocol):
    """A run of which it is known over what its metrics are drawn."""

    def digest(self) -> RunDigest:
        """What a list of runs shows of it."""

    def default_axis(self, key: str) -> str:
        """The x axis over which a metric is drawn, if nobody says otherwise."""


def common_axis(runs: Iterable[HasAxes], key: str) -> str:
    """The default x axis of a metric: that of most runs that have it, the first by name if even."""
    having = (run for run in runs if key in run.digest().aggregates)
    return most_common_axis(Counter(run.default_axis(key) for run in having))


def most_common_axis(axes: Counter[str]) -> str:
    """The axis of most runs, the first by name if even."""
    return min(axes, key=lambda axis: (-axes[axis], axis), default=STEP)
