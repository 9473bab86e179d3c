"""`Image`: pixels as a PNG, which gives back every one of them, or as a JPEG."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from rltrack.errors import MediaError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.annotations import Classes, Mask, checked_boxes, checked_classes, checked_masks
from rltrack.media.base import Media
from rltrack.media.encoded import file_format
from rltrack.media.files import UserFile
from rltrack.media.pixels import as_bytes, channels_last, check_pixels, copied, image_layout, tiled

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL.Image import Image as Picture

#: What is taken as it is; browsers show all but the last two.
FILE_FORMATS: Final = ("png", "jpg", "jpeg", "gif", "webp", "bmp", "svg", "tif", "tiff")
_MODES: Final = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F")
#: Pillow's own for a PNG is 6: a fifth smaller, and three times as slow.
_COMPRESS_LEVEL: Final = 3


class Image(Media):
    """A picture, of an array, of another library or from a file.

    The layout of an array is found by its shape, and told in the row: (H, W), (H, W, C) or
    (C, H, W), with one more axis in front for pictures that are shown side by side; C is 1
    (gray), 3 (RGB) or 4 (RGBA). Values are uint8, other integers in 0..255, bools, or floats
    in [0, 1], [-1, 1] or 0..255. NaN is drawn as the lowest value, and counted.

    Args:
        data_or_path: an array of NumPy or torch, a PIL image, a matplotlib figure, another
            `Image`, or the path of a file, which is stored as it is.
        mode: PIL's mode, to which the picture is converted, for example ``L``.
        caption: shown below it.
        grouping: accepted for W&B's scripts.
        classes: names of the classes of `boxes` and `masks`.
        boxes: by name, ``{"box_data": [{"position": …, "class_id": …}], "class_labels": …}``,
            where a position is ``{"minX", "maxX", "minY", "maxY"}`` or ``{"middle", "width",
            "height"}``, in parts of the size or with ``"domain": "pixel"`` in pixels.
        masks: by name, ``{"mask_data": (H, W) integers in 0..255, "class_labels": …}``.
        file_type: ``png`` (the default), ``jpg``, ``bmp``, ``gif`` or ``webp``.
        normalize: whether floats in [0, 1] and [-1, 1] are stretched; False takes all as 0..255.
        axes: what the axes of the array are, where its shape leaves two ways to read it:
            ``HW``, ``HWC``, ``CHW``, ``NHW``, ``NHWC`` or ``NCHW``.

    Raises:
        MediaError: the data is no picture, or its axes can be read in two ways.
        MissingExtraError: Pillow is not installed.
    """

    immutable = True
    kind: ClassVar[str] = "images"
    type_name: ClassVar[str] = "image-file"

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Classes | Sequence[Mapping[str, Any]] | None = None,
        boxes: Mapping[str, Mapping[str, Any]] | None = None,
        masks: Mapping[str, Mapping[str, Any]] | None = None,
        file_type: Literal["png", "jpg", "jpeg", "bmp", "gif", "webp"] | None = None,
        normalize: bool = True,
        *,
        axes: str | None = None,
    ) -> None:
        if file_type is not None and file_type not in FILE_FORMATS[:6]:
            raise MediaError(
                f"Image(file_type={file_type!r}): there are {', '.join(FILE_FORMATS[:6])}"
            )
        if mode is not None and mode not in _MODES:
            raise MediaError(f"Image(mode={mode!r}): there are {', '.join(_MODES)}")
        self._caption = caption
        self._mode = mode
        source = _source(data_or_path, normalize, axes)
        self._source = source
        self.extension = file_type or source.format
        if self.extension != source.format and isinstance(source, _File):
            raise MediaError(
                f"Image({data_or_path!r}, file_type={file_type!r}): a file is stored as it is; "
                "open it with PIL to have it converted"
            )
        self.size_bytes = source.size_bytes
        self.layout = source.layout
        """How the array was read, for example ``CHW``; None for what is no array."""
        self._classes = checked_classes(classes)
        self._boxes = checked_boxes(boxes)
        self._masks: dict[str, Mask] = checked_masks(masks, source.size)
        self._placed: dict[str, Json] = {}
        self.size_bytes += sum(mask.size_bytes for mask in self._masks.values())

    def place(self, put: Callable[[Media], dict[str, Json]]) -> None:
        """Have the masks written, each as a file."""
        self._placed = {name: {**put(mask), **mask.labels} for name, mask in self._masks.items()}

    def facts(self) -> dict[str, Json]:
        """Caption, layout and size, boxes and masks."""
        facts: dict[str, Json] = {"format": self.extension}
        if self._caption is not None:
            facts["caption"] = self._caption
        if self.layout is not None:
            facts["layout"] = self.layout
        if self._source.size is not None:
            facts["width"], facts["height"] = self._source.size
        drawn_over = {"classes": self._classes, "boxes": self._boxes, "masks": self._placed}
        facts |= {name: found for name, found in drawn_over.items() if found}
        return facts

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file, and return its size and what was done to the values.

        Raises:
            MediaError: the file is none, or the picture cannot be in that format.
            OSError: the file cannot be written.
        """
        if isinstance(self._source, _File):
            return self._source.write(path)
        picture, told = self._source.picture()
        if self._mode is not None and self._mode != picture.mode:
            picture = picture.convert(self._mode)
        save(picture, path, self.extension)
        return {"width": picture.width, "height": picture.height, **told}


