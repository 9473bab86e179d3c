"""The code of a run, in colours, and beside that of another run."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number, name in enumerate(("a", "b")):
        (source / "train.py").write_text(
            f"import rltrack\n\nlr = 0.{number + 1}  # <b>chosen</b>\nprint(lr)\n"
        )
        with rltrack.init(project="p", id=name, name=name, dir=root) as run:
            run.log_code(str(source))


def test_code_is_shown_and_compared_with_another_run(page: Page, address: str) -> None:
    """What is in a file is text, and never a part of the page."""
    page.goto(f"{address}/p/p/r/b?tab=code")
    code = page.get_by_test_id("code-text")
    expect(code).to_contain_text("lr = 0.2  # <b>chosen</b>")
    expect(code.locator(".hljs-keyword").first).to_have_text("import")
    assert code.locator("b").count() == 0
    page.get_by_test_id("code-with").select_option("a")
    sides = page.get_by_test_id("side-by-side")
    expect(sides.locator("tr.changed")).to_have_count(1)
    expect(sides.locator("tr.changed")).to_contain_text("lr = 0.1")
    page.reload()
    expect(sides.locator("tr.changed")).to_contain_text("lr = 0.2")
