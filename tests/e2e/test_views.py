"""The view of a page: taken back step by step, kept in links, saved under a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import rltrack
from tests.e2e.conftest import expect_fault


@pytest.fixture(autouse=True)
def runs(root: Path) -> None:
    for algo, seed in (("ppo", 0), ("ppo", 1), ("sac", 0)):
        config = {"algo": algo, "seed": seed, "lr": 3e-4 if algo == "ppo" else 1e-3}
        with rltrack.init(
            project="p", id=f"{algo}{seed}", name=f"{algo}-{seed}", dir=root, config=config
        ) as run:
            for step in range(20):
                run.log({"return": float(step * (1 + seed)), "train/loss": 1 / (step + 1)})


def test_changes_of_the_view_are_taken_back_and_done_again(page: Page, address: str) -> None:
    """Each says what it was; the browser's back walks over the same steps."""
    page.goto(f"{address}/p/p?runs=all")
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    undo, redo = page.get_by_test_id("undo-view"), page.get_by_test_id("redo-view")
    expect(undo).to_be_disabled()

    page.keyboard.press("g")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    expect(undo).to_have_attribute("title", "Undo: group by all but seed (Ctrl Z)")
    page.get_by_test_id("run-filter").fill("ppo")
    expect(page.get_by_test_id("group-row")).to_have_count(1)
    expect(undo).to_have_attribute("title", "Undo: filter ppo (Ctrl Z)")

    # In a box of text Ctrl Z belongs to the text.
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("run-filter")).not_to_have_value("ppo")
    page.get_by_test_id("run-filter").fill("ppo")
    page.get_by_test_id("run-filter").blur()
    expect(undo).to_have_attribute("title", "Undo: filter ppo (Ctrl Z)")

    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("toast")).to_contain_text("Undone: filter ppo")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    undo.click()
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    expect(undo).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    expect(page.get_by_test_id("group-row")).to_have_count(2)

    page.go_back()
    expect(page.get_by_test_id("group-row")).to_have_count(0)
    expect(redo).to_have_attribute("title", "Redo: group by all but seed (Ctrl Shift Z)")
    page.go_forward()
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    redo.click()
    expect(page.get_by_test_id("run-filter")).to_have_value("ppo")


def test_what_was_done_to_runs_is_taken_back_by_the_same_keys(page: Page, address: str) -> None:
    """Whatever was done last."""
    page.goto(f"{address}/p/p")
    page.keyboard.press("g")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    page.get_by_test_id("group-row").first.get_by_test_id("group-fold").click()
    page.locator('[data-run-id="sac0"]').get_by_test_id("run-check").click()
    page.get_by_test_id("bulk-bar").get_by_test_id("delete").click()
    expect(page.get_by_test_id("group-row")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("toast")).to_contain_text("Undone: runs of a group")


def test_earlier_searches_are_listed_below_their_box(page: Page, address: str) -> None:
    """Newest first; Escape closes the list, then empties the box, then leaves it."""
    page.goto(f"{address}/p/p")
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    box, past = page.get_by_test_id("metric-filter"), page.get_by_test_id("past-search")
    for text in ("loss", "return"):
        box.fill(text)
        page.keyboard.press("Enter")
    page.reload()
    expect(box).to_have_value("return")
    box.fill("")
    page.keyboard.press("ArrowDown")
    expect(past).to_have_text(["return", "loss"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Delete")
    expect(past).to_have_text(["loss"])
    page.keyboard.press("Enter")
    expect(box).to_have_value("loss")
    expect(page.get_by_test_id("panel")).to_have_count(1)
    page.get_by_test_id("pin-matches").click()
    expect(page.get_by_role("button", name="loss", exact=False).first).to_be_visible()
    expect(box).to_have_value("")

    box.fill("kl")
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(box).not_to_be_focused()


def test_a_view_is_saved_changed_reset_and_begun_with(page: Page, address: str) -> None:
    """Under a name, for everybody who opens the project."""
    page.goto(f"{address}/p/p")
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    page.keyboard.press("g")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    page.keyboard.press("Control+s")
    page.get_by_test_id("view-name").fill("by experiment")
    page.keyboard.press("Enter")
    menu = page.get_by_test_id("views")
    expect(menu).to_contain_text("by experiment")
    expect(page.get_by_test_id("view-changed")).to_have_count(0)

    page.get_by_role("radio", name="log", exact=True).click()
    expect(page.get_by_test_id("view-changed")).to_be_visible()
    menu.click()
    page.get_by_test_id("view-reset").click()
    expect(page.get_by_test_id("view-changed")).to_have_count(0)
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    page.get_by_role("radio", name="log", exact=True).click()
    page.keyboard.press("Control+s")
    expect(page.get_by_test_id("toast")).to_contain_text("View by experiment is saved")
    expect(page.get_by_test_id("view-changed")).to_have_count(0)
    menu.click()
    page.get_by_test_id("view-first").click()
    expect(page.get_by_test_id("toast")).to_contain_text("begins with by experiment")

    page.goto(f"{address}/p/p")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    expect(menu).to_contain_text("by experiment")
    assert "y=log" in page.url
    menu.click()
    page.get_by_role("button", name="without a view").click()
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    page.reload()
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("group-row")).to_have_count(0)  # what was before the reload is gone


def test_who_saves_a_view_that_somebody_has_saved_meanwhile_chooses(
    page: Page, address: str
) -> None:
    """Nothing is lost without a word."""
    documents = f"{address}/api/projects/p/documents/views/shared"

    def save(query: str) -> None:
        answer = page.request.put(documents, data={"body": {"name": "shared", "query": query}})
        assert answer.ok

    save("group=config.algo")
    page.goto(f"{address}/p/p?view=shared")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    page.route("**/changes", lambda route: None)  # it does not hear of what follows
    page.reload()
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    save("group=config.seed")
    page.get_by_role("radio", name="log", exact=True).click()
    expect_fault(page, "412")
    page.keyboard.press("Control+s")
    dialog = page.get_by_test_id("conflict")
    expect(dialog).to_contain_text("Somebody has saved shared meanwhile")
    page.get_by_test_id("conflict-both").click()
    page.get_by_test_id("view-name").fill("mine")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("views")).to_contain_text("mine")

    # A page that hears of it says so.
    page.unroute("**/changes")
    page.goto(f"{address}/p/p?view=shared")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    save("y=log&group=config.seed")
    toast = page.get_by_test_id("toast")
    expect(toast).to_contain_text("Somebody has saved shared")
    toast.get_by_test_id("undo").click()
    expect(page.get_by_role("radio", name="log", exact=True)).to_be_checked()
    bodies = page.request.get(documents.rpartition("/")[0]).json()["documents"]
    assert {one["body"]["name"]: one["body"]["query"] for one in bodies} == {
        "shared": "y=log&group=config.seed",
        "mine": "group=config.algo&y=log",
    }


