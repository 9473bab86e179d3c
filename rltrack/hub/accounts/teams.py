"""Teams, and who is in them as what."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from rltrack.hub.accounts import people
from rltrack.hub.accounts.asked import Asked, entity_name, found_entity
from rltrack.hub.models import Entity, Member, Role
from rltrack.server.answers import Refusal

_ROLES: Final = ("owner", "member", "viewer")


def list_teams(asked: Asked) -> dict[str, Any]:
    """The teams that one is in; an administrator sees all."""
    with asked.accounts.database.read() as session:
        rows = session.scalars(
            select(Entity)
            .where(Entity.kind == "team", Entity.deleted_at.is_(None))
            .order_by(Entity.name)
        )
        return {
            "teams": [
                {"name": row.name, "title": row.title, "role": asked.who.roles.get(row.name)}
                for row in rows
                if row.name in asked.who.roles or asked.who.is_admin
            ]
        }


def make_team(asked: Asked) -> dict[str, Any]:
    """Make a team, and be its owner."""
    name = entity_name(asked.body.get("name"))
    with asked.accounts.database.write() as session:
        team = people.add_entity(
            session, name, "team", now=asked.accounts.now(), title=asked.text("title", default="")
        )
        session.add(Member(team=team.id, user=asked.user, role="owner"))
        asked.note(session, "team.make", name)
    asked.accounts.changed()
    return {"name": name}


def show_team(asked: Asked) -> dict[str, Any]:
    """Its members; for those who are in it."""
    name = asked.path("team")
    if name not in asked.who.roles and not asked.who.is_admin:
        raise Refusal(404, f"no team {name[:40]!r} that you are in", "ask an owner to invite you")
    with asked.accounts.database.read() as session:
        team = found_entity(session, name, "team")
        rows = session.execute(
            select(Entity.name, Member.role)
            .join(Member, Member.user == Entity.id)
            .where(Member.team == team.id)
            .order_by(Entity.name)
        )
        return {
            "name": team.name,
            "title": team.title,
            "role": asked.who.roles.get(name),
            "members": [{"name": user, "role": role} for user, role in rows],
            "quota_bytes": team.quota_bytes,
            "used_bytes": team.used_bytes,
        }


def show_room(asked: Asked) -> dict[str, Any]:
    """What one's own projects take and may take, and those of one's teams."""
    with asked.accounts.database.read() as session:
        rows = session.scalars(
            select(Entity).where(Entity.name.in_(asked.who.roles)).order_by(Entity.name)
        )
        return {
            "entities": [
                {
                    "name": row.name,
                    "used_bytes": row.used_bytes,
                    "most_bytes": asked.accounts.most_bytes(row),
                }
                for row in rows
            ]
        }


def invite(asked: Asked) -> dict[str, Any]:
    """A link for somebody to join, who may have no account yet."""
    role = cast(Role, asked.one_of("role", _ROLES))
    with asked.accounts.database.write() as session:
        team = owned(asked, session)
        secret = people.invite(
            session, "join", now=asked.accounts.now(), by=asked.user, team=team.id, role=role
        )
        asked.note(session, "team.invite", team.name, role=role)
    return {"url": f"{asked.base}/join#{secret}"}


def set_role(asked: Asked) -> dict[str, Any]:
    """Make a member something else; whoever has no part in it needs an invitation."""
    role = asked.one_of("role", _ROLES)
    with asked.accounts.database.write() as session:
        team = owned(asked, session)
        member = _member(asked, session, team)
        if member.role == "owner" and role != "owner":
            _keep_an_owner(session, team)
        member.role = role
        asked.note(session, "team.role", team.name, user=asked.path("user"), role=role)
    asked.accounts.changed()
    return {}


def remove(asked: Asked) -> dict[str, Any]:
    """Take somebody out of a team; whoever wants to may leave."""
    with asked.accounts.database.write() as session:
        leaves = asked.path("user") == asked.who.name and asked.path("team") in asked.who.roles
        team = (
            found_entity(session, asked.path("team"), "team") if leaves else owned(asked, session)
        )
        member = _member(asked, session, team)
        if member.role == "owner":
            _keep_an_owner(session, team)
        session.execute(delete(Member).where(Member.team == team.id, Member.user == member.user))
        asked.note(session, "team.remove", team.name, user=asked.path("user"))
    asked.accounts.changed()
    return {}


def owned(asked: Asked, session: Session) -> Entity:
    """The team that is asked about, for one of its owners.

    Raises:
        Refusal: who asks is none, or there is no such team.
    """
    name, role = asked.path("team"), asked.who.roles.get(asked.path("team"))
    if role is None and not asked.who.is_admin:
        raise Refusal(404, f"no team {name[:40]!r} that you are in", "ask an owner to invite you")
    if role != "owner" and not asked.who.is_admin:
        raise Refusal(403, f"you are a {role} of {name}", "ask one of its owners")
    return found_entity(session, name, "team")


def _member(asked: Asked, session: Session, team: Entity) -> Member:
    user = found_entity(session, asked.path("user"), "user")
    member = session.get(Member, (team.id, user.id))
    if member is None:
        raise Refusal(404, f"{user.name} is not in {team.name}", "make an invitation")
    return member


def _keep_an_owner(session: Session, team: Entity) -> None:
    owners = select(func.count()).where(Member.team == team.id, Member.role == "owner")
    if (session.scalar(owners) or 0) < 2:
        raise Refusal(409, f"this is the last owner of {team.name}", "make another one first")
