"""The view of a page: taken back step by step, kept in links, saved under a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for algo, seed in (("ppo", 0), ("ppo", 1), ("sac", 0)):
        config = {"algo": algo, "seed": seed, "lr": 3e-4 if algo == "ppo" else 1e-3}
        with rltrack.init(
            project="p", id=f"{algo}{seed}", name=f"{algo}-{seed}", dir=root, config=config
        ) as run:
            for step in range(20):
                run.log({"return": float(step * (1 + seed)), "train/loss": 1 / (step + 1)})


def test_changes_of_the_view_are_taken_back_and_done_again(page: Page, address: str) -> None:
    """Each says what it was; the browser's back walks over the same steps."""
    page.goto(f"{address}/p/p?runs=all")
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    undo, redo = page.get_by_test_id("undo-view"), page.get_by_test_id("redo-view")
    expect(undo).to_be_disabled()

    page.keyboard.press("g")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    expect(undo).to_have_attribute("title", "Undo: group by all but seed (Ctrl Z)")
    page.get_by_test_id("run-filter").fill("ppo")
    expect(page.get_by_test_id("group-row")).to_have_count(1)
    expect(undo).to_have_attribute("title", "Undo: filter ppo (Ctrl Z)")

    # In a box of text Ctrl Z belongs to the text.
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("run-filter")).not_to_have_value("ppo")
    page.get_by_test_id("run-filter").fill("ppo")
    page.get_by_test_id("run-filter").blur()
    expect(undo).to_have_attribute("title", "Undo: filter ppo (Ctrl Z)")

    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("toast")).to_contain_text("Undone: filter ppo")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    undo.click()
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    expect(undo).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    expect(page.get_by_test_id("group-row")).to_have_count(2)

    page.go_back()
    expect(page.get_by_test_id("group-row")).to_have_count(0)
    expect(redo).to_have_attribute("title", "Redo: group by all but seed (Ctrl Shift Z)")
    page.go_forward()
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    redo.click()
    expect(page.get_by_test_id("run-filter")).to_have_value("ppo")


def test_what_was_done_to_runs_is_taken_back_by_the_same_keys(page: Page, address: str) -> None:
    """Whatever was done last."""
    page.goto(f"{address}/p/p")
    page.keyboard.press("g")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    page.get_by_test_id("group-row").first.get_by_test_id("group-fold").click()
    page.locator('[data-run-id="sac0"]').get_by_test_id("run-check").click()
    page.get_by_test_id("bulk-bar").get_by_test_id("delete").click()
    expect(page.get_by_test_id("group-row")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("toast")).to_contain_text("Undone: runs of a group")
