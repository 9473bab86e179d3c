"""Start the server: in the foreground for `rltrack ui`, or beside another program."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import uvicorn
from starlette.applications import Starlette

from rltrack._terminal import say
from rltrack.errors import UsageError
from rltrack.server.app import create_app
from rltrack.server.changes import Watch
from rltrack.server.page import HOW_TO_BUILD, STATIC, is_built
from rltrack.server.patience import PATIENCE, Patience, PatientProtocol

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 7777
_PORTS_TRIED: Final = 10
#: Answers that are on their way when the server stops may take this long, and then a second more
#: in which nobody else is let in.
GRACE_S: Final = 1.0
_LAST_S: Final = 1
_LOOK_S: Final = 0.05
_log: Final = logging.getLogger("rltrack.server")


def serve(
    root: Path,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    on_started: Callable[[str], None],
) -> None:
    """Serve the dashboard of a folder until Ctrl-C.

    Args:
        root: the folder of all projects.
        host: the address to listen on.
        port: where it is taken, the next few are tried; 0 is any.
        on_started: told the page's address once it is served.

    Raises:
        UsageError: the address cannot be listened on.
    """
    with listen(host, port) as listening:
        if not is_built(STATIC):
            say(f"the page was not built: {HOW_TO_BUILD}")
        app = create_app(root, host=host)
        server = Server(app, lambda: on_started(url_of(host, listening)))
        with contextlib.suppress(KeyboardInterrupt):  # raised again once the server has stopped
            server.run(sockets=[listening])


class Background:
    """The dashboard of a folder on a thread of this program.

    Used as ``with Background(root) as page: print(page.url)``.

    Args:
        root: the folder of all projects.
        host: the address to listen on.
        port: where it is taken, the next few are tried; 0 is any.
        app: what is served, if it is more than the dashboard.
        patience: with clients that are slow.
        grace_s: answers that are on their way when it is stopped may take this long.

    Raises:
        UsageError: the address cannot be listened on.
    """

    url: str
    """The page's address."""

    def __init__(
        self,
        root: Path,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        app: Starlette | None = None,
        patience: Patience = PATIENCE,
        grace_s: float = GRACE_S,
    ) -> None:
        self._socket = listen(host, port)
        self.url = url_of(host, self._socket)
        started = threading.Event()
        app = app or create_app(root, host=host)
        self._server = Server(app, started.set, patience=patience, grace_s=grace_s)
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="rltrack-server", daemon=True
        )
        self._thread.start()
        started.wait()

    def _run(self, started: threading.Event) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            started.set()

    @property
    def watches(self) -> list[Watch]:
        """What was listened to so far, and whether anybody still does."""
        return self._server.watches()

    def stop(self) -> None:
        """End the server and its streams; may be called again."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Server(uvicorn.Server):
    """A uvicorn that says when it listens, has no endless patience, and goes in peace.

    When it is told to stop, streams end at once, `/readyz` says 503, and what was asked already is
    answered; then it listens no more.

    Args:
        app: what `create_app` made.
        on_started: called once the socket is served.
        trusted_proxies: addresses whose ``X-Forwarded-*`` headers are believed.
        patience: with clients that are slow.
        grace_s: what was asked already may take this long.
    """

    def __init__(
        self,
        app: Starlette,
        on_started: Callable[[], None],
        trusted_proxies: str = "",
        *,
        patience: Patience = PATIENCE,
        grace_s: float = GRACE_S,
    ) -> None:
        self._app = app
        self._on_started = on_started
        self._grace_s = grace_s
        protocol = functools.partial(PatientProtocol, patience)
        super().__init__(
            uvicorn.Config(
                self._app,
                lifespan="off",
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=trusted_proxies,
                timeout_graceful_shutdown=_LAST_S,
                http=cast(type[asyncio.Protocol], protocol),
            )
        )

    def watches(self) -> list[Watch]:
        """What was listened to so far."""
        return list(self._app.state.watches.values())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell."""
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is being sent, and what the application holds."""
        self._app.state.leaving = True
        # A stream is an answer that never ends.
        for watch in self.watches():
            watch.close()
        asked = set(self.server_state.tasks)  # others may come for as long as one waits
        end = time.monotonic() + self._grace_s
        while any(not one.done() for one in asked) and not self.force_exit:
            if time.monotonic() > end:
                for connection in list(self.server_state.connections):
                    connection.transport.abort()  # else uvicorn would log each as a fault
                break
            await asyncio.sleep(_LOOK_S)
        await super().shutdown(sockets)
        for close in self._app.state.closing:
            try:
                close()
            except Exception:  # the others are to be closed, too
                _log.exception("the server could not close all that it had open")


def listen(host: str, port: int, *, tried: int = _PORTS_TRIED) -> socket.socket:
    """A socket that listens; where the port is taken, the next ones are `tried`.

    Raises:
        UsageError: the address cannot be listened on.
    """
    ports = range(port, min(port + tried, 65536)) if port else range(1)
    for candidate in ports:
        try:
            listening = _bind(host, candidate)
        except OSError as refusal:
            if refusal.errno == errno.EADDRINUSE:
                continue
            raise UsageError(
                f"cannot listen on {host} port {candidate}: {refusal.strerror or refusal}; "
                "choose another with --host and --port"
            ) from refusal
        if candidate != port:
            say(f"port {port} is taken; using {candidate}")
        return listening
    taken = f"ports {ports[0]} to {ports[-1]}" if len(ports) > 1 else f"port {port}"
    are = "are" if len(ports) > 1 else "is"
    raise UsageError(f"{taken} of {host} {are} taken; choose another with --port")


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        # So that a server that ended a moment ago does not keep the port.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(host: str, listening: socket.socket) -> str:
    """An address that a browser on this machine can open."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{listening.getsockname()[1]}"
