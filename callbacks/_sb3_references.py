"""Pickles that refer to what is there anyway, and hold the rest by value.

A new process makes model and envs anew, by the user's own code. A training is gone on with by
giving them back what they had; so an object of theirs that is mentioned in a state (an env by
its wrapper, a running mean of the policy by the list that DQN keeps of them) must come back as
the one that is there now, and not as a copy.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from multiprocessing.connection import _ConnectionBase
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.stride_tricks import as_strided


class References:
    """Objects that are referred to by a name.

    Args:
        objects: name to object.
        tensors: name to tensor; one that shares its memory is the same.
    """

    def __init__(
        self, objects: Mapping[str, object], tensors: Mapping[str, torch.Tensor] | None = None
    ) -> None:
        self._objects = dict(objects)
        self._names = {id(made): name for name, made in objects.items()}
        self._tensors = dict(tensors or {})
        self._memory = {_memory(t): name for name, t in self._tensors.items() if t.numel()}

    def name(self, made: object) -> tuple[str, str] | None:
        """How a pickle refers to `made`; None if it holds it by value."""
        if isinstance(made, torch.Tensor):
            named = self._memory.get(_memory(made))
            return None if named is None else ("tensor", named)
        named = self._names.get(id(made))
        return None if named is None else ("object", named)

    def find(self, reference: tuple[str, str]) -> object:
        """What a pickle refers to.

        Raises:
            pickle.UnpicklingError: nothing of this name is there.
        """
        kind, name = reference
        known: Mapping[str, object] = self._tensors if kind == "tensor" else self._objects
        if name not in known:
            raise pickle.UnpicklingError(f"there is no {name} here")
        return known[name]

    def pickled(self, value: object) -> bytes:
        """`value` as bytes.

        Raises:
            Exception: of any kind, if part of it cannot be pickled.
        """
        file = io.BytesIO()
        _Pickler(file, self).dump(value)
        return file.getvalue()

    def unpickled(self, data: bytes) -> Any:
        """What `pickled` made bytes of, with the objects that are there now."""
        return _Unpickler(io.BytesIO(data), self).load()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(self, file: io.BytesIO, references: References) -> None:
        super().__init__(file)
        self._references = references

    def persistent_id(self, obj: object) -> tuple[str, str] | None:
        if isinstance(obj, _ConnectionBase):
            # Pickle copies its number, and the copy would close a file of somebody else's.
            raise pickle.PicklingError(f"{obj} leads to another process")
        return self._references.name(obj)

    def reducer_override(self, obj: object) -> Any:
        if type(obj) is np.ndarray and obj.ndim > 2 and _is_laid_out_otherwise(obj):
            # Pickle would lay it out by its axes. But torch chooses how to convolve a picture by
            # how it lies in memory (where SB3 has turned its axes), and the last bit differs.
            flat = as_strided(obj, (obj.size,), (obj.itemsize,)).copy()
            return as_strided, (flat, obj.shape, obj.strides)
        return super().reducer_override(obj)


def _is_laid_out_otherwise(array: npt.NDArray[Any]) -> bool:
    """Whether memory without gaps has the elements in another order than that of the axes."""
    pairs = list(zip(array.shape, array.strides, strict=True))
    by_axes = array.itemsize
    for length, stride in reversed(pairs):
        if stride != by_axes:
            break
        by_axes *= length
    else:
        return False
    extent = array.itemsize + sum((length - 1) * stride for length, stride in pairs)
    is_dense = array.size > 0 and extent == array.nbytes and min(array.strides) > 0
    return is_dense and not array.dtype.hasobject


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, references: References) -> None:
        super().__init__(file)
        self._references = references

    def persistent_load(self, pid: tuple[str, str]) -> object:
        return self._references.find(pid)


def _memory(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tuple(tensor.shape), tensor.dtype, tensor.device
