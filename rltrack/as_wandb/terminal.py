"""`wandb.termlog` and its kin: what libraries print through W&B."""

from __future__ import annotations

from typing import Any, Final

from rltrack import _active
from rltrack._terminal import say
from rltrack.settings import resolve

_told: Final[set[str]] = set()


def termlog(string: str = "", newline: bool = True, repeat: bool = True, **_: Any) -> None:
    """Print a line, unless the user wants warnings only.

    Args:
        string: it.
        newline: accepted; a line is always ended.
        repeat: False prints each text once.
    """
    _print(string, repeat, silenced=_settings("silent") or _settings("quiet"))


def termwarn(string: str, newline: bool = True, repeat: bool = True, **_: Any) -> None:
    """Print a warning; arguments as for `termlog`."""
    _print(f"warning: {string}", repeat, silenced=_settings("silent"))


def termerror(string: str, newline: bool = True, repeat: bool = True, **_: Any) -> None:
    """Print an error; arguments as for `termlog`."""
    _print(f"error: {string}", repeat, silenced=_settings("silent"))


def termsetup(*args: object, **kwargs: object) -> None:
    """W&B's choice of where to print; rltrack prints on stderr."""


def _settings(name: str) -> bool:
    run = _active.current()
    return bool(getattr(run.settings if run else resolve(), name))


def _print(text: str, repeat: bool, *, silenced: bool) -> None:
    if silenced or (not repeat and text in _told):
        return
    _told.add(text)
    say(text)
