"""What users log, as what a journal holds: numbers, texts, lists and dicts of these.

The table is that of W&B's `log` where it is sound: 0-d and one-element arrays are scalars, up
to 32 elements are lists, more are a histogram of 32 bins; bytes, dates, paths and the like
are texts, enums and functions their names. What has no such form raises `Unstorable`.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
import math
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rltrack.journal.records import Json, Prepared

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_LIST: Final = 32
_BINS: Final = 32
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_INT64: Final = range(-(2**63), 2**63)


class Unstorable(TypeError):
    """A value without a form in the journal."""


def flatten(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys: ``{"a": {"b": 1}}`` is ``{"a.b": 1}``.

    One with a ``_type`` is one value: a histogram, a curve.
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value and "_type" not in value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


class RowValue(abc.ABC):
    """A value of a class of ours that is kept in the row itself, as a histogram is."""

    @abc.abstractmethod
    def in_row(self) -> Prepared:
        """What the row holds of it."""


def plain(value: Any) -> Json:
    """`value` as JSON can hold it, with NaN and ±Inf as floats.

    Raises:
        Unstorable: it has no such form.
    """
    if type(value) is Prepared:
        return value
    if isinstance(value, RowValue):
        return value.in_row()
    kind = type(value)
    if kind in (float, bool, str, type(None)):
        return value  # type: ignore[no-any-return]
    if kind is int:
        return value if value in _INT64 else float_of(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if is_array(value):
        try:
            return _array(value)
        except Unstorable:
            raise
        except Exception as fault:  # of a library's array: sparse, on another device, deleted…
            raise Unstorable(f"its {type(value).__qualname__} cannot be read: {fault}") from fault
    if isinstance(value, (int, float, str)):  # subclasses: np.float64, IntEnum's kin, str types
        return plain(
            next(base for base in (bool, int, float, str) if isinstance(value, base))(value)
        )
    return _text(value)


def float_of(value: int) -> float:
    """An int of any size as the nearest float; ±Inf beyond the largest."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def is_array(value: Any) -> bool:
    """Whether `value` is an array or array scalar of NumPy, torch, JAX or their kin."""
    return hasattr(value, "dtype") and hasattr(value, "shape") and not isinstance(value, type)


def is_on_device(value: Any) -> bool:
    """Whether `value` is one number on a GPU that can be copied without waiting for it."""
    return getattr(value, "is_cuda", False) is True and value.numel() == 1


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    if _is_of("datetime", ("date", "time"), value):
        return str(value.isoformat())
    if (
        isinstance(value, complex)
        or _is_of("datetime", ("timedelta",), value)
        or _is_of("decimal", ("Decimal",), value)
    ):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if name := qualified_name(value):
        return name
    raise Unstorable(f"a {type(value).__module__}.{type(value).__qualname__} has no form in a row")


def _is_of(module: str, names: tuple[str, ...], value: Any) -> bool:
    """Whether `value` is of a class of a module that takes milliseconds to import.

    Who has such a value has the module, so it is never imported for the question.
    """
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, tuple(getattr(loaded, name) for name in names))


def qualified_name(value: Any) -> str | None:
    """``module.name`` of a class or function; None for anything else."""
    name = getattr(value, "__qualname__", None)
    module = getattr(value, "__module__", None)
    if not callable(value) or not isinstance(name, str) or not isinstance(module, str):
        return None
    return f"{module}.{name}"


def _array(value: Any) -> Json:
    shape = tuple(value.shape)
    count = math.prod(shape)
    if type(value).__name__ in ("Series", "DataFrame") or (not hasattr(value, "reshape") and shape):
        raise Unstorable(
            f"a {type(value).__module__}.{type(value).__qualname__} has no form in a row"
        )
    if hasattr(value, "detach"):  # torch: away from the graph, and from the GPU
        value = value.detach().cpu()
    if count == 1:
        return plain(value.item())
    if count <= MAX_LIST:
        return plain(value.tolist())
    return histogram(value)


def histogram(value: Any, bins: int = _BINS) -> Prepared:
    """Counts in equal bins between the least and the greatest finite value.

    Args:
        value: an array of numbers, of any shape and library.
        bins: how many.

    Returns:
        ``values``, and ``bins``, which is one longer: the edges. ``not_finite``: how many are NaN
        or infinite, where any is.

    Raises:
        Unstorable: it holds no numbers.
    """
    import numpy as np  # whoever has an array that is no list has NumPy, or has it in reach

    if type(value).__module__.startswith("torch") and str(value.dtype) == "torch.bfloat16":
        value = value.float()
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "biuf":
        raise Unstorable(f"an array of {numbers.dtype} has no form in a row")
    numbers = numbers.astype(np.float64).ravel()
    finite = np.isfinite(numbers)
    left_out = numbers.size - int(np.count_nonzero(finite))
    if left_out:
        numbers = numbers[finite]
    counts, edges = _counted(numbers, bins)
    found = Prepared(_type="histogram", values=counts.tolist(), bins=edges.tolist())
    if left_out:
        found["not_finite"] = left_out
    return found


def _counted(
    numbers: npt.NDArray[np.float64], bins: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Counts and edges, as `numpy.histogram` has them in twice the time."""
    import numpy as np

    low, high = _span(numbers, bins)
    if not math.isfinite(high - low):  # the largest floats, of both signs
        counts, edges = _counted(numbers / 4, bins)
        return counts, edges * 4
    edges = np.linspace(low, high, bins + 1)
    place = ((numbers - low) / (high - low) * bins).astype(np.intp)
    np.minimum(place, bins - 1, out=place)
    # The product is rounded: what lies at an edge may be a bin too low or too high.
    place -= numbers < edges.take(place)
    place += (numbers >= edges.take(place + 1)) & (place < bins - 1)
    return np.bincount(place, minlength=bins), edges


def _span(finite: npt.NDArray[np.float64], bins: int) -> tuple[float, float]:
    """From where to where the bins go: so far apart that they are different numbers."""
    import numpy as np

    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    least = 2 * bins * float(np.spacing(max(abs(low), abs(high))))
    if high - low >= least:
        return low, high
    middle, half = low / 2 + high / 2, max(least / 2, 0.5)  # 0.5 is NumPy's own for one value
    return middle - half, middle + half


def config_value(value: Any) -> Json:
    """Like `plain`, for config: any array is a list, and an object its text, without an address.

    Raises:
        TypeError: it contains itself.
    """
    try:
        return _config_value(value)
    except RecursionError:
        raise TypeError(f"a config value of {type(value).__name__} contains itself") from None


def _config_value(value: Any) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _config_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_config_value(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_config_value(item) for item in value), key=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _config_value(getattr(value, field.name)) for field in fields}
    if is_array(value) and hasattr(value, "tolist"):
        if hasattr(value, "detach"):
            value = value.detach().cpu()
        return plain(value.tolist() if value.shape else value.item())
    try:
        return plain(value)
    except Unstorable:
        return _without_address(value)


def _without_address(value: Any) -> str:
    kind = type(value)
    try:
        text = str(value)
    except Exception:  # a class of the user's whose text fails is still a class
        text = hex(id(value))
    if hex(id(value)) in text or f"{id(value):x}" in text.lower():
        return f"{kind.__module__}.{kind.__qualname__}"
    return _ADDRESS.sub("", text)  # of what it holds, as in a functools.partial


def finite(value: object) -> object:
    """`value` with "NaN", "Infinity" and "-Infinity" for floats that JSON does not have."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
