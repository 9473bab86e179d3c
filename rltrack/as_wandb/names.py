"""The names of W&B, and what each is here.

Most are rltrack's own, under the same name. The others are in `_ELSEWHERE`, methods of the run that
is going on, or not there at all: then `unsupported.py` says what to use instead. Everything is
looked up when it is asked for, so `wandb.run` is the run that is going on then.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, Final

import rltrack
from rltrack import _active
from rltrack._run import Run
from rltrack.as_wandb import accepted
from rltrack.as_wandb.unsupported import unsupported

#: What libraries are told that they have: the last W&B whose surface was compared with this one.
VERSION: Final = "0.31.0"

#: W&B's names that are something of another module here.
_ELSEWHERE: Final = {
    "AuthenticationError": "rltrack.as_wandb.faults:AuthenticationError",
    "CommError": "rltrack.as_wandb.faults:CommError",
    "Config": "rltrack._config:Config",
    "BatchableMedia": "rltrack.media.base:Media",
    "File": "rltrack.api:File",
    "ImageMask": "rltrack.media.annotations:Mask",
    "Media": "rltrack.media.base:Media",
    "RunDisabled": "rltrack.as_wandb.faults:RunDisabled",
    "RunStatus": "rltrack._run:RunStatus",
    "Runs": "rltrack.api:Runs",
    "Summary": "rltrack._summary:Summary",
    "SummaryDisabled": "rltrack.as_wandb.faults:SummaryDisabled",
    "UnsupportedError": "rltrack.errors:UnsupportedError",
    "WBValue": "rltrack.media.base:Media",
    "WandbCoreNotAvailableError": "rltrack.as_wandb.faults:WandbCoreNotAvailableError",
    "_attach": "rltrack.as_wandb.accepted:attach",
    "_unwatch": "rltrack.hooks.watch:unwatch",
    "_watch": "rltrack.hooks.watch:watch",
    "attach": "rltrack.as_wandb.accepted:attach",
    "cli": "rltrack.as_wandb.cli:cli",
    "ensure_configured": "rltrack.as_wandb.accepted:ensure_configured",
    "generate_id": "rltrack.as_wandb.util:generate_id",
    "join": "rltrack._active:finish",
    "monitor": "rltrack.as_wandb.gym:monitor",
    "parse_config": "rltrack.as_wandb.accepted:parse_config",
    "patch": "rltrack.as_wandb.tensorboard:patch",
    "require": "rltrack.as_wandb.accepted:require",
    "termerror": "rltrack.as_wandb.terminal:termerror",
    "termlog": "rltrack.as_wandb.terminal:termlog",
    "termsetup": "rltrack.as_wandb.terminal:termsetup",
    "termwarn": "rltrack.as_wandb.terminal:termwarn",
    "unpatch": "rltrack.as_wandb.tensorboard:unpatch",
    "WandbCallback": "rltrack.as_wandb.sb3:WandbCallback",
}

#: Submodules that are there without being imported.
_MODULES: Final = (
    *("apis", "data_types", "env", "errors", "gym", "helper", "integration", "plot", "sdk"),
    *("tensorboard", "util", "wandb_run"),
)


def of_wandb(name: str, module: str = "wandb") -> Any:
    """An attribute of W&B's module, or of one of its submodules.

    Raises:
        UnsupportedError: W&B has it, and rltrack has not; or nobody has it.
    """
    if module == "wandb" and name in _MODULES:
        return importlib.import_module(f"wandb.{name}")
    if name == "__all__":
        return listed()
    if name == "init":
        return accepted.init
    return attribute(name, module)


def attribute(name: str, module: str = "rltrack") -> Any:
    """What a name of W&B's is here.

    Args:
        name: it.
        module: who is asked for it, for the message.

    Raises:
        UnsupportedError: there is no such thing.
    """
    if name.startswith("__"):  # asked by `inspect`, `pickle` and the like
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if name == "api":
        return rltrack.Api()
    if module == "rltrack" and name in _MODULES:
        from rltrack.as_wandb import modules

        return modules.standalone(name)
    if (place := _ELSEWHERE.get(name)) is not None:
        where, _, there = place.partition(":")
        return getattr(importlib.import_module(where), there)
    if name in rltrack.__all__:
        return getattr(rltrack, name)
    if callable(getattr(Run, name, None)) and not name.startswith("_"):
        return _of_run(name)
    raise unsupported(name, module)


def listed() -> list[str]:
    """What `dir` shows, and ``from wandb import *`` brings."""
    return [*rltrack.__all__, *(name for name in _ELSEWHERE if not name.startswith("_"))]


def _of_run(name: str) -> Callable[..., Any]:
    """A method of the run that is going on when it is called."""

    @functools.wraps(getattr(Run, name))
    def call(*args: Any, **kwargs: Any) -> Any:
        run = _active.current() or _active.missing(f"{name}()")
        return getattr(run, name)(*args, **kwargs)

    return call
