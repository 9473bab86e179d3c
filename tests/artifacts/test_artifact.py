"""Versions of files, as users make and get them; no server anywhere."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import rltrack
from rltrack.errors import (
    ArtifactError,
    ArtifactFinalizedError,
    ArtifactNotLoggedError,
    NotFoundError,
    UsageError,
)


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", id="r", settings={"quiet": True})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of three files, two of which are equal."""
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    (folder / "sub" / "b.txt").write_text("hello")
    (folder / "sub" / "c.bin").write_bytes(bytes(range(256)))
    return folder


def dataset(data: Path, **extra: str) -> rltrack.Artifact:
    """An artifact of that folder, with files of these names and contents besides."""
    artifact = rltrack.Artifact("data", "dataset", metadata={"rows": 3})
    artifact.add_dir(data)
    for name, text in extra.items():
        with artifact.new_file(name) as file:
            file.write(text)
    return artifact


def blobs(root: Path) -> int:
    """How many contents are kept."""
    return sum(path.is_file() for path in (root / "artifacts" / "blobs").rglob("*"))


def read(artifact: rltrack.Artifact, name: str) -> bytes:
    with artifact.get_entry(name).open() as file:
        return file.read()


def test_a_folder_goes_in_and_comes_out(run: rltrack.Run, data: Path, tmp_path: Path) -> None:
    """Row 74, B: W&B has a TypeError, a NotImplementedError and an ArtifactNotLoggedError offline."""
    logged = run.log_artifact(dataset(data), aliases=["best"]).wait()
    used = run.use_artifact("data:best", type="dataset")
    folder = Path(used.download(tmp_path / "got"))

    assert (logged.name, logged.version, logged.aliases) == ("data:v0", "v0", ["best", "latest"])
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")} == {
        p.relative_to(data).as_posix(): p.read_bytes() for p in data.rglob("*.*")
    }
    assert used.metadata == {"rows": 3}
    assert used.qualified_name == "p/data:v0"
    assert used.digest == logged.digest
    assert run.link_artifact(used, "registry/prod") is not None


def test_equal_contents_are_kept_once(run: rltrack.Run, root: Path, data: Path) -> None:
    """And equal files make no new version; its aliases and metadata are not lost."""
    run.log_artifact(dataset(data))
    before = blobs(root)
    again = dataset(data)
    again.metadata["seed"] = 1
    run.log_artifact(again, aliases="again", tags=["checked"])

    assert before == 3  # two of the three files are equal; and the list of files
    assert blobs(root) == before
    assert (again.version, again.aliases) == ("v0", ["again", "latest"])
    assert again.metadata == {"rows": 3, "seed": 1}
    assert again.tags == ["checked"]


def test_versions_and_aliases_move(run: rltrack.Run, data: Path) -> None:
    """`latest` is the newest; any other alias is where it was put last."""
    for number in range(3):
        run.log_artifact(dataset(data, number=str(number)), aliases=["mine"] if number < 2 else [])

    assert run.use_artifact("data").version == "v2"
    assert run.use_artifact("data:mine").version == "v1"
    assert run.use_artifact("data:v0").aliases == []
    with pytest.raises(NotFoundError, match="it has v0 to v2, and the aliases latest, mine"):
        run.use_artifact("data:other")
    with pytest.raises(NotFoundError, match=r"no artifact 'date' in project 'p'.*there are data"):
        run.use_artifact("date")


def test_a_logged_version_does_not_change(run: rltrack.Run, data: Path) -> None:
    """Its files do not; a draft of the next begins with them."""
    logged = run.log_artifact(dataset(data))
    with pytest.raises(ArtifactFinalizedError, match="new_draft"):
        logged.add_file(data / "a.txt", "other.txt")
    draft = logged.new_draft()
    draft.remove("sub")
    draft.add_file(data / "sub" / "c.bin", "a.txt", overwrite=True)
    run.log_artifact(draft)

    assert [file.path for file in draft.files()] == ["a.txt"]
    assert read(draft, "a.txt") == bytes(range(256))
    assert [file.path for file in logged.files()] == ["a.txt", "sub/b.txt", "sub/c.bin"]
    assert draft.version == "v1"


