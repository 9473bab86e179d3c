"""The command, as it is typed."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import rltrack
from rltrack.cli import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two projects: one run in the first, two in the second."""
    root = tmp_path / "runs"
    for project, name, loss in (("a", "only", 0.5), ("b", "one", 0.25), ("b", "two", math.nan)):
        config = {"lr": 0.1, "net": {"width": 64}}
        settings = {"provenance": True}
        with rltrack.init(
            project=project, name=name, dir=root, config=config, settings=settings
        ) as run:
            run.log({"train/loss": loss}, step=1200)
    return root


def typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints; it must succeed."""
    capsys.readouterr()
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_ls_lists_the_projects_with_their_runs(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first look at a folder."""
    header, first, second = typed(capsys, "ls", "--dir", str(root)).splitlines()

    assert header.split() == ["PROJECT", "RUNS", "RUNNING", "LATEST"]
    assert first.split()[:3] == ["a", "1", "0"]
    assert second.split()[:3] == ["b", "2", "0"]


def test_ls_of_a_project_lists_its_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, state, how far it came, and a number that says how well."""
    _, first, second = typed(capsys, "ls", "b", "--dir", str(root)).splitlines()

    assert first.startswith("one ")
    assert " finished " in first
    assert " 1,200 " in first
    assert first.endswith("train/loss=0.25")
    assert second.endswith("train/loss=nan")


def test_ls_of_an_empty_folder_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newcomer's first `ls` is in an empty folder."""
    assert "rltrack demo" in typed(capsys, "ls", "--dir", str(tmp_path))


def test_json_is_json_whatever_the_numbers_are(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other programs do not know NaN as a token."""

    def refuse(token: str) -> None:
        raise AssertionError(token)

    runs = json.loads(typed(capsys, "ls", "b", "--json", "--dir", str(root)), parse_constant=refuse)

    assert [run["summary"]["train/loss"] for run in runs] == [0.25, "NaN"]
    assert runs[0]["config"] == {"lr": 0.1, "net": {"width": 64}}


def test_show_finds_a_run_by_name_id_and_path(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """People remember the one or copy the other."""
    (run,) = rltrack.Api(root).runs("a")

    texts = {
        typed(capsys, "show", name, "--dir", str(root)) for name in ("only", run.id, f"a/{run.id}")
    }

    (text,) = texts
    assert "net.width  64" in text
    assert "train/loss" in text
    assert "python" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "nobody"], "no run with id or name 'nobody'"),
        (["ls", "nowhere"], "nowhere"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """Exit status 1, one line on stderr, no traceback."""
    status = main([*arguments, "--dir", str(root)])

    said = capsys.readouterr()
    assert status == 1
    assert told in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_name_that_several_runs_have_is_asked_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Showing either would be a guess."""
    for _ in range(2):
        with rltrack.init(project="p", name="twin", dir=tmp_path) as run:
            run.log({"a": 1})

    assert main(["show", "twin", "--dir", str(tmp_path)]) == 1
    assert "2 runs are called 'twin'" in capsys.readouterr().err


def test_ui_serves_until_ctrl_c(root: Path) -> None:
    """It prints its address, answers there, and ends quietly with status 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rltrack", "ui", "--port", "0", "--dir", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        projects = httpx.get(f"{address.rstrip('/')}/api/projects").json()["projects"]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()

    assert [project["name"] for project in projects] == ["a", "b"]
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_ls_filters_orders_and_limits(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the page and of `Api.runs`."""
    for number in range(4):
        with rltrack.init(project="p", id=f"r{number}", dir=str(root), config={"lr": number}):
            pass
    command = [
        "ls",
        "p",
        "--filter",
        "config.lr > 0",
        "--order=-config.lr",
        "--limit",
        "2",
        "--json",
    ]
    capsys.readouterr()
    assert main([*command, "--dir", str(root)]) == 0

    assert [run["id"] for run in json.loads(capsys.readouterr().out)] == ["r3", "r2"]
    assert main(["ls", "p", "--filter", "lr > 0", "--dir", str(root)]) == 1
    assert "did you mean config.lr" in capsys.readouterr().err
