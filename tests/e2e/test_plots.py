"""Plots and models in the browser."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import PIL.Image
import pytest
import torch
from playwright.sync_api import Locator, Page, expect

import rltrack

WAIT_MS = 30_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with two plots each, of which one has a model."""
    root = tmp_path_factory.mktemp("runs")
    for number, name in enumerate(("ppo", "sac")):
        with rltrack.init(
            project="p", id=name, name=name, dir=root, settings={"silent": True}
        ) as run:
            for step in (0, 10):
                rows = [[at, (at + 1) * (step + 1) / (number + 1)] for at in range(50)]
                line = rltrack.plot.line(rltrack.Table(["x", "y"], rows), "x", "y", title="a line")
                truth = [0, 1, 2, 0, 1, 2]
                matrix = rltrack.plot.confusion_matrix(
                    y_true=truth, preds=truth[::-1], class_names=["a", "b", "c"]
                )
                run.log({"eval/line": line, "eval/matrix": matrix}, step=step)
            if number == 0:
                inner = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU())
                model = torch.nn.Sequential(inner, torch.nn.Linear(4, 2))
                with rltrack.watch(model, log_graph=True):
                    model(torch.zeros(3, 8))
    return root


def plot(page: Page, key: str) -> Locator:
    panel = page.locator(f'[data-testid="media-panel"][data-key="{key}"]')
    panel.scroll_into_view_if_needed()
    expect(panel.locator('[data-drawn="true"]')).to_have_count(1, timeout=WAIT_MS)
    return panel


def colours(panel: Locator) -> set[tuple[int, ...]]:
    """Of many pixels in what is drawn."""
    url: str = panel.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA")
    found = picture.getcolors(1 << 24)
    assert found is not None
    return {
        pixel[:3]
        for count, pixel in found
        if isinstance(pixel, tuple) and count > 20 and pixel[3] > 200
    }


def test_plots_are_drawn_without_eval_and_of_several_runs_together(
    page: Page, address: str
) -> None:
    """Each run in its own colour; any eval would be a fault of the page's policy."""
    page.goto(f"{address}/p/p")
    line = plot(page, "eval/line")
    assert line.get_by_test_id("plot").get_attribute("data-rows") == "100"
    assert {(79, 92, 218), (174, 105, 43)} <= colours(line)
    matrix = plot(page, "eval/matrix")
    assert len(colours(matrix)) > 2
    with page.expect_download() as download:
        line.get_by_role("button", name="PNG").click()
    assert download.value.suggested_filename == "eval_line.png"


def test_a_plot_is_that_of_the_step(page: Page, address: str) -> None:
    """As all media are."""
    page.goto(f"{address}/p/p/r/sac?tab=media&step=0")
    line = plot(page, "eval/line")
    before = line.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")
    page.keyboard.press("]")
    page.wait_for_function(
        """(before) => {
            const canvas = document.querySelector('[data-key="eval/line"] canvas');
            return canvas && canvas.toDataURL() !== before;
        }""",
        arg=before,
        timeout=WAIT_MS,
    )


def test_the_layers_of_a_model_open_and_close_and_are_found(page: Page, address: str) -> None:
    """With their shapes and how many parameters they have."""
    page.goto(f"{address}/p/p/r/ppo?tab=model")
    graph = page.get_by_test_id("graph")
    expect(graph.locator("[data-layer]")).to_have_count(3, timeout=WAIT_MS)
    expect(page.get_by_test_id("graph-parameters")).to_have_text("46 parameters")

    graph.locator('[data-module="0"]').focus()
    page.keyboard.press("Enter")
    expect(graph.locator("[data-layer]")).to_have_count(2)
    page.get_by_test_id("graph-search").fill("relu")
    expect(page.get_by_test_id("graph-hits")).to_have_text("1 found")
    page.keyboard.press("Enter")
    expect(graph.locator("[data-layer].lit")).to_have_count(1)
    graph.locator('[data-layer="0.0"]').click()
    details = page.get_by_test_id("graph-layer")
    expect(details).to_contain_text("3 × 8")
    expect(details).to_contain_text("192")
