"""What a journal says besides rows: config, summary by hand, facts, notes, files, the end.

Records of one writer come in order; between writers, time decides. So each setting keeps the
stamp of its last change, and an older change that is read later does not undo it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rltrack.journal.definitions import Definitions
from rltrack.journal.reader import Entry
from rltrack.journal.records import (
    ArtifactLinked,
    ConfigChanged,
    Finished,
    Json,
    MediaStored,
    MetricDefined,
    Noted,
    Record,
    Resumed,
    RunChanged,
    SummaryChanged,
)

if TYPE_CHECKING:
    from rltrack.store.stream import Stamp  # which needs NumPy; who resumes a run needs none


class _Removed:
    """In the place of a value: the key was removed."""


_REMOVED: Final = _Removed()


class Changes:
    """Keys that are set and removed by many writers; the latest change of a key counts."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[Stamp, Json | _Removed]] = {}

    def take(self, stamp: Stamp, values: Mapping[str, Json], removed: list[str]) -> None:
        """Set and remove keys."""
        changes: list[tuple[str, Json | _Removed]] = [*values.items()]
        changes += [(key, _REMOVED) for key in removed]
        for key, value in changes:
            known = self._latest.get(key)
            if known is None or known[0] <= stamp:
                self._latest[key] = (stamp, value)

    def values(self) -> dict[str, Any]:
        """What is set."""
        return {
            key: value
            for key, (_, value) in self._latest.items()
            if not isinstance(value, _Removed)
        }

    def removed(self) -> dict[str, Stamp]:
        """What was removed, and when."""
        return {
            key: stamp
            for key, (stamp, value) in self._latest.items()
            if isinstance(value, _Removed)
        }


class RecordBook:
    """Everything that a run's journal says besides rows."""

    def __init__(self) -> None:
        self.config = Changes()
        self.summary = Changes()
        self.facts = Changes()
        self.metadata = Changes()
        self.definitions = Definitions()
        self.stored: dict[str, MediaStored] = {}
        """Files that have arrived, or never will, by path."""
        self.notes: list[Noted] = []
        self.artifacts: list[ArtifactLinked] = []
        """Versions that the run made and used."""
        self.finished: Finished | None = None
        self.finished_by = ""
        """The writer of `finished`."""
        self.inherited: set[str] = set()
        """Writers of the run that this one was forked from."""
        self._ends: dict[str, Finished] = {}
        self._past: set[str] = set()
        """Writers before the last process that went on with the run: their ends do not count."""
        self._clock_ns: dict[str, int] = {}

    @property
    def done(self) -> set[str]:
        """Writers that have no part in whether the run goes on."""
        return {*self._past, self.finished_by} - {""}

    def take(self, entry: Entry) -> None:
        """Take one record that is no row."""
        record = entry.record
        # A clock that is set back must not undo what its writer says later.
        clock_ns = max(record.time_ns, self._clock_ns.get(entry.writer, record.time_ns))
        self._clock_ns[entry.writer] = clock_ns
        self._take((clock_ns, entry.writer, entry.sequence), record)

    def _take(self, stamp: Stamp, record: Record) -> None:
        if isinstance(record, ConfigChanged):
            self.config.take(stamp, record.set, list(record.removed))
        elif isinstance(record, SummaryChanged):
            self.summary.take(stamp, record.set, list(record.removed))
        elif isinstance(record, RunChanged):
            facts = dict(record.set)
            metadata = facts.pop("metadata", None)
            self.facts.take(stamp, facts, [])
            if isinstance(metadata, Mapping):
                self.metadata.take(stamp, metadata, [])
        elif isinstance(record, MetricDefined):
            self.definitions.add(record)
        elif isinstance(record, MediaStored):
            self.stored[record.path] = record
        elif isinstance(record, Noted):
            self.notes.append(record)
        elif isinstance(record, ArtifactLinked):
            self.artifacts.append(record)
        elif isinstance(record, (Finished, Resumed)):
            if isinstance(record, Finished):
                self._ends[stamp[1]] = record
            else:
                self._past.update(record.writers)
                if record.source is not None:
                    self.inherited.update(record.writers)
            self.finished, self.finished_by = None, ""
            for writer, end in self._ends.items():
                if writer not in self._past and (
                    self.finished is None or self.finished.time_ns <= end.time_ns
                ):
                    self.finished, self.finished_by = end, writer

    def merged_summary(self, logged: dict[str, tuple[Stamp, Json]]) -> dict[str, Any]:
        """The last value of each key, and over it what was set by hand.

        Args:
            logged: of each key the last logged value, and its stamp.
        """
        removed = self.summary.removed()
        shown = {
            key: value
            for key, (stamp, value) in logged.items()
            if key not in removed or _is_later(stamp, removed[key])
        }
        return shown | self.summary.values()


def _is_later(logged: Stamp, removed: Stamp) -> bool:
    """Whether a value was logged after its key was removed."""
    if logged[1] == removed[1]:
        return logged[2] >= removed[2]  # the row's number, and the rows before the removal
    return logged[0] > removed[0]
