"""The tables of a team's server.

Names of entities (users and teams) share one space: a project is called ``entity/project``.
Whatever lets somebody in (password, key, session, link) is stored as a hash only. Times are
seconds since the epoch.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Role = Literal["owner", "member", "viewer"]
Scope = Literal["read", "write", "admin"]
Visibility = Literal["private", "public"]

#: So that a migration can name a constraint, on any database.
_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables of the server's database."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {float: Double, dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012


class Entity(Base):
    """Whoever can have projects: a user or a team."""

    __tablename__ = "entities"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    """"user" or "team"."""
    title: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[float]
    deleted_at: Mapped[float | None]
    """The name stays taken, so that nobody inherits somebody's projects by it."""
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """What its projects may take; None: the server's default."""
    used_bytes: Mapped[int] = mapped_column(BigInteger, default=0)


class User(Base):
    """A person: the entity of the same id."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(ForeignKey("entities.id"), primary_key=True)
    password: Mapped[str | None] = mapped_column(String(255))
    """argon2; None: signs in elsewhere only."""
    is_admin: Mapped[bool] = mapped_column(default=False)
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))
    """Who they are to the provider of their identity."""

    __table_args__ = (Index("uq_users_issuer_subject", "issuer", "subject", unique=True),)


class Member(Base):
    """A user in a team."""

    __tablename__ = "members"

    team: Mapped[int] = mapped_column(ForeignKey("entities.id"), primary_key=True)
    user: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(8))


class ProjectAccess(Base):
    """Who sees a project beyond its entity; one without a row is private."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """``entity/project``."""
    entity: Mapped[int] = mapped_column(ForeignKey("entities.id"), index=True)
    visibility: Mapped[str] = mapped_column(String(8), default="private")
    created_at: Mapped[float]


class ApiKey(Base):
    """What programs sign in with."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    """The part of the key that may be seen."""
    secret: Mapped[str] = mapped_column(String(64))
    """sha256 of the key: it has 256 random bits, so nothing slower is needed."""
    user: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    scope: Mapped[str] = mapped_column(String(8))
    project: Mapped[str | None] = mapped_column(String(200))
    """The only project that it opens; None: all that its user may."""
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class LoginSession(Base):
    """A browser that is signed in."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    """What its user sees of it."""
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    """sha256 of the cookie."""
    user: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[float]
    seen_at: Mapped[float]
    expires_at: Mapped[float]
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")


class ShareLink(Base):
    """Lets whoever has it read some runs of a project."""

    __tablename__ = "share_links"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    project: Mapped[str] = mapped_column(String(200), index=True)
    runs: Mapped[list[str] | None]
    """Their ids; None: all of the project, those to come among them."""
    page: Mapped[str] = mapped_column(Text)
    """The address on this server that it opens."""
    user: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class Invitation(Base):
    """A link that works once: the set-up of the server, a new user, or a new password."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    """"setup", "join" or "password"."""
    team: Mapped[int | None] = mapped_column(ForeignKey("entities.id"))
    role: Mapped[str | None] = mapped_column(String(8))
    user: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Whose password it sets."""
    invited_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[float]
    expires_at: Mapped[float]
    used_at: Mapped[float | None]


class Attempts(Base):
    """How often something was tried in a span of time, over all replicas."""

    __tablename__ = "attempts"

    what: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    since: Mapped[float]


class PendingLogin(Base):
    """A sign-in that went to a provider of identities and has not come back."""

    __tablename__ = "pending_logins"

    state: Mapped[str] = mapped_column(String(64), primary_key=True)
    """sha256 of the state that comes back."""
    browser: Mapped[str] = mapped_column(String(64))
    """sha256 of the cookie of the browser that went."""
    nonce: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str] = mapped_column(String(128))
    page: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[float]


class AuditEntry(Base):
    """Who did what, when, and from where. Rows are only added."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[float] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(64))
    """The user's name, as it was then; "" is nobody who signed in."""
    by: Mapped[str] = mapped_column(String(32))
    """What they signed in with: "session", "key <id>", …"""
    address: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(300))
    detail: Mapped[dict[str, Any]]
