"""Every point of a grid has one number."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rltrack.sweeps.grid import Grid
from rltrack.sweeps.mistakes import Mistakes
from rltrack.sweeps.space import read_space


def grid_of(parameters: dict[str, Any], shuffle: int | None = None) -> Grid:
    mistakes = Mistakes()
    grid = Grid(read_space(parameters, mistakes), shuffle)
    assert mistakes.found == []
    return grid


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    shuffle=st.none() | st.integers(0, 9),
)
def test_each_point_has_one_number_and_each_number_one_point(
    sizes: list[int], shuffle: int | None
) -> None:
    """So agents that share out the numbers repeat none and lose none."""
    parameters = {f"p{at}": {"values": list(range(size))} for at, size in enumerate(sizes)}
    grid = grid_of(parameters, shuffle)

    points = {tuple(grid.point(number).values()) for number in range(grid.size)}

    assert points == set(itertools.product(*map(range, sizes)))
    assert grid.size == len(points)


def test_names_are_sorted_and_the_last_changes_fastest() -> None:
    """As with W&B, whatever the order in the file."""
    grid = grid_of({"b": {"min": 1, "max": 2}, "a": {"values": ["x", "y"]}, "c": {"value": None}})

    assert [list(grid.point(number).items()) for number in range(3)] == [
        [("a", "x"), ("b", 1), ("c", None)],
        [("a", "x"), ("b", 2), ("c", None)],
        [("a", "y"), ("b", 1), ("c", None)],
    ]


def test_a_value_that_is_there_twice_counts_once() -> None:
    grid = grid_of({"a": {"values": [1, 1.0, True, "1", [1], [1], None]}})

    assert [grid.point(number)["a"] for number in range(grid.size)] == [1, True, "1", [1], None]


def test_a_grid_of_any_size_is_only_counted() -> None:
    grid = grid_of({name: {"min": 0, "max": 10**6 - 1} for name in "abc"}, shuffle=1)

    assert grid.size == 10**18
    assert len({json.dumps(grid.point(number)) for number in range(100)}) == 100


def test_a_uniform_number_with_steps_has_both_ends() -> None:
    grid = grid_of({"a": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}})

    assert [grid.point(number)["a"] for number in range(grid.size)] == [0, 0.25, 0.5, 0.75, 1]
