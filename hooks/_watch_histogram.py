"""Exact counts of floats by sign and power of two, for many tensors at once.

A float's sign and exponent are its top bits, so `bits >> shift` names its bin, and one
`bincount` counts: no pass to find a range, no number that falls outside, and histograms that add
up over steps and ranks. Bins are a factor of two wide, which is how gradients are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

#: Tensors below this size are counted together: each alone would cost more in calls than in work.
_SMALL: Final = 1 << 16

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
    values = flat[0] if len(flat) == 1 else torch.cat(flat)
    code = (values.view(integer) >> shift) & (codes - 1)
    if len(flat) > 1:
        code = code + _offsets(tuple(len(one) for one in flat), codes, values.device)
    counts = torch.bincount(code.reshape(-1), minlength=codes * len(flat)).view(len(flat), codes)
    return Counted(dtype, [name for name, _ in group], counts)


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


def histogram(counts: np.ndarray[Any, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Counts as a histogram value of a row.

    Args:
        counts: of one tensor, by code, on the CPU.
        dtype: of its values.

    Returns:
        ``values`` and, one longer, ``bins``: edges that are powers of two, ascending. Zeros are in
        the middle bin. ``not_finite``: how many are NaN or infinite, where any is.
    """
    _, _, codes, first_exponent = _LAYOUTS[dtype]
    half = codes // 2
    positive, negative = counts[:half], counts[half:]
    odd = int(positive[-1] + negative[-1])
    positive, negative = positive[1:-1], negative[1:-1]
    zeros = int(counts[0] + counts[half])
    used = np.flatnonzero(positive + negative)
    found: dict[str, Any] = {"_type": "histogram"}
    if len(used):
        low, high = int(used[0]), int(used[-1]) + 1
        edges = np.ldexp(1.0, np.arange(low, high + 1) + first_exponent)
        up, down = positive[low:high], negative[low:high]
        # Only as far to each side as there is something.
        up_to = len(up) - int(np.argmax(up[::-1] > 0)) if up.any() else 0
        down_to = len(down) - int(np.argmax(down[::-1] > 0)) if down.any() else 0
        found["values"] = [*down[:down_to][::-1].tolist(), zeros, *up[:up_to].tolist()]
        found["bins"] = [*(-edges[: down_to + 1][::-1]).tolist(), *edges[: up_to + 1].tolist()]
    else:
        least = 2.0**first_exponent
        found["values"], found["bins"] = [zeros], [-least, least]
    if odd:
        found["not_finite"] = odd
    return found


def not_finite(counts: np.ndarray[Any, Any]) -> int:
    """How many values are NaN or infinite: their exponent has all bits set."""
    half = counts.shape[-1] // 2
    return int(counts[..., half - 1].sum() + counts[..., -1].sum())
