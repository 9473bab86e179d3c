"""The code of a run, copied beside it: the program, the notebook, or a folder of files."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

#: What `log_code` takes by default.
_ENDINGS: Final = (".py", ".pyi", ".ipynb", ".yaml", ".yml", ".toml", ".sh")
_NAMES: Final = ("Dockerfile", "Makefile", "setup.cfg")
#: Folders in which nobody's own code lies.
_FOREIGN: Final = frozenset(
    ["__pycache__", "node_modules", "site-packages", "wandb", "rltrack-runs", "mlruns", "build"]
)
#: A larger file is no code.
_MOST_BYTES: Final = 10 << 20

Choose = Callable[..., bool]


def is_code(path: str) -> bool:
    """Whether a file is code, by its name."""
    name = os.path.basename(path)
    is_list = name.startswith("requirements") and name.endswith(".txt")
    return name.endswith(_ENDINGS) or name.startswith(_NAMES) or is_list


def nothing(path: str) -> bool:
    """Leave nothing out."""
    return False


def copy_code(
    root: Path,
    to: Path,
    *,
    include_fn: Choose = is_code,
    exclude_fn: Choose = nothing,
    without: Path | None = None,
) -> list[Path]:
    """Copy the files of a folder that are code; answers them, relative to `root`.

    Args:
        root: the folder.
        to: where they go, in folders as they lie in `root`.
        include_fn: given the path of a file, and the root if it takes two: whether it is meant.
        exclude_fn: the same, for those that are not meant after all.
        without: a folder that is no part of it: that of the runs.
    """
    takes, leaves = _of_two(include_fn), _of_two(exclude_fn)
    copied = []
    for path in _files(root, without):
        if takes(str(path), str(root)) and not leaves(str(path), str(root)):
            relative = path.relative_to(root)
            if copy_file(path, to / relative):
                copied.append(relative)
    return copied


def _of_two(choose: Choose) -> Choose:
    """W&B's functions take the path, or the path and the root."""
    try:
        parameters = inspect.signature(choose).parameters.values()
    except (TypeError, ValueError):  # some built-in ones have none
        return lambda path, root: choose(path)
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(plain) > 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return choose
    return lambda path, root: choose(path)


def _files(root: Path, without: Path | None) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _FOREIGN
            and not name.startswith(".")
            and here / name != without
            and not (here / name / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(names))


def copy_file(path: Path, to: Path) -> bool:
    """Copy a file, if it can be read and is not too large to be code."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return False
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
    except (OSError, shutil.SameFileError):
        return False
    return True


def main_program() -> Path | None:
    """The file that Python was started with; None for a notebook, a prompt, or ``-c``."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(path).absolute() if path and os.path.isfile(path) else None


def save_program(code: Path, top: Path | None) -> str | None:
    """Copy the program; answers its path below `code`.

    Args:
        code: the run's folder for it.
        top: of the checkout, below which it keeps its place.
    """
    program = main_program()
    if program is None:
        return None
    inside = top is not None and top in program.parents
    relative = program.relative_to(top) if inside and top is not None else Path(program.name)
    return str(relative) if copy_file(program, code / relative) else None


def notebook_file(named: str | None = None) -> Path | None:
    """The notebook that this process runs for, where that can be known.

    Args:
        named: what the user says that it is.
    """
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    names = [named, os.environ.get("JPY_SESSION_NAME")]  # which Jupyter's server sets
    if shell is not None:
        names.append(shell.user_ns.get("__vsc_ipynb_file__"))  # and this VS Code
    found = (Path(name) for name in names if name and name.endswith(".ipynb"))
    return next((path for path in found if path.is_file()), None)


def save_session(code: Path) -> str | None:
    """Write the cells that were run so far as a notebook; answers its path below `code`."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cells = [] if shell is None else list(shell.user_ns.get("In", ()))
    if not any(cells):
        return None
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": number,
                "metadata": {},
                "outputs": [],
                "source": source.splitlines(keepends=True),
            }
            for number, source in enumerate(cells)
            if source
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    code.mkdir(parents=True, exist_ok=True)
    path = code / "_session_history.ipynb"
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    return path.name
