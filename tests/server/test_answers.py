"""What the server says, over HTTP."""

from __future__ import annotations

import gzip
import json
import math
import os
import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import rltrack
from rltrack.server.run import Background


def strict_json(answer: httpx.Response) -> Any:
    """The body, if it is JSON as browsers read it: without NaN and Infinity."""

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is no JSON")

    return json.loads(answer.content, parse_constant=refuse)


def decode(body: bytes) -> list[dict[str, Any]]:
    """A series answer as the browser reads it: views at offsets, from multiples of 8 on.

    No two columns that are equal were sent.
    """
    (size,) = struct.unpack_from("<I", body)
    assert (4 + size) % 8 == 0
    panels: list[dict[str, Any]] = json.loads(body[4 : 4 + size])["panels"]
    data = np.frombuffer(body, "<f8", offset=4 + size)
    used: dict[int, bytes] = {}

    def column(offset: int, length: int) -> list[float]:
        found = data[offset : offset + length]
        assert len(found) == length
        if length:
            used[offset] = found.tobytes()
        values: list[float] = found.tolist()
        return values

    for panel in panels:
        length = panel["length"]
        panel["grid"] = column(panel["grid"], length)
        for one in panel["series"]:
            for name in ("count", "nan", "pos_inf", "neg_inf", "min", "max", "mean", "last"):
                one[name] = column(one[name], length)
        for one in panel["bands"]:
            for name in ("count", "centre", "low", "high"):
                one[name] = column(one[name], length)
    assert sum(map(len, used.values())) == data.nbytes
    assert len(set(used.values())) == len(used)
    return panels


