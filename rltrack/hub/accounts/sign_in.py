"""Signing in and out, and links that are used once: set-up, invitation, new password."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import delete, select, update
from starlette.responses import Response

from rltrack.hub import audit, passwords, tokens
from rltrack.hub.accounts import people
from rltrack.hub.accounts.asked import Asked, entity_name
from rltrack.hub.gate import SESSION_COOKIE
from rltrack.hub.limits import Limit, attempt, forget_attempts
from rltrack.hub.models import Entity, Invitation, LoginSession, Member, User
from rltrack.hub.who import Who
from rltrack.server.answers import Refusal, json_answer

#: Of one address for one name, of one name from everywhere, and of one address for all names.
_ONE_PAIR: Final = Limit(10, 900)
_ONE_NAME: Final = Limit(100, 900)
_ONE_ADDRESS: Final = Limit(50, 900)


def account(asked: Asked) -> dict[str, Any]:
    """Who asks, and how one can sign in here."""
    who = asked.who
    config = asked.accounts.config
    return {
        "name": who.name,
        "is_admin": who.is_admin,
        "by": who.by.partition(" ")[0],
        "scope": who.scope,
        "project": who.only_project,
        "entities": [{"name": name, "role": role} for name, role in sorted(who.roles.items())],
        "link": None if who.link is None else {"project": who.link.project},
        "provider": config.oidc_name if config.oidc_issuer else None,
    }


def login(asked: Asked) -> Response:
    """Sign in with a password."""
    name, password = asked.text("name"), asked.text("password", most=1000)
    accounts, now = asked.accounts, asked.accounts.now()
    pair = f"login {name} {asked.address}"
    # Counted before it is tried, and in a transaction of its own: a wrong one counts, too.
    with accounts.database.write() as session:
        attempt(session, pair, _ONE_PAIR, now)
        attempt(session, f"login name {name}", _ONE_NAME, now)
        attempt(session, f"login from {asked.address}", _ONE_ADDRESS, now)
    with accounts.database.read() as session:
        found = session.execute(
            select(Entity.id, User.password)
            .join(User, User.id == Entity.id)
            .where(Entity.name == name, Entity.deleted_at.is_(None))
        ).one_or_none()
    if not passwords.is_right(None if found is None else found.password, password):
        with accounts.database.write() as session:
            asked.note(session, "login.failed", name)
        raise Refusal(403, "no user has this name and password", "check both, then try again")
    assert found is not None
    with accounts.database.write() as session:
        forget_attempts(session, pair)
    return signed_in(asked, found.id, name, "password")


def signed_in(asked: Asked, user_id: int, name: str, how: str) -> Response:
    """The answer with the cookie of a new session; that of the one before ends."""
    answer = json_answer(asked.request, {"name": name})
    give_session(asked, answer, user_id, name, how)
    return answer


def give_session(asked: Asked, answer: Response, user_id: int, name: str, how: str) -> None:
    """Sign the browser in that gets `answer`.

    Never with the cookie that it came with: somebody else may have put that there, to be signed
    in together with its user.
    """
    with asked.accounts.database.write() as session:
        _end_present(asked, session)
        secret = people.open_session(
            session,
            user_id,
            now=asked.accounts.now(),
            address=asked.address,
            agent=asked.request.headers.get("user-agent", ""),
        )
        audit.note(session, Who(name=name, id=user_id, by=how), asked.address, "login", name)
    asked.accounts.changed()
    asked.set_cookie(answer, SESSION_COOKIE, secret, people.SESSION_S)


def logout(asked: Asked) -> Response:
    """End the session."""
    with asked.accounts.database.write() as session:
        _end_present(asked, session)
        if asked.who.is_signed_in:
            asked.note(session, "logout", asked.who.name or "")
    asked.accounts.changed()
    answer = json_answer(asked.request, {})
    answer.delete_cookie(SESSION_COOKIE)
    return answer


def _end_present(asked: Asked, session: Any) -> None:
    if cookie := asked.session_cookie:
        kept = tokens.hashed(cookie)
        session.execute(delete(LoginSession).where(LoginSession.secret == kept))


def invitation(asked: Asked) -> dict[str, Any]:
    """What a link is for; it is not used by that."""
    with asked.accounts.database.write() as session:
        _count_link(asked, session)
        row = people.found_invitation(session, asked.text("secret"), asked.accounts.now())
        team = None if row.team is None else session.get_one(Entity, row.team).name
        user = None if row.user is None else session.get_one(Entity, row.user).name
        return {"kind": row.kind, "team": team, "role": row.role, "user": user}


def accept(asked: Asked) -> Response:
    """Use a link: the first administrator, a new user, a member of a team, a new password."""
    now = asked.accounts.now()
    with asked.accounts.database.write() as session:
        _count_link(asked, session)
    with asked.accounts.database.write() as session:
        row = people.found_invitation(session, asked.text("secret"), now)
        row.used_at = now
        if row.kind == "password":
            assert row.user is not None
            user = session.get_one(User, row.user)
            user.password = passwords.hashed(asked.text("password", most=1000))
            people.end_sessions(session, user.id)
            name = session.get_one(Entity, user.id).name
        elif row.team is not None and asked.who.id is not None:
            user = session.get_one(User, asked.who.id)  # who is here already, and joins
            name = asked.who.name or ""
        else:
            name = entity_name(asked.body.get("name"))
            user = people.add_user(
                session,
                name,
                asked.text("password", most=1000),
                now=now,
                is_admin=row.kind == "setup",
            )
        if row.kind == "setup":  # of all replicas that printed one
            session.execute(
                update(Invitation)
                .where(Invitation.kind == "setup", Invitation.used_at.is_(None))
                .values(used_at=now)
            )
        if row.team is not None:
            session.merge(Member(team=row.team, user=user.id, role=row.role or "viewer"))
        asked.note(session, f"invitation.{row.kind}", name, invitation=row.id)
    return signed_in(asked, user.id, name, "invitation")


def _count_link(asked: Asked, session: Any) -> None:
    attempt(session, f"link from {asked.address}", _ONE_ADDRESS, asked.accounts.now())


def change_password(asked: Asked) -> dict[str, Any]:
    """Set a new password; all other browsers are signed out."""
    accounts = asked.accounts
    with accounts.database.write() as session:
        attempt(session, f"password {asked.user}", _ONE_PAIR, accounts.now())
    with accounts.database.write() as session:
        user = session.get_one(User, asked.user)
        if user.password is not None and not passwords.is_right(
            user.password, asked.text("old", most=1000)
        ):
            raise Refusal(403, "the old password is another", "sign out to get a new one by a link")
        user.password = passwords.hashed(asked.text("new", most=1000))
        people.end_sessions(session, user.id, but=asked.session_cookie)
        asked.note(session, "password.change", asked.who.name or "")
    accounts.changed()
    return {}
