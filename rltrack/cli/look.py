"""`rltrack ls` and `rltrack show`: what is recorded."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rltrack.cli.output import (
    ago,
    api_of,
    brief,
    copy_of,
    count,
    facts,
    find,
    flat,
    print_json,
    print_table,
    text,
)
from rltrack.cli.parser import Commands

if TYPE_CHECKING:
    from rltrack.api import Api


def add_to(commands: Commands) -> None:
    """Add `ls` and `show`."""
    ls = commands.add(
        "ls", _ls, "list projects, or the runs of one", prints_json=True, over_http=True
    )
    ls.add_argument("project", nargs="?", help="a project; without it, the projects are listed")
    ls.add_argument(
        "--filter",
        metavar="TEXT",
        help="which runs, for example 'config.lr < 1e-3 and max(eval/mean_reward) >= 400'",
    )
    ls.add_argument(
        "--order",
        metavar="FIELD",
        action="append",
        help="for example created_at, or with = for descending: --order=-summary.loss; may be repeated",
    )
    ls.add_argument("--limit", type=int, metavar="N", help="show the first N")

    show = commands.add(
        "show",
        _show,
        "show one run: config, summary, environment",
        prints_json=True,
        over_http=True,
    )
    show.add_argument("run", help="its id, its name, or project/id")


def _ls(options: argparse.Namespace) -> int:
    api = api_of(options)
    if options.project is None:
        return _ls_projects(api, as_json=options.json)
    runs = list(api.runs(options.project, options.filter, options.order or "+created_at"))
    runs = runs[: options.limit]
    if options.json:
        print_json([facts(run) for run in runs])
        return 0
    copies = [copy_of(run) for run in runs]
    shown = any(copies)  # who has no server needs no column for it
    print_table(
        ["NAME", "ID", "STATE", *(["SERVER"] if shown else []), "STARTED", "STEPS", "SUMMARY"],
        [
            [
                run.name,
                run.id,
                run.state,
                *([copy.told if copy else "-"] if shown else []),
                ago(run.created_at),
                count(run.lastHistoryStep),
                brief(run.summary),
            ]
            for run, copy in zip(runs, copies, strict=True)
        ],
    )
    return 0


def _ls_projects(api: Api, *, as_json: bool) -> int:
    rows: list[list[object]] = []
    for project in api.projects():
        runs = list(api.runs(project))
        running = sum(run.state == "running" for run in runs)
        rows.append([project, len(runs), running, max(run.created_at for run in runs)])
    if as_json:
        names = ("project", "runs", "running", "latest")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif not rows:
        print(f"no runs in {api.root} yet; `rltrack demo` makes some")
    else:
        header = ["PROJECT", "RUNS", "RUNNING", "LATEST"]
        print_table(header, [[*row[:3], ago(row[3])] for row in rows])
    return 0


def _show(options: argparse.Namespace) -> int:
    run = find(api_of(options), options.run)
    if options.json:
        print_json(facts(run) | {"metadata": dict(run.metadata)})
        return 0
    print(f"{run.name}  ({run.project}/{run.id})  {run.state}, started {ago(run.created_at)}")
    print(f"folder   {run.folder}")
    if copy := copy_of(run):
        print(f"server   {copy.url or copy.server}  ({copy.told})")
        if copy.error:
            print(f"         {copy.error}")
    for title, values in (
        ("config", run.config),
        ("summary", run.summary),
        ("environment", run.metadata),
    ):
        print(f"\n{title}")
        lines = flat(dict(values))
        width = max(map(len, lines), default=0)
        for key, value in sorted(lines.items()):
            print(f"  {key:<{width}}  {text(value)}")
        if not lines:
            print("  (nothing)")
    return 0
