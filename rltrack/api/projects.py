"""The part of `Api` that is about projects, new runs and who asks."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rltrack._names import checked_project, checked_run_id, folder_name, new_run_id
from rltrack.errors import NotFoundError, StorageError, UsageError
from rltrack.folder import RunFacts, run_folder
from rltrack.settings import Settings, resolve

if TYPE_CHECKING:
    from rltrack.api import Api, Run, Runs
    from rltrack.api.artifacts import ArtifactCollection, ArtifactType
    from rltrack.api.reports import Report
    from rltrack.artifacts.artifact import Artifact
    from rltrack.sweeps.reading import Sweep


class Project(str):
    """A project: its name, with what W&B's projects have."""

    _api: Api

    def __new__(cls, name: str, api: Api) -> Project:
        """The project of that name."""
        project = super().__new__(cls, name)
        project._api = api
        return project

    @property
    def name(self) -> str:
        """Its name."""
        return str(self)

    id = name

    @property
    def entity(self) -> str:
        """Whose it is: that of the settings."""
        return self._api.default_entity or ""

    owner = entity

    @property
    def path(self) -> list[str]:
        """Whose it is, and its name."""
        return [self.entity, self.name]

    @property
    def folder(self) -> Path:
        """Where its runs are on the disk."""
        return self._api.root / folder_name(self)

    @property
    def url(self) -> str:
        """The address of its folder."""
        return self.folder.as_uri()

    def runs(self, filters: Mapping[str, Any] | str | None = None, **more: Any) -> Runs:
        """`Api.runs` of it."""
        return self._api.runs(str(self), filters, **more)

    def artifacts_types(self, per_page: int = 50) -> list[ArtifactType]:
        """The types of its artifacts."""
        return self._api.artifact_types(str(self))

    def collections(self, per_page: int = 50) -> list[ArtifactCollection]:
        """Its artifacts, by name."""
        return [one for kind in self.artifacts_types() for one in kind.collections()]

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)  # a copy is the name alone


@dataclass(frozen=True)
class Viewer:
    """Who asks: the user of this machine."""

    username: str
    entity: str
    email: str | None = None
    teams: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Their name."""
        return self.username


class Projects:
    """Projects, new runs, and what W&B's `Api` says of itself."""

    root: Path
    _overrides: Mapping[str, Any]

    if TYPE_CHECKING:  # what it stands on, of `Api`

        def projects(self) -> list[Project]: ...  # noqa: D102
        def run(self, path: str) -> Run: ...  # noqa: D102
        def artifact(self, name: str) -> Artifact: ...  # noqa: D102
        def sweep(self, path: str, sid: str | None = None) -> Sweep: ...  # noqa: D102
        def report(self, path: str) -> Report: ...  # noqa: D102

    def project(self, name: str, entity: str | None = None) -> Project:
        """One project, whether it has runs or not.

        Args:
            name: its name; an entity in front of it is left out.
            entity: accepted for W&B's scripts.

        Raises:
            UsageError: it is no name of a project.
        """
        return Project(checked_project(name.rpartition("/")[2]), cast("Api", self))

    def create_project(self, name: str, entity: str | None = None) -> Project:
        """Make the folder of a project; without that, the first run makes it.

        Args:
            name: its name.
            entity: accepted for W&B's scripts.

        Raises:
            UsageError: it is no name of a project.
            StorageError: the folder cannot be made.
        """
        project = self.project(name)
        try:
            project.folder.mkdir(parents=True, exist_ok=True)
        except OSError as refusal:
            raise StorageError(f"{project.folder} cannot be made ({refusal.strerror})") from refusal
        return project

    def create_run(
        self,
        *,
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
    ) -> Run:
        """Make a run without rows; its config and summary are set by `Run.update`.

        ``rltrack.init(id=…, resume="must")`` goes on with it.

        Args:
            run_id: its id; by default random letters.
            project: its project; by default that of the settings.
            entity: accepted for W&B's scripts.

        Raises:
            UsageError: there is such a run, or the id or the project is none.
            StorageError: the folder cannot be written.
        """
        from rltrack._attach import open_writer
        from rltrack._run import Run as Recorded

        name = str(self.project(project or self._chosen_project("create_run()")))
        new_id = new_run_id() if run_id is None else checked_run_id(run_id)
        folder = run_folder(self.root, name, new_id)
        try:
            folder.path.mkdir(parents=True)
        except FileExistsError:
            raise UsageError(f"there is a run {name}/{new_id} already") from None
        except OSError as refusal:
            raise StorageError(f"{folder.path} cannot be made ({refusal.strerror})") from refusal
        facts = RunFacts(id=new_id, project=name, name=new_id, created_ns=time.time_ns())
        # Whatever the settings say of the user's runs: this one records nothing of this process.
        Recorded(facts, Settings(silent=True), open_writer, folder).finish()
        return self.run(f"{name}/{new_id}")

    def from_path(self, path: str) -> Run | Project | Artifact | Sweep | Report:
        """What a path names: a project, a run, a sweep, a report, or a version of an artifact.

        Args:
            path: ``project``, ``project/id``, ``project/runs/id``, ``project/sweeps/id``,
                ``project/reports/id`` or ``project/name:v0``, each with an entity in front or
                without.

        Raises:
            NotFoundError: there is no such thing.
            UsageError: the path is of a workspace.
        """
        parts = [part for part in path.split("/") if part and part not in ("run", "runs")]
        if not parts:
            raise UsageError(f"from_path({path!r}): say project/id, or a project")
        if "workspace" in parts:
            raise UsageError(
                f"from_path({path!r}): there are no workspaces here; `rltrack ui` draws"
            )
        if "reports" in parts:
            return self.report(path)
        if "sweeps" in parts or "sweep" in parts:
            return self.sweep(parts[-1])
        if ":" in parts[-1] or "artifacts" in parts:
            return self.artifact("/".join((parts[0], parts[-1])) if len(parts) > 1 else parts[0])
        known = self.projects()
        if len(parts) == 1 or (len(parts) == 2 and parts[0] not in known and parts[1] in known):
            if parts[-1] not in known:
                raise NotFoundError(f"no project {parts[-1]!r}; there are {', '.join(known)}")
            return self.project(parts[-1])
        return self.run(path if "runs" not in path.split("/") else "/".join(parts[-2:]))

    def flush(self) -> None:
        """Nothing: what was read is looked at again at each question."""

    @property
    def default_entity(self) -> str | None:
        """Whose the runs are, as far as the settings say it."""
        return self._overrides.get("entity") or resolve().entity

    @property
    def viewer(self) -> Viewer:
        """Who asks: the user of this machine, or as the settings name them."""
        settings = resolve()
        name = settings.username or getpass.getuser()
        return Viewer(name, self.default_entity or name)

    @property
    def settings(self) -> dict[str, Any]:
        """What paths that leave something out mean."""
        project = self._overrides.get("project") or resolve().project
        return {
            "entity": self.default_entity,
            "project": project,
            "run": self._overrides.get("run"),
            "base_url": self.root.as_uri(),
        }

    def _chosen_project(self, what: str) -> str:
        """The project that is meant where none is named.

        Raises:
            UsageError: none can be meant.
        """
        if project := self.settings["project"]:
            return str(project)
        known = self.projects()
        if len(known) != 1:
            raise UsageError(
                f"{what}: say the project; there are {', '.join(known) or 'none yet'}, and "
                "the settings choose none"
            )
        return known[0]
