"""What administrators of the server do: users, quotas, and the log of who did what."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select

from rltrack.hub.accounts import people
from rltrack.hub.accounts.asked import Asked, found_entity
from rltrack.hub.models import AuditEntry, Entity, LoginSession, User
from rltrack.server.answers import Refusal

_MOST_ENTRIES: Final = 1000
_NEWEST: Final = 1 << 62  # which databases hold


def list_users(asked: Asked) -> dict[str, Any]:
    """All users."""
    with asked.accounts.database.read() as session:
        seen = (
            select(LoginSession.user, func.max(LoginSession.seen_at).label("at"))
            .group_by(LoginSession.user)
            .subquery()
        )
        rows = session.execute(
            select(Entity, User, seen.c.at)
            .join(User, User.id == Entity.id)
            .outerjoin(seen, seen.c.user == User.id)
            .where(Entity.deleted_at.is_(None))
            .order_by(Entity.name)
        )
        return {
            "users": [
                {
                    "name": entity.name,
                    "is_admin": user.is_admin,
                    "has_password": user.password is not None,
                    "created_at": entity.created_at,
                    "seen_at": at,
                }
                for entity, user, at in rows
            ]
        }


def invite(asked: Asked) -> dict[str, Any]:
    """A link by which somebody makes an account."""
    with asked.accounts.database.write() as session:
        secret = people.invite(session, "join", now=asked.accounts.now(), by=asked.user)
        asked.note(session, "user.invite")
    return {"url": f"{asked.base}/join#{secret}"}


def change_user(asked: Asked) -> dict[str, Any]:
    """Make somebody an administrator, or none."""
    is_admin = asked.body.get("is_admin")
    if not isinstance(is_admin, bool):
        raise Refusal(400, "is_admin is neither true nor false", "send one of them")
    with asked.accounts.database.write() as session:
        entity = found_entity(session, asked.path("user"), "user")
        if entity.id == asked.user:
            raise Refusal(409, "you would take the right from yourself", "another one may do it")
        session.get_one(User, entity.id).is_admin = is_admin
        asked.note(session, "user.admin", entity.name, is_admin=is_admin)
    asked.accounts.changed()
    return {}


def delete_user(asked: Asked) -> dict[str, Any]:
    """Let a user in no more; what they recorded stays."""
    with asked.accounts.database.write() as session:
        entity = found_entity(session, asked.path("user"), "user")
        if entity.id == asked.user:
            raise Refusal(409, "you would delete yourself", "another administrator may do it")
        people.delete_user(session, session.get_one(User, entity.id), asked.accounts.now())
        asked.note(session, "user.delete", entity.name)
    asked.accounts.changed()
    return {}


def password_link(asked: Asked) -> dict[str, Any]:
    """A link by which somebody sets a new password."""
    with asked.accounts.database.write() as session:
        entity = found_entity(session, asked.path("user"), "user")
        secret = people.invite(
            session, "password", now=asked.accounts.now(), by=asked.user, user=entity.id
        )
        asked.note(session, "user.password", entity.name)
    return {"url": f"{asked.base}/join#{secret}"}


def list_quotas(asked: Asked) -> dict[str, Any]:
    """What each user's and team's projects take, and may take."""
    with asked.accounts.database.read() as session:
        rows = session.scalars(
            select(Entity).where(Entity.deleted_at.is_(None)).order_by(Entity.name)
        )
        return {
            "default_bytes": asked.accounts.config.quota_bytes,
            "entities": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "quota_bytes": row.quota_bytes,
                    "used_bytes": row.used_bytes,
                    "most_bytes": asked.accounts.most_bytes(row),
                }
                for row in rows
            ],
        }


def set_quota(asked: Asked) -> dict[str, Any]:
    """How much the projects of a user or team may take; null: as much as by default."""
    most = asked.body.get("bytes")
    if most is not None and (type(most) is not int or not 0 <= most < 1 << 62):
        raise Refusal(400, "bytes is no number", "send a number of bytes, or null for the default")
    name = asked.path("entity")
    with asked.accounts.database.write() as session:
        entity = session.scalar(select(Entity).where(Entity.name == name))
        if entity is None:
            raise Refusal(404, f"no user or team {name[:40]!r}", "/api/admin/quotas lists them")
        entity.quota_bytes = most
        asked.note(session, "quota.set", name, bytes=most)
    return {}


def audit_log(asked: Asked) -> dict[str, Any]:
    """The newest entries, or those before one."""
    query = asked.request.query_params
    try:
        before, limit = int(query.get("before", _NEWEST)), int(query.get("limit", 100))
    except ValueError:
        raise Refusal(400, "before or limit is no number", "leave them out") from None
    with asked.accounts.database.read() as session:
        rows = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.id < min(max(before, 0), _NEWEST))
            .order_by(AuditEntry.id.desc())
            .limit(min(max(limit, 1), _MOST_ENTRIES))
        )
        return {
            "entries": [
                {
                    "id": row.id,
                    "at": row.at,
                    "who": row.who,
                    "by": row.by,
                    "address": row.address,
                    "action": row.action,
                    "target": row.target,
                    "detail": row.detail,
                }
                for row in rows
            ]
        }
