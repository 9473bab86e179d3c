"""Take runs out of a zip that `archive.py` wrote, whoever it comes from.

    1. The manifest is read, and nothing but it is believed: each entry of the zip must be one of
       its files, of that size; names must be those that runs have, and stay inside of the run.
    2. Of each run it is decided whether it is new, is there already, or stands in another's place.
       The last is an error before anything is written, or with `rename` another id.
    3. A new run is unpacked into a hidden folder of its project, where no reader looks, at most so
       many bytes as the manifest says; each file's sha256 must fit.
    4. One rename makes it a run. What a killed import leaves, the next one removes.

A run is there already if it began at the same nanosecond and its journal has the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from rltrack._names import checked_project, folder_name, name_of_folder
from rltrack.errors import ArchiveError, Error, StorageError, UsageError
from rltrack.folder import RUN_JSON, RunFolder, run_folder
from rltrack.store.archive import DERIVED, FORMAT, MANIFEST, PIECE_BYTES, entry_prefix
from rltrack.store.manifest import lease, touch

#: Where runs are unpacked, in their project: no folder of a run begins so.
STAGING: Final = ".import"
_MANIFEST_BYTES: Final = 256 << 20
_FACTS_BYTES: Final = 16 << 20
_LONGEST_PATH: Final = 4096
_LONGEST_NAME: Final = 255
#: Ids that are tried for a run whose own is taken.
_MOST_RENAMES: Final = 10_000

Outcome = Literal["new", "there"]


@dataclass(frozen=True, slots=True)
class Imported:
    """A run of an archive, and what became of it."""

    project: str
    run_id: str
    outcome: Outcome
    archived_as: str
    """Project and id that it has in the archive."""
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _ArchivedRun:
    project: str
    id: str
    heartbeat_ns: int
    files: list[_File]
    facts: dict[str, Any] | None
    """Of `run.json`; None where it is damaged."""

    @property
    def journal(self) -> dict[str, tuple[int, str]]:
        """Size and sha256 of each file of the journal."""
        return {
            file.path: (file.size, file.sha256)
            for file in self.files
            if file.path.startswith("journal/")
        }

    @property
    def created_ns(self) -> object:
        """When it began."""
        return self.facts.get("created_ns") if self.facts else None


def import_archive(
    file: Path, root: Path, *, project: str | None = None, rename: bool = False
) -> Iterator[Imported]:
    """Make runs of those in a zip, one after the other.

    Args:
        file: the zip.
        root: the folder of all projects.
        project: the project that they go to; by default that which they were in.
        rename: give a run whose id another run has a new one, such as ``id-2``.

    Raises:
        ArchiveError: the zip is none of rltrack's, is damaged, or has what no run has. Runs that
            came before in it are there.
        UsageError: the id of a run is another run's; nothing was written.
        StorageError: the folder cannot be written, or the disk is full.
    """
    if project is not None:
        checked_project(project)
    with _opened(file) as archive:
        runs = _read_manifest(archive, file)
        targets = _targets(runs, root, project, rename=rename)
        new = [run for run, (_, outcome) in zip(runs, targets, strict=True) if outcome == "new"]
        _check_space(root, sum(item.size for run in new for item in run.files))
        for run, (target, outcome) in zip(runs, targets, strict=True):
            if outcome == "new":
                with _damage_told(file):
                    _import_run(archive, run, target)
            yield Imported(
                name_of_folder(target.path.parent.name),
                name_of_folder(target.path.name),
                outcome,
                f"{run.project}/{run.id}",
                len(run.files),
                sum(item.size for item in run.files),
            )


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except FileNotFoundError:
        raise UsageError(f"there is no file {file}") from None
    except OSError as refusal:
        raise UsageError(f"{file} cannot be read: {refusal.strerror or refusal}") from refusal
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as damage:
        raise ArchiveError(f"{file} is no whole zip ({damage}); export the runs again") from damage
    with archive:
        yield archive


@contextlib.contextmanager
def _damage_told(file: Path) -> Iterator[None]:
    """What a damaged zip, or a full disk, makes others raise."""
    try:
        yield
    except Error:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,  # of zipfile: a password is asked for
        FileExistsError,
        NotADirectoryError,
        IsADirectoryError,
    ) as damage:
        raise ArchiveError(f"{file} is damaged: {damage}") from damage
    except OSError as refusal:
        raise StorageError(f"the run cannot be written: {refusal}") from refusal


# -- what is in it ---------------------------------------------------------------------------------


def _read_manifest(archive: zipfile.ZipFile, file: Path) -> list[_ArchivedRun]:
    """The runs of an archive, of which all names and sizes are looked through."""
    with _damage_told(file):
        try:
            entry = archive.getinfo(MANIFEST)
        except KeyError:
            raise ArchiveError(
                f"{file} has no {MANIFEST}: it was not written by `rltrack export --format zip`"
            ) from None
        try:
            said = json.loads(_small(archive, entry, _MANIFEST_BYTES))
            written_as = said["format"]
            if written_as != FORMAT:
                raise ArchiveError(
                    f"{file} has format {written_as!r}, and this rltrack reads {FORMAT}: "
                    "upgrade with `pip install -U rltrack`"
                )
            runs = [_checked_run(archive, run) for run in said["runs"]]
        except (KeyError, TypeError, AttributeError, RecursionError) as damage:
            raise ArchiveError(f"{file}: its {MANIFEST} cannot be understood: {damage!r}") from None
        _check_entries(archive, runs, file)
    return runs


def _checked_run(archive: zipfile.ZipFile, said: dict[str, Any]) -> _ArchivedRun:
    project, run_id, heartbeat_ns = said["project"], said["id"], said["heartbeat_ns"]
    for name in (project, run_id):
        if not isinstance(name, str) or not name or name_of_folder(folder_name(name)) != name:
            raise ArchiveError(f"{name!r} is no name of a project or run")
    if not isinstance(heartbeat_ns, int) or isinstance(heartbeat_ns, bool):
        raise ArchiveError(f"run {run_id!r}: {heartbeat_ns!r} is no time")
    files = [_checked_file(*one) for one in said["files"]]
    paths = [file.path for file in files]
    if len(set(paths)) != len(paths) or RUN_JSON not in paths:
        raise ArchiveError(f"run {run_id!r} has a file twice, or no {RUN_JSON}")
    facts = None
    prefix = entry_prefix(project, run_id)
    with contextlib.suppress(ValueError, RecursionError):  # it was damaged when it was exported
        text = _small(archive, archive.getinfo(prefix + RUN_JSON), _FACTS_BYTES)
        facts = json.loads(text)
    return _ArchivedRun(
        project, run_id, heartbeat_ns, files, facts if isinstance(facts, dict) else None
    )


def _checked_file(path: object, size: object, sha256: object) -> _File:
    if not isinstance(path, str) or not isinstance(sha256, str):
        raise ArchiveError(f"{path!r} is no file of a run")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ArchiveError(f"{path!r} cannot have {size!r} bytes")
    parts = path.split("/")
    if (
        len(path) > _LONGEST_PATH
        or any(part in ("", ".", "..") for part in parts)
        or any(len(part.encode("utf-8", "surrogatepass")) > _LONGEST_NAME for part in parts)
        or any(letter in path for letter in ("\0" if os.sep == "/" else '\0\\:*?"<>|'))
        # Derived columns would be believed; what stands beside the folders says who writes.
        or (len(parts) == 1 and path != RUN_JSON)
        or parts[0] == DERIVED
        or parts[0].startswith(".")
    ):
        raise ArchiveError(f"{path[:200]!r} is no place of a run's file; nothing was unpacked")
    return _File(path, size, sha256)


def _check_entries(archive: zipfile.ZipFile, runs: list[_ArchivedRun], file: Path) -> None:
    """Whether the zip has the files of the manifest, each of its size, and nothing else."""
    named = {
        entry_prefix(run.project, run.id) + item.path: item.size
        for run in runs
        for item in run.files
    }
    if len(named) != sum(len(run.files) for run in runs):
        raise ArchiveError(f"{file} has a run twice")
    entries = archive.infolist()
    if len(entries) != len(named) + 1 or {entry.filename for entry in entries} != {
        *named,
        MANIFEST,
    }:
        raise ArchiveError(f"{file} holds other files than its {MANIFEST} names")
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or entry.flag_bits & 1:
            raise ArchiveError(f"{file}: {entry.filename!r} is no plain file")
        if entry.filename != MANIFEST and entry.file_size != named[entry.filename]:
            raise ArchiveError(
                f"{file}: {entry.filename!r} has {entry.file_size} bytes, and {MANIFEST} says "
                f"{named[entry.filename]}"
            )


def _small(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """The content of an entry that is read whole."""
    with archive.open(entry) as source:
        content = source.read(most + 1)
    if len(content) > most:
        raise ArchiveError(f"{entry.filename!r} has more than {most >> 20} MiB")
    return content


# -- where it goes ---------------------------------------------------------------------------------


def _targets(
    runs: list[_ArchivedRun], root: Path, project: str | None, *, rename: bool
) -> list[tuple[RunFolder, Outcome]]:
    """Where each run goes, and whether it is there.

    Raises:
        UsageError: another run is there.
    """
    taken: dict[Path, _ArchivedRun] = {}
    found: list[tuple[RunFolder, Outcome]] = []
    for run in runs:
        name = run.project if project is None else project
        for number in range(1, _MOST_RENAMES):
            run_id = run.id if number == 1 else f"{run.id}-{number}"
            target = run_folder(root, name, run_id)
            other = taken.get(target.path)
            is_free = other is None and not os.path.lexists(target.path)
            is_same = _is_same(run, other) if other else not is_free and _is_there(run, target)
            if is_free or is_same:
                break
            if not rename:
                raise UsageError(_why_not(run, name, target))
        else:
            raise UsageError(f"project {name!r} has too many runs that are called like {run.id!r}")
        taken.setdefault(target.path, run)
        found.append((target, "new" if is_free else "there"))
    return found


def _why_not(run: _ArchivedRun, project: str, target: RunFolder) -> str:
    what_to_do = f"--rename imports it as {run.id}-2 or so, --project into another project"
    if run.created_ns is not None and _created_ns(target) == run.created_ns:
        return (
            f"project {project!r} has the run {run.id!r} as of another moment: one of the two has "
            f"gone on since; remove the one there, or {what_to_do}"
        )
    return f"project {project!r} has another run {run.id!r}; {what_to_do}"


def _is_same(run: _ArchivedRun, other: _ArchivedRun) -> bool:
    return run.created_ns == other.created_ns and run.journal == other.journal


def _is_there(run: _ArchivedRun, folder: RunFolder) -> bool:
    if _created_ns(folder) != run.created_ns:
        return False
    return run.journal == _journal_of(folder, run.journal)


def _created_ns(folder: RunFolder) -> object:
    try:
        return json.loads(folder.run_json.read_bytes()).get("created_ns")
    except (OSError, ValueError, AttributeError):
        return None


def _journal_of(
    folder: RunFolder, expected: dict[str, tuple[int, str]]
) -> dict[str, tuple[int, str]] | None:
    """Size and sha256 of each file of a run's journal; None once it cannot be as expected."""
    found = {}
    try:
        names = os.listdir(folder.journal)
    except (FileNotFoundError, NotADirectoryError):
        names = []
    for name in names:
        path = folder.journal / name
        size = path.stat().st_size
        if expected.get(f"journal/{name}", (None,))[0] != size:
            return None
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[f"journal/{name}"] = (size, digest)
    return found


