"""Where artifacts are kept that are made while nobody says where: with the run that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rltrack.settings import resolve

_roots: Final[list[Path]] = []


def begin(root: Path) -> None:
    """A run began that records in this folder."""
    _roots[:] = [root]


def end() -> None:
    """No run goes on."""
    _roots.clear()


def root() -> Path:
    """The folder of the run that was begun last, else that of the settings."""
    return _roots[-1] if _roots else Path(resolve().dir or ".").absolute()
