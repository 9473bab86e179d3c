"""`Api` in W&B's words: changes by `update`, projects, new runs, paths, and what it refuses."""

from __future__ import annotations

import copy
import json
import math
import pickle
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

import rltrack
from rltrack.api import Run
from rltrack.errors import NotFoundError, UnsupportedError, UsageError


@pytest.fixture
def run(root: Path) -> Run:
    """A run that has ended, and another in a second project."""
    config = {"lr": 0.1, "net": {"width": 64}, "seed": 1, "x": math.nan}
    with rltrack.init(project="p", id="a", name="first", config=config) as recorded:
        for step in range(20):
            recorded.log({"loss": 1 / (step + 1)})
    rltrack.init(project="q", id="b").finish()
    return rltrack.Api().run("p/a")


# -- changes -------------------------------------------------------------------------------------


def test_config_that_was_changed_is_recorded_by_update(run: Run) -> None:
    """As a script for W&B changes it: deep, by type, by deleting; and nothing before."""
    run.config["lr"] = 0.2
    run.config["net"]["width"] = 128
    run.config["seed"] = True
    del run.config["x"]
    run.config["new"] = {"a": [1]}
    changed = {"lr": 0.2, "net": {"width": 128}, "seed": True, "new": {"a": [1]}}
    assert run.config == changed
    assert rltrack.Api().run("p/a").config["lr"] == 0.1

    run.update()

    found = rltrack.Api().run("p/a").config
    assert found == run.config == changed
    assert found["seed"] is True


def test_summary_has_an_update_of_its_own(run: Run) -> None:
    """And that of the run takes it, too."""
    run.summary["best"] = 1
    run.summary.update({"f1": 0.5})
    run.summary["late"] = 2
    run.save()

    found = rltrack.Api().run("p/a").summary
    assert (found["best"], found["f1"], found["late"]) == (1, 0.5, 2)
    assert found["loss"] == 1 / 20


def test_tags_are_appended_and_recorded_by_update(run: Run) -> None:
    """As in W&B's own examples; they go on being a tuple."""
    run.tags.append("baseline")
    run.tags.extend(["a", "baseline"])
    run.tags.remove("a")
    assert run.tags == ("baseline",)
    assert rltrack.Api().run("p/a").tags == ()

    run.update()
    run.tags += ["late"]  # type: ignore[operator]

    assert rltrack.Api().run("p/a").tags == run.tags == ("baseline", "late")
    assert type(pickle.loads(pickle.dumps(run.tags))) is tuple
    with pytest.raises(ValueError, match="not in tuple"):
        rltrack.Api().run("p/a").tags.remove("nothing")


def test_update_without_a_change_writes_nothing(run: Run) -> None:
    """A look is no edit, though NaN is not equal to itself."""
    files = sorted(run.folder.rglob("*.rlj"))
    assert math.isnan(run.config["x"])
    run.summary.update()
    run.update()

    assert sorted(run.folder.rglob("*.rlj")) == files


def test_what_is_unchanged_is_read_again_and_what_is_changed_can_be_dropped(root: Path) -> None:
    """A run that goes on is seen as it is."""
    with rltrack.init(project="p", id="live") as recorded:
        recorded.log({"loss": 2.0})
        run = rltrack.Api().run("p/live")
        assert run.summary["loss"] == 2.0
        recorded.log({"loss": 1.0})
        assert run.summary["loss"] == 1.0
        run.summary["loss"] = 9
        assert run.load()["summaryMetrics"]["loss"] == 1.0


def test_a_copy_of_a_summary_is_a_plain_dict(run: Run) -> None:
    """It is pickled, copied and turned into JSON."""
    for copied in (copy.deepcopy(run.summary), pickle.loads(pickle.dumps(run.summary))):
        assert type(copied) is dict
        assert copied == dict(run.summary)
    assert json.loads(json.dumps(run.summary))["loss"] == 0.05


def test_further_names_of_a_run(run: Run) -> None:
    """Each as W&B has it."""
    assert run.rawconfig == run.config
    assert run.summary_metrics == dict(run.summary) == run.summary._json_dict
    assert json.loads(run.json_config)["lr"] == {"value": 0.1}
    assert run.lastHistoryStep == 19
    assert time.time() - run.heartbeat_at < 600
    assert "first" in run.to_html()
    assert [row["loss"] for row in run.beta_scan_history(["loss"], min_step=18)] == [1 / 19, 1 / 20]


