"""What a run was when its last process left it. `_resume.py` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rltrack.journal.records import Json, MetricDefined, Row

if TYPE_CHECKING:
    from rltrack.folder import RunFolder
    from rltrack.journal.branches import Cuts


@dataclass(slots=True)
class Past:
    """What is gone on with."""

    next_step: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    latest: dict[str, Json] = field(default_factory=dict)
    """The last value logged under each key, in the order of writing."""
    pinned: dict[str, Json] = field(default_factory=dict)
    """What was set in the summary by hand."""
    removed: frozenset[str] = frozenset()
    """What was removed from it."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Of the run, as far as they were changed."""
    definitions: list[MetricDefined] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    """Who wrote before; empty for a run that begins."""
    cuts: Cuts | None = None
    """Which rows of theirs are hidden."""

    def rows(self, folder: RunFolder, writer: str) -> Iterator[Row]:
        """The rows that are shown, and those of `writer`, one by one."""
        from rltrack._resume import shown_rows

        return shown_rows(folder, self, writer)
