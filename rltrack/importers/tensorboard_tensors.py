"""TensorFlow's tensor messages as arrays and texts, and meshes as OBJ files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rltrack.media.encoded import EncodedObject3D

if TYPE_CHECKING:
    import numpy.typing as npt

#: `DataType` in tensorflow/core/framework/types.proto: what an element is, and where it stands.
_KINDS: Final[dict[int, tuple[str, str]]] = {
    1: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    3: ("<i4", "int_val"),
    4: ("|u1", "int_val"),
    5: ("<i2", "int_val"),
    6: ("|i1", "int_val"),
    9: ("<i8", "int64_val"),
    10: ("|b1", "bool_val"),
    17: ("<u2", "int_val"),
    22: ("<u4", "uint32_val"),
    23: ("<u8", "uint64_val"),
}
#: Halves have their bits in `half_val`.
_HALF: Final = 19
_BFLOAT16: Final = 14


def array_of(tensor: Any) -> npt.NDArray[Any]:
    """The numbers of a tensor message.

    Raises:
        ValueError: its elements are no numbers, or too few for its shape.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype in (_HALF, _BFLOAT16):
        bits = _elements(tensor, "<u2", "half_val")
        if tensor.dtype == _HALF:
            numbers: npt.NDArray[Any] = bits.view("<f2")
        else:  # the upper half of a float32
            numbers = (bits.astype("<u4") << 16).view("<f4")
    elif tensor.dtype in _KINDS:
        numbers = _elements(tensor, *_KINDS[tensor.dtype])
    else:
        raise ValueError(f"a tensor of TensorFlow's type {tensor.dtype} holds no numbers")
    count = int(np.prod(shape, dtype=np.int64))
    if 0 < numbers.size < count:  # the last element stands for all that follow
        numbers = np.concatenate([numbers, np.repeat(numbers[-1:], count - numbers.size)])
    return numbers.reshape(shape) if shape or numbers.size == 1 else numbers


def _elements(tensor: Any, dtype: str, field: str) -> npt.NDArray[Any]:
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype)
    return np.array(getattr(tensor, field), dtype)


def texts_of(tensor: Any) -> list[str]:
    """The texts of a tensor message, row by row."""
    return [data.decode("utf-8", "replace") for data in tensor.string_val]


def obj_of(
    vertices: npt.NDArray[Any],
    faces: npt.NDArray[Any] | None = None,
    colors: npt.NDArray[Any] | None = None,
) -> EncodedObject3D | list[EncodedObject3D]:
    """Meshes or clouds of points as OBJ files, one for each of the batch.

    Args:
        vertices: of shape (batch, n, 3).
        faces: indices of the vertices of triangles, from 0; of shape (batch, m, 3).
        colors: of the vertices, 0..255; of shape (batch, n, 3).
    """
    files = []
    for item in range(len(vertices)):
        lines = []
        for vertex, point in enumerate(vertices[item].tolist()):
            # Six numbers a vertex: a form that most viewers know, though the format does not.
            colour = [] if colors is None else (colors[item][vertex] / 255).tolist()
            lines.append(" ".join(["v", *map(repr, point), *(f"{part:.6g}" for part in colour)]))
        triangles = [] if faces is None else faces[item].astype(np.int64).tolist()
        lines += [" ".join(["f", *(str(corner + 1) for corner in face)]) for face in triangles]
        facts = {"vertices": len(vertices[item]), "faces": len(triangles)}
        files.append(EncodedObject3D("\n".join([*lines, ""]).encode(), "obj", facts))
    return files[0] if len(files) == 1 else files
