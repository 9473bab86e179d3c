"""The submodules of W&B that other code imports, and what each has.

Each is a list of names, which `names.py` looks up, or a module of ours that stands in for it.
None is a file: a finder makes those that are asked for.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from rltrack.as_wandb import names
from rltrack.as_wandb.unsupported import no_module, unsupported

_MEDIA: Final = (
    "Audio BatchableMedia Bokeh Classes Graph Histogram Html Image ImageMask Media Molecule Object3D "
    "Plotly Table Video WBValue box3d"
)
_ERRORS: Final = (
    "AuthenticationError CommError Error UnsupportedError UsageError WandbCoreNotAvailableError"
)

#: By the name behind ``wandb.``: names that `names.py` looks up.
_NAMES: Final = {
    "apis": "Api",
    "apis.importers": "",
    "apis.public": "Api Artifact File Run Runs",
    "apis.public.api": "Api",
    "apis.public.artifacts": "Artifact",
    "apis.public.files": "File",
    "apis.public.runs": "Run Runs",
    "cli": "",
    "cli.cli": "cli",
    "data_types": _MEDIA,
    "errors": _ERRORS,
    "errors.errors": _ERRORS,
    "errors.term": "termerror termlog termsetup termwarn",
    "gym": "monitor",
    "helper": "parse_config",
    "integration": "",
    "integration.gym": "monitor",
    "integration.sb3": "WandbCallback",
    "integration.sb3.sb3": "WandbCallback",
    "integration.tensorboard": "patch unpatch",
    "integration.tensorboard.monkeypatch": "patch unpatch",
    "sb3": "WandbCallback",
    "sdk": "AlertLevel Artifact Config Settings Summary _attach _unwatch _watch controller finish "
    "helper init login require setup sweep teardown",
    "sdk.artifacts": "",
    "sdk.artifacts.artifact": "Artifact",
    "sdk.artifacts.artifact_ttl": "ArtifactTTL",
    "sdk.data_types": _MEDIA,
    "sdk.data_types.audio": "Audio",
    "sdk.data_types.base_types": "Media WBValue",
    "sdk.data_types.base_types.media": "Media",
    "sdk.data_types.base_types.wb_value": "WBValue",
    "sdk.data_types.graph": "Graph",
    "sdk.data_types.helper_types": "",
    "sdk.data_types.helper_types.classes": "Classes",
    "sdk.data_types.helper_types.image_mask": "ImageMask",
    "sdk.data_types.histogram": "Histogram",
    "sdk.data_types.html": "Html",
    "sdk.data_types.image": "Image",
    "sdk.data_types.molecule": "Molecule",
    "sdk.data_types.object_3d": "Object3D box3d",
    "sdk.data_types.plotly": "Plotly",
    "sdk.data_types.table": "Table",
    "sdk.data_types.video": "Video",
    "sdk.lib": "RunDisabled SummaryDisabled",
    "sdk.lib.config_util": "ConfigError",
    "sdk.lib.disabled": "RunDisabled SummaryDisabled",
    "sdk.lib.runid": "generate_id",
    "sdk.wandb_alerts": "AlertLevel",
    "sdk.wandb_artifacts": "Artifact",
    "sdk.wandb_config": "Config",
    "sdk.wandb_helper": "parse_config",
    "sdk.wandb_init": "_attach init",
    "sdk.wandb_login": "login",
    "sdk.wandb_require": "require",
    "sdk.wandb_run": "Run RunStatus finish",
    "sdk.wandb_settings": "Settings",
    "sdk.wandb_setup": "setup teardown",
    "sdk.wandb_summary": "Summary",
    "sdk.wandb_sweep": "controller sweep",
    "sdk.wandb_watch": "_unwatch _watch",
    "tensorboard": "patch unpatch",
    "wandb_run": "Run",
}

#: Modules of ours that stand in for one of W&B's.
_OURS: Final = {
    "env": "rltrack.as_wandb.env",
    "plot": "rltrack.plot",
    "util": "rltrack.as_wandb.util",
}


def install() -> None:
    """Have Python find them."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Of a module of W&B's, or None for all others.

        Raises:
            ModuleNotFoundError: there is none of that name; it says what to use instead.
        """
        top, _, name = fullname.partition(".")
        if top != "wandb" or name in ("", "__main__"):  # which are files
            return None
        if name in _NAMES or name in _OURS:
            return ModuleSpec(fullname, _Loader(name), is_package=True)
        raise no_module(fullname)


def standalone(name: str) -> ModuleType:
    """A module of W&B's for who says ``import rltrack as wandb``; `sys.modules` knows nothing of it."""
    module = ModuleType(f"wandb.{name}")
    _Loader(name, standalone).exec_module(module)
    return module


def _import(name: str) -> ModuleType:
    return importlib.import_module(f"wandb.{name}")


class _Loader(Loader):
    """Makes a module.

    Args:
        name: of it, without ``wandb.``.
        inner: gives the modules in it.
    """

    def __init__(self, name: str, inner: Callable[[str], ModuleType] = _import) -> None:
        self._name = name
        self._inner = inner

    def exec_module(self, module: ModuleType) -> None:
        full, ours, known = module.__name__, _OURS.get(self._name), _NAMES.get(self._name, "")
        module.__doc__ = f"rltrack, in the place of {full}."
        module.__path__ = []  # its submodules are found here, too
        listed = known.split()

        def __getattr__(name: str) -> Any:
            if name == "__all__":
                return listed
            if name.startswith("__"):
                raise AttributeError(f"module {full!r} has no attribute {name!r}")
            if (inner := f"{self._name}.{name}") in _NAMES:
                return self._inner(inner)
            if ours is not None:
                return getattr(importlib.import_module(ours), name)
            if name in listed:
                return names.of_wandb(name, full)
            raise unsupported(name, full)

        module.__dict__["__getattr__"] = __getattr__
        module.__dict__["__dir__"] = lambda: listed
