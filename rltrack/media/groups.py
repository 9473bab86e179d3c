"""Several media that were logged as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rltrack.journal.records import Json

#: ``_type`` of a list, by that of its items.
_GROUPS: Final = {
    "image-file": "images/separated",
    "video-file": "videos",
    "audio-file": "audio",
    "html-file": "html/separated",
    "object3D-file": "object3D/separated",
    "molecule-file": "molecule/separated",
    "plotly-file": "plotly/separated",
    "bokeh-file": "bokeh/separated",
    "markdown-file": "markdown/separated",
    "text-file": "text/separated",
}


def group(references: Sequence[Json]) -> dict[str, Json]:
    """A list of media as one entry of a row; all of them are in it, however many.

    Args:
        references: what a row says of each.
    """
    kinds = {str(one["_type"]) for one in references if isinstance(one, Mapping)}
    kind = kinds.pop() if len(kinds) == 1 else ""
    name = _GROUPS.get(kind, "media/separated")
    return {"_type": name, "count": len(references), "items": list(references)}