def test_history_takes_its_arguments_in_w_and_bs_order_too(run: Run) -> None:
    """There, the number of samples comes first."""
    assert len(run.history(5)) == 5
    assert run.history(5, ["loss"]).columns.tolist() == run.history(["loss"]).columns.tolist()
    assert len(run.history(5, ["loss"], "loss")) == 5
    assert run.history(3, pandas=False) == run.history(samples=3, pandas=False)
    with pytest.raises(UsageError, match="and a number"):
        run.history(samples="many")


# -- files ---------------------------------------------------------------------------------------


def test_rows_are_downloaded_as_parquet(run: Run, tmp_path: Path) -> None:
    """All of them, in one file."""
    exports = run.download_history_exports(tmp_path / "out")

    assert not exports.contains_live_data
    assert pd.read_parquet(exports.paths[0])["loss"].tolist() == run.history()["loss"].tolist()
    with rltrack.init(project="p", id="live") as recorded:
        recorded.log({"loss": 2.0})
        live = rltrack.Api().run("p/live")
        with pytest.raises(UsageError, match="goes on"):
            live.download_history_exports(tmp_path)
        assert live.download_history_exports(tmp_path, False).contains_live_data


def test_a_file_is_kept_beside_a_run_that_has_ended(run: Run, tmp_path: Path) -> None:
    """Under its path below a folder, which it must be in."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.txt").write_text("text")

    file = run.upload_file("deep/a.txt", root=str(tmp_path / "in"))

    assert file.name == "deep/a.txt"
    assert file.path.read_text() == "text"
    with pytest.raises(UsageError, match="there is no file"):
        run.upload_file("b.txt", root=str(tmp_path))
    with pytest.raises(UsageError, match="not below"):
        run.upload_file(
            tmp_path / "in" / "deep" / "a.txt",
            root=str(tmp_path / "in" / "deep" / ".." / "deep" / "x"),
        )


# -- the end -------------------------------------------------------------------------------------


def test_the_end_of_a_run_is_waited_for(root: Path, run: Run) -> None:
    """Or no longer than one would."""
    run.wait_until_finished()
    recorded = rltrack.init(project="p", id="live")
    live = rltrack.Api().run("p/live")
    with pytest.raises(TimeoutError):
        live.wait_until_finished(poll_s=0.01, timeout_s=0.05)
    end = threading.Timer(0.1, recorded.finish)
    end.start()
    live.wait_until_finished(poll_s=0.01)
    end.join()

    assert live.state == "finished"


def test_what_has_ended_is_not_stopped_and_not_called_otherwise(run: Run) -> None:
    """How it ended is what happened."""
    with pytest.raises(UsageError, match="it is finished"):
        run.stop()
    with pytest.raises(UnsupportedError, match="resume='must'"):
        run.update_state("pending")


# -- projects and paths --------------------------------------------------------------------------


def test_a_project_is_its_name_with_w_and_bs_attributes(run: Run, root: Path) -> None:
    """So that both kinds of scripts go on working."""
    first, second = rltrack.Api().projects(entity="team")

    assert [first, second] == ["p", "q"]
    assert (first.name, first.id, first.path) == ("p", "p", ["", "p"])
    assert first.folder == root / "p"
    assert [one.id for one in first.runs()] == ["a"]
    assert first.collections() == []
    assert pickle.loads(pickle.dumps(first)) == "p"
    assert json.dumps(first) == '"p"'


def test_paths_may_leave_out_what_is_chosen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the settings, by overrides, or because there is one only."""
    api = rltrack.Api()
    assert [one.id for one in api.runs(path="team/p")] == ["a"]
    with pytest.raises(UsageError, match="say the project; there are p, q"):
        api.runs()
    assert [one.id for one in rltrack.Api({"project": "q"}, timeout=30).runs()] == ["b"]
    monkeypatch.setenv("WANDB_PROJECT", "p")
    assert api.run("a").path == "p/a"
    assert api.settings["project"] == "p"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("p", "p"),
        ("team/p", "p"),
        ("p/a", "p/a"),
        ("team/p/a", "p/a"),
        ("p/runs/a", "p/a"),
        ("team/p/runs/a", "p/a"),
    ],
)
def test_a_path_names_a_project_or_a_run(run: Run, path: str, found: str) -> None:
    """With whoever it belongs to in front, or without."""
    named = rltrack.Api().from_path(path)

    assert (named.path if isinstance(named, Run) else named) == found


