"""Signing in with a provider of identities, by OpenID Connect: code flow with PKCE.

1. `start` keeps state, nonce and verifier in the database, gives the browser a cookie that
   stands for them, and sends it to the provider.
2. The provider sends the browser back with a code and the state. `callback` takes what was kept,
   once, if the browser has the cookie: else somebody could sign others in as themselves.
3. The code becomes a token, whose signature, issuer, audience, time and nonce are checked.

Whoever the provider lets in has an account here: the first time, one is made. Who is signed in
already gets the identity added to their account.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from rltrack.errors import UsageError
from rltrack.hub import tokens
from rltrack.hub.accounts import people
from rltrack.hub.accounts.asked import Asked
from rltrack.hub.accounts.sign_in import give_session
from rltrack.hub.config import HubConfig
from rltrack.hub.models import Entity, PendingLogin, User
from rltrack.hub.who import checked_entity
from rltrack.server.answers import Refusal

LOGIN_COOKIE: Final = "rltrack-login"
_PENDING_S: Final = 600
_KEPT_S: Final = 3600.0
_TIMEOUT_S: Final = 10.0
_LEEWAY_S: Final = 60
#: None of them is "none", or made with the client's secret as a key.
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]


class Provider:
    """What is known of the provider of identities; asked for when it is first needed.

    Args:
        config: whose issuer it is.

    Raises:
        UsageError: its address is not one that can be trusted.
    """

    def __init__(self, config: HubConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self.issuer = config.oidc_issuer or ""
        where = urlsplit(self.issuer)
        if where.scheme != "https" and where.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise UsageError(f"the OIDC issuer {self.issuer!r} must be an https:// address")

    def document(self) -> dict[str, Any]:
        """Where it has what."""
        found = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise _failed(f"it calls itself {found.get('issuer')!r}")
        return found

    def claims(self, id_token: object, nonce: str) -> dict[str, Any]:
        """What a token says, if all of it is right.

        Raises:
            Refusal: it is not.
        """
        registry = jwt.JWTClaimsRegistry(
            now=int(time.time()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._config.oidc_client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        keys_at = self.document()["jwks_uri"]
        for again in (False, True):  # its keys may be others since they were asked for
            keys = KeySet.import_key_set(self._get(keys_at, again=again))  # type: ignore[arg-type]
            try:
                token = jwt.decode(str(id_token), keys, algorithms=_ALGORITHMS)
                registry.validate(token.claims)
                return dict(token.claims)
            except (JoseError, ValueError) as mistake:
                failure = mistake
        raise _failed(f"its token is not right: {type(failure).__name__}") from failure

    def client(self, redirect: str) -> OAuth2Client:
        """Asks the provider, as this server."""
        return OAuth2Client(
            self._config.oidc_client_id,
            self._config.oidc_client_secret,
            redirect_uri=redirect,
            scope="openid profile email",
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
        )

    def _get(self, address: str, *, again: bool = False) -> dict[str, Any]:
        with self._lock:
            at, kept = self._kept.get(address, (0.0, {}))
            if not again and time.monotonic() < at:
                return kept
        try:
            found = httpx.get(address, timeout=_TIMEOUT_S).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as failure:
            raise _failed(f"it does not answer: {type(failure).__name__}") from failure
        if not isinstance(found, dict):
            raise _failed("it answers something else")
        with self._lock:
            self._kept[address] = (time.monotonic() + _KEPT_S, found)
        return found


class SignIn:
    """The two routes."""

    def __init__(self, config: HubConfig) -> None:
        self._provider = Provider(config) if config.oidc_issuer else None

    def start(self, asked: Asked) -> Response:
        """Send the browser to the provider."""
        provider, state, browser = self._there(), tokens.new_secret(), tokens.new_secret()
        nonce, verifier = tokens.new_secret(), secrets.token_urlsafe(48)
        now = asked.accounts.now()
        with provider.client(_redirect(asked)) as client:
            address, _ = client.create_authorization_url(
                provider.document()["authorization_endpoint"],
                state=state,
                nonce=nonce,
                code_verifier=verifier,
            )
        with asked.accounts.database.write() as session:
            session.execute(delete(PendingLogin).where(PendingLogin.expires_at <= now))
            session.add(
                PendingLogin(
                    state=tokens.hashed(state),
                    browser=tokens.hashed(browser),
                    nonce=nonce,
                    verifier=verifier,
                    page=_page(asked.request.query_params.get("page", "/")),
                    expires_at=now + _PENDING_S,
                )
            )
        answer = RedirectResponse(address, 303, {"cache-control": "no-store"})
        asked.set_cookie(answer, LOGIN_COOKIE, browser, _PENDING_S, "/api/oidc")
        return answer

    def callback(self, asked: Asked) -> Response:
        """The browser comes back."""
        provider, query = self._there(), asked.request.query_params
        pending = _taken(asked, query.get("state", ""))
        if "code" not in query:
            raise _failed(f"it says {query.get('error', 'nothing')[:60]!r}")
        try:
            with provider.client(_redirect(asked)) as client:
                token = client.fetch_token(
                    provider.document()["token_endpoint"],
                    code=query["code"],
                    code_verifier=pending.verifier,
                )
        except (AuthlibBaseError, httpx.HTTPError, ValueError) as failure:
            raise _failed(f"it gives no token: {type(failure).__name__}") from failure
        claims = provider.claims(token.get("id_token"), pending.nonce)
        with asked.accounts.database.write() as session:
            user_id, name = _user(asked, session, provider.issuer, claims)
        answer = RedirectResponse(pending.page, 303, {"cache-control": "no-store"})
        answer.delete_cookie(LOGIN_COOKIE, "/api/oidc")
        give_session(asked, answer, user_id, name, "oidc")
        return answer

    def _there(self) -> Provider:
        if self._provider is None:
            raise Refusal(404, "this server knows no provider of identities", "use a password")
        return self._provider


def _taken(asked: Asked, state: str) -> PendingLogin:
    browser = tokens.hashed(asked.request.cookies.get(LOGIN_COOKIE, ""))
    with asked.accounts.database.write() as session:
        row: PendingLogin | None = session.scalar(
            delete(PendingLogin)
            .where(
                PendingLogin.state == tokens.hashed(state),
                PendingLogin.browser == browser,
                PendingLogin.expires_at > asked.accounts.now(),
            )
            .returning(PendingLogin)
        )
    if row is None:
        raise _failed("this browser did not ask it, or too long ago")
    return row


def _user(asked: Asked, session: Session, issuer: str, claims: dict[str, Any]) -> tuple[int, str]:
    """Who this is here: a user with that identity, who is signed in, or a new one."""
    subject = str(claims["sub"])[:255]
    found = session.execute(
        select(Entity.id, Entity.name)
        .join(User, User.id == Entity.id)
        .where(User.issuer == issuer, User.subject == subject)
    ).one_or_none()
    if found is not None:
        return found.id, found.name
    if asked.who.id is not None and asked.who.name is not None:
        user = session.get_one(User, asked.who.id)
        if user.issuer is not None:
            raise Refusal(409, "your account has another identity", "sign out first")
        user.issuer, user.subject = issuer, subject
        asked.note(session, "user.identity", asked.who.name, issuer=issuer)
        return user.id, asked.who.name
    name = _free_name(session, claims)
    user = people.add_user(
        session, name, None, now=asked.accounts.now(), issuer=issuer, subject=subject
    )
    asked.note(session, "user.make", name, issuer=issuer)
    return user.id, name


def _free_name(session: Session, claims: dict[str, Any]) -> str:
    """What they are called there, as far as it can be a name here and nobody has it."""
    said = str(claims.get("preferred_username") or claims.get("email") or "").partition("@")[0]
    stem = re.sub(r"[^a-z0-9_-]+", "-", said.lower()).strip("-_")[:30] or "user"
    for number in range(1, 1000):
        name = stem if number == 1 else f"{stem}-{number}"
        try:
            checked_entity(name)
        except UsageError:
            continue
        if session.scalar(select(Entity.id).where(Entity.name == name)) is None:
            return name
    raise Refusal(409, f"a thousand users are called {stem}", "ask an administrator")


def _redirect(asked: Asked) -> str:
    return f"{asked.base}/api/oidc/callback"


def _page(said: str) -> str:
    """A page of this server, and of no other that an address could be read as."""
    fine = said.startswith("/") and not said.startswith("//") and said.isprintable()
    return said if fine and "\\" not in said and len(said) < 4000 else "/"


def _failed(why: str) -> Refusal:
    return Refusal(
        403, f"the provider of identities does not let you in: {why}", "start again at /sign-in"
    )
