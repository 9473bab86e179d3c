"""The episodes of a run: press a point of the return curve, and the nearest recorded one plays."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import pytest
from playwright.sync_api import Page, expect

import rltrack
from rltrack.folder import run_folder
from rltrack.hooks.gym import EpisodeMonitor
from rltrack.store.media import media_of
from rltrack.store.run import RunReader


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    """Two policies that hardly balance; the first and the sixth episode of each are filmed."""
    for name in ("a", "b"):
        with rltrack.init(project="p", id=name, name=name, dir=root):
            env = EpisodeMonitor(
                gymnasium.make("CartPole-v1", render_mode="rgb_array"), video_every=5, max_fps=10
            )
            for seed in range(8):
                observation, _ = env.reset(seed=seed)
                over = False
                while not over:
                    env.note(value=float(observation[2]))
                    observation, _, terminated, truncated, _ = env.step(int(observation[2] > 0))
                    over = terminated or truncated
            env.close()
        media = media_of(RunReader(run_folder(root, "p", name)))
        assert {(item.state, item.error) for item in media} == {("ready", None)}


def test_a_press_on_the_curve_plays_the_nearest_recorded_episode(page: Page, address: str) -> None:
    """And its video, reward, value and action share one cursor."""
    page.goto(f"{address}/p/p/r/a?tab=episodes")
    curve = page.get_by_test_id("return-curve")
    expect(page.get_by_test_id("rollout")).to_contain_text("episode 5")
    box = curve.bounding_box()
    assert box is not None
    curve.click(position={"x": 50, "y": box["height"] / 2})
    expect(page.get_by_test_id("rollout")).to_contain_text("episode 0")
    video = page.get_by_test_id("rollout-video")
    video.evaluate(
        "video => new Promise(done => { const look = () => video.currentTime > 0.3 ? done() : "
        "setTimeout(look, 50); look(); })"
    )
    page.get_by_test_id("scrubber").fill("1")
    expect(page.get_by_role("button", name="play", exact=True)).to_be_visible()  # it stands still
    assert video.evaluate("video => video.currentTime") == pytest.approx(1, abs=0.01)
    names = page.get_by_test_id("tracks").locator("[data-track]")
    expect(names).to_have_count(4)
    expect(page.get_by_test_id("moment")).to_contain_text("of")
    page.reload()  # which one is open is in the address
    expect(page.get_by_test_id("rollout")).to_contain_text("episode 0")


def test_the_table_sorts_and_the_distributions_are_of_all_episodes(
    page: Page, address: str
) -> None:
    """Eight of them, each with its outcome."""
    page.goto(f"{address}/p/p/r/a?tab=episodes")
    expect(page.get_by_test_id("histogram")).to_have_count(2)
    rows = page.get_by_test_id("episode-table").locator("tbody tr:not([aria-hidden])")
    expect(rows).to_have_count(8)
    expect(rows.first).to_contain_text("terminated")
    page.get_by_test_id("sort-number").click()
    page.get_by_test_id("sort-number").click()
    page.get_by_test_id("play-episode").first.click()
    expect(page.get_by_test_id("rollout")).to_contain_text("episode 0")


def test_the_videos_of_two_runs_play_on_one_clock(page: Page, address: str) -> None:
    """Of each run the clip that is nearest to the chosen step."""
    page.goto(f"{address}/p/p/compare/a,b")
    expect(page.get_by_test_id("compare-clip")).to_contain_text(["episode 5", "episode 5"])
    videos = page.get_by_test_id("compare-video")
    expect(videos).to_have_count(2)
    page.get_by_test_id("scrubber").fill("0.5")
    for place in range(2):
        assert videos.nth(place).evaluate("video => video.currentTime") == pytest.approx(
            0.5, abs=0.05
        )
    page.get_by_test_id("compare-step").fill("0")
    expect(page.get_by_test_id("compare-clip").first).to_contain_text("episode 0")


def test_a_point_of_any_return_curve_plays_the_nearest_recorded_episode(
    page: Page, address: str
) -> None:
    """In a project's charts, of the run that is nearest to the pointer; others are a choice away."""
    page.goto(f"{address}/p/p?m=return&x=_step")
    chart = page.locator('[data-testid="panel"][data-key="episode/return"]')
    chart.locator("[data-drawn]").wait_for()
    plot = chart.locator(".u-over")
    box = plot.bounding_box()
    assert box is not None
    plot.click(position={"x": 3, "y": box["height"] / 2})
    nearby = page.get_by_test_id("nearby-episode")
    expect(nearby).to_contain_text("episode 0")
    of = nearby.get_by_label("episode of")
    assert set(of.locator("option").all_text_contents()) == {"a", "b"}
    of.select_option(label="b")
    expect(nearby.get_by_role("link")).to_have_text("2 recorded episodes of b ›")
    nearby.get_by_test_id("rollout-video").evaluate(
        "video => new Promise(done => { const look = () => video.currentTime > 0.1 ? done() : "
        "setTimeout(look, 50); look(); })"
    )
    page.keyboard.press("Escape")
    expect(nearby).to_have_count(0)

    plot.click(position={"x": box["width"] - 3, "y": box["height"] / 2})
    nearby.get_by_role("link").click()
    expect(page.get_by_test_id("rollout")).to_contain_text("episode 5")
    assert "clip=" in page.url
