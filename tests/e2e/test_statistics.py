"""The statistics page: experiments found by themselves, intervals, and every run shown."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for env_id, scale in (("Cart", 1.0), ("Pole", 3.0)):
        for lr in (0.1, 0.2):
            for seed in range(3):
                config = {"env": env_id, "lr": lr, "seed": seed}
                with rltrack.init(
                    project="p", name=f"{env_id} {lr} {seed}", dir=root, config=config
                ) as run:
                    for step in range(5):
                        run.log({"episode/return": scale * (lr * 50 + seed) * step})
    with contextlib.suppress(ValueError):
        config = {"env": "Cart", "lr": 0.1, "seed": 3}
        with rltrack.init(project="p", name="fell over", dir=root, config=config):
            raise ValueError


def test_experiments_have_intervals_and_the_run_that_fell_over_is_told(
    page: Page, address: str
) -> None:
    """With their N, and a warning that so few runs say little."""
    page.goto(f"{address}/p/p/statistics")
    rows = page.get_by_test_id("statistics-table").locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("N = 3 of 4")
    expect(page.get_by_test_id("few")).to_contain_text("fewer than 5 runs")
    expect(page.get_by_test_id("not-counted")).to_contain_text("fell over")
    expect(page.get_by_test_id("run-score")).to_have_count(12)


def test_tasks_and_limits_are_in_the_address_and_the_lines_of_python(
    page: Page, address: str
) -> None:
    """So a link shows the same, and so does the program."""
    page.goto(f"{address}/p/p/statistics")
    page.get_by_test_id("statistics-task").select_option("env")
    rows = page.get_by_test_id("statistics-table").locator("tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_test_id("statistics-limits").select_option("typed")
    page.get_by_test_id("statistics-limits-text").fill("Cart: 0 to 50, Pole: 0 to 150")
    expect(page.get_by_test_id("statistics-python")).to_contain_text(
        "low, high = [0.0, 0.0], [50.0, 150.0]"
    )
    expect(page.get_by_test_id("interval-optimality_gap")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("interval-optimality_gap")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_test_id("statistics-csv").click()
    assert "optimality_gap" in Path(saved.value.path()).read_text()
