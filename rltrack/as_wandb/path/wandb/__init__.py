"""rltrack, for a program that imports wandb: see `rltrack.as_wandb`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a child may have a Python of its own
    raise ImportError(
        f"`rltrack run` stands in for wandb, and needs Python 3.11 or newer; this is {sys.version}"
    )


def _find_rltrack() -> None:
    """Have the rltrack that this file belongs to, also in a process that does not find it."""
    import importlib.util
    from pathlib import Path

    if "rltrack" in sys.modules or importlib.util.find_spec("rltrack") is not None:
        return
    package = Path(__file__).resolve().parents[3]
    spec = importlib.util.spec_from_file_location(
        "rltrack", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["rltrack"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_find_rltrack()

from rltrack.as_wandb import modules, names  # noqa: E402

__version__ = names.VERSION
__getattr__ = names.of_wandb
__dir__ = names.listed
modules.install()
