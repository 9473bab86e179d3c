"""Where artifacts come from that lie here as a copy: a server has them, and takes what changes."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol


class Origin(Protocol):
    """The server of which a root is a copy."""

    def fetch_blob(self, digest: str, target: Path) -> None:
        """Have a content here.

        Raises:
            NotFoundError: the server does not have it any more.
        """
        ...

    def put_version_file(self, project: str, path: str, text: str) -> None:
        """Have a file there that says something of a version: a change, or a use."""
        ...

    def delete_version(self, project: str, name: str, number: int) -> None:
        """Delete a version there."""
        ...


#: By root. All others are what they are.
ORIGINS: Final[dict[Path, Origin]] = {}
