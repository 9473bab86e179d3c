"""Artifacts, asked of a real server: versions, files, lineage, and what is deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import rltrack


@pytest.fixture(autouse=True)
def runs(root: Path, tmp_path: Path) -> None:
    """A data set that two trainings use; each makes a version of one model."""
    data = tmp_path / "data.txt"
    data.write_text("1,2,3")
    with rltrack.init(project="p", id="prepare", dir=root) as run:
        dataset = rltrack.Artifact("set", type="dataset")
        dataset.add_file(str(data))
        run.log_artifact(dataset)
    for number in range(2):
        with rltrack.init(project="p", id=f"train-{number}", dir=root) as run:
            run.use_artifact("set:latest")
            model = rltrack.Artifact("model", type="model", metadata={"return": number})
            with model.new_file("model.html") as file:
                file.write(f"<script>{number}</script>")
            run.log_artifact(model, aliases=["best"])


def get(client: httpx.Client, path: str) -> Any:
    answer = client.get(f"/api/projects/p/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_versions_tell_who_made_and_who_used_them(client: httpx.Client) -> None:
    """The newest first; an alias is with the version that got it last."""
    found = {one["name"]: one for one in get(client, "artifacts")["collections"]}
    assert {name: one["version_count"] for name, one in found.items()} == {"model": 2, "set": 1}
    newest, oldest = get(client, "artifact/model")["versions"]
    assert newest["aliases"] == ["best", "latest"]
    assert newest["run"]["id"] == "train-1"
    assert (oldest["aliases"], oldest["metadata"]) == ([], {"return": 0})
    (version,) = get(client, "artifact/set")["versions"]
    assert [use["id"] for use in version["uses"]] == ["train-0", "train-1"]


def test_lineage_goes_back_to_the_data_and_not_to_its_other_users(client: httpx.Client) -> None:
    """What else was made of the same data is not the story of this model."""
    found = get(client, "artifact/model/v1/lineage")
    assert [one["id"] for one in found["nodes"]] == [
        *("version p/model:v1", "run p/train-1", "version p/set:v0", "run p/prepare")
    ]
    assert ["run p/train-1", "version p/model:v1"] in found["edges"]
    whole = get(client, "artifact/set/v0/lineage")
    assert len(whole["nodes"]) == 6
    assert len(whole["edges"]) == 5


def test_a_file_is_shown_and_runs_nothing(client: httpx.Client) -> None:
    """Whatever somebody logged: its scripts do not run here."""
    (file,) = get(client, "artifact/model/v1/files")["files"]
    answer = client.get(f"/api/projects/p/artifact/model/v1/file/{file['path']}")
    assert answer.text == "<script>1</script>"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get("/api/projects/p/artifact/model/v1/file/../../x").status_code == 404
    run = get(client, "runs/train-1/artifacts")
    assert [one["name"] for one in run["logged"]] == ["model"]
    assert [one["name"] for one in run["used"]] == ["set"]


def test_a_deleted_version_comes_back_as_long_as_its_files_are_there(
    client: httpx.Client, root: Path
) -> None:
    """With its aliases; after `rltrack gc` it is told that it cannot."""

    def post(what: str, body: Any) -> Any:
        answer = client.post(f"/api/projects/p/artifacts/{what}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    version = {"name": "model", "versions": ["v1"]}
    before = get(client, "artifact/model")
    assert post("delete", version)["done"] == ["v1"]
    assert len(get(client, "artifact/model")["versions"]) == 1
    assert post("restore", version)["done"] == ["v1"]
    assert get(client, "artifact/model") == before

    post("delete", version)
    for blob in (root / "artifacts" / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    (failed,) = post("restore", version)["failed"]
    assert "rltrack gc" in failed["error"]


def test_aliases_are_changed_and_the_answer_puts_them_back(client: httpx.Client) -> None:
    """`latest` stays with the newest, and who lost an alias to another version has it again."""
    before = get(client, "artifact/model")["versions"]
    change = {"name": "model", "version": "v0", "aliases": ["best"], "tags": ["old"]}
    answer = client.post("/api/projects/p/artifacts/change", json=change)
    assert [one["aliases"] for one in get(client, "artifact/model")["versions"]] == [
        ["latest"],
        ["best"],
    ]
    for back in answer.json()["undo"]:
        client.post("/api/projects/p/artifacts/change", json=back)
    after = get(client, "artifact/model")["versions"]
    facts = ("aliases", "tags", "description")
    assert [[one[f] for f in facts] for one in after] == [[one[f] for f in facts] for one in before]
    assert client.post("/api/projects/p/artifacts/change", json={"name": "x"}).status_code == 400
