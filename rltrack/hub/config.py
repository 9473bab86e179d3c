"""What can be set of a team's server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rltrack.hub.observed import LogFormat
from rltrack.server.page import STATIC


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """The settings of `rltrack server`; its flags and `RLTRACK_SERVER_*` fill them."""

    root: Path
    """The folder of all projects."""
    database: str | None = None
    """URL of the database; by default an SQLite file in ``<root>/.hub``."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    public_url: str | None = None
    """The address by which people reach the server, if that is a proxy's."""
    trusted_proxies: str = ""
    """Addresses whose ``X-Forwarded-*`` headers are believed, with commas between."""
    accounts: bool = True
    """Without them everybody who reaches the server may do everything."""
    requests_per_s: float = 1000.0
    """What one key or session may ask of one replica, and ten times that at once."""
    quota_bytes: int | None = None
    """What the projects of one user or team may take, where nothing else is set for them."""
    oidc_issuer: str | None = None
    """Where people can sign in besides: the address of an OpenID Connect provider."""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_name: str = "single sign-on"
    """What the button says."""
    log: LogFormat = "off"
    """Whether each request is a line of the log, and how it is written."""
    static: Path = STATIC
    """The built page."""

    @property
    def database_url(self) -> str:
        """The database that is meant."""
        return self.database or f"sqlite:///{self.root.absolute() / '.hub' / 'hub.sqlite'}"
