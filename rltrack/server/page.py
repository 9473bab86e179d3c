"""The built page: its files, and the one page that all its addresses share."""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.responses import FileResponse, HTMLResponse, Response

from rltrack.store.media import file_inside

STATIC: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
#: Vite puts a digest of the content into the names in here, so what was fetched stays true.
_HASHED: Final = "assets/"

_TEXTS: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_PROJECT_PAGE: Final = re.compile(r"p/([^/]+)/?")

HOW_TO_BUILD: Final = "run `npm ci && npm run build` in rltrack/dashboard"

_NOT_BUILT: Final = """\
<!doctype html><meta charset="utf-8"><title>rltrack</title>
<p>The page was not built yet. In <code>rltrack/dashboard</code>, type
<code>npm ci &amp;&amp; npm run build</code>, then load this again; it takes Node 20.
The data is served already: <a href="/api/projects">/api/projects</a>.</p>
"""


def is_built(static: Path) -> bool:
    """Whether there is a page to serve."""
    return (static / INDEX).is_file()


def page_answer(static: Path, path: str, *, compressed: bool = False) -> Response:
    """A file of the page; for any address that is none, the page itself.

    Args:
        static: the built page.
        path: what is asked for.
        compressed: whether who asks takes gzip, and is far enough away for it to be worth it.
    """
    file = file_inside(static, path) if path else None
    if file is not None and file.name != INDEX:
        hashed = path.startswith(_HASHED)
        kept = "public, max-age=31536000, immutable" if hashed else "no-cache"
        headers = {"cache-control": kept}
        if compressed and file.suffix in _TEXTS:
            headers |= {"content-encoding": "gzip", "vary": "accept-encoding"}
            packed = _packed(file, file.stat().st_mtime_ns)
            return Response(packed, headers=headers, media_type=_TEXTS[file.suffix])
        return FileResponse(file, headers=headers)
    if path.startswith(_HASHED):
        return HTMLResponse("no such file", 404)  # of an older build; the page would be no script
    headers = {"cache-control": "no-cache"}
    if not is_built(static):
        return HTMLResponse(_NOT_BUILT, 503, headers)
    if data := _data_of(path):
        # Fetched while the scripts are: the answer is there when they first ask for it.
        headers["link"] = f"<{data}>; rel=preload; as=fetch; crossorigin"
    return FileResponse(static / INDEX, headers=headers)


@lru_cache(maxsize=128)
def _packed(file: Path, changed_ns: int) -> bytes:
    return gzip.compress(file.read_bytes(), 6, mtime=0)


def _data_of(path: str) -> str | None:
    """What a page of a project or a run asks for first."""
    found = _PROJECT_PAGE.fullmatch(path)
    if found is None:
        return None
    name = quote(found[1], safe="!'()*")  # as a browser writes it
    return f"/api/projects/{name}/runs"
