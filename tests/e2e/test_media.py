"""Media in the browser: played, scrubbed, switched on and off, and all at one step."""

from __future__ import annotations

import io
import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import rltrack
from tests.e2e.conftest import expect_fault

WAIT_MS = 20_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with media of several kinds, at three steps."""
    root = tmp_path_factory.mktemp("runs")
    random = np.random.default_rng(0)
    for name in ("ppo", "sac"):
        with rltrack.init(
            project="p", id=name, name=name, dir=root, settings={"silent": True}
        ) as run:
            for step in (0, 10, 20):
                film = np.zeros((30, 64, 64, 3), np.uint8)
                film[:, :, step : step + 8] = 255
                truth = {"position": {"minX": 8, "maxX": 24, "minY": 8, "maxY": 24}, "class_id": 1}
                guess = {**truth, "class_id": 2, "scores": {"p": 0.3}}
                boxes = [{**box, "domain": "pixel"} for box in (truth, guess)]
                picture = rltrack.Image(
                    film[0],
                    caption=f"at {step}",
                    boxes={"found": {"box_data": boxes, "class_labels": {1: "cart", 2: "pole"}}},
                    masks={"ground": {"mask_data": np.ones((64, 64), np.uint8)}},
                )
                tone = np.sin(np.arange(8000) / 9).astype(np.float32)
                run.log(
                    {
                        "eval/video": rltrack.Video(film, fps=10),
                        "eval/frames": [picture, picture],
                        "eval/sound": rltrack.Audio(tone, sample_rate=8000),
                        "eval/notes": rltrack.Markdown(f"# At {step}"),
                        "weights": rltrack.Histogram(random.normal(step, 1, 500)),
                    },
                    step=step,
                )
    page = "<p id=a>off</p><script>document.getElementById('a').textContent='on'</script>"
    with rltrack.init(project="html", id="r", dir=root, settings={"silent": True}) as run:
        hostile = rltrack.Markdown(
            "# Title\n\n<img src=x onerror=alert(1)><script>alert(1)</script>end"
        )
        run.log({"eval/page": rltrack.Html(page), "eval/hostile": hostile})
    with rltrack.init(project="space", id="r", dir=root, settings={"silent": True}) as run:
        box = rltrack.box3d(center=(0, 0, 0), size=(1, 2, 1), label="car", color=(255, 0, 0))
        cloud = rltrack.Object3D.from_point_cloud(random.normal(size=(500, 3)), [box])
        solid = io.StringIO("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\n")
        atoms = [("O", 0.0, 0.0), ("H", 0.76, -0.59), ("H", -0.76, -0.59)]
        water = io.StringIO(
            "\n".join(
                f"HETATM{at:5d}  {name}   HOH A   1    {x:8.3f}{y:8.3f}{0:8.3f}  1.00  0.00"
                f"           {name}"
                for at, (name, x, y) in enumerate(atoms, 1)
            )
        )
        figure = {"data": [{"x": [1, 2], "y": [3, 4], "type": "scatter"}], "layout": {}}
        run.log(
            {
                "cloud": cloud,
                "solid": rltrack.Object3D(solid, file_type="obj"),
                "water": rltrack.Molecule(water, file_type="pdb"),
                "figure": rltrack.Plotly(figure),
            }
        )
    return root


def panel(page: Page, key: str) -> Locator:
    found = page.locator(f'[data-testid="media-panel"][data-key="{key}"]')
    found.scroll_into_view_if_needed()
    return found


def test_one_step_for_all_media_and_it_is_in_the_address(page: Page, address: str) -> None:
    """By the slider, by keys, and by a link."""
    page.goto(f"{address}/p/p/r/ppo?tab=media")
    expect(page.get_by_test_id("step-told")).to_contain_text("step 20 of 20")
    expect(panel(page, "eval/notes")).to_contain_text("At 20")

    page.keyboard.press("Control+ArrowLeft")
    expect(page.get_by_test_id("step-told")).to_contain_text("step 10")
    expect(panel(page, "eval/notes")).to_contain_text("At 10")
    assert "step=10" in page.url
    page.keyboard.press("[")
    expect(panel(page, "eval/notes")).to_contain_text("At 0")

    page.goto(f"{address}/p/p/r/ppo?tab=media&step=12")
    expect(panel(page, "eval/notes")).to_contain_text("At 10")


def test_videos_of_two_runs_play_together_and_go_by_frames(page: Page, address: str) -> None:
    """Beside each other in the project's page."""
    page.goto(f"{address}/p/p")
    deck = panel(page, "eval/video")
    expect(deck.locator("video")).to_have_count(2)
    number = deck.get_by_test_id("frame-number")
    expect(number).to_have_text("0/29", timeout=WAIT_MS)

    for _ in range(3):
        deck.get_by_test_id("frame-on").click()
    expect(number).to_have_text("3/29")
    deck.get_by_test_id("frame-back").click()
    expect(number).to_have_text("2/29")
    page.wait_for_function(
        """() => [...document.querySelectorAll('video')]
            .every((video) => Math.abs(video.currentTime - 0.25) < 0.04)""",
        timeout=WAIT_MS,
    )

    deck.get_by_test_id("scrub").fill("20")
    expect(number).to_have_text("20/29")
    deck.get_by_test_id("speed").select_option("0.5")
    deck.get_by_test_id("play").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('video')].every((video) => video.currentTime > 2.2)",
        timeout=WAIT_MS,
    )
    rates = page.evaluate("[...document.querySelectorAll('video')].map((one) => one.playbackRate)")
    assert rates == [0.5, 0.5]
    deck.get_by_test_id("play").click()


