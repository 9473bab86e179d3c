"""`Trace`: what happened at each timestep of an episode, beside its video.

A JSON object, small enough for a browser to read whole:

    format       1
    timesteps    how many there were
    frames       of each frame of the video, after how many timesteps it was drawn: 0 is the reset
    columns      name to a list of `timesteps` values: numbers, bools, or lists of numbers

Who shows frame ``i`` so finds what led to it at ``columns[name][frames[i] - 1]``. The names are
``reward``, ``action`` and what else was asked for. What is not finite, or was not given at some
timestep, is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from rltrack.journal.records import Json
from rltrack.media.base import Media

FORMAT: Final = 1
#: What a number takes in memory until it is written, roughly.
_NUMBER_BYTES: Final = 32


class Trace(Media):
    """What happened at each timestep of an episode.

    Args:
        columns: name to one value a timestep: numbers, arrays of them, or None.
        frames: of each frame of the episode's video, after how many timesteps it was drawn.
    """

    kind: ClassVar[str] = "traces"
    type_name: ClassVar[str] = "trace-file"
    extension = "json"

    def __init__(self, columns: Mapping[str, Sequence[Any]], frames: Sequence[int] = ()) -> None:
        self._columns = {name: list(values) for name, values in columns.items()}
        self._frames = list(frames)
        self._timesteps = max(map(len, self._columns.values()), default=0)
        self.size_bytes = _NUMBER_BYTES * self._timesteps * len(self._columns)

    def facts(self) -> dict[str, Json]:
        """How many timesteps, and of what."""
        return {"timesteps": self._timesteps, "columns": list(self._columns)}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        content = {
            "format": FORMAT,
            "timesteps": self._timesteps,
            "frames": self._frames,
            "columns": {
                name: [_plain(value) for value in values] for name, values in self._columns.items()
            },
        }
        path.write_text(
            json.dumps(content, allow_nan=False, separators=(",", ":")), encoding="utf-8"
        )
        return self.facts()


def _plain(value: Any) -> Json:
    """A number of any kind, or an array of them, as JSON has it."""
    if hasattr(value, "tolist"):  # NumPy's and torch's
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