def _check_space(root: Path, needed: int) -> None:
    there = root
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    if needed > free:
        raise StorageError(
            f"the runs take {needed / 2**20:,.0f} MiB, and {there} has {free / 2**20:,.0f} MiB free"
        )


# -- unpacking -------------------------------------------------------------------------------------


def _import_run(archive: zipfile.ZipFile, run: _ArchivedRun, target: RunFolder) -> None:
    project = target.path.parent
    staging, was_there = project / STAGING, project.exists()
    try:
        with lease(staging) as got:
            if not got:
                raise UsageError(f"another import into {project} is running; try again after it")
            _sweep(staging)
            unpacked = staging / uuid4().hex
            unpacked.mkdir()
            try:
                _unpack(archive, run, unpacked, staging)
                _settle(run, unpacked, target)
            finally:
                shutil.rmtree(unpacked, ignore_errors=True)
    finally:
        # Folders that are not empty stay.
        for folder in (staging,) if was_there else (staging, project):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _sweep(staging: Path) -> None:
    """Remove what an import left that was killed; the lease says that none is at work."""
    for left in list(staging.iterdir()):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)


def _unpack(archive: zipfile.ZipFile, run: _ArchivedRun, folder: Path, staging: Path) -> None:
    prefix = entry_prefix(run.project, run.id)
    for file in run.files:
        path = folder.joinpath(*file.path.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, left = hashlib.sha256(), file.size
        with archive.open(prefix + file.path) as source, open(path, "xb") as target:
            while left and (piece := source.read(min(PIECE_BYTES, left))):
                target.write(piece)
                digest.update(piece)
                left -= len(piece)
            if left or source.read(1):
                raise ArchiveError(f"{file.path!r} of run {run.id!r} has not the size it should")
            target.flush()
            os.fsync(target.fileno())
        if digest.hexdigest() != file.sha256:
            raise ArchiveError(
                f"{file.path!r} of run {run.id!r} is damaged: its checksum is another; "
                "export the run again"
            )
        touch(staging)


def _settle(run: _ArchivedRun, unpacked: Path, target: RunFolder) -> None:
    """Make the unpacked folder a run."""
    folder = RunFolder(unpacked)
    new_id, new_project = (name_of_folder(name) for name in reversed(target.path.parts[-2:]))
    facts = run.facts
    if facts is not None and (facts.get("id"), facts.get("project")) != (new_id, new_project):
        text = json.dumps(facts | {"id": new_id, "project": new_project}, indent=1)
        folder.run_json.write_text(text, encoding="utf-8")
    # Its heartbeat: so a run that was exported while it went on does not seem to go on here.
    then = min(max(run.heartbeat_ns, 0), time.time_ns())
    os.utime(folder.run_json, ns=(then, then))
    try:
        os.rename(unpacked, target.path)
    except OSError as refusal:
        if target.path.exists():
            raise UsageError(f"{target.path} came while it was imported; import again") from refusal
        raise
