"""What a run printed, and its files and machine, over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import rltrack

PRINTS = """
import sys, rltrack
with rltrack.init(project="p", id="r", dir=sys.argv[1], settings={"console": "redirect"}) as run:
    print("one")
    print("\\x1b[31mtwo\\x1b[0m", file=sys.stderr)
    print("three")
"""


@pytest.fixture(autouse=True)
def run(root: Path) -> None:
    subprocess.run([sys.executable, "-c", PRINTS, str(root)], check=True, capture_output=True)


def test_the_lines_of_a_run_are_told_and_later_only_the_new_ones(client: httpx.Client) -> None:
    """With their colours, and whether they went to stderr."""
    found = client.get("/api/projects/p/runs/r/console").json()
    lines = dict(zip(found["text"], found["error"], strict=True))
    assert [lines.get("one"), lines.get("three")] == [False, False]
    assert any("two" in text and error for text, error in lines.items())

    (writer,) = found["writers"]
    after = {"after": json.dumps({writer: found["number"][-1]})}
    rest = client.get("/api/projects/p/runs/r/console", params=after).json()
    assert rest["text"] == found["text"][-1:]
    wrong = client.get("/api/projects/p/runs/r/console", params={"after": "3"})
    assert wrong.status_code == 400


def test_files_are_listed_and_read_and_nothing_outside_is(client: httpx.Client, root: Path) -> None:
    """A page of a run shows what it saved."""
    folder = root / "p" / "r" / "files" / "code"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a b.py").write_text("x = 1")
    (file,) = [
        one
        for one in client.get("/api/projects/p/runs/r").json()["files"]
        if one["path"].startswith("code/")
    ]
    assert (file["path"], file["bytes"]) == ("code/a b.py", 5)
    answer = client.get("/api/projects/p/runs/r/files/code/a b.py?as=text")
    assert answer.text == "x = 1"
    assert answer.headers["content-type"].startswith("text/plain")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get("/api/projects/p/runs/r/files/..%2Frun.json").status_code == 404


def test_samples_of_the_machine_are_charts(client: httpx.Client, root: Path) -> None:
    """In a stream of their own, over the run's time."""
    settings = {"disable_stats": False, "stats_interval_s": 0.1}
    with rltrack.init(project="p", id="s", dir=str(root), settings=settings):
        time.sleep(0.5)
    metrics = client.get("/api/projects/p/runs/s").json()["system_metrics"]
    assert metrics
    body = {"panels": [{"key": metrics[0], "runs": ["s"], "stream": "system"}]}
    answer = client.post("/api/projects/p/series", json=body)
    header = json.loads(answer.content[4 : 4 + int.from_bytes(answer.content[:4], "little")])
    assert header["panels"][0]["x"] == "_runtime"
    assert header["panels"][0]["length"] > 0
