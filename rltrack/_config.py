"""`run.config`: the choices that made this run what it is.

A mapping with attribute access in which every change is recorded, nested ones too. A key
that has a value takes another only with leave: the config of a run is what compares it
with other runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from rltrack._values import config_value
from rltrack.errors import ConfigError
from rltrack.journal.records import Json

Record = Callable[[Mapping[str, Json], list[str]], None]


class Config(MutableMapping[str, Any]):
    """The config of one run.

    Args:
        record: told every change: what was set, and what was removed.
        allow_change: whether keys may take other values everywhere.
        warn: told, once of each kind, what was not done.
    """

    _items: dict[str, Any]
    _record: Record
    _allow_change: bool
    _locked: set[str]
    _warn: Callable[[str, str], None]

    def __init__(
        self,
        record: Record,
        *,
        allow_change: bool = False,
        warn: Callable[[str, str], None] = lambda kind, message: None,
    ) -> None:
        object.__setattr__(self, "_items", {})
        object.__setattr__(self, "_record", record)
        object.__setattr__(self, "_allow_change", allow_change)
        object.__setattr__(self, "_locked", set())
        object.__setattr__(self, "_warn", warn)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        if key not in self._items:
            raise KeyError(key)
        self._record({}, [key])
        del self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_items"][name]
        except KeyError:
            raise AttributeError(
                f"config has no {name!r}; it has {', '.join(self) or 'nothing yet'}"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"config has no {name!r}") from None

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (self.as_dict(),)  # a copy is no config of any run

    def update(
        self, values: object = (), /, allow_val_change: bool | None = None, **named: Any
    ) -> None:
        """Set many keys at once: all of them, or on an error none.

        Args:
            values: a mapping, a dataclass, an `argparse.Namespace`, or pairs.
            allow_val_change: let keys take other values than they have.
            **named: keys that are Python names.

        Raises:
            ConfigError: a key has another value already.
            TypeError: `values` is none of these, or has a key that is no text.
        """
        given = as_mapping(values) | named
        changed: dict[str, Json] = {}
        for key, value in given.items():
            new = config_value(value)
            if key in self._items:
                old = self._items[key]
                if same(old, new):
                    continue
                if key in self._locked:
                    self._warn(
                        f"config {key}",
                        f"config key {key!r} is a sweep's and stays {old!r}; {new!r} is ignored",
                    )
                    continue
                if not (self._allow_change if allow_val_change is None else allow_val_change):
                    raise ConfigError(
                        f'Attempted to change value of key "{key}" from {old!r} to {new!r}\n'
                        "If you really want to do this, pass allow_val_change=True to config.update()"
                    )
            changed[key] = new
        if changed:
            self._record(changed, [])  # first: it raises when the run has ended
            self._items.update({key: self._watched(key, value) for key, value in changed.items()})

    def update_locked(self, values: object, user: str | None = None) -> None:
        """Set keys that nobody changes later: the choices of a sweep.

        Args:
            values: a mapping.
            user: who locks them; accepted for W&B's callers.
        """
        given = as_mapping(values)
        self._locked.difference_update(given)
        self.update(given, allow_val_change=True)
        self._locked.update(given)

    def restore(self, values: Mapping[str, Json]) -> None:
        """Hold what is recorded already."""
        self._items.update({key: self._watched(key, value) for key, value in values.items()})

    def setdefaults(self, values: object) -> None:
        """Set the keys that have no value yet."""
        given = as_mapping(values)
        self.update({key: value for key, value in given.items() if key not in self._items})

    def as_dict(self) -> dict[str, Any]:
        """A copy as plain dicts and lists."""
        return {key: config_value(value) for key, value in self._items.items()}

    def items(self) -> ItemsView[str, Any]:
        """Keys with their values."""
        return self._items.items()

    def _watched(self, key: str, value: Json) -> Any:
        """`value`, in which every nested dict tells of its changes."""

        def changed() -> None:
            if key in self._items:
                self._record({key: config_value(self._items[key])}, [])

        return _watch(value, changed)


class _WatchedDict(dict[str, Any]):
    """A dict inside the config. It is a real dict, so that it passes wherever one is asked for."""

    __slots__ = ("_changed",)

    def __init__(self, items: Mapping[str, Any], changed: Callable[[], None]) -> None:
        super().__init__(items)
        self._changed = changed

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def __ior__(self, other: Any) -> _WatchedDict:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (dict(self),)

    def update(self, *args: Any, **named: Any) -> None:
        values = dict(*args, **named)
        plain = {
            str(key): _watch(config_value(value), self._changed) for key, value in values.items()
        }
        super().update(plain)
        self._changed()

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        value = super().pop(key, *default)
        self._changed()
        return value

    def popitem(self) -> tuple[str, Any]:
        item = super().popitem()
        self._changed()
        return item

    def clear(self) -> None:
        super().clear()
        self._changed()


def _watch(value: Any, changed: Callable[[], None]) -> Any:
    if isinstance(value, dict):
        return _WatchedDict({key: _watch(item, changed) for key, item in value.items()}, changed)
    return value


def as_mapping(values: object) -> dict[str, Any]:
    """A config as users hold it, as a dict.

    Raises:
        TypeError: it is no mapping, dataclass or object with attributes, or a key is no text.
    """
    if type(values).__module__.startswith("omegaconf"):
        given = _resolved(values)
    elif isinstance(values, Mapping) or (
        hasattr(values, "keys") and hasattr(values, "__getitem__") and not isinstance(values, type)
    ):
        given = dict(values)
    elif dataclasses.is_dataclass(values) and not isinstance(values, type):
        given = {field.name: getattr(values, field.name) for field in dataclasses.fields(values)}
    elif hasattr(values, "flag_values_dict"):  # absl's FLAGS
        given = values.flag_values_dict()
    elif isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
        given = _pairs(values)
    elif hasattr(values, "__dict__") and not callable(values):
        given = {name: value for name, value in vars(values).items() if not name.startswith("__")}
    else:
        raise TypeError(
            f"config must be a dict or have a __dict__ attribute, not {type(values).__name__}"
        )
    for key in given:
        if not isinstance(key, str):
            raise TypeError(f"config key {key!r} must be text, not {type(key).__name__}")
    return given


def _resolved(values: Any) -> dict[str, Any]:
    """An OmegaConf as a dict, with its interpolations resolved; what is missing stays ``???``."""
    from importlib import import_module

    return dict(
        import_module("omegaconf").OmegaConf.to_container(
            values, resolve=True, throw_on_missing=False
        )
    )


def _pairs(values: Iterable[Any]) -> dict[str, Any]:
    try:
        return dict(values)
    except (TypeError, ValueError):
        raise TypeError(
            f"config must be a dict or have a __dict__ attribute, not {type(values).__name__}"
        ) from None


def same(old: Any, new: Any) -> bool:
    """Equal, where NaN equals NaN and 1 is not True."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, bool) is not isinstance(new, bool):
        return False
    return bool(old == new or (old != old and new != new))
