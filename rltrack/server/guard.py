"""Who may ask, and what a page from here may do.

A page of another site could point its own name at 127.0.0.1 and then read everything here
(DNS rebinding). Its requests carry that name in `Host`, so only names that mean this machine
are answered, and what changes something is asked by pages from here alone. The policy on content keeps a page, and a logged file that is opened as one,
from loading or running anything that is not from here.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Collection, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY: Final = frozenset({"0.0.0.0", "::", ""})

#: Styles that a script sets on an element need `style-src-attr`; style sheets come from here.
PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",  # logged HTML, which its own policy keeps apart from here
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
#: A logged HTML or SVG file is shown, and none of its scripts runs.
MEDIA_POLICY: Final = (
    "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"
)
#: The same for one whose scripts a person lets run: they still have an origin of their own, reach
#: nothing over the network, and open nothing.
SCRIPTED_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; img-src data: blob:; media-src data: blob:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:"
)


class Guard:
    """Refuses foreign host names, and puts the policy on every answer.

    Args:
        app: what answers.
        host: the address that the server listens on; with one that means all, any IP address
            and this machine's own name are accepted, too.
        public_url: the address of a proxy in front, which asks by its own name or by ours.
    """

    def __init__(
        self, app: ASGIApp, host: str = "127.0.0.1", public_url: str | None = None
    ) -> None:
        self._app = app
        self._names: Collection[str] = _LOCAL | {host.lower()}
        self._any_address = host in _ANY
        if self._any_address:
            self._names = {*self._names, socket.gethostname().lower(), socket.getfqdn().lower()}
        self._public_origin: str | None = None
        if public_url is not None:
            public = urlsplit(public_url.lower())
            self._public_origin = f"{public.scheme}://{public.netloc}"
            self._names = {*self._names, public.hostname or ""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._accepts(scope):
            await _refuse(send, 421, _HOST_TOLD, _HOST_HINT)
            return
        if not _is_from_here(scope, self._public_origin):
            await _refuse(send, 403, _ORIGIN_TOLD, _ORIGIN_HINT)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", PAGE_POLICY)
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "no-referrer"
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _accepts(self, scope: MutableMapping[str, Any]) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return False
        name = _without_port(hosts[0].decode("latin-1").lower())
        return name in self._names or (self._any_address and _is_address(name))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_from_here(scope: Scope, public_origin: str | None) -> bool:
    """Whether a request that could change something is no other site's.

    Browsers put the site that asks into `Origin`, and programs, which are trusted, put nothing.
    """
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return True
    headers: dict[bytes, bytes] = dict(scope["headers"])
    origin = headers.get(b"origin")
    if origin is not None:
        if public_origin is not None and origin.lower() == public_origin.encode():
            return True
        return origin.lower().partition(b"://")[2] == headers.get(b"host", b"").lower()
    return headers.get(b"sec-fetch-site", b"none") in (b"same-origin", b"none")


_HOST_TOLD: Final = "this server does not answer to the host name of the request"
_HOST_HINT: Final = "open the address that `rltrack ui` printed, or give that name with --host"
_ORIGIN_TOLD: Final = "a page of another site asked for a change"
_ORIGIN_HINT: Final = "open the dashboard at the address that `rltrack ui` printed"


async def _refuse(send: Send, status: int, error: str, hint: str) -> None:
    body = json.dumps({"error": error, "hint": hint}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
