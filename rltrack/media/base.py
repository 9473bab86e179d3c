"""What every media type is to a run: something that becomes a file."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rltrack.journal.records import Json


@dataclass(frozen=True, slots=True)
class Logging:
    """Where a media is being logged."""

    run: object
    """The same for all that is logged in one run by one process."""
    key: str
    step: int
    put: Callable[[Media], dict[str, Json]]
    """Has a media written, and answers with the reference to it."""
    warn: Callable[[str, str], None]
    """Told of a fault, once of each kind."""
    keep: Callable[[str, str, Sequence[str], int | None], None] | None = None
    """Told of a table; see `KeptTables.logged`."""


class Media(abc.ABC):
    """A value that is stored as a file, and referred to by the row in which it was logged.

    Making one takes its own copy of the data, so that the caller may go on with its buffer;
    `encode` runs later, on a worker.
    """

    kind: ClassVar[str]
    """Folder of such files under ``media/``, for example ``videos``."""
    type_name: ClassVar[str]
    """``_type`` of the reference in the row, for example ``video-file``."""
    immutable: ClassVar[bool] = False
    """Whether it stays as it was made, so that logging it again need not store it again."""
    extension: str
    """Ending of the file, without the dot."""
    size_bytes: int
    """Memory that is held until the file is written."""

    def place(self, put: Callable[[Media], dict[str, Json]]) -> None:  # noqa: B027
        """Called once, before the rest, when the value is logged.

        Args:
            put: has another media written, and answers with the reference to it; a table keeps
                the references of its cells so.
        """

    def logged(self, to: Logging) -> dict[str, Json]:
        """What a row says of it. One that may change later, as a table may, has a copy written."""
        return to.put(self)

    @abc.abstractmethod
    def facts(self) -> dict[str, Json]:
        """What is known before encoding: caption, size, fps. Part of the reference."""

    @abc.abstractmethod
    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file and return what is known of it now.

        Raises:
            MediaError: the data cannot be encoded.
            OSError: the file cannot be written.
        """
