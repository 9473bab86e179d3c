"""Exact counts of floats by sign and power of two, for many tensors at once.

A float's sign and exponent are its top bits, so `bits >> shift` names its bin, and one
`bincount` counts: no pass to find a range, no number that falls outside, and histograms that add
up over steps and ranks. Bins are a factor of two wide, which is how gradients are read.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from rltrack.journal.records import Prepared

#: Tensors below this size are counted together: each alone would cost more in calls than in work.
_SMALL: Final = 1 << 16
_CHUNK: Final = 1 << 18

#: Of each type: the integer of its size, bits right of the exponent, codes, exponent of code 1.
_LAYOUTS: Final = {
    torch.float32: (torch.int32, 23, 512, -126),
    torch.float64: (torch.int64, 52, 4096, -1022),
    torch.bfloat16: (torch.int16, 7, 512, -126),
    torch.float16: (torch.int16, 10, 64, -14),
}


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts that are still on the device, of tensors of one type."""

    dtype: torch.dtype
    names: list[str]
    counts: torch.Tensor
    """Shape (tensors, codes)."""


def count_by_exponent(tensors: Sequence[tuple[str, torch.Tensor]]) -> list[Counted]:
    """Count the values of tensors, without waiting for the device.

    Args:
        tensors: by name; of float32, float64, float16 or bfloat16.
    """
    groups: dict[tuple[torch.dtype, torch.device, bool], list[tuple[str, torch.Tensor]]] = {}
    for name, tensor in tensors:
        small = tensor.numel() < _SMALL
        groups.setdefault((tensor.dtype, tensor.device, small), []).append((name, tensor))
    found = []
    for (dtype, _, small), group in groups.items():
        if small:
            found.append(_together(dtype, group))
        else:
            found += [_together(dtype, [one]) for one in group]
    return found


def _together(dtype: torch.dtype, group: list[tuple[str, torch.Tensor]]) -> Counted:
    integer, shift, codes, _ = _LAYOUTS[dtype]
    flat = [tensor.reshape(-1) for _, tensor in group]
    names = [name for name, _ in group]
    if len(flat) == 1 and len(flat[0]) > _CHUNK and flat[0].device.type == "cpu":
        return Counted(dtype, names, _in_chunks(flat[0].view(integer), shift, codes)[None])
    values = flat[0] if len(flat) == 1 else torch.cat(flat)
    code = (values.view(integer) >> shift).bitwise_and_(codes - 1)
    if len(flat) > 1:
        code = code + _offsets(tuple(len(one) for one in flat), codes, values.device)
    counts = torch.bincount(code, minlength=codes * len(flat)).view(len(flat), codes)
    return Counted(dtype, names, counts)


def _in_chunks(bits: torch.Tensor, shift: int, codes: int) -> torch.Tensor:
    """Counts of a large tensor: piece by piece, in a buffer that stays in the cache.

    A fresh array of its size would cost more in page faults than the counting does.
    """
    counts = torch.zeros(codes, dtype=torch.int64)
    buffer = torch.empty(_CHUNK, dtype=bits.dtype)
    for piece in torch.split(bits, _CHUNK):
        code = buffer[: len(piece)]
        torch.bitwise_right_shift(piece, shift, out=code)
        counts += torch.bincount(code.bitwise_and_(codes - 1), minlength=codes)
    return counts


_known_offsets: dict[tuple[tuple[int, ...], int, torch.device], torch.Tensor] = {}


def _offsets(lengths: tuple[int, ...], codes: int, device: torch.device) -> torch.Tensor:
    """What is added to each code, so that each tensor has counts of its own."""
    key = (lengths, codes, device)
    if key not in _known_offsets:
        while len(_known_offsets) >= 8:  # a few models are watched at once, not hundreds
            _known_offsets.pop(next(iter(_known_offsets)))
        starts = torch.arange(len(lengths), dtype=torch.int32, device=device) * codes
        _known_offsets[key] = starts.repeat_interleave(torch.tensor(lengths, device=device))
    return _known_offsets[key]


def histogram(counts: np.ndarray[Any, Any], dtype: torch.dtype) -> Prepared:
    """Counts as a histogram value of a row.

    Args:
        counts: of one tensor, by code, on the CPU.
        dtype: of its values.

    Returns:
        ``values`` and, one longer, ``bins``: edges that are powers of two, ascending. Zeros are in
        the middle bin. ``not_finite``: how many are NaN or infinite, where any is.
    """
    half = len(counts) // 2
    used = counts.nonzero()[0].tolist()
    # Of each sign: code 0 is zero, the last is NaN or infinite, between them are powers of two.
    up = [code for code in used if 0 < code < half - 1]
    down = [code - half for code in used if half < code < 2 * half - 1]
    zeros = int(counts[0] + counts[half])
    odd = int(counts[half - 1] + counts[-1])
    found = Prepared(_type="histogram")
    if up or down:
        # Only as far to each side as there is something.
        low = min(up[:1] + down[:1])
        up_end = up[-1] + 1 if up else low
        down_end = down[-1] + 1 if down else low
        found["values"] = [
            *counts[half + low : half + down_end][::-1].tolist(),
            zeros,
            *counts[low:up_end].tolist(),
        ]
        bins, text = _bins(dtype, low, down_end, up_end)
        found["bins"] = [*bins]
        numbers = ",".join(map(str, found["values"]))
        found.text = f'{{"_type":"histogram","values":[{numbers}],"bins":{text}}}'
    else:
        edge = _edges(dtype)[1]
        found["values"], found["bins"] = [zeros], [-edge, edge]
    if odd:
        found["not_finite"] = odd
        found.text = None
    return found


@functools.lru_cache(1024)
def _bins(dtype: torch.dtype, low: int, down_end: int, up_end: int) -> tuple[list[float], str]:
    """Edges from the lowest code to the highest of each sign, and the same as JSON.

    To find the digits of 30 floats takes as long as to count 5,000.
    """
    edges = _edges(dtype)
    bins = [*(-edge for edge in reversed(edges[low : down_end + 1])), *edges[low : up_end + 1]]
    return bins, f"[{','.join(map(repr, bins))}]"


@functools.cache
def _edges(dtype: torch.dtype) -> list[float]:
    """Where the bin of each code begins; at 0 that of code 1, and at last the largest float."""
    _, _, codes, first_exponent = _LAYOUTS[dtype]
    begins = [math.ldexp(1.0, max(code - 1, 0) + first_exponent) for code in range(codes // 2 - 1)]
    return [*begins, min(2.0 * begins[-1], sys.float_info.max)]


def not_finite(counts: np.ndarray[Any, Any]) -> int:
    """How many values are NaN or infinite: their exponent has all bits set."""
    half = counts.shape[-1] // 2
    return int(counts[..., half - 1].sum() + counts[..., -1].sum())
