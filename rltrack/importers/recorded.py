"""Runs of any other tool, brought here: what all importers share.

    first time   written in a hidden folder beside the projects, and moved into place when it is
                 whole: an import that is killed leaves no half a run
    again        nothing to do, or, where the source has grown, what is new is added the same way

A run tells in its metadata where it comes from and how far that was read, so it is known again
wherever it has been moved since.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from rltrack._names import checked_project, checked_run_id
from rltrack._run import Run
from rltrack.errors import ArchiveError, Error
from rltrack.folder import RunFacts, RunFolder, run_folder
from rltrack.importers.staging import add_to, find, move_in_place, staging_folder
from rltrack.journal.process import this_process
from rltrack.journal.records import Json
from rltrack.journal.writer import JournalWriter
from rltrack.settings import Settings
from rltrack.store.run import RunReader

#: Told how many bytes of how many are read.
Progress = Callable[[int, int], None]

#: Steps are kept exactly up to here, in every column.
_MOST_STEP: Final = 2**53


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one run."""

    name: str
    """As the other tool calls it."""
    run: str
    """``project/id``."""
    outcome: Literal["new", "grown", "there already"]
    values: int
    """How many were added."""
    trouble: tuple[str, ...]
    """What had no place, and what could not be read."""


@dataclass(slots=True, kw_only=True)
class Recorded:
    """A run as another tool has it."""

    tool: str
    """As `rltrack import` names it."""
    source: str
    """Where it is."""
    id: str
    project: str
    name: str
    created_ns: int
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    size: int = 1
    """In bytes, of which the progress is told."""
    fill: Callable[[Filler], Json]
    """Records what comes behind `Filler.read`, and returns how far it read."""


class Filler:
    """Writes what another tool recorded into a run.

    Attributes:
        run: where to.
        folder: of the run, for files.
        read: how far an earlier import read; None the first time.
        exit_code: what the run ended with; None if nobody knows, and then it has crashed.
        values: how many were recorded.
        left_out: what had no place, and how often.
    """

    def __init__(self, run: Run, folder: RunFolder, now_ns: list[int], read: Any) -> None:
        self.run = run
        self.folder = folder
        self.read = read
        self.exit_code: int | None = 0
        self.values = 0
        self.left_out: Counter[str] = Counter()
        self._now_ns = now_ns

    def at(self, time_ns: int) -> None:
        """Say that something happened then; the run ends with the last of it."""
        self._now_ns[0] = max(self._now_ns[0], time_ns)

    def row(self, values: Mapping[str, Any], step: int, time_ns: int | None = None) -> None:
        """Record one row, which stays one whatever others have its step."""
        if not -_MOST_STEP <= step <= _MOST_STEP:
            self.left_out[f"rows with steps beyond 2**53, such as {step}"] += 1
            return
        if time_ns is not None:
            self.at(time_ns)
        if values:
            self.run.log_point(dict(values), step=step, time_ns=time_ns)
            self.values += len(values)

    def configure(self, values: Mapping[str, Any]) -> None:
        """Add to the config, or change it."""
        self.run.config.update(dict(values), allow_val_change=True)


def import_recorded(
    found: Iterable[Recorded], root: Path, progress: Progress = lambda done, total: None
) -> Iterator[Imported]:
    """Import runs, one after the other.

    Args:
        found: what there is.
        root: the folder of all projects.
        progress: told how many bytes of how many are read.

    Raises:
        ArchiveError: two runs here have its id, and are none of the other tool's.
    """
    runs = list(found)
    total = sum(run.size for run in runs)
    done = 0
    for run in runs:
        yield import_one(run, root)
        done += run.size
        progress(done, total)


def import_one(recorded: Recorded, root: Path) -> Imported:
    """Import one run.

    Raises:
        ArchiveError: its id is taken.
    """
    key = f"{recorded.tool}_import"
    known, run_id = known_run(root, recorded.id, key, recorded.tool)
    read, config = None, {}
    if known is None:
        folder = run_folder(root, checked_project(recorded.project), run_id)
        facts = _facts_of(recorded, run_id)
    else:
        folder, facts = known, known.read_facts()
        reader = RunReader(folder)
        reader.refresh()
        read, config = reader.metadata()[key].get("read"), reader.digest().config
    path = f"{facts.project}/{run_id}"
    with staging_folder(root) as staging:
        now_ns = [facts.ended_ns + 1 if facts.ended_ns else facts.created_ns]
        part, run = staged_run(staging, facts, now_ns)
        filler = Filler(run, part, now_ns, read)
        try:
            run.config.update(config)
            read_to = recorded.fill(filler)
            trouble = tuple(f"{what} ({times} x)" for what, times in filler.left_out.items())
            for told in trouble:
                run.warn(told, f"import of {recorded.source}: {told}")
            run.note_metadata({key: {"source": recorded.source, "read": read_to}})
        except BaseException as stop:
            run.end_with(stop)
            raise
        if filler.exit_code is None:
            run.end_as_crashed()
        else:
            run.finish(filler.exit_code)
        if known is None:
            move_in_place(part, folder)
            return Imported(recorded.name, path, "new", filler.values, trouble)
        if read_to == read:
            return Imported(recorded.name, path, "there already", 0, trouble)
        add_to(folder, part, facts)
        return Imported(recorded.name, path, "grown", filler.values, trouble)


def staged_run(staging: Path, facts: RunFacts, now_ns: list[int]) -> tuple[RunFolder, Run]:
    """A run that is written where nobody looks.

    Args:
        staging: a folder for it.
        facts: what it is.
        now_ns: its clock, which the importer moves on.
    """
    part = RunFolder(staging / "run")
    part.path.mkdir()
    run = Run(
        dataclasses.replace(facts, state="running"),
        Settings(silent=True),
        lambda run: JournalWriter(part.journal, clock=lambda: now_ns[0]),
        part,
        clock=lambda: now_ns[0],
    )
    return part, run


def known_run(root: Path, run_id: str, key: str, tool: str) -> tuple[RunFolder | None, str]:
    """The run that was imported before; and the id, which is another if a run here has that.

    Args:
        root: the folder of all projects.
        run_id: the other tool's.
        key: of the metadata that tells where a run comes from.
        tool: whose it is.

    Raises:
        ArchiveError: it can be no id here, or two runs have it that come from elsewhere.
    """
    try:
        checked_run_id(run_id)
    except Error as refusal:
        raise ArchiveError(f"{tool}'s run {run_id!r}: {refusal}") from None
    for chosen in (run_id, f"{run_id}-{tool}"):
        folder = find(root, chosen)
        if folder is None:
            return None, chosen
        reader = RunReader(folder)
        reader.refresh()
        if key in reader.metadata():
            return folder, chosen
    raise ArchiveError(
        f"runs {run_id!r} and {chosen!r} are there already, and are none of {tool}'s"
    )


def _facts_of(recorded: Recorded, run_id: str) -> RunFacts:
    host, pid, process = this_process()
    return RunFacts(
        id=run_id,
        project=recorded.project,
        name=recorded.name,
        created_ns=max(recorded.created_ns, 1),
        host=host,
        pid=pid,
        process=process,
        group=recorded.group,
        job_type=recorded.job_type,
        notes=recorded.notes,
        tags=recorded.tags,
    )
