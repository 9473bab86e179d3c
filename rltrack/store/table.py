"""The runs of a project as a table: one column a field, made when a question first asks for it.

A column is kept as long as the table, and of a run that changed its one entry is read again. So
a question costs what NumPy takes to compare ten thousand numbers, and not a look at ten
thousand runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rltrack.store.query import Filter, FitNumbers, Fits, Mask, Read, place_of
from rltrack.store.run import RunDigest

Places = npt.NDArray[np.int64]


class RunTable:
    """Some runs, and what is asked of them."""

    def __init__(self, runs: Iterable[RunDigest] = ()) -> None:
        self.runs: list[RunDigest] = list(runs)
        self._places = {run.id: at for at, run in enumerate(self.runs)}
        self._columns: dict[str, Column] = {}
        self._creation: Places | None = None

    def __len__(self) -> int:
        return len(self.runs)

    def put(self, run: RunDigest) -> None:
        """Add a run, or take what is new of one that is there."""
        at = self._places.get(run.id)
        if at is None:
            self._places[run.id] = len(self.runs)
            self.runs.append(run)
            self._columns.clear()
            self._creation = None
            return
        self.runs[at] = run
        for column in self._columns.values():
            column.put(at, run)

    def remove(self, run_id: str) -> None:
        """Forget a run."""
        at = self._places.pop(run_id, None)
        if at is not None:
            del self.runs[at]
            self._places = {run.id: place for place, run in enumerate(self.runs)}
            self._columns.clear()
            self._creation = None

    def column(self, field: str, read: Read) -> Column:
        """The values of a field."""
        if field not in self._columns:
            self._columns[field] = Column(self.runs, read)
        return self._columns[field]

    def query(self, fits: Filter, orders: Sequence[tuple[str, Read, bool]]) -> Places:
        """The places of the runs that fit, in order."""
        return self.sorted(orders, np.flatnonzero(fits.mask(self)))

    def sorted(
        self, orders: Sequence[tuple[str, Read, bool]], places: Places | None = None
    ) -> Places:
        """The places of runs, by default of all, in order; by creation where all fields are equal."""
        if self._creation is None:
            by_creation = sorted(
                range(len(self.runs)), key=lambda at: (self.runs[at].created_at, self.runs[at].id)
            )
            rank = np.empty(len(self.runs), np.int64)
            rank[by_creation] = np.arange(len(self.runs))
            self._creation = rank
        keys: list[npt.NDArray[Any]] = [self._creation]
        for field, read, descending in reversed(orders):
            ranks = self.column(field, read).ranks()
            keys.append(-ranks if descending else ranks)
            keys.append(np.isnan(ranks))  # those without the field come last, either way
        if places is None:
            return np.lexsort(keys)
        return places[np.lexsort([key[places] for key in keys])]

    def groups(
        self, fields: Sequence[tuple[str, Read]], places: Places | None = None
    ) -> list[tuple[dict[str, Any], list[int]]]:
        """Runs with the same values of some fields, in the order of their first runs.

        Args:
            fields: by name, and how they are read.
            places: of the runs, in order; by default all.

        Returns:
            Of each group the values, None where a run lacks the field, and the places.
        """
        columns = [(field, self.column(field, read)) for field, read in fields]
        return self._grouped(
            places,
            lambda at: {
                field: column.values[at][0] if column.values[at] else None
                for field, column in columns
            },
        )

    def groups_by_config(
        self, but: Sequence[str], places: Places | None = None
    ) -> list[tuple[dict[str, Any], list[int]]]:
        """Runs with the same config, some keys left out: of one experiment, if `but` is the seed."""
        return self._grouped(places, lambda at: _without(self.runs[at].config, set(but)))

    def _grouped(
        self, places: Places | None, values_of: Callable[[int], dict[str, Any]]
    ) -> list[tuple[dict[str, Any], list[int]]]:
        found: dict[object, tuple[dict[str, Any], list[int]]] = {}
        for at in range(len(self)) if places is None else places.tolist():
            values = values_of(at)
            found.setdefault(_frozen(values), (values, []))[1].append(at)
        return list(found.values())


class Column:
    """The values of one field, of all runs of a table."""

    def __init__(self, runs: Sequence[RunDigest], read: Read) -> None:
        self._read = read
        self.values: list[Sequence[Any]] = [read(run) for run in runs]
        """Of each run; empty where it lacks the field."""
        self._numbers = np.full(len(runs), np.nan)
        self._is_number = np.zeros(len(runs), np.bool_)
        for at, values in enumerate(self.values):
            self._note(at, values)
        self._ranks: npt.NDArray[np.float64] | None = None
        self._codes: tuple[npt.NDArray[np.int64], list[Sequence[Any]]] | None = None

    def _note(self, at: int, values: Sequence[Any]) -> None:
        one = values[0] if len(values) == 1 else None
        # An int beyond these is another number as a float.
        plain = type(one) is float or (type(one) is int and -(2**53) <= one <= 2**53)
        self._is_number[at] = plain
        self._numbers[at] = one if plain else np.nan

    def put(self, at: int, run: RunDigest) -> None:
        """Take what is new of a run."""
        self.values[at] = self._read(run)
        self._note(at, self.values[at])
        self._ranks = self._codes = None

    def mask(self, fits: Fits, fit_numbers: FitNumbers | None) -> Mask:
        """Which runs fit."""
        found = np.zeros(len(self.values), np.bool_)
        if fit_numbers is not None:
            found[self._is_number] = fit_numbers(self._numbers[self._is_number])
        else:
            for at in np.flatnonzero(self._is_number).tolist():
                found[at] = fits(self.values[at])
        # All else is asked once for each value that occurs.
        codes, distinct = self._coded()
        answers = np.array([fits(values) for values in distinct], np.bool_)
        rest = codes >= 0
        found[rest] = answers[codes[rest]]
        return found

    def _coded(self) -> tuple[npt.NDArray[np.int64], list[Sequence[Any]]]:
        """Of each run that has not one number, which of the distinct values it has; else -1."""
        if self._codes is None:
            known: dict[object, int] = {}
            distinct: list[Sequence[Any]] = []
            codes = np.full(len(self.values), -1, np.int64)
            for at in np.flatnonzero(~self._is_number).tolist():
                key = _frozen(self.values[at])
                if key not in known:
                    known[key] = len(distinct)
                    distinct.append(self.values[at])
                codes[at] = known[key]
            self._codes = codes, distinct
        return self._codes

    def ranks(self) -> npt.NDArray[np.float64]:
        """Numbers that stand in the order of the values; NaN for a run that comes last."""
        if self._ranks is None:
            if self._is_number.all():
                self._ranks = self._numbers
            else:
                places = [place_of(values) for values in self.values]
                order = {place: at for at, place in enumerate(sorted({p for p in places if p}))}
                self._ranks = np.array([order[p] if p else np.nan for p in places], np.float64)
        return self._ranks


def _without(config: Mapping[str, Any], keys: set[str], prefix: str = "") -> dict[str, Any]:
    """A config without some dotted keys, wherever they stand."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name in keys:
            continue
        if isinstance(value, dict):
            found |= _without(value, keys, f"{name}.")
        else:
            found[name] = value
    return found


def _frozen(value: Any) -> object:
    """A value as a key of a dict; 1, 1.0 and True are three, and NaN is itself."""
    if isinstance(value, Mapping):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen, value))
    if value != value:
        return "NaN", float
    return value, type(value)
