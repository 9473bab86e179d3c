"""The pages of artifacts: versions, files, lineage, changes, and deletion with its undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path, tmp_path: Path) -> None:
    """A data set, and two versions of a model that was trained on it."""
    data = tmp_path / "data.csv"
    data.write_text("a,b\n1,2\n")
    with rltrack.init(project="p", id="prepare", name="prepare", dir=root) as run:
        run.log_artifact(str(data), name="set", type="dataset")
    for number in range(2):
        with rltrack.init(project="p", id=f"train-{number}", name=f"train {number}", dir=root) as r:
            r.use_artifact("set:latest")
            model = rltrack.Artifact("policy", type="model", metadata={"return": 100 * number})
            with model.new_file("policy.txt") as file:
                file.write(f"weights {number}")
            with model.new_file(f"only-{number}.txt") as file:
                file.write("x")
            r.log_artifact(model, aliases=["best"])


def test_from_the_list_to_a_file_and_along_the_lineage_to_the_run(page: Page, address: str) -> None:
    """All of it by clicking."""
    page.goto(f"{address}/p/p")
    page.get_by_test_id("section-artifacts").click()
    page.get_by_test_id("collection").filter(has_text="policy").click()
    expect(page.get_by_test_id("versions").locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="policy.txt").click()
    expect(page.get_by_test_id("artifact-preview")).to_contain_text("weights 1")
    page.reload()  # what is open is in the address
    expect(page.get_by_test_id("artifact-preview")).to_contain_text("weights 1")
    page.get_by_test_id("tab-lineage").click()
    expect(page.get_by_test_id("lineage-version")).to_have_count(2)
    expect(page.get_by_test_id("lineage-run")).to_have_count(2)
    page.get_by_test_id("lineage-run").filter(has_text="train 1").click()
    expect(page.get_by_test_id("artifacts-used")).to_contain_text("set:v0")
    expect(page.get_by_test_id("artifacts-logged")).to_contain_text("policy:v1")


def test_two_versions_are_compared_by_files_and_metadata(page: Page, address: str) -> None:
    """What came, went and changed."""
    page.goto(f"{address}/p/p/artifacts/policy/v1?show=changes")
    changes = page.get_by_test_id("file-changes").locator("li")
    expect(changes).to_have_count(3)
    expect(changes.nth(0)).to_contain_text("removed")
    expect(changes.nth(1)).to_contain_text("added")
    expect(page.get_by_test_id("metadata-diff")).to_contain_text("+100")
    page.get_by_test_id("tab-use").click()
    expect(page.get_by_test_id("use-lines").first).to_contain_text('"p/policy:v1"')


def test_a_version_that_was_deleted_is_back_after_undo(page: Page, address: str) -> None:
    """Until `rltrack gc` its files are there."""
    page.goto(f"{address}/p/p/artifacts/policy/v1")
    expect(page.get_by_test_id("artifact-files").locator("li")).to_have_count(2)
    page.get_by_test_id("delete-version").click()
    expect(page.get_by_test_id("versions").locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="undo").click()
    expect(page.get_by_test_id("versions").locator("tbody tr")).to_have_count(2)
    expect(page.get_by_test_id("versions").locator("tbody tr").first).to_contain_text("best")