def test_a_path_that_names_nothing_is_told(run: Run) -> None:
    """As what it seems to be."""
    api = rltrack.Api()
    with pytest.raises(NotFoundError, match="no project 'nothing'"):
        api.from_path("nothing")
    with pytest.raises(NotFoundError, match="no run 'c'"):
        api.from_path("p/c")
    with pytest.raises(NotFoundError, match="s1"):
        api.from_path("team/p/sweeps/s1")
    with pytest.raises(NotFoundError, match="no report 'r'"):
        api.from_path("team/p/reports/r")
    with pytest.raises(UsageError, match="there are no workspaces"):
        api.from_path("team/p/workspace")


def test_a_version_of_an_artifact_has_a_path(root: Path) -> None:
    """As `Api.artifact` takes it."""
    with rltrack.init(project="p") as recorded:
        artifact = rltrack.Artifact("data", type="dataset")
        with artifact.new_file("a.txt") as file:
            file.write("a")
        recorded.log_artifact(artifact)

    assert rltrack.Api().from_path("p/data:v0").name == "data:v0"


def test_a_run_is_made_without_a_training(root: Path) -> None:
    """For a script that brings numbers from elsewhere; a training may go on with it."""
    api = rltrack.Api()
    api.create_project("new", entity="team")
    assert (root / "new").is_dir()
    run = api.create_run(project="new", run_id="r1")
    run.config["lr"] = 0.1
    run.summary["f1"] = 0.5
    run.update()

    assert (run.state, run.path) == ("finished", "new/r1")
    with rltrack.init(project="new", id="r1", resume="must") as recorded:
        assert recorded.config["lr"] == 0.1
        recorded.log({"loss": 1.0})
    assert run.summary["loss"] == 1.0
    with pytest.raises(UsageError, match="there is a run new/r1 already"):
        api.create_run(project="new", run_id="r1")


# -- other tools and folders ---------------------------------------------------------------------


def test_runs_are_exported_and_imported(run: Run, tmp_path: Path) -> None:
    """As the commands do it."""
    api = rltrack.Api()
    api.export(run, tmp_path / "a.csv")
    api.export(api.runs("p"), tmp_path / "rows")
    api.export([run, api.run("q/b")], tmp_path / "all.zip")
    there = rltrack.Api(tmp_path / "there")

    assert len(there.import_(tmp_path / "all.zip")) == 2
    assert there.import_(tmp_path / "all.zip")[0].outcome != "new"
    assert there.run("p/a").history().equals(run.history())
    assert (tmp_path / "a.csv").read_text().count("\n") == 21
    assert pd.read_parquet(tmp_path / "rows" / "p" / "a.parquet")["loss"].size == 20
    with pytest.raises(UsageError, match="is one file"):
        api.export([run, api.run("q/b")], tmp_path / "a.parquet")


def test_tensorboards_runs_are_imported(root: Path, tmp_path: Path) -> None:
    """Each with an id of its own."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "logs" / "ppo")) as writer:
        writer.add_scalar("loss", 0.5, 3)
    api = rltrack.Api()
    (done,) = api.sync_tensorboard(tmp_path / "logs", project="past")

    assert done.outcome == "new"
    assert api.runs("past")[0].summary["loss"] == 0.5
    with pytest.raises(UsageError, match="ids of their own"):
        api.sync_tensorboard(tmp_path / "logs", run_id="x")


# -- the cloud -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["registries", "automations", "user", "team", "runz"])
def test_what_is_of_the_cloud_is_refused_by_its_name(root: Path, name: str) -> None:
    """With what to do instead; as an AttributeError, for who asks by hasattr."""
    api = rltrack.Api()

    with pytest.raises(UnsupportedError, match=name):
        getattr(api, name)
    assert not hasattr(api, name)


def test_who_asks_is_the_user_of_this_machine(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or whom the settings name; there is nothing to flush."""
    monkeypatch.setenv("WANDB_USERNAME", "ada")
    monkeypatch.setenv("WANDB_ENTITY", "lab")
    api = rltrack.Api(api_key="secret")
    api.flush()

    assert (api.viewer.username, api.viewer.entity, api.default_entity) == ("ada", "lab", "lab")
