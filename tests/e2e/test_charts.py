"""Charts as a person uses them: zoomed, read, set up, arranged, split, and taken away."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import rltrack

SEEDS = 3
ROWS = 300


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for algo, height in (("ppo", 100.0), ("sac", 200.0)):
        for seed in range(SEEDS):
            with rltrack.init(
                project="p",
                id=f"{algo}{seed}",
                name=f"{algo}-{seed}",
                dir=str(root),
                config={"algo": algo, "seed": seed},
                settings={"quiet": True},
            ) as run:
                run.define_metric("debug/*", hidden=True)
                for step in range(ROWS):
                    value = height * (1 - math.exp(-step / 60)) + seed
                    loss = 1e6 if step == 150 else 1 / (step + 1)
                    run.log({"eval/return": value, "train/loss": loss, "debug/a": 1.0})


def panel(page: Page, key: str) -> Locator:
    return page.locator(f'[data-testid="panel"][data-key="{key}"]')


def drawn(page: Page, key: str) -> Locator:
    """A chart with points."""
    found = panel(page, key)
    expect(found).to_have_attribute("data-points", re.compile(r"[1-9]\d*"), timeout=20_000)
    return found


def drag(page: Page, chart: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Over parts of the plot, from 0 to 1."""
    box = chart.locator(".u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    for part in (0.3, 0.7, 1.0):
        x, y = (a + (b - a) * part for a, b in zip(start, end, strict=True))
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.up()


def test_zooms_are_in_the_link_and_have_a_way_back(page: Page, address: str) -> None:
    """A flat drag is of x alone, a box of both; Shift moves; every one of them can be undone."""
    page.goto(f"{address}/p/p")
    chart = drawn(page, "eval/return")
    drag(page, chart, (0.25, 0.5), (0.5, 0.5))
    expect(page).to_have_url(re.compile(r"zoom=7\d[\d.]*,1[45]\d"))
    assert "zoomy" not in page.url
    drag(page, chart, (0.2, 0.2), (0.8, 0.8))
    expect(page).to_have_url(re.compile(r"zoomy=[-\d.]+,[\d.]+,eval/return"))

    page.keyboard.press("z")
    expect(page).not_to_have_url(re.compile("zoomy"))
    before = page.url
    page.keyboard.down("Shift")
    drag(page, chart, (0.5, 0.5), (0.7, 0.5))
    page.keyboard.up("Shift")
    expect(page).not_to_have_url(before)
    chart.locator(".u-over").dblclick()
    expect(page).not_to_have_url(re.compile("zoom="))
    page.go_back()
    expect(page).to_have_url(re.compile("zoom="))


def test_a_pinned_tooltip_is_searched_and_closed(page: Page, address: str) -> None:
    """A press keeps it; Escape lets go."""
    page.goto(f"{address}/p/p")
    chart = drawn(page, "eval/return")
    chart.locator(".u-over").click(position={"x": 120, "y": 60})
    tip = page.get_by_test_id("pinned-tip")
    expect(tip).to_contain_text("6 of 6")
    tip.get_by_role("textbox").fill("sac")
    expect(tip).to_contain_text("3 of 6")
    expect(tip.locator("tr")).to_have_count(3)
    tip.get_by_role("combobox").select_option("up")
    page.keyboard.press("Escape")
    expect(tip).to_have_count(0)


def test_a_chart_is_set_up_by_itself_and_remembers_it(page: Page, address: str) -> None:
    """An expression at the right axis, twice as wide, smoothed otherwise: all of it in the link."""
    page.goto(f"{address}/p/p")
    chart = drawn(page, "train/loss")
    chart.get_by_test_id("panel-menu").click()
    page.get_by_test_id("add-line").fill("ema(eval/return, 0.9) / 100")
    page.keyboard.press("Enter")
    page.get_by_title("The axis at the right").nth(1).click()
    page.get_by_test_id("chart-wide").fill("2")
    page.keyboard.press("Tab")
    expect(chart).to_have_attribute("data-lines", "12")
    page.keyboard.press("Escape")

    page.reload()
    expect(drawn(page, "train/loss")).to_have_attribute("data-lines", "12")
    expect(chart.locator(".u-axis")).to_have_count(3)
    assert "layout=" in page.url


def test_a_wrong_expression_is_told_in_its_chart_alone(page: Page, address: str) -> None:
    """The charts beside it go on."""
    page.expected_faults = ("404",)  # type: ignore[attr-defined]
    page.goto(f"{address}/p/p")
    drawn(page, "train/loss")
    page.get_by_test_id("add-chart").click()
    page.get_by_test_id("new-line").fill("ema(nothing)")
    page.get_by_role("button", name="Add chart", exact=True).click()
    expect(panel(page, "+1")).to_contain_text("there is no metric 'nothing'")
    drawn(page, "eval/return")


def test_outliers_are_clipped_and_counted(page: Page, address: str) -> None:
    """The spike goes, and is said to be there."""
    page.goto(f"{address}/p/p?m=loss")
    chart = drawn(page, "train/loss")
    page.get_by_test_id("outliers").click()
    expect(chart.get_by_test_id("clipped")).to_have_text(re.compile(r"\d+ points clipped"))
    page.get_by_test_id("log-x").click()
    expect(chart).to_contain_text("log x")


def test_lines_are_told_apart_by_colour_dash_and_chart(page: Page, address: str) -> None:
    """A chart for each algorithm; then one line for each, with its band."""
    page.goto(f"{address}/p/p")
    drawn(page, "eval/return")
    page.get_by_test_id("zones").click()
    page.get_by_role("combobox", name="add to chart").select_option("config.algo")
    for algo in ("ppo", "sac"):
        expect(drawn(page, f"eval/return#{algo}")).to_have_attribute("data-lines", "3")
    page.get_by_role("button", name="no algo").click()
    page.get_by_role("combobox", name="add to colour").select_option("config.seed")
    page.get_by_role("checkbox", name="all keys except these").check()
    expect(drawn(page, "eval/return")).to_have_attribute("data-lines", "2")
    expect(panel(page, "eval/return").get_by_test_id("statistic")).to_have_text("mean, std · n=3")
    assert "group=but%3Aseed" in page.url


def test_a_search_becomes_a_section_and_finds_what_is_hidden(page: Page, address: str) -> None:
    """It stays in the link, and is given up again."""
    page.goto(f"{address}/p/p")
    drawn(page, "eval/return")
    expect(panel(page, "debug/a")).to_have_count(0)
    page.get_by_test_id("metric-filter").fill("debug")
    drawn(page, "debug/a")
    page.get_by_test_id("metric-filter").fill("loss$|return")
    page.get_by_test_id("pin-matches").click()
    section = page.get_by_test_id("section")
    expect(section.first).to_have_attribute("data-name", "loss$|return")
    section.first.get_by_role("button", name="unpin").click()
    expect(section.first).to_have_attribute("data-name", "eval")


def test_a_chart_is_saved_as_points_and_as_a_picture(page: Page, address: str) -> None:
    """The CSV has every point that was logged, the picture the size that was asked for."""
    page.goto(f"{address}/p/p")
    chart = drawn(page, "eval/return")
    expect(chart).to_have_attribute("data-exact", "true")
    chart.get_by_test_id("panel-menu").click()
    page.get_by_role("radio", name="Export").click()
    saved = {}
    for format in ("CSV", "SVG", "PNG", "Vega"):
        if format == "SVG":
            page.get_by_test_id("export-width").fill("640")
        with page.expect_download() as download:
            page.get_by_role("button", name=format, exact=True).click()
        saved[format] = Path(download.value.path()).read_bytes()

    rows = list(csv.DictReader(io.StringIO(saved["CSV"].decode())))
    assert len(rows) == 2 * SEEDS * ROWS
    last = next(row for row in rows if row["id"] == "sac2" and row["_step"] == str(ROWS - 1))
    assert float(last["value"]) == pytest.approx(200 * (1 - math.exp(-(ROWS - 1) / 60)) + 2)
    assert b'width="640"' in saved["SVG"]
    assert saved["PNG"][:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(saved["PNG"][16:20], "big") == 2 * 640
    assert b"vega-lite" in saved["Vega"]


def test_charts_are_dragged_to_another_section_and_removed(page: Page, address: str) -> None:
    """And come back with the browser's own way back."""
    page.goto(f"{address}/p/p")
    drawn(page, "train/loss")
    panel(page, "train/loss").locator("header").drag_to(drawn(page, "eval/return"))
    section = page.get_by_test_id("section")
    expect(section).to_have_count(1)
    assert [one.get_attribute("data-key") for one in page.get_by_test_id("panel").all()] == [
        "train/loss",
        "eval/return",
    ]
    panel(page, "train/loss").get_by_test_id("panel-menu").click()
    page.get_by_role("button", name="remove", exact=True).click()
    expect(panel(page, "train/loss")).to_have_count(0)
    page.go_back()
    expect(panel(page, "train/loss")).to_have_count(1)


def test_what_a_rewind_left_behind_is_a_line_of_its_own(
    page: Page, address: str, root: Path
) -> None:
    """And the tooltip tells only of what the run is now."""
    quiet = {"silent": True}
    with rltrack.init(project="back", id="one", dir=str(root), settings=quiet) as run:
        for step in range(100):
            run.log({"loss": 1.0 + step / 50})
    with rltrack.init(
        project="back", dir=str(root), resume_from="one?_step=59", settings=quiet
    ) as run:
        for step in range(20):
            run.log({"loss": 2.0 - step / 30})
    page.goto(f"{address}/p/back")
    chart = drawn(page, "loss")
    expect(chart).to_have_attribute("data-left", "1")
    expect(chart).to_have_attribute("data-lines", "1")
    expect(chart).to_have_attribute("data-last-x", "79")
    expect(chart.locator("[data-drawn]")).to_be_visible()


def test_a_baseline_is_told_apart_and_tooltips_tell_the_difference(
    page: Page, address: str
) -> None:
    """What lights up under the pointer is chosen; hovering moves nothing and shifts nothing."""
    page.goto(f"{address}/p/p?baseline=ppo0&hover=off")
    chart = drawn(page, "eval/return")
    expect(chart.locator("[data-drawn]")).to_be_visible()
    chart.locator(".u-over").hover(position={"x": 150, "y": 60})
    told = chart.get_by_test_id("delta")
    expect(told.filter(has_text="+").first).to_be_visible()
    expect(page.locator('[data-testid="run-row"].lit')).to_have_count(0)
    chart.get_by_label("settings of eval/return").first.click()
    page.get_by_test_id("hover").select_option("run")
    expect(page).not_to_have_url(re.compile("hover="))


def test_nothing_shifts_while_charts_come(page: Page, address: str) -> None:
    """Skeletons are as high as what takes their place."""
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => {"
        " for (const entry of list.getEntries())"
        " if (entry.sources.some(({node}) => node?.closest?.('[data-testid=panel]')))"
        " window.shift += entry.value;"
        "}).observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto(f"{address}/p/p")
    expect(drawn(page, "eval/return").locator("[data-drawn]")).to_be_visible()
    expect(drawn(page, "train/loss").locator("[data-drawn]")).to_be_visible()
    assert page.evaluate("window.shift") == 0
