"""Project names with a slash in addresses.

On a team's server a project is called ``entity/project``, which an address holds as
``entity%2Fproject``. Servers decode an address before it is taken apart, so by then that slash
is one like all others. This keeps it apart from them until a route has found its parts.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

#: No name of a project has it: it means nothing.
_KEPT: Final = "\ufdd0"
_PROJECT: Final = re.compile(rb"(/api/(?:projects|sync)/)([^/]*%2[Ff][^/]*)(.*)", re.DOTALL)


class _ProjectName(Convertor[str]):
    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return value.replace(_KEPT, "/")

    def to_string(self, value: str) -> str:
        return value


# To be written as ``{project:project}``.
register_url_convertor("project", _ProjectName())


class SlashedNames:
    """Lets routes see a project's name as one part of an address, whatever is in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and (found := _PROJECT.fullmatch(scope.get("raw_path") or b"")):
            before, name, after = (unquote(part.decode("latin-1")) for part in found.groups())
            scope = {**scope, "path": before + name.replace("/", _KEPT) + after}
        await self._app(scope, receive, send)
