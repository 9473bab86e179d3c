"""Whether a server lives and can work, for what watches over it.

GET /healthz    it answers: else it is to be started again
GET /readyz     its database and its folder do, too: else it gets no requests for now, 503
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rltrack._version import __version__
from rltrack.folder import HUB
from rltrack.hub.database import Database
from rltrack.server.answers import Refusal, json_answer


def routes(database: Database, root: Path) -> list[Route]:
    """The two routes.

    Args:
        database: of the server.
        root: its folder.
    """

    def alive(request: Request) -> Response:
        """Whether the process answers."""
        return json_answer(request, {"status": "ok", "version": __version__})

    def ready(request: Request) -> Response:
        """Whether database and folder work, too; 503 names what fails."""
        failed = {}
        if request.app.state.leaving:
            failed["server"] = "it is about to stop"
        if (why := _database_fails(database)) is not None:
            failed["database"] = why
        if (why := _folder_fails(root)) is not None:
            failed["folder"] = why
        told = {"status": "failed" if failed else "ok", "failed": failed}
        return json_answer(request, told, 503 if failed else 200)

    return [Route("/healthz", alive), Route("/readyz", ready)]


def _database_fails(database: Database) -> str | None:
    try:
        with database.read() as session:
            session.execute(text("SELECT 1"))
    except (
        SQLAlchemyError,
        Refusal,
    ) as fault:  # whose text may hold the URL, and that the password
        return type(fault.__cause__ or fault).__name__
    return None


def _folder_fails(root: Path) -> str | None:
    probe = root / HUB / f".ready-{secrets.token_hex(4)}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"ready")
    except OSError as refusal:
        return refusal.strerror or type(refusal).__name__
    finally:
        with contextlib.suppress(OSError):
            os.unlink(probe)
    return None
