"""What is known of runs that have ended: never another answer, whatever happens to the file."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import rltrack
from rltrack.store.catalog import CatalogFile, cache_folder
from rltrack.store.project import Catalog, Project
from rltrack.store.run import RunDigest, RunReader


def record(count: int, project: str = "p") -> list[rltrack.Run]:
    runs = []
    for number in range(count):
        with rltrack.init(project=project, config={"seed": number}) as run:
            run.define_metric("loss", step_metric="global_step")
            for step in range(3):
                run.log({"loss": step / (number + 1), "global_step": step * 8})
        runs.append(run)
    return runs


def project(root: Path) -> Project:
    found = Project(root, "p", catalog=CatalogFile(root))
    found.refresh()
    return found


def shown(found: Project) -> list[str]:
    found.refresh()
    return [
        repr([(name, plain(getattr(run.digest(), name))) for name in RunDigest.__slots__])
        for run in found.runs()
    ]


def plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose journals are read."""
    names: list[str] = []
    original = RunReader._poll

    def poll(reader: RunReader, *, final: bool) -> bool:
        names.append(reader.id)
        return original(reader, final=final)

    monkeypatch.setattr(RunReader, "_poll", poll)
    return names


def test_a_run_that_has_ended_is_read_once(root: Path, replayed: list[str]) -> None:
    """The next process takes it from the catalog, and says the same of it."""
    record(3)
    expected = shown(project(root))
    assert len(set(replayed)) == 3
    replayed.clear()

    again = project(root)
    assert shown(again) == expected
    assert [metric.x for metric in again.metrics()] == ["_step", "global_step"]
    assert again.overview().states == {"finished": 3}
    assert replayed == []


def test_what_goes_on_or_is_changed_is_read_again(root: Path) -> None:
    """A new name, written by whoever; a run that is made anew under its id."""
    first, second = record(2)
    project(root)
    later = project(root)
    assert first.folder is not None
    facts = rltrack.Api().run(first.path)
    path = first.folder / "run.json"
    path.write_text(path.read_text().replace(f'"{facts.name}"', '"another name"'))
    end = time.monotonic() + 10
    while "another name" not in [run.digest().name for run in later.runs()]:
        assert time.monotonic() < end
        later.refresh()
        time.sleep(0.05)
    assert "another name" in [run.digest().name for run in project(root).runs()]

    assert second.folder is not None
    shutil.rmtree(second.folder)
    with rltrack.init(project="p", id=second.id, config={"seed": 77}):
        pass
    found = {run.id: run.digest().config for run in project(root).runs()}
    assert found[second.id] == {"seed": 77}


def test_runs_that_go_are_forgotten(root: Path) -> None:
    """Also by the file."""
    gone, stays = record(2)
    found = project(root)
    assert gone.folder is not None
    shutil.rmtree(gone.folder)
    found.refresh()

    assert [run.id for run in found.runs()] == [stays.id]
    assert set(CatalogFile(root).load("p")) == {stays.id}


@pytest.mark.parametrize("damage", ["garbage", "cut", "another version", "a folder", "gone"])
def test_a_damaged_catalog_is_no_fault(root: Path, damage: str) -> None:
    """Runs are read again, and the next catalog is whole."""
    record(2)
    expected = shown(project(root))
    path = CatalogFile(root).path
    data = path.read_bytes()
    if damage != "another version":
        for other in (f"{path}-wal", f"{path}-shm"):
            Path(other).unlink(missing_ok=True)
    if damage == "garbage":
        path.write_bytes(b"no database" * 1000)
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "another version":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE about SET version = 'other'")
        connection.close()
    else:
        path.unlink()
        if damage == "a folder":
            path.mkdir()

    assert shown(project(root)) == expected
    assert shown(project(root)) == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_cache_folder_that_cannot_be_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then each process reads for itself."""
    record(1)
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o500)
    try:
        assert len(shown(project(root))) == 1
    finally:
        folder.chmod(0o700)


def test_a_cache_folder_that_is_a_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is, runs are shown."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("RLTRACK_CACHE_DIR", str(file))
    record(1)

    assert len(shown(project(root))) == 1


READER = """
import sys
from pathlib import Path
from rltrack.store.catalog import CatalogFile
from rltrack.store.project import Project
root = Path(sys.argv[1])
print("ready", flush=True)
while True:
    found = Project(root, "p", catalog=CatalogFile(root))
    found.refresh()
    catalog = CatalogFile(root)
    catalog.forget("p", [run.id for run in found.runs()][:2])
    catalog.close()
"""


def test_processes_that_share_a_catalog_and_are_killed(root: Path) -> None:
    """At any moment; the others go on, and say the same."""
    record(5)
    expected = shown(project(root))
    for _ in range(3):
        processes = [
            subprocess.Popen([sys.executable, "-c", READER, str(root)], stdout=subprocess.PIPE)
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(0.3)
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert shown(project(root)) == expected


def test_a_root_has_a_catalog_of_its_own(root: Path, tmp_path: Path) -> None:
    """In the cache folder, and nothing beside the runs."""
    record(1)
    project(root)

    assert CatalogFile(root).path.parent == cache_folder()
    assert CatalogFile(root).path != CatalogFile(tmp_path).path
    assert sorted(path.name for path in root.iterdir()) == ["p"]


def test_api_reads_a_listing_from_the_catalog(root: Path, replayed: list[str]) -> None:
    """Filters by what metrics amount to included; a run's rows are read when they are asked for."""
    record(4)
    assert len(rltrack.Api().runs("p")) == 4
    replayed.clear()

    runs = rltrack.Api().runs("p", "max(loss) > 0.6 and config.seed < 3", order="-config.seed")
    assert [run.config["seed"] for run in runs] == [2, 1, 0]
    assert [values["config.seed"] for values, _ in runs.group_by("config.seed")] == [2, 1, 0]
    assert [len(group) for _, group in runs.group_by(but=["seed"])] == [3]
    assert replayed == []
    assert runs[0].history(["loss"])["loss"].tolist() == [0, 1 / 3, 2 / 3]
    assert set(replayed) == {runs[0].id}


def test_a_new_project_is_seen(root: Path) -> None:
    """And what is no project is not."""
    catalog = Catalog(root)
    assert catalog.names() == []
    record(1)
    (root / "artifacts" / "blobs").mkdir(parents=True)

    assert catalog.names() == ["p"]
