"""A team's server: the dashboard of its folder, what machines send to it, and who may do what."""

from __future__ import annotations

import ipaddress
import time
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request

from rltrack.errors import NotFoundError, UsageError
from rltrack.hub import copies, health, receive
from rltrack.hub.accounts import people
from rltrack.hub.accounts import routes as accounts
from rltrack.hub.accounts.asked import Accounts
from rltrack.hub.config import HubConfig
from rltrack.hub.database import Database
from rltrack.hub.folder_storage import FolderStorage
from rltrack.hub.gate import RULES, Gate
from rltrack.hub.identity import Identities
from rltrack.hub.observed import Numbers, Observed
from rltrack.hub.quotas import Quotas, measure_folder
from rltrack.hub.root_format import check_root
from rltrack.hub.who import Who
from rltrack.server.answers import Refusal
from rltrack.server.app import create_app
from rltrack.server.guard import Guard
from rltrack.store.project import Catalog, Project

#: For the rows of each project: a team has many, and a machine for it one memory.
_PROJECT_BYTES: Final = 512 << 20


def create_hub(config: HubConfig) -> Starlette:
    """The server of a team, as an ASGI application.

    ``app.state.database`` is its database, which the caller of ``app.state.closing`` closes.

    Raises:
        UsageError: the folder or the database is of a newer rltrack or cannot be opened, or a
            server without accounts would be open to more than this machine.
    """
    if not config.accounts and not _is_local(config.host):
        raise UsageError(
            f"without accounts, whoever reaches {config.host} may do everything; "
            "listen on 127.0.0.1, or leave the accounts on"
        )
    check_root(config.root)
    database = Database(config.database_url)
    identities = Identities(database) if config.accounts else None
    storage = FolderStorage(config.root)
    catalog = _TeamCatalog(config.root, memory_bytes=_PROJECT_BYTES)
    quotas = Quotas(database, config.quota_bytes, measure_folder(config.root))
    routes = [*receive.routes(storage, whole_name=_whole_name), *copies.routes(storage, catalog)]
    numbers = Numbers(catalog)
    routes += [*health.routes(database, config.root), *numbers.routes()]
    if identities is not None:
        routes += accounts.routes(Accounts(database, identities, config))
    app = create_app(
        config.root,
        host=config.host,
        static=config.static,
        catalog=catalog,
        routes=routes,
        middleware=[
            Middleware(Observed, numbers=numbers, log=config.log),
            Middleware(Guard, host=config.host, public_url=config.public_url),
            Middleware(
                Gate,
                identities=identities,
                per_s=config.requests_per_s,
                quotas=quotas if config.accounts else None,
            ),
        ],
    )
    app.state.accounts = config.accounts
    app.state.rights = RULES if config.accounts else None
    app.state.database = database
    app.state.closing += [quotas.flush, database.close]
    return app


class _TeamCatalog(Catalog):
    """Does not tell who asks for what is not there of all that is: some of it is somebody else's."""

    def project(self, name: str) -> Project:
        try:
            return super().project(name)
        except NotFoundError:
            raise NotFoundError(f"no project {name!r} with runs that you may see") from None


def set_up_link(app: Starlette, address: str) -> str | None:
    """A link by which the first user of a new server makes their account; None: it has users."""
    database: Database = app.state.database
    with database.write() as session:
        if not app.state.accounts or people.has_users(session):
            return None
        return f"{address}/join#{people.invite(session, 'setup', now=time.time())}"


def password_link(config: HubConfig, user: str, address: str) -> str:
    """A link by which a user sets a new password; for whoever has the server's machine.

    Raises:
        NotFoundError: there is no such user.
    """
    with Database(config.database_url) as database, database.write() as session:
        try:
            found = people.user_named(session, user)
        except Refusal as missing:
            raise NotFoundError(f"{missing.error}; {missing.hint}") from None
        secret = people.invite(session, "password", now=time.time(), user=found.id)
    return f"{address}/join#{secret}"


def _whole_name(request: Request, project: str) -> str:
    who: Who = request.scope["state"]["who"]
    return who.full_name(project)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
