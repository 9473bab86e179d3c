"""The mistakes of a file, each with its path in it; told all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from rltrack.errors import UsageError


class Mistakes:
    """Collects what is wrong, so that a user learns all of it at once.

    Attributes:
        found: the mistakes, as ``path: what is wrong``.
        hints: what is allowed, and perhaps not what was meant.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.hints: list[str] = []

    def add(self, path: str, message: str) -> None:
        """Note a mistake."""
        self.found.append(f"{path}: {message}" if path else message)

    def hint(self, path: str, message: str) -> None:
        """Note something that is probably not what was meant."""
        self.hints.append(f"{path}: {message}")

    def raise_any(self, source: str) -> None:
        """Tell the mistakes, if there are any.

        Raises:
            UsageError: there are.
        """
        if not self.found:
            return
        what = "a mistake" if len(self.found) == 1 else f"{len(self.found)} mistakes"
        raise UsageError("\n  ".join([f"{source} has {what}:", *self.found]))

    def unknown(self, path: str, given: Iterable[object], known: Iterable[str]) -> None:
        """Note each of `given` that is not `known`, with the name that was probably meant."""
        names = list(known)
        for name in given:
            if name not in names:
                self.add(_join(path, str(name)), f"is not known; {nearest(str(name), names)}")

    def number(
        self,
        given: Mapping[str, Any],
        path: str,
        name: str,
        default: float | None = None,
        *,
        above: float | None = None,
        least: float | None = None,
    ) -> float | None:
        """A number of a mapping; None, with the mistake noted, if it is none."""
        value = given.get(name, default)
        if value is None:
            self.add(_join(path, name), "is missing; it must be a number")
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            self.add(_join(path, name), f"must be a number, not {value!r}")
        elif value != value or value in (float("inf"), float("-inf")):
            self.add(_join(path, name), f"must be finite, not {value!r}")
        elif above is not None and not value > above:
            self.add(_join(path, name), f"must be above {above:g}, not {value!r}")
        elif least is not None and not value >= least:
            self.add(_join(path, name), f"must be {least:g} or more, not {value!r}")
        else:
            return value
        return None

    def integer(
        self,
        given: Mapping[str, Any],
        path: str,
        name: str,
        default: int | None = None,
        *,
        least: int | None = None,
    ) -> int | None:
        """An integer of a mapping; None, with the mistake noted, if it is none."""
        value = self.number(given, path, name, default, least=least)
        if value is not None and value != int(value):
            self.add(_join(path, name), f"must be an integer, not {value!r}")
            return None
        return None if value is None else int(value)

    def one_of(self, value: object, path: str, known: Iterable[str]) -> bool:
        """Whether `value` is one of some words; if not, the mistake is noted."""
        names = list(known)
        if value in names:
            return True
        self.add(path, f"{value!r} is none of {', '.join(names)}{_meant(str(value), names)}")
        return False

    def mapping(self, value: object, path: str) -> dict[str, Any] | None:
        """A mapping with text for keys; None, with the mistake noted, if it is none."""
        if not isinstance(value, Mapping):
            self.add(path, f"must be a mapping of names, not {value!r}")
            return None
        for key in value:
            if not isinstance(key, str):
                self.add(_join(path, str(key)), f"the name {key!r} must be text: put it in quotes")
                return None
        return dict(value)

    def text(self, given: Mapping[str, Any], path: str, name: str) -> str | None:
        """A text of a mapping, or None; what is no text is noted."""
        value = given.get(name)
        if value is None or isinstance(value, str):
            return value
        self.add(_join(path, name), f"must be text, not {value!r}")
        return None


def nearest(name: str, known: Iterable[str]) -> str:
    """The name that was probably meant, or those that there are."""
    names = list(known)
    return _meant(name, names).removeprefix("; ") or f"there are {', '.join(names)}"


def _meant(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