def test_a_file_may_change_after_it_was_added(run: rltrack.Run, data: Path, tmp_path: Path) -> None:
    """What was added is what is kept."""
    artifact = rltrack.Artifact("data", "dataset")
    artifact.add_file(data / "a.txt")
    (data / "a.txt").write_text("changed")
    run.log_artifact(artifact)

    assert Path(artifact.file(tmp_path / "got")).read_text() == "hello"


def test_an_immutable_file_is_a_link(run: rltrack.Run, root: Path, data: Path) -> None:
    """A checkpoint of gigabytes is not written twice."""
    artifact = rltrack.Artifact("data", "dataset")
    entry = artifact.add_file(data / "sub" / "c.bin", policy="immutable")
    kept = root / "artifacts" / "blobs" / entry.digest[:2] / entry.digest

    assert os.path.samefile(kept, data / "sub" / "c.bin")


def test_what_is_downloaded_may_be_changed(run: rltrack.Run, data: Path, tmp_path: Path) -> None:
    """It is no link into the store; `verify` sees the change, and the next download repairs it."""
    artifact = run.log_artifact(dataset(data))
    folder = Path(artifact.download(tmp_path / "got"))
    artifact.verify(folder)
    (folder / "a.txt").write_text("HELLO")
    with pytest.raises(ArtifactError, match=r"a\.txt is not what it was"):
        artifact.verify(folder)
    (folder / "more").write_text("")
    with pytest.raises(ArtifactError, match="more is not of artifact data:v0"):
        artifact.verify(folder)
    assert artifact.checkout(folder) == str(folder)

    artifact.verify(folder)
    assert read(artifact, "a.txt") == b"hello"


def test_damaged_contents_are_told(
    run: rltrack.Run, root: Path, data: Path, tmp_path: Path
) -> None:
    """Nobody trains on data that is not what it says."""
    artifact = run.log_artifact(dataset(data))
    digest = artifact.get_entry("sub/c.bin").digest
    path = root / "artifacts" / "blobs" / digest[:2] / digest
    path.chmod(0o644)
    path.write_bytes(b"x" * 256)
    with pytest.raises(ArtifactError, match="is damaged"):
        artifact.download(tmp_path / "got")
    path.unlink()
    with pytest.raises(ArtifactError, match="is gone"):
        artifact.download(tmp_path / "got")

    assert not list((tmp_path / "got").rglob(".*"))


def test_changes_of_a_version_are_kept(run: rltrack.Run, data: Path) -> None:
    """Aliases, tags, description, metadata, ttl: for all who read it."""
    artifact = run.log_artifact(dataset(data), aliases=["best"])
    artifact.aliases.append("prod")
    artifact.aliases.remove("best")
    artifact.tags = ["a", "b"]
    artifact.description = "hello"
    artifact.metadata["rows"] = 4
    artifact.ttl = timedelta(days=7)
    artifact.save()
    found = rltrack.Api().artifact("p/data:prod")

    assert found.aliases == ["latest", "prod"]
    assert found.tags == ["a", "b"]
    assert (found.description, found.metadata, found.ttl) == (
        "hello",
        {"rows": 4},
        timedelta(days=7),
    )
    assert found.updated_at > found.created_at


def test_incremental_adds_to_the_latest(run: rltrack.Run, data: Path) -> None:
    """Only what is new is given."""
    run.log_artifact(dataset(data))
    more = rltrack.Artifact("data", "dataset", incremental=True)
    with more.new_file("new.txt") as file:
        file.write("new")
    run.log_artifact(more)

    assert [f.path for f in more.files()] == ["a.txt", "new.txt", "sub/b.txt", "sub/c.bin"]


