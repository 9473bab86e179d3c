"""The commands that read, with ``--server``: what they print is what they print of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.cli import main
from tests.hub.team import Team, local, team_at


@pytest.fixture
def team(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """A folder with runs, and a server that has them, too."""
    monkeypatch.setenv("RLTRACK_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("RLTRACK_CONSOLE", "wrap")
    note = tmp_path / "note.txt"
    note.write_text("written down")
    for number in range(2):
        with rltrack.init(
            project="walk", id=f"r{number}", name=f"run-{number}", config={"lr": 0.1 * number}
        ) as run:
            for step in range(5):
                run.log({"loss": step * 0.5, "nan": float("nan")})
            print("a line")
            made = rltrack.Artifact("weights", "model")
            made.add_file(str(note))
            run.log_artifact(made)
    with team_at(local(tmp_path / "hub")) as team:
        assert main(["login", team.url, "--key", team.key("ann")]) == 0
        assert main(["sync", "--all"]) == 0
        yield team


def same(told: Any) -> Any:
    """What is the same on both sides: not where it lies or was sent, nor whose it is."""
    beside = ("folder", "url", "server", "sync")
    if isinstance(told, dict):
        found = {same(key): same(value) for key, value in told.items()}
        return {key: value for key, value in found.items() if key not in beside}
    if isinstance(told, list):
        return [same(one) for one in told]
    return told.removeprefix("ann/") if isinstance(told, str) else told


@pytest.mark.parametrize(
    "words",
    [
        ["ls"],
        ["ls", "walk", "--order=-config.lr"],
        ["ls", "walk", "--filter", "config.lr > 0.05"],
        ["show", "run-1"],
        ["history", "r0"],
        ["history", "walk/r1", "--keys", "loss"],
        ["logs", "r1"],
        ["config", "r0", "r1"],
        ["artifact", "ls", "walk"],
        ["artifact", "ls", "walk/weights:v0"],
        [
            "sql",
            "SELECT run_id, sum(value) AS s FROM points WHERE key = 'loss' GROUP BY ALL ORDER BY 1",
        ],
    ],
)
def test_what_is_printed_is_the_same(
    team: Team, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    here = json.loads(capsys.readouterr().out)
    assert main([*words, "--json", "--server"]) == 0
    there = json.loads(capsys.readouterr().out)
    assert here
    assert same(here) == same(there)


def test_runs_are_changed_and_brought_here(
    team: Team, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", "r0", "kept", "--server"]) == 0
    assert main(["rename", "r0", "better", "--server", team.url]) == 0
    assert main(["mv", "r1", "aside", "--server"]) == 0
    capsys.readouterr()
    assert main(["ls", "walk", "--json", "--server"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["id"], run["name"], run["tags"]) == ("r0", "better", ["kept"])
    assert rltrack.Api(root).run("walk/r0").name == "run-0"

    out = tmp_path / "all.zip"
    assert main(["export", "walk/r0", "-o", str(out), "--server"]) == 0
    assert main(["import", str(out), "--dir", str(tmp_path / "again")]) == 0
    (found,) = rltrack.Api(tmp_path / "again").projects()
    again = rltrack.Api(tmp_path / "again").run(f"{found}/r0")
    assert len(again.history(pandas=False)) == 5
    assert main(["artifact", "get", "walk/weights", "--to", str(tmp_path / "got"), "--server"]) == 0
    assert (tmp_path / "got" / "note.txt").read_text() == "written down"
    assert main(["rm", "r0", "--server"]) == 0
    assert main(["ls", "--dir", str(root), "--server"]) != 0
