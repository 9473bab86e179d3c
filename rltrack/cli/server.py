"""`rltrack server`: a team's server."""

from __future__ import annotations

import argparse
import contextlib
import os

from rltrack.cli.output import root_of
from rltrack.cli.parser import Commands
from rltrack.errors import UsageError


def add_to(commands: Commands) -> None:
    """Add `server`."""
    server = commands.add("server", _server, "serve a team: accounts, runs of other machines")
    server.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    server.add_argument("--port", type=int, help="port to listen on (default: 7777)")
    server.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///path or postgresql://user:password@host/name "
        "(default: .hub/hub.sqlite in the folder of all projects)",
    )
    server.add_argument(
        "--public-url", metavar="URL", help="the address by which people reach the server"
    )
    server.add_argument(
        "--trusted-proxies",
        metavar="ADDRESSES",
        help="proxies whose X-Forwarded-* headers are believed, with commas between",
    )
    server.add_argument(
        "--no-accounts",
        dest="accounts",
        action="store_false",
        help="let everybody do everything; on an address of this machine only",
    )


def _server(options: argparse.Namespace) -> int:
    from rltrack.hub.config import HubConfig
    from rltrack.hub.run import serve

    def said(name: str) -> str | None:
        """The flag, or else `RLTRACK_SERVER_…`."""
        given: str | None = getattr(options, name)
        return given if given is not None else os.environ.get(f"RLTRACK_SERVER_{name.upper()}")

    config = HubConfig(
        root=root_of(options),
        host=said("host") or "127.0.0.1",
        database=said("database"),
        public_url=said("public_url"),
        trusted_proxies=said("trusted_proxies") or "",
        accounts=options.accounts,
    )

    def started(url: str) -> None:
        print(f"rltrack: server of {config.root} at {url}   (Ctrl-C ends it)", flush=True)

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it, and no failure
        serve(config, _port(said("port")), on_started=started)
    return 0


def _port(said: str | int | None) -> int:
    try:
        return 7777 if said is None else int(said)
    except ValueError:
        raise UsageError(f"RLTRACK_SERVER_PORT={said!r} is no number") from None
