"""A run's page: what it printed, where it came from, its machine and its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PROGRAM = """
import sys, time, rltrack
settings = {"console": "redirect", "provenance": True, "disable_stats": False, "stats_interval_s": 0.1}
with rltrack.init(project="p", id="r", dir=sys.argv[1], config={"lr": 0.1}, settings=settings) as run:
    for step in range(300):
        run.log({"loss": 1 / (step + 1)})
        print(f"\\x1b[31mstep\\x1b[0m {step}")
    time.sleep(0.5)
    open("model.txt", "w").write("weights")
    run.save("model.txt")
"""


@pytest.fixture(autouse=True)
def run(root: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "train.py").write_text(PROGRAM)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=repository, check=True)
    (repository / "train.py").write_text(PROGRAM + "# changed\n")
    subprocess.run(
        [sys.executable, "train.py", str(root)], cwd=repository, check=True, capture_output=True
    )


def test_the_log_is_readable_searched_and_stays_at_its_end(page: Page, address: str) -> None:
    """As a terminal shows it, without its escape sequences."""
    page.goto(f"{address}/p/p/r/r?tab=logs")
    log = page.get_by_test_id("log")
    expect(log.get_by_text("299", exact=False).last).to_be_visible()  # followed to the end
    assert "\x1b" not in log.inner_text()
    assert log.locator(".line").count() < 150  # only what is on screen
    page.get_by_test_id("log-search").fill("step 17")
    expect(page.get_by_test_id("log-found")).to_have_text("1 of 11")


def test_the_overview_tells_the_command_and_what_differed_from_the_commit(
    page: Page, address: str
) -> None:
    """So that the run can be made again."""
    page.goto(f"{address}/p/p/r/r?tab=overview")
    expect(page.get_by_text("train.py").first).to_be_visible()
    page.get_by_test_id("show-patch").click()
    expect(page.get_by_test_id("patch-file")).to_contain_text("# changed")


def test_samples_of_the_machine_are_charts_and_files_are_read(page: Page, address: str) -> None:
    """Each in its place, apart from what was logged."""
    page.goto(f"{address}/p/p/r/r?tab=system")
    panel = page.get_by_test_id("panel").first
    expect(panel).to_be_visible()
    expect(panel).not_to_have_attribute("data-points", "0")
    page.get_by_test_id("tab-files").click()
    page.get_by_role("button", name="model.txt").click()
    expect(page.get_by_test_id("file-text")).to_have_text("weights")
