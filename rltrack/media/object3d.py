"""`Object3D`: points and boxes in space, or a file of a 3-D scene."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

from rltrack.errors import MediaError
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import Bytes, UserFile, content_of
from rltrack.media.pixels import copied

if TYPE_CHECKING:
    import numpy.typing as npt

FILE_FORMATS: Final = ("obj", "gltf", "glb", "babylon", "stl", "ply", "pts.json")
#: Points are written in pieces: `json` keeps the interpreter for the whole of one.
_PIECE: Final = 1024


class Box3D(TypedDict, total=False):
    """A box in space, as W&B's scenes have it."""

    corners: list[list[float]]
    label: str | None
    color: list[int]
    score: float


def box3d(
    *,
    center: Sequence[float],
    size: Sequence[float],
    orientation: Sequence[float] = (1.0, 0.0, 0.0, 0.0),
    color: Sequence[int] = (255, 255, 255),
    label: str | None = None,
    score: float | None = None,
) -> Box3D:
    """A box in space, for `Object3D`.

    Args:
        center: x, y, z.
        size: its length along its own x, y and z.
        orientation: a quaternion: its real part, then i, j, k.
        color: red, green, blue in 0..255.
        label: shown beside it.
        score: how sure whoever found it is.

    Raises:
        MediaError: an argument has the wrong length, or is not finite.
    """
    import numpy as np

    given = {"center": (center, 3), "size": (size, 3), "orientation": (orientation, 4)}
    numbers = {}
    for name, (value, count) in {**given, "color": (color, 3)}.items():
        try:
            numbers[name] = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            numbers[name] = np.empty(0)
        if numbers[name].shape != (count,) or not np.isfinite(numbers[name]).all():
            raise MediaError(f"box3d({name}={value!r}): {count} finite numbers are asked for")
    length = float(np.linalg.norm(numbers["orientation"]))
    if not length:
        raise MediaError("box3d(orientation=…): a quaternion of length 0 is no orientation")
    real, i, j, k = (numbers["orientation"] / length).tolist()
    turn = np.array(
        [
            [1 - 2 * (j * j + k * k), 2 * (i * j - k * real), 2 * (i * k + j * real)],
            [2 * (i * j + k * real), 1 - 2 * (i * i + k * k), 2 * (j * k - i * real)],
            [2 * (i * k - j * real), 2 * (j * k + i * real), 1 - 2 * (i * i + j * j)],
        ]
    )
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = numbers["center"] + (signs * numbers["size"] / 2) @ turn.T
    box = Box3D(
        corners=corners.tolist(), label=label, color=[int(c) for c in numbers["color"].tolist()]
    )
    if score is not None:
        box["score"] = float(score)
    return box


