"""Who may ask what: one table, and the middleware that holds every request against it.

A route that the table does not name is refused, so one that somebody adds is closed until its
rule is written here. What a rule lets through may still be answered in part only: lists show
what `Who` sees of them (`rltrack.server.sight`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rltrack.hub.identity import NOBODY, Identities
from rltrack.hub.limits import Buckets, TooMany
from rltrack.hub.quotas import Quotas
from rltrack.hub.sight import HubSight
from rltrack.hub.who import Level, Who, entity_of
from rltrack.server.answers import Refusal, json_answer

SESSION_COOKIE: Final = "rltrack-session"
LINK_COOKIE: Final = "rltrack-share"

Right = Literal[
    "anyone",  # nothing to see but what everybody may
    "listing",  # everybody; the answer shows only what they see
    "user",  # whoever has signed in, with any key
    "account",  # whoever may change their own account: a session, or a key for all
    "admin",  # of the server
    "run",  # who may read that run of the project; share links to it, too
    "some",  # who may read at least a run of the project; the answer shows those
    "read",  # who may read the whole project
    "write",  # who may add and change runs
    "own",  # who may say who sees the project
]

_ONE: Final = "/api/projects/{project:project}"
_SYNC: Final = "/api/sync/{project:project}"

RULES: Final[Mapping[tuple[str, str], Right]] = {
    # -- the page
    ("GET", "/{path:path}"): "anyone",
    ("GET", "/api/{path:path}"): "anyone",  # there is no such thing
    ("GET", "/api/meta"): "anyone",
    ("GET", "/api/openapi.json"): "anyone",
    ("GET", "/healthz"): "anyone",
    ("GET", "/readyz"): "anyone",
    ("GET", "/metrics"): "admin",
    ("GET", "/share/{secret}"): "anyone",
    # -- signing in
    ("GET", "/api/account"): "anyone",
    ("POST", "/api/login"): "anyone",
    ("POST", "/api/logout"): "anyone",
    ("POST", "/api/invitation"): "anyone",
    ("POST", "/api/invitation/accept"): "anyone",
    ("GET", "/api/oidc/start"): "anyone",
    ("GET", "/api/oidc/callback"): "anyone",
    # -- one's own account
    ("POST", "/api/account/password"): "account",
    ("GET", "/api/account/room"): "account",
    ("GET", "/api/account/keys"): "account",
    ("POST", "/api/account/keys"): "account",
    ("DELETE", "/api/account/keys/{id}"): "account",
    ("GET", "/api/account/sessions"): "account",
    ("DELETE", "/api/account/sessions/{id}"): "account",
    # -- teams: what a role in them allows is for their routes to say
    ("GET", "/api/teams"): "user",
    ("POST", "/api/teams"): "account",
    ("GET", "/api/teams/{team}"): "user",
    ("POST", "/api/teams/{team}/invitations"): "account",
    ("PUT", "/api/teams/{team}/members/{user}"): "account",
    ("DELETE", "/api/teams/{team}/members/{user}"): "account",
    ("POST", "/api/teams/{team}/deletion"): "account",
    # -- the server
    ("GET", "/api/admin/users"): "admin",
    ("POST", "/api/admin/invitations"): "admin",
    ("PUT", "/api/admin/users/{user}"): "admin",
    ("DELETE", "/api/admin/users/{user}"): "admin",
    ("POST", "/api/admin/users/{user}/password"): "admin",
    ("GET", "/api/admin/quotas"): "admin",
    ("PUT", "/api/admin/quotas/{entity}"): "admin",
    ("GET", "/api/admin/audit"): "admin",
    # -- projects
    ("GET", "/api/changes"): "listing",
    ("GET", "/api/projects"): "listing",
    ("GET", "/api/search"): "listing",
    ("GET", f"{_ONE}/runs"): "some",
    ("GET", f"{_ONE}/runs/{{run}}"): "run",
    ("GET", f"{_ONE}/runs/{{run}}/media/{{path:path}}"): "run",
    ("GET", f"{_ONE}/runs/{{run}}/files/{{path:path}}"): "run",
    ("GET", f"{_ONE}/runs/{{run}}/console"): "run",
    ("GET", f"{_ONE}/changes"): "some",
    # -- what other machines read as if it were in a folder there
    ("GET", f"{_ONE}/digests"): "some",
    ("GET", f"{_ONE}/runs/{{run}}/parts"): "run",
    ("GET", f"{_ONE}/runs/{{run}}/journal/{{segment}}"): "run",
    ("GET", f"{_ONE}/versions"): "read",
    ("GET", f"{_ONE}/blobs/{{digest}}"): "read",
    ("POST", f"{_ONE}/series"): "some",
    ("POST", f"{_ONE}/query"): "some",
    ("GET", f"{_ONE}/runs/{{run}}/episodes"): "run",
    ("GET", f"{_ONE}/runs/{{run}}/artifacts"): "read",  # which others may have, too
    ("POST", f"{_ONE}/tables/query"): "read",
    ("GET", f"{_ONE}/tables/export"): "read",
    ("POST", f"{_ONE}/media"): "some",
    ("POST", f"{_ONE}/histograms"): "some",
    ("GET", f"{_ONE}/artifacts"): "read",
    ("POST", f"{_ONE}/artifacts/change"): "write",
    ("POST", f"{_ONE}/artifacts/delete"): "write",
    ("POST", f"{_ONE}/artifacts/restore"): "write",
    ("GET", f"{_ONE}/artifact/{{name}}"): "read",
    ("GET", f"{_ONE}/artifact/{{name}}/{{version}}/files"): "read",
    ("GET", f"{_ONE}/artifact/{{name}}/{{version}}/lineage"): "read",
    ("GET", f"{_ONE}/artifact/{{name}}/{{version}}/file/{{path:path}}"): "read",
    ("GET", f"{_ONE}/sweeps"): "read",
    ("GET", f"{_ONE}/sweeps/{{sweep}}"): "read",
    ("POST", f"{_ONE}/sweeps/{{sweep}}/ask"): "write",
    ("POST", f"{_ONE}/sweeps"): "write",
    ("POST", f"{_ONE}/sweeps/{{sweep}}/board"): "write",
    ("GET", "/api/sweeps/{sweep}"): "listing",
    ("POST", f"{_ONE}/importances"): "read",
    ("GET", f"{_ONE}/spark"): "read",
    ("POST", f"{_ONE}/statistics"): "read",
    ("GET", f"{_ONE}/documents/{{kind}}"): "some",  # none of a project of which they see some runs
    ("GET", f"{_ONE}/documents/{{kind}}/{{id}}"): "read",
    ("PUT", f"{_ONE}/documents/{{kind}}/{{id}}"): "write",
    ("DELETE", f"{_ONE}/documents/{{kind}}/{{id}}"): "write",
    ("POST", f"{_ONE}/short"): "write",
    ("POST", f"{_ONE}/edit"): "write",
    ("POST", f"{_ONE}/delete"): "write",
    ("POST", f"{_ONE}/restore"): "write",
    ("POST", f"{_ONE}/move"): "write",
    ("POST", f"{_ONE}/stop"): "write",
    ("GET", f"{_ONE}/access"): "read",
    ("PUT", f"{_ONE}/access"): "own",
    ("POST", f"{_ONE}/deletion"): "own",
    ("GET", f"{_ONE}/links"): "write",
    ("POST", f"{_ONE}/links"): "write",
    ("DELETE", f"{_ONE}/links/{{id}}"): "write",
    # -- what machines send
    ("POST", f"{_SYNC}/blobs/missing"): "write",
    ("POST", f"{_SYNC}/blobs/{{digest}}"): "write",
    ("PUT", f"{_SYNC}/artifacts/{{path:path}}"): "write",
    ("POST", f"{_SYNC}/{{run}}"): "write",
    ("POST", f"{_SYNC}/{{run}}/journal/{{segment}}"): "write",
    ("PUT", f"{_SYNC}/{{run}}/facts"): "write",
    ("DELETE", f"{_SYNC}/{{run}}/stop"): "write",
    ("PUT", f"{_SYNC}/{{run}}/files/{{path:path}}"): "write",
}

#: Requests a second of each key and session, and of each address of those who have none.
ANONYMOUS_PER_S: Final = 30.0
#: Keys that open nothing, of each address.
_WRONG_KEYS_PER_S: Final = 2.0
_CHANGES_NOTHING: Final = ("GET", "HEAD", "OPTIONS")


class Gate:
    """Says who asks, and refuses what they may not.

    Args:
        app: what answers.
        identities: None: the server has no accounts, and everybody may do everything.
        per_s: requests a second of one key or session.
        quotas: counts what machines send, and refuses what is too much.
    """

    def __init__(
        self,
        app: ASGIApp,
        identities: Identities | None,
        per_s: float,
        quotas: Quotas | None = None,
    ) -> None:
        self._app = app
        self._identities = identities
        self._quotas = quotas
        self._signed_in = Buckets(per_s)
        self._anonymous = Buckets(ANONYMOUS_PER_S)
        self._wrong_keys = Buckets(_WRONG_KEYS_PER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            who = await self._identify(request)
            self._spare(request, who)
            scope.setdefault("state", {})["who"] = who
            found = _route_of(scope)
            if found is not None:  # else the router says what is wrong
                scope["state"]["route"] = found[0]  # which names nobody and holds no secret
                scope["state"]["sight"] = await self._check(request, who, *found)
                receive, send = await self._count(who, found, receive, send)
        except Refusal as refusal:
            told = {"error": refusal.error, "hint": refusal.hint}
            answer = json_answer(request, told, refusal.status)
            answer.headers.update(refusal.headers)
            await answer(scope, receive, send)
            return
        if scope["path"].endswith("/changes"):
            send = self._while_allowed(request, send)
        await self._app(scope, receive, send)

    async def _count(
        self, who: Who, found: _Found, receive: Receive, send: Send
    ) -> tuple[Receive, Send]:
        """What comes in counts for the user or team whose project it goes into."""
        route, params = found
        quotas = self._quotas
        if quotas is None or not route.startswith(_SYNC):
            return receive, send
        entity = entity_of(who.full_name(params["project"]))
        if entity is None:
            return receive, send
        if not quotas.has_room(entity):
            await run_in_threadpool(quotas.check, entity)
        size = 0

        async def receive_counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                quotas.add(entity, size)
            await send(message)

        return receive_counted, send_counted

    def _while_allowed(self, request: Request, send: Send) -> Send:
        """Ends a stream, which may go on for days, once its reader may no longer read."""

        async def send_checked(message: Message) -> None:
            try:
                who = await self._identify(request)
                found = _route_of(request.scope)
                assert found is not None
                request.scope["state"]["sight"].who = who
                await self._check(request, who, *found)
            except Refusal:
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        async def send_while(message: Message) -> None:
            if message["type"] == "http.response.body" and message.get("more_body"):
                await send_checked(message)
            else:
                await send(message)

        return send_while

    async def _identify(self, request: Request) -> Who:
        if self._identities is None:
            return EVERYBODY
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme:
            who = None
            if scheme.lower() == "bearer":
                key = key.strip()
                by_key = self._identities.by_key
                # What is remembered is answered here: a way through a thread costs more, and
                # waits for others that compute.
                if self._identities.remembers("key", key):
                    who = by_key(key)
                else:
                    who = await run_in_threadpool(by_key, key)
            if who is None:
                if wait := self._wrong_keys.take(address_of(request)):
                    raise TooMany("too many keys that are none", wait)
                raise Refusal(401, "the API key opens nothing here", _MAKE_A_KEY, _CHALLENGE)
            return who
        who = NOBODY
        if cookie := request.cookies.get(SESSION_COOKIE):
            who = await run_in_threadpool(self._identities.by_cookie, cookie) or NOBODY
        if secret := request.cookies.get(LINK_COOKIE):
            link = await run_in_threadpool(self._identities.link, secret)
            who = dataclasses.replace(who, link=link)
        if who.is_signed_in and request.method not in _CHANGES_NOTHING:
            # A browser sends the cookie with a form of another site of ours, too; but no form
            # says JSON, and a script of another site may not before we have allowed it.
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise Refusal(415, f"content-type={kind!r}", "send application/json")
        return who

    def _spare(self, request: Request, who: Who) -> None:
        if who.is_signed_in:
            wait = self._signed_in.take(who.by)
        elif who.is_everybody:
            return
        else:
            wait = self._anonymous.take(address_of(request))
        if wait:
            raise TooMany("too many requests", wait)

    async def _check(
        self, request: Request, who: Who, route: str, params: Mapping[str, Any]
    ) -> HubSight:
        method = "GET" if request.method == "HEAD" else request.method
        right = RULES.get((method, route))
        if right is None:
            raise Refusal(403, f"nobody may {method} {route}", "its rule is missing in the gate")
        sight = HubSight(who, self._identities)
        if right in ("anyone", "listing") or who.is_everybody:
            return sight
        if right in ("user", "account", "admin"):
            _check_account(who, right)
            return sight
        # A machine may leave its own user's name out; `receive.routes` then puts it in front, too.
        project, run = params["project"], params.get("run")
        if route.startswith(_SYNC):
            project = who.full_name(project)
        if entity_of(project) is None:
            raise _no_such_project(project)
        # Only where they see not all, it matters whether everybody may, which may want a look.
        if who.runs_of(project) is None or (
            self._identities is not None and self._identities.remembers("project", project)
        ):
            _check_project(sight, right, project, run)
        else:
            await run_in_threadpool(_check_project, sight, right, project, run)
        return sight


def _check_account(who: Who, right: str) -> None:
    if not who.is_signed_in:
        raise _sign_in()
    allowed = {
        "user": True,
        "account": who.manages_account,
        "admin": who.is_admin,
    }
    if not allowed[right]:
        raise Refusal(403, f"{_told(who)} may not do this", _ASK[right])


def _check_project(sight: HubSight, right: str, project: str, run: str | None) -> None:
    who = sight.who
    runs = sight.runs_of(project)
    reads = {"run": runs is None or run in runs, "some": runs is None or bool(runs)}
    if reads.get(right, runs is None):
        if right in ("run", "some", "read") or sight.may(_LEVELS[right], project):
            return
        if not who.is_signed_in:
            raise _sign_in()
        raise Refusal(403, f"{_told(who)} may only read {project}", _ASK[right])
    if not who.is_signed_in and who.link is None:
        raise _sign_in()
    # Whoever may not see a project does not learn whether it is there.
    raise _no_such_project(project)


def address_of(request: Request) -> str:
    """From where a request comes; a trusted proxy has said whose it is."""
    return request.client.host if request.client is not None else ""


#: The path of a route, and what its parts are in a request.
_Found = tuple[str, Mapping[str, Any]]


def _route_of(scope: Scope) -> _Found | None:
    for route in scope["app"].routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            if not isinstance(route, Route):
                raise Refusal(403, "nobody may ask this", "its rule is missing in the gate")
            return route.path, child["path_params"]
    return None


def _told(who: Who) -> str:
    return f"the key of {who.name}" if who.by.startswith("key ") else str(who.name)


def _sign_in() -> Refusal:
    return Refusal(401, "this is for people who have signed in", _MAKE_A_KEY, _CHALLENGE)


def _no_such_project(project: str) -> Refusal:
    return Refusal(404, f"no project {project!r} that you may see", "ask its owner for access")


_MAKE_A_KEY: Final = "sign in on the server's page; programs need an API key from there"
_CHALLENGE: Final = {"www-authenticate": "Bearer"}
_LEVELS: Final[Mapping[str, Level]] = {"write": "write", "own": "own"}
_ASK: Final = {
    "account": "sign in on the server's page, or make a key of scope admin",
    "admin": "ask an administrator of this server",
    "write": "ask an owner of the team, or make a key that may write",
    "own": "ask an owner of the team, or make a key of scope admin",
}
EVERYBODY: Final = Who(by="open", is_admin=True)
