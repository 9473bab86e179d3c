"""Logged tables in the browser: scrolled, filtered, sorted, grouped and put side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Locator, Page, expect

import rltrack

WAIT_MS = 20_000
ROWS = 3_000_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with episodes at two steps each, and one with more rows than an element is high."""
    root = tmp_path_factory.mktemp("runs")
    for number, name in enumerate(("ppo", "sac")):
        with rltrack.init(
            project="p", id=name, name=name, dir=root, settings={"silent": True}
        ) as run:
            for step in (0, 10):
                table = rltrack.Table(["id", "env", "return", "done", "frame"])
                for at in range(300):
                    picture = rltrack.Image(np.zeros((16, 16, 3), np.uint8)) if at < 2 else None
                    episode = float(at * 10 + step + (number if at % 100 == 0 else 0))
                    table.add_data(at, f"env-{at % 3}", episode, at % 2 == 0, picture)
                table.set_pk("id")
                run.log({"eval/episodes": table}, step=step)
    with rltrack.init(project="big", id="r", dir=root, settings={"silent": True}) as run:
        columns = {"at": np.arange(ROWS), "half": np.arange(ROWS) / 2}
        run.log({"rows": rltrack.Table(data=columns)})
    return root


def cells(row: Locator) -> list[str]:
    return [text.strip() for text in row.get_by_role("gridcell").all_inner_texts()]


def row(page: Page, at: int) -> Locator:
    return page.locator(f'[data-testid="table-row"][data-row="{at}"]')


def count(page: Page) -> Locator:
    return page.get_by_test_id("row-count")


def test_rows_are_filtered_by_their_type_and_sorted_and_a_link_shows_the_same(
    page: Page, address: str, tmp_path: Path
) -> None:
    """And what is exported is what is shown."""
    page.goto(f"{address}/p/p/r/ppo?tab=tables")
    expect(count(page)).to_have_text("300 rows", timeout=WAIT_MS)
    assert cells(row(page, 1))[:4] == ["1", "env-1", "20", "false"]

    page.locator('[data-column="return"] .name').click()
    page.locator('[data-column="return"] .name').click()
    expect(row(page, 0)).to_contain_text("3000")
    page.locator('[data-column="return"]').hover()
    page.get_by_test_id("column-return").click()
    page.get_by_test_id("filter-op").select_option("<")
    page.get_by_test_id("filter-value").fill("100")
    expect(count(page)).to_have_text("9 of 300 rows")
    page.keyboard.press("Escape")
    page.get_by_test_id("where").fill("done AND id > 0")
    expect(count(page)).to_have_text("4 of 300 rows")
    expect(row(page, 0)).to_contain_text("90")

    page.goto(page.url)
    expect(count(page)).to_have_text("4 of 300 rows", timeout=WAIT_MS)
    page.get_by_test_id("export").click()
    with page.expect_download() as download:
        page.get_by_test_id("export-parquet").click()
    download.value.save_as(tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet")["id"].to_pylist() == [8, 6, 4, 2]
    page.keyboard.press("Escape")

    page.get_by_test_id("filter-chip").click()
    page.get_by_test_id("where").fill("no_such_column > 1")
    page.expected_faults = ("status of 400",)  # type: ignore[attr-defined]
    expect(page.get_by_role("alert")).to_contain_text("no_such_column")


def test_groups_in_groups_with_what_is_computed_of_them(page: Page, address: str) -> None:
    """A click on one shows its rows."""
    page.goto(f"{address}/p/p/r/ppo?tab=tables")
    expect(count(page)).to_have_text("300 rows", timeout=WAIT_MS)
    page.locator('[data-column="env"]').hover()
    page.get_by_test_id("column-env").click()
    page.get_by_test_id("group-by").click()
    expect(count(page)).to_have_text("3 groups of 300 rows")
    assert cells(row(page, 0))[:2] == ["env-0", "100"]
    page.goto(
        f"{address}/p/p/r/ppo?tab=tables&t:eval/episodes="
        '{"group":["env","done"],"aggregates":[{"column":"return","fn":"max"}]}'
    )
    expect(count(page)).to_have_text("9 groups of 300 rows", timeout=WAIT_MS)
    assert cells(row(page, 0)) == ["env-0", "all", "100", "2980"]
    assert cells(row(page, 1)) == ["env-0", "false", "50", "2980"]
    row(page, 2).click()
    expect(count(page)).to_have_text("50 of 300 rows")
    page.go_back()
    expect(count(page)).to_have_text("9 groups of 300 rows")


def test_groups_in_groups_fold_by_level_by_hand_and_by_key(page: Page, address: str) -> None:
    """What is folded is one row, and a link shows the same."""
    page.goto(f'{address}/p/p/r/ppo?tab=tables&t:eval/episodes={{"group":["env","done"]}}')
    expect(count(page)).to_have_text("9 groups of 300 rows", timeout=WAIT_MS)
    page.get_by_test_id("level-1").click()
    expect(count(page)).to_have_text("3 groups of 300 rows")
    row(page, 1).get_by_test_id("fold").click()
    expect(count(page)).to_have_text("5 groups of 300 rows")
    expect(row(page, 1)).to_have_attribute("aria-expanded", "true")
    assert [cells(row(page, at))[1] for at in range(5)] == ["all", "all", "false", "true", "all"]
    page.reload()
    expect(count(page)).to_have_text("5 groups of 300 rows", timeout=WAIT_MS)
    page.get_by_test_id("table").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(count(page)).to_have_text("7 groups of 300 rows")
    page.keyboard.press("ArrowLeft")
    expect(count(page)).to_have_text("5 groups of 300 rows")
    page.get_by_test_id("level-2").click()
    expect(count(page)).to_have_text("9 groups of 300 rows")


def test_columns_are_chosen_pinned_and_made_wider_and_cells_show_pictures(
    page: Page, address: str
) -> None:
    """As in a spreadsheet."""
    page.goto(f"{address}/p/p/r/ppo?tab=tables")
    expect(row(page, 0).locator("img")).to_be_visible(timeout=WAIT_MS)
    row(page, 0).get_by_role("button").click()
    expect(page.get_by_test_id("cell-media").locator("img")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_test_id("columns").click()
    page.get_by_role("checkbox", name="frame").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator('[data-column="frame"]')).to_have_count(0)
    page.locator('[data-column="return"]').hover()
    page.get_by_test_id("column-return").click()
    page.get_by_role("button", name="Pin at the left").click()
    expect(page.get_by_role("columnheader").first).to_have_attribute("data-column", "return")
    edge = page.locator('[data-column="env"] .edge').bounding_box()
    assert edge is not None
    before = page.locator('[data-column="env"]').bounding_box()
    page.mouse.move(edge["x"] + 3, edge["y"] + 5)
    page.mouse.down()
    page.mouse.move(edge["x"] + 83, edge["y"] + 5)
    page.mouse.up()
    after = page.locator('[data-column="env"]').bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] == pytest.approx(before["width"] + 80, abs=4)


