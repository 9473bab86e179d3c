"""A histogram counts what it is given, whatever is among it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.errors import MediaError
from rltrack.media.histogram import Histogram

DTYPES = ["float16", "float32", "float64", "int8", "int64", "uint64", "bool"]


@given(
    numbers=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_side=6, min_side=0))
    ),
    bins=st.integers(1, 600),
)
def test_every_number_is_counted_once(numbers: Any, bins: int) -> None:
    """NaN, infinities and the largest floats come from networks that have diverged."""
    found = Histogram(numbers, num_bins=bins)

    finite = int(np.isfinite(numbers.astype(np.float64)).sum())
    assert sum(found.histogram) == finite
    assert found.not_finite == numbers.size - finite
    assert len(found.bins) == len(found.histogram) + 1 == bins + 1
    assert all(low < high for low, high in zip(found.bins, found.bins[1:], strict=False))


@given(
    numbers=hnp.arrays(np.float64, st.integers(1, 60), elements=st.integers(-50, 50))
    | hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6)),
    bins=st.integers(1, 80),
)
def test_bins_are_those_of_numpy(numbers: Any, bins: int) -> None:
    """A number at an edge is in the bin above it."""
    if np.ptp(numbers) < 1e-6:
        return  # one value, as far as bins go
    counts, edges = np.histogram(numbers, bins)

    found = Histogram(numbers, num_bins=bins)

    assert found.histogram == counts.tolist()
    assert found.bins == edges.tolist()


def test_the_largest_floats_are_counted() -> None:
    found = Histogram([-1.7e308, 0.0, 1.7e308], num_bins=3)

    assert found.histogram == [1, 1, 1]
    assert found.bins[0] == -1.7e308


@pytest.mark.parametrize("tiny", [5e-324, 1e-310, 1e-300])
def test_the_smallest_floats_are_counted(tiny: float) -> None:
    """Gradients that vanish end there."""
    assert sum(Histogram([0.0, tiny, -tiny], num_bins=64).histogram) == 3


@pytest.mark.parametrize(
    "numbers",
    [[1, 2, 2, 4], (1, 2, 2, 4), np.array([[1, 2], [2, 4]]), torch.tensor([1.0, 2, 2, 4]),
     torch.tensor([1.0, 2, 2, 4], dtype=torch.bfloat16, requires_grad=True), iter([1, 2, 2, 4])],
)  # fmt: skip
def test_numbers_in_any_form_are_the_same_histogram(numbers: Any) -> None:
    found = Histogram(numbers, num_bins=3)

    assert found.histogram == [1, 2, 1]
    assert found.bins == [1, 2, 3, 4]


def test_counts_of_numpy_are_taken_as_they_are() -> None:
    counts, edges = np.histogram([1, 1, 5], bins=[0, 2, 10])

    found = Histogram(np_histogram=(counts, edges))

    assert dict(found.in_row()) == {"_type": "histogram", "values": [2, 1], "bins": [0, 2, 10]}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"sequence": [1], "np_histogram": ([1], [0, 1])},
        {"sequence": ["a"]},
        {"sequence": [[1], [2, 3]]},
        {"sequence": 7j},
        {"sequence": [1], "num_bins": 0},
        {"sequence": [1], "num_bins": 1 << 20},
        {"np_histogram": ([1, 2], [0, 1])},
        {"np_histogram": ([1], [1, 0])},
        {"np_histogram": ([1], [0, np.nan])},
        {"np_histogram": ([-1], [0, 1])},
        {"np_histogram": ([], [0])},
        {"np_histogram": 5},
    ],
)
def test_what_is_no_histogram_is_refused_at_the_call(wrong: Any) -> None:
    with pytest.raises(MediaError):
        Histogram(**wrong)


def test_a_logged_histogram_has_the_form_that_arrays_get(tmp_path: Path) -> None:
    """One form for all: a page draws them without asking who made them."""
    pytest.importorskip("pandas")
    numbers = np.append(np.arange(99.0), np.nan)
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"made": rltrack.Histogram(numbers, num_bins=32), "array": numbers})
        run.summary["final"] = rltrack.Histogram([])

    [row] = rltrack.Api(tmp_path).run(run.path).history(pandas=False)
    assert row["made"] == row["array"]
    assert row["made"]["not_finite"] == 1
    summary = rltrack.Api(tmp_path).run(run.path).summary
    assert sum(summary["final"]["values"]) == 0


def test_the_number_of_bins_may_be_a_rule_of_numpys() -> None:
    """As W&B passes on whatever NumPy takes."""
    values = np.random.default_rng(0).normal(size=1000)

    found = rltrack.Histogram(values, num_bins="auto")

    counts, edges = np.histogram(values, bins="auto")
    assert found.histogram == counts.tolist()
    assert found.bins == pytest.approx(edges.tolist())
    assert sum(rltrack.Histogram([], num_bins="fd").histogram) == 0
    with pytest.raises(MediaError, match="a rule of NumPy's: auto, doane"):
        rltrack.Histogram(values, num_bins="many")
