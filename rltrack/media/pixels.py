"""What the axes of an array of pixels are, and its values as bytes.

    H W    rows and columns          C    1 (gray), 3 (RGB) or 4 (RGBA) channels
    T      frames of a video         N, B pictures or clips, shown side by side

Layouts are told apart by their shape alone. An array that can be read in two ways is an error
that asks for them: a picture that looks right by chance is worse than none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from rltrack.errors import MediaError
from rltrack.journal.records import Json
from rltrack.media.buffers import copy_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CHANNELS: Final = (1, 3, 4)


def as_array(data: Any) -> npt.NDArray[Any]:
    """What `data` holds, as a NumPy array; it may share its memory.

    Raises:
        MediaError: it cannot be read as an array of numbers.
    """
    import numpy as np

    try:
        if hasattr(data, "detach"):  # torch: away from the graph, and from the GPU
            data = data.detach().cpu()
            if str(data.dtype) == "torch.bfloat16":  # which NumPy does not have
                data = data.float()
        array = np.asarray(data)
    except Exception as fault:  # of a library's array: sparse, deleted, ragged…
        raise MediaError(f"a {type(data).__qualname__} cannot be read as pixels: {fault}") from None
    if array.dtype.kind not in "biuf":
        raise MediaError(f"pixels are numbers, and these are {array.dtype}")
    return array


def copied(data: Any) -> npt.NDArray[Any]:
    """The same, which nobody else can change."""
    import numpy as np

    array = as_array(data)
    # One that came from a GPU or a list is a copy already.
    if getattr(data, "is_cuda", False):
        return array
    if isinstance(data, np.ndarray) or hasattr(data, "__array__") or hasattr(data, "detach"):
        array = copy_of(array)
    return array


def image_layout(shape: tuple[int, ...], axes: str | None) -> str:
    """The axes of pictures: ``HW``, ``HWC``, ``CHW``, ``NHW``, ``NHWC`` or ``NCHW``.

    Args:
        shape: of the array.
        axes: what the caller says that they are.

    Raises:
        MediaError: they can be read in two ways or in none, or `axes` does not fit.
    """
    known = ("HW", "HWC", "CHW", "NHW", "NHWC", "NCHW")
    if axes is not None:
        return _given(shape, axes, known, "Image")
    if len(shape) == 2:
        return "HW"
    if len(shape) not in (3, 4):
        raise MediaError(
            f"Image: the shape is {shape}; pictures have 2 axes (HW), 3 (HWC, CHW) or 4 (NHWC, NCHW)"
        )
    last, first = shape[-1] in CHANNELS, shape[-3] in CHANNELS
    batch = "N" * (len(shape) - 3)
    if last and first:
        found = f"both {shape[-1]} and {shape[-3]} could be the channels"
    elif last:
        return batch + "HWC"
    elif first and shape[-3] == 4:
        # RGBA has its channels last, as a rule; in RL it is what an agent sees of Atari.
        found = "4 in front may be the channels of RGBA, or a stack of 4 gray pictures"
    elif first:
        return batch + "CHW"
    else:
        found = "no axis holds 1, 3 or 4 channels"
    choices = " or ".join(repr(one) for one in known if len(one) == len(shape))
    raise MediaError(f"Image: the shape is {shape}, and {found}; say which by axes={choices}")


def video_layout(shape: tuple[int, ...], axes: str | None) -> str:
    """The axes of frames: ``THWC``, ``TCHW``, ``BTHWC``, ``BTCHW`` or, if said so, ``THW``.

    Raises:
        MediaError: they can be read in two ways or in none, or `axes` does not fit.
    """
    if axes is not None:
        return _given(shape, axes, ("THW", "THWC", "TCHW", "BTHWC", "BTCHW"), "Video")
    if len(shape) not in (4, 5):
        raise MediaError(
            f"Video: the shape is {shape}, and 4 axes are asked for: (T, H, W, C) or "
            "(T, C, H, W), or 5 for clips side by side; of gray frames say axes='THW'"
        )
    last, second = shape[-1] in CHANNELS, shape[-3] in CHANNELS
    batch = "B" * (len(shape) - 4)
    if last == second:
        where = f"both axes {len(shape) - 3} and {len(shape) - 1} could be the channels"
        raise MediaError(
            f"Video: the shape is {shape}, and {where if last else 'no axis holds 1, 3 or 4'}; "
            f"say which by axes='{batch}THWC' or axes='{batch}TCHW'"
        )
    return batch + ("THWC" if last else "TCHW")


def _given(shape: tuple[int, ...], axes: str, known: tuple[str, ...], of: str) -> str:
    if axes not in known:
        raise MediaError(f"{of}(axes={axes!r}): there are {', '.join(known)}")
    if len(axes) != len(shape):
        raise MediaError(f"{of}(axes={axes!r}): the shape is {shape}, which has {len(shape)} axes")
    if "C" in axes and shape[axes.index("C")] not in CHANNELS:
        found = shape[axes.index("C")]
        raise MediaError(f"{of}(axes={axes!r}): of {shape} C is {found}, and may be 1, 3 or 4")
    return axes


def check_pixels(array: npt.NDArray[Any], of: str) -> None:
    """See that there are pixels, and that integers are bytes. Floats are looked at later.

    Raises:
        MediaError: it holds no pixel, or an integer beyond 0..255.
    """
    if not array.size:
        raise MediaError(f"{of}: the shape is {array.shape}, which holds no pixel")
    if array.dtype.kind in "iu" and array.dtype.itemsize + (array.dtype.kind == "i") > 1:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 255:
            raise MediaError(
                f"{of}: {array.dtype} pixels must lie in [0, 255], and these are in "
                f"[{low}, {high}]; scale them, or pass floats in [0, 1]"
            )


def as_bytes(
    array: npt.NDArray[Any], *, normalize: bool = True
) -> tuple[npt.NDArray[np.uint8], dict[str, Json]]:
    """Values 0..255, and what was done for it. Only floats are rescaled.

    Args:
        array: of which `check_pixels` says nothing.
        normalize: floats in [0, 1] or [-1, 1] are stretched to 0..255; beyond they are taken as
            0..255 already. False: they always are.

    Returns:
        The bytes; uint8 is returned as it is. ``scaled_from`` tells the range that was
        stretched, ``not_finite`` how many values were NaN or infinite (NaN is drawn as the
        lowest value), ``clipped`` how many others did not fit.
    """
    import numpy as np

    if array.dtype == np.uint8:
        return array, {}
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255), {}
    if array.dtype.kind in "iu":
        return array.astype(np.uint8), {}
    told: dict[str, Json] = {}
    if array.dtype.itemsize < 4:  # sums and products of float16 overflow
        array = array.astype(np.float32)
    low, high = float(array.min()), float(array.max())
    if not math.isfinite(low + high):
        finite = np.isfinite(array)
        if odd := int(array.size - np.count_nonzero(finite)):
            told["not_finite"] = odd
        low = float(array.min(where=finite, initial=np.inf))
        high = float(array.max(where=finite, initial=-np.inf))
        if low > high:  # none is finite
            low = high = 0.0
        array = np.nan_to_num(array, nan=low, posinf=high, neginf=low)
    if normalize and high <= 1.0 and low >= -1.0:
        told["scaled_from"] = [-1, 1] if low < 0.0 else [0, 1]
        array = (array + 1.0) * 127.5 if low < 0.0 else array * 255.0
    elif low < 0.0 or high > 255.0:
        told["clipped"] = int(np.count_nonzero((array < 0.0) | (array > 255.0)))
        array = array.clip(0.0, 255.0)
    return np.rint(array).astype(np.uint8), told


def channels_last(array: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    """The same pixels with the axes (…, H, W, C); a view."""
    if "C" not in layout:
        return array[..., None]
    at = layout.index("C") - len(layout)
    return array if at == -1 else array.transpose(*range(array.ndim - 3), -2, -1, -3)


def grid_size(count: int) -> tuple[int, int]:
    """Rows and columns of `count` pictures side by side."""
    columns = math.isqrt(max(count - 1, 0)) + 1
    return -(-count // columns), columns


def tiled(pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pictures (N, …, H, W, C) as one (…, rows·H, columns·W, C), as square as may be."""
    import numpy as np

    count, *others, height, width, channels = pictures.shape
    rows, columns = grid_size(count)
    black = np.zeros((rows * columns - count, *pictures.shape[1:]), pictures.dtype)
    grid = np.concatenate([pictures, black]).reshape(rows, columns, *pictures.shape[1:])
    # (rows, columns, …, H, W, C) → (…, rows, H, columns, W, C)
    middle = range(2, 2 + len(others))
    at = 2 + len(others)
    grid = grid.transpose(*middle, 0, at, 1, at + 1, at + 2)
    return grid.reshape(*others, rows * height, columns * width, channels)
