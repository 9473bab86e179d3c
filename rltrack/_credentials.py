"""The keys by which servers know their users: in a file that nobody else can read.

$RLTRACK_CONFIG_DIR/credentials.json    {"https://rltrack.example.org": {"api_key": …, "user": …}}
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltrack.errors import StorageError
from rltrack.settings import Settings, user_file


@dataclass(frozen=True, slots=True)
class Connection:
    """A server, and who asks it."""

    server: str
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    """Whose key it is, as the server said at `rltrack login`."""

    def page(self, project: str, run: str) -> str:
        """The address of a run's page; a project of the user's own needs no entity in front."""
        from urllib.parse import quote

        whole = f"{self.user}/{project}" if self.user and "/" not in project else project
        return f"{self.server}/p/{quote(whole, safe='')}/r/{quote(run, safe='')}"


def connection(settings: Settings, environ: Mapping[str, str] = os.environ) -> Connection | None:
    """The server of the settings; None if there is none."""
    if not settings.server:
        return None
    kept = _read(credentials_file(environ)).get(settings.server, {})
    key = settings.api_key or kept.get("api_key")
    user = kept.get("user") if key == kept.get("api_key") else None
    return Connection(settings.server, key, user)


def credentials_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the keys are."""
    return user_file(environ).with_name("credentials.json")


def keep(
    server: str, api_key: str, user: str | None, environ: Mapping[str, str] = os.environ
) -> Path:
    """Keep a key; answers in which file.

    Raises:
        StorageError: it cannot be written.
    """
    path = credentials_file(environ)
    _write(path, _read(path) | {server: {"api_key": api_key, "user": user}})
    return path


def forget(server: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Forget the key of a server; whether there was one.

    Raises:
        StorageError: the file cannot be written.
    """
    path = credentials_file(environ)
    known = _read(path)
    if server not in known:
        return False
    del known[server]
    _write(path, known)
    return True


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return (
        {server: one for server, one in dict(known).items() if isinstance(one, dict)}
        if isinstance(known, dict)
        else {}
    )


def _write(path: Path, known: Mapping[str, Mapping[str, Any]]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        # Nobody else can read it, not even before it has its name.
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
        os.replace(part, path)
    except OSError as refusal:
        raise StorageError(f"{path} cannot be written ({refusal.strerror})") from refusal
