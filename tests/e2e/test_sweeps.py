"""A sweep's page while agents run, and the page of any runs' parameters, as a person uses them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

import rltrack

AGENT = """
import sys, time
import rltrack

def train():
    with rltrack.init() as run:
        for step in range(4):
            run.log({"loss": run.config.a + (run.config.kind == "x"), "accuracy": 1 / (1 + run.config.a)})
            time.sleep(float(sys.argv[2]))

rltrack.agent(sys.argv[1], train, dir=sys.argv[3])
"""


@pytest.fixture
def sweep_id(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RLTRACK_SILENT", "true")
    config = {
        "method": "grid",
        "name": "two parameters",
        "metric": {"name": "loss"},
        "parameters": {"a": {"values": [0, 1, 2, 3, 4, 5]}, "kind": {"values": ["x", "y"]}},
    }
    return rltrack.sweep(config, project="p", dir=root)


@pytest.fixture
def start(root: Path, sweep_id: str) -> Iterator[Callable[[float], None]]:
    """Starts an agent in a process of its own."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(pause_s: float) -> None:
        begun.append(
            subprocess.Popen([sys.executable, "-c", AGENT, sweep_id, str(pause_s), str(root)])
        )

    yield start
    for process in begun:
        process.kill()
        process.wait()


def axis(page: Page, name: str) -> Locator:
    return page.locator(f'[data-testid="axis"][data-axis="{name}"]')


def drag(page: Page, track: Locator, start: float, end: float) -> None:
    """Drag along an axis, between two parts of its height, from the bottom."""
    box = track.bounding_box()
    assert box is not None
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] * (1 - start))
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] * (1 - (start + end) / 2))
    page.mouse.move(x, box["y"] + box["height"] * (1 - end))
    page.mouse.up()


def test_brushes_narrow_the_table_while_agents_run(
    page: Page, address: str, sweep_id: str, start: Callable[[float], None]
) -> None:
    """Two brushes are joined by and; trials that come later pass them or not; the link holds them."""
    page.goto(f"{address}/p/p/sweeps")
    page.get_by_test_id("sweep-card").click()
    expect(page.get_by_test_id("sweep-state")).to_have_text("pending")
    start(0.4)
    start(0.4)
    expect(page.get_by_test_id("trial-row").nth(2)).to_be_visible(timeout=30_000)
    expect(axis(page, "kind").get_by_test_id("axis-name")).to_be_visible()
    expect(page.get_by_test_id("sweep-state")).to_have_text("running")

    # A click on a name chooses it; a drag on numbers chooses a range.
    box = axis(page, "kind").get_by_test_id("axis-track").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.25)  # y is above x
    expect(page).to_have_url(re.compile(r"v\.brush=kind"))
    table = page.get_by_test_id("trial-table")
    expect(page.get_by_test_id("sweep-state")).to_have_text("finished", timeout=60_000)
    expect(table).to_have_attribute("data-count", "6")
    drag(page, axis(page, "a").get_by_test_id("axis-track"), 0.5, 1.0)
    expect(table).to_have_attribute("data-count", "3")
    expect(page.get_by_test_id("parameters")).to_contain_text("3 of 12 trials chosen")
    # The brush is moved down, and then cleared by a click.
    drag(page, axis(page, "a").get_by_test_id("axis-track"), 0.75, 0.25)
    expect(page.get_by_test_id("trial-row").first).to_contain_text("2")
    page.reload()
    expect(table).to_have_attribute("data-count", "3")
    axis(page, "a").get_by_test_id("axis-track").click()
    expect(table).to_have_attribute("data-count", "6")
    page.get_by_test_id("clear-brushes").click()
    expect(table).to_have_attribute("data-count", "12")
    expect(page.get_by_test_id("best")).to_have_text("0")


def test_a_sweep_and_a_trial_are_controlled(
    page: Page, address: str, sweep_id: str, start: Callable[[float], None]
) -> None:
    """Pause ends nothing that runs; a trial that is cancelled has no value."""
    start(2)
    page.goto(f"{address}/p/p/sweeps/{sweep_id}")
    page.get_by_test_id("trial-cancel").first.click(timeout=30_000)
    expect(page.locator(".state.stopped")).to_be_visible(timeout=30_000)
    page.get_by_test_id("ask-pause").click()
    expect(page.get_by_test_id("sweep-state")).to_have_text("paused")
    page.get_by_test_id("tab-agents").click()
    expect(page.get_by_test_id("agent")).to_contain_text("at work")
    page.get_by_test_id("ask-cancel").click()
    expect(page.get_by_test_id("sweep-state")).to_have_text("canceled")
    expect(page.get_by_test_id("agent")).to_contain_text("left", timeout=30_000)
    page.get_by_test_id("tab-config").click()
    expect(page.get_by_test_id("sweep-config")).to_contain_text('"method": "grid"')


