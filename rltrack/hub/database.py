"""The database of a team's server: SQLite in a file of its own, or PostgreSQL by its URL.

    with database.read() as session:   one view of the data, nothing is written
    with database.write() as session:  committed at the end, rolled back after an error

A database that cannot work for now, and a disk that is full, are answers to who asks (503, 507).

SQLite has one writer at a time. A transaction that begins as a reader and then writes fails
if another wrote in between, however long it is ready to wait; so `write` takes the lock at
its beginning.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.orm import Session

from rltrack.errors import UsageError
from rltrack.server.answers import Refusal, full_disk

#: How long a writer waits for another, in SQLite.
_PATIENCE_S: Final = 30
#: Any number that is ours: PostgreSQL's lock that upgrades of the schema hold.
_UPGRADE_LOCK: Final = 0x726C7472
#: As many threads as answer at once; two replicas still leave PostgreSQL some of its hundred.
_POOL: Final[dict[str, Any]] = {"pool_size": 10, "max_overflow": 30}
#: What SQLite and PostgreSQL say of a full disk.
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, "53100"})
_log: Final = logging.getLogger("rltrack.server")
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Database:
    """Opens a database, and brings its schema up to date.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/name``.

        revision: of the schema; tests of upgrades want an older one.

    Raises:
        UsageError: it cannot be opened, or a newer rltrack has upgraded it.
    """

    def __init__(self, url: str, revision: str = "head") -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._reader = self.engine.execution_options(rltrack_writes=False)
        try:
            self._upgrade(revision)
        except DBAPIError as failure:
            self.engine.dispose()
            raise _unopened(self.engine, failure) from failure
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with (
            _faults_told(),
            Session(self._reader, expire_on_commit=False, autoflush=False) as session,
        ):
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed when the block ends without an error."""
        with (
            _faults_told(),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _upgrade(self, revision: str) -> None:
        """One process upgrades, the others wait for it and then find nothing to do."""
        with self.engine.begin() as connection:  # SQLite: has the write lock from here on
            if not self.is_sqlite:
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                connection.execute(lock, {"lock": _UPGRADE_LOCK})
            config = _migrations()
            config.attributes["connection"] = connection
            _present(connection)
            command.upgrade(config, revision)


def schema_of(url: str) -> str | None:
    """The version of a database's schema, which is left as it is; None: it has none yet.

    Raises:
        UsageError: it cannot be opened, or a newer rltrack has upgraded it.
    """
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return None
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return _present(connection)
    except DBAPIError as failure:
        raise _unopened(engine, failure) from failure
    finally:
        engine.dispose()


def newest_schema() -> str:
    """The version that this rltrack brings a database to."""
    return revisions()[-1]


def revisions() -> list[str]:
    """All versions of the schema that ever were, the oldest first."""
    scripts = ScriptDirectory.from_config(_migrations()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None: it is another kind."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    is_file = parsed.drivername == "sqlite" and parsed.database
    return Path(str(parsed.database)) if is_file else None


def _present(connection: Connection) -> str | None:
    """Its version, unless that is none of ours."""
    present = MigrationContext.configure(connection).get_current_heads()
    if newer := set(present) - set(revisions()):
        raise UsageError(
            f"the database's schema is {', '.join(sorted(newer))}, which this rltrack does "
            "not know: a newer one has upgraded it; install that, or restore a backup"
        )
    return present[0] if present else None


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except OperationalError as fault:
        _log.warning("the database fails: %s", fault.orig)
        code = getattr(fault.orig, "sqlite_errorcode", getattr(fault.orig, "sqlstate", None))
        if code in _FULL:
            raise full_disk("that of its database") from fault
        raise Refusal(
            503, "the server's database does not work", "ask again later", {"retry-after": "5"}
        ) from fault


def _unopened(engine: Engine, failure: DBAPIError) -> UsageError:
    return UsageError(
        f"cannot open the database {engine.url.render_as_string()}: {failure.orig}; see --database"
    )


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            f"--database {url!r} is no URL; it reads sqlite:///path or postgresql://user:password@host/name"
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        from rltrack.extras import require

        require("psycopg", extra="postgres")
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), **_POOL, pool_pre_ping=True
        )
    if parsed.drivername == "postgresql+psycopg":
        return create_engine(parsed, **_POOL, pool_pre_ping=True)
    if parsed.drivername != "sqlite" or not parsed.database:
        raise UsageError(
            f"a database of kind {parsed.drivername!r} is not known; "
            "it is sqlite:///path or postgresql://user:password@host/name"
        )
    file = Path(parsed.database)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # hashes of passwords are nobody else's
    except OSError as failure:
        raise UsageError(f"cannot write the database {file}: {failure.strerror}") from failure
    engine = create_engine(parsed, **_POOL, connect_args={"timeout": _PATIENCE_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # Python begins transactions later than we say
        _write_ahead(connection)
        for pragma in ("foreign_keys=ON", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("rltrack_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Have SQLite log ahead, once for each file; it asks again itself for all but this."""
    end = time.monotonic() + _PATIENCE_S
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:  # others are opening the new file at this moment
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
