"""Reports: texts with live panels, saved by themselves, and as one file that needs no server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

import rltrack
from rltrack.store.documents import Documents

TEXT = """# What was tried

PPO is **better**.

```panel
chart: ema(return, 0.5)
look: group=config.algo&runs=all
title: Return by algorithm
```

```panel
runs: config.lr, summary.return
look: q=config.algo = 'ppo'
```

```panel
media: frame
```

```panel
number: summary.return
look: group=config.algo&runs=all&centre=max
title: best return
```
"""


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for algo, seed in (("ppo", 0), ("ppo", 1), ("sac", 0)):
        config = {"algo": algo, "seed": seed, "lr": 3e-4 if algo == "ppo" else 1e-3}
        with rltrack.init(
            project="p", id=f"{algo}{seed}", name=f"{algo}-{seed}", dir=root, config=config
        ) as run:
            for step in range(20):
                run.log({"return": float(step * (1 + seed)), "train/loss": 1 / (step + 1)})
            if algo == "ppo":
                run.log({"frame": rltrack.Image(np.full((8, 8, 3), 90, np.uint8))})


def saved(root: Path, text: str = TEXT, name: str = "r1") -> None:
    Documents(root, "p", "reports").put(name, {"title": "PPO and SAC", "text": text})


def test_a_report_is_begun_written_and_saved_by_itself(
    page: Page, address: str, root: Path
) -> None:
    """A block with a mistake says where it is; a panel is chosen and not typed."""
    page.goto(f"{address}/p/p/reports")
    page.get_by_test_id("new-report").click()
    page.get_by_test_id("report-title").fill("First steps")
    text = page.get_by_test_id("report-text")
    text.fill("# Hello\n\n```panel\nchart:\n```\n")
    expect(page.get_by_test_id("report-body")).to_contain_text("Hello")
    expect(page.get_by_test_id("report-mistake")).to_contain_text("line 4 chart of what?")

    text.fill("Words before.")
    page.get_by_role("button", name="add a panel").click()
    page.get_by_test_id("panel-of").fill("train/loss")
    page.get_by_label("seeds of one experiment together").check()
    page.get_by_test_id("panel-add").click()
    expect(text).to_have_value(
        "Words before.\n\n```panel\nchart: train/loss\nlook: group=but:seed\n```\n"
    )
    chart = page.get_by_test_id("report-chart").get_by_test_id("panel")
    expect(chart).to_have_attribute("data-lines", "2")
    text.press_sequentially("Words after.")
    expect(page.get_by_test_id("report-state")).to_contain_text("saved")

    page.get_by_test_id("edit-report").click()
    page.reload()
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    expect(page.get_by_test_id("report-body")).to_contain_text("Words after.")
    (document,) = Documents(root, "p", "reports").all()[0]
    assert document.body["title"] == "First steps"

    page.goto(f"{address}/p/p/reports")
    item = page.get_by_test_id("report-item")
    expect(item).to_contain_text("Words before.")
    item.get_by_label("delete First steps").click()
    expect(item).to_have_count(0)
    page.get_by_test_id("toast").get_by_role("button", name="Undo").click()
    expect(item).to_have_count(1)


def test_panels_are_live(page: Page, address: str, root: Path) -> None:
    """Of the runs that their look chooses, also when those come later."""
    saved(root)
    page.goto(f"{address}/p/p/reports/r1")
    chart = page.get_by_test_id("report-chart").get_by_test_id("panel")
    expect(chart).to_have_attribute("data-lines", "2")
    rows = page.get_by_test_id("report-runs").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("3e-4")
    page.get_by_test_id("report-media").scroll_into_view_if_needed()
    expect(page.get_by_test_id("report-media").locator("img")).to_have_count(2)
    expect(page.get_by_test_id("report-number")).to_contain_text("38")
    with rltrack.init(project="p", dir=root, config={"algo": "a2c", "lr": 0.1}) as run:
        run.log({"return": 50.0})
        expect(chart).to_have_attribute("data-lines", "3")
        expect(page.get_by_test_id("report-number")).to_contain_text("50")


def test_two_who_write_at_once_are_told_of_each_other(page: Page, address: str, root: Path) -> None:
    """Nothing of either is lost."""
    saved(root, "theirs, before")
    page.goto(f"{address}/p/p/reports/r1?edit=1")
    text = page.get_by_test_id("report-text")
    expect(text).to_have_value("theirs, before")
    page.context.set_offline(True)
    text.fill("mine")
    expect(page.get_by_test_id("report-state")).to_contain_text("not saved yet")
    saved(root, "theirs, after")
    page.expected_faults = ("Failed to load resource", "ERR_INTERNET_DISCONNECTED")  # type: ignore[attr-defined]
    page.wait_for_timeout(1500)
    page.context.set_offline(False)
    expect(page.get_by_test_id("conflict")).to_be_visible()
    page.keyboard.press("Escape")  # is no choice: what is written here stays
    expect(text).to_have_value("mine")
    text.press("End")
    text.press_sequentially("!")
    page.get_by_test_id("conflict-both").click()
    expect(text).to_have_value("mine!")
    documents = Documents(root, "p", "reports").all()[0]
    assert {document.body["text"] for document in documents} == {"mine!", "theirs, after"}


def test_a_chart_goes_into_a_report_from_its_menu(page: Page, address: str, root: Path) -> None:
    """As the page shows it: runs, groups, smoothing."""
    page.goto(f"{address}/p/p?runs=all&group=config.algo&smooth=0.6&m=return")
    panel = page.get_by_test_id("panel")
    panel.get_by_test_id("panel-menu").click()
    page.get_by_role("radio", name="Report").click()
    page.get_by_test_id("add-to-new-report").click()
    page.get_by_test_id("toast").get_by_role("button", name="Show").click()
    expect(page.get_by_test_id("report-chart").get_by_test_id("panel")).to_have_attribute(
        "data-lines", "2"
    )
    (document,) = Documents(root, "p", "reports").all()[0]
    assert "look: smooth=0.6&group=config.algo&runs=all" in document.body["text"]


def test_the_file_of_a_report_needs_no_server(
    page: Page, address: str, root: Path, browser: Browser, tmp_path: Path
) -> None:
    """Charts, tables and pictures are in it, and nothing is asked of anybody."""
    saved(root)
    page.goto(f"{address}/p/p/reports/r1")
    expect(page.get_by_test_id("report-chart").get_by_test_id("panel")).to_have_attribute(
        "data-lines", "2"
    )
    page.get_by_test_id("report-media").scroll_into_view_if_needed()
    expect(page.get_by_test_id("report-media").locator("img")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_test_id("export-report").click()
    assert download.value.suggested_filename == "PPO_and_SAC.html"
    file = tmp_path / "report.html"
    download.value.save_as(file)

    context = browser.new_context()
    asked: list[str] = []
    said: list[str] = []

    def block(route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    context.route(lambda url: not url.startswith("data:"), block)
    alone = context.new_page()
    alone.on("console", lambda message: said.append(message.text))
    alone.goto(file.as_uri())
    expect(alone.get_by_role("heading", name="PPO and SAC")).to_be_visible()
    expect(alone.locator('[data-panel="chart"] svg text', has_text="ppo").first).to_be_visible()
    expect(alone.locator('[data-panel="runs"] tbody tr')).to_have_count(2)
    expect(alone.locator('[data-panel="number"]')).to_contain_text("38")
    pictures = alone.locator('[data-panel="media"] img')
    expect(pictures).to_have_count(2)
    assert pictures.first.evaluate("image => image.naturalWidth") == 8
    assert (asked, said) == ([], [])
    context.close()
