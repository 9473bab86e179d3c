"""The part of `Api` that brings runs to other tools and machines, and from there."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rltrack._names import checked_project, default_project, folder_name
from rltrack.errors import UsageError
from rltrack.settings import resolve

if TYPE_CHECKING:
    from rltrack.api import Run
    from rltrack.store.archive import Archived
    from rltrack.store.export import Exported
    from rltrack.store.unarchive import Imported


class Transfer:
    """Export and import, as `rltrack export` and `rltrack import` do them."""

    root: Path

    def export(
        self,
        runs: Run | Iterable[Run],
        path: str | PathLike[str],
        form: Literal["parquet", "csv", "zip"] | None = None,
        *,
        replace: bool = False,
    ) -> list[Exported] | list[Archived]:
        """Write runs for other tools, or whole runs for another folder.

        Args:
            runs: one, or several.
            path: a ``.zip`` of whole runs with their media and files; a file ``.parquet`` or
                ``.csv`` of one run's rows; or a folder for files ``project/id.<form>``.
            form: by default as `path` ends, or else ``parquet``.
            replace: take the place of files that are there.

        Returns:
            What was written, run by run.

        Raises:
            UsageError: a file is there and `replace` is not set, or one file is for several runs.
            StorageError: it cannot be written.
        """
        from rltrack.store.archive import write_archive
        from rltrack.store.export import export_run

        path = Path(path)
        found = list(runs) if isinstance(runs, Iterable) else [runs]
        chosen = form or {".zip": "zip", ".csv": "csv"}.get(path.suffix, "parquet")
        if chosen not in ("parquet", "csv", "zip"):
            raise UsageError(f"export(form={form!r}): there are parquet, csv and zip")
        if chosen == "zip":
            return write_archive([run._whole_folder() for run in found], path, replace=replace)
        rows: Literal["parquet", "csv"] = "csv" if chosen == "csv" else "parquet"
        is_file = path.suffix == f".{rows}" and not path.is_dir()
        if is_file and len(found) > 1:
            raise UsageError(f"{path} is one file, and there are {len(found)} runs: name a folder")
        return [
            export_run(
                run._reader,
                path if is_file else _inside(path, run, rows),
                rows,
                replace=replace,
            )
            for run in found
        ]

    def import_(
        self, file: str | PathLike[str], project: str | None = None, *, rename: bool = False
    ) -> list[Imported]:
        """Make runs of those in a zip of `export`; again, it changes nothing.

        Args:
            file: the zip.
            project: where they go; by default where they were.
            rename: give a run whose id another run has a new one.

        Raises:
            ArchiveError: it is no such zip, or it is damaged.
            UsageError: the id of a run is another run's.
            StorageError: the folder cannot be written.
        """
        from rltrack.store.unarchive import import_archive

        return list(import_archive(Path(file), self.root, project=project, rename=rename))

    def sync_tensorboard(
        self,
        root_dir: str | PathLike[str],
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
    ) -> list[Any]:
        """Make runs of a TensorBoard log folder, as ``rltrack import tensorboard`` does.

        Args:
            root_dir: what ``tensorboard --logdir`` would be told.
            run_id: refused: each run of the folder gets an id of its own, so that a second import
                adds to it.
            project: where they go; by default that of the settings.
            entity: accepted for W&B's scripts.

        Returns:
            Of each run what was done.

        Raises:
            UsageError: `run_id` is given.
            NotFoundError: there is no such folder, or no event file in it.
            MissingExtraError: TensorBoard is not installed.
        """
        if run_id is not None:
            raise UsageError(
                f"sync_tensorboard(run_id={run_id!r}): imported runs get ids of their own; "
                "leave it out"
            )
        chosen = resolve(project=project).project
        chosen = default_project(Path.cwd()) if chosen is None else checked_project(chosen)
        # By its name, since importers stand above.
        importer = importlib.import_module("rltrack.importers.tensorboard")
        return list(importer.import_tensorboard(Path(root_dir), self.root, chosen))


def _inside(folder: Path, run: Run, form: str) -> Path:
    return folder / folder_name(run.project) / f"{folder_name(run.id)}.{form}"
