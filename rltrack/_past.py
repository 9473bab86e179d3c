"""What a run was when its last process left it. `_resume.py` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rltrack.journal.records import Json, MetricDefined, Row

if TYPE_CHECKING:
    from rltrack.folder import RunFolder
    from rltrack.journal.branches import Cuts


class Past:
    """What is gone on with; nothing, for a run that begins."""

    def __init__(self, next_step: int = 0) -> None:
        self.next_step = next_step
        self.config: dict[str, Any] = {}
        self.latest: dict[str, Json] = {}
        """The last value logged under each key, in the order of writing."""
        self.pinned: dict[str, Json] = {}
        """What was set in the summary by hand."""
        self.removed: frozenset[str] = frozenset()
        """What was removed from it."""
        self.facts: dict[str, Any] = {}
        """Of the run, as far as they were changed."""
        self.definitions: list[MetricDefined] = []
        self.writers: list[str] = []
        """Who wrote before."""
        self.cuts: Cuts | None = None
        """Which rows of theirs are hidden."""

    def rows(self, folder: RunFolder, writer: str) -> Iterator[Row]:
        """The rows that are shown, and those of `writer`, one by one."""
        from rltrack._resume import shown_rows

        return shown_rows(folder, self, writer)