def save(picture: Picture, path: Path, extension: str) -> None:
    """Write a picture; colours that the format does not have become those that it has."""
    if extension in ("jpg", "jpeg"):
        if picture.mode not in ("L", "RGB", "CMYK"):
            picture = picture.convert("RGB")
        picture.save(path, "JPEG", quality=90)
    elif extension == "png":
        if picture.mode not in ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"):
            picture = picture.convert("RGB")
        picture.save(path, "PNG", compress_level=_COMPRESS_LEVEL)
    elif extension == "webp":
        picture.save(path, "WEBP", lossless=True)
    else:
        picture.convert("RGB").save(path, extension.upper())


# -- where pixels come from --------------------------------------------------------------------


class _Array:
    """Pixels of an array, turned into a picture when they are written."""

    format = "png"

    def __init__(self, data: Any, normalize: bool, axes: str | None) -> None:
        array = copied(data)
        self.layout: str | None = image_layout(array.shape, axes)
        check_pixels(array, "Image")
        self._array: npt.NDArray[Any] = array
        self._normalize = normalize
        self.size_bytes = array.nbytes
        height, width = (array.shape[self.layout.index(axis)] for axis in "HW")
        self.size: tuple[int, int] | None = None if "N" in self.layout else (width, height)

    def picture(self) -> tuple[Picture, dict[str, Json]]:
        import numpy as np

        assert self.layout is not None
        pixels, told = as_bytes(channels_last(self._array, self.layout), normalize=self._normalize)
        if "N" in self.layout:
            told["pictures"] = len(pixels)
            pixels = tiled(pixels)
        if pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
        return _pillow().fromarray(np.ascontiguousarray(pixels)), told


class _Pil:
    """A picture of Pillow's."""

    layout: str | None = None

    def __init__(self, picture: Picture) -> None:
        try:
            self._picture = picture.copy()  # which reads one that was only opened
        except Exception as fault:  # Pillow's for a file that is cut, or a bomb
            raise MediaError(f"Image: the PIL image cannot be read: {fault}") from fault
        self.format = "png"
        self.size: tuple[int, int] | None = picture.size
        self.size_bytes = picture.width * picture.height * len(picture.getbands())

    def picture(self) -> tuple[Picture, dict[str, Json]]:
        return self._picture, {}


class _File:
    """A file of a picture, stored byte for byte: the user's, or what a library has written."""

    layout: str | None = None
    size: tuple[int, int] | None = None

    def __init__(self, content: UserFile | bytes) -> None:
        self._content = content
        if isinstance(content, bytes):
            self.format = file_format(content) or "png"
            self.size_bytes = len(content)
        else:
            self.format = content.format
            self.size_bytes = 0  # it stays on the disk until it is copied

    def write(self, path: Path) -> dict[str, Json]:
        if isinstance(self._content, bytes):
            path.write_bytes(self._content)
        else:
            self._content.copy_to(path)
        return _read_size(path)


def _read_size(path: Path) -> dict[str, Json]:
    """Width and height, of the header alone: a file of a few bytes may hold a billion pixels."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of large ones before it refuses larger
            with _pillow().open(path) as picture:
                return {"width": picture.width, "height": picture.height}
    except Exception:  # an SVG, a cut file, a bomb: stored as it is, of unknown size
        return {}


def _source(data: Any, normalize: bool, axes: str | None) -> _Array | _Pil | _File:
    if isinstance(data, Image):
        return data._source
    if isinstance(data, (str, os.PathLike)):
        return _File(UserFile(data, FILE_FORMATS, "Image"))
    if isinstance(data, bytes):
        if file_format(data) is None:
            raise MediaError("Image: these bytes are no PNG, JPEG, GIF, WebP or BMP")
        return _File(data)
    if figure := figure_of(data):
        return _File(drawn(figure))
    pillow = _pillow()
    if isinstance(data, pillow.Image):
        return _Pil(data)
    if data is None or not (hasattr(data, "__array__") or isinstance(data, (list, tuple))):
        raise MediaError(
            f"Image: a {type(data).__qualname__} is no array, PIL image, figure or path"
        )
    return _Array(data, normalize, axes)


def figure_of(data: Any) -> Any:
    """The matplotlib figure that `data` is, or belongs to; None if it is none."""
    if getattr(data, "__name__", None) == "matplotlib.pyplot":
        return data.gcf()  # W&B's scripts pass the module
    if not type(data).__module__.startswith("matplotlib."):
        # A class of the user's may be a figure, too; who has one has loaded matplotlib.
        loaded = sys.modules.get("matplotlib.figure")
        return data if loaded is not None and isinstance(data, loaded.Figure) else None
    if hasattr(data, "savefig"):
        return data
    figure = getattr(data, "figure", None)
    return figure if hasattr(figure, "savefig") else None


def drawn(figure: Any) -> bytes:
    """A matplotlib figure as a PNG.

    It is drawn at once: the caller closes or clears it next.
    """
    import io

    file = io.BytesIO()
    figure.savefig(file, format="png", pil_kwargs={"compress_level": 1})
    return file.getvalue()


@functools.cache
def _pillow() -> Any:
    return require("PIL.Image", extra="media")