def ask(client: httpx.Client, *panels: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post("/api/projects/p/series", json={"panels": panels})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "content-encoding" not in answer.headers
    return decode(answer.content)


def test_the_list_of_projects(client: httpx.Client, root: Path) -> None:
    """Counts by state, and when something last happened."""
    assert strict_json(client.get("/api/projects")) == {"projects": []}
    rltrack.init(project="p").finish()
    rltrack.init(project="ä b").finish(1)
    projects = strict_json(client.get("/api/projects"))["projects"]

    assert [(p["name"], p["run_count"], p["states"]) for p in projects] == [
        ("p", 1, {"finished": 1}),
        ("ä b", 1, {"failed": 1}),
    ]
    assert all(p["last_activity"] > 1.7e9 for p in projects)
    assert strict_json(client.get("/api/projects/%C3%A4%20b/runs"))["project"] == "ä b"
    meta = strict_json(client.get("/api/meta"))
    assert meta == {"version": rltrack.__version__, "accounts": False, "root": str(root)}


def test_the_list_of_runs_and_what_changed(client: httpx.Client) -> None:
    """All that the contract names, with non-finite floats as texts."""
    config = {"lr": 1e-3, "bound": math.inf, "nested": {"list": [math.nan, None, True]}}
    one = rltrack.init(project="p", id="one", name="first", config=config, tags=["t"], notes="n")
    one.define_metric("*", step_metric="global_step")
    one.log({"loss": math.nan, "global_step": 10, "text": "x"})
    one.log({"loss": -math.inf, "global_step": 20})
    two = rltrack.init(project="p", id="two", reinit="create_new")
    two.log({"loss": 1.0})
    two.finish()

    told = strict_json(client.get("/api/projects/p/runs"))
    first, second = told["runs"]
    expected = {
        "id": "one",
        "name": "first",
        "state": "running",
        "ended_at": None,
        "group": None,
        "job_type": None,
        "sweep": None,
        "tags": ["t"],
        "notes": "n",
        "slot": 0,
        "last_step": 1,
        "row_count": 2,
        "incomplete": 0,
        "damage": [],
        "config": {"lr": 1e-3, "bound": "Infinity", "nested": {"list": ["NaN", None, True]}},
        "summary": {"loss": "-Infinity", "global_step": 20, "text": "x"},
        "metrics": ["global_step", "loss"],
    }
    assert {key: first[key] for key in expected} == expected
    assert {"created_at", "duration_s", "heartbeat_at", "host"} == set(first) - set(expected)
    assert (second["id"], second["slot"], second["state"]) == ("two", 1, "finished")
    assert second["ended_at"] - second["created_at"] == pytest.approx(second["duration_s"])
    assert told["removed"] == []
    assert told["metrics"] == [
        {"key": "global_step", "x": "_step", "run_count": 1, "hidden": False},
        {"key": "loss", "x": "_step", "run_count": 2, "hidden": False},
    ]

    since = told["version"]
    assert strict_json(client.get(f"/api/projects/p/runs?since={since}"))["runs"] == []
    one.log({"loss": 2.0})
    told = strict_json(client.get(f"/api/projects/p/runs?since={since}"))
    assert [run["id"] for run in told["runs"]] == ["one"]
    assert told["runs"][0]["summary"]["loss"] == 2.0


def test_a_run_s_page_has_its_events_and_metadata(client: httpx.Client) -> None:
    """What should be seen beside the run."""
    run = rltrack.init(project="p", id="one")
    run.note_metadata({"gpu": "none"})
    run.warn("odd", "something is odd")
    run.log({"loss": 1})
    told = strict_json(client.get("/api/projects/p/runs/one"))

    assert told["metadata"] == {"gpu": "none"}
    assert [(event["level"], event["message"]) for event in told["events"]] == [
        ("warning", "something is odd")
    ]
    assert told["media"] == []
    assert told["summary"] == {"loss": 1}


def test_json_is_compressed_for_who_takes_it(client: httpx.Client) -> None:
    """The list of a thousand runs is a megabyte, and a tenth of it compressed."""
    rltrack.init(project="p", config={f"key{n}": n for n in range(200)}).finish()

    answer = client.get("/api/projects/p/runs", headers={"accept-encoding": "gzip"})
    plain = client.get("/api/projects/p/runs", headers={"accept-encoding": "identity"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert strict_json(answer) == strict_json(plain)
    with client.stream("GET", "/api/projects/p/runs", headers={"accept-encoding": "gzip"}) as raw:
        assert gzip.decompress(b"".join(raw.iter_raw())) == plain.content


# -- charts --------------------------------------------------------------------------------------


def test_a_short_series_is_exact(client: httpx.Client) -> None:
    """Each point is there, runs share a grid, and NaN is told apart from a run without a point."""
    for run_id, steps in (("a", (0, 1, 3)), ("b", (1, 2))):
        with rltrack.init(project="p", id=run_id) as run:
            for step in steps:
                run.log({"loss": math.nan if step == 3 else step * 10.0}, step=step)
    (panel,) = ask(
        client,
        {"key": "loss", "runs": ["a", "b", "gone"], "x": "auto", "buckets": 400, "range": None},
    )
    a, b = panel["series"]

    assert (panel["key"], panel["x"], panel["exact"], panel["bucket_width"]) == (
        "loss",
        "_step",
        True,
        0,
    )
    assert panel["grid"] == [0, 1, 2, 3]
    assert panel["extent"] == [0, 3]
    assert panel["missing"] == ["gone"]
    assert (a["run"], a["count"], a["nan"]) == ("a", [1, 1, 0, 1], [0, 0, 0, 1])
    assert (b["run"], b["count"]) == ("b", [0, 1, 1, 0])
    assert b["last"][1:3] == b["min"][1:3] == b["max"][1:3] == b["mean"][1:3] == [10, 20]
    assert math.isnan(a["last"][3])
    assert math.isnan(a["mean"][3])
    assert math.isnan(b["last"][0])


def test_a_long_series_is_thinned_and_a_zoom_is_exact_again(client: httpx.Client) -> None:
    """A spike stays in the bounds; the same question has the same answer."""
    with rltrack.init(project="p", id="a") as run:
        for step in range(10_000):
            run.log({"loss": 99.0 if step == 5000 else 0.0})
    asked = {"key": "loss", "runs": ["a"], "buckets": 100}
    (panel,) = ask(client, asked)
    (zoomed,) = ask(client, asked | {"range": [4990, 5010]})

    assert not panel["exact"]
    assert panel["length"] <= 100
    assert panel["bucket_width"] == 150
    assert sum(panel["series"][0]["count"]) == 10_000
    assert max(panel["series"][0]["max"]) == 99.0
    assert zoomed["exact"]
    assert zoomed["grid"] == list(range(4990, 5011))
    assert zoomed["extent"] == panel["extent"] == [0, 9999]
    body = {"panels": [asked]}
    first, second = (client.post("/api/projects/p/series", json=body).content for _ in range(2))
    assert first == second


def test_many_panels_in_one_request_and_an_axis_of_choice(client: httpx.Client) -> None:
    """In the order in which they were asked for."""
    with rltrack.init(project="p", id="a") as run:
        run.define_metric("train/*", step_metric="global_step")
        for step in range(3):
            run.log({"train/loss": step, "global_step": step * 100})
        run.log_point({"episode/return": 5, "global_step": 150}, step=1)
    panels = ask(
        client,
        {"key": "train/loss", "runs": ["a"]},
        {"key": "train/loss", "runs": ["a"], "x": "_step"},
        {"key": "episode/return", "runs": ["a"], "x": "global_step"},
        {"key": "train/loss", "runs": ["a"], "x": "nothing"},
        {"key": "nothing", "runs": ["a"]},
        {"key": "train/loss", "runs": []},
    )

    assert [panel["x"] for panel in panels] == [
        "global_step",
        "_step",
        "global_step",
        "nothing",
        "_step",
        "_step",
    ]
    assert [panel["grid"] for panel in panels] == [[0, 100, 200], [0, 1, 2], [150], [], [], []]
    assert [panel["missing"] for panel in panels] == [[], [], [], ["a"], ["a"], []]
    assert [panel["extent"] for panel in panels[3:]] == [None] * 3


def test_a_row_is_in_the_chart_as_soon_as_it_is_logged(client: httpx.Client) -> None:
    """No cache stands between a training and its curve."""
    run = rltrack.init(project="p", id="a")
    for step in range(3):
        run.log({"loss": step})
        (panel,) = ask(client, {"key": "loss", "runs": ["a"]})
        assert panel["grid"] == list(range(step + 1))


def test_a_hidden_metric_is_said_to_be_while_no_run_shows_it(client: httpx.Client) -> None:
    """A page makes no chart of it by itself, and finds it when asked."""
    with rltrack.init(project="p") as run:
        run.define_metric("*", hidden=True)
        run.log({"debug": 1.0, "loss": 1.0})
    with rltrack.init(project="p") as run:
        run.log({"loss": 1.0})

    told = strict_json(client.get("/api/projects/p/runs"))["metrics"]

    assert [(metric["key"], metric["hidden"]) for metric in told] == [
        ("debug", True),
        ("loss", False),
    ]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "no JSON"),
        (b"[]", "panels must be a list"),
        ({"panels": [{}] * 101}, "at most 100"),
        ({"panels": [{"runs": []}]}, "key=None"),
        ({"panels": [{"key": "a", "runs": ["r"] * 1001}]}, "runs="),
        ({"panels": [{"key": "a", "runs": [1]}]}, "runs="),
        ({"panels": [{"key": "a", "runs": [], "buckets": 0}]}, "buckets=0"),
        ({"panels": [{"key": "a", "runs": [], "range": [2, 1]}]}, "range="),
        (b'{"panels": [{"key": "a", "runs": [], "range": [0, NaN]}]}', "range="),
        ({"panels": [{"key": "a", "runs": [], "x": 5}]}, "x=5"),
        ({"panels": ["a"]}, "key=None"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong_with_it(
    client: httpx.Client, body: object, told: str
) -> None:
    """With what it may be."""
    rltrack.init(project="p").finish()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    answer = client.post("/api/projects/p/series", content=content, headers=headers)

    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert answer.json()["hint"]


# -- media ---------------------------------------------------------------------------------------


@pytest.fixture
def video(root: Path, client: httpx.Client) -> str:
    """The address of a logged file of 1000 bytes."""
    clip = root.parent / "clip.mp4"
    clip.write_bytes(bytes(range(250)) * 4)
    with rltrack.init(project="p", id="a") as run:
        run.log({"eval/vidéo": rltrack.Video(str(clip), caption="goal"), "global_step": 2048})
    (item,) = strict_json(client.get("/api/projects/p/runs/a"))["media"]
    assert (item["key"], item["kind"], item["state"]) == ("eval/vidéo", "videos", "ready")
    assert (item["caption"], item["global_step"], item["bytes"]) == ("goal", 2048, 1000)
    url: str = item["url"]
    return url


def test_a_video_is_served_in_ranges(client: httpx.Client, video: str) -> None:
    """A browser seeks, and Safari plays nothing without ranges."""
    whole = client.get(video)
    part = client.get(video, headers={"range": "bytes=10-19"})

    assert (whole.status_code, len(whole.content)) == (200, 1000)
    assert whole.headers["content-type"] == "video/mp4"
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == "bytes 10-19/1000"
    assert "sandbox" in whole.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "../run.json",
        "..%2Frun.json",
        "videos/../../run.json",
        "%2Fetc%2Fpasswd",
        "//etc/passwd",
        "videos",
        "..%5Crun.json",
        "a%00b",
    ],
)
def test_no_file_outside_of_the_media_folder_is_served(
    server: Background, video: str, path: str
) -> None:
    """However the path is written; sent as it is, since clients tidy paths up."""
    import socket

    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as raw:
        head = f"GET /api/projects/p/runs/a/media/{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        raw.sendall(head.encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 404")
    assert b"created_ns" not in answer
    assert b"root:" not in answer


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("GET", "/api/projects/q/runs", 404, "no project 'q'"),
        ("GET", "/api/projects/q/changes", 404, "no project 'q'"),
        ("GET", "/api/projects/p/runs/x", 404, "no run 'x' in project 'p'"),
        ("GET", "/api/projects/p/runs/a/media/none.mp4", 404, "no media file 'none.mp4'"),
        ("GET", "/api/projects/p/runs?since=x", 400, "since='x' is no number"),
        ("GET", "/api/nothing", 404, "there is no /api/nothing"),
        ("POST", "/api/projects", 405, "POST /api/projects"),
        ("GET", f"/api/projects/{'x' * 1000}/runs", 404, "takes 1000 bytes"),
    ],
)
def test_errors_are_json_that_a_page_can_show(
    client: httpx.Client, method: str, path: str, status: int, told: str
) -> None:
    """What was asked and found, and what to do next."""
    rltrack.init(project="p", id="a").finish()
    answer = client.request(method, path)

    assert answer.status_code == status
    assert told in answer.json()["error"]
    assert "hint" in answer.json()


def test_a_damaged_run_is_listed_with_what_is_wrong(client: httpx.Client, root: Path) -> None:
    """And does not take the page of the project with it."""
    rltrack.init(project="p", id="a").finish()
    rltrack.init(project="p", id="b").finish()
    (root / "p" / "b" / "run.json").write_text("{")
    os.truncate(next((root / "p" / "b" / "journal").iterdir()), 30)
    told = strict_json(client.get("/api/projects/p/runs"))["runs"]

    assert {run["id"]: bool(run["damage"]) for run in told} == {"a": False, "b": True}
    assert strict_json(client.get("/api/projects"))["projects"][0]["run_count"] == 2
