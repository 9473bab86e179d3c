"""The database opens, upgrades itself once, and refuses what it does not know."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import rltrack
from rltrack.hub.database import Database, newest_schema, revisions, schema_of
from rltrack.hub.models import Attempts, Base, Entity


def test_the_migrations_make_the_tables_of_the_models(database_url: str) -> None:
    """A table that was changed without a migration would be missing on every older server."""
    with Database(database_url) as database, database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_what_was_written_is_there_after_the_next_start(database_url: str) -> None:
    """And a block that fails leaves nothing."""
    with Database(database_url) as database:
        with database.write() as session:
            session.add(Attempts(what="a", count=1, since=0.5))
        with pytest.raises(ZeroDivisionError), database.write() as session:
            session.add(Attempts(what="b", count=1 // 0, since=0.5))

    with Database(database_url) as again, again.read() as session:
        assert [found.since for found in session.scalars(sqlalchemy.select(Attempts))] == [0.5]


def test_a_newer_schema_is_refused(database_url: str) -> None:
    """An older program would write what the newer one cannot read."""
    with Database(database_url) as database, database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(rltrack.UsageError, match=r"schema is 9999.*newer.*restore a backup"):
        Database(database_url)


def test_many_servers_that_start_at_once_upgrade_once(database_url: str) -> None:
    """Replicas are started together."""
    code = "import sys; from rltrack.hub.database import Database; Database(sys.argv[1]).close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, database_url], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    told = [process.communicate()[1].decode() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0], told


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "is no URL"),
        ("mysql://host/name", "kind 'mysql' is not known"),
        ("sqlite://", "is not known"),
        ("sqlite:////proc/none/hub.sqlite", "cannot write the database"),
        ("postgresql://ann:secret@127.0.0.1:1/none", "cannot open the database"),
    ],
)
def test_a_database_that_cannot_be_opened_is_told(url: str, told: str) -> None:
    """Without its password."""
    with pytest.raises(rltrack.UsageError, match=told) as caught:
        Database(url)

    assert "secret" not in str(caught.value)


def test_the_file_is_its_users_own(tmp_path: Path) -> None:
    """It holds hashes of passwords."""
    with Database(f"sqlite:///{tmp_path / 'new' / 'hub.sqlite'}"):
        mode = stat.S_IMODE((tmp_path / "new" / "hub.sqlite").stat().st_mode)

    assert mode == 0o600


@pytest.mark.parametrize("revision", revisions())
def test_an_older_database_is_upgraded_with_what_it_holds(database_url: str, revision: str) -> None:
    """From each version that ever was: servers skip releases."""
    assert schema_of(database_url) is None
    Database(database_url, revision).close()
    assert schema_of(database_url) == revision
    engine = sqlalchemy.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        entities = sqlalchemy.Table("entities", sqlalchemy.MetaData(), autoload_with=connection)
        [ann, bob] = [
            {column.name: _some(column, name) for column in entities.columns if not column.nullable}
            for name in ("ann", "bob")
        ]
        connection.execute(entities.insert(), [ann | {"id": 1}, bob | {"id": 2}])
    engine.dispose()

    with Database(database_url) as database, database.read() as session:
        assert schema_of(database_url) == newest_schema()
        found = session.scalars(sqlalchemy.select(Entity).order_by(Entity.id))
        assert [(one.id, one.name) for one in found] == [(1, "ann"), (2, "bob")]


def _some(column: sqlalchemy.Column[object], name: str) -> object:
    kind = column.type.python_type
    return name if column.name == "name" else "user" if kind is str else kind()
