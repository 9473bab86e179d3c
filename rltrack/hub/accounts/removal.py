"""Projects and teams that are no more. Who asks says the name once again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update

from rltrack._names import folder_name
from rltrack.artifacts.collection import collections, projects_with_artifacts
from rltrack.errors import Error
from rltrack.folder import projects, run_folders
from rltrack.hub.accounts.asked import Asked
from rltrack.hub.accounts.teams import owned
from rltrack.hub.models import Member, ProjectAccess, ShareLink
from rltrack.server.answers import Refusal
from rltrack.store import trash
from rltrack.store.documents import FOLDER
from rltrack.store.run import RunReader


def delete_project(asked: Asked) -> dict[str, Any]:
    """Put all runs of a project into the trash, and end its links, views and artifacts.

    Runs are put back as others are, for as long as the trash keeps them; the project is private then.
    """
    name, root = asked.path("project"), asked.accounts.config.root
    _confirmed(asked, name)
    folders = list(run_folders(root, name))
    live = [one.path.name for one in folders if RunReader(one).state == "running"]
    if live:
        told = f"{len(live)} runs of {name} go on, like {live[0]}"
        raise Refusal(409, told, "stop them first: nothing was deleted")
    failed = []
    for folder in folders:
        try:
            trash.delete(root, folder)
        except Error as fault:
            failed.append(str(fault))
    if failed:
        raise Refusal(409, f"{len(failed)} runs could not be deleted: {failed[0]}", "try again")
    versions = _delete_artifacts(root, name)
    shutil.rmtree(root / folder_name(name) / FOLDER, ignore_errors=True)
    with asked.accounts.database.write() as session:
        session.execute(delete(ProjectAccess).where(ProjectAccess.name == name))
        session.execute(
            update(ShareLink)
            .where(ShareLink.project == name, ShareLink.revoked_at.is_(None))
            .values(revoked_at=asked.accounts.now())
        )
        asked.note(session, "project.delete", name, runs=len(folders), versions=versions)
    asked.accounts.changed()
    return {"runs": len(folders), "versions": versions}


def delete_team(asked: Asked) -> dict[str, Any]:
    """End a team that has no projects any more. Its name stays taken: nobody inherits by it."""
    name, root = asked.path("team"), asked.accounts.config.root
    with asked.accounts.database.write() as session:
        team = owned(asked, session)
        _confirmed(asked, name)
        left = {*projects(root), *projects_with_artifacts(root)}
        mine = sorted(one for one in left if one.startswith(f"{name}/") and _holds(root, one))
        if mine:
            told = f"{name} has {len(mine)} projects, like {mine[0]}"
            raise Refusal(409, told, "delete or move them first")
        members = session.scalars(select(Member.user).where(Member.team == team.id)).all()
        session.execute(delete(Member).where(Member.team == team.id))
        team.deleted_at = asked.accounts.now()
        asked.note(session, "team.delete", name, members=len(members))
    asked.accounts.changed()
    return {}


def _holds(root: Path, project: str) -> bool:
    return any(True for _ in run_folders(root, project)) or any(
        collection.numbers() for collection in collections(root, project)
    )


def _delete_artifacts(root: Path, project: str) -> int:
    count = 0
    for collection in collections(root, project):
        for number in collection.numbers():
            collection.delete(number)
            count += 1
    return count


def _confirmed(asked: Asked, name: str) -> None:
    if asked.text("name") != name:
        raise Refusal(400, f"name={asked.text('name')!r}", f"say {name!r} to have it deleted")
