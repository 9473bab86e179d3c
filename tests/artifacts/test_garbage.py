"""What `gc` frees of artifacts, and what it never does; and the command."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

import rltrack
from rltrack.artifacts.garbage import BLOB_GRACE_S, Retention
from rltrack.cli import main
from rltrack.errors import UsageError
from rltrack.store.gc import Garbage, garbage

LATER_S = 10 * BLOB_GRACE_S


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", id="r", settings={"quiet": True})


def checkpoint(run: rltrack.Run, score: object, *aliases: str, **facts: object) -> rltrack.Artifact:
    """A version of a model, with files of its own."""
    artifact = rltrack.Artifact("policy", "model", metadata={"score": score, **facts})
    with artifact.new_file("weights") as file:
        file.write(f"{score} {facts}")
    return run.log_artifact(artifact, aliases=list(aliases))


def later(root: Path, **options: object) -> list[Garbage]:
    """What is garbage when some days have gone by."""
    return garbage(root, now=lambda: time.time() + LATER_S, **options)  # type: ignore[arg-type]


def versions(root: Path) -> list[str]:
    return [a.version for a in reversed(rltrack.Api(root).artifacts("model", "p/policy"))]


def test_the_best_checkpoints_stay(run: rltrack.Run, root: Path, tmp_path: Path) -> None:
    """With the newest, and those that somebody named; what only the others had goes with them."""
    for score in (1.0, 5.0, 3.0, float("nan"), 4.0, 0.0):
        checkpoint(run, score, *(["named"] if score == 1.0 else []))
    found = later(root, checkpoints=Retention.of(2, "score"))

    assert [one.path.stem for one in found if one.kind == "version"] == ["v2", "v3"]
    assert sum(one.kind == "blob" for one in found) == 4  # the weights, and the lists
    assert all(one.remove() for one in found)
    assert versions(root) == ["v0", "v1", "v4", "v5"]
    assert later(root, checkpoints=Retention.of(2, "score")) == []
    for artifact in rltrack.Api(root).artifacts("model", "p/policy"):
        artifact.download(tmp_path / artifact.version)


def test_what_is_best(root: Path) -> None:
    """The least, the greatest, or the newest."""
    assert Retention.of(1, "loss:min").goal == "minimize"
    assert Retention.of(1, None).by is None
    with pytest.raises(UsageError, match="KEY:max or KEY:min"):
        Retention.of(1, "loss:least")
    with pytest.raises(UsageError, match="0 or more"):
        Retention.of(-1, None)


def test_contents_of_a_deleted_version_go(run: rltrack.Run, root: Path) -> None:
    """But for those that others need, and those that are young: somebody may be about to log them."""
    first = checkpoint(run, 1.0)
    second = first.new_draft()
    with second.new_file("more") as file:
        file.write("more")
    run.log_artifact(second)
    run.use_artifact("policy:v1").delete()
    found = later(root)

    assert garbage(root) == []
    assert sorted(one.bytes for one in found)[0] == len("more")
    assert len(found) == 2
    assert all(one.remove() for one in found)
    first.verify(first.download(root.parent / "got"))


def test_a_draft_is_no_garbage(run: rltrack.Run, root: Path) -> None:
    """Neither one of this process, nor what others left for a version to be completed."""
    part = rltrack.Artifact("shards", "dataset")
    with part.new_file("x") as file:
        file.write("x")
    run.upsert_artifact(part, distributed_id="d")

    assert garbage(root) == []
    assert later(root) == []


def test_time_to_live(run: rltrack.Run, root: Path) -> None:
    """Without an alias of its own, a version goes when its time is over."""
    for number, aliases in enumerate(([], ["keep"], [])):
        artifact = checkpoint(run, number, *aliases)
        artifact.ttl = timedelta(seconds=BLOB_GRACE_S) if number < 2 else None
        artifact.save()

    assert [one.path.stem for one in garbage(root)] == []
    assert [one.path.stem for one in later(root) if one.kind == "version"] == ["v0"]


def test_what_a_killed_process_left(run: rltrack.Run, root: Path) -> None:
    """Parts of contents, and a version's number that it claimed and did not fill."""
    checkpoint(run, 1.0)
    part = root / "artifacts" / "blobs" / ".0123.part"
    part.write_text("half")
    (root / "artifacts" / "p" / "policy" / "v1.json").touch()
    checkpoint(run, 2.0)

    assert versions(root) == ["v0", "v2"]
    assert [one.path for one in later(root)] == [part]


def test_the_command(
    run: rltrack.Run, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a folder to a version and back."""
    run.finish()
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("hello")

    def ask(*command: str, code: int = 0) -> str:
        assert main([*command, "--dir", str(root)]) == code, command
        told = capsys.readouterr()
        return told.out if code == 0 else told.err

    capsys.readouterr()
    assert "no artifacts in" in ask("artifact", "ls")
    assert "q/data:v0: a new version, best, latest" in ask(
        "artifact", "put", str(data), "q/data", "--alias", "best"
    )
    assert "has these files already" in ask("artifact", "put", str(data), "q/data")
    assert "q/data" in ask("artifact", "ls")
    assert json.loads(ask("artifact", "ls", "q", "--json"))[0]["files"] == 1
    assert "best, latest" in ask("artifact", "ls", "q/data")
    assert "a.txt" in ask("artifact", "ls", "q/data:best")
    got = json.loads(ask("artifact", "get", "q/data", "--to", str(tmp_path / "got"), "--json"))
    assert Path(got["folder"], "a.txt").read_text() == "hello"
    assert json.loads(ask("du", "--json"))["artifacts"] == [
        {"project": "q", "name": "data", "versions": 1, "bytes": 5}
    ]
    assert "q/data" in ask("du")
    assert "has the aliases best" in ask("artifact", "rm", "q/data:best", code=1)
    assert "say which version" in ask("artifact", "rm", "q/data", code=1)
    assert "is deleted" in ask("artifact", "rm", "q/data:v0", "--force")
    assert "say which project" in ask("artifact", "put", str(data), "data", code=1)
    assert "no such file" in ask("artifact", "put", "nothing", "q/data", code=1)
    assert "give both" in ask("gc", "--best", "score", code=1)
    for path in (root / "artifacts" / "blobs").rglob("*"):
        os.utime(path, (0, 0))
    assert "2 things" in ask("gc", "--keep-checkpoints", "1")