def test_links_show_a_version_elsewhere(run: rltrack.Run, data: Path, tmp_path: Path) -> None:
    """With aliases of their own; to unlink leaves the version."""
    source = run.log_artifact(dataset(data))
    link = source.link("registry/prod", ["staging"])
    found = rltrack.Api().artifact("registry/prod:staging")

    assert (link.qualified_name, link.is_link) == ("registry/prod:v0", True)
    assert found.source_qualified_name == "p/data:v0"
    assert found.source_artifact.qualified_name == "p/data:v0"
    assert (source.is_link, source.source_version) == (False, "v0")
    assert Path(found.download(tmp_path / "got"), "a.txt").read_text() == "hello"
    with pytest.raises(UsageError, match="is no link"):
        source.unlink()
    found.unlink()
    assert not rltrack.Api().artifact_exists("registry/prod")
    assert rltrack.Api().artifact_exists("p/data", type="dataset")


def test_lineage(run: rltrack.Run, data: Path) -> None:
    """Which run made a version, which ones used it, and what a run made and used."""
    run.log({"loss": 1.0})
    run.log_artifact(dataset(data))
    run.finish()
    with rltrack.init(project="p", id="user") as user:
        user.use_artifact("data:latest", use_as="training")
        user.log_model(data / "a.txt", name="policy")
    api = rltrack.Api()
    version = api.artifact("p/data:v0")

    assert version.logged_by().id == "r"
    assert version.history_step == 1
    assert [one.id for one in version.used_by()] == ["user"]
    assert [a.name for a in api.run("p/r").logged_artifacts()] == ["data:v0"]
    assert [a.name for a in api.run("p/user").used_artifacts()] == ["data:v0"]
    assert [a.name for a in api.run("p/user").logged_artifacts()] == ["policy:v0"]


def test_runs_that_have_ended_make_and_use_artifacts(run: rltrack.Run, data: Path) -> None:
    """By `Api`, as an evaluation does that comes later."""
    run.finish()
    api = rltrack.Api()
    found = api.run("p/r").log_artifact(dataset(data), aliases=["late"])
    api.run("p/r").use_artifact(found)

    assert found.logged_by().id == "r"
    assert [a.name for a in api.run("p/r").used_artifacts()] == ["data:v0"]
    assert api.run("p/r").state == "finished"


def test_the_api_lists_what_is_there(run: rltrack.Run, data: Path) -> None:
    """Types, collections and versions of a project."""
    for number in range(2):
        run.log_artifact(dataset(data, number=str(number)))
    run.log_model(data / "a.txt", name="policy", aliases=["best"])
    api = rltrack.Api()

    assert [t.name for t in api.artifact_types("p")] == ["dataset", "model"]
    assert [c.name for c in api.artifact_type("model", "p").collections()] == ["policy"]
    assert [a.version for a in api.artifacts("dataset", "p/data")] == ["v1", "v0"]
    collection = api.artifact_collection("model", "p/policy")
    assert (len(collection), collection.aliases) == (1, ["best", "latest"])
    assert [c.name for c in api.artifact_collections("p", "dataset")] == ["data"]
    with pytest.raises(NotFoundError, match="there are data"):
        api.artifacts("dataset", "p/date")
    collection.delete()
    assert not api.artifact_collection_exists("p/policy", "model")


def test_a_deleted_version_leaves_its_number(run: rltrack.Run, data: Path) -> None:
    """Nothing else is ever called so. One with an alias asks for more than a word."""
    for number in range(2):
        run.log_artifact(dataset(data, number=str(number)), aliases=["keep"])
    found = run.use_artifact("data:v1")
    with pytest.raises(ArtifactError, match="has the aliases keep"):
        found.delete()
    found.delete(delete_aliases=True)
    run.log_artifact(dataset(data, number="2"))

    assert [a.version for a in rltrack.Api().artifacts("dataset", "p/data")] == ["v2", "v0"]


