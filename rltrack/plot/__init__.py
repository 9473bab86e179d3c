"""Charts that are logged as values: a table, and how it is drawn (Vega-Lite).

    run.log({"eval/roc": rltrack.plot.roc_curve(y_true, probabilities)})

Each keeps its table, so that it can be drawn for several runs together, sorted and asked in SQL.
Here live the charts and their numbers; what draws them is the dashboard's. Read `chart.py` first.
"""

from __future__ import annotations

from rltrack.plot.chart import Chart, plot_table, visualize
from rltrack.plot.curves import pr_curve, roc_curve
from rltrack.plot.matrix import confusion_matrix
from rltrack.plot.shapes import bar, histogram, line, line_series, scatter

CustomChart = Chart

__all__ = [
    "Chart",
    "CustomChart",
    "bar",
    "confusion_matrix",
    "histogram",
    "line",
    "line_series",
    "plot_table",
    "pr_curve",
    "roc_curve",
    "scatter",
    "visualize",
]
