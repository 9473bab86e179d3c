"""What is drawn over an image: boxes, masks, and the names of classes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rltrack.errors import MediaError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import UserFile
from rltrack.media.pixels import as_array


class Classes:
    """Names of classes, for `Image`.

    Args:
        class_set: ``[{"id": 0, "name": "background"}, …]``.

    Raises:
        MediaError: an item has no id or name.
    """

    def __init__(self, class_set: Sequence[Mapping[str, Any]]) -> None:
        try:
            self.names = {int(one["id"]): str(one["name"]) for one in class_set}
        except (KeyError, TypeError, ValueError):
            raise MediaError(
                f"Classes({class_set!r}): each is a dict with an integer 'id' and a 'name'"
            ) from None


def checked_classes(classes: Classes | Sequence[Mapping[str, Any]] | None) -> dict[str, Json]:
    """Names by id, as JSON has them."""
    if classes is None:
        return {}
    known = classes if isinstance(classes, Classes) else Classes(classes)
    return {str(number): name for number, name in known.names.items()}


def checked_boxes(boxes: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Json]:
    """Boxes by name, each position as ``minX maxX minY maxY``.

    Raises:
        MediaError: a box is none.
    """
    found: dict[str, Json] = {}
    for name, given in _named(boxes, "boxes", "box_data").items():
        labels = _labels(given, f"boxes[{name!r}]")
        data: list[Json] = [
            _box(box, f"boxes[{name!r}][{at}]") for at, box in enumerate(given["box_data"])
        ]
        found[str(name)] = {"box_data": data, **labels}
    return found


def _box(box: Any, where: str) -> dict[str, Json]:
    try:
        at = box["position"]
        if "middle" in at:
            (x, y), width, height = at["middle"], at["width"], at["height"]
            edges = (x - width / 2, x + width / 2, y - height / 2, y + height / 2)
        else:
            edges = (at["minX"], at["maxX"], at["minY"], at["maxY"])
        numbers = [float(edge) for edge in edges]
        found: dict[str, Json] = {
            "position": dict(zip(("minX", "maxX", "minY", "maxY"), numbers, strict=True)),
            "class_id": int(box.get("class_id", 0)),
        }
        if box.get("scores"):
            found["scores"] = {str(name): float(score) for name, score in box["scores"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise MediaError(
            f"Image({where}): a box has a 'position' of minX, maxX, minY and maxY, or of middle, "
            f"width and height, and a 'class_id'; this one is {box!r} ({fault!r})"
        ) from None
    domain = box.get("domain")
    if domain not in (None, "pixel"):
        raise MediaError(f"Image({where}): the domain is {domain!r}; there is 'pixel', or none")
    low_x, high_x, low_y, high_y = numbers
    if not (all(map(math.isfinite, numbers)) and low_x <= high_x and low_y <= high_y):
        raise MediaError(f"Image({where}): {found['position']} is no box")
    if domain is None and max(map(abs, numbers)) > 2.0:  # a little beyond the edges happens
        raise MediaError(
            f"Image({where}): {found['position']} are parts of the size, so between 0 and 1; "
            "of pixels say domain='pixel'"
        )
    if domain is not None:
        found["domain"] = domain
    if box.get("box_caption") is not None:
        found["box_caption"] = str(box["box_caption"])
    return found


class Mask(Media):
    """A class for each pixel of an image, as a gray PNG.

    Args:
        data: (H, W) integers in 0..255, or the path of a PNG of them.
        labels: ``class_labels`` for the reference, or nothing.
        where: for messages.

    Raises:
        MediaError: it is no mask.
    """

    immutable = True
    kind: ClassVar[str] = "masks"
    type_name: ClassVar[str] = "mask"
    extension = "png"

    def __init__(self, data: Any, labels: dict[str, Json], where: str) -> None:
        self.labels = labels
        self.size: tuple[int, int] | None = None
        if isinstance(data, (str, os.PathLike)):
            self._source: Any = UserFile(data, ("png",), where)
            self.size_bytes = 0
            return
        import numpy as np

        array = as_array(data)
        if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
            array = array[0] if array.shape[0] == 1 else array[..., 0]
        if array.ndim != 2 or not array.size:
            raise MediaError(f"{where}: the shape is {array.shape}, and (H, W) is asked for")
        with np.errstate(invalid="ignore"):  # NaN is told below
            numbers = array.astype(np.uint8)
        if not np.array_equal(numbers, array):
            raise MediaError(f"{where}: the classes of a mask are integers in 0..255")
        self._source = numbers
        self.size = (array.shape[1], array.shape[0])
        self.size_bytes = numbers.nbytes

    def facts(self) -> dict[str, Json]:
        """Its size."""
        return {} if self.size is None else {"width": self.size[0], "height": self.size[1]}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the PNG.

        Raises:
            OSError: the file cannot be written.
        """
        if isinstance(self._source, UserFile):
            self._source.copy_to(path)
        else:
            picture = require("PIL.Image", extra="media").fromarray(self._source)
            picture.save(path, "PNG", compress_level=3)
        return self.facts()


def checked_masks(
    masks: Mapping[str, Mapping[str, Any]] | None, size: tuple[int, int] | None
) -> dict[str, Mask]:
    """Masks by name.

    Args:
        masks: as `Image` takes them.
        size: width and height of the image, where they are known.

    Raises:
        MediaError: one is no mask, or of another size.
    """
    found = {}
    for name, given in _named(masks, "masks", "mask_data", "path").items():
        where = f"Image(masks[{name!r}])"
        data = given["mask_data"] if "mask_data" in given else given["path"]
        mask = Mask(data, _labels(given, f"masks[{name!r}]"), where)
        if size is not None and mask.size not in (None, size):
            raise MediaError(f"{where} is {mask.size} wide and high, and the image is {size}")
        found[str(name)] = mask
    return found


def _named(
    given: Mapping[str, Mapping[str, Any]] | None, of: str, *data: str
) -> Mapping[str, Mapping[str, Any]]:
    if given is None:
        return {}
    for name, one in given.items() if isinstance(given, Mapping) else [("?", given)]:
        if not isinstance(one, Mapping) or not any(key in one for key in data):
            raise MediaError(
                f"Image({of}={{{name!r}: …}}): each is a dict with {' or '.join(map(repr, data))}"
            )
    return given


def _labels(given: Mapping[str, Any], where: str) -> dict[str, Json]:
    labels = given.get("class_labels")
    if not labels:
        return {}
    try:
        return {"class_labels": {str(int(number)): str(name) for number, name in labels.items()}}
    except (TypeError, ValueError, AttributeError):
        raise MediaError(
            f"Image({where}): class_labels are names by their integers, not {labels!r}"
        ) from None
