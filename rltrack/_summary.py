"""`run.summary`: the last value of each metric, and what the user says the run amounts to.

A value that was set by hand is pinned: it stays, whatever is logged under its key later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from rltrack._values import flatten, plain
from rltrack.journal.records import Json


class Summary(MutableMapping[str, Any]):
    """The summary of one run.

    Args:
        latest: the last logged value of each metric.
        record: told every change by hand: what was set, and what was removed.
    """

    _latest: Callable[[], dict[str, Json]]
    _record: Callable[[Mapping[str, Json], list[str]], None]
    _pinned: dict[str, Json]
    _removed: dict[str, Json]

    def __init__(
        self,
        latest: Callable[[], dict[str, Json]],
        record: Callable[[Mapping[str, Json], list[str]], None],
    ) -> None:
        object.__setattr__(self, "_latest", latest)
        object.__setattr__(self, "_record", record)
        object.__setattr__(self, "_pinned", {})
        object.__setattr__(self, "_removed", {})

    def _values(self) -> dict[str, Json]:
        logged = self._latest()
        # A removed key comes back once another value is logged under it.
        hidden = {key for key, value in self._removed.items() if logged.get(key) == value}
        return {key: value for key, value in logged.items() if key not in hidden} | self._pinned

    def __getitem__(self, key: str) -> Any:
        return self._values()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        self._removed[key] = self._values()[key]
        self._pinned.pop(key, None)
        self._record({}, [key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values()[name]
        except KeyError:
            raise AttributeError(f"the summary has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __repr__(self) -> str:
        return repr(self._values())

    def update(self, values: Any = (), /, **named: Any) -> None:
        """Set many keys at once; nested mappings become dotted keys.

        Raises:
            TypeError: a value has no form in a summary; none is set then.
        """
        given = flatten(dict(values, **named))
        plains = {key: plain(value) for key, value in given.items()}
        if plains:
            self._pinned.update(plains)
            self._record(plains, [])
