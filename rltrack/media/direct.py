"""Values of other libraries that `log` takes as they are: a figure, a picture."""

from __future__ import annotations

from typing import Any, Final

from rltrack.media.base import Media

#: Top-level modules whose objects are worth a second look.
_LIBRARIES: Final = frozenset({"matplotlib", "PIL"})


def is_direct(value: Any) -> bool:
    """Whether `value` is logged as media, though it is of another library.

    Nothing is imported for the question: who has a figure has its library.
    """
    library = type(value).__module__.partition(".")[0]
    if library == "PIL":
        return hasattr(value, "getbands") and hasattr(value, "tobytes")
    if library in _LIBRARIES or getattr(value, "__name__", None) == "matplotlib.pyplot":
        from rltrack.media.image import figure_of

        return figure_of(value) is not None
    return False


def as_media(value: Any) -> Media | None:
    """The media that `value` is logged as; None for what is no such thing.

    Raises:
        MediaError: it is one, and cannot be drawn.
    """
    if not is_direct(value):
        return None
    from rltrack.media.image import Image

    return Image(value)
