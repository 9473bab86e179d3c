"""Streams of what changed, over a real connection."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

import rltrack
from rltrack.server.run import Background


@contextlib.contextmanager
def listening(client: httpx.Client, path: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a stream, as they come."""

    def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))

    with client.stream("GET", path) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        yield events(answer.iter_lines())


def test_a_listener_hears_of_rows_new_runs_ends_and_removals(
    client: httpx.Client, root: Path
) -> None:
    """Each by a notice that names the run; the present version comes first."""
    run = rltrack.init(project="p", id="a", reinit="create_new")
    with listening(client, "/api/projects/p/changes") as events:
        first = next(events)
        assert first["runs"] == []
        assert client.get("/api/projects/p/runs").json()["version"] == first["version"]

        run.log({"loss": 1})
        assert until(events, "a") > first["version"]
        other = rltrack.init(project="p", id="b", reinit="create_new")
        until(events, "b")
        run.finish()
        until(events, "a")
        other.finish()
        until(events, "b")
        shutil.rmtree(root / "p" / "b")
        until(events, "b")
    told = client.get("/api/projects/p/runs").json()
    assert [(one["id"], one["state"]) for one in told["runs"]] == [("a", "finished")]


def until(events: Iterator[dict[str, Any]], run_id: str) -> int:
    """Wait for a notice that names the run: its version. Heartbeats are notices, too."""
    return next(int(event["version"]) for event in events if run_id in event["runs"])


def test_a_notice_comes_four_times_a_second_at_most_and_none_is_missed(
    client: httpx.Client,
) -> None:
    """A training logs a thousand times in that time; the last notice is behind its last row."""
    run = rltrack.init(project="p", id="a")
    with listening(client, "/api/projects/p/changes") as events:
        next(events)
        began = time.monotonic()
        notices = 0
        for step in range(200):
            run.log({"step": step})
            time.sleep(0.005)
        run.log({"step": "last"})
        while True:
            next(events)
            notices += 1
            told = client.get("/api/projects/p/runs/a").json()
            if told["summary"]["step"] == "last":
                break
        spent = time.monotonic() - began

    assert notices <= spent / 0.25 + 1


def test_the_list_of_projects_has_a_stream_of_its_own(client: httpx.Client) -> None:
    """With a version that counts up."""
    with listening(client, "/api/changes") as events:
        first = next(events)["version"]
        rltrack.init(project="p")
        assert next(events)["version"] > first


def test_many_listeners_hear_the_same(client: httpx.Client, server: Background) -> None:
    """One watch looks for all of them."""
    run = rltrack.init(project="p", id="a")
    with contextlib.ExitStack() as stack:
        streams = []
        for _ in range(5):
            one = stack.enter_context(httpx.Client(base_url=server.url))
            streams.append(stack.enter_context(listening(one, "/api/projects/p/changes")))
        for events in streams:
            next(events)
        run.log({"loss": 1})
        assert all(until(events, "a") for events in streams)


def test_nobody_looks_when_nobody_listens(client: httpx.Client, server: Background) -> None:
    """An idle dashboard must not cost a training its core."""
    rltrack.init(project="p", id="a")
    with listening(client, "/api/projects/p/changes") as events:
        next(events)
        (watch,) = server.watches
        assert not watch.is_idle
    while not watch.is_idle:  # until the server has seen that the connection is closed
        time.sleep(0.01)
    assert not watch.is_looking


def test_a_server_with_open_streams_stops(root: Path) -> None:
    """A stream never ends by itself, and must not hold up Ctrl-C."""
    rltrack.init(project="p", id="a")
    ended = threading.Event()
    with Background(root, port=0) as server, httpx.Client(base_url=server.url) as client:

        def listen() -> None:
            with listening(client, "/api/projects/p/changes") as events:
                for _ in events:
                    pass
            ended.set()

        thread = threading.Thread(target=listen)
        thread.start()
        while not any(not watch.is_idle for watch in server.watches):
            time.sleep(0.01)
        server.stop()
        thread.join()
    assert ended.is_set()