def test_a_long_link_becomes_a_short_one_that_restores_the_page(page: Page, address: str) -> None:
    """Copied by the palette."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    columns = ",".join(f":config.key{number}" for number in range(200))
    page.goto(f"{address}/p/p?cols={columns}&group=config.algo&panel=train/loss&smooth=0.5")
    expect(page.get_by_role("dialog", name="train/loss")).to_be_visible()
    long = page.url
    page.keyboard.press("Control+k")
    page.get_by_test_id("palette-box").fill("copy link")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("toast")).to_contain_text("copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert len(link) < 80
    page.goto(link)
    expect(page.get_by_role("dialog", name="train/loss")).to_be_visible()
    assert page.url == long


def test_colours_are_kept_for_all_and_can_be_frozen(page: Page, address: str) -> None:
    """Of runs and of groups; a group that comes later takes none of theirs."""

    def swatches(kind: str) -> list[str]:
        of = page.get_by_test_id(f"{kind}-row").get_by_test_id("run-toggle").locator("rect")
        found: list[str] = of.evaluate_all("all => all.map(one => one.getAttribute('fill'))")
        return found

    page.goto(f"{address}/p/p?runs=all")
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    before = swatches("run")
    assert len(set(before)) == 3
    page.locator('[data-run-id="sac0"]').get_by_test_id("run-check").click()
    page.get_by_test_id("bulk-bar").get_by_role("button", name="colour").click()
    page.get_by_role("button", name="colour 7").click()
    expect(page.get_by_test_id("toast")).to_contain_text("1 run coloured")
    page.goto(f"{address}/p/p?runs=all")
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    after = swatches("run")
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, True]

    page.keyboard.press("g")
    expect(page.get_by_test_id("group-row")).to_have_count(2)
    groups = swatches("group")
    page.get_by_test_id("zones").click()
    page.get_by_test_id("freeze").click()
    expect(page.get_by_test_id("toast")).to_contain_text("Colours stay as they are")
    page.request.post(
        f"{address}/api/projects/p/delete",
        data={"runs": ["ppo0", "ppo1"]},
    )
    expect(page.get_by_test_id("group-row")).to_have_count(1)
    assert swatches("group") == groups[:1]


def test_escape_closes_what_was_opened_last_and_no_more(page: Page, address: str) -> None:
    """The box over a chart that fills the screen, then the chart."""
    page.goto(f"{address}/p/p?panel=train/loss")
    full = page.get_by_role("dialog", name="train/loss", exact=True)
    expect(full).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette-box")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("palette")).to_have_count(0)
    expect(full).to_be_visible()
    page.keyboard.press("Escape")
    expect(full).to_have_count(0)


def test_a_run_s_colour_is_chosen_on_its_page(page: Page, address: str) -> None:
    """And taken back."""
    page.goto(f"{address}/p/p/r/sac0")
    swatch = page.get_by_test_id("run-colour").locator("i")
    before = swatch.evaluate("one => one.style.background")
    page.get_by_test_id("run-colour").click()
    page.get_by_role("button", name="colour 8").click()
    expect(page.get_by_test_id("toast")).to_contain_text("sac-0 is coloured")
    expect(swatch).not_to_have_attribute("style", f"background: {before};")
    page.keyboard.press("Control+z")
    expect(swatch).to_have_attribute("style", f"background: {before};")
