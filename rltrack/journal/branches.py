"""Which rows a run shows that was gone on with from an earlier step.

A process that rewinds a run says: rows of the writers before me, after step N, are hidden. They
stay in the journal, as branches that were left; `rltrack history --branches` shows them.
"""

from __future__ import annotations

from rltrack.journal.records import Resumed


class Cuts:
    """Of each writer the last step whose rows are shown."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def add(self, resumed: Resumed) -> bool:
        """Take one more; whether it hides rows that were not hidden before."""
        if resumed.step is None:
            return False
        found = False
        for writer in resumed.writers:
            last = self._last.get(writer)
            if last is None or resumed.step < last:
                self._last[writer] = resumed.step
                found = True
        return found

    @property
    def state(self) -> tuple[tuple[str, int], ...]:
        """Of each writer that has one its last step, to tell whether anything was added."""
        return tuple(sorted(self._last.items()))

    def last_step(self, writer: str) -> int | None:
        """The last step of a writer that is shown; None shows all."""
        return self._last.get(writer)
