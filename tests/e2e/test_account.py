"""A person sets a server up, makes a key, shares a run; another reads it by the link alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from rltrack.hub.app import create_hub, set_up_link
from rltrack.hub.config import HubConfig
from rltrack.server.run import Background
from tests.e2e.conftest import expect_fault
from tests.hub.team import record

PASSWORD = "correct horse battery"


@pytest.fixture
def link(root: Path, missing: Callable[[str, str], NoReturn]) -> Iterator[str]:
    """The set-up link of a new server, which has two runs of somebody called ann."""
    static = Path(__file__).parents[2] / "rltrack" / "server" / "static" / "index.html"
    if not static.exists():
        missing("the dashboard's page", "Node.js 20 and install rltrack again")
    for run in ("one", "two"):
        record(root, "ann/walk", run)
    app = create_hub(HubConfig(root=root))
    with Background(root, port=0, app=app) as server:
        found = set_up_link(app, server.url)
        assert found is not None
        yield found


@pytest.fixture
def address(link: str) -> str:
    """Where requests may go."""
    return link.partition("/join")[0]


def test_from_the_set_up_link_to_a_run_that_is_shared(
    page: Page, browser: Browser, link: str, address: str
) -> None:
    expect_fault(page, "Blocked script execution")  # of the page that the run logged
    page.goto(link)
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_test_id("account")).to_have_text("ann")
    expect(page.get_by_test_id("project-card")).to_have_count(1)

    # A key, told once, opens the server.
    page.get_by_test_id("account").click()
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_role("button", name="Make a key").click()
    key = page.get_by_test_id("once").inner_text()
    answer = httpx.get(f"{address}/api/account", headers={"authorization": f"Bearer {key}"})
    assert answer.json()["name"] == "ann"
    expect(page.get_by_test_id("key")).to_contain_text("laptop")
    page.get_by_role("button", name="revoke laptop").click()
    expect(page.get_by_test_id("key")).to_have_count(0)

    # A team, and what was done.
    page.get_by_label("Name of a new team").fill("lab")
    page.get_by_role("button", name="Make a team").click()
    expect(page.get_by_test_id("member")).to_contain_text("ann")
    page.goto(f"{address}/users")
    expect(page.get_by_test_id("audit")).to_contain_text("team.make lab")

    # What each may take, and the end of the team.
    lab = page.get_by_test_id("room").filter(has_text="lab")
    expect(lab).to_contain_text("of any amount")
    page.get_by_role("button", name="change what lab may take").click()
    page.get_by_role("textbox", name="May take").fill("some")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_text("“some” is no size")).to_be_visible()
    page.get_by_role("textbox", name="May take").fill("1.5 GB")
    page.get_by_role("button", name="Set").click()
    expect(lab).to_contain_text("0 B of 1.5 GB")
    page.goto(f"{address}/team/lab")
    expect(page.get_by_role("button", name="delete lab")).to_be_disabled()
    page.get_by_label("Type its name").fill("lab")
    page.get_by_role("button", name="delete lab").click()
    expect(page).to_have_url(f"{address}/account")
    expect(page.get_by_test_id("room")).to_have_count(1)

    # A run, shared.
    page.goto(f"{address}/p/ann%2Fwalk/r/one")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_test_id("share").click()
    page.get_by_role("button", name="Make a link").click()
    shared = page.get_by_test_id("once").inner_text()
    expect(page.get_by_test_id("link")).to_contain_text("run one")

    other = browser.new_context()
    try:
        reader = other.new_page()
        reader.goto(shared)
        expect(reader).to_have_url(re.compile("/p/ann%2Fwalk/r/one$"))
        expect(reader.get_by_role("heading", level=1)).to_be_visible()
        expect(reader.get_by_role("link", name="Sign in")).to_be_visible()
        expect(reader.get_by_test_id("share")).to_have_count(0)
        expect(reader.locator(".u-over, canvas").first).to_be_visible()
        assert other.request.get(f"{address}/api/projects/ann%2Fwalk/runs/two").status == 404
    finally:
        other.close()


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(
    page: Page, link: str, address: str
) -> None:
    secret = link.partition("#")[2]
    body = {"secret": secret, "name": "ann", "password": PASSWORD}
    httpx.post(f"{address}/api/invitation/accept", json=body).raise_for_status()
    expect_fault(page, "Blocked script execution")
    expect_fault(page, "401")
    expect_fault(page, "403")

    page.goto(f"{address}/p/ann%2Fwalk?q=one")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("no user has this name and password")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{address}/p/ann%2Fwalk?q=one")
    expect(page.get_by_test_id("account")).to_have_text("ann")


def test_a_view_is_begun_with_by_oneself_or_by_everybody(
    page: Page, link: str, address: str
) -> None:
    """Where people sign in, each may begin with another view."""
    expect_fault(page, "Blocked script execution")  # of the page that the run logged
    page.goto(link)
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_test_id("account")).to_have_text("ann")
    page.goto(f"{address}/p/ann%2Fwalk?y=log")
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    page.keyboard.press("Control+s")
    page.get_by_test_id("view-name").fill("log scale")
    page.keyboard.press("Enter")
    menu = page.get_by_test_id("views")
    expect(menu).to_contain_text("log scale")
    menu.click()
    expect(page.get_by_role("dialog")).to_contain_text("mine")
    page.get_by_test_id("view-first-mine").click()
    expect(page.get_by_test_id("toast")).to_contain_text("begins with log scale for you")
    page.goto(f"{address}/p/ann%2Fwalk")
    expect(page.get_by_role("radio", name="log", exact=True)).to_be_checked()
    documents = page.request.get(f"{address}/api/projects/ann%2Fwalk/documents/views").json()
    assert {one["id"]: one["by"] for one in documents["documents"]}["first-ann"] == "ann"
