"""How a route of an account is written: a plain function of what was asked, on a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rltrack.errors import UsageError
from rltrack.hub import audit
from rltrack.hub.config import HubConfig
from rltrack.hub.database import Database
from rltrack.hub.gate import SESSION_COOKIE, address_of
from rltrack.hub.identity import Identities
from rltrack.hub.models import Entity
from rltrack.hub.who import Who, checked_entity
from rltrack.server.answers import Refusal, json_answer
from rltrack.server.app import read_body


@dataclass(frozen=True, slots=True)
class Accounts:
    """What all these routes work on."""

    database: Database
    identities: Identities
    config: HubConfig

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.identities.now()

    def most_bytes(self, entity: Entity) -> int | None:
        """What its projects may take; None: any amount."""
        return self.config.quota_bytes if entity.quota_bytes is None else entity.quota_bytes

    def changed(self) -> None:
        """Somebody's rights are others than before."""
        self.identities.forget()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    accounts: Accounts
    request: Request
    body: dict[str, Any]

    @property
    def who(self) -> Who:
        """Who asks."""
        found: Who = self.request.scope["state"]["who"]
        return found

    @property
    def user(self) -> int:
        """The id of the user who asks."""
        assert self.who.id is not None, "the gate lets nobody else in"
        return self.who.id

    @property
    def address(self) -> str:
        """From where."""
        return address_of(self.request)

    @property
    def base(self) -> str:
        """The server's address, as people reach it; without a slash at its end."""
        said = self.accounts.config.public_url
        return (said or str(self.request.base_url)).rstrip("/")

    def path(self, name: str) -> str:
        """A part of the address."""
        found: str = self.request.path_params[name]
        return found

    def text(self, name: str, *, most: int = 200, default: str | None = None) -> str:
        """A text of the body.

        Raises:
            Refusal: it is none, or too long.
        """
        value = self.body.get(name, default)
        if not isinstance(value, str) or len(value) > most or "\x00" in value:
            raise Refusal(400, f"{name}={_brief(value)}", f"send a text of up to {most} characters")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """A text of the body that is one of these.

        Raises:
            Refusal: it is none of them.
        """
        value = self.body.get(name)
        if not isinstance(value, str) or value not in choices:
            raise Refusal(400, f"{name}={_brief(value)}", f"it is one of {', '.join(choices)}")
        return value

    def days(self, name: str, most: int = 3650) -> float | None:
        """When so many days are over that the body says; None: never.

        Raises:
            Refusal: it is no number of days.
        """
        value = self.body.get(name)
        if value is None:
            return None
        if type(value) not in (int, float) or not 0 < value <= most:
            raise Refusal(400, f"{name}={_brief(value)}", f"it is a number of up to {most} days")
        return self.accounts.now() + 86400 * float(value)

    def note(self, session: Session, action: str, target: str = "", **detail: Any) -> None:
        """Tell the audit log, with what is being done."""
        audit.note(session, self.who, self.address, action, target, **detail)

    def set_cookie(
        self, answer: Response, name: str, value: str, max_age_s: int, path: str = "/"
    ) -> None:
        """Give the browser something that no script reads and no other site sends for us."""
        public = self.accounts.config.public_url
        scheme = urlsplit(public).scheme if public else self.request.url.scheme
        answer.set_cookie(
            name,
            value,
            max_age=max_age_s,
            path=path,
            httponly=True,
            samesite="lax",
            secure=scheme == "https",
        )

    @property
    def session_cookie(self) -> str | None:
        """What the browser has of a session."""
        return self.request.cookies.get(SESSION_COOKIE)


Work = Callable[[Asked], object]


def endpoint(accounts: Accounts, work: Work) -> Callable[[Request], Awaitable[Response]]:
    """The route that does some work; what it returns is the answer, as JSON if it is none yet."""

    async def answer(request: Request) -> Response:
        body: object = {}
        if request.method in ("POST", "PUT"):
            body = await read_body(request)
        if not isinstance(body, dict):
            raise Refusal(400, "the body is no object", "send one as JSON")
        asked = Asked(accounts, request, body)
        done = await run_in_threadpool(work, asked)
        return done if isinstance(done, Response) else json_answer(request, done)

    answer.__doc__ = work.__doc__
    return answer


def entity_name(value: object) -> str:
    """A name for somebody.

    Raises:
        Refusal: it may not be one.
    """
    try:
        return checked_entity(value)
    except UsageError as mistake:
        told, _, hint = str(mistake).partition("; ")
        raise Refusal(400, told, hint) from None


def found_entity(session: Session, name: str, kind: str) -> Entity:
    """A user or team that was not deleted.

    Raises:
        Refusal: there is none of that name.
    """
    entity = session.scalar(
        select(Entity).where(Entity.name == name, Entity.kind == kind, Entity.deleted_at.is_(None))
    )
    if entity is None:
        raise Refusal(404, f"no {kind} {name[:40]!r}", "it may have been deleted")
    return entity


def _brief(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 60 else f"{told[:57]}…"


DAY_S: Final = 86400
