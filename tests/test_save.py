"""`save` and `restore`: files of the user's beside a run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import rltrack
from rltrack.errors import NotFoundError, NotInitializedError, UsageError


@pytest.fixture
def run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rltrack.Run:
    monkeypatch.chdir(tmp_path)
    return rltrack.init(project="p", id="r", settings={"quiet": True})


def kept(run: rltrack.Run) -> dict[str, str]:
    """Names and contents of the files beside a run."""
    folder = Path(run.dir)
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write(path: str, text: str) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def test_paths_from_here_stay(run: rltrack.Run) -> None:
    """Globs are taken at the call."""
    write("models/a.txt", "1")
    write("models/deep/b.txt", "2")
    found = run.save("models/*.txt")
    run.save("models/**/b.txt")
    write("models/late.txt", "3")

    assert found == [str(Path(run.dir, "models/a.txt"))]
    assert kept(run) == {"models/a.txt": "1", "models/deep/b.txt": "2"}
    assert run.save("nothing*") == []


def test_paths_from_elsewhere_keep_one_folder(
    run: rltrack.Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Or all below `base_path`."""
    other = tmp_path_factory.mktemp("other")
    file = write(str(other / "x" / "y" / "z.txt"), "1")
    run.save(file)
    run.save(file, base_path=other)
    with pytest.raises(UsageError, match="not below"):
        run.save(file, base_path=other / "w")

    assert kept(run) == {"x/y/z.txt": "1", "y/z.txt": "1"}


def test_live_follows_what_is_written(run: rltrack.Run) -> None:
    """Into the file, and into another that takes its place."""
    file = write("a.txt", "1")
    run.save("a.txt", policy="live")
    with file.open("a") as more:
        more.write("2")
    assert kept(run) == {"a.txt": "12"}
    os.replace(write("b.txt", "3"), file)
    end = time.monotonic() + 20
    while kept(run) != {"a.txt": "3"} and time.monotonic() < end:
        time.sleep(0.05)

    assert kept(run) == {"a.txt": "3"}


def test_a_run_that_has_ended_does_not_change(run: rltrack.Run) -> None:
    """The next one writes the same file."""
    file = write("model.txt", "first")
    run.save("model.txt")
    run.finish()
    file.write_text("second")

    assert kept(run) == {"model.txt": "first"}


def test_now_and_end(run: rltrack.Run) -> None:
    """As it is, and as it will be."""
    file = write("a.txt", "1")
    run.save("a.txt", policy="now")
    write("b.txt", "1")
    run.save("b.txt", policy="end")
    file.write_text("2")
    Path("b.txt").write_text("2")
    before = kept(run)
    run.finish()

    assert before == {"a.txt": "1"}
    assert kept(run) == {"a.txt": "1", "b.txt": "2"}


def test_what_cannot_be_saved(run: rltrack.Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Is told, and costs nobody a training."""
    with pytest.raises(UsageError, match="one of live, now, end"):
        run.save("x", policy="later")
    assert run.save("s3://bucket/x") == []
    write("gone.txt", "1")
    run.save("gone.txt", policy="end")
    Path("gone.txt").unlink()
    run.finish()

    told = capsys.readouterr().err
    assert "add_reference keeps it" in told
    assert "and is gone" in told
    assert run.state == "finished"


def test_a_file_that_was_written_into_the_run(run: rltrack.Run) -> None:
    """Is there already."""
    file = write(os.path.join(run.dir, "own.txt"), "1")

    assert run.save(file) == [str(file)]
    assert kept(run) == {"own.txt": "1"}


def test_a_resumed_run_gets_its_files_back(run: rltrack.Run, tmp_path: Path) -> None:
    """By name, open to be read; by default what is there stays."""
    write("ckpt/a.txt", "1")
    rltrack.save("ckpt/a.txt")
    run.finish()
    Path("ckpt/a.txt").write_text("other")
    with rltrack.init(project="p", id="r", resume="must"):
        found = rltrack.restore("ckpt/a.txt")
        assert found is not None
        with found:
            assert (found.name, found.read()) == ("ckpt/a.txt", "other")
        again = rltrack.restore("ckpt/a.txt", replace=True, root="new")
        assert again is not None
        with again:
            assert again.read() == "1"
        with pytest.raises(NotFoundError, match=r"no saved file 'b'; it has ckpt/a\.txt"):
            rltrack.restore("b")
        with pytest.raises(UsageError, match="name of a saved file"):
            rltrack.restore("../run.json")


def test_without_a_run(run: rltrack.Run) -> None:
    """One must be named; to save needs one that goes on."""
    write("a.txt", "1")
    run.save("a.txt")
    run.finish()
    found = rltrack.restore("a.txt", run_path="p/r", root="back")
    assert found is not None
    with found:
        assert found.read() == "1"
    with pytest.raises(UsageError, match="run_path"):
        rltrack.restore("a.txt")
    with pytest.raises(NotFoundError, match="no run p/none"):
        rltrack.restore("a.txt", run_path="p/none")
    with pytest.raises(NotInitializedError):
        rltrack.save("a.txt")
