"""`Html`: a page. It is shown without running any script of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

from rltrack.errors import MediaError
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import Bytes, UserFile, content_of, is_path

FILE_FORMATS: Final = ("html", "htm")


class Html(Media):
    """A page of HTML, stored as it is. The dashboard shows it, and runs no script of it.

    Args:
        data: the HTML, an open file of it, or the path of a file whose name ends in ``.html``.
        inject: accepted for W&B's scripts, which adds a style sheet from its servers.
        data_is_not_path: take `data` as HTML, whatever it looks like.
        caption: shown below it.

    Raises:
        MediaError: the data is no text, or the file is not there.
    """

    immutable = True
    kind: ClassVar[str] = "html"
    type_name: ClassVar[str] = "html-file"
    extension = "html"

    def __init__(
        self,
        data: Any,
        inject: bool = True,
        data_is_not_path: bool = False,
        caption: str | None = None,
    ) -> None:
        self._caption = caption
        self._source: UserFile | Bytes
        if not data_is_not_path and is_path(data, FILE_FORMATS):
            self._source = UserFile(data, FILE_FORMATS, "Html")
            self.size_bytes = 0  # it stays on the disk until it is copied
            return
        content = content_of(data)
        if content is None:
            raise MediaError(f"Html: a {type(data).__qualname__} is no text, path or open file")
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
