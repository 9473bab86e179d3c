"""The built page: its files, and the one page that all its addresses share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, HTMLResponse, Response

from rltrack.store.media import file_inside

STATIC: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
#: Vite puts a digest of the content into the names in here, so what was fetched stays true.
_HASHED: Final = "assets/"

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


def page_answer(static: Path, path: str) -> Response:
    """A file of the page; for any address that is none, the page itself."""
    file = file_inside(static, path) if path else None
    if file is not None and file.name != INDEX:
        hashed = path.startswith(_HASHED)
        kept = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return FileResponse(file, headers={"cache-control": kept})
    if path.startswith(_HASHED):
        return HTMLResponse("no such file", 404)  # of an older build; the page would be no script
    headers = {"cache-control": "no-cache"}
    if not is_built(static):
        return HTMLResponse(_NOT_BUILT, 503, headers)
    return FileResponse(static / INDEX, headers=headers)
