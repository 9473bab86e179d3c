"""Alembic runs this; the connection, and its transaction, are those of `Database`."""

from alembic import context

from rltrack.hub.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can undo DDL, which Alembic does not believe of it.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
