"""Of which format a server's folder is, so that an older server does not write into a newer one's.

Runs, journals and columns say their own formats; this is how a server lays them out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from rltrack._version import __version__
from rltrack.errors import StorageError, UsageError
from rltrack.folder import HUB

FORMAT: Final = 1
FORMAT_FILE: Final = "format.json"


def check_root(root: Path) -> None:
    """Say of which format a folder is, where nothing says it so far.

    Raises:
        UsageError: it is of a newer one.
        StorageError: it cannot be read or written.
    """
    file = root / HUB / FORMAT_FILE
    try:
        written_as = json.loads(file.read_text(encoding="ascii"))["format"]
    except FileNotFoundError:
        _write(file)
        return
    except (OSError, ValueError, LookupError, TypeError) as failure:
        raise StorageError(f"{file} cannot be read: {failure}; restore it from a backup") from None
    if not isinstance(written_as, int) or written_as > FORMAT:
        raise UsageError(
            f"{root} has format {written_as}, and this rltrack knows up to {FORMAT}: a newer "
            "server has written it; install that, or restore a backup"
        )


def _write(file: Path) -> None:
    part = file.with_name(f".{FORMAT_FILE}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"format": FORMAT, "rltrack": __version__}), encoding="ascii")
        os.replace(part, file)
    except OSError as failure:
        raise StorageError(f"{file} cannot be written: {failure.strerror or failure}") from failure
