"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from rltrack.errors import StorageError, UsageError


@contextmanager
def whole_file(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Write a file under a hidden name, and give it its own at the end of the block.

    After a failure there is nothing. What a process left that was killed in the block is removed
    by the next one.

    Args:
        path: of the file; its folder is made where it is missing.
        replace: take the place of a file that is there.

    Raises:
        UsageError: there is a file, and `replace` is not set.
        StorageError: it cannot be written.
    """
    if path.is_dir() or (path.exists() and not replace):
        raise UsageError(f"{path} is there already; choose another name, or --force to replace it")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as refusal:
        if isinstance(refusal, StorageError):
            raise
        raise StorageError(f"{path} cannot be written: {refusal.strerror or refusal}") from refusal
    finally:
        with suppress(OSError):  # the folder is none, or read-only: then there is nothing
            part.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    for name in os.listdir(path.parent):
        if name.startswith(f".{path.name}.") and name.endswith(".part"):
            pid = name[len(path.name) + 2 : -len(".part")]
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                (path.parent / name).unlink(missing_ok=True)
