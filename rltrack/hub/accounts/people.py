"""Users: made, invited, deleted; the sessions of their browsers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rltrack.hub import passwords, tokens
from rltrack.hub.models import (
    ApiKey,
    Entity,
    Invitation,
    LoginSession,
    Member,
    Role,
    Scope,
    ShareLink,
    User,
)
from rltrack.server.answers import Refusal

SESSION_S: Final = 30 * 86400
INVITATION_S: Final = 7 * 86400
SETUP_S: Final = 86400


def add_user(
    session: Session,
    name: str,
    password: str | None,
    *,
    now: float,
    is_admin: bool = False,
    issuer: str | None = None,
    subject: str | None = None,
) -> User:
    """Make a user.

    Args:
        session: the transaction.
        name: one that `checked_entity` accepts.
        password: None: signs in with a provider of identities only.
        now: seconds since the epoch.
        is_admin: of the whole server.
        issuer: the provider of identities,
        subject: and who they are there.

    Raises:
        Refusal: the name is taken, or the password too short.
    """
    kept = None if password is None else passwords.hashed(password)
    entity = add_entity(session, name, "user", now=now)
    user = User(id=entity.id, password=kept, is_admin=is_admin, issuer=issuer, subject=subject)
    session.add(user)
    session.flush()
    return user


def add_entity(session: Session, name: str, kind: str, *, now: float, title: str = "") -> Entity:
    """Take a name for a user or team.

    Raises:
        Refusal: it is taken, if only by somebody who was deleted.
    """
    entity = Entity(name=name, kind=kind, title=title, created_at=now, used_bytes=0)
    try:
        with session.begin_nested():
            session.add(entity)
    except IntegrityError:
        raise Refusal(409, f"the name {name!r} is taken", "choose another") from None
    return entity


def delete_user(session: Session, user: User, now: float) -> None:
    """End all that lets a user in; the name stays taken, the projects stay."""
    entity = session.get_one(Entity, user.id)
    entity.deleted_at = now
    user.password, user.is_admin, user.issuer, user.subject = None, False, None, None
    for table in (ApiKey, ShareLink):
        session.execute(
            update(table)
            .where(table.user == user.id, table.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    session.execute(delete(LoginSession).where(LoginSession.user == user.id))
    session.execute(delete(Member).where(Member.user == user.id))
    session.execute(
        update(Invitation)
        .where(
            or_(Invitation.user == user.id, Invitation.invited_by == user.id),
            Invitation.used_at.is_(None),
        )
        .values(used_at=now)
    )


def open_session(session: Session, user_id: int, *, now: float, address: str, agent: str) -> str:
    """Sign a browser in; the cookie that it gets."""
    secret = tokens.new_secret()
    session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
    session.add(
        LoginSession(
            id=tokens.new_id(),
            secret=tokens.hashed(secret),
            user=user_id,
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_S,
            address=address[:64],
            agent=agent[:200],
        )
    )
    return secret


def end_sessions(session: Session, user_id: int, *, but: str | None = None) -> None:
    """Sign all browsers of a user out, but for the one with the cookie `but`."""
    ended = delete(LoginSession).where(LoginSession.user == user_id)
    if but is not None:
        ended = ended.where(LoginSession.secret != tokens.hashed(but))
    session.execute(ended)


def add_key(
    session: Session,
    user_id: int,
    name: str,
    scope: Scope,
    *,
    now: float,
    project: str | None = None,
    expires_at: float | None = None,
) -> tuple[ApiKey, str]:
    """Make an API key; its row, and the key, which nobody can read again."""
    secret = tokens.new_secret()
    key_id = tokens.new_id()
    key = tokens.api_key(key_id, secret)
    row = ApiKey(
        id=key_id,
        secret=tokens.hashed(key),
        user=user_id,
        name=name,
        scope=scope,
        project=project,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    return row, key


def invite(
    session: Session,
    kind: str,
    *,
    now: float,
    by: int | None = None,
    team: int | None = None,
    role: Role | None = None,
    user: int | None = None,
) -> str:
    """Make a link that works once; the secret that goes into it."""
    secret = tokens.new_secret()
    session.add(
        Invitation(
            id=tokens.new_id(),
            secret=tokens.hashed(secret),
            kind=kind,
            team=team,
            role=role,
            user=user,
            invited_by=by,
            created_at=now,
            expires_at=now + (SETUP_S if kind == "setup" else INVITATION_S),
        )
    )
    return secret


def found_invitation(session: Session, secret: str, now: float) -> Invitation:
    """An invitation that was not used yet.

    Raises:
        Refusal: there is none, or no more.
    """
    row = session.scalar(
        select(Invitation).where(Invitation.secret == tokens.hashed(secret)).with_for_update()
    )
    if row is None or row.used_at is not None or row.expires_at <= now:
        raise Refusal(404, "this link was used, or is too old", "ask for a new one")
    return row


def has_users(session: Session) -> bool:
    """Whether the server was set up."""
    return bool(session.scalar(select(func.count()).select_from(User)))


def user_named(session: Session, name: str) -> User:
    """A user who was not deleted.

    Raises:
        Refusal: there is none of that name.
    """
    user = session.scalar(
        select(User)
        .join(Entity, Entity.id == User.id)
        .where(Entity.name == name, Entity.deleted_at.is_(None))
    )
    if user is None:
        raise Refusal(404, f"no user {name[:40]!r}", "they may have been deleted")
    return user
