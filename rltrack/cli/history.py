"""`rltrack history`: the rows of a run, and with `--branches` those that were left as well."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltrack.cli.output import ago, api_of, find, print_json, print_table, text
from rltrack.cli.parser import Commands
from rltrack.journal.branches import Cuts
from rltrack.journal.reader import Entry, JournalReader
from rltrack.journal.records import Resumed, Row, RowFlag, WriterOpened

_MOST_ROWS = 50


def add_to(commands: Commands) -> None:
    """Add `history`."""
    history = commands.add(
        "history", _history, "print the rows of a run", prints_json=True, over_http=True
    )
    history.add_argument("run", help="its id, its name, or project/id")
    history.add_argument("--keys", nargs="+", metavar="KEY", help="only these metrics")
    history.add_argument(
        "--branches",
        action="store_true",
        help="each process's rows apart, those that a rewinding hid among them",
    )


def _history(options: argparse.Namespace) -> int:
    run = find(api_of(options), options.run)
    if options.branches:
        return _print_branches(
            branches_of(run._whole_journal(), options.keys), as_json=options.json
        )
    rows = run.history(options.keys, pandas=False)
    if options.json:
        print_json(rows)
    elif rows:
        columns = list(dict.fromkeys(key for row in rows for key in row if key != "_timestamp"))
        shown = rows[-_MOST_ROWS:]
        if len(shown) < len(rows):
            print(f"the last {len(shown)} of {len(rows)} rows; --json prints all\n")
        print_table(
            columns, [[text(row[key]) if key in row else "" for key in columns] for row in shown]
        )
    else:
        print(f"{run.path} has no rows yet")
    return 0


@dataclass(slots=True)
class Branch:
    """The rows of one process."""

    writer: str
    host: str = ""
    pid: int = 0
    started_ns: int = 0
    shown_up_to: int | None = None
    """The last step that is shown; None shows all."""
    rows: list[dict[str, Any]] = field(default_factory=list)


def branches_of(journal: Path, keys: list[str] | None = None) -> list[Branch]:
    """The branches of a run, oldest first."""
    branches: dict[str, Branch] = {}
    cuts = Cuts()
    for item in JournalReader(journal).poll(final=True):
        branch = branches.setdefault(item.writer, Branch(item.writer))
        if not isinstance(item, Entry):
            for row in item.rows():
                _add(branch, row, keys)
        elif isinstance(item.record, Row):
            _add(branch, item.record, keys)
        elif isinstance(item.record, WriterOpened):
            opened = item.record
            branch.host, branch.pid, branch.started_ns = opened.host, opened.pid, opened.time_ns
        elif isinstance(item.record, Resumed):
            cuts.add(item.record)
    for branch in branches.values():
        branch.shown_up_to = cuts.last_step(branch.writer)
    return sorted(branches.values(), key=lambda branch: branch.started_ns)


def _add(branch: Branch, row: Row, keys: list[str] | None) -> None:
    values = {key: value for key, value in row.values.items() if keys is None or key in keys}
    if values and not row.flags & RowFlag.SYSTEM:
        branch.rows.append({"_step": row.step, "_timestamp": row.time_ns / 1e9, **values})


def _print_branches(branches: list[Branch], *, as_json: bool) -> int:
    if as_json:
        print_json(
            [
                {
                    "writer": branch.writer,
                    "host": branch.host,
                    "pid": branch.pid,
                    "started_at": branch.started_ns / 1e9,
                    "shown_up_to": branch.shown_up_to,
                    "row_count": len(branch.rows),
                    "rows": branch.rows,
                }
                for branch in branches
            ]
        )
        return 0
    print_table(
        ["WRITER", "STARTED", "HOST", "PID", "ROWS", "STEPS", "SHOWN"],
        [
            [
                branch.writer,
                ago(branch.started_ns / 1e9),
                branch.host,
                branch.pid,
                len(branch.rows),
                _span([row["_step"] for row in branch.rows]),
                "all" if branch.shown_up_to is None else f"up to step {branch.shown_up_to}",
            ]
            for branch in branches
        ],
    )
    return 0


def _span(steps: list[int]) -> str:
    return f"{min(steps)} to {max(steps)}" if steps else "-"
