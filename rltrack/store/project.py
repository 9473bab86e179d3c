"""The runs of a project, and the projects of a root, kept open between questions.

A version counts up with every change, so that a listener can ask what changed since. It
starts at the clock's milliseconds: a listener that outlived the server that it first asked
learns of all runs again, and not of none.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rltrack._names import folder_name
from rltrack.errors import NotFoundError
from rltrack.folder import RunFolder, State, projects, run_folder, run_folders
from rltrack.store.panel import common_axis
from rltrack.store.run import RunReader

#: Rows of settled runs that are kept in memory; the least lately used are given back beyond it.
MEMORY_BYTES: Final = 2 << 30
#: How often the `run.json` of settled runs is looked at.
_SETTLED_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Metric:
    """A numeric metric of some runs of a project."""

    key: str
    x: str
    """Its default x axis."""
    run_count: int


@dataclass(frozen=True, slots=True)
class ProjectOverview:
    """What a list of projects shows of one."""

    name: str
    run_count: int
    states: dict[State, int]
    last_activity: float
    """In seconds since the epoch."""


class Project:
    """The runs of one project.

    All methods may be called from any thread. What is said of runs is as of the last
    `refresh`.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        *,
        now: Callable[[], float] = time.time,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.name = name
        self._root = root
        self._folder = root / folder_name(name)
        self._now = now
        self._memory_bytes = memory_bytes
        self._lock = threading.RLock()
        self._runs: dict[str, RunReader] = {}
        self._slots: dict[str, int] = {}
        self._version = int(now() * 1000)
        self._versions: dict[str, int] = {}
        self._revisions: dict[str, int] = {}
        self._removed: dict[str, int] = {}
        self._settled_look_at = 0.0

    # -- keeping up ------------------------------------------------------------------------

    def refresh(self) -> int:
        """Look for new runs and removed ones, and read what is new; the version thereafter."""
        with self._lock:
            self._scan()
            if (now := time.monotonic()) >= self._settled_look_at:
                self._settled_look_at = now + _SETTLED_LOOK_S
                for run in self._runs.values():
                    run.reopen_if_changed()
            for run in self._runs.values():
                run.refresh()
            changed = [
                run_id
                for run_id, run in self._runs.items()
                if self._revisions.get(run_id) != run.revision
            ]
            if changed:
                self._version += 1
            for run_id in changed:
                self._revisions[run_id] = self._runs[run_id].revision
                self._versions[run_id] = self._version
            self._spare_memory()
            return self._version

    def _scan(self) -> None:
        """Follow the folder: forget runs that are gone, and open those that are new."""
        names = self._folder_names()
        known = {run.folder.path.name for run in self._runs.values()}
        for run_id, run in list(self._runs.items()):
            if run.folder.path.name not in names:
                self._version += 1
                self._removed[run_id] = self._version
                for table in (self._runs, self._versions, self._revisions):
                    table.pop(run_id, None)
        for name in names - known:
            folder = RunFolder(self._folder / name)
            if folder.run_json.exists():
                run = RunReader(folder, now=self._now, may_seal=True)
                self._runs[run.id] = run
                self._removed.pop(run.id, None)

    def _folder_names(self) -> set[str]:
        """What is in the project's folder: one call, so that a look at a thousand runs is cheap."""
        try:
            return set(os.listdir(self._folder))
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def _spare_memory(self) -> None:
        held = {run.id: run.nbytes for run in self._runs.values()}
        total = sum(held.values())
        for run in sorted(self._runs.values(), key=lambda run: run.used_at):
            if total <= self._memory_bytes:
                return
            if run.is_settled and held[run.id]:
                run.release()
                total -= held[run.id]

    # -- runs ------------------------------------------------------------------------------

    def runs(self) -> list[RunReader]:
        """All runs, by creation."""
        with self._lock:
            return sorted(self._runs.values(), key=lambda run: (run.created_ns, run.id))

    def changed_since(self, version: int) -> tuple[int, list[RunReader], list[str]]:
        """The version now, the runs that changed after `version`, and ids that went."""
        with self._lock:
            runs = [run for run in self.runs() if self._versions.get(run.id, 0) > version]
            removed = [run_id for run_id, at in self._removed.items() if at > version]
            return self._version, runs, removed

    def find(self, run_ids: Collection[str]) -> dict[str, RunReader | None]:
        """Runs by id, up to date; None for one that is not there. Others are not looked at."""
        found: dict[str, RunReader | None] = {}
        for run_id in run_ids:
            with self._lock:
                run = self._runs.get(run_id)
            if run is None or not run.folder.run_json.exists():
                run = self._open(run_id)
            if run is not None:
                run.reopen_if_changed()  # another process may have gone on with it
                run.refresh()
            found[run_id] = run
        with self._lock:
            self._spare_memory()
        return found

    def _open(self, run_id: str) -> RunReader | None:
        """Look again for one run; the next `refresh` tells listeners."""
        folder = run_folder(self._root, self.name, run_id)
        if not folder.run_json.exists():
            return None
        with self._lock:
            if run_id not in self._runs:
                self._runs[run_id] = RunReader(folder, now=self._now, may_seal=True)
            return self._runs[run_id]

    def slot(self, run_id: str) -> int:
        """The run's number by creation, for its colour. It stays when other runs go."""
        with self._lock:
            if run_id not in self._slots:
                self._scan()
                for run in self.runs():
                    self._slots.setdefault(run.id, len(self._slots))
            return self._slots[run_id]

    def metrics(self) -> list[Metric]:
        """Numeric metrics of all runs, by key."""
        having: dict[str, list[RunReader]] = {}
        for run in self.runs():
            for key in run.digest().metrics:
                having.setdefault(key, []).append(run)
        return [
            Metric(key, common_axis(having[key], key), len(having[key])) for key in sorted(having)
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
    """The projects of one root folder."""

    def __init__(self, root: Path, *, now: Callable[[], float] = time.time) -> None:
        self.root = root
        self._now = now
        self._lock = threading.Lock()
        self._projects: dict[str, Project] = {}
        self._version = int(now() * 1000)
        self._seen: list[ProjectOverview] | None = None

    def names(self) -> list[str]:
        """The projects, by name."""
        return list(projects(self.root))

    def project(self, name: str) -> Project:
        """One project.

        Raises:
            NotFoundError: there is no such project.
        """
        if not any(True for _ in run_folders(self.root, name)):
            raise NotFoundError(_no_such_project(self.root, name, self.names()))
        with self._lock:
            return self._projects.setdefault(name, Project(self.root, name, now=self._now))

    def overviews(self) -> list[ProjectOverview]:
        """All projects, by name."""
        found = []
        for name in self.names():
            try:
                found.append(self.project(name).overview())
            except NotFoundError:
                continue  # removed meanwhile
        return found

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
