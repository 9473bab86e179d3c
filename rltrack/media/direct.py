"""Values of other libraries that `log` takes as they are: a figure, a picture, a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rltrack.media.base import Media

#: Tables of other libraries, by module.
_FRAMES: Final = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "Table"}


def is_frame(value: Any) -> bool:
    """Whether `value` is a table of pandas, Polars or PyArrow."""
    kind = type(value)
    return kind.__name__ == _FRAMES.get(kind.__module__.partition(".")[0])


def as_media(value: Any) -> Media | None:
    """The media that `value` is logged as; None for what is no such thing.

    Raises:
        MediaError: it is one, and cannot be drawn.
    """
    make = _maker(value)
    return make(value) if make is not None else None


def is_direct(value: Any) -> bool:
    """Whether `value` is logged as media, though it is of another library."""
    return _maker(value) is not None


def _maker(value: Any) -> Callable[[Any], Media] | None:
    """What makes media of `value`.

    Nothing is imported for the question: who has a figure has its library.
    """
    module = type(value).__module__
    library = module.partition(".")[0]
    if is_frame(value):
        from rltrack.media.table import Table

        return Table.of_frame
    if library == "PIL":
        if not (hasattr(value, "getbands") and hasattr(value, "tobytes")):
            return None
        from rltrack.media.image import Image

        return Image
    if library == "matplotlib" or getattr(value, "__name__", None) == "matplotlib.pyplot":
        from rltrack.media.image import Image, figure_of

        return Image if figure_of(value) is not None else None
    if library == "plotly":
        from rltrack.media.figures import Plotly

        return Plotly if hasattr(value, "to_plotly_json") and hasattr(value, "to_dict") else None
    if library == "bokeh":
        from rltrack.media.figures import Bokeh

        return Bokeh if hasattr(value, "to_json") or hasattr(value, "document") else None
    if module == "rltrack.hooks._watch_graph" and hasattr(value, "to_dict"):
        from rltrack.media.graph import Graph

        return Graph
    return None
