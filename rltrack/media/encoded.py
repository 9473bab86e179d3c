"""Media that come as the bytes of a file already: what others have encoded is kept as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from rltrack.journal.records import Json
from rltrack.media.base import Media

#: How the formats begin that people put into event files, and what their files end in.
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"\xff\xd8\xff", "jpg"),
    (b"BM", "bmp"),
    (b"RIFF", "wav"),  # WebP is told apart below
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
)


class Encoded(Media):
    """A file that somebody else has encoded.

    Args:
        data: the bytes of the file.
        extension: ending of the file, without the dot; by default as its first bytes say.
        facts: what is known of it: width, height, sample rate. Part of the reference.
    """

    immutable = True

    def __init__(
        self, data: bytes, extension: str | None = None, facts: Mapping[str, Json] | None = None
    ) -> None:
        self._data = data
        self._facts = dict(facts or {})
        self.extension = extension or file_format(data) or "bin"
        self.size_bytes = len(data)

    def facts(self) -> dict[str, Json]:
        """What was said of it."""
        return dict(self._facts)

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the bytes.

        Raises:
            OSError: the file cannot be written.
        """
        path.write_bytes(self._data)
        return self.facts()


class EncodedImage(Encoded):
    """A PNG, a JPEG or the like."""

    kind: ClassVar[str] = "images"
    type_name: ClassVar[str] = "image-file"


class EncodedVideo(Encoded):
    """An animated GIF, an mp4 or the like."""

    kind: ClassVar[str] = "videos"
    type_name: ClassVar[str] = "video-file"


class EncodedAudio(Encoded):
    """A WAV or the like."""

    kind: ClassVar[str] = "audio"
    type_name: ClassVar[str] = "audio-file"


class EncodedObject3D(Encoded):
    """An OBJ, a glTF or the like."""

    kind: ClassVar[str] = "object3D"
    type_name: ClassVar[str] = "object3D-file"


class EncodedGraph(Encoded):
    """A computation graph, in the form that its framework gave it."""

    kind: ClassVar[str] = "graphs"
    type_name: ClassVar[str] = "graph-file"


def file_format(data: bytes) -> str | None:
    """The usual ending of a file that begins so; None if that is not known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    for signature, extension in _SIGNATURES:
        if data.startswith(signature):
            return extension
    return None


def is_animation(data: bytes) -> bool:
    """Whether it is a GIF of more than one frame."""
    # Each frame has a graphic control extension before it: 21 F9, and that it has 4 bytes.
    return data.startswith(b"GIF8") and data.count(b"\x21\xf9\x04") > 1
