"""Methods of other people's classes, listened to for a while and then put back.

A class is known by the name of its module. If that is imported, its methods are wrapped now;
if not, as soon as somebody imports it, since a script that never uses it must not pay for it.

Putting back is exact: the class has again what it had. If somebody has wrapped our wrapper in
the meantime, theirs stays, and ours inside of it does nothing more than call the original.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final, TypeAlias

from rltrack._terminal import say

#: Makes of a method the one that stands in for it.
Wrap: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
#: What is to be wrapped of a module that is there: classes, and of each its methods.
Choose: TypeAlias = Callable[[ModuleType], Mapping[type, Mapping[str, Wrap]]]

_NOTHING: Final = object()


class Patches:
    """The methods that are wrapped.

    Args:
        targets: by a module's name, what chooses the methods once the module is there.
    """

    def __init__(self, targets: Mapping[str, Choose]) -> None:
        self._targets = targets
        self._done: list[_Patch] = []
        self._finder = _WhenImported(targets, self._apply)

    def apply(self) -> None:
        """Wrap what is imported, and what is imported from now on."""
        sys.meta_path.insert(0, self._finder)
        for name in self._targets:
            module = sys.modules.get(name)
            if module is not None:
                self._apply(module)

    def undo(self) -> None:
        """Put back what was there."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        while self._done:
            self._done.pop().undo()

    def _apply(self, module: ModuleType) -> None:
        for owner, methods in self._targets[module.__name__](module).items():
            for method, wrap in methods.items():
                self._done.append(_Patch(owner, method, wrap))


class _Patch:
    """One method of one class."""

    def __init__(self, owner: type, name: str, wrap: Wrap) -> None:
        self._owner, self._name = owner, name
        self._own = vars(owner).get(name, _NOTHING)  # it may be a parent's
        original = getattr(owner, name)
        self._wrapper = functools.wraps(original)(wrap(original))
        setattr(owner, name, self._wrapper)

    def undo(self) -> None:
        if vars(self._owner).get(self._name) is not self._wrapper:
            return
        if self._own is _NOTHING:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._own)


class _WhenImported:
    """Sees modules when they are imported; what finds and loads them stays what it is."""

    def __init__(self, names: Mapping[str, Any], imported: Callable[[ModuleType], None]) -> None:
        self._names = names
        self._imported = imported

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec as the others find it, whose loader tells us once the module is there."""
        if name not in self._names:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    self._watch(spec)
                    return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the class's own is back before the module's code runs
            execute(module)
            if self in sys.meta_path:
                try:
                    self._imported(module)
                except Exception as fault:  # the user's import must not fail for it
                    say(f"warning: {module.__name__} cannot be listened to: {fault!r}")

        with contextlib.suppress(AttributeError):  # a loader of a kind that takes no attributes
            loader.exec_module = exec_module
