"""A real browser and a real server, for tests of what a person sees."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from rltrack.server.run import Background

ARGUMENTS = [
    "--no-sandbox",  # as root, as in CI, Chromium does not start with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(missing: Callable[[str, str], NoReturn]) -> Iterator[Browser]:
    """Debian's Chromium, headless.

    Not for the whole session: as long as it lives, no other test could run an event loop.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("chromium", "Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page on which every console error, uncaught exception and foreign request is a failure.

    It is closed before the server of `address` ends, which would be such an error.
    """
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    faults: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(f"{message.type}: {message.text} ({message.location['url']})")

    def on_request(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"request to {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
    page.on("request", on_request)
    yield page
    context.close()
    expected = getattr(page, "expected_faults", ())
    assert [fault for fault in faults if not any(part in fault for part in expected)] == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of all projects."""
    return tmp_path / "rltrack-runs"


@pytest.fixture
def address(root: Path, missing: Callable[[str, str], NoReturn]) -> Iterator[str]:
    """The address of a dashboard of `root`."""
    static = Path(__file__).parents[2] / "rltrack" / "server" / "static" / "index.html"
    if not static.exists():
        missing("the dashboard's page", "Node.js 20 and install rltrack again")
    with Background(root, port=0) as server:
        yield server.url


def expect_fault(page: Any, part: str) -> None:
    """Let console errors that hold `part` pass: the test provokes them."""
    page.expected_faults = (*getattr(page, "expected_faults", ()), part)