def test_models(
    run: rltrack.Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file comes back as a file, several as their folder."""
    monkeypatch.chdir(tmp_path)
    run.log_model(data / "a.txt", name="policy")
    run.log_model(data, name="folder")
    assert Path(run.use_model("policy:latest")).read_text() == "hello"
    assert sorted(os.listdir(run.use_model("folder"))) == ["a.txt", "sub"]
    linked = run.link_model(data / "a.txt", "best-policy")

    assert linked is not None
    assert linked.name == "best-policy:v0"
    run.log_artifact(dataset(data))
    with pytest.raises(UsageError, match="no model"):
        run.use_model("data")


def test_media_values_go_in_and_come_out(run: rltrack.Run, tmp_path: Path) -> None:
    """A table as one, with the files of its cells; a picture as its file."""
    table = rltrack.Table(columns=["id", "picture"])
    for number in range(3):
        pixels = np.full((8, 8, 3), number, np.uint8)
        table.add_data(number, rltrack.Image(pixels))
    artifact = rltrack.Artifact("media", "dataset")
    artifact.add(table, "predictions")
    artifact.add(rltrack.Image(np.zeros((2, 2), np.uint8), caption="dark"), "folder/picture")
    run.log_artifact(artifact)
    found = run.use_artifact("media")
    got = Path(found.download(tmp_path / "got"))
    back = found.get("predictions")
    picture = found.get("folder/picture")

    assert isinstance(back, rltrack.Table)
    assert back.get_column("id") == [0, 1, 2]
    assert sorted(p.relative_to(got).as_posix() for p in got.rglob("*.png")) == [
        "folder/picture.png",
        *(f"predictions_media/{number}.png" for number in range(3)),
    ]
    assert picture is not None
    assert not isinstance(picture, rltrack.Table)
    assert (picture.type, picture.facts["caption"]) == ("image-file", "dark")
    assert picture.path.read_bytes() == (got / "folder" / "picture.png").read_bytes()
    assert found.get("none") is None


def test_what_a_draft_does_not_have(run: rltrack.Run) -> None:
    """It says how to get it."""
    draft = rltrack.Artifact("data", "dataset")
    assert draft.name == "data"
    assert draft.is_draft()
    for ask in (lambda: draft.version, lambda: draft.created_at, draft.used_by, draft.delete):
        with pytest.raises(ArtifactNotLoggedError, match="log_artifact"):
            ask()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: rltrack.Artifact("a b", "t"), "letters, digits"),
        (lambda: rltrack.Artifact("a" * 129, "t"), "at most 128"),
        (lambda: rltrack.Artifact("..", "t"), "letters, digits"),
        (lambda: rltrack.Artifact("a", ""), "artifact type"),
        (lambda: rltrack.Artifact("a", "t", metadata=[1]), "metadata must be a dict"),  # type: ignore[arg-type]
        (lambda: rltrack.Artifact("a", "t").add_file("nothing"), "is no file"),
        (lambda: rltrack.Artifact("a", "t").add_dir("nothing"), "is no folder"),
        (lambda: rltrack.Artifact("a", "t").new_file("../x").__enter__(), "no path inside"),
        (lambda: rltrack.Artifact("a", "t").new_file("/etc/x").__enter__(), "no path inside"),
        (lambda: rltrack.Artifact("a", "t").remove("x"), "no 'x' to remove"),
        (lambda: rltrack.log_artifact("nothing"), "no such file or folder"),
        (lambda: rltrack.log_artifact(rltrack.Artifact("a", "t"), aliases=["x/y"]), "without /"),
        (lambda: rltrack.log_artifact(rltrack.Artifact("a", "t"), aliases=["v3"]), "version's"),
        (lambda: rltrack.use_artifact("a:b:c/d"), "no artifact 'a'"),
        (lambda: rltrack.use_artifact("a/b/c/d:e"), "no artifact's name"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_the_call(
    run: rltrack.Run, make: Callable[[], object], told: str
) -> None:
    """With what was wrong."""
    with pytest.raises((UsageError, NotFoundError), match=told):
        make()


def test_one_name_has_one_type(run: rltrack.Run, data: Path) -> None:
    """And two files of one artifact have two names."""
    run.log_artifact(dataset(data))
    with pytest.raises(ArtifactError, match="is of type 'dataset'"):
        run.log_artifact(rltrack.Artifact("data", "model"))
    with pytest.raises(ArtifactError, match="is of type 'dataset', and not 'model'"):
        run.use_artifact("data", type="model")
    clash = rltrack.Artifact("clash", "dataset")
    clash.add_file(data / "a.txt", "x")
    with pytest.raises(UsageError, match="in the artifact already"):
        clash.add_file(data / "sub" / "c.bin", "x")


def test_a_disk_that_refuses_is_a_warning(
    run: rltrack.Run, root: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The training goes on."""
    artifact = dataset(data)
    (root / "artifacts" / "p").write_text("a file where a folder should be")
    assert run.log_artifact(artifact) is artifact
    run.log({"loss": 1.0})

    assert artifact.is_draft()
    assert "artifact data is lost" in capsys.readouterr().err


def test_a_run_that_is_disabled_takes_everything(tmp_path: Path, root: Path, data: Path) -> None:
    """And keeps nothing."""
    with rltrack.init(mode="disabled") as run:
        artifact = run.log_artifact(rltrack.Artifact("a", "t"))
        assert run.save(str(data / "*")) is False
        assert run.link_artifact(artifact, "x") is None

    assert not root.exists()


def _upsert(number: int, root: str) -> None:
    with rltrack.init(project="p", group="g", dir=root, settings={"quiet": True}) as run:
        part = rltrack.Artifact("shards", "dataset")
        with part.new_file(f"{number}.txt") as file:
            file.write(str(number))
        run.upsert_artifact(part, aliases=[f"from-{number}"])


def test_many_processes_make_one_version(root: Path) -> None:
    """Each adds its files; one completes it."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_upsert, args=(n, str(root))) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    with rltrack.init(project="p", group="g") as run:
        whole = run.finish_artifact(rltrack.Artifact("shards", "dataset"))

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert [file.path for file in whole.files()] == ["0.txt", "1.txt", "2.txt"]
    assert whole.aliases == ["from-0", "from-1", "from-2", "latest"]
    assert not list((root / "artifacts" / "p" / "shards").glob("drafts"))


def _log_versions(number: int, root: str) -> None:
    with rltrack.init(project="p", dir=root, settings={"quiet": True}) as run:
        for step in range(10):
            artifact = rltrack.Artifact("model", "model")
            with artifact.new_file("weights") as file:
                file.write(f"{number}/{step}")
            run.log_artifact(artifact, aliases=[f"w{number}"])


def test_processes_that_log_at_once_get_versions_of_their_own(root: Path) -> None:
    """None is lost, and none is there twice."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_log_versions, args=(n, str(root))) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    found = rltrack.Api(root).artifacts("model", "p/model")
    contents = {read(artifact, "weights").decode() for artifact in found}

    assert sorted(int(a.version[1:]) for a in found) == list(range(30))
    assert contents == {f"{number}/{step}" for number in range(3) for step in range(10)}
    for number in range(3):
        newest = rltrack.Api(root).artifact(f"p/model:w{number}")
        assert read(newest, "weights").decode() == f"{number}/9"


def test_a_project_may_be_called_as_the_store_is(root: Path) -> None:
    """`blobs` is a folder of ours."""
    with rltrack.init(project="blobs") as run:
        artifact = rltrack.Artifact("a", "t")
        with artifact.new_file("x") as file:
            file.write("y")
        run.log_artifact(artifact)

    assert rltrack.Api().artifact("blobs/a").file_count == 1
    assert json.loads((root / "artifacts" / "%62lobs" / "a" / "v0.json").read_text())["count"] == 1


def test_a_draft_is_saved_without_a_run(root: Path) -> None:
    """A dataset that somebody prepares."""
    artifact = rltrack.Artifact("data", "dataset")
    with artifact.new_file("x.bin", mode="wb") as file:
        file.write(b"\0")
    artifact.save(project="p")

    assert rltrack.Api().artifact("p/data").logged_by() is None
