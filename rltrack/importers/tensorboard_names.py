"""What a tag of a log folder is called in a run.

A tag keeps its name as long as only one folder uses it; of the folders that come later with
the same tag, each puts as much of its path in front as tells it apart: ``eval/loss`` beside
``loss``. A name that was given stays, since a run only appends.

Two calls write into folders of their own that are no runs of their own:

    add_scalars("loss", {"train": …})   <logdir>/loss_train, or with tensorboardX
                                        <logdir>/loss/train: here "loss/train"
    add_hparams(…)                      <logdir>/<time.time()>: here as if in <logdir>
"""

from __future__ import annotations

import os
import re
from typing import Final

#: `add_text` of torch and tensorboardX puts this behind every tag.
_TEXT_SUFFIX: Final = "/text_summary"
#: Names that mean something else in a row, or nothing.
_TAKEN: Final = frozenset({"", "_step", "_timestamp"})
#: `add_hparams` calls its folder by `time.time()`, if it is not told otherwise.
_TIME: Final = re.compile(r"\d{9,11}(\.\d+)?")


class Names:
    """Gives each tag of each folder its name in one run."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, str]] = {}
        self._owner: dict[str, tuple[str, str]] = {}

    def name(self, folder: str, tag: str) -> str:
        """The name of `tag` in `folder`, the same at every call.

        Args:
            folder: where the event file is.
            tag: as in the event.
        """
        try:
            return self._given[folder][tag]
        except KeyError:
            name = self._new_name(folder, tag)
            self._given.setdefault(folder, {})[tag] = name
            return name

    def know(self, folder: str) -> None:
        """A writer of its own has this folder."""
        self._given.setdefault(folder, {})

    def home(self, folder: str) -> str:
        """The folder as whose part this one is seen: its parent, for one of `add_hparams`."""
        parent, name = os.path.split(folder)
        return parent if _TIME.fullmatch(name) and parent in self._given else folder

    def _new_name(self, folder: str, tag: str) -> str:
        plain = tag.removesuffix(_TEXT_SUFFIX)
        for parent in self._parents(folder):
            if parent in self._given and (part := part_of_group(folder[len(parent) + 1 :], plain)):
                return self._claim(f"{plain}/{part}", folder, tag)
        if plain in _TAKEN:
            plain = f"tensorboard/{plain}".rstrip("/")
        return self._claim(plain, folder, tag)

    @staticmethod
    def _parents(folder: str) -> list[str]:
        found = []
        while (parent := os.path.dirname(folder)) != folder:
            found.append(folder := parent)
        return found

    def _claim(self, name: str, folder: str, tag: str) -> str:
        """`name`, with as much of the folder in front as is needed to be the only one of it."""
        parts = [part for part in folder.split(os.sep) if part]
        for count in range(len(parts) + 1):
            longer = "/".join([*parts[len(parts) - count :], name])
            if self._owner.setdefault(longer, (folder, tag)) == (folder, tag):
                return longer
        return f"{folder}/{tag}"  # no other has this whole path, which begins with a slash


def part_of_group(below: str, tag: str) -> str | None:
    """The key of `add_scalars` whose folder, below that of the writer, is `below`."""
    for prefix in (f"{tag.replace('/', '_')}_", f"{tag}{os.sep}"):
        if below.startswith(prefix) and len(below) > len(prefix):
            return below[len(prefix) :].replace(os.sep, "/")
    return None
