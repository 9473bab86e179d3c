"""What a run is called, and where it is: the part of `Run` that reads and changes its facts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rltrack.errors import UsageError
from rltrack.folder import RunFacts, RunFolder, State
from rltrack.settings import Settings, checked_tags


class Identity:
    """The facts of one run. `Run` adds what is done with it."""

    __slots__ = ("_facts", "_folder", "_settings", "_shown_at")

    _facts: RunFacts
    _folder: RunFolder | None
    _settings: Settings
    _shown_at: Callable[[], str] | None

    def _change(self, **changes: Any) -> None:
        """Record other facts."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        """Names the run within its project, for ever."""
        return self._facts.id

    @property
    def project(self) -> str:
        """The project that the run belongs to."""
        return self._facts.project

    def project_name(self) -> str:
        """The old name of `project`."""
        return self._facts.project

    @property
    def entity(self) -> str:
        """Whose run it is, where that was said; without a server nobody's, which is an empty text."""
        return self._settings.entity or "" if self._shown_at is not None else ""

    @property
    def path(self) -> str:
        """``project/id``."""
        return f"{self.project}/{self.id}"

    @property
    def name(self) -> str:
        """The display name; may be set."""
        return self._facts.name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise UsageError(f"run name {name!r} must be text")
        self._change(name=name)

    @property
    def notes(self) -> str | None:
        """Free text about the run; may be set."""
        return self._facts.notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._change(notes=notes)

    @property
    def tags(self) -> tuple[str, ...]:
        """Labels of the run; may be set."""
        return tuple(self._facts.tags)

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._change(tags=list(checked_tags(tags)))

    @property
    def group(self) -> str | None:
        """The group that the run belongs to."""
        return self._facts.group

    @property
    def job_type(self) -> str | None:
        """What kind of job the run is within its group."""
        return self._facts.job_type

    @property
    def sweep_id(self) -> str | None:
        """The sweep that the run is a trial of."""
        return self._facts.sweep

    @property
    def sweep_url(self) -> str | None:
        """None: a sweep is a folder; `rltrack ui` shows it."""
        return None

    def get_sweep_url(self) -> str | None:
        """The old name of `sweep_url`."""
        return self.sweep_url

    @property
    def state(self) -> State:
        """``running``, and after `finish` what it came to."""
        return self._facts.state

    @property
    def start_time(self) -> float:
        """When the run began, in seconds since the epoch."""
        return self._facts.created_ns / 1e9

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @property
    def run_folder(self) -> RunFolder | None:
        """Where the run keeps what; None when disabled."""
        return self._folder

    @property
    def folder(self) -> Path | None:
        """The run's folder; None when disabled."""
        return self._folder.path if self._folder else None

    @property
    def sync_dir(self) -> str:
        """The run's folder, as text."""
        return str(self._folder.path) if self._folder else os.devnull

    @property
    def dir(self) -> str:
        """The folder for files of the user's own, made on the first look."""
        if self._folder is None:
            return os.devnull
        self._folder.files.mkdir(parents=True, exist_ok=True)
        return str(self._folder.files)

    @property
    def url(self) -> str | None:
        """The address of the run's page, or without a server of its folder; None when disabled."""
        if self._shown_at is not None:
            return self._shown_at()
        return self._folder.path.as_uri() if self._folder else None

    def is_shown_at(self, url: Callable[[], str]) -> None:
        """A server shows the run; `url` answers where."""
        self._shown_at = url

    @property
    def project_url(self) -> str | None:
        """The address of the project's page, or folder; None when disabled."""
        if self._shown_at is not None:
            return self._shown_at().rpartition("/r/")[0]
        return self._folder.path.parent.as_uri() if self._folder else None

    def get_url(self) -> str | None:
        """The old name of `url`."""
        return self.url

    def get_project_url(self) -> str | None:
        """The old name of `project_url`."""
        return self.project_url

    @property
    def disabled(self) -> bool:
        """Whether nothing is recorded."""
        return self._folder is None

    @property
    def offline(self) -> bool:
        """Whether nothing is sent anywhere while the run goes on."""
        return self._settings.mode != "online"

    def __repr__(self) -> str:
        return f"<rltrack.Run {self.path} {self.name!r} {self.state}>"
