"""Changing runs, and the room they take: rename, tag, note, mv, rm, restore, trash, gc, du."""

from __future__ import annotations

import argparse
import re
from typing import Any

from rltrack.cli.output import ago, api_of, find, print_json, print_table, root_of
from rltrack.cli.parser import Commands
from rltrack.errors import UsageError

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def add_to(commands: Commands) -> None:
    """Add the commands."""

    def of_run(name: str, command: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add(name, command, text, over_http=True)
        sub.add_argument("run", help="its id, its name, or project/id")
        return sub

    of_run("rename", _rename, "give a run another name").add_argument("name", help="the new name")
    tag = of_run("tag", _tag, "add tags to a run, or take some away")
    tag.add_argument("tags", nargs="*", help="tags to add")
    tag.add_argument(
        "--remove", action="append", default=[], metavar="TAG", help="tag to take away"
    )
    note = of_run("note", _note, "set the notes of a run")
    note.add_argument("text", help="the notes; an empty text removes them")
    of_run("mv", _move, "move a run into another project").add_argument(
        "project", help="where it belongs from now on"
    )
    remove = commands.add("rm", _remove, "delete runs: into the trash, or for good", over_http=True)
    remove.add_argument("run", nargs="+", help="id, name, or project/id")
    remove.add_argument("--forever", action="store_true", help="free their space at once")
    remove.add_argument("--force", action="store_true", help="also runs that go on")
    restore = commands.add("restore", _restore, "put deleted runs back")
    restore.add_argument("run", nargs="+", help="id, or project/id")
    commands.add("trash", _trash, "list deleted runs", prints_json=True)
    gc = commands.add("gc", _gc, "remove what nobody needs any more", prints_json=True)
    gc.add_argument("project", nargs="?", help="only of this project")
    gc.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    gc.add_argument(
        "--trash-older-than",
        default="30d",
        metavar="AGE",
        help="how long deleted runs can be restored, for example 12h or 30d (default: %(default)s)",
    )
    gc.add_argument(
        "--keep-newest-videos",
        type=int,
        metavar="N",
        help="of each metric of a run that has ended, keep only the newest N videos",
    )
    gc.add_argument(
        "--keep-checkpoints",
        type=int,
        metavar="K",
        help="of each artifact of type model, keep the best K versions, the latest, and those that "
        "have an alias",
    )
    gc.add_argument(
        "--best",
        metavar="KEY[:min]",
        help="what is best: a key of the versions' metadata, the greatest or the least; by default "
        "the newest",
    )
    du = commands.add("du", _du, "show what runs take on the disk", prints_json=True)
    du.add_argument("project", nargs="?", help="only this project")


def _run(options: argparse.Namespace, name: str) -> Any:
    return find(api_of(options), name)


def _rename(options: argparse.Namespace) -> int:
    run = _run(options, options.run)
    before = run.name
    run.name = options.name
    print(f"{run.path}: {before} is {run.name} now")
    return 0


def _tag(options: argparse.Namespace) -> int:
    run = _run(options, options.run)
    wanted = [tag for tag in dict.fromkeys([*run.tags, *options.tags]) if tag not in options.remove]
    run.tags = wanted
    print(f"{run.path}: {', '.join(run.tags) or 'no tags'}")
    return 0


def _note(options: argparse.Namespace) -> int:
    run = _run(options, options.run)
    run.notes = options.text or None
    print(f"{run.path}: {run.notes or 'no notes'}")
    return 0


def _move(options: argparse.Namespace) -> int:
    run = _run(options, options.run)
    before = run.path
    print(f"{before} is {run.move(options.project).path} now")
    return 0


def _remove(options: argparse.Namespace) -> int:
    for name in options.run:
        run = _run(options, name)
        freed = run.delete(force=options.force, forever=options.forever)
        if options.forever:
            print(f"{run.path} is gone, {_mib(freed)} are free")
        else:
            print(f"{run.path} is in the trash; `rltrack restore {run.path}` puts it back")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from rltrack.store.trash import find as find_trashed
    from rltrack.store.trash import restore

    root = root_of(options)
    for name in options.run:
        one = find_trashed(root, name)
        restore(root, one)
        print(f"{one.project}/{one.run_id} is back")
    return 0


def _trash(options: argparse.Namespace) -> int:
    from rltrack.store.trash import trashed

    found = trashed(root_of(options))
    if options.json:
        print_json(
            [
                {
                    "project": one.project,
                    "id": one.run_id,
                    "deleted_at": one.deleted_at,
                    "bytes": one.bytes,
                }
                for one in found
            ]
        )
    elif not found:
        print("the trash is empty")
    else:
        rows: list[list[object]] = [
            [f"{o.project}/{o.run_id}", ago(o.deleted_at), _mib(o.bytes)] for o in found
        ]
        print_table(["RUN", "DELETED", "SIZE"], rows)
    return 0


def _gc(options: argparse.Namespace) -> int:
    from rltrack.artifacts.garbage import Retention
    from rltrack.store.gc import garbage

    if options.keep_newest_videos is not None and options.keep_newest_videos < 0:
        raise UsageError("--keep-newest-videos must be 0 or more")
    if options.best and options.keep_checkpoints is None:
        raise UsageError("--best says which checkpoints --keep-checkpoints keeps; give both")
    keep = options.keep_checkpoints
    found = garbage(
        root_of(options),
        options.project,
        trash_older_than_s=_age_s(options.trash_older_than),
        keep_newest_videos=options.keep_newest_videos,
        checkpoints=None if keep is None else Retention.of(keep, options.best),
    )
    gone = [one for one in found if options.dry_run or one.remove()]
    if options.json:
        print_json([{"kind": o.kind, "path": str(o.path), "bytes": o.bytes} for o in gone])
        return 0
    for one in gone:
        print(f"{one.kind:<9} {_mib(one.bytes):>10}  {one.path}")
    total = _mib(sum(one.bytes for one in gone))
    print(f"{len(gone)} things, {total}, {'would be' if options.dry_run else 'are'} removed")
    for one in found:
        if one not in gone:
            print(f"could not be removed: {one.path}")
    return 0


def _du(options: argparse.Namespace) -> int:
    from rltrack.artifacts.garbage import artifact_bytes, blob_bytes
    from rltrack.store.sizes import sizes

    root = root_of(options)
    found = sizes(root, options.project)
    artifacts = artifact_bytes(root, options.project)
    if options.json:
        runs = [{"project": o.project, "id": o.run_id, "bytes": o.kinds} for o in found]
        print_json({"runs": runs, "artifacts": artifacts, "blobs_bytes": blob_bytes(root)})
        return 0
    kinds = sorted({kind for one in found for kind in one.kinds})
    rows: list[list[object]] = [
        [f"{o.project}/{o.run_id}", *[_mib(o.kinds.get(kind, 0)) for kind in kinds], _mib(o.total)]
        for o in found
    ]
    totals = [sum(one.kinds.get(kind, 0) for one in found) for kind in kinds]
    rows.append(["in all", *map(_mib, totals), _mib(sum(totals))])
    print_table(["RUN", *[kind.upper() for kind in kinds], "TOTAL"], rows)
    if artifacts:
        print()
        rows = [[f"{a['project']}/{a['name']}", a["versions"], _mib(a["bytes"])] for a in artifacts]
        print_table(["ARTIFACT", "VERSIONS", "SIZE"], rows)
        print(f"contents of all artifacts, each once: {_mib(blob_bytes(root))}")
    return 0


def _age_s(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if found is None:
        raise UsageError(f"an age such as 12h or 30d was expected, and not {text!r}")
    return float(found[1]) * _UNIT_S[found[2]]


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
