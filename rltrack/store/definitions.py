"""Which metric is the x axis of which: what `define_metric` said."""

from __future__ import annotations

from typing import Final

from rltrack.journal.records import MetricDefined

STEP: Final = "_step"
TIMESTAMP: Final = "_timestamp"
RUNTIME: Final = "_runtime"
#: Axes that every row has.
ROW_AXES: Final = (STEP, TIMESTAMP, RUNTIME)


class Definitions:
    """The definitions of a run; a later one of the same name counts."""

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._prefixes: dict[str, str] = {}

    def add(self, definition: MetricDefined) -> None:
        """Take one more."""
        axis = definition.step_metric or STEP
        if definition.name.endswith("*"):
            self._prefixes[definition.name[:-1]] = axis
        else:
            self._exact[definition.name] = axis

    def axis(self, key: str) -> str:
        """The default x axis of a metric: by its own name, else by the longest prefix."""
        if key in self._exact:
            axis = self._exact[key]
        else:
            fitting = [prefix for prefix in self._prefixes if key.startswith(prefix)]
            axis = self._prefixes[max(fitting, key=len)] if fitting else STEP
        return STEP if axis == key else axis