@pytest.mark.parametrize("path", ["/p/p", "/p/p/compare/ppo,sac"])
def test_runs_side_by_side_by_the_key_of_the_table(page: Page, address: str, path: str) -> None:
    """Only rows that differ, with the cells that do."""
    page.goto(address + path)
    table = page.locator('[data-testid="media-panel"][data-kind="tables"]')
    table.scroll_into_view_if_needed()
    expect(count(page)).to_have_text("600 rows", timeout=WAIT_MS)
    page.get_by_test_id("side-by-side").click()
    page.get_by_test_id("join").check()
    assert page.get_by_test_id("join-key").input_value() == "id"
    page.get_by_test_id("join-changed").check()
    expect(table.locator('[data-column="ppo.return"]')).to_have_count(1)
    expect(table.locator(".differs").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_test_id("where").fill("id < 5")
    expect(count(page)).to_have_text("2 rows")


def test_more_rows_than_an_element_can_be_high_are_scrolled_to_the_last(
    page: Page, address: str
) -> None:
    """By the bar, by the wheel and by keys; a few are in the page at a time."""
    page.goto(f"{address}/p/big/r/r?tab=tables")
    expect(count(page)).to_have_text("3,000,000 rows", timeout=WAIT_MS)
    page.get_by_test_id("table").focus()
    page.keyboard.press("End")
    expect(row(page, ROWS - 1)).to_contain_text(str(ROWS - 1), timeout=WAIT_MS)
    assert page.get_by_test_id("table-row").count() < 60
    page.get_by_test_id("table").evaluate("(table) => (table.scrollTop = 0)")
    page.get_by_test_id("table").hover()
    page.mouse.wheel(0, 280)
    expect(row(page, 20)).to_contain_text("20")
    page.keyboard.press("PageDown")
    page.locator('[data-column="at"] .name').click()
    page.locator('[data-column="at"] .name').click()
    expect(row(page, 0)).to_contain_text("2999999", timeout=WAIT_MS)
