"""A database of each kind, and a storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import select

from rltrack.hub.folder_storage import FolderStorage
from rltrack.hub.models import Entity, ProjectAccess
from rltrack.hub.storage import Storage
from tests.hub.postgres import Postgres, find_programs
from tests.hub.team import Team, local, record, team_at


@pytest.fixture(scope="session")
def postgres(
    missing: Callable[[str, str], NoReturn], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Postgres]:
    """A PostgreSQL of the tests' own."""
    programs = find_programs()
    if programs is None:
        missing("PostgreSQL", "Debian's package postgresql")
    with Postgres(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.sqlite'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture(params=["folder"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage of each kind. Another kind adds its name above and its making here."""
    assert request.param == "folder"
    return FolderStorage(tmp_path / "hub")


@pytest.fixture
def team(root: Path) -> Iterator[Team]:
    """A running server with people, two private projects and a public one."""
    for project, run in (("lab/walk", "one"), ("lab/walk", "two"), ("otto/mine", "own")):
        record(root, project, run)
    record(root, "lab/open", "shown")
    with team_at(local(root)) as team:
        with team.database.write() as session:
            lab = session.scalar(select(Entity.id).where(Entity.name == "lab"))
            assert lab is not None
            session.add(
                ProjectAccess(name="lab/open", entity=lab, visibility="public", created_at=0.0)
            )
        yield team
