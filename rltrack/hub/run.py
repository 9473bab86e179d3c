"""Start a team's server in the foreground, for `rltrack server`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Final

from rltrack._terminal import say
from rltrack.hub.app import create_hub, set_up_link
from rltrack.hub.config import HubConfig
from rltrack.server.page import HOW_TO_BUILD, STATIC, is_built
from rltrack.server.run import Server, listen, url_of

_SWITCH_S: Final = 0.001


def serve(config: HubConfig, port: int, *, on_started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        config: what is served.
        port: the port to listen on; 0 is any.
        on_started: told the server's address once it is served.

    Raises:
        UsageError: the address cannot be listened on, or the database not be opened.
    """
    # A thread that computes gives way sooner than by default: small requests of many machines,
    # each of which changes threads, would wait for it some milliseconds each time.
    sys.setswitchinterval(_SWITCH_S)
    with listen(config.host, port, tried=1) as listening:
        if not is_built(STATIC):
            say(f"the page was not built: {HOW_TO_BUILD}")
        address = config.public_url or url_of(config.host, listening)
        app = create_hub(config)

        def started() -> None:
            on_started(address)
            if (link := set_up_link(app, address)) is not None:
                say(f"this server has no users; make the first at {link}")

        server = Server(app, started, config.trusted_proxies)
        with contextlib.suppress(KeyboardInterrupt):  # raised again once the server has stopped
            server.run(sockets=[listening])
