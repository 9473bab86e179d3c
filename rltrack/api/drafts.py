"""`run.config["lr"] = 0.1` and then `run.update()`: changes of what was handed out, as W&B has them.

A run hands out its config and its summary as dicts. What is changed in them shows in that object of
the run, and is recorded by `update`; other objects of the run, and the folder, know nothing of it
before. A dict in which nothing was changed is renewed when the run goes on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from rltrack.journal.definitions import ROW_AXES


class Drafts:
    """What one object of a run handed out."""

    def __init__(self) -> None:
        self.tags: tuple[str, ...] | None = None
        """What they were changed to."""
        self._given: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def of(
        self,
        name: str,
        recorded: dict[str, Any],
        make: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> dict[str, Any]:
        """The dict to hand out.

        Args:
            name: whether it is the config or the summary.
            recorded: what the run has now; it is not changed.
            make: makes of a copy what is handed out.
        """
        given, before = self._given.get(name, (None, recorded))
        if given is None or (given == before and before != recorded):
            given, before = make(copy.deepcopy(recorded)), recorded
            self._given[name] = given, before
        return given

    def take_changes(self, name: str) -> tuple[dict[str, Any], list[str]]:
        """The keys that were set in what was handed out, with their values, and those removed."""
        given, before = self._given.pop(name, ({}, {}))
        # By their text, since 1 is equal to True, and NaN to nothing.
        changed = {
            key: value
            for key, value in given.items()
            if key not in before or repr(before[key]) != repr(value)
        }
        return changed, [key for key in before if key not in given]


class SummaryDraft(dict[str, Any]):
    """A summary, whose `update` records what was changed, as that of W&B's runs does."""

    def __init__(
        self,
        values: dict[str, Any],
        record: Callable[[], None],
        last_row: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        super().__init__(values)
        self._record = record
        self._last_row = last_row

    def __missing__(self, key: str) -> Any:
        """``_step``, ``_timestamp`` and ``_runtime`` are those of the last row, and no keys."""
        if key not in ROW_AXES:
            raise KeyError(key)
        return self._last_row()[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        try:
            return self[key]
        except KeyError:
            return default

    def update(self, *values: Any, **more: Any) -> None:
        """Set keys, and record all that was changed since the last time."""
        super().update(*values, **more)
        self._record()

    @property
    def _json_dict(self) -> dict[str, Any]:
        """The plain dict: W&B's own examples ask for it by this name."""
        return dict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # a copy is a dict like others


class Tags(tuple[str, ...]):
    """The tags of a run; ``run.tags.append("baseline")`` is a change that `update` records."""

    _change: Callable[[tuple[str, ...]], None]

    @classmethod
    def of(cls, tags: Iterable[str], change: Callable[[tuple[str, ...]], None]) -> Tags:
        """Tags, and who is told of others."""
        found = cls(tags)
        found._change = change
        return found

    def append(self, tag: str) -> None:
        """Add one."""
        self.extend([tag])

    def extend(self, tags: Iterable[str]) -> None:
        """Add several; those that are there stay where they are."""
        self._change(tuple(dict.fromkeys([*self, *tags])))

    def remove(self, tag: str) -> None:
        """Take one away.

        Raises:
            ValueError: it is not there.
        """
        at = self.index(tag)
        self._change((*self[:at], *self[at + 1 :]))

    def __add__(self, tags: Iterable[str]) -> tuple[str, ...]:  # type: ignore[override]
        return (*self, *tags)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)
