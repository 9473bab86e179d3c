"""A folder that is there wholly or not at all, and whose bytes can be checked.

    1. It is filled under another name, beside where it will be.
    2. Each file is synced to the disk, and ``checkpoint.json`` is written with their digests.
    3. The folder gets its name by one rename.

A process that dies in 1 or 2 leaves a folder with a name that nobody asks for; a disk that
loses bytes is found out by the digests.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

SEAL: Final = "checkpoint.json"


class DamagedError(Exception):
    """A folder is not what was sealed; the message says what differs."""


@contextmanager
def sealing(folder: Path, about: dict[str, Any]) -> Iterator[Path]:
    """Fill a folder that appears, sealed, when the block ends without an exception.

    Args:
        folder: that does not exist yet; its parents are made.
        about: kept in the seal, beside the digests, as it is when the block ends.

    Yields:
        Where to put the files.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    try:
        yield half
        files = {path.name: _described(path) for path in sorted(half.iterdir())}
        seal = half / SEAL
        said = {**about, "files": files}
        text = json.dumps({**said, "sha256": _digest(said)}, indent=1)
        seal.write_text(text, encoding="utf-8")
        _sync(seal)
        _sync(half)
        half.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def unsealed(folder: Path) -> Mapping[str, Any]:
    """What the seal of a folder says, if all files are what they were.

    Raises:
        DamagedError: they are not, or there is no seal.
    """
    try:
        about: dict[str, Any] = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        if about.pop("sha256") != _digest(about):
            raise DamagedError(f"{folder / SEAL} says something else than was written")
        for name, described in about["files"].items():
            if _described(folder / name) != described:
                raise DamagedError(f"{folder / name} has other bytes than were written")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise DamagedError(f"{folder} is no whole checkpoint ({fault})") from fault
    return about


def _digest(said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return {"bytes": file.tell(), "sha256": digest}


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
