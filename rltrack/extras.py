"""Optional dependencies: loaded where they are needed, named when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from rltrack.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or say which extra brings it.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        # A module that is there but lacks a dependency of its own must not be blamed on the extra.
        if missing.name is None or missing.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{module} is not installed; type: pip install 'rltrack[{extra}]'", name=missing.name
        ) from missing
