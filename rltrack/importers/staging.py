"""Where an import writes a run until it is whole, and how the run gets to its place."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rltrack.errors import UsageError
from rltrack.folder import RunFacts, RunFolder, projects, run_folder

#: Below the root; nothing in it is a project, since runs lie one folder deeper.
STAGING: Final = ".importing"
_ABANDONED_S: Final = 600.0


def find(root: Path, run_id: str) -> RunFolder | None:
    """The run of that id, in whichever project it was put."""
    for project in projects(root):
        folder = run_folder(root, project, run_id)
        if folder.run_json.exists():
            return folder
    return None


@contextlib.contextmanager
def staging_folder(root: Path) -> Iterator[Path]:
    """A folder on the file system of the runs that nobody looks into; gone afterwards."""
    folder = root / STAGING / secrets.token_hex(8)
    folder.mkdir(parents=True)
    for other in folder.parent.iterdir():
        if _is_abandoned(other):
            shutil.rmtree(other, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # another import is going on
            folder.parent.rmdir()


def _is_abandoned(staging: Path) -> bool:
    """Whether the import was killed whose folder this is: its run has no heartbeat any more."""
    for path in (RunFolder(staging / "run").run_json, staging):
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime > _ABANDONED_S
    return False


def move_in_place(part: RunFolder, folder: RunFolder) -> None:
    """Make a run of what was written.

    Raises:
        UsageError: another import was faster.
    """
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.path.rename(folder.path)
    except OSError:
        if not folder.run_json.exists():
            raise
        raise UsageError(
            f"another import has just made {folder.path}; import again to add what is new"
        ) from None


def add_to(folder: RunFolder, part: RunFolder, before: RunFacts) -> None:
    """Move the files of `part` into a run: media first, so that no row refers to nothing."""
    for inner in ("media", "files", "journal"):
        for path in sorted((part.path / inner).rglob("*")):
            if path.is_file():
                target = folder.path / path.relative_to(part.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
    ended_ns = part.read_facts().ended_ns
    # Readers of a run that has ended look into its journal again if it seems another run.
    folder.write_facts(
        dataclasses.replace(before, ended_ns=ended_ns, created_ns=before.created_ns + 1)
    )
