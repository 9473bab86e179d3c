"""One box for everything, and the list of keys, with the keyboard alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for project, name in (("p", "ppo-quiet"), ("p", "ppo-loud"), ("walker", "sac-first")):
        with rltrack.init(
            project=project, id=name[-4:], name=name, dir=root, config={"lr": 3e-4}, tags=["base"]
        ) as run:
            for step in range(5):
                run.log({"train/loss": 1 / (step + 1), "episode/return": step})


def open_palette(page: Page, text: str) -> None:
    page.keyboard.press("Control+k")
    page.get_by_test_id("palette-box").fill(text)


def test_everything_is_reached_from_one_box(page: Page, address: str) -> None:
    """A run of another project by its config, a metric of this one, a page, and an action."""
    page.goto(f"{address}/p/p")
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    rows = page.get_by_test_id("palette-row")

    open_palette(page, "first lr=3e-4")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("walker · lr=0.0003")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/walker/r/irst")
    expect(page.get_by_role("heading", name="sac-first")).to_be_visible()

    open_palette(page, "stat")
    expect(rows.first).to_contain_text("Statistics")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/walker/statistics")

    # What was chosen lately comes first, wherever one is.
    page.goto(f"{address}/p/p")
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    page.get_by_test_id("open-palette").click()
    expect(rows.nth(1)).to_contain_text("sac-first")
    page.get_by_test_id("palette-box").fill("#tloss")
    expect(rows).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="train/loss")).to_be_visible()
    page.wait_for_url(re.compile(r"panel=train/loss"))
    page.keyboard.press("Escape")

    open_palette(page, ">fold run list")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("run-row")).to_have_count(0)


def test_the_box_is_read_by_screen_readers_and_closed_by_keys(page: Page, address: str) -> None:
    """A combobox: the focus stays in it while the arrows walk the list."""
    page.goto(f"{address}/p/p")
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    open_palette(page, "ppo")
    box = page.get_by_role("combobox", name="find runs, metrics, pages, actions")
    expect(page.get_by_test_id("palette-row")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    chosen = page.get_by_test_id("palette").get_by_role("option", selected=True)
    expect(chosen).to_have_attribute("aria-posinset", "2")
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)


def test_the_list_of_keys_shows_those_that_work_here(page: Page, address: str) -> None:
    """One table drives the list and what it lists."""
    page.goto(f"{address}/p/p")
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    page.keyboard.press("Control+/")
    keys = page.get_by_test_id("key-list")
    expect(keys).to_contain_text("fold or unfold the run list")
    page.get_by_test_id("key-filter").fill("zoom")
    expect(keys.locator("dd")).to_have_count(3)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+j")
    expect(page.get_by_test_id("run-row")).to_have_count(0)

    page.goto(f"{address}/")
    expect(page.get_by_role("link", name="walker").first).to_be_visible()
    page.keyboard.press("?")
    expect(keys).to_contain_text("theme")
    expect(keys).not_to_contain_text("run list")


TRAINING = """
import sys, time
import rltrack
rltrack.init(project="walker", id="live", name="td3-live", dir=sys.argv[1])
print("begun", flush=True)
time.sleep(120)
"""


def test_a_training_is_stopped_from_any_page(page: Page, address: str, root: Path) -> None:
    """At the second press: it cannot be taken back."""
    training = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(root)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert training.stdout is not None
        assert training.stdout.readline() == "begun\n"
        page.goto(f"{address}/p/p")
        expect(page.get_by_test_id("run-row")).to_have_count(2)
        open_palette(page, "stop td3")
        expect(page.get_by_test_id("palette-row").first).to_contain_text("stop td3-live")
        page.keyboard.press("Enter")
        toast = page.get_by_test_id("toast")
        expect(toast).to_contain_text("Stop td3-live for good")
        toast.get_by_test_id("undo").click()
        expect(toast).to_contain_text("td3-live was asked to stop")
        assert training.wait(60) != 0
    finally:
        training.kill()
        training.communicate()
