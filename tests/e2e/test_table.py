"""The run table: columns, orders, groups, filters, and changes of many runs, as a person makes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for algo, seed in (("ppo", 0), ("ppo", 1), ("sac", 0), ("sac", 1)):
        config = {"algo": algo, "seed": seed, "lr": 3e-4 if algo == "ppo" else 1e-3}
        with rltrack.init(
            project="p", id=f"{algo}{seed}", name=f"{algo}-{seed}", dir=str(root), config=config
        ) as run:
            for step in range(20):
                run.log({"return": float(step * (1 + seed) * (3 if algo == "sac" else 1))})


def names(page: Page) -> list[str]:
    return page.get_by_test_id("run-row").locator("a").all_inner_texts()


def test_a_condition_is_built_sorted_by_and_kept_in_the_link(page: Page, address: str) -> None:
    """The link is the view: what the table shows comes back on reload."""
    page.goto(f"{address}/p/p?list=wide")
    expect(page.get_by_test_id("run-row")).to_have_count(4)
    page.get_by_test_id("filter-builder").click()
    page.get_by_test_id("field-search").fill("algo")
    page.locator('[data-field="config.algo"].field').click()
    page.get_by_test_id("filter-value").fill("sac")
    page.get_by_test_id("filter-add").click()
    expect(page.get_by_test_id("run-row")).to_have_count(2)

    page.get_by_test_id("columns").click()
    page.get_by_test_id("field-search").fill("max(return)")
    page.locator('[data-field="max(return)"].field').click()
    page.keyboard.press("Escape")
    head = page.locator('[role="columnheader"][data-field="max(return)"] button.name')
    head.click()
    expect(page.locator('.cell [data-field="max(return)"]').first).to_have_text("114")
    assert names(page) == ["sac-1", "sac-0"]
    head.click()
    expect(page.locator('.cell [data-field="max(return)"]').first).to_have_text("57")

    page.reload()
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    assert names(page) == ["sac-0", "sac-1"]


def test_a_condition_that_is_none_says_what_is_wrong(page: Page, address: str) -> None:
    """And the runs stay."""
    page.goto(f"{address}/p/p?list=open")
    expect(page.get_by_test_id("run-row")).to_have_count(4)
    from tests.e2e.conftest import expect_fault

    expect_fault(page, "400")
    page.get_by_test_id("run-filter").fill("config.lr <")
    expect(page.get_by_test_id("filter-problem")).to_contain_text("expected a value")


def test_seeds_become_experiments_with_a_band(page: Page, address: str) -> None:
    """Grouped by everything but the seed, each group is one line over its runs."""
    page.goto(f"{address}/p/p?runs=all")
    page.get_by_test_id("group-by").click()
    page.get_by_test_id("group-but-seed").click()
    page.keyboard.press("Escape")
    groups = page.get_by_test_id("group-row")
    expect(groups).to_have_count(2)
    expect(page.get_by_test_id("statistic").first).to_have_text("mean, std · n=2")
    groups.first.get_by_test_id("group-fold").click()
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    page.get_by_test_id("centre").select_option("iqm")
    expect(page.get_by_test_id("statistic").first).to_contain_text("IQM")
    groups.first.get_by_test_id("run-toggle").click()
    expect(page.get_by_test_id("run-count")).to_have_text("2 of 4")


def test_runs_are_renamed_and_deleted_together_and_come_back(page: Page, address: str) -> None:
    """Every change of many runs has a way back."""
    page.goto(f"{address}/p/p?q=ppo")
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    for check in page.get_by_test_id("run-check").all():
        check.click()
    bar = page.get_by_test_id("bulk-bar")
    bar.get_by_role("button", name="rename").click()
    page.get_by_role("textbox", name="Rename").fill("{algo}-new-{seed}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="ppo-new-0")).to_be_visible()
    page.get_by_test_id("undo").click()
    expect(page.get_by_role("link", name="ppo-0")).to_be_visible()

    bar.get_by_test_id("delete").click()
    expect(page.get_by_test_id("run-row")).to_have_count(0)
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("run-row")).to_have_count(2)


def test_chosen_runs_are_compared(page: Page, address: str) -> None:
    """Only what differs is shown, with the difference to the first."""
    page.goto(f"{address}/p/p")
    for name in ("ppo0", "sac0"):
        page.locator(f'[data-run-id="{name}"]').get_by_test_id("run-check").click()
    page.get_by_test_id("compare").click()
    table = page.get_by_test_id("config-diff")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table).to_contain_text("7e-4")
    expect(page.locator('[data-testid="panel"][data-key="return"]')).to_be_visible()


def test_a_cell_filters_and_a_baseline_gives_differences(page: Page, address: str) -> None:
    """By the right button and by the keyboard; the other numbers of a metric are a press away."""
    page.goto(f"{address}/p/p?list=wide&cols=:config.algo,:summary.return")
    expect(page.get_by_test_id("run-row")).to_have_count(4)
    page.get_by_test_id("check-all").click()
    expect(page.get_by_test_id("bulk-bar")).to_contain_text("4 runs")
    page.get_by_test_id("check-all").click()
    expect(page.get_by_test_id("bulk-bar")).to_have_count(0)

    head = page.locator('[role="columnheader"][data-field="summary.return"]')
    head.hover()
    head.get_by_label("column summary.return").click()
    page.locator('[data-face="max"]').click()
    row = page.locator('[data-run-id="sac0"]')
    row.locator('[data-field="max(return)"]').click(button="right")
    page.get_by_role("menuitem", name="Compare the others with this run").click()
    expect(page.get_by_test_id("baseline-row")).to_contain_text("sac-0")
    delta = page.locator('[data-run-id="sac1"] [data-testid="delta"]')
    expect(delta).to_have_text("+57")

    row.locator('[data-field="config.algo"]').click(button="right")
    page.get_by_role("menuitem", name="Only algo = sac").click()
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    page.reload()
    expect(delta).to_have_text("+57")

    table = page.get_by_test_id("run-table")
    table.focus()
    for key in ("ArrowDown", "ArrowRight", "Shift+F10"):
        table.press(key)
    expect(page.get_by_test_id("cell-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(table).to_be_focused()
    algo = page.locator('[role="columnheader"][data-field="config.algo"]')
    algo.locator("button.name").press("Alt+ArrowRight")
    heads = page.locator('[role="columnheader"][data-field]')
    expect(heads.nth(2)).to_have_attribute("data-field", "config.algo")
