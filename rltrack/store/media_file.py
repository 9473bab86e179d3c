"""Media as `history` gives them back: what the row says, and the file, opened when it is asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rltrack.errors import MediaError, NotFoundError, UsageError
from rltrack.extras import require
from rltrack.store.columns import media_references
from rltrack.store.media import MediaState, media_file, state_of
from rltrack.store.run import RunReader

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image as Picture

    from rltrack.store.tables import LoggedTable


class MediaFile(dict[str, Any]):
    """One file that was logged. As a dict it is what the row says of it, as in W&B.

    Nothing is read from the disk before it is asked for.
    """

    def __init__(self, reference: dict[str, Any], run: RunReader) -> None:
        stored = run.stored(reference["path"])
        super().__init__(reference)
        if stored is not None:
            self.update(stored.facts)
            if "bytes" in stored.facts:
                self["size"] = stored.facts["bytes"]  # W&B's name
        self._run = run

    @property
    def state(self) -> MediaState:
        """``ready``; ``pending`` while the run writes it; ``failed`` or ``lost``: see `error`."""
        return self._state()[0]

    @property
    def error(self) -> str | None:
        """Why there is no file, and never will be."""
        return self._state()[1]

    def _state(self) -> tuple[MediaState, str | None]:
        self._run.refresh()
        return state_of(self._run, self["path"])

    @property
    def kind(self) -> str:
        """The folder of such files: ``images``, ``videos``, ``audio``."""
        return str(self["path"]).partition("/")[0]

    @property
    def caption(self) -> str | None:
        """What is shown below it."""
        return self.get("caption")

    @property
    def path(self) -> Path:
        """Where the file is on the disk.

        Raises:
            NotFoundError: it is not there; the message says why.
        """
        file = media_file(self._run.folder, self["path"])
        if file is None:
            state, error = self._state()
            raise NotFoundError(f"{self['path']} is {state}: {error or 'try again in a moment'}")
        return file

    @property
    def image(self) -> Picture:
        """A picture as one of Pillow's.

        Raises:
            NotFoundError: the file is not there.
            MediaError: it is no picture, or one of so many pixels that it would fill the memory.
        """
        import warnings

        pillow: Any = require("PIL.Image", extra="media")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pillow.DecompressionBombWarning)
                with pillow.open(self.path) as picture:
                    picture.load()
                    return picture.copy()  # type: ignore[no-any-return]
        except NotFoundError:
            raise
        except Exception as fault:  # Pillow's own for a cut file, a bomb, an SVG
            raise MediaError(f"{self['path']} cannot be opened as a picture: {fault}") from fault

    def numpy(self) -> npt.NDArray[Any]:
        """The content as an array.

        Returns:
            Of a picture its pixels, (H, W) or (H, W, C); of a video its frames as RGB, (T, H, W,
            3); of a sound its samples as floats, (T, C); of a scene of points these.

        Raises:
            NotFoundError: the file is not there.
            MediaError: it is nothing of this kind.
        """
        import numpy as np

        if self.kind in ("images", "masks"):
            return np.asarray(self.image)
        if self.kind == "videos":
            from rltrack.media.video import read_frames

            return read_frames(self.path)
        if self.kind == "audio":
            return _samples(self.path)
        if self.path.name.endswith(".pts.json"):
            return np.asarray(self.json()["points"])
        raise MediaError(f"{self['path']} is no picture, video, sound or cloud of points")

    def text(self) -> str:
        """The content as a text, in UTF-8."""
        return self.path.read_text(encoding="utf-8", errors="replace")

    def json(self) -> Any:
        """The content of a file of JSON: a figure, a graph.

        Raises:
            MediaError: it is none.
        """
        try:
            return json.loads(self.text())
        except ValueError as fault:
            raise MediaError(f"{self['path']} is no JSON: {fault}") from fault

    def table(self) -> LoggedTable:
        """A table, or that of a chart: to be read, and asked in SQL.

        Of an INCREMENTAL one these are the rows that were new; `Run.table` has all of them.

        Raises:
            NotFoundError: the file is not there.
            QueryError: it is no table.
        """
        from rltrack.engine.files import FileRows, table_file
        from rltrack.store.tables import LoggedTable

        return LoggedTable(FileRows([table_file(self.path)]), str(self["path"]))

    def open(self) -> BinaryIO:
        """The file, opened for reading bytes."""
        return self.path.open("rb")

    def masks(self) -> dict[str, MediaFile]:
        """The masks of a picture, by name; `numpy` of each is its classes."""
        return {name: MediaFile(mask, self._run) for name, mask in self.get("masks", {}).items()}

    def download(
        self, root: str | PathLike[str] = ".", replace: bool = False, exist_ok: bool = False
    ) -> Path:
        """Copy it, under its name, into a folder; where it is then.

        Args:
            root: the folder.
            replace: write over a file that is there.
            exist_ok: leave a file that is there as it is.

        Raises:
            UsageError: a file is there, and neither is allowed.
        """
        return copy_into(self.path, Path(root) / "media" / self["path"], replace, exist_ok)

    def __repr__(self) -> str:
        return f"<rltrack media {self['path']}>"


class MediaGroup(list[MediaFile]):
    """Several files that were logged as one value.

    W&B's names of what they have in common are keys: ``group["captions"]``.
    """

    def __init__(self, items: Iterable[MediaFile], kind: str) -> None:
        super().__init__(items)
        self._kind = kind

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, str):
            return super().__getitem__(index)
        if index == "_type":
            return self._kind
        if index == "count":
            return len(self)
        if index == "filenames":
            return [item["path"] for item in self]
        if index == "captions":
            return [item.caption for item in self]
        if index in ("width", "height", "format"):
            return next((item[index] for item in self if index in item), None)
        raise KeyError(index)


def opened(value: Any, run: RunReader) -> Any:
    """A logged value, with media as objects."""
    if not isinstance(value, (dict, list)) or not (found := media_references(value)):
        return value
    if isinstance(value, dict) and "path" in value:
        return MediaFile(value, run)
    if len(found) < len(value["items"] if isinstance(value, dict) else value):
        return value  # a list of media and other things
    kind = value["_type"] if isinstance(value, dict) else "media/separated"
    return MediaGroup((MediaFile(item, run) for item in found), kind)


def copy_into(file: Path, target: Path, replace: bool, exist_ok: bool) -> Path:
    """Copy a file to `target`; where it is then.

    Raises:
        UsageError: a file is there, and neither to replace nor to leave it is allowed.
    """
    if target.exists() and not replace:
        if exist_ok:
            return target
        raise UsageError(f"{target} is there already; say replace=True or exist_ok=True")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    return target


def _samples(path: Path) -> npt.NDArray[np.float64]:
    soundfile = require("soundfile", extra="media")
    try:
        samples: npt.NDArray[np.float64] = soundfile.read(str(path), always_2d=True)[0]
    except Exception as fault:  # libsndfile's, for a format that it does not know
        raise MediaError(f"{path.name} cannot be read as a sound: {fault}") from fault
    return samples
