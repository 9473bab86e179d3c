"""`rltrack config`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.cli import main
from rltrack.cli.config import MISSING, compared, yaml_lines

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8) | (
    st.sampled_from(["no", "1e-05", "null", "", "a: b", "- x", "0x1", "2026-11-23", ".5", "~", "y"])
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_TEXTS, _VALUES, min_size=1, max_size=5))
def test_the_yaml_is_the_config(config: dict[str, Any]) -> None:
    """A reader of YAML 1.1 gets each value with its type, numbers such as 1e-05 among them."""
    read = yaml.safe_load("\n".join(yaml_lines(config)))

    assert repr(read) == repr(config)  # in which NaN is NaN


@given(st.dictionaries(_TEXTS, _VALUES, max_size=4))
def test_nothing_differs_from_itself(config: dict[str, Any]) -> None:
    """NaN neither."""
    assert compared(config, config) == {}


def test_what_differs_is_told_by_its_dotted_key() -> None:
    """A key that one lacks is another thing than one that is None; 1 is not True."""
    one = {"lr": 0.1, "net": {"width": 64, "act": "relu"}, "seed": None, "norm": 1, "x": math.nan}
    other = {"lr": 0.2, "net": {"width": 64, "act": "tanh"}, "norm": True, "x": math.nan}

    assert compared(one, other) == {
        "lr": (0.1, 0.2),
        "net.act": ("relu", "tanh"),
        "seed": (None, MISSING),
        "norm": (1, True),
    }
    assert compared(one, other, equal=True)["net.width"] == (64, 64)


def test_the_command_prints_one_config_or_two(
    root: Path, typed: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """For people, and for programs."""
    for name, lr in (("one", 0.1), ("two", 1e-5)):
        with rltrack.init(project="p", id=name, name=name, config={"lr": lr, "n": {"a": [1]}}):
            pass

    assert typed("config", "two").splitlines() == ["lr: 1.0e-05", "n:", "  a: [1]"]
    assert json.loads(typed("config", "one", "--json")) == {"lr": 0.1, "n": {"a": [1]}}
    assert typed("config", "one", "two").split() == ["KEY", "one", "two", "lr", "0.1", "1e-05"]
    assert json.loads(typed("config", "one", "two", "--json")) == {
        "lr": {"p/one": 0.1, "p/two": 1e-5}
    }
    assert typed("config", "one", "one") == "one and one have the same config\n"
    assert main(["config", "three"]) == 1
    assert "no run with id or name 'three'" in capsys.readouterr().err
