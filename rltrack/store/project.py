"""The runs of a project, and the projects of a root, kept open between questions.

A version counts up with every change, so that a listener can ask what changed since. It
starts at the clock's milliseconds: a listener that outlived the server that it first asked
learns of all runs again, and not of none.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rltrack._names import folder_name, name_of_folder
from rltrack.errors import NotFoundError, StorageError
from rltrack.folder import RUN_JSON, RunFolder, State, run_folder
from rltrack.journal.definitions import STEP
from rltrack.store.catalog import CatalogFile, Known, proof_of
from rltrack.store.colours import colours_of_runs
from rltrack.store.documents import proof_of_kinds
from rltrack.store.edit import edit, move
from rltrack.store.panel import most_common_axis
from rltrack.store.run import RunDigest, RunReader
from rltrack.store.table import RunTable
from rltrack.store.trash import delete, free

#: Rows of settled runs that are kept in memory; the least lately used are given back beyond it.
MEMORY_BYTES: Final = 2 << 30
#: How often the `run.json` of settled runs is looked at, and of how many at a time.
_SETTLED_LOOK_S: Final = 1.0
_LOOKS: Final = 500


@dataclass(frozen=True, slots=True)
class Metric:
    """A numeric metric of some runs of a project."""

    key: str
    x: str
    """Its default x axis."""
    run_count: int
    hidden: bool
    """Whether none of its runs wants a chart of it that nobody asked for."""


@dataclass(frozen=True, slots=True)
class ProjectOverview:
    """What a list of projects shows of one."""

    name: str
    run_count: int
    states: dict[State, int]
    last_activity: float
    """In seconds since the epoch."""


class ListedRun:
    """A run of a project: what is known of it, and its reader once somebody looks into it."""

    __slots__ = (
        "_known", "_open_reader", "_path", "_reader", "_seen", "id", "name", "revision", "run_json",
    )  # fmt: skip

    def __init__(
        self,
        path: str,
        name: str,
        known: Known | None,
        open_reader: Callable[[RunFolder], RunReader],
    ) -> None:
        # No `Path` is made of it before it is needed: a list of ten thousand runs needs none.
        self._path = path
        self.name = name
        """Of its folder."""
        self.run_json = os.path.join(path, RUN_JSON)
        self.id = name_of_folder(name)
        self.revision = 0
        """Counts up with every change that a reader could see."""
        self._known = known
        self._open_reader = open_reader
        self._reader: RunReader | None = None
        self._seen = -1

    @property
    def folder(self) -> RunFolder:
        """Where it lies."""
        return RunFolder(Path(self._path))

    #: Whether it is a copy of one on a server.
    is_copy = False

    @property
    def url(self) -> str:
        """The address of its folder."""
        return self.folder.path.as_uri()

    @property
    def heartbeat_at(self) -> float:
        """When it last gave a sign of life, in seconds since the epoch."""
        return os.stat(self.run_json).st_mtime

    @property
    def is_followed(self) -> bool:
        """Whether its reader is open, and sees what is new by itself."""
        return self._reader is not None

    def open(self) -> RunReader:
        """The reader of the run."""
        if self._reader is None:
            self._reader = self._open_reader(self.folder)
            if self._known is not None and proof_of(self.run_json) == self._known.proof:
                self._reader.expect(self._known.digest)
        return self._reader

    def look(self, *, again: bool) -> Known | None:
        """See whether anything changed; what is known of the run, if it has ended since.

        Args:
            again: look also whether a run that has ended goes on, or was edited.
        """
        if self._reader is None:
            assert self._known is not None
            if again and proof_of(self.run_json) not in (self._known.proof, None):
                self.open().refresh()
                self.revision += 1
                return self._ended()
            return None
        if again:
            self._reader.reopen_if_changed()
        self._reader.refresh()
        if self._reader.revision == self._seen:
            return None
        self._seen = self._reader.revision
        self.revision += 1
        return self._ended()

    def _ended(self) -> Known | None:
        reader = self._reader
        if reader is None or not reader.is_settled:
            return None
        # Taken before the digest: a change in between makes it another file.
        proof = proof_of(self.run_json)
        return Known(proof, reader.digest()) if proof is not None else None

    def digest(self) -> RunDigest:
        """What a list of runs shows of it."""
        if self._reader is not None:
            return self._reader.digest()
        assert self._known is not None
        return self._known.digest

    def default_axis(self, key: str) -> str:
        """The x axis over which a metric is drawn, if nobody says otherwise."""
        return self.digest().axes.get(key, STEP)

    @property
    def created_at(self) -> float:
        """When the run began, in seconds since the epoch; its journal is not read for it."""
        if self._reader is not None:
            return self._reader.created_ns / 1e9
        assert self._known is not None
        return self._known.digest.created_at

    def peek(self) -> tuple[State, float]:
        """State and last sign of life; the journal of a run that has ended is not read for it."""
        if self._reader is not None:
            return self._reader.peek()
        digest = self.digest()
        return digest.state, digest.ended_at or digest.heartbeat_at

    @property
    def nbytes(self) -> int:
        """Memory that its rows take, about."""
        return 0 if self._reader is None else self._reader.nbytes

    @property
    def used_at(self) -> float:
        """When its points were last asked for, on `time.monotonic`'s clock."""
        return 0.0 if self._reader is None else self._reader.used_at

    def release(self) -> None:
        """Give its memory back: what it holds is read again, or is in columns if it goes on."""
        if self._reader is None:
            return
        if self._reader.is_settled:
            self._reader.release()
        else:
            self._reader.seal_held()

    # -- changes ---------------------------------------------------------------------------

    def edit(self, **changes: Any) -> None:
        """Change its facts, config or summary; see `store.edit.edit`."""
        edit(self.folder, **changes)

    def ask_to_stop(self) -> None:
        """Ask its training to end.

        Raises:
            StorageError: its folder cannot be written.
        """
        try:
            self.folder.ask_to_stop()
        except OSError as refusal:
            raise StorageError(
                f"{self.folder.path} cannot be written ({refusal.strerror}), so {self.id} cannot be "
                "asked to stop; end its process instead"
            ) from None

    def move_to(self, project: Project) -> None:
        """Put it into another project of the same root; see `store.edit.move`."""
        move(project.root, self.folder, project.name)

    def trash(self, root: Path, *, force: bool, forever: bool) -> int:
        """Move it into the trash of its root; how many bytes are free now.

        Args:
            root: of its project.
            force: also if it goes on.
            forever: free its space at once.
        """
        moved = delete(root, self.folder, force=force)
        return free(moved) if forever else 0


