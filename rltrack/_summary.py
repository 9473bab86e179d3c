"""`run.summary`: the last value of each metric, and what the user says the run amounts to.

A value that was set by hand is pinned: it stays, whatever is logged under its key later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from rltrack._config import same
from rltrack._values import flatten, plain
from rltrack.journal.records import Json


class Summary(MutableMapping[str, Any]):
    """The summary of one run.

    Keys are flat: ``summary["a"] = {"b": 1}`` is ``summary["a.b"]``, and ``summary["a"]["b"]``
    is the same. ``_step``, ``_timestamp`` and ``_runtime`` are those of the last row; they can be
    asked for, and are not among the keys.

    Args:
        latest: the last logged value of each metric.
        record: told every change by hand: what was set, and what was removed.
        stored: what a value is in the journal; of media the reference to a file.
        last_row: where the last row stands, by the names of the axes that every row has.
    """

    _latest: Callable[[], dict[str, Json]]
    _record: Callable[[Mapping[str, Json], list[str]], None]
    _stored: Callable[[str, Any], Json]
    _last_row: Callable[[], Mapping[str, Json]]
    _pinned: dict[str, Json]
    _removed: dict[str, Json]

    def __init__(
        self,
        latest: Callable[[], dict[str, Json]],
        record: Callable[[Mapping[str, Json], list[str]], None],
        stored: Callable[[str, Any], Json] = lambda key, value: plain(value),
        last_row: Callable[[], Mapping[str, Json]] = dict,
    ) -> None:
        object.__setattr__(self, "_latest", latest)
        object.__setattr__(self, "_record", record)
        object.__setattr__(self, "_stored", stored)
        object.__setattr__(self, "_last_row", last_row)
        object.__setattr__(self, "_pinned", {})
        object.__setattr__(self, "_removed", {})

    def restore(self, pinned: Mapping[str, Json], removed: Mapping[str, Json]) -> None:
        """Hold what is recorded already.

        Args:
            pinned: values set by hand.
            removed: keys that were removed, with the value that they had.
        """
        self._pinned.update(pinned)
        self._removed.update(removed)

    def _values(self) -> dict[str, Json]:
        logged = self._latest()
        # A removed key comes back once another value is logged under it.
        hidden = {k for k, value in self._removed.items() if k in logged and same(logged[k], value)}
        return {key: value for key, value in logged.items() if key not in hidden} | self._pinned

    def __getitem__(self, key: str) -> Any:
        values = self._values()
        if key in values and values[key] != {}:
            return values[key]
        part = _Part(self, f"{key}.")
        if len(part) or key in values:
            return part
        return self._last_row()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        value = self._values()[key]
        self._record({}, [key])
        self._removed[key] = value
        self._pinned.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __getattr__(self, name: str) -> Any:
        try:
            if name.startswith("__"):  # asked by `copy` and `pickle`, before there is anything
                raise KeyError(name)
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __repr__(self) -> str:
        return repr(self._values())

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (self._values(),)  # a copy is no summary of any run

    def update(self, values: Any = (), /, **named: Any) -> None:
        """Set many keys at once; nested mappings become dotted keys.

        Raises:
            TypeError: a value has no form in a summary; none is set then.
        """
        given = flatten(dict(values, **named))
        plains = {key: self._stored(key, value) for key, value in given.items()}
        if plains:
            self._record(plains, [])  # first: it raises when the run has ended
            self._pinned.update(plains)


class _Part(MutableMapping[str, Any]):
    """The keys of a summary behind one prefix, as a mapping of their own."""

    def __init__(self, summary: Summary, prefix: str) -> None:
        self._summary = summary
        self._prefix = prefix

    def __getitem__(self, key: str) -> Any:
        return self._summary[self._prefix + key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._summary[self._prefix + key] = value

    def __delitem__(self, key: str) -> None:
        del self._summary[self._prefix + key]

    def __iter__(self) -> Iterator[str]:
        prefix = self._prefix
        return (key.removeprefix(prefix) for key in self._summary if key.startswith(prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))
