"""The folder of a sweep: its config, and what its agents tell each other.

<root>/sweeps/<sweep id>/sweep.yaml            the config as the user gave it
                        /sweep.json            id, project, when it began
                        /log/<agent>.jsonl     what one agent did; nobody else writes to it
                        /claims/<trial>.<n>    who runs a trial for the n-th time
                        /trials/<trial>.json   parameters, for programs
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from rltrack._names import folder_name, name_of_folder, new_run_id
from rltrack.errors import NotFoundError, StorageError, UsageError
from rltrack.sweeps.board import Board, FolderBoard
from rltrack.sweeps.mistakes import nearest
from rltrack.sweeps.schema import SweepConfig, read_config
from rltrack.sweeps.source import parse

SWEEPS: Final = "sweeps"
_FORMAT: Final = 1
_FACTS: Final = "sweep.json"
_CONFIG: Final = "sweep.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFacts:
    """The content of `sweep.json`."""

    id: str
    project: str
    created_ns: int
    seed: int
    """Of random draws, if the config has none."""
    format: int = _FORMAT
    entity: str | None = None
    """The user or team in front of the project's name, if the sweep is on a server."""


class Place(Protocol):
    """Where a sweep is kept: a folder, or a server."""

    @property
    def id(self) -> str:
        """Names the sweep."""

    @property
    def path(self) -> Path:
        """What belongs to it on this machine."""

    @property
    def url(self) -> str:
        """The address of its page or folder."""

    @property
    def root(self) -> Path:
        """The folder of all projects, into which runs are recorded here."""

    @property
    def trials(self) -> Path:
        """Parameters of trials, for programs."""

    def text(self) -> str:
        """The config as the user gave it."""

    def config(self) -> SweepConfig:
        """The config."""

    def facts(self) -> SweepFacts:
        """What is known apart from the config."""

    def board(self, now: Callable[[], float] = time.time) -> Board:
        """Where its agents tell each other what they do."""

    def replace_text(self, text: str) -> None:
        """Give it another config."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """Where one sweep keeps what."""

    path: Path

    @property
    def id(self) -> str:
        """Names the sweep."""
        return name_of_folder(self.path.name)

    @property
    def url(self) -> str:
        """The address of its folder."""
        return self.path.as_uri()

    @property
    def root(self) -> Path:
        """The folder of all projects."""
        return self.path.parent.parent

    @property
    def logs(self) -> Path:
        """What each agent did."""
        return self.path / "log"

    @property
    def claims(self) -> Path:
        """Who runs which trial."""
        return self.path / "claims"

    @property
    def trials(self) -> Path:
        """Parameters of trials, for programs."""
        return self.path / "trials"

    def board(self, now: Callable[[], float] = time.time) -> Board:
        """Where its agents tell each other what they do."""
        return FolderBoard(self.path, now)

    def replace_text(self, text: str) -> None:
        """Give it another config.

        Raises:
            StorageError: the folder cannot be written.
        """
        part = self.path / f".{_CONFIG}"
        try:
            part.write_text(text, encoding="utf-8")
            os.replace(part, self.path / _CONFIG)
        except OSError as refusal:
            raise StorageError(f"{self.path} cannot be written: {refusal.strerror}") from refusal

    def close(self) -> None:
        """A folder is not held."""

    def text(self) -> str:
        """The config as the user gave it."""
        return (self.path / _CONFIG).read_text(encoding="utf-8")

    def config(self) -> SweepConfig:
        """The config.

        Raises:
            UsageError: somebody changed the file, and it has mistakes now.
        """
        name = str(self.path / _CONFIG)
        return read_config(parse(self.text(), name), name)

    def facts(self) -> SweepFacts:
        """What is known apart from the config.

        Raises:
            StorageError: the file is damaged, or of a newer rltrack.
        """
        path = self.path / _FACTS
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.get("format", _FORMAT) > _FORMAT:
                raise StorageError(
                    f"{path} is of a newer rltrack: upgrade with `pip install -U rltrack`"
                )
            known = {field.name for field in dataclasses.fields(SweepFacts)}
            return SweepFacts(**{key: value for key, value in values.items() if key in known})
        except (ValueError, TypeError, AttributeError) as cause:
            raise StorageError(f"{path} cannot be read: {cause}") from cause


def make_folder(root: Path, project: str, text: str, sweep_id: str | None = None) -> SweepFolder:
    """A new sweep.

    Args:
        root: the folder of all projects.
        project: that its runs belong to.
        text: the config.
        sweep_id: names it; by default eight random letters.

    Raises:
        StorageError: the folder cannot be written.
    """
    facts = SweepFacts(
        id=sweep_id or new_run_id(),
        project=project,
        created_ns=time.time_ns(),
        seed=int.from_bytes(os.urandom(4), "big"),
    )
    folder = SweepFolder(root / SWEEPS / folder_name(facts.id))
    try:
        if folder.path.exists():
            raise UsageError(f"sweep {facts.id!r} is there already, in {folder.path}")
        for path in (folder.logs, folder.claims, folder.trials):
            path.mkdir(parents=True, exist_ok=True)
        (folder.path / _CONFIG).write_text(text, encoding="utf-8")
        # Last and at once: what has one is a sweep.
        part = folder.path / f".{_FACTS}"
        part.write_text(json.dumps(dataclasses.asdict(facts), indent=1), encoding="utf-8")
        os.replace(part, folder.path / _FACTS)
    except OSError as refusal:
        raise StorageError(f"{folder.path} cannot be written: {refusal.strerror}") from refusal
    return folder


def find_folder(root: Path, sweep_id: str) -> SweepFolder:
    """The folder of a sweep that is there.

    Args:
        root: the folder of all projects.
        sweep_id: its id; a project and an entity before it are left out.

    Raises:
        NotFoundError: there is none.
    """
    name = sweep_id.strip("/").rpartition("/")[2]
    folder = SweepFolder(root / SWEEPS / folder_name(name))
    if name and (folder.path / _FACTS).exists():
        return folder
    known = sorted(one.id for one in folders(root))
    there = nearest(name, known) if known else "there is none; `rltrack sweep CONFIG` makes one"
    raise NotFoundError(f"no sweep {name!r} in {root}; {there}")


def folders(root: Path) -> Iterator[SweepFolder]:
    """The sweeps of a root, in no order that means anything."""
    try:
        with os.scandir(root / SWEEPS) as entries:
            paths = sorted(Path(entry.path) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in paths:
        if (path / _FACTS).exists():
            yield SweepFolder(path)