def test_boxes_and_masks_are_switched_on_and_off(page: Page, address: str) -> None:
    """By layer, by class and by score; and a picture is enlarged with them."""
    page.goto(f"{address}/p/p/r/ppo?tab=media")
    images = panel(page, "eval/frames")
    expect(images.get_by_test_id("picture")).to_have_count(2)
    expect(images.get_by_test_id("box")).to_have_count(4)
    expect(images.locator('[data-testid="mask"][data-loaded="true"]')).to_have_count(2)

    images.get_by_test_id("layer-mask:ground").click()
    expect(images.get_by_test_id("mask")).to_have_count(0)
    images.get_by_test_id("overlays").click()
    images.get_by_test_id("least-score").fill("0.3")
    expect(images.get_by_test_id("box")).to_have_count(4)
    images.get_by_label("pole").uncheck()
    expect(images.get_by_test_id("box")).to_have_count(2)
    page.keyboard.press("Escape")

    images.get_by_test_id("picture").first.locator("button").click()
    large = page.get_by_test_id("lightbox")
    expect(large.get_by_test_id("box")).to_have_count(1)
    before = large.get_by_test_id("lightbox-scale").inner_text()
    page.keyboard.press("+")
    expect(large.get_by_test_id("lightbox-scale")).not_to_have_text(before)
    page.keyboard.press("ArrowRight")
    expect(large).to_contain_text("2 of 2")
    page.keyboard.press("Escape")
    expect(large).to_have_count(0)


def test_a_sound_has_a_waveform_and_histograms_are_drawn_over_time(
    page: Page, address: str
) -> None:
    """Of the runs beside each other, in two forms."""
    page.goto(f"{address}/p/p")
    expect(panel(page, "eval/sound").locator('[data-wave="true"]')).to_have_count(
        2, timeout=WAIT_MS
    )
    weights = panel(page, "weights")
    expect(weights.get_by_test_id("histogram")).to_have_count(2, timeout=WAIT_MS)
    assert weights.get_by_test_id("histogram").first.get_attribute("data-columns") == "3"
    weights.get_by_test_id("histogram-form").select_option("ridges")
    expect(weights.locator('[data-form="ridges"]')).to_have_count(2)


def test_a_page_runs_its_scripts_only_when_it_is_told_to(page: Page, address: str) -> None:
    """And even then in an origin of its own."""
    expect_fault(page, "Blocked script execution")  # which Chromium tells, as it should
    expect_fault(page, "inline event handler")
    page.goto(f"{address}/p/html/r/r?tab=media")
    shown = panel(page, "eval/page")
    inner = shown.frame_locator("iframe")
    expect(inner.locator("#a")).to_have_text("off")
    shown.get_by_test_id("page-scripts").click()
    expect(inner.locator("#a")).to_have_text("on")
    assert shown.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    frame = next(one for one in page.frames if "scripts" in one.url)
    assert frame.evaluate("self.origin") == "null"

    notes = panel(page, "eval/hostile")
    expect(notes.locator("h1")).to_have_text("Title")
    assert notes.locator("[onerror], script").count() == 0


def test_scenes_molecules_and_figures_are_drawn_by_what_is_here(page: Page, address: str) -> None:
    """Without eval, and with nothing from elsewhere."""
    for told in ("WebGL", "GPU stall"):  # which Chromium says of drawing without a GPU
        expect_fault(page, told)
    page.goto(f"{address}/p/space/r/r?tab=media")
    scenes = {"cloud": "500 points", "solid": "2 triangles", "water": "3 atoms"}
    for key, what in scenes.items():
        scene = panel(page, key)
        expect(scene.locator('[data-shown="true"]')).to_have_count(1, timeout=WAIT_MS)
        expect(scene).to_contain_text(what)
    figure = panel(page, "figure")
    expect(figure.locator('[data-drawn="true"] svg').first).to_be_visible(timeout=WAIT_MS)


def test_what_is_not_there_is_told_in_its_place(page: Page, address: str, tmp_path: Path) -> None:
    """A file that has been deleted, among others that are there."""
    asked = urllib.request.Request(
        f"{address}/api/projects/p/media",
        json.dumps({"runs": ["sac"]}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        media = json.load(answer)["runs"][0]["media"]
    # As the process that was to write it left it.
    for item in media:
        if item["key"] == "eval/sound":
            item |= {"url": None, "state": "lost", "error": "lost with the process that wrote it"}
        if item["key"] == "eval/notes":
            item |= {"url": None, "state": "failed", "error": "no space left on device"}
        if item["key"] == "eval/video":
            item |= {"url": None, "state": "pending"}
    body = json.dumps({"runs": [{"run": "sac", "media": media, "histograms": []}], "missing": []})
    page.route("**/media", lambda route: route.fulfill(body=body, content_type="application/json"))
    page.goto(f"{address}/p/p/r/sac?tab=media")
    expect(panel(page, "eval/sound")).to_contain_text("lost with the process")
    expect(panel(page, "eval/notes")).to_contain_text("no space left on device")
    expect(panel(page, "eval/video")).to_contain_text("being written")
