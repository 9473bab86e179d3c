"""The folders of a root, a project and a run, and `run.json`.

    <root>/<project>/<run id>/run.json      what a listing needs, replaced atomically
                             /journal/      the truth
                             /media/        files that rows refer to
                             /files/        files that the user saved
                             /segments/     derived

Readers touch nothing of this; the training process alone writes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from rltrack._names import folder_name, name_of_folder
from rltrack.errors import JournalError

State = Literal["running", "finished", "failed", "crashed", "killed", "preempted"]

RUN_FORMAT: Final = 1
RUN_JSON: Final = "run.json"
_STOP: Final = "stop"
#: Of a server, in its root: what belongs to no run.
HUB: Final = ".hub"
#: In it: contents of files that are on their way.
INCOMING: Final = "incoming"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The content of `run.json`."""

    id: str
    project: str
    name: str
    created_ns: int
    state: State = "running"
    host: str = ""
    pid: int = 0
    process: str = ""
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    ended_ns: int | None = None
    exit_code: int | None = None
    lost_rows: int = 0
    preempting: bool = False
    """The machine is about to be taken away."""
    sweep: str | None = None
    """The sweep that the run is a trial of."""
    format: int = RUN_FORMAT


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run keeps what."""

    path: Path

    @property
    def project(self) -> str:
        """The name of the project."""
        return name_of_folder(self.path.parent.name)

    @property
    def journal(self) -> Path:
        """The journal's segments."""
        return self.path / "journal"

    @property
    def media(self) -> Path:
        """Files that rows refer to."""
        return self.path / "media"

    @property
    def files(self) -> Path:
        """Files that the user saved."""
        return self.path / "files"

    @property
    def segments(self) -> Path:
        """Columns that were made from the journal; may be deleted at any time."""
        return self.path / "segments"

    @property
    def run_json(self) -> Path:
        """The run's facts; its mtime is the run's heartbeat."""
        return self.path / RUN_JSON

    def catch_up(self) -> None:
        """Have here what the run wrote by now: nothing is to be done, since it writes here."""

    def elsewhere(self) -> Mapping[str, int]:
        """The sizes of files of the run that are not here yet, by their paths: there are none."""
        return {}

    def fetch(self, path: str) -> None:
        """Have a file of the run here, by its path in the folder."""

    def write_facts(self, facts: RunFacts) -> None:
        """Replace `run.json`; a reader sees the old or the new.

        Raises:
            OSError: it cannot be written; the old one is still there.
        """
        # Threads may write at once, and forked children: each into a part of its own.
        part = self.path / f".{RUN_JSON}.{os.getpid()}.{threading.get_ident()}"
        part.write_text(json.dumps(dataclasses.asdict(facts), indent=1), encoding="utf-8")
        os.replace(part, self.run_json)

    def read_facts(self) -> RunFacts:
        """Read `run.json`.

        Raises:
            FileNotFoundError: there is none; this is no run.
            JournalError: it is damaged, or of a newer rltrack.
        """
        text = self.run_json.read_text(encoding="utf-8", errors="replace")
        try:
            values: dict[str, Any] = json.loads(text)
            written_as = values.get("format", RUN_FORMAT)
            if written_as > RUN_FORMAT:
                raise JournalError(
                    f"{self.run_json} has format {written_as}, and this rltrack reads up to "
                    f"{RUN_FORMAT}: upgrade with `pip install -U rltrack`"
                )
            known = {field.name for field in dataclasses.fields(RunFacts)}
            return RunFacts(**{name: value for name, value in values.items() if name in known})
        except (ValueError, TypeError, AttributeError) as cause:
            raise JournalError(f"{self.run_json} cannot be read: {cause}") from cause

    def ask_to_stop(self, by: str = "`rltrack stop`") -> None:
        """Ask the run's process to end; it looks every second.

        Args:
            by: who asks.

        Raises:
            OSError: the folder cannot be written.
        """
        part = self.path / f".{_STOP}.{os.getpid()}.{threading.get_ident()}"
        part.write_text(by, encoding="utf-8")
        os.replace(part, self.path / _STOP)

    def take_stop_request(self) -> str | None:
        """Who asked the run to stop, if somebody did; the request is taken away."""
        try:
            by = (self.path / _STOP).read_text(encoding="utf-8", errors="replace")
            (self.path / _STOP).unlink()
        except OSError:
            return None
        return by or "`rltrack stop`"

    def beat(self) -> None:
        """Say that the run is alive.

        Raises:
            OSError: the folder is gone or read-only.
        """
        os.utime(self.run_json)


def run_folder(root: Path, project: str, run_id: str) -> RunFolder:
    """The folder of a run, whether it is there or not."""
    return RunFolder(root / folder_name(project) / folder_name(run_id))


def projects(root: Path) -> Iterator[str]:
    """The projects of a root, by name."""
    for path in _folders(root):
        # `artifacts/` and `sweeps/` of the root are no projects: no folder in them is a run.
        if any(True for _ in run_folders(root, name_of_folder(path.name))):
            yield name_of_folder(path.name)


def run_folders(root: Path, project: str) -> Iterator[RunFolder]:
    """The runs of a project, in no order that means anything."""
    for path in _folders(root / folder_name(project)):
        if (path / RUN_JSON).exists():
            yield RunFolder(path)


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