class Project:
    """The runs of one project.

    All methods may be called from any thread. What is said of runs is as of the last
    `refresh`.

    Args:
        root: the folder of all projects.
        name: of the project.
        now: seconds since the epoch.
        memory_bytes: for the rows of all runs, about.
        catalog: what was known of runs by an earlier process.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        *,
        now: Callable[[], float] = time.time,
        memory_bytes: int = MEMORY_BYTES,
        catalog: CatalogFile | None = None,
    ) -> None:
        self.name = name
        self._root = root
        self._folder = root / folder_name(name)
        self._now = now
        self._memory_bytes = memory_bytes
        self._catalog = catalog
        self._lock = threading.RLock()
        self._looking = threading.RLock()  # taken before `_lock`
        self._looks = 0
        self._runs: dict[str, ListedRun] = {}
        self._names: dict[str, str] = {}  # of their folders, and their ids
        self._slots: dict[str, int] = {}
        self._version = int(now() * 1000)
        self._versions: dict[str, int] = {}
        self._revisions: dict[str, int] = {}
        self._removed: dict[str, int] = {}
        self._documents: dict[str, int] = {}  # by kind, what tells that one has changed
        self._document_versions: dict[str, int] = {}
        self._colours: dict[str, int] | None = None
        self._settled_look_at = 0.0
        self._to_look_at: list[ListedRun] = []
        self._known: dict[str, Known] | None = None
        self._table = RunTable()
        self._in_table: dict[str, int] = {}

    # -- keeping up ------------------------------------------------------------------------

    def refresh(self) -> int:
        """Look for new runs and removed ones, and read what is new; the version thereafter.

        Looking at hundreds of runs takes a while, in which charts are not held up. Of those who
        ask while somebody looks, one looks again, and the others go by what that one saw.
        """
        begun = self._looks
        with self._looking:
            if self._looks > begun:  # a look that began after we were asked
                return self._version
            self._looks += 1
            return self._look()

    def _look(self) -> int:
        with self._lock:
            self._scan()
            again = set(self._due())
            runs = list(self._runs.values())
        ended: dict[str, Known] = {}
        for run in runs:
            if run.is_followed or run in again:
                known = run.look(again=run in again)
                if known is not None:
                    ended[run.name] = known
        documents = proof_of_kinds(self._folder)
        with self._lock:
            changed = [
                run_id
                for run_id, run in self._runs.items()
                if self._revisions.get(run_id) != run.revision
            ]
            kinds = [kind for kind in documents if documents[kind] != self._documents.get(kind)]
            self._documents = documents
            if changed or kinds:
                self._version += 1
            self._document_versions |= dict.fromkeys(kinds, self._version)
            if "colours" in kinds:
                self._recolour()
            for run_id in changed:
                self._revisions[run_id] = self._runs[run_id].revision
                self._versions[run_id] = self._version
            if self._catalog is not None:
                there = {name: known for name, known in ended.items() if name in self._names}
                self._catalog.store(self.name, there)
            self._spare_memory()
            return self._version

    def _recolour(self) -> None:
        """Runs that have another colour now have changed."""
        before, self._colours = self._chosen_colours(), colours_of_runs(self._root, self.name)
        for run_id in before.keys() | self._colours.keys():
            if run_id in self._runs and before.get(run_id) != self._colours.get(run_id):
                self._versions[run_id] = self._version

    def _chosen_colours(self) -> dict[str, int]:
        if self._colours is None:
            self._colours = colours_of_runs(self._root, self.name)
        return self._colours

    def _due(self) -> list[ListedRun]:
        """Runs that have ended and are looked at again: a part of them each time, all in a while."""
        now = time.monotonic()
        if not self._to_look_at and now >= self._settled_look_at:
            self._settled_look_at = now + _SETTLED_LOOK_S
            self._to_look_at = list(self._runs.values())
        due, self._to_look_at = self._to_look_at[:_LOOKS], self._to_look_at[_LOOKS:]
        return due

    def _scan(self) -> None:
        """Follow the folder: forget runs that are gone, and open those that are new."""
        names = self._folder_names()
        if gone := self._names.keys() - names:
            self._version += 1
            for name in gone:
                run_id = self._names.pop(name)
                self._removed[run_id] = self._version
                for table in (self._runs, self._versions, self._revisions):
                    table.pop(run_id, None)
            if self._catalog is not None:
                self._catalog.forget(self.name, gone)
        for name in names - self._names.keys():
            self._add(name)

    def _add(self, name: str) -> ListedRun | None:
        """Take a folder, if it is a run's."""
        path = os.path.join(self._folder, name)
        proof = proof_of(os.path.join(path, RUN_JSON))
        if proof is None:
            return None
        known = self._catalogued().get(name)
        if known is not None and known.proof != proof:
            known = None
        run = ListedRun(path, name, known, self._open_reader)
        if known is None:
            run.open()  # it is read at the first look
        self._runs[run.id] = run
        self._names[name] = run.id
        self._removed.pop(run.id, None)
        return run

    def _open_reader(self, folder: RunFolder) -> RunReader:
        return RunReader(folder, now=self._now, may_seal=True)

    def _catalogued(self) -> dict[str, Known]:
        if self._known is None:
            self._known = {} if self._catalog is None else self._catalog.load(self.name)
        return self._known

    def _folder_names(self) -> set[str]:
        """What is in the project's folder: one call, so that a look at a thousand runs is cheap."""
        try:
            return set(os.listdir(self._folder))
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def _spare_memory(self) -> None:
        held = {run_id: size for run_id, run in self._runs.items() if (size := run.nbytes)}
        total = sum(held.values())
        if total <= self._memory_bytes:
            return
        for run in sorted(self._runs.values(), key=lambda run: run.used_at):
            if total <= self._memory_bytes:
                return
            if run.id in held:
                run.release()
                total -= held[run.id] - run.nbytes

    # -- runs ------------------------------------------------------------------------------

    def runs(self) -> list[ListedRun]:
        """All runs, by creation."""
        with self._lock:
            return sorted(self._runs.values(), key=lambda run: (run.created_at, run.id))

    def run(self, run_id: str) -> ListedRun:
        """One run, as of the last `refresh`.

        Raises:
            KeyError: there is none of that id.
        """
        return self._runs[run_id]

    def table(self) -> RunTable:
        """All runs as a table, as of the last `refresh`; use it under `lock`."""
        with self._lock:
            for run_id in self._in_table.keys() - self._runs.keys():
                self._table.remove(run_id)
                del self._in_table[run_id]
            new = [run for run_id, run in self._runs.items() if run_id not in self._in_table]
            if len(new) > len(self._in_table):  # in one go, instead of one after the other
                self._table = RunTable(run.digest() for run in self._runs.values())
                self._in_table = {run_id: run.revision for run_id, run in self._runs.items()}
            for run_id, run in self._runs.items():
                if self._in_table.get(run_id) != run.revision:
                    self._table.put(run.digest())
                    self._in_table[run_id] = run.revision
            return self._table

    @property
    def root(self) -> Path:
        """The folder of all projects."""
        return self._root

    def have_artifact(self, name: str) -> str:
        """The name of an artifact that a run tells of, by which it is found in the root."""
        return name

    def sibling(self, name: str) -> Project:
        """Another project of the same root."""
        return Project(self._root, name, now=self._now, catalog=self._catalog)

    @property
    def version(self) -> int:
        """The number that the last `refresh` gave."""
        return self._version

    @property
    def lock(self) -> threading.RLock:
        """Held while the table is asked."""
        return self._lock

    def changed_since(self, version: int) -> tuple[int, list[ListedRun], list[str]]:
        """The version now, the runs that changed after `version`, and ids that went."""
        with self._lock:
            runs = [
                self._runs[run_id]
                for run_id, at in self._versions.items()
                if at > version and run_id in self._runs
            ]
            runs.sort(key=lambda run: (run.created_at, run.id))
            removed = [run_id for run_id, at in self._removed.items() if at > version]
            return self._version, runs, removed

    def documents_since(self, version: int) -> list[str]:
        """Kinds of documents of which some changed after `version`."""
        with self._lock:
            return [kind for kind, at in self._document_versions.items() if at > version]

    def get(self, run_id: str) -> ListedRun | None:
        """One run, looked for in the folder; None if it is not there."""
        with self._lock:
            listed = self._runs.get(run_id)
            if listed is None or not os.path.exists(listed.run_json):
                listed = self._add(run_folder(self._root, self.name, run_id).path.name)
            return listed

    def find(self, run_ids: Collection[str]) -> dict[str, RunReader | None]:
        """Runs by id, up to date; None for one that is not there. Others are not looked at."""
        found: dict[str, RunReader | None] = {}
        for run_id in run_ids:
            listed = self.get(run_id)
            reader = None if listed is None else listed.open()
            if reader is not None:
                reader.reopen_if_changed()  # another process may have gone on with it
                reader.refresh()
            found[run_id] = reader
        with self._lock:
            self._spare_memory()
        return found

    def slot(self, run_id: str) -> int:
        """Its colour: the one that somebody chose, or its number by creation.

        The latter stays when other runs go.
        """
        with self._lock:
            chosen = self._chosen_colours().get(run_id)
            if chosen is not None:
                return chosen
            if run_id not in self._slots:
                self._scan()
                for run in self.runs():
                    self._slots.setdefault(run.id, len(self._slots))
            return self._slots[run_id]

    def metrics(self, of: Collection[str] | None = None) -> list[Metric]:
        """Numeric metrics of all runs, or of those with the ids `of`, by key."""
        axes: dict[str, Counter[str]] = {}
        shown: set[str] = set()
        for run in self.runs():
            if of is not None and run.id not in of:
                continue
            digest = run.digest()
            keys = digest.aggregates.keys()
            for key in keys:
                axes.setdefault(key, Counter())[digest.axes.get(key, STEP)] += 1
            shown.update(keys - set(digest.hidden))
        return [
            Metric(key, most_common_axis(found), found.total(), key not in shown)
            for key, found in sorted(axes.items())
        ]

    def overview(self) -> ProjectOverview:
        """Count runs by state. Journals of runs that have finished are not read for it."""
        with self._lock:
            self._scan()
            states: dict[State, int] = {}
            last = 0.0
            for run in self._runs.values():
                state, at = run.peek()
                states[state] = states.get(state, 0) + 1
                last = max(last, at)
            return ProjectOverview(self.name, len(self._runs), states, last)


