"""`rltrack server`: a team's server."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rltrack.cli.output import root_of
from rltrack.cli.parser import Commands
from rltrack.errors import UsageError

if TYPE_CHECKING:
    from rltrack.hub.config import HubConfig
    from rltrack.hub.observed import LogFormat


def add_to(commands: Commands) -> None:
    """Add `server`."""
    server = commands.add("server", _server, "serve a team: accounts, runs of other machines")
    server.add_argument(
        "work",
        nargs="?",
        choices=("backup", "restore", "verify", "migrate"),
        help="instead of serving: copy a server that may run meanwhile into a folder, make one "
        "out of such a copy, read a copy through, or bring the database up to date",
    )
    server.add_argument("place", nargs="?", metavar="BACKUP", help="the folder of the copy")
    server.add_argument(
        "--check",
        action="store_true",
        help="with migrate: change nothing, and fail if there is something to do",
    )
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
        "--quota",
        metavar="SIZE",
        help="what the projects of one user or team may take, like 500GB (default: no limit)",
    )
    server.add_argument(
        "--requests-per-s",
        metavar="N",
        help="requests a second that one API key may make (default: 1000)",
    )
    server.add_argument(
        "--log",
        choices=("off", "text", "json"),
        help="write a line for each request, to stderr (default: off)",
    )
    server.add_argument(
        "--password-link",
        metavar="USER",
        help="print a link by which a user sets a new password, and end",
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
        return given if given is not None else _environment(name)

    config = HubConfig(
        root=root_of(options),
        host=said("host") or "127.0.0.1",
        database=said("database"),
        public_url=said("public_url"),
        trusted_proxies=said("trusted_proxies") or "",
        requests_per_s=_number(said("requests_per_s"), "requests_per_s") or 1000.0,
        quota_bytes=_bytes(said("quota")),
        log=_log_format(said("log")),
        # The secret is in no list of processes: these are by environment only.
        oidc_issuer=_environment("oidc_issuer") or None,
        oidc_client_id=_environment("oidc_client_id") or "",
        oidc_client_secret=_environment("oidc_client_secret") or "",
        oidc_name=_environment("oidc_name") or "single sign-on",
        accounts=options.accounts,
    )

    if options.work is not None:
        return _work(options, config)
    if options.password_link is not None:
        from rltrack.hub.app import password_link

        address = config.public_url or f"http://{config.host}:{_port(said('port'))}"
        print(password_link(config, options.password_link, address))
        return 0

    def started(url: str) -> None:
        print(f"rltrack: server of {config.root} at {url}   (Ctrl-C ends it)", flush=True)

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it, and no failure
        serve(config, _port(said("port")), on_started=started)
    return 0


#: What `RLTRACK_SERVER_…` can say, and `RLTRACK_SERVER_…_FILE` by a file that holds it.
ENVIRONMENT: Final = (
    "host",
    "port",
    "database",
    "public_url",
    "trusted_proxies",
    "quota",
    "requests_per_s",
    "log",
    "oidc_issuer",
    "oidc_client_id",
    "oidc_client_secret",
    "oidc_name",
)


def _log_format(said: str | None) -> LogFormat:
    if said is None or said in ("off", "text", "json"):
        return said or "off"  # type: ignore[return-value]
    raise UsageError(f"RLTRACK_SERVER_LOG={said!r}: there are off, text and json")


def _environment(name: str) -> str | None:
    assert name in ENVIRONMENT
    variable = f"RLTRACK_SERVER_{name.upper()}"
    said, file = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
    if file is None:
        return said
    if said is not None:
        raise UsageError(f"{variable} and {variable}_FILE are both set; take one away")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as failure:
        raise UsageError(f"{variable}_FILE={file} cannot be read: {failure}") from failure


def _work(options: argparse.Namespace, config: HubConfig) -> int:
    if options.work == "migrate":
        return _migrate(config, check=options.check)
    from rltrack.hub import backup

    if options.place is None:
        raise UsageError(f"say a folder: rltrack server {options.work} FOLDER")
    place = Path(options.place)
    if options.work == "backup":
        told = backup.back_up(config, place)
        done = f"{config.root} is copied to {place}"
    elif options.work == "restore":
        told = backup.restore(config, place)
        done = f"{config.root} is made out of {place}"
    else:
        told = backup.verify(place)
        done = f"{place} is whole"
    size = f"{told.files} files, {told.size_bytes} bytes"
    print(f"rltrack: {done}: {size}" + (f", {told.linked} of them links" if told.linked else ""))
    if told.schema is None:
        print("rltrack: the accounts are in PostgreSQL, and not in it: see pg_dump")
    return 0


def _migrate(config: HubConfig, *, check: bool) -> int:
    from rltrack.hub.database import Database, newest_schema, schema_of

    present, newest = schema_of(config.database_url), newest_schema()
    if present == newest:
        print(f"rltrack: the database's schema is {newest}, and up to date")
        return 0
    before = "has no schema" if present is None else f"has schema {present}"
    if check:
        print(f"rltrack: the database {before}; this rltrack would bring it to {newest}")
        return 1
    Database(config.database_url).close()
    print(f"rltrack: the database {before.replace('has', 'had')}, and now has {newest}")
    return 0


def _port(said: str | int | None) -> int:
    number = _number(said, "port")
    return 7777 if number is None else int(number)


def _number(said: str | int | None, name: str) -> float | None:
    try:
        return None if said is None else float(said)
    except ValueError:
        flag = name.replace("_", "-")
        raise UsageError(
            f"{said!r} is no number; see --{flag} and RLTRACK_SERVER_{name.upper()}"
        ) from None


_UNITS: Final = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def _bytes(said: str | None) -> int | None:
    if said is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]b|)", said.strip().lower())
    if found is None:
        raise UsageError(f"--quota {said!r} is no size; write 500GB, or the like")
    return int(float(found[1]) * _UNITS[found[2]])
