"""A team's server: the dashboard of its folder, what machines send to it, and who may do what."""

from __future__ import annotations

import ipaddress

from starlette.applications import Starlette
from starlette.middleware import Middleware

from rltrack.errors import UsageError
from rltrack.hub.config import HubConfig
from rltrack.hub.database import Database
from rltrack.server.app import create_app
from rltrack.server.guard import Guard


def create_hub(config: HubConfig) -> Starlette:
    """The server of a team, as an ASGI application.

    ``app.state.database`` is its database, which the caller of ``app.state.closing`` closes.

    Raises:
        UsageError: the database cannot be opened, or a server without accounts would be open
            to more than this machine.
    """
    if not config.accounts and not _is_local(config.host):
        raise UsageError(
            f"without accounts, whoever reaches {config.host} may do everything; "
            "listen on 127.0.0.1, or leave the accounts on"
        )
    database = Database(config.database_url)
    app = create_app(
        config.root,
        host=config.host,
        static=config.static,
        middleware=[Middleware(Guard, host=config.host, public_url=config.public_url)],
    )
    app.state.database = database
    app.state.closing.append(database.close)
    return app


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
