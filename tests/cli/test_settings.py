"""`rltrack init` and `rltrack settings`, and the folder's settings file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rltrack
from rltrack.cli import main
from rltrack.settings import FOLDER_FILE, resolve


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout, which is the current folder."""
    (tmp_path / "code" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "code")
    return tmp_path / "code"


def test_init_writes_what_it_is_told_and_runs_find_it(
    here: Path, typed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder below, too; paths begin where the file is."""
    typed("init", "--project", "walker", "--dir", "out", "--set", "tags=a, b", "--set", "quiet=yes")
    (here / "scripts").mkdir()
    monkeypatch.chdir(here / "scripts")

    with rltrack.init() as run:
        assert run.project == "walker"
        assert run.tags == ("a", "b")
        assert run.folder is not None
        assert run.folder.parent.parent == here / "out"
    assert typed("ls", "walker").count("finished") == 1


def test_init_without_flags_asks_nobody_where_nobody_is(
    here: Path, typed: Callable[..., str]
) -> None:
    """It proposes the checkout's name, and the folder that is the default."""
    typed("init")

    assert resolve().project == "code"
    assert resolve().dir == str(here / "rltrack-runs")


def test_init_asks_who_sits_at_a_terminal(here: Path) -> None:
    """Return takes what is proposed."""
    ours, theirs = os.openpty()
    os.write(ours, b"walker\n\n")
    done = subprocess.run(
        [sys.executable, "-m", "rltrack", "init"],
        stdin=theirs,
        capture_output=True,
        text=True,
        check=True,
    )
    os.close(ours)
    os.close(theirs)

    assert "project of runs that name none [code]" in done.stdout
    assert (resolve().project, resolve().dir) == ("walker", str(here / "rltrack-runs"))


def test_init_changes_what_it_is_told_and_keeps_the_rest(
    here: Path, typed: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Comments, too; what it could not change safely it tells."""
    file = here / FOLDER_FILE
    file.write_text('# mine\nproject = "a"\n# of two\nstats_interval_s = 2\n')
    typed("init", "--project", 'b "c"', "--set", "notes=é\\")

    assert file.read_text() == (
        '# mine\nproject = "b \\"c\\""\n# of two\nstats_interval_s = 2\nnotes = "é\\\\"\n'
    )
    file.write_text('tags = [\n"a",\n]\n')
    assert main(["init", "--set", "tags=b"]) == 1
    assert "only you can change" in capsys.readouterr().err
    assert file.read_text() == 'tags = [\n"a",\n]\n'


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--set", "projekt=x"], "no setting 'projekt'"),
        (["--set", "quiet=perhaps"], "quiet='perhaps' is no bool"),
        (["--set", "quiet"], "say NAME=VALUE"),
        (["--mode", "ofline"], "mode='ofline'"),
    ],
)
def test_init_writes_nothing_that_is_wrong(
    here: Path, flags: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that starts later would not."""
    assert main(["init", *flags]) == 1
    assert told in capsys.readouterr().err
    assert not (here / FOLDER_FILE).exists()


def test_settings_tell_where_each_value_comes_from(
    here: Path, tmp_path: Path, typed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From high to low: the environment, the folder, the user, the default."""
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "settings.toml").write_text('notes = "n"\nproject = "user"\n')
    (here / FOLDER_FILE).write_text('project = "folder"\ngroup = "g"\n')
    monkeypatch.setenv("WANDB_RUN_GROUP", "theirs")
    monkeypatch.setenv("RLTRACK_ALERT_SLACK", "https://secret")

    told = json.loads(typed("settings", "--json"))

    user = str(tmp_path / "mine" / "settings.toml")
    assert told["group"] == {"value": "theirs", "from": "WANDB_RUN_GROUP"}
    assert told["project"] == {"value": "folder", "from": str(here / FOLDER_FILE)}
    assert told["notes"] == {"value": "n", "from": user}
    assert told["sync_interval_s"] == {"value": 5.0, "from": "the default"}
    assert told["run_id"] == {"value": None, "from": "not chosen"}
    assert "secret" not in told["alert_slack"]["value"].replace("(secret)", "")
    assert {name: one["value"] for name, one in told.items() if name != "alert_slack"} == {
        name: value
        for name, value in json.loads(json.dumps(vars(resolve()))).items()
        if name != "alert_slack"
    }
    assert typed("settings", "project").split()[-2:] == ["folder", str(here / FOLDER_FILE)]


def test_the_file_of_a_folder_above_the_checkout_is_not_its_own(here: Path) -> None:
    """Nor does a folder that is gone have one."""
    (here.parent / FOLDER_FILE).write_text('project = "above"\n')
    assert resolve().project is None

    (here / ".git").rmdir()
    assert resolve().project == "above"

    gone = here / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert resolve().project is None
