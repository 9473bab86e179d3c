"""`rltrack import`: what others have recorded, as runs; and runs that were exported."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Final

from rltrack.cli.output import print_json, root_of
from rltrack.cli.parser import Command, Commands
from rltrack.cli.transfer import import_zip
from rltrack.errors import UsageError


def add_to(commands: Commands) -> None:
    """Add `import`."""
    command = commands.add(
        "import",
        _import,
        "make runs of what another tool has recorded, or of a zip of `rltrack export`",
        prints_json=True,
    )
    command.add_argument("what", help=f"where it comes from: {', '.join(_FORMS)}, or a FILE.zip")
    command.add_argument(
        "path", nargs="?", help="its folder: for tensorboard the logdir, for wandb ./wandb"
    )
    command.add_argument(
        "--project",
        help="project of new runs (default: that of rltrack.init in this folder; of a zip, their own)",
    )
    command.add_argument(
        "--rename", action="store_true", help="of a zip: a run whose id is taken gets another one"
    )


def _import(options: argparse.Namespace) -> int:
    form = _FORMS.get(options.what)
    if form is None and options.path is None and _is_zip(options.what):
        return import_zip(options)
    if form is None:
        raise UsageError(
            f"import {options.what}: what can be imported is {', '.join(_FORMS)}, as in "
            "`rltrack import tensorboard LOGDIR`, and the zip of `rltrack export`, as in "
            "`rltrack import FILE.zip`"
        )
    if options.path is None:
        raise UsageError(f"import {options.what}: say which folder to import")
    return form(options)


def _is_zip(what: str) -> bool:
    return what.endswith(".zip") or Path(what).is_file()


def _import_tensorboard(options: argparse.Namespace) -> int:
    from rltrack.importers.tensorboard import import_tensorboard

    bar = _Bar(sys.stderr.isatty() and not options.json)
    found = []
    for run in import_tensorboard(
        Path(options.path), root_of(options), _project(options), progress=bar.show
    ):
        found.append(run)
        if not options.json:
            bar.clear()
            print(f"{run.name}: {run.outcome}, {run.values:,} values, {run.run}")
            for trouble in run.trouble:
                print(f"  left out: {trouble}")
    bar.clear()
    if options.json:
        print_json([dataclasses.asdict(run) for run in found])
    else:
        new = sum(run.outcome == "new" for run in found)
        print(f"{new} new runs of {len(found)}; `rltrack ls` lists them")
    return 0


def _project(options: argparse.Namespace) -> str:
    from rltrack._names import checked_project, default_project
    from rltrack.settings import resolve

    project = resolve(project=options.project).project
    return default_project(Path.cwd()) if project is None else checked_project(project)


def _import_wandb(options: argparse.Namespace) -> int:
    from rltrack.importers.wandb import import_wandb

    bar = _Bar(sys.stderr.isatty() and not options.json)
    found = []
    for run in import_wandb(
        Path(options.path), root_of(options), options.project, progress=bar.show
    ):
        found.append(run)
        if not options.json:
            bar.clear()
            print(f"{run.name}: {run.outcome}, {run.values:,} values, {run.run}")
            for trouble in run.trouble:
                print(f"  left out: {trouble}")
    bar.clear()
    if options.json:
        print_json([dataclasses.asdict(run) for run in found])
    else:
        new = sum(run.outcome == "new" for run in found)
        print(f"{new} new runs of {len(found)}; `rltrack ls` lists them")
    return 0


class _Bar:
    """A line that says how far the reading is, where somebody looks at it."""

    def __init__(self, is_seen: bool) -> None:
        self._is_seen = is_seen

    def show(self, done: int, total: int) -> None:
        if self._is_seen:
            part = done / total if total else 1.0
            filled = round(30 * part)
            print(
                f"\r  [{'#' * filled}{'.' * (30 - filled)}] {part:4.0%} of {total / 1e6:.1f} MB",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def clear(self) -> None:
        if self._is_seen:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


_FORMS: Final[dict[str, Command]] = {
    "tensorboard": _import_tensorboard,
    "wandb": _import_wandb,
}
