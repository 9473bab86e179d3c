"""What a recorded run is: its names, state, config and summary, and how they are changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rltrack._values import config_value
from rltrack.api.drafts import Drafts, SummaryDraft, Tags
from rltrack.errors import UnsupportedError
from rltrack.folder import RunFolder, State
from rltrack.journal.definitions import RUNTIME, STEP, TIMESTAMP
from rltrack.store.project import ListedRun, Project
from rltrack.store.run import RunDigest, RunReader


class Recorded:
    """What a run is: read from its folder, and changed in it."""

    def __init__(self, project: Project, listed: ListedRun) -> None:
        self._project = project
        self._listed = listed
        self._drafts = Drafts()

    @property
    def _reader(self) -> RunReader:
        return self._listed.open()

    def _digest(self) -> RunDigest:
        with self._project.lock:
            self._listed.look(again=True)
            return self._listed.digest()

    @property
    def id(self) -> str:
        """Names the run within its project, for ever."""
        return self._listed.id

    @property
    def project(self) -> str:
        """The project that the run belongs to."""
        return self._project.name.rpartition("/")[2]

    @property
    def path(self) -> str:
        """``project/id``, as `Api.run` takes it; on a server with the user or team in front."""
        return f"{self._project.name}/{self.id}"

    @property
    def folder(self) -> Path:
        """Where the run is on the disk."""
        return self._listed.folder.path

    def _whole_journal(self) -> Path:
        """Its journal, as far as it is written."""
        self._listed.folder.catch_up()
        return self.folder / "journal"

    def _whole_folder(self) -> RunFolder:
        """Its folder, with all of its files at hand."""
        folder = self._listed.folder
        folder.catch_up()
        for path in folder.elsewhere():
            folder.fetch(path)
        return folder

    @property
    def url(self) -> str:
        """The address of its folder, or of its page on a server."""
        return self._listed.url

    @property
    def name(self) -> str:
        """The display name."""
        return self._digest().name

    @name.setter
    def name(self, name: str) -> None:
        self._edit(facts={"name": name})

    display_name = name

    @property
    def state(self) -> State:
        """``running``, ``finished``, ``failed``, ``crashed``, ``killed`` or ``preempted``."""
        return self._digest().state

    @property
    def group(self) -> str | None:
        """The group that the run belongs to."""
        return self._digest().group

    @group.setter
    def group(self, group: str | None) -> None:
        self._edit(facts={"group": group})

    @property
    def job_type(self) -> str | None:
        """What kind of job the run is within its group."""
        return self._digest().job_type

    @job_type.setter
    def job_type(self, job_type: str | None) -> None:
        self._edit(facts={"job_type": job_type})

    @property
    def sweep_id(self) -> str | None:
        """The sweep that the run is a trial of."""
        return self._digest().sweep

    @property
    def tags(self) -> Tags:
        """Labels of the run; what is appended to them, `update` records."""
        changed = self._drafts.tags
        return Tags.of(self._digest().tags if changed is None else changed, self._draft_tags)

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._drafts.tags = None
        self._edit(facts={"tags": [tags] if isinstance(tags, str) else list(tags)})

    def _draft_tags(self, tags: tuple[str, ...]) -> None:
        self._drafts.tags = tags

    @property
    def notes(self) -> str | None:
        """Free text about the run."""
        return self._digest().notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._edit(facts={"notes": notes})

    @property
    def created_at(self) -> float:
        """When the run began, in seconds since the epoch."""
        return self._digest().created_at

    @property
    def config(self) -> dict[str, Any]:
        """The choices that made this run what it is.

        It may be changed; `update` records that.
        """
        return self._drafts.of("config", self._digest().config)

    @property
    def summary(self) -> SummaryDraft:
        """The last value of each metric, and what was set by hand.

        It may be changed; its own `update`, or that of the run, records that.
        """
        given = self._drafts.of(
            "summary",
            self._digest().summary,
            lambda values: SummaryDraft(values, self.update, self._last_row),
        )
        assert isinstance(given, SummaryDraft)
        return given

    def _last_row(self) -> dict[str, Any]:
        """Where the last row stands."""
        rows = self._reader.rows()
        if not len(rows):
            return {}
        last_ns = int(rows.time_ns.max())
        since_ns = last_ns - self._reader.created_ns
        return {STEP: int(rows.step[-1]), TIMESTAMP: last_ns / 1e9, RUNTIME: since_ns / 1e9}

    @property
    def metadata(self) -> dict[str, Any]:
        """How the run came to be: command, host, versions, git."""
        self._reader.refresh()
        return self._reader.metadata()

    @property
    def lastHistoryStep(self) -> int | None:
        """The greatest step of a row; None without rows."""
        return self._digest().last_step

    @property
    def damage(self) -> tuple[str, ...]:
        """What could not be read; empty for a run that is whole."""
        return self._digest().damage

    def metrics(self) -> list[str]:
        """The names of numeric metrics, sorted."""
        return list(self._digest().metrics)

    # -- changes ---------------------------------------------------------------------------

    def _refuse_copy(self, what: str) -> None:
        """Refuse what a server has no question for.

        Raises:
            UnsupportedError: the run is on a server.
        """
        if self._listed.is_copy:
            raise UnsupportedError(
                f"{what}: run {self.path} is on a server, and what it made is sent there while it "
                f"runs: rltrack.init(id={self.id!r}, resume='must', mode='online') goes on with it"
            )

    def _edit(self, **changes: Any) -> None:
        self._listed.edit(**changes)

    def update(self) -> None:
        """Record what was changed in `config`, `summary` and `tags`.

        Raises:
            StorageError: the run's folder cannot be written.
        """
        if (tags := self._drafts.tags) is not None:
            self.tags = tags
        values, removed = self._drafts.take_changes("config")
        if values or removed:
            self.update_config(values, removed)
        values, removed = self._drafts.take_changes("summary")
        if values or removed:
            self.update_summary(values, removed)

    def update_config(self, values: Mapping[str, Any], remove: Sequence[str] = ()) -> None:
        """Change the recorded config, also of a run that has ended.

        Args:
            values: top-level keys to set.
            remove: top-level keys to remove.
        """
        self._edit(
            config={key: config_value(value) for key, value in values.items()},
            removed_config=list(remove),
        )

    def update_summary(self, values: Mapping[str, Any], remove: Sequence[str] = ()) -> None:
        """Change what the run amounts to, also of one that has ended.

        Args:
            values: keys to set; they stay, whatever was logged under them.
            remove: keys to remove.
        """
        self._edit(
            summary={key: config_value(value) for key, value in values.items()},
            removed_summary=list(remove),
        )
