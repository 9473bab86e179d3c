"""Changing runs from outside, deleting them, and freeing room: nothing is lost that was not meant."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rltrack
from rltrack.cli import main
from rltrack.errors import NotFoundError, UsageError
from rltrack.store.gc import garbage
from rltrack.store.sizes import run_size, tree_bytes
from rltrack.store.trash import delete, find, free, half_freed, restore, trashed


def record(run_id: str = "r", project: str = "p") -> rltrack.api.Run:
    with rltrack.init(project=project, id=run_id, config={"lr": 1}, tags=["old"]) as run:
        run.log({"loss": 0.5})
    return rltrack.Api().run(run.path)


def seen(path: str = "p/r") -> rltrack.api.Run:
    """The run as a process sees it that has seen nothing before, but for the catalog."""
    return rltrack.Api().run(path)


def test_what_is_changed_is_seen_by_everybody(root: Path) -> None:
    """Name, tags, notes, group, config and summary, of a run that has ended; it stays ended."""
    run = record()
    listing = rltrack.Api()
    assert [one.name for one in listing.runs("p")] != ["new name"]
    run.name, run.tags, run.notes, run.group = "new name", ["a", "b"], "why", "g"
    run.update_config({"lr": 2, "net": {"width": 64}}, remove=[])
    run.update_summary({"score": 7})

    for found in (run, seen()):
        assert (found.name, found.tags, found.notes, found.group) == (
            "new name",
            ("a", "b"),
            "why",
            "g",
        )
        assert found.config == {"lr": 2, "net": {"width": 64}}
        assert found.summary == {"loss": 0.5, "score": 7}
        assert found.state == "finished"
    reader = seen()._reader
    reader.refresh()
    assert reader.is_settled
    end = time.monotonic() + 10
    while [one.name for one in listing.runs("p")] != ["new name"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    facts = json.loads((run.folder / "run.json").read_text())
    assert (facts["name"], facts["state"]) == ("new name", "finished")


def test_keys_can_be_taken_away(root: Path) -> None:
    """Of config and summary."""
    run = record()
    run.update_config({}, remove=["lr"])
    run.update_summary({}, remove=["loss"])

    assert seen().config == {}
    assert seen().summary == {}


LIVE = """
import sys, rltrack
run = rltrack.init(project="p", id="live", dir=sys.argv[1], settings={"silent": True})
print("ready", flush=True)
for line in sys.stdin:
    run.log({"x": int(line)})
