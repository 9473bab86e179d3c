"""Metrics that are computed of others."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.errors import UsageError
from rltrack.folder import RunFolder
from rltrack.store.expression import is_expression, parse
from rltrack.store.run import RunReader

KEYS = ("a", "b", "a/b", "train/loss", "eval/loss", "odd name (1)")


def value(text: str, **values: list[float]) -> list[float]:
    arrays = {key: np.array(found) for key, found in values.items()}
    with np.errstate(all="ignore"):
        found = parse(text, tuple(values)).value(arrays)
    return [float(one) for one in np.broadcast_to(found, len(next(iter(arrays.values()))))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", 7.0),
        ("(a + b) * 2", 8.0),
        ("a - b - 1", -3.0),
        ("b / a / 2", 1.5),
        ("-a ** 2", -1.0),
        ("2 ** b ** 0", 2.0),
        ("b % 2", 1.0),
        ("--b", 3.0),
        ("max(a, b) + min(a, b)", 4.0),
        ("sqrt(b + 1) + log10(1e2 * a)", 4.0),
        ('"a"/"b"*3', 1.0),
    ],
)
def test_arithmetic_binds_as_in_python(text: str, expected: float) -> None:
    """Worked by hand, with a = 1 and b = 3."""
    assert value(text, a=[1.0], b=[3.0]) == [pytest.approx(expected)]


def test_a_metric_is_the_longest_name_that_there_is() -> None:
    """Names hold slashes, which are divisions where no metric is called so."""
    assert parse("a/b", KEYS).keys == ("a/b",)
    assert parse("a / b", KEYS).keys == ("a", "b")
    assert parse("train/loss/eval/loss", KEYS).keys == ("train/loss", "eval/loss")
    assert parse('"odd name (1)" / b', KEYS).keys == ("odd name (1)", "b")
    assert is_expression("a/b")
    assert not is_expression("loss")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a +", "a metric or a number was expected"),
        ("a b", "'b' was not expected"),
        ("(a", "')' was expected, and nothing was found"),
        ("a / loss", "there is no metric 'loss'"),
        ("system(a)", "there is no function 'system'"),
        ("__import__(a)", "there is no"),
        ("a.__class__", "was not expected"),
        ("ema(a, 1, 2)", "takes 1 to 2 values, and got 3"),
        ("1 + 2", "it names no metric"),
        ("(" * 60 + "a" + ")" * 60, "deeper than 50"),
        ("a+" * 600 + "a", "at most 1000"),
    ],
)
def test_what_cannot_be_computed_is_told_why(text: str, told: str) -> None:
    """Nothing of it is ever run as code."""
    with pytest.raises(UsageError, match="(?s).*" + told.replace("(", r"\(").replace(")", r"\)")):
        parse(text, KEYS)


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=400), st.sampled_from([0.0, 0.5, 0.9, 0.999])
)
def test_the_moving_average_is_the_plain_loop(values: list[float], weight: float) -> None:
    """In stretches, it must not lose what came before."""
    expected, total, norm = [], 0.0, 0.0
    for one in values:
        total, norm = weight * total + one, weight * norm + 1
        expected.append(total / norm)

    np.testing.assert_allclose(value(f"ema(a, {weight})", a=values), expected, atol=1e-9)


def test_along_the_line() -> None:
    """Worked by hand; a NaN ends an average, and a running mean leaves it out."""
    nan = math.nan
    np.testing.assert_array_equal(value("ema(a, 0.5)", a=[1, nan, 3, 3]), [1, nan, 3, 3])
    np.testing.assert_array_equal(value("mean(a, 2)", a=[1, 3, nan, 5]), [1, 2, 3, 5])
    np.testing.assert_array_equal(value("cummax(a)", a=[1, nan, 3, 2]), [1, 1, 3, 3])
    np.testing.assert_array_equal(value("diff(a)", a=[1, 3, 2]), [nan, 2, -1])
    np.testing.assert_array_equal(value("cumsum(a)", a=[1, 3, 2]), [1, 4, 6])


def test_metrics_of_other_rows_meet_at_every_x(tmp_path: Path) -> None:
    """Each has its last value there, and none before its first."""
    with rltrack.init(project="p", dir=str(tmp_path), settings={"quiet": True}) as run:
        for step in range(6):
            run.log({"loss": float(step)} | ({"eval": 10.0 * step} if step in (2, 5) else {}))
    assert run.folder is not None
    reader = RunReader(RunFolder(run.folder))

    found = parse("loss - eval", ("loss", "eval")).series(reader, "_step")

    assert found is not None
    assert (found.x.tolist(), found.y.tolist()) == ([2, 3, 4, 5], [-18, -17, -16, -45])
    assert parse("loss - other", ("loss", "other")).series(reader, "_step") is None
