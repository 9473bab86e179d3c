"""`rltrack export`, and `rltrack import FILE.zip`: runs for other tools, and for other machines."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rltrack.cli.output import api_of, find, print_json, root_of
from rltrack.cli.parser import Commands
from rltrack.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from rltrack.api import Api, Run

_FORMS: Final = ("parquet", "csv", "zip")
_EPILOG: Final = """\
forms:
  parquet, csv  the rows of each run, a column a metric, and its config and summary as JSON beside;
                OUT is a file.parquet for one run, or a folder for files project/id.parquet
  zip           whole runs with their media and files, for `rltrack import OUT` elsewhere

examples:
  rltrack export bold-otter-3 -o otter.parquet
  rltrack export --project cartpole --filter "state = finished" -o cartpole.zip
"""


def add_to(commands: Commands) -> None:
    """Add `export`."""
    export = commands.add(
        "export",
        _export,
        "write runs to Parquet or CSV files, or into one zip",
        prints_json=True,
        over_http=True,
    )
    export.formatter_class = argparse.RawDescriptionHelpFormatter
    export.epilog = _EPILOG
    export.add_argument("run", nargs="*", help="runs, by id, name or project/id")
    export.add_argument("--project", help="of the runs; without a RUN, all of its runs")
    export.add_argument(
        "--filter", help='of the runs of --project, as "config.lr < 0.01", or as a JSON of MongoDB'
    )
    export.add_argument("-o", "--out", required=True, metavar="OUT", help="the file or folder")
    export.add_argument("--format", choices=_FORMS, help="(default: as OUT ends, or else parquet)")
    export.add_argument("--force", action="store_true", help="replace files that are there already")


def _export(options: argparse.Namespace) -> int:
    out = Path(options.out)
    form = options.format or (out.suffix[1:] if out.suffix[1:] in _FORMS else "parquet")
    runs = _chosen(api_of(options), options)
    done = (
        _export_zip(runs, out, options) if form == "zip" else _export_rows(runs, out, form, options)
    )
    if options.json:
        print_json([dataclasses.asdict(one) for one in done])
    elif form == "zip":
        print(f"{out}: {len(done)} runs, {out.stat().st_size / 2**20:.1f} MiB")
    return 0


def _chosen(api: Api, options: argparse.Namespace) -> list[Run]:
    if options.filter and (options.run or not options.project):
        raise UsageError(
            "--filter chooses among the runs of --project; leave the names of runs out"
        )
    if not options.run:
        if not options.project:
            raise UsageError("say which runs to export, or --project for all of its runs")
        runs = list(api.runs(options.project, _filters(options.filter)))
        if not runs:
            raise NotFoundError(f"no run of project {options.project!r} fits the filter")
        return runs
    if not options.project:
        return [find(api, name) for name in options.run]
    there = list(api.runs(options.project))
    return [_named(there, name, options.project) for name in options.run]


def _named(runs: list[Run], name: str, project: str) -> Run:
    wanted = name.removeprefix(f"{project}/")
    found = [run for run in runs if run.id == wanted] or [run for run in runs if run.name == wanted]
    if len(found) != 1:
        ids = ", ".join(run.id for run in found)
        raise NotFoundError(
            f"{len(found)} runs of project {project!r} are called {wanted!r}: {ids}; say which by id"
            if found
            else f"no run {wanted!r} in project {project!r}; `rltrack ls {project}` lists them"
        )
    return found[0]


def _filters(text: str | None) -> Any:
    if text is None or not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as mistake:
        raise UsageError(f"--filter {text!r} is no JSON: {mistake}") from None


def _export_zip(runs: list[Run], out: Path, options: argparse.Namespace) -> list[Any]:
    from rltrack.store.archive import write_archive

    done = write_archive([run._whole_folder() for run in runs], out, replace=options.force)
    if not options.json:
        for one in done:
            print(f"{one.project}/{one.run_id}  {one.files} files, {one.bytes / 2**20:.1f} MiB")
            for name in one.left_out:
                print(f"  left out: {name}")
    return done


def _export_rows(runs: list[Run], out: Path, form: Any, options: argparse.Namespace) -> list[Any]:
    from rltrack._names import folder_name
    from rltrack.store.export import export_run

    is_file = out.suffix == f".{form}" and not out.is_dir()
    if is_file and len(runs) > 1:
        raise UsageError(f"{out} is one file, and there are {len(runs)} runs: name a folder")
    done = []
    for run in runs:
        inside = out / folder_name(run.project) / f"{folder_name(run.id)}.{form}"
        one = export_run(run._reader, out if is_file else inside, form, replace=options.force)
        done.append(one)
        if not options.json:
            print(f"{one.file}: {one.rows:,} rows, {one.bytes / 2**20:.1f} MiB")
    return done


def import_zip(options: argparse.Namespace) -> int:
    """`rltrack import FILE.zip`."""
    from rltrack.store.unarchive import import_archive

    done = []
    for run in import_archive(
        Path(options.what), root_of(options), project=options.project, rename=options.rename
    ):
        done.append(run)
        if not options.json:
            where = f"{run.project}/{run.run_id}"
            was = "" if where == run.archived_as else f" (was {run.archived_as})"
            what = "imported" if run.outcome == "new" else "is there already"
            print(f"{where}{was}: {what}, {run.files} files, {run.bytes / 2**20:.1f} MiB")
    if options.json:
        print_json([dataclasses.asdict(run) for run in done])
    else:
        new = sum(run.outcome == "new" for run in done)
        print(f"{new} new runs of {len(done)}; `rltrack ls` lists them")
    return 0
