"""Draws are what W&B documents, each against a second definition."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rltrack.sweeps.distributions import (
    Beta,
    Categorical,
    Distribution,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Quantized,
    Uniform,
)
from rltrack.sweeps.mistakes import Mistakes
from rltrack.sweeps.space import read_distribution

CONTINUOUS: list[tuple[dict[str, Any], Any]] = [
    ({"distribution": "uniform", "min": -2, "max": 5}, stats.uniform(-2, 7)),
    (
        {"distribution": "log_uniform", "min": -3, "max": 2},
        stats.loguniform(math.exp(-3), math.e**2),
    ),
    ({"distribution": "log_uniform_values", "min": 1e-5, "max": 1}, stats.loguniform(1e-5, 1)),
    (
        {"distribution": "inv_log_uniform", "min": 1, "max": 6},  # log(1/X) is from 1 to 6
        stats.loguniform(math.exp(-6), math.exp(-1)),
    ),
    ({"distribution": "inv_log_uniform_values", "min": 0.1, "max": 10}, stats.loguniform(0.1, 10)),
    ({"distribution": "normal", "mu": 3, "sigma": 0.5}, stats.norm(3, 0.5)),
    ({"distribution": "normal"}, stats.norm(0, 1)),
    ({"distribution": "log_normal", "mu": 1, "sigma": 0.7}, stats.lognorm(0.7, scale=math.e)),
    ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5)),
    ({"distribution": "beta", "a": 0.5, "b": 0.5}, stats.beta(0.5, 0.5)),
    ({"distribution": "beta", "a": 80, "b": 3}, stats.beta(80, 3)),
]


def made(given: dict[str, Any]) -> Distribution:
    mistakes = Mistakes()
    distribution = read_distribution(given, "parameters.x", mistakes)
    assert mistakes.found == []
    assert distribution is not None
    return distribution


def draws(distribution: Distribution, count: int = 4000) -> list[Any]:
    random_numbers = random.Random(7)
    return [distribution.draw(random_numbers.random()) for _ in range(count)]


@pytest.mark.parametrize(
    ("config", "meant"),
    CONTINUOUS,
    ids=str,
)
def test_draws_have_the_distribution_that_is_named(config: dict[str, Any], meant: Any) -> None:
    """Kolmogorov and Smirnov's test, with a fixed seed."""
    assert stats.kstest(draws(made(config)), meant.cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("config", "meant"),
    CONTINUOUS,
    ids=str,
)
def test_the_inverse_cdf_is_scipys(config: dict[str, Any], meant: Any) -> None:
    at = np.linspace(0.001, 0.999, 41)

    assert [made(config).draw(u) for u in at] == pytest.approx(meant.ppf(at), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("q", [3, 0.25])
@pytest.mark.parametrize(
    ("config", "meant"),
    [one for one in CONTINUOUS if "inv" not in one[0]["distribution"]],
)
def test_a_quantized_one_is_the_rounded_one(config: dict[str, Any], meant: Any, q: float) -> None:
    """``round(X / q) * q``, and integers if q is one."""
    name = f"q_{config['distribution']}"
    quantized = made({**config, "distribution": name, "q": q})
    at = np.linspace(0.01, 0.99, 37)

    drawn = [quantized.draw(u) for u in at]

    assert drawn == pytest.approx(np.round(meant.ppf(at) / q) * q)
    assert {type(one) for one in drawn} == {type(q)}


def test_multiples_are_what_one_would_write() -> None:
    """And not 0.30000000000000004."""
    assert Quantized(Uniform(0, 1), 0.1).draw(0.31) == 0.3
    assert Quantized(Uniform(0, 0.3), 0.1).choices() == (0, 0.1, 0.2, 0.3)
    assert Quantized(Uniform(1, 10), 4).choices() == (1, 5, 9)
    assert Quantized(Normal(), 1).choices() is None


def test_integers_are_alike_often_with_both_ends() -> None:
    drawn = draws(IntUniform(-1, 2), 8000)

    assert stats.chisquare([drawn.count(one) for one in (-1, 0, 1, 2)]).pvalue > 0.01
    assert set(drawn) == {-1, 0, 1, 2}


def test_probabilities_are_kept() -> None:
    odds = (0.5, 0.0, 0.2, 0.3)
    drawn = draws(Categorical(("a", "never", "b", "c"), odds), 8000)

    counts = [drawn.count(one) for one in ("a", "b", "c")]
    assert stats.chisquare(counts, [4000, 1600, 2400]).pvalue > 0.01
    assert "never" not in drawn


@given(u=st.floats(0, 1), v=st.floats(0, 1))
@pytest.mark.parametrize(
    "distribution",
    [
        Uniform(-1, 1),
        LogUniform(1e-6, 1e3),
        Normal(0, 2),
        LogNormal(0, 1),
        Beta(0.3, 2),
        IntUniform(0, 9),
        Quantized(Beta(2, 2), 0.05),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_draw_never_falls_and_is_finite(distribution: Distribution, u: float, v: float) -> None:
    """A sampler that searches the uniform number depends on it."""
    low, high = sorted((u, v))

    assert distribution.draw(low) <= distribution.draw(high)
    assert math.isfinite(distribution.draw(u))


def test_bounds_are_kept_at_the_ends() -> None:
    bounded: list[Uniform | LogUniform | IntUniform]
    bounded = [Uniform(0.1, 0.7), LogUniform(0.1, 0.7), IntUniform(3, 5)]
    for distribution in bounded:
        assert distribution.draw(0.0) == distribution.min
        assert distribution.draw(1.0) == distribution.max
    assert Categorical(("a", "b"), (1.0, 0.0)).draw(1.0) == "a"
