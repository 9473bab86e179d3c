"""Each page is, after it was loaded again, as it was left: the link holds what was set on it."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import pytest
from playwright.sync_api import Page, expect

import rltrack
from rltrack.hooks.gym import EpisodeMonitor


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for number, name in enumerate(("a", "b")):
        config = {"lr": 0.1 * (number + 1), "seed": number, "same": 1}
        settings = {"console": "redirect"} if number == 0 else {}
        with rltrack.init(
            project="p", id=name, name=name, dir=root, config=config, settings=settings
        ) as run:
            for step in range(12):
                run.log({"loss": 1 / (step + 1), "train/accuracy": step / 20})
            print("one line\nanother line")
            (Path(run.dir) / "notes.txt").write_text("hello")
            run.save(str(Path(run.dir) / "notes.txt"))
            env = EpisodeMonitor(gymnasium.make("CartPole-v1"))
            for seed in range(3):
                env.reset(seed=seed)
                while not any(env.step(0)[2:4]):
                    pass
            env.close()


def _set(page: Page) -> list[str]:
    """What is set on a page: boxes, choices, switches, and what is shown of tables."""
    found: list[str] = page.evaluate(
        """() => [
          ...[...document.querySelectorAll("input:not([type=file]), select")].map(one =>
            (one.dataset.testid ?? one.ariaLabel ?? one.type) + "=" +
            (one.type === "checkbox" || one.type === "radio" ? one.checked : one.value)),
          ...[...document.querySelectorAll("[aria-pressed=true], [aria-selected=true]")].map(one => one.textContent),
          ...[...document.querySelectorAll("[aria-checked=true]")].map(one => one.ariaLabel ?? one.textContent),
          ...[...document.querySelectorAll("[aria-sort]:not([aria-sort=none])")].map(one => one.textContent),
          ...[...document.querySelectorAll("th[scope=row]")].map(one => one.textContent),
        ].map(text => text.trim())"""
    )
    return found


PAGES = [
    ("/p/p", ["press g", "radio log", "fill metric-filter loss", "press l"]),
    ("/p/p", ["fill run-filter a", "press w"]),
    ("/p/p/compare/a,b", ["button Show 1 equal"]),
    ("/p/p/r/a", ["tab config", "fill-label find a key or value=lr"]),
    ("/p/p/r/a", ["tab logs", "fill log-search another", "button only these"]),
    ("/p/p/r/a", ["tab files", "button notes.txt"]),
    ("/p/p/r/a", ["tab episodes", "button return"]),
    ("/p/p/statistics", ["select statistics-take"]),
]


def _do(page: Page, what: str) -> None:
    verb, _, on = what.partition(" ")
    name, _, value = on.partition(" ")
    if verb == "press":
        page.keyboard.press(on)
    elif verb == "radio":
        page.get_by_role("radio", name=on, exact=True).click()
    elif verb == "tab":
        page.get_by_test_id(f"tab-{on}").click()
    elif verb == "button":
        page.get_by_role("button", name=on).first.click()
    elif verb == "select":
        page.get_by_test_id(on).select_option(index=1)
    elif verb == "fill-label":
        label, _, value = on.partition("=")
        page.get_by_label(label).first.fill(value)
        page.keyboard.press("Enter")
    else:
        page.get_by_test_id(name).fill(value)
        page.keyboard.press("Enter")
        page.get_by_test_id(name).blur()


@pytest.mark.parametrize(("path", "steps"), PAGES)
def test_a_page_is_as_it_was_left(page: Page, address: str, path: str, steps: list[str]) -> None:
    """Typed, chosen, switched, sorted: all of it."""
    page.goto(address + path)
    page.wait_for_timeout(800)
    before = _set(page)
    for step in steps:
        _do(page, step)
        page.wait_for_timeout(250)
    page.wait_for_timeout(500)
    left = _set(page)
    assert left != before
    page.reload()
    expect(page.locator("header").first).to_be_visible()
    page.wait_for_timeout(1000)
    assert _set(page) == left
