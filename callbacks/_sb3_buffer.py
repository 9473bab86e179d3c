"""A replay buffer in a folder, so that the next checkpoint shares what has not changed.

Its arrays are cut into parts, ``replay_buffer.observations.00003.npy``, and parts of zeros are left
out. A ring in which a hundredth of the transitions is new since the last checkpoint has nearly all
its parts as they were; artifacts keep equal files once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.buffers import ReplayBuffer

from rltrack.callbacks._sb3_references import References

#: Parts of an array, unless they would be smaller than the next.
_PARTS: Final = 32
_PART_BYTES: Final = 2**20

#: Made anew by the new process.
_FIXED: Final = frozenset({"device", "observation_space", "action_space", "env"})


def buffer_bytes(buffer: ReplayBuffer) -> int:
    """How much memory its arrays take."""
    return sum(array.nbytes for _, array in _arrays(buffer))


def save_buffer(folder: Path, buffer: ReplayBuffer, references: References) -> dict[str, Any]:
    """Write the arrays of a buffer, and return the rest, to be pickled.

    Args:
        folder: for the files.
        buffer: that of a training.
        references: to what the rest may mention.
    """
    shapes: dict[str, Any] = {}
    for name, array in _arrays(buffer):
        shapes[name] = (array.shape, array.dtype.str)
        for number, part in enumerate(_parts(array)):
            if part.any():
                np.save(folder / _file(name, number), part)
    rest = {
        name: value
        for name, value in vars(buffer).items()
        if name not in _FIXED and not _is_array(value) and not _is_dict_of_arrays(value)
    }
    return {"shapes": shapes, "rest": references.pickled(rest)}


def check_buffer(buffer: object, saved: Mapping[str, Any]) -> str | None:
    """Why a buffer cannot be what was saved; None if it can."""
    if not isinstance(buffer, ReplayBuffer):
        return "the model has no replay buffer"
    here = {name: (array.shape, array.dtype.str) for name, array in _arrays(buffer)}
    for name in here | saved["shapes"]:
        if here.get(name) != saved["shapes"].get(name):
            return (
                f"{name} of the replay buffer is {here.get(name)}, and that of the checkpoint "
                f"{saved['shapes'].get(name)}"
            )
    return None


def load_buffer(
    folder: Path, buffer: ReplayBuffer, saved: Mapping[str, Any], references: References
) -> None:
    """Make of a buffer, in place, what was saved."""
    for name, array in _arrays(buffer):
        for number, part in enumerate(_parts(array)):
            file = folder / _file(name, number)
            if file.exists():
                part[...] = np.load(file)
            elif part.any():  # to write zeros would take memory that nobody has asked for yet
                part[...] = 0
    vars(buffer).update(references.unpickled(saved["rest"]))


def _arrays(buffer: ReplayBuffer) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name, value in vars(buffer).items():
        if _is_array(value):
            yield name, value
        elif _is_dict_of_arrays(value):  # observations that are dicts
            for key, array in value.items():
                yield f"{name}.{key}", array


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0 and not value.dtype.hasobject


def _is_dict_of_arrays(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_array, value.values()))


def _parts(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Views of `array`, of as many rows each."""
    size = max(array.nbytes // _PARTS, _PART_BYTES)
    rows = max(1, size * len(array) // max(array.nbytes, 1))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def _file(name: str, number: int) -> str:
    return f"replay_buffer.{name.replace('/', '_')}.{number:05d}.npy"
