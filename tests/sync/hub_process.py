"""A server in a process of its own, which tests kill: ``python -m tests.sync.hub_process ROOT PORT``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from rltrack.hub.folder_storage import FolderStorage
from rltrack.hub.receive import routes
from rltrack.server.names import SlashedNames

#: The key that opens it, if one is needed at all.
KEY = "TEST_HUB_KEY"
#: A file: while it is there, everything is answered with the status that it holds.
BROKEN = "TEST_HUB_BROKEN"


def main(root: Path, port: int) -> None:
    receiving = Starlette(
        routes=[*routes(FolderStorage(root), lambda request, name: _whole(name))],
        middleware=[Middleware(SlashedNames)],
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (answer := _refusal(dict(scope["headers"]))):
            await answer(scope, receive, send)
        else:
            await receiving(scope, receive, send)

    uvicorn.run(app, port=port, log_level="error")


def _whole(project: str) -> str:
    return project if "/" in project else f"ann/{project}"


def _refusal(headers: dict[bytes, Any]) -> JSONResponse | None:
    broken = Path(os.environ.get(BROKEN, os.devnull))
    if broken.is_file():
        status = int(broken.read_text() or "500")
        return JSONResponse({"error": "out of order", "hint": "wait"}, status, {"retry-after": "0"})
    key = os.environ.get(KEY)
    if key and headers.get(b"authorization") != f"Bearer {key}".encode():
        return JSONResponse({"error": "no such key", "hint": "type rltrack login"}, 401)
    return None


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
