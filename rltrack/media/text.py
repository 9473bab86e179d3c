"""`Text` and `Markdown`: what is too long for a row, such as the words of an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from rltrack.errors import MediaError
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import Bytes, UserFile, content_of


class Text(Media):
    """A text in a file of its own, in UTF-8.

    Args:
        data: the text, an open file of it, or a `pathlib.Path`.
        caption: shown below it.

    Raises:
        MediaError: the data is no text, or the file is not there.
    """

    immutable = True
    kind: ClassVar[str] = "texts"
    type_name: ClassVar[str] = "text-file"
    extension = "txt"

    def __init__(self, data: Any, caption: str | None = None) -> None:
        self._caption = caption
        self._source: UserFile | Bytes
        if isinstance(data, Path):
            self._source = UserFile(data, (data.suffix[1:].lower(),), type(self).__name__)
            self.size_bytes = 0  # it stays on the disk until it is copied
            return
        content = content_of(data)
        if content is None:
            raise MediaError(
                f"{type(self).__name__}: a {type(data).__qualname__} is no text, Path or open file"
            )
        self._source = content
        self.size_bytes = content.size_bytes

    def facts(self) -> dict[str, Json]:
        """The caption."""
        return {} if self._caption is None else {"caption": self._caption}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file.

        Raises:
            OSError: the file cannot be written.
        """
        self._source.copy_to(path)
        return {}


class Markdown(Text):
    """A text in Markdown, which the dashboard shows as it is meant."""

    kind: ClassVar[str] = "markdown"
    type_name: ClassVar[str] = "markdown-file"
    extension = "md"
