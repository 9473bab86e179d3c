"""Groups of runs in a chart: what the runs of each amount to, on the grid that all of them share.

A run has a value from its first point to its last, and none beyond: there it is left out, and the
number of runs falls. A value is the mean of the run's points in a bucket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, get_args

import numpy as np

from rltrack.stats.curves import Band, Centre, Curve, Spread, align, band
from rltrack.store.panel import Panel
from rltrack.store.thin import Buckets

CENTRES: Final = get_args(Centre)
SPREADS: Final = get_args(Spread)


def bands_of(
    panel: Panel, groups: Mapping[str, Sequence[str]], centre: Centre, spread: Spread
) -> dict[str, Band]:
    """The bands of groups.

    Args:
        panel: has the runs of all groups.
        groups: runs by the name of their group; one without a point makes no band.
        centre: the line.
        spread: around it.
    """
    found: dict[str, Band] = {}
    for name, runs in groups.items():
        curves = [_curve(panel, panel.series[run]) for run in runs if run in panel.series]
        curves = [curve for curve in curves if len(curve.x)]
        if curves:
            grid, values = align(curves, grid=panel.grid.x)
            found[name] = band(grid, values, centre, spread)
    return found


def _curve(panel: Panel, buckets: Buckets) -> Curve:
    there = buckets.count > 0
    # As a single run's line: each point where nothing was thinned, else the mean of a bucket.
    values = buckets.last if panel.grid.is_exact else buckets.mean
    y = values[there]
    return Curve(panel.grid.x[there], np.where(np.isfinite(y), y, np.nan))