def test_any_runs_have_parameters_that_matter(
    page: Page, address: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Axes are moved and rescaled, the useful ones kept; by another metric it is another link."""
    monkeypatch.setenv("RLTRACK_SILENT", "true")
    for at in range(8):
        config: dict[str, Any] = {"lr": 10.0 ** -(at % 4 + 1), "seed": at % 3, "note": "same"}
        with rltrack.init(project="p", dir=str(root), config=config) as run:
            run.log({"return": 100.0 * (at % 4), "loss": float(at % 3)})
    page.goto(f"{address}/p/p/parameters")
    names = page.get_by_test_id("axis-name")
    expect(names).to_have_text(["lr", "seed", "return"])
    expect(axis(page, "lr").get_by_test_id("axis-log")).to_have_attribute("aria-pressed", "true")
    axis(page, "lr").get_by_test_id("axis-log").click()
    expect(page).to_have_url(re.compile(r"v\.log=-lr"))

    grip = axis(page, "seed").get_by_test_id("axis-name").bounding_box()
    target = axis(page, "lr").get_by_test_id("axis-name").bounding_box()
    assert grip is not None
    assert target is not None
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(target["x"] + 60, target["y"] + 8)
    page.mouse.move(target["x"] - 10, target["y"] + 8)
    page.mouse.up()
    expect(names).to_have_text(["seed", "lr", "return"])
    axis(page, "seed").get_by_test_id("axis-name").press("ArrowRight")
    expect(names).to_have_text(["lr", "seed", "return"])

    first = page.get_by_test_id("importance-row").first
    expect(first).to_contain_text("lr", timeout=30_000)
    expect(page.get_by_test_id("caution")).to_contain_text("few")
    page.get_by_test_id("keep-useful").click()
    expect(names).to_have_text(["lr", "return"])
    page.get_by_test_id("judge").select_option("loss")
    expect(page).to_have_url(re.compile(r"v\.metric=loss"))
    expect(page.get_by_test_id("importance-row").first).to_contain_text("seed", timeout=30_000)

    # By the keys, without a pointer; and the pointed line says its values.
    axis(page, "=").get_by_test_id("axis-track").press("Enter")
    expect(page.get_by_test_id("trial-table")).not_to_have_attribute("data-count", "8")
    page.get_by_test_id("trial-row").first.hover()
    expect(page.locator('[data-testid="hovered-value"][data-key="="]')).to_be_visible()
    page.get_by_test_id("tab-charts").click()
    expect(page.locator('[data-testid="panel"][data-key="return"]')).to_be_visible()


def test_a_box_on_two_parameters_chooses_the_runs_in_it(
    page: Page, address: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everywhere on the page, by brushes on both axes; a click lets all through again."""
    monkeypatch.setenv("RLTRACK_SILENT", "true")
    for at in range(16):
        config: dict[str, Any] = {"width": at % 4, "depth": at // 4}
        with rltrack.init(project="p", dir=str(root), config=config) as run:
            run.log({"return": float(at)})
    page.goto(f"{address}/p/p/parameters?v.plane=width,depth")
    table, plane = page.get_by_test_id("trial-table"), page.get_by_test_id("plane").locator("svg")
    expect(table).to_have_attribute("data-count", "16")
    plane.scroll_into_view_if_needed()
    box = plane.locator(".frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] - 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    expect(page.get_by_test_id("plane-box")).to_be_visible()
    page.mouse.up()
    expect(table).to_have_attribute("data-count", "4")
    assert "width" in page.url
    assert "depth" in page.url
    page.reload()
    expect(table).to_have_attribute("data-count", "4")
    expect(page.get_by_test_id("plane-box")).to_be_visible()
    plane.click(position={"x": 200, "y": 60})
    expect(table).to_have_attribute("data-count", "16")
    expect(page.get_by_test_id("plane-box")).to_have_count(0)
