"""`rltrack compact`: make the columns of runs, so that long ones open at once."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json

from rltrack.cli.output import find, print_json, root_of
from rltrack.cli.parser import Commands
from rltrack.errors import NotFoundError


def add_to(commands: Commands) -> None:
    """Add `compact`."""
    compact = commands.add(
        "compact",
        _compact,
        "write the columns of runs that have ended, so that charts of long ones open at once",
        prints_json=True,
    )
    compact.add_argument(
        "project", nargs="*", help="projects (default: all), or project/id of runs"
    )
    compact.add_argument(
        "--all", action="store_true", help="also runs so small that it makes no difference"
    )
    compact.add_argument(
        "--follow", action="store_true", help="go on, also with runs that are still written"
    )


def _compact(options: argparse.Namespace) -> int:
    from rltrack.api import Api
    from rltrack.folder import RunFolder, projects, run_folders
    from rltrack.store.ingest import LEAST_BYTES, Ingested, follow, ingest, ingest_run
    from rltrack.store.run import RunReader

    root = root_of(options)
    least = 0 if options.all else LEAST_BYTES
    runs = [name for name in options.project if "/" in name]
    names = [name for name in options.project if "/" not in name]
    for name in names:
        if not any(True for _ in run_folders(root, name)):
            known = ", ".join(projects(root)) or "none"
            raise NotFoundError(f"no project {name!r} in {root}; there are: {known}")
    done: list[Ingested] = []

    def tell(one: Ingested) -> None:
        done.append(one)
        if options.json and options.follow:
            print(json.dumps(dataclasses.asdict(one)), flush=True)
        elif not options.json:
            print(
                f"{one.project}/{one.run_id}  {one.rows:,} rows  {_mib(one.journal_bytes)} of "
                f"journal, {_mib(one.segment_bytes)} of columns  {one.seconds:.1f} s",
                flush=True,
            )

    for name in runs:
        reader = RunReader(RunFolder(find(Api(root), name).folder), may_seal=True)
        if (one := ingest_run(reader, least_bytes=0)) is not None:
            tell(one)
    if names or not runs:
        for one in ingest(root, names or None, least_bytes=least):
            tell(one)
    if options.follow:
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it, and no failure
            for one in follow(root, names or None, least_bytes=least):
                tell(one)
    elif options.json:
        print_json([dataclasses.asdict(one) for one in done])
    elif not done:
        print("nothing to do: every run that has ended is compact, or small")
    return 0


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