class Object3D(Media):
    """A scene in space.

    Args:
        data_or_path: points of shape (n, 3), (n, 4) with a class in 1..14, or (n, 6) with red,
            green and blue in 0..255; a dict of ``points``, ``boxes`` and ``vectors``; the path
            of a file (``obj gltf glb babylon stl ply pts.json``); or an open file.
        caption: shown below it.
        file_type: the format of an open file without a name.

    Raises:
        MediaError: it is none of these.
    """

    immutable = True
    kind: ClassVar[str] = "object3D"
    type_name: ClassVar[str] = "object3D-file"

    def __init__(
        self, data_or_path: Any, caption: str | None = None, file_type: str | None = None
    ) -> None:
        self._caption = caption
        self._source: UserFile | Bytes | _Points
        if isinstance(data_or_path, (str, os.PathLike)):
            self._source = UserFile(data_or_path, _ENDINGS, "Object3D")
            points = os.fspath(data_or_path).lower().endswith("pts.json")
            if self._source.format == "json" and not points:
                raise MediaError(
                    f"Object3D({os.fspath(data_or_path)!r}): of points the name ends in .pts.json"
                )
            self.extension = "pts.json" if points else self._source.format
            self.size_bytes = 0  # it stays on the disk until it is copied
            return
        if (content := content_of(data_or_path)) is not None:
            name = str(getattr(data_or_path, "name", ""))
            self.extension = file_type or Path(name).suffix[1:].lower()
            if self.extension not in FILE_FORMATS:
                raise MediaError(
                    f"Object3D(file_type={self.extension!r}): there are {', '.join(FILE_FORMATS)}"
                )
            self._source = content
        else:
            self._source = _Points(data_or_path)
            self.extension = "pts.json"
        self.size_bytes = self._source.size_bytes

    @classmethod
    def from_file(cls, data_or_path: Any, file_type: str | None = None) -> Object3D:
        """A scene of a file, by W&B's name."""
        return cls(data_or_path, file_type=file_type)

    @classmethod
    def from_numpy(cls, data: Any) -> Object3D:
        """Points of an array, by W&B's name."""
        return cls(data)

    @classmethod
    def from_point_cloud(
        cls,
        points: Any,
        boxes: Sequence[Box3D | Mapping[str, Any]] = (),
        vectors: Sequence[Mapping[str, Any]] | None = None,
        point_cloud_type: str = "lidar/beta",
        caption: str | None = None,
    ) -> Object3D:
        """Points with boxes and arrows.

        Args:
            points: as for `Object3D`.
            boxes: each of `box3d`, or a dict of 8 ``corners``, ``label`` and ``color``.
            vectors: each a dict of ``start`` and ``end``.
            point_cloud_type: W&B's name of the form.
            caption: shown below it.
        """
        scene = {"type": point_cloud_type, "points": points, "boxes": boxes, "vectors": vectors}
        return cls(scene, caption)

    def facts(self) -> dict[str, Json]:
        """Format, caption, and of points how many."""
        facts: dict[str, Json] = {"format": self.extension}
        if self._caption is not None:
            facts["caption"] = self._caption
        if isinstance(self._source, _Points):
            facts["points"] = len(self._source.points)
        return facts

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file; what was left out of it.

        Raises:
            OSError: the file cannot be written.
        """
        if isinstance(self._source, _Points):
            return self._source.write(path)
        self._source.copy_to(path)
        return {}


_ENDINGS: Final = (*(one for one in FILE_FORMATS if "." not in one), "json")


class _Points:
    """Points of an array, with what stands among them."""

    def __init__(self, data: Any) -> None:
        scene = data if isinstance(data, Mapping) else {"points": data}
        if scene.get("points") is None:
            raise MediaError("Object3D: a dict has 'points', and may have 'boxes' and 'vectors'")
        try:
            self.points: npt.NDArray[Any] = copied(scene["points"])
        except MediaError as why:
            raise MediaError(f"Object3D: {why}") from None
        if self.points.size == 0:
            self.points = self.points.reshape(0, 3)
        if self.points.ndim != 2 or self.points.shape[1] not in (3, 4, 6):
            raise MediaError(
                f"Object3D: the shape is {self.points.shape}, and (n, 3), (n, 4) or (n, 6) is "
                "asked for: x, y, z and a class or a colour"
            )
        self._type = str(scene.get("type") or "lidar/beta")
        self._boxes = [_checked_box(box) for box in _listed(scene.get("boxes"))]
        self._vectors = [_checked_vector(vector) for vector in _listed(scene.get("vectors"))]
        self.size_bytes = self.points.nbytes

    def write(self, path: Path) -> dict[str, Json]:
        import numpy as np

        points = self.points
        if points.dtype.kind == "f":
            points = points[np.isfinite(points).all(axis=1)]  # JSON has no NaN
        with path.open("w", encoding="ascii") as file:
            file.write(f'{{"type":{json.dumps(self._type)},"points":[')
            for start in range(0, len(points), _PIECE):
                piece = json.dumps(points[start : start + _PIECE].tolist(), separators=(",", ":"))
                file.write(f"{',' if start else ''}{piece[1:-1]}")
            rest = {"boxes": self._boxes, "vectors": self._vectors}
            file.write(f"],{json.dumps(rest)[1:]}")
        left_out = len(self.points) - len(points)
        return {"not_finite": left_out} if left_out else {}


def _listed(given: Any) -> list[Any]:
    return [] if given is None else list(given)


def _checked_box(box: Any) -> dict[str, Any]:
    try:
        corners = _places(box["corners"], 8)
        found = {"corners": corners, "label": box.get("label")}
        found["color"] = [int(part) for part in box.get("color", (255, 255, 255))]
        if box.get("score") is not None:
            found["score"] = float(box["score"])
    except (KeyError, TypeError, ValueError, AttributeError) as why:
        raise MediaError(
            f"Object3D: a box has 8 'corners' of x, y, z, a 'label' and a 'color', as box3d makes "
            f"it; this one is {box!r} ({why!r})"
        ) from None
    return found


def _checked_vector(vector: Any) -> dict[str, Any]:
    try:
        start, end = _places([vector["start"], vector["end"]], 2)
    except (KeyError, TypeError, ValueError) as why:
        raise MediaError(
            f"Object3D: a vector has 'start' and 'end' of x, y, z; this one is {vector!r} ({why!r})"
        ) from None
    return {"start": start, "end": end}


def _places(given: Any, count: int) -> list[list[float]]:
    import numpy as np

    places = np.asarray(given, dtype=np.float64)
    if places.shape != (count, 3) or not np.isfinite(places).all():
        raise ValueError(f"the shape is {places.shape}, or a number is not finite")
    found: list[list[float]] = places.tolist()
    return found
