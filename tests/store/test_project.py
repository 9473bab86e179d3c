"""Many runs, kept open between questions."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest

import rltrack
from rltrack.errors import NotFoundError
from rltrack.store.project import Catalog, ListedRun, Project


def ids(runs: list[ListedRun]) -> set[str]:
    return {run.id for run in runs}


def test_what_changed_since_a_version_is_what_changed(root: Path) -> None:
    """New runs, runs with new rows, and runs that ended; nothing else."""
    one = rltrack.init(project="p", id="one", reinit="create_new")
    two = rltrack.init(project="p", id="two", reinit="create_new")
    project = Catalog(root).project("p")
    first = project.refresh()
    assert ids(project.changed_since(-1)[1]) == {"one", "two"}
    assert project.refresh() == first
    assert project.changed_since(first) == (first, [], [])

    one.log({"loss": 1})
    second = project.refresh()
    assert ids(project.changed_since(first)[1]) == {"one"}

    two.finish()
    rltrack.init(project="p", id="three", reinit="create_new")
    third = project.refresh()
    assert first < second < third
    assert ids(project.changed_since(second)[1]) == {"two", "three"}
    assert ids(project.changed_since(first)[1]) == {"one", "two", "three"}


def test_a_run_that_was_read_for_a_chart_is_still_told_as_changed(root: Path) -> None:
    """Who asks first must not keep the news from who listens."""
    run = rltrack.init(project="p", id="one")
    project = Catalog(root).project("p")
    version = project.refresh()

    run.log({"loss": 1})
    assert project.find(["one"])["one"] is not None

    project.refresh()
    assert ids(project.changed_since(version)[1]) == {"one"}


def test_a_removed_run_is_told_and_may_come_back(root: Path) -> None:
    """Deleting a run is deleting its folder."""
    for run_id in ("one", "two"):
        with rltrack.init(project="p", id=run_id) as run:
            run.log({"loss": 1})
    project = Catalog(root).project("p")
    version = project.refresh()

    shutil.move(root / "p" / "one", root.parent / "aside")
    project.refresh()
    assert project.changed_since(version)[1:] == ([], ["one"])
    assert project.find(["one"]) == {"one": None}

    shutil.move(root.parent / "aside", root / "p" / "one")
    project.refresh()
    _, changed, removed = project.changed_since(version)
    assert (ids(changed), removed) == ({"one"}, [])


def test_a_colour_slot_is_the_order_of_creation_and_stays(root: Path) -> None:
    """Colours must not move when a run is deleted, nor depend on what was looked at first."""
    names = ["c", "a", "b"]
    for name in names:
        rltrack.init(project="p", id=name).finish()
    project = Catalog(root).project("p")
    project.find(["b"])
    assert [project.slot(name) for name in ("b", "c", "a")] == [2, 0, 1]

    shutil.rmtree(root / "p" / "a")
    rltrack.init(project="p", id="d").finish()
    project.refresh()

    assert [project.slot(name) for name in ("c", "b", "d")] == [0, 2, 3]


def test_a_thousand_finished_runs_are_read_once(root: Path) -> None:
    """Listing them again opens no file of theirs, and holds none open."""
    with rltrack.init(project="p", id="0") as run:
        run.log({"loss": 1})
    for number in range(1, 1000):
        shutil.copytree(root / "p" / "0", root / "p" / str(number))
    project = Catalog(root).project("p")
    version = project.refresh()

    assert len(project.changed_since(-1)[1]) == 1000
    assert not [file.path for file in psutil.Process().open_files() if str(root) in file.path]
    for folder in (root / "p").iterdir():
        shutil.rmtree(folder / "journal")  # whoever read it again would find nothing
    assert project.refresh() == version
    assert all(run.digest().summary == {"loss": 1} for run in project.runs())
    assert [metric.run_count for metric in project.metrics()] == [1000]


def test_memory_is_bounded_and_the_rows_used_last_stay(root: Path) -> None:
    """A project of any size can be looked at."""
    for name in ("a", "b", "c"):
        with rltrack.init(project="p", id=name) as run:
            for step in range(1000):
                run.log({"loss": step})
    one = Project(root, "p")
    one.refresh()
    each = one.runs()[0].nbytes

    project = Project(root, "p", memory_bytes=2 * each)
    project.refresh()
    assert sum(run.nbytes for run in project.runs()) <= 2 * each
    for name in ("a", "b", "c", "a"):
        run_reader = project.find([name])[name]
        assert run_reader is not None
        points = run_reader.points("loss")
        assert points is not None
        assert len(points) == 1000
        project.refresh()
        assert sum(run.nbytes for run in project.runs()) <= 2 * each
        assert run_reader.nbytes > 0


def test_a_damaged_run_hides_no_other(root: Path) -> None:
    """It is listed, too, with what is wrong with it."""
    for name in ("good", "bad", "newer"):
        with rltrack.init(project="p", id=name) as run:
            run.log({"loss": 1})
    (root / "p" / "bad" / "run.json").write_text("{")
    (root / "p" / "newer" / "run.json").write_text('{"format": 9}')
    (root / "p" / "no run").mkdir()
    (root / "p" / "file").write_text("")
    project = Catalog(root).project("p")
    project.refresh()

    damage = {run.id: bool(run.digest().damage) for run in project.runs()}
    assert damage == {"good": False, "bad": True, "newer": True}


def test_an_overview_counts_states_and_reads_no_journal_of_a_finished_run(root: Path) -> None:
    """The list of projects opens at once, whatever lies in them."""
    rltrack.init(project="p", id="ended").finish()
    rltrack.init(project="q", id="failed").finish(1)
    live = rltrack.init(project="p", id="live")
    shutil.rmtree(root / "p" / "ended" / "journal")
    catalog = Catalog(root)

    overviews = {overview.name: overview for overview in catalog.overviews()}
    assert overviews["p"].states == {"finished": 1, "running": 1}
    assert overviews["q"].states == {"failed": 1}
    version = catalog.refresh()
    assert catalog.refresh() == version
    live.finish()
    assert catalog.refresh() > version


def test_the_axis_of_a_metric_is_that_of_most_runs(root: Path) -> None:
    """And of runs that have the metric, not of all."""
    for name, axis in (
        ("a", "global_step"),
        ("b", "global_step"),
        ("c", "epoch"),
        ("d", "epoch"),
        ("e", "epoch"),
    ):
        with rltrack.init(project="p", id=name) as run:
            run.define_metric("loss", step_metric=axis)
            run.log({"loss": 1} if name in "abc" else {"other": 1})
    project = Catalog(root).project("p")
    project.refresh()

    assert [(m.key, m.x, m.run_count) for m in project.metrics()] == [
        ("loss", "global_step", 3),
        ("other", "_step", 2),
    ]


def test_a_project_that_is_not_there_is_told_with_what_is(root: Path) -> None:
    """What was asked, what was found, what to do next."""
    with pytest.raises(NotFoundError, match=r"holds no runs; record one with rltrack\.init"):
        Catalog(root).project("cartpole")
    rltrack.init(project="cartpole").finish()
    with pytest.raises(
        NotFoundError, match=r"no project 'cartpol' in .*; did you mean 'cartpole'\?"
    ):
        Catalog(root).project("cartpol")
