"""Names of artifacts: ``name``, ``name:alias``, ``project/name:alias``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rltrack.errors import UsageError

_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_VERSION: Final = re.compile(r"v(0|[1-9][0-9]*)")
LATEST: Final = "latest"


@dataclass(frozen=True, slots=True)
class Address:
    """Which artifact is meant."""

    project: str | None
    name: str
    alias: str

    @property
    def number(self) -> int | None:
        """The version, if it is named by its number."""
        return version_number(self.alias)


def version_number(alias: str) -> int | None:
    """3 for ``v3``; None for any other alias."""
    found = _VERSION.fullmatch(alias)
    return int(found[1]) if found else None


def address(text: object) -> Address:
    """Read ``[entity/][project/]name[:alias]``; without alias it is the latest.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(text, str):
        raise UsageError(f"an artifact's name was expected, and not {type(text).__name__}")
    path, _, alias = text.partition(":")
    *above, name = path.split("/")
    if len(above) > 2 or (":" in text and not alias):
        raise UsageError(f"{text!r} is no artifact's name; an example: my-project/model:latest")
    return Address(above[-1] if above else None, checked_name(name), alias or LATEST)


def checked_name(name: object) -> str:
    """A collection's name.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in (".", ".."):
        raise UsageError(
            f"artifact name {name!r}: it may have letters, digits, and any of _ . - "
            "and at most 128 characters"
        )
    return name


def safe_name(text: str) -> str:
    """A collection's name made of any text."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "_", text)[:128].strip(".") or "_"


def checked_aliases(aliases: str | Iterable[str] | None, what: str = "alias") -> list[str]:
    """Aliases or tags, each once; one text is one.

    Raises:
        UsageError: one is empty or no text, has ``/`` or ``:``, or is a version's number.
    """
    given = [aliases] if isinstance(aliases, str) else list(aliases or ())
    for alias in given:
        if not isinstance(alias, str) or not alias.strip() or set(alias) & set("/:\n\r\0"):
            raise UsageError(f"{what} {alias!r} must be text without / and :")
        if what == "alias" and version_number(alias) is not None:
            raise UsageError(f"alias {alias!r} is a version's number, which no one else can have")
    return list(dict.fromkeys(given))