class Catalog:
    """The projects of one root folder.

    Args:
        root: the folder of all projects.
        now: seconds since the epoch.
        file: what was known of runs by an earlier process; by default in the user's cache folder.
        memory_bytes: for the rows of each project, about.
    """

    def __init__(
        self,
        root: Path,
        *,
        now: Callable[[], float] = time.time,
        file: CatalogFile | None = None,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.root = root
        self._memory_bytes = memory_bytes
        self._now = now
        self._file = file or CatalogFile(root)
        self._lock = threading.Lock()
        self._projects: dict[str, Project] = {}
        self._version = int(now() * 1000)
        self._seen: list[ProjectOverview] | None = None

    def named(self, name: str) -> str:
        """The project that a user means: an entity in front of it is left out."""
        return name.rpartition("/")[2]

    def names(self) -> list[str]:
        """The projects, by name."""
        try:
            with os.scandir(self.root) as entries:
                found = [entry.name for entry in entries if _has_runs(entry.path)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [name_of_folder(name) for name in sorted(found)]

    def project(self, name: str) -> Project:
        """One project.

        Raises:
            NotFoundError: there is no such project.
        """
        if not _has_runs(self.root / folder_name(name)):
            raise NotFoundError(_no_such_project(self.root, name, self.names()))
        with self._lock:
            if name not in self._projects:
                self._projects[name] = Project(
                    self.root,
                    name,
                    now=self._now,
                    memory_bytes=self._memory_bytes,
                    catalog=self._file,
                )
            return self._projects[name]

    def overviews(self) -> list[ProjectOverview]:
        """All projects, by name."""
        found = []
        for name in self.names():
            try:
                found.append(self.project(name).overview())
            except NotFoundError:
                continue  # removed meanwhile
        return found

    def last_overviews(self) -> list[ProjectOverview]:
        """All projects, as the last `refresh` saw them."""
        with self._lock:
            return list(self._seen or [])

    @property
    def version(self) -> int:
        """The number that the last `refresh` gave."""
        return self._version

    def refresh(self) -> int:
        """A number that counts up when a line of the list of projects changes."""
        overviews = self.overviews()
        with self._lock:
            if overviews != self._seen:
                self._seen = overviews
                self._version += 1
            return self._version


def _has_runs(path: str | Path) -> bool:
    """Whether a folder is a project: `artifacts/` and `sweeps/` of the root are none."""
    try:
        with os.scandir(path) as entries:
            return any(os.path.exists(os.path.join(entry.path, RUN_JSON)) for entry in entries)
    except OSError:
        return False


def _no_such_project(root: Path, name: str, known: list[str]) -> str:
    import difflib

    if not known:
        return (
            f"no project {name!r}: {root} holds no runs; record one with rltrack.init(project={name!r}), "
            "or choose another folder with RLTRACK_DIR"
        )
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known[:8])}"
    return f"no project {name!r} in {root}; {hint}"
