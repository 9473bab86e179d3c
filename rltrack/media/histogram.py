"""`Histogram`: how many values lie where. It is small, so the row itself holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rltrack._values import RowValue, Unstorable, histogram, is_array
from rltrack.errors import MediaError
from rltrack.journal.records import Prepared

#: More than any screen has columns; each takes 40 bytes of the row.
MAX_BINS: Final = 1 << 16
#: NumPy's rules for how many bins some values need, by their names there.
RULES: Final = frozenset({"auto", "fd", "doane", "scott", "stone", "rice", "sturges", "sqrt"})


class Histogram(RowValue):
    """Counts of values in bins.

    Args:
        sequence: numbers of any shape, counted in equal bins from the least to the greatest. NaN
            and infinities are left out and counted apart, as `not_finite`.
        np_histogram: counts and edges, as `numpy.histogram` returns them, instead.
        num_bins: how many bins `sequence` is counted in, or the name of a rule of
            `numpy.histogram_bin_edges` that says so, as ``"auto"``.

    Raises:
        MediaError: these are no numbers, or neither or both are given.
    """

    MAX_LENGTH = MAX_BINS

    def __init__(
        self,
        sequence: Any = None,
        np_histogram: tuple[Any, Any] | None = None,
        num_bins: int | str = 64,
    ) -> None:
        if (sequence is None) == (np_histogram is None):
            raise MediaError("Histogram: pass numbers, or np_histogram=numpy.histogram(…)")
        if num_bins not in RULES and (type(num_bins) is not int or num_bins < 1):
            raise MediaError(
                f"Histogram(num_bins={num_bins!r}): must be an integer above 0, or a rule of NumPy's: "
                f"{', '.join(sorted(RULES))}"
            )
        if isinstance(num_bins, int) and num_bins > MAX_BINS:
            raise MediaError(f"Histogram(num_bins={num_bins}): there may be {MAX_BINS}")
        self._value = _counted(sequence, num_bins) if np_histogram is None else _given(np_histogram)

    @property
    def histogram(self) -> Sequence[float]:
        """How many values each bin holds."""
        return list(self._value["values"])

    @property
    def bins(self) -> Sequence[float]:
        """The edges of the bins: one more than there are bins, ascending."""
        return list(self._value["bins"])

    @property
    def not_finite(self) -> int:
        """How many values were NaN or infinite."""
        return int(self._value.get("not_finite", 0))

    def in_row(self) -> Prepared:
        """What the row holds of it."""
        return self._value


def _counted(sequence: Any, num_bins: int | str) -> Prepared:
    import numpy as np

    try:
        if hasattr(sequence, "detach"):  # torch: away from the graph, and from the GPU
            sequence = sequence.detach().cpu()
        elif not is_array(sequence):
            sequence = np.asarray(sequence if hasattr(sequence, "__len__") else list(sequence))
            if not sequence.size:
                sequence = np.empty(0)
        return histogram(
            sequence, num_bins if isinstance(num_bins, int) else _fit(sequence, num_bins)
        )
    except Unstorable as why:
        raise MediaError(f"Histogram: {why}") from None
    except Exception as fault:  # ragged lists, arrays of a library that cannot be read
        raise MediaError(
            f"Histogram: a {type(sequence).__qualname__} cannot be counted: {fault}"
        ) from None


def _given(pair: Any) -> Prepared:
    import numpy as np

    try:
        counts, edges = pair
        numbers, bounds = np.asarray(counts), np.asarray(edges, dtype=np.float64)
        if numbers.ndim != 1 or bounds.shape != (len(numbers) + 1,):
            raise ValueError(f"{numbers.shape} counts and {bounds.shape} edges")
        if not 1 <= len(numbers) <= MAX_BINS:
            raise ValueError(f"{len(numbers)} bins")
        if numbers.dtype.kind not in "biuf" or not np.isfinite(numbers).all() or numbers.min() < 0:
            raise ValueError("a count is below 0, or no number")
        if not np.isfinite(bounds).all() or (np.diff(bounds) <= 0).any():
            raise ValueError("the edges do not ascend")
    except (TypeError, ValueError) as why:
        raise MediaError(
            f"Histogram(np_histogram=…): n counts and n + 1 ascending edges are asked for: {why}"
        ) from None
    if numbers.dtype.kind == "b":
        numbers = numbers.astype(np.int64)
    return Prepared(_type="histogram", values=numbers.tolist(), bins=bounds.tolist())


def _fit(sequence: Any, rule: str) -> int:
    """How many bins a rule of NumPy's has for some values."""
    import numpy as np

    values = np.asarray(sequence, np.float64).ravel()
    edges = np.histogram_bin_edges(values[np.isfinite(values)], bins=rule)
    return min(len(edges) - 1, MAX_BINS)
