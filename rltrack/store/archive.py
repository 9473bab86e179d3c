"""Whole runs in one zip: what is in it, and how it is written.

    manifest.json                          what is in it, with sizes and sha256; the last entry
    runs/<project>/<run id>/run.json       the run's folder, as it is on disk, without what is
                           /journal/…      derived (``segments/``) or of the moment (``lease-…``,
                           /media/…        ``stop``, parts of files)
                           /files/…

The same run gives the same bytes: entries are in order, and bear no time. Files are read once
and a piece at a time, so neither a large one nor many need memory, and a run that is still
written is taken as far as it is: a torn tail is what a journal's reader expects.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from rltrack._names import folder_name, name_of_folder
from rltrack._version import __version__
from rltrack.errors import NotFoundError, UsageError
from rltrack.folder import RUN_JSON, RunFolder
from rltrack.store.whole_file import whole_file

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PIECE_BYTES: Final = 1 << 20
#: Derived: a reader of the copy makes it again, and need not trust whose it was.
DERIVED: Final = "segments"

#: Files that are small for their content already.
_PACKED: Final = frozenset(
    [
        ".mp4",
        ".webm",
        ".gif",
        ".png",
        ".jpg",
        ".jpeg",
        ".webp",
        ".mp3",
        ".ogg",
        ".flac",
        ".zip",
        ".gz",
        ".xz",
        ".zst",
        ".npz",
        ".parquet",
    ]
)


@dataclass(slots=True)
class Archived:
    """A run that is in an archive."""

    project: str
    run_id: str
    files: int = 0
    bytes: int = 0
    left_out: list[str] = field(default_factory=list)
    """Files that could not be taken, and why."""


def write_archive(
    folders: Sequence[RunFolder], path: Path, *, replace: bool = False
) -> list[Archived]:
    """Write whole runs to a zip; it is there once it is whole.

    Args:
        folders: of the runs.
        path: of the zip.
        replace: take the place of a file that is there.

    Raises:
        UsageError: a file is there, and `replace` is not set; or no run is given.
        NotFoundError: a run is gone.
        StorageError: the zip cannot be written.
    """
    if not folders:
        raise UsageError("no run to export")
    chosen = {folder.path.absolute(): folder for folder in folders}
    done: list[Archived] = []
    runs: list[dict[str, Any]] = []
    with (
        whole_file(path, replace=replace) as part,
        zipfile.ZipFile(part, "w") as archive,
    ):
        for _, folder in sorted(chosen.items()):
            archived, entry = _write_run(archive, folder)
            done.append(archived)
            runs.append(entry)
        manifest = {"format": FORMAT, "rltrack": __version__, "runs": runs}
        archive.writestr(_entry(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=0))
    return done


def entry_prefix(project: str, run_id: str) -> str:
    """Where a run is in an archive."""
    return f"runs/{folder_name(project)}/{folder_name(run_id)}/"


def _write_run(archive: zipfile.ZipFile, folder: RunFolder) -> tuple[Archived, dict[str, Any]]:
    project, run_id = folder.project, name_of_folder(folder.path.name)
    archived = Archived(project, run_id)
    try:
        heartbeat_ns = folder.run_json.stat().st_mtime_ns
    except OSError:
        raise NotFoundError(f"{folder.path} is no run: it has no {RUN_JSON}") from None
    files: list[list[Any]] = []
    for name in _files(folder.path, archived.left_out):
        try:
            name.encode()
            file = _open(folder.path / name)
        except FileNotFoundError:
            continue  # it went while we looked, as parts of files do
        except (OSError, UnicodeEncodeError) as refusal:
            archived.left_out.append(f"{name!r}: {refusal}")
            continue
        with file:
            size, digest = _write_file(archive, entry_prefix(project, run_id) + name, file)
        files.append([name, size, digest])
        archived.files += 1
        archived.bytes += size
    entry = {"project": project, "id": run_id, "heartbeat_ns": heartbeat_ns, "files": files}
    return archived, entry


def _files(folder: Path, left_out: list[str]) -> Iterator[str]:
    """The files of a run by path, `run.json` first: what it says, the journal has at least."""
    yield RUN_JSON

    def tell(refusal: OSError) -> None:
        left_out.append(str(refusal))

    found: list[str] = []
    with os.scandir(folder) as entries:
        tops = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    for top in tops:
        if top.name == DERIVED:
            continue
        for path, folders, names in os.walk(top.path, onerror=tell):
            inside = os.path.relpath(path, folder).replace(os.sep, "/")
            left_out += [
                f"{inside}/{name}: a link to a folder"
                for name in folders
                if os.path.islink(os.path.join(path, name))
            ]
            found += [
                f"{inside}/{name}"
                for name in names
                if not (name.startswith(".") and name.endswith(".part"))
            ]
    yield from sorted(found)


def _open(path: Path) -> BinaryIO:
    """A file of bytes; a link is followed, so that the archive needs nothing beside it.

    Raises:
        OSError: it is none, or cannot be read.
    """
    # A pipe without a writer would hold us for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is no file of bytes")
    return os.fdopen(descriptor, "rb", buffering=0)


def _write_file(archive: zipfile.ZipFile, name: str, file: BinaryIO) -> tuple[int, str]:
    """Add a file, up to the size that it has now; its size and sha256."""
    end = os.fstat(file.fileno()).st_size
    digest, size = hashlib.sha256(), 0
    with archive.open(_entry(name), "w", force_zip64=True) as target:
        while size < end and (piece := file.read(min(PIECE_BYTES, end - size))):
            target.write(piece)
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980, as far as a zip is concerned
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    packed = Path(name).suffix.lower() in _PACKED
    entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    # Numbers do not get much smaller, only slower. A streamed entry has no public way to say so.
    entry._compresslevel = 1  # type: ignore[attr-defined]
    return entry
