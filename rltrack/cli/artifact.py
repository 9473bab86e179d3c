"""`rltrack artifact`: list, show, get, put and remove versions of files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltrack.cli.output import ago, api_of, print_json, print_table, root_of
from rltrack.cli.parser import Commands
from rltrack.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from rltrack.artifacts.artifact import Artifact

EXAMPLES = """\
examples:
  rltrack artifact ls                       the artifacts of all projects
  rltrack artifact ls cartpole/policy       the versions of one
  rltrack artifact get cartpole/policy:best --to policy
  rltrack artifact put model.zip cartpole/policy --type model --alias best
  rltrack artifact rm cartpole/policy:v3
"""


def add_to(commands: Commands) -> None:
    """Add `artifact`."""
    command = commands.add(
        "artifact",
        _refuse,
        "list, get, put and remove versions of files",
        prints_json=True,
        over_http=True,
    )
    command.epilog = EXAMPLES
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = command.add_subparsers(title="what to do", metavar="ACTION", required=True)

    def add(name: str, work: Any, text: str) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("--dir", default=argparse.SUPPRESS, help="folder of all projects")
        if work is not _put:
            sub.add_argument(
                "--server",
                nargs="?",
                const="",
                default=argparse.SUPPRESS,
                metavar="URL",
                help="a server's artifacts, and not a folder's",
            )
        sub.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )
        sub.set_defaults(command=work)
        return sub

    ls = add("ls", _list, "list artifacts, or the versions or files of one")
    ls.add_argument("name", nargs="?", help="PROJECT, PROJECT/NAME, or PROJECT/NAME:ALIAS")
    ls.add_argument("--type", help="only of this type")
    get = add("get", _get, "write the files of a version into a folder")
    get.add_argument("name", help="PROJECT/NAME, or PROJECT/NAME:ALIAS")
    get.add_argument("--to", metavar="FOLDER", help="the folder (default: artifacts/NAME:v3)")
    put = add("put", _put, "make a version of a file or a folder")
    put.add_argument("path", help="the file or folder")
    put.add_argument("name", help="PROJECT/NAME")
    put.add_argument("--type", default="dataset", help="of the artifact (default: %(default)s)")
    put.add_argument("--description", help="text about it")
    put.add_argument("--alias", action="append", default=[], help="a further name of the version")
    remove = add("rm", _remove, "delete a version; `rltrack gc` frees what nothing else needs")
    remove.add_argument("name", nargs="+", help="PROJECT/NAME:ALIAS")
    remove.add_argument("--force", action="store_true", help="also one that has aliases")


def _refuse(options: argparse.Namespace) -> int:
    raise UsageError("rltrack artifact: say what to do: ls, get, put or rm")


def _find(options: argparse.Namespace, name: str) -> Artifact:
    from rltrack.artifacts.artifact import find

    api = api_of(options)
    return find(api.root, name) if options.server is None else api.artifact(name)


def _facts(artifact: Artifact) -> dict[str, Any]:
    return {
        "project": artifact.project,
        "name": artifact.collection_name,
        "version": artifact.version,
        "type": artifact.type,
        "aliases": artifact.aliases,
        "tags": artifact.tags,
        "created_at": artifact.created_at,
        "bytes": artifact.size,
        "files": artifact.file_count,
        "digest": artifact.digest,
        "description": artifact.description,
        "metadata": artifact.metadata,
        "logged_by": artifact.logged_by_path,
    }


def _list(options: argparse.Namespace) -> int:
    name = options.name or ""
    if ":" in name:
        return _list_files(options, name)
    if "/" in name:
        return _list_versions(options, name)
    return _list_collections(options, name or None)


def _list_collections(options: argparse.Namespace, project: str | None) -> int:
    from rltrack.artifacts.artifact import Artifact
    from rltrack.artifacts.collection import collections, projects_with_artifacts

    api = api_of(options)
    root = api.root
    if options.server is not None:
        known = [api._place(one) for one in (api.projects() if project is None else [project])]
    else:
        known = projects_with_artifacts(root) if project is None else [project]
    newest = []
    for one in known:
        for collection in collections(root, one):
            version = collection.get("latest")
            if options.type in (None, version.type):
                newest.append(Artifact.of_version(collection, version))
    if options.json:
        print_json([_facts(artifact) for artifact in newest])
    elif not newest:
        print(f"no artifacts in {root / project if project else root}")
    else:
        rows: list[list[object]] = [
            [f"{a.project}/{a.collection_name}", a.type, a.version, _mib(a.size), _age(a)]
            for a in newest
        ]
        print_table(["ARTIFACT", "TYPE", "LATEST", "SIZE", "LOGGED"], rows)
    return 0


def _list_versions(options: argparse.Namespace, name: str) -> int:
    from rltrack.artifacts.artifact import Artifact

    collection = _find(options, name).collection
    found = [Artifact.of_version(collection, one) for one in reversed(collection.versions())]
    if options.json:
        print_json([_facts(artifact) for artifact in found])
        return 0
    rows: list[list[object]] = [
        [a.version, ", ".join(a.aliases), _mib(a.size), a.file_count, a.logged_by_path, _age(a)]
        for a in found
    ]
    print_table(["VERSION", "ALIASES", "SIZE", "FILES", "RUN", "LOGGED"], rows)
    return 0


def _list_files(options: argparse.Namespace, name: str) -> int:
    artifact = _find(options, name)
    files = artifact.files()
    if options.json:
        listed = [
            {"path": f.path, "bytes": f.size, "digest": f.digest, "ref": f.ref} for f in files
        ]
        print_json({**_facts(artifact), "contents": listed})
        return 0
    rows: list[list[object]] = [[f.path, _mib(f.size), f.ref or f.digest[:12]] for f in files]
    print_table(["PATH", "SIZE", "DIGEST"], rows)
    return 0


def _get(options: argparse.Namespace) -> int:
    artifact = _find(options, options.name)
    folder = artifact.download(options.to)
    if options.json:
        print_json({**_facts(artifact), "folder": folder})
    else:
        print(f"{artifact.qualified_name}: {artifact.file_count} files in {folder}")
    return 0


def _put(options: argparse.Namespace) -> int:
    from rltrack._names import checked_project
    from rltrack.artifacts import place
    from rltrack.artifacts.artifact import Artifact
    from rltrack.artifacts.names import address

    wanted = address(options.name)
    if wanted.project is None:
        raise UsageError(f"put {options.name}: say which project, as in my-project/{options.name}")
    path, root = Path(options.path), root_of(options)
    place.begin(root)
    artifact = Artifact(wanted.name, options.type, description=options.description)
    if path.is_dir():
        artifact.add_dir(path)
    elif path.is_file():
        artifact.add_file(path)
    else:
        raise NotFoundError(f"put {options.path}: there is no such file or folder")
    is_new = artifact.log_into(root, checked_project(wanted.project), aliases=options.alias)
    if options.json:
        print_json({**_facts(artifact), "new": is_new})
    else:
        told = "a new version" if is_new else "has these files already"
        print(f"{artifact.qualified_name}: {told}, {', '.join(artifact.aliases)}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    for name in options.name:
        if ":" not in name:
            raise UsageError(f"rm {name}: say which version, as in {name}:v3")
        artifact = _find(options, name)
        artifact.delete(delete_aliases=options.force)
        if not options.json:
            print(f"{artifact.qualified_name} is deleted; `rltrack gc` frees its space")
    if options.json:
        print_json(options.name)
    return 0


def _age(artifact: Artifact) -> str:
    from datetime import datetime

    return ago(datetime.fromisoformat(artifact.created_at).timestamp())


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
