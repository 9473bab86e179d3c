"""The table of values: what `log` makes of what users have."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rltrack
from rltrack._values import Unstorable, flatten, plain
from rltrack.journal.records import Json, Row

ReadRows = Callable[[Path], list[Row]]


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class MyFloat(float):
    pass


class MyText(str):
    __slots__ = ()


def function(x: int) -> int:
    return x


SCALARS: list[tuple[object, Json]] = [
    (1, 1),
    (2**63 - 1, 2**63 - 1),
    (-(2**63), -(2**63)),
    (2**63, float(2**63)),
    (2**70, float(2**70)),
    (10**400, math.inf),
    (-(10**400), -math.inf),
    (1.5, 1.5),
    (math.inf, math.inf),
    (True, True),
    (None, None),
    ("text", "text"),
    ("", ""),
    (MyFloat(0.5), 0.5),
    (MyText("x"), "x"),
    (np.float16(0.5), 0.5),
    (np.float32(0.5), 0.5),
    (np.float64(0.1), 0.1),
    (np.longdouble(0.5), 0.5),
    (np.int8(-5), -5),
    (np.int64(2**62), 2**62),
    (np.uint64(2**64 - 1), float(2**64 - 1)),
    (np.bool_(False), False),
    (np.str_("x"), "x"),
    (np.array(0.5), 0.5),
    (np.array([3]), 3),
    (np.array([[True]]), True),
    (torch.tensor(0.5), 0.5),
    (torch.tensor([7]), 7),
    (torch.tensor(True), True),
    (torch.tensor(0.5, requires_grad=True), 0.5),
    (torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
    (torch.nn.Parameter(torch.tensor([2.0])), 2.0),
]
LISTS: list[tuple[object, Json]] = [
    ([], []),
    ((1, 2.5, True, None), [1, 2.5, True, None]),
    ([np.float32(0.5), torch.tensor(2)], [0.5, 2]),
    ({3, 1, 2}, [1, 2, 3]),
    (np.arange(3), [0, 1, 2]),
    (np.arange(32.0), [float(n) for n in range(32)]),
    (np.zeros((2, 2)), [[0.0, 0.0], [0.0, 0.0]]),
    (np.array([]), []),
    (np.array(["a", "b"]), ["a", "b"]),
    (torch.arange(4), [0, 1, 2, 3]),
    (torch.ones(2, dtype=torch.bfloat16, requires_grad=True), [1.0, 1.0]),
    (list(range(100)), list(range(100))),
    ([{"a": np.int64(1)}], [{"a": 1}]),
]
TEXTS: list[tuple[object, Json]] = [
    (1 + 2j, "(1+2j)"),
    (b"bytes", "bytes"),
    (bytearray(b"\xff"), "\ufffd"),
    (memoryview(b"view"), "view"),
    (dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC), "2024-05-06T07:08:00+00:00"),
    (dt.date(2024, 5, 6), "2024-05-06"),
    (dt.timedelta(seconds=90), "0:01:30"),
    (decimal.Decimal("0.10"), "0.10"),
    (Path("/a/b"), "/a/b"),
    (Colour.RED, "RED"),
    (Level.HIGH, "HIGH"),
    (len, "builtins.len"),
    (function, f"{__name__}.function"),
    (Colour, f"{__name__}.Colour"),
    (np.datetime64("2024-05-06"), "2024-05-06"),
]


@pytest.mark.parametrize(
    ("value", "stored"), SCALARS + LISTS + TEXTS, ids=lambda value: repr(value)[:40]
)
def test_a_value_is_stored_as_the_table_says(
    root: Path, read_rows: ReadRows, value: object, stored: Json
) -> None:
    """Through `log`, from a dict that has nothing else, and from the journal back."""
    run = rltrack.init(project="p", settings={"quiet": True})
    run.log({"value": value})

    assert run.folder is not None
    (row,) = read_rows(run.folder / "journal")
    assert row.values["value"] == stored
    assert type(row.values["value"]) is type(stored)
    assert run.summary["value"] == stored


def test_nan_is_kept(root: Path, read_rows: ReadRows) -> None:
    """A loss that is NaN is the finding; beside a text as well."""
    run = rltrack.init(project="p", settings={"quiet": True})
    run.log({"value": math.nan})
    run.log({"value": math.nan, "minus": -0.0, "text": "x"})

    assert run.folder is not None
    alone, beside = read_rows(run.folder / "journal")
    assert str(alone.values["value"]) == str(beside.values["value"]) == "nan"
    assert str(beside.values["minus"]) == "-0.0"


def test_a_lambda_is_its_name() -> None:
    """Without an address."""
    assert str(plain(lambda: None)).endswith("test_a_lambda_is_its_name.<locals>.<lambda>")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(100),
        np.arange(100.0).reshape(10, 10),
        torch.arange(100),
        torch.arange(100.0).half(),
    ],
    ids=["ints", "2-d", "torch", "half"],
)
def test_a_large_array_is_a_histogram_of_32_bins(array: object) -> None:
    """As W&B makes it."""
    histogram = plain(array)

    assert isinstance(histogram, dict)
    assert histogram["_type"] == "histogram"
    values, bins = histogram["values"], histogram["bins"]
    assert isinstance(values, list)
    assert isinstance(bins, list)
    assert (len(values), sum(values), len(bins), bins[0], bins[-1]) == (32, 100, 33, 0, 99)
    assert "not_finite" not in histogram


def test_a_histogram_counts_what_it_leaves_out() -> None:
    """W&B raises for one NaN."""
    array = np.arange(100.0)
    array[:3] = math.nan, math.inf, -math.inf

    histogram = plain(array)

    assert isinstance(histogram, dict)
    assert histogram["not_finite"] == 3
    assert sum(histogram["values"]) == 97


@pytest.mark.parametrize("value", [0.0, 1.75e18, 2.0**48, -1e-300])
def test_a_histogram_of_one_value_has_bins_too(value: float) -> None:
    """Of timestamps in nanoseconds, for one, between which NumPy finds no 32 numbers."""
    array = np.full(100, value)
    array[0] = np.nextafter(value, math.inf)

    histogram = plain(array)

    assert isinstance(histogram, dict)
    values, bins = histogram["values"], histogram["bins"]
    assert isinstance(values, list)
    assert isinstance(bins, list)
    assert sum(values) == 100
    assert bins == sorted(set(bins))


def test_bfloat16_and_bool_arrays_are_histograms_too() -> None:
    """NumPy has no bfloat16."""
    for array in (torch.ones(100, dtype=torch.bfloat16), np.ones(100, dtype=bool)):
        histogram = plain(array)
        assert isinstance(histogram, dict)
        assert sum(histogram["values"]) == 100


class Deleted:
    """An array whose memory is gone, as after a donated buffer of JAX."""

    dtype = np.dtype("float32")
    shape = (2,)

    def reshape(self) -> None: ...

    def tolist(self) -> list[float]:
        raise RuntimeError("Array has been deleted")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "builtins.object has no form"),
        (pd.Series([1, 2]), "Series has no form"),
        (np.zeros(100, dtype=complex), "complex128 has no form"),
        (np.array(["x"] * 100), "has no form"),
        ([object()], "builtins.object has no form"),
        (Deleted(), "Array has been deleted"),
        (torch.ones(40, device="meta"), "cannot be read"),
        (functools.partial(function, 1), "functools.partial has no form"),
    ],
    ids=repr,
)
def test_what_has_no_form_says_why(value: object, words: str) -> None:
    """And nothing else is raised, whatever goes wrong inside of a library's array."""
    with pytest.raises(Unstorable, match=words):
        plain(value)


@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_]),
        hnp.array_shapes(max_dims=3, max_side=6),
    )
)
def test_any_array_is_a_scalar_a_list_or_a_histogram(array: np.ndarray) -> None:
    """By its number of elements."""
    if array.dtype.kind == "f":
        array = np.clip(array, -1e30, 1e30)  # beyond, the range of a histogram overflows
    value = plain(array)

    if array.size == 1:
        assert type(value) in (float, int, bool)
    elif array.size <= 32:
        assert isinstance(value, list)
        assert np.array_equal(np.array(value), array, equal_nan=array.dtype.kind == "f")
    else:
        assert isinstance(value, dict)


@given(
    st.recursive(
        st.integers(),
        lambda inner: st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    ).filter(lambda tree: isinstance(tree, dict))
)
def test_flattening_keeps_every_leaf(tree: dict[str, object]) -> None:
    """Each by the path of its names, unless two paths are one text."""

    def leaves(node: object, path: str) -> list[tuple[str, object]]:
        if isinstance(node, dict) and node:
            return [
                leaf for key in node for leaf in leaves(node[key], f"{path}.{key}" if path else key)
            ]
        return [(path, node)]

    expected = dict(leaves(tree, "")) if tree else {}

    assert flatten(tree) == expected
