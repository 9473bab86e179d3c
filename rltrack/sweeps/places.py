"""Where a sweep is: in a folder, or on the server of the settings."""

from __future__ import annotations

from pathlib import Path

from rltrack._credentials import Connection, connection
from rltrack.errors import NotFoundError
from rltrack.settings import Settings
from rltrack.sweeps.folder import Place, find_folder


def find_place(settings: Settings, sweep_id: str) -> Place:
    """A sweep by its id; one in the folder counts first.

    Args:
        settings: say which folder, and which server.
        sweep_id: with or without its entity and project.

    Raises:
        NotFoundError: it is in neither.
    """
    root = Path(settings.dir or ".").absolute()
    try:
        return find_folder(root, sweep_id)
    except NotFoundError as missing:
        told = connection_of(settings)
        if told is None:
            raise
        from rltrack.sweeps.through import find_on_server

        try:
            return find_on_server(told, sweep_id, root)
        except NotFoundError as refusal:
            raise NotFoundError(f"{missing}; and {refusal}") from None


def connection_of(settings: Settings) -> Connection | None:
    """The server that sweeps go through; None: they are in a folder."""
    if settings.mode not in (None, "online", "shared"):
        return None
    return connection(settings)
