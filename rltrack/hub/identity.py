"""Finds out who asks: by an API key, the cookie of a session, the cookie of a share link.

What was found is remembered for two seconds, so that a program that asks a thousand times a
second costs few looks into the database; every change of this process forgets it all, so a
key that is revoked is refused at once here, and within two seconds by another replica.
"""

from __future__ import annotations

import contextlib
import hmac
import threading
import time
from collections.abc import Callable
from typing import Final, Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from rltrack.hub.database import Database
from rltrack.hub.models import (
    ApiKey,
    Entity,
    LoginSession,
    Member,
    ProjectAccess,
    Role,
    Scope,
    ShareLink,
    User,
)
from rltrack.hub.tokens import hashed, id_of_key
from rltrack.hub.who import Link, Who
from rltrack.server.answers import Refusal

REMEMBERED_S: Final = 2.0
_MOST_REMEMBERED: Final = 10_000
#: How exact "last used" is: it costs a write.
_USED_S: Final = 60.0
NOBODY: Final = Who()


class Identities:
    """Looks people up.

    Args:
        database: where they are.
        now: seconds since the epoch.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self.now = now
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, Who | Link | bool | None]] = {}
        self._generation = 0

    def forget(self) -> None:
        """Something about somebody has changed."""
        with self._lock:
            self._known.clear()
            self._generation += 1

    def remembers(self, kind: Literal["key", "session", "link", "project"], of: str) -> bool:
        """Whether the answer is known, for a moment at least: then asking takes no time.

        Args:
            kind: of the question: `by_key`, `by_cookie`, `link`, `is_public`.
            of: what it is asked about.
        """
        known = self._known.get((kind, of if kind == "project" else hashed(of)))
        return known is not None and known[0] > time.monotonic()

    def by_key(self, key: str) -> Who | None:
        """The user of an API key; None: it opens nothing (any more)."""
        found = self._remember("key", hashed(key), lambda session: self._key(session, key))
        assert found is None or isinstance(found, Who)
        return found

    def by_cookie(self, cookie: str) -> Who | None:
        """The user of a session; None: it has ended."""
        kept = hashed(cookie)
        found = self._remember("session", kept, lambda session: self._session(session, kept))
        assert found is None or isinstance(found, Who)
        return found

    def link(self, secret: str) -> Link | None:
        """What a share link shows; None: nothing (any more)."""
        kept = hashed(secret)
        found = self._remember("link", kept, lambda session: self._link(session, kept))
        assert found is None or isinstance(found, Link)
        return found

    def is_public(self, project: str) -> bool:
        """Whether everybody may read a project."""

        def look(session: Session) -> bool:
            row = session.get(ProjectAccess, project)
            return row is not None and row.visibility == "public"

        return bool(self._remember("project", project, look))

    def _remember(
        self, kind: str, of: str, look: Callable[[Session], Who | Link | bool | None]
    ) -> Who | Link | bool | None:
        at = time.monotonic()
        with self._lock:
            known = self._known.get((kind, of))
            if known is not None and known[0] > at:
                return known[1]
            generation = self._generation
        with self._database.read() as session:
            found = look(session)
        with self._lock:
            if generation == self._generation:  # else a change has overtaken it
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                self._known[kind, of] = (at + REMEMBERED_S, found)
        return found

    def _key(self, session: Session, key: str) -> Who | None:
        key_id = id_of_key(key)
        row = None if key_id is None else session.get(ApiKey, key_id)
        # The time that this takes says nothing of the secret.
        if not hmac.compare_digest(row.secret if row is not None else "", hashed(key)):
            return None
        assert row is not None
        if row.revoked_at is not None or _is_over(row.expires_at, self.now()):
            return None
        who = self.of_user(session, row.user)
        if who is None:
            return None
        if row.used_at is None or row.used_at < self.now() - _USED_S:
            self._touch(ApiKey, row.id)
        return Who(
            name=who.name,
            id=who.id,
            by=f"key {row.id}",
            is_admin=who.is_admin and row.scope == "admin" and row.project is None,
            scope=cast(Scope, row.scope),
            only_project=row.project,
            roles=who.roles,
        )

    def _session(self, session: Session, kept: str) -> Who | None:
        row = session.scalar(select(LoginSession).where(LoginSession.secret == kept))
        if row is None or _is_over(row.expires_at, self.now()):
            return None
        who = self.of_user(session, row.user)
        if who is None:
            return None
        if row.seen_at < self.now() - _USED_S:
            self._touch(LoginSession, row.id)
        return Who(
            name=who.name,
            id=who.id,
            by=f"session {row.id}",
            is_admin=who.is_admin,
            roles=who.roles,
        )

    def _link(self, session: Session, kept: str) -> Link | None:
        row = session.scalar(select(ShareLink).where(ShareLink.secret == kept))
        if row is None or row.revoked_at is not None or _is_over(row.expires_at, self.now()):
            return None
        maker = self.of_user(session, row.user)
        if maker is None or not maker.may("read", row.project):
            return None  # nobody shows what they no longer see
        runs = None if row.runs is None else frozenset(row.runs)
        return Link(row.id, row.project, runs)

    def of_user(self, session: Session, user_id: int) -> Who | None:
        """A user with all of their rights; None if they were deleted."""
        found = session.execute(
            select(Entity, User).join(User, User.id == Entity.id).where(Entity.id == user_id)
        ).one_or_none()
        if found is None or found[0].deleted_at is not None:
            return None
        entity, user = found
        roles: dict[str, Role] = {entity.name: "owner"}
        for name, role in session.execute(
            select(Entity.name, Member.role)
            .join(Member, Member.team == Entity.id)
            .where(Member.user == user_id, Entity.deleted_at.is_(None))
        ):
            roles[name] = cast(Role, role)
        return Who(name=entity.name, id=user_id, is_admin=user.is_admin, roles=roles)

    def _touch(self, table: type[ApiKey] | type[LoginSession], row_id: str) -> None:
        # That it cannot be written just now is no reason to let nobody read.
        with contextlib.suppress(Refusal), self._database.write() as session:
            row = session.get(table, row_id)
            if isinstance(row, ApiKey):
                row.used_at = self.now()
            elif isinstance(row, LoginSession):
                row.seen_at = self.now()


def _is_over(at: float | None, now: float) -> bool:
    return at is not None and at <= now
