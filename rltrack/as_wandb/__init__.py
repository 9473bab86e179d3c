"""rltrack in the place of W&B, for code that says ``import wandb`` and cannot be edited.

    rltrack run train.py              a script, and all processes that it starts
    RLTRACK_AS_WANDB=1 python train.py    the same, where rltrack is installed

`path/` is a folder for Python's search path. It holds a package `wandb` and the metadata of its
version, so that whoever imports it, looks for it or asks for its version finds it, whether or not
W&B is installed; processes inherit the path by ``PYTHONPATH``. That package asks `names.py` for
its names and `modules.py` for its submodules; read these two first. `bin/` has the command `wandb` of
shell scripts, which is `cli.py`. What W&B has and rltrack has
not is in `unsupported.py`, with what to use instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rltrack.errors import UsageError

#: Says to every Python that starts where rltrack is installed that `wandb` means rltrack.
VARIABLE: Final = "RLTRACK_AS_WANDB"

#: What is put in front of the search path.
FOLDER: Final = str(Path(__file__).parent / "path")

#: Where shell scripts find a command `wandb`.
_COMMANDS: Final = str(Path(__file__).parent / "bin")


def environment(of: Mapping[str, str]) -> dict[str, str]:
    """An environment whose Python processes import rltrack as wandb.

    Args:
        of: what it is apart from that.
    """
    found = {**of, VARIABLE: "1", "PYTHONPATH": _in_front(FOLDER, of.get("PYTHONPATH", ""))}
    if os.name == "posix":
        found["PATH"] = _in_front(_COMMANDS, of.get("PATH", os.defpath))
        found["RLTRACK_PYTHON"] = sys.executable
    return found


def _in_front(folder: str, paths: str) -> str:
    # An empty entry would be the current folder, which is not what it was meant to be.
    others = [path for path in paths.split(os.pathsep) if path and path != folder]
    return os.pathsep.join([folder, *others])


def install() -> None:
    """Have this process, and all that it starts, import rltrack as wandb from now on.

    For notebooks, and for programs that start others' code themselves.

    Raises:
        UsageError: W&B is imported already.
    """
    if (there := sys.modules.get("wandb")) is not None:
        if getattr(there, "__file__", None) and str(there.__file__).startswith(FOLDER):
            return
        raise UsageError(
            "as_wandb.install(): wandb is imported already; call it before anything that imports "
            "wandb, or start the program by `rltrack run`"
        )
    os.environ.update(environment(os.environ))
    sys.path[:] = [FOLDER, *(path for path in sys.path if path != FOLDER)]