"""


def live(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_run_that_goes_on_is_edited_beside_its_training(root: Path) -> None:
    """Which goes on, ends as it would have, and does not take the edit back."""
    process = live(root)
    run = seen("p/live")
    run.name = "another"
    assert run.state == "running"
    with pytest.raises(UsageError, match="goes on and cannot be deleted"):
        run.delete()
    with pytest.raises(UsageError, match="goes on and cannot be moved"):
        run.move("q")
    process.communicate("1\n2\n")

    found = seen("p/live")
    assert (found.name, found.state) == ("another", "finished")
    assert found.history(["x"])["x"].tolist() == [1, 2]


def test_a_run_that_crashed_is_not_brought_to_life_by_an_edit(root: Path) -> None:
    """Though the process that edits it lives."""
    process = live(root)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    run = seen("p/live")
    assert run.state == "crashed"
    run.notes = "out of memory"

    assert run.state == "crashed"
    assert seen("p/live").state == "crashed"
    assert seen("p/live").notes == "out of memory"


def test_two_edits_at_once_both_survive(root: Path) -> None:
    """Each is a record of its own."""
    record()
    code = (
        "import sys, rltrack\n"
        f"run = rltrack.Api({str(root)!r}).run('p/r')\n"
        "for at in range(20):\n"
        "    run.update_config({f'{sys.argv[1]}{at}': at})\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [process.wait(60) for process in processes] == [0, 0]

    assert seen().config == {"lr": 1} | {f"{name}{at}": at for name in "ab" for at in range(20)}


def test_wrong_changes_are_told_and_change_nothing(root: Path) -> None:
    """An empty name, tags that are no texts."""
    run = record()
    with pytest.raises(UsageError, match="name=''"):
        run.name = ""
    with pytest.raises(UsageError, match="tags="):
        run.tags = [1]  # type: ignore[list-item]
    assert seen().tags == ("old",)


def test_a_run_moves_to_another_project(root: Path) -> None:
    """And not onto one that is there."""
    run = record()
    moved = run.move("q")
    assert (moved.path, moved.history()["loss"].tolist()) == ("q/r", [0.5])
    with pytest.raises(NotFoundError):
        seen("p/r")
    record()
    with pytest.raises(UsageError, match="is there already"):
        seen("p/r").move("q")


def test_deleted_runs_are_restored_or_freed(root: Path) -> None:
    """No list shows what is in the trash."""
    for name in ("r", "ü/x"):
        record(name) if name == "r" else record("r2")
    run = seen()
    assert run.delete() == 0
    assert [one.id for one in rltrack.Api().runs("p")] == ["r2"]
    assert rltrack.Api().projects() == ["p"]
    (one,) = trashed(root)
    assert (one.project, one.run_id) == ("p", "r")

    restore(root, find(root, "r"))
    assert seen().summary["loss"] == 0.5
    size = tree_bytes(seen().folder)
    assert seen().delete(forever=True) == size
    assert trashed(root) == []


def test_a_restored_run_takes_no_other_s_place(root: Path) -> None:
    """One of its id was made since."""
    record().delete()
    record()
    with pytest.raises(UsageError, match="is there already"):
        restore(root, find(root, "p/r"))
    with pytest.raises(NotFoundError, match="no run 'x' in the trash; there is p/r"):
        find(root, "x")


def test_what_was_half_removed_is_swept_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody was killed in the middle."""
    record()
    one = delete(root, seen()._listed.folder)
    monkeypatch.setattr("shutil.rmtree", lambda path: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        free(one)
    monkeypatch.undo()

    assert trashed(root) == []
    (left,) = half_freed(root)
    (found,) = [one for one in garbage(root) if one.path == left]
    assert found.remove()
    assert not left.exists()


def test_gc_takes_what_is_old_and_nothing_of_a_run_that_goes_on(root: Path) -> None:
    """Trash past its time, parts of files, and all but the newest videos."""
    frames = np.zeros((4, 16, 16, 3), np.uint8)
    with rltrack.init(project="p", id="films") as run:
        for step in range(3):
            frames[0, 0, 0] = step * 80
            run.log({"eval/video": rltrack.Video(frames.copy(), fps=10)}, step=step)
    assert run.folder is not None
    part = run.folder / ".run.json.1.2"
    part.write_text("{")
    os.utime(part, (0, 0))
    record().delete()
    process = live(root)

    assert {one.kind for one in garbage(root)} == {"leftover"}
    found = garbage(root, trash_older_than_s=0, keep_newest_videos=1)
    assert sorted(one.kind for one in found) == ["leftover", "trash", "video", "video"]
    assert all(one.remove() for one in found)
    assert garbage(root, trash_older_than_s=0, keep_newest_videos=1) == []
    assert len(list((run.folder / "media" / "videos").rglob("*.mp4"))) == 1
    process.communicate()


def test_sizes_by_run_and_kind(root: Path) -> None:
    """They add up to what is there."""
    run = record()
    (run.folder / "files").mkdir()
    (run.folder / "files" / "a.txt").write_text("12345")
    found = run_size(run.folder, "p")

    assert found.kinds["files"] == 5
    assert found.total == sum(p.stat().st_size for p in run.folder.rglob("*") if p.is_file())


def test_files_of_a_run(root: Path, tmp_path: Path) -> None:
    """Names, sizes, types, and copies of them."""
    run = record()
    (run.folder / "files" / "sub").mkdir(parents=True)
    (run.folder / "files" / "sub" / "a.json").write_text("{}")

    (file,) = run.files(pattern="*.json")
    assert (file.name, file.size, file.mimetype) == ("sub/a.json", 2, "application/json")
    copied = run.file("sub/a.json").download(tmp_path)
    assert copied.read_text() == "{}"
    with pytest.raises(UsageError, match="is there already"):
        file.download(tmp_path)
    assert file.download(tmp_path, exist_ok=True) == copied
    with pytest.raises(NotFoundError, match="no file 'b'"):
        run.file("b")


def test_histories_of_many_runs(root: Path) -> None:
    """In one frame, by their ids; a run without the metric has no rows."""
    record("a")
    record("b")
    with rltrack.init(project="p", id="other") as run:
        run.log({"acc": 1.0})
    runs = rltrack.Api().runs("p")
    frame = runs.histories(keys=["loss"], format="pandas")

    assert frame["run_id"].tolist() == ["a", "b"]
    assert frame["loss"].tolist() == [0.5, 0.5]
    assert set(runs.histories(format="pandas")["run_id"]) == {"a", "b", "other"}
    assert runs.histories(keys=["loss"])[0].items() >= {"run_id": "a", "loss": 0.5}.items()
    assert runs.histories(keys=["loss"], format="polars")["loss"].to_list() == [0.5, 0.5]
    assert rltrack.Api().runs("p", "state = failed").histories() == []
    with pytest.raises(UsageError, match="'default', 'pandas' or 'polars'"):
        runs.histories(format="csv")  # type: ignore[call-overload]


def test_the_artifacts_of_a_deleted_run_may_go_with_it(root: Path, tmp_path: Path) -> None:
    """If asked for, as W&B has it."""
    file = tmp_path / "a.txt"
    file.write_text("hello")
    for run_id in ("kept", "gone"):
        with rltrack.init(project="p", id=run_id) as run:
            run.log_model(file, name=f"model-{run_id}", aliases=["best"])
    rltrack.Api().run("p/gone").delete(delete_artifacts=True)
    rltrack.Api().run("p/kept").delete()

    assert rltrack.Api().artifact_exists("p/model-kept:best")
    assert not rltrack.Api().artifact_exists("p/model-gone")


def test_the_commands(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says what it did."""

    def run(*command: str) -> str:
        assert main([*command, "--dir", str(root)]) == 0, command
        return capsys.readouterr().out

    record()
    capsys.readouterr()
    assert "is new name now" in run("rename", "r", "new name")
    assert run("tag", "new name", "x", "--remove", "old") == "p/r: x\n"
    assert run("note", "r", "hello") == "p/r: hello\n"
    assert "JOURNAL" in run("du")
    assert json.loads(run("du", "p", "--json"))["runs"][0]["id"] == "r"
    assert "p/r is q/r now" in run("mv", "r", "q")
    assert "in the trash" in run("rm", "q/r")
    assert "q/r" in run("trash")
    assert "1 things" in run("gc", "--trash-older-than", "0s", "--dry-run")
    assert "is back" in run("restore", "r")
    assert "are free" in run("rm", "r", "--forever")
    assert run("trash") == "the trash is empty\n"
    assert main(["gc", "--trash-older-than", "soon", "--dir", str(root)]) == 1
    assert "an age such as" in capsys.readouterr().err
