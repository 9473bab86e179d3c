"""`rltrack import`: what others have recorded, as runs; and runs that were exported."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rltrack.cli.output import print_json, root_of
from rltrack.cli.parser import Commands
from rltrack.cli.transfer import import_zip
from rltrack.errors import UsageError

if TYPE_CHECKING:
    from rltrack.importers.recorded import Imported, Progress

    _Form = Callable[[argparse.Namespace, Progress], Iterator[Imported]]


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
        "path",
        nargs="?",
        help="its folder or file: the logdir of tensorboard, ./wandb, ./mlruns or mlflow.db, "
        "Trackio's folder, the folder that has .aim, a file or folder of csv or jsonl",
    )
    command.add_argument(
        "--project",
        help="project of new runs (default: that of rltrack.init in this folder; of a zip, their own)",
    )
    command.add_argument(
        "--step",
        metavar="COLUMN",
        help="of csv and jsonl: what counts steps (default: found by name)",
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
    if options.step is not None and options.what not in ("csv", "jsonl"):
        raise UsageError(
            "--step names a column of csv and jsonl; the others have steps of their own"
        )
    return _run_import(options, form)


def _is_zip(what: str) -> bool:
    return what.endswith(".zip") or Path(what).is_file()


def _run_import(options: argparse.Namespace, form: _Form) -> int:
    bar = _Bar(sys.stderr.isatty() and not options.json)
    found = []
    for run in form(options, bar.show):
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


def _import_tensorboard(options: argparse.Namespace, progress: Progress) -> Iterator[Imported]:
    from rltrack.importers.tensorboard import import_tensorboard

    path = Path(options.path)
    return import_tensorboard(path, root_of(options), _project(options), progress=progress)


def _import_texts(options: argparse.Namespace, progress: Progress) -> Iterator[Imported]:
    from rltrack.importers.texts import import_texts

    return import_texts(
        options.what,
        Path(options.path),
        root_of(options),
        _project(options),
        step=options.step,
        progress=progress,
    )


def _import_store(options: argparse.Namespace, progress: Progress) -> Iterator[Imported]:
    """Of a tool that has projects of its own: `import_wandb` of `importers/wandb.py`, and so on."""
    import importlib

    module = importlib.import_module(f"rltrack.importers.{options.what}")
    found: Iterator[Imported] = getattr(module, f"import_{options.what}")(
        Path(options.path), root_of(options), options.project, progress=progress
    )
    return found


def _project(options: argparse.Namespace) -> str:
    from rltrack._names import checked_project, default_project
    from rltrack.settings import resolve

    project = resolve(project=options.project).project
    return default_project(Path.cwd()) if project is None else checked_project(project)


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


_FORMS: Final[dict[str, _Form]] = {
    "tensorboard": _import_tensorboard,
    "wandb": _import_store,
    "mlflow": _import_store,
    "trackio": _import_store,
    "aim": _import_store,
    "csv": _import_texts,
    "jsonl": _import_texts,
}
