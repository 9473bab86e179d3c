"""One's own API keys and sessions."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import delete, func, select

from rltrack.hub import tokens
from rltrack.hub.accounts import people
from rltrack.hub.accounts.asked import Asked
from rltrack.hub.models import ApiKey, LoginSession, Scope
from rltrack.hub.who import entity_of
from rltrack.server.answers import Refusal

_MOST_KEYS: Final = 200


def list_keys(asked: Asked) -> dict[str, Any]:
    """All keys that open something, or did."""
    with asked.accounts.database.read() as session:
        rows = session.scalars(
            select(ApiKey).where(ApiKey.user == asked.user).order_by(ApiKey.created_at.desc())
        )
        return {"keys": [_told(row) for row in rows]}


def make_key(asked: Asked) -> dict[str, Any]:
    """Make a key, and tell it for the only time."""
    scope = cast(Scope, asked.one_of("scope", ("read", "write", "admin")))
    project = asked.body.get("project")
    if project is not None:
        project = asked.who.full_name(asked.text("project"))
        if entity_of(project) is None or not asked.who.may("read", project):
            raise Refusal(404, f"no project {project!r} of yours", "leave it out to mean all")
    name = asked.text("name").strip() or "key"
    expires_at = asked.days("days")
    with asked.accounts.database.write() as session:
        held = select(func.count()).where(ApiKey.user == asked.user, ApiKey.revoked_at.is_(None))
        if (session.scalar(held) or 0) >= _MOST_KEYS:
            raise Refusal(409, f"you have {_MOST_KEYS} keys", "revoke those that you do not need")
        row, key = people.add_key(
            session,
            asked.user,
            name,
            scope,
            now=asked.accounts.now(),
            project=project,
            expires_at=expires_at,
        )
        asked.note(session, "key.make", row.id, name=name, scope=scope, project=project)
        return {**_told(row), "key": key}


def revoke_key(asked: Asked) -> dict[str, Any]:
    """A key opens nothing from now on."""
    with asked.accounts.database.write() as session:
        row = session.get(ApiKey, asked.path("id"))
        if row is None or row.user != asked.user:
            raise Refusal(
                404, f"no key {asked.path('id')!r} of yours", "the account page lists them"
            )
        row.revoked_at = row.revoked_at or asked.accounts.now()
        asked.note(session, "key.revoke", row.id)
    asked.accounts.changed()
    return {}


def list_sessions(asked: Asked) -> dict[str, Any]:
    """The browsers that are signed in."""
    mine = asked.session_cookie
    with asked.accounts.database.read() as session:
        rows = session.scalars(
            select(LoginSession)
            .where(LoginSession.user == asked.user, LoginSession.expires_at > asked.accounts.now())
            .order_by(LoginSession.seen_at.desc())
        )
        return {
            "sessions": [
                {
                    "id": row.id,
                    "created_at": row.created_at,
                    "seen_at": row.seen_at,
                    "address": row.address,
                    "agent": row.agent,
                    "is_this": mine is not None and row.secret == tokens.hashed(mine),
                }
                for row in rows
            ]
        }


def end_session(asked: Asked) -> dict[str, Any]:
    """Sign one browser out."""
    session_id = asked.path("id")
    with asked.accounts.database.write() as session:
        found = session.get(LoginSession, session_id)
        if found is None or found.user != asked.user:
            raise Refusal(404, f"no session {session_id!r} of yours", "it may have ended")
        session.execute(delete(LoginSession).where(LoginSession.id == session_id))
        asked.note(session, "session.end", session_id)
    asked.accounts.changed()
    return {}


def _told(row: ApiKey) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "scope": row.scope,
        "project": row.project,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
        "revoked_at": row.revoked_at,
    }
