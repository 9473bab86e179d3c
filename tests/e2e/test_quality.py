"""Every page: for screen readers, on a narrow screen, in both themes, and with nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

import rltrack
from rltrack.hooks.gym import EpisodeMonitor
from rltrack.store.documents import Documents

AXE = (
    Path(__file__).parents[2] / "rltrack" / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
)

PAGES = [
    "/",
    "/p/p",
    "/p/p?list=wide",
    "/p/p/statistics",
    "/p/p/artifacts/policy",
    "/p/p/artifacts/policy/v0?show=lineage",
    "/p/p/artifacts/policy/v1?show=changes",
    "/p/p/sweeps",
    '/p/p/r/a?tab=tables&t:table={"group":["b","a"]}',
    "/p/p/parameters",
    "/p/p/reports",
    "/p/p/reports/r1",
    "/p/p/reports/r1?edit=1",
    "/p/p/compare/a,b",
    *(
        f"/p/p/r/a?tab={tab}"
        for tab in (
            *("overview", "charts", "config", "summary", "media", "tables", "model", "system"),
            *("logs", "files", "code", "episodes", "artifacts", "environment", "events"),
        )
    ),
    "/no/such/page",
]


@pytest.fixture
def sweep(root: Path) -> str:
    """A sweep with enough trials for all of its page."""

    def train() -> None:
        with rltrack.init(dir=root) as run:
            run.log({"loss": (run.config.lr - 0.3) ** 2 + run.config.layers})

    parameters = {"lr": {"min": 0.0, "max": 1.0}, "layers": {"values": [1, 2]}}
    config = {"method": "random", "metric": {"name": "loss"}, "parameters": parameters}
    sweep_id = rltrack.sweep({**config, "run_cap": 6, "seed": 1}, project="swept", dir=root)
    rltrack.agent(sweep_id, train, dir=root)
    return sweep_id


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    """Two runs with some of everything."""
    for number, name in enumerate(("a", "b")):
        config = {"lr": 0.1, "seed": number, "env": {"id": "CartPole-v1"}}
        settings = {"console": "redirect"} if number == 0 else {}
        with rltrack.init(
            project="p", id=name, name=name, dir=root, config=config, settings=settings, tags=["x"]
        ) as run:
            run.log_code(str(Path(__file__).parent))
            for step in range(20):
                run.log({"loss": 1 / (step + 1), "train/accuracy": step / 20})
            print("\x1b[31mred\x1b[0m line")
            picture = np.zeros((32, 48, 3), np.uint8)
            run.log({"picture": rltrack.Image(picture, caption="black")})
            run.log({"table": rltrack.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
            env = EpisodeMonitor(
                gymnasium.make("CartPole-v1", render_mode="rgb_array"), video_every=2, max_fps=5
            )
            for seed in range(3):
                env.reset(seed=seed)
                while not any(env.step(0)[2:4]):
                    pass
            env.close()
            model = rltrack.Artifact("policy", type="model", metadata={"n": number})
            with model.new_file("weights.txt") as file:
                file.write(str(number))
            run.log_artifact(model)
    text = "# Words\n\n```panel\nchart: loss\n```\n\n```panel\nruns: config.lr\n```\n\n```panel\ntall: 2\n```"
    Documents(root, "p", "reports").put("r1", {"title": "A report", "text": text})


#: Dialogs: the page, and how they are opened.
DIALOGS = [
    ("/p/p", "Control+k"),
    ("/p/p", "Control+/"),
    ("/p/p", "Control+s"),
    ("/", "Control+k"),
]


def _look(page: Page, address: str, path: str, keys: str | None = None) -> list[str]:
    """What is wrong with a page, once some keys were pressed on it."""
    page.goto(address + path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(700)  # charts and lazy parts are there, too
    if keys:
        page.keyboard.press(keys)
        expect(page.locator("dialog[open], [role=dialog]")).to_be_visible()
        page.wait_for_timeout(300)
    wrong = []
    width = page.viewport_size["width"] if page.viewport_size else 0
    wide: int = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        wrong.append(f"{path}: {wide} px wide on a screen of {width}")
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations"
        ".filter(one => ['serious', 'critical'].includes(one.impact))"
        ".map(one => ({id: one.id, nodes: one.nodes.map(node => node.html.slice(0, 200) + ' '"
        " + (node.any[0]?.message ?? node.all[0]?.message ?? ''))})))"
    )
    wrong += [f"{path}: {one['id']}: {node}" for one in found for node in one["nodes"][:3]]
    return wrong


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 400)])
def test_no_page_has_a_serious_finding_or_is_wider_than_its_screen(
    page: Page, address: str, sweep: str, theme: Any, width: int
) -> None:
    """By axe-core; of all pages at once, so that one sees what is wrong with each."""
    if not AXE.exists():
        pytest.skip("npm ci in rltrack/dashboard brings axe-core")
    page.add_init_script(AXE.read_text())
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    pages = [*PAGES, f"/p/swept/sweeps/{sweep}"]
    wrong = [one for path in pages for one in _look(page, address, path)]
    wrong += [one for path, keys in DIALOGS for one in _look(page, address, path, keys)]
    assert not wrong, "\n".join(wrong)


def test_a_phone_reaches_all_pages_of_a_project(page: Page, address: str) -> None:
    """By the menu."""
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{address}/p/p")
    page.get_by_test_id("sections").click()
    page.get_by_role("dialog").get_by_role("link", name="Statistics").click()
    expect(page.get_by_test_id("statistics-table")).to_be_visible()


def test_pages_live_without_any_other_server(page: Page, address: str) -> None:
    """All that is not from here is blocked, counted, and there is none."""
    blocked: list[str] = []

    def pass_own(route: Route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            blocked.append(route.request.url)
            route.abort()

    page.route("**/*", pass_own)
    for path in ("/", "/p/p", "/p/p/statistics", "/p/p/r/a?tab=episodes", "/p/p/artifacts/policy"):
        answer = page.goto(address + path)
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-eval" not in policy
        page.wait_for_timeout(300)
    assert blocked == []
