"""Bytes from outside: whatever they are, the answer is one of ours, and nothing is written elsewhere.

Examples are few by default; ``pytest tests/fuzz --hypothesis-profile=long`` tries a thousand of each.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

import rltrack
from rltrack.errors import Error
from rltrack.hub.app import create_hub
from rltrack.hub.storage import MAX_CHUNK_BYTES
from rltrack.store.archive import write_archive
from rltrack.store.unarchive import import_archive
from tests.hub.team import local

FUZZED = settings(
    max_examples=60 if settings().max_examples <= 100 else settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

#: What is done to bytes: put at a place (as a share of all), in the place of so many.
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=40)), min_size=1, max_size=6
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "runs",
                        "key",
                        "panels",
                        "changes",
                        "facts",
                        "steps",
                        "filter",
                        "group",
                        "sort",
                    ),
                    *(
                        "name",
                        "version",
                        "versions",
                        "aliases",
                        "to",
                        "x",
                        "buckets",
                        "range",
                        "limit",
                    ),
                    *("offset", "aggregates", "computed", "metric", "text", "do", "run", "config"),
                ]
            )
            | st.text(max_size=8),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for share, length, put in edits:
        at = int(share * len(data))
        data = data[:at] + put + data[at + length :]
    return data


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> rltrack.api.Run:
    """A run with something of each kind."""
    root = tmp_path_factory.mktemp("recorded")
    with rltrack.init(
        project="p", id="r", dir=root, config={"a": {"b": 1}}, settings={"silent": True}
    ) as run:
        for step in range(20):
            run.log({"loss": step / 3, "text": "x"})
        run.log({"page": rltrack.Html("<b>x</b>")})
        run.log({"table": rltrack.Table(["a"], [[1], [2]])})
    return rltrack.Api(root).run("p/r")


# -- archives --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(recorded: rltrack.api.Run, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("archive") / "all.zip"
    write_archive([recorded._whole_folder()], path)
    return path.read_bytes()


@FUZZED
@given(edits=EDITS)
def test_an_archive_that_was_changed_is_refused_or_is_whole(
    archive: bytes, tmp_path: Path, edits: list[tuple[float, int, bytes]]
) -> None:
    """And what was made of it is below the folder that it was to be made in."""
    file, root = tmp_path / "in" / "all.zip", tmp_path / "in" / "root"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(edited(archive, edits))
    try:
        for _ in import_archive(file, root):
            pass
    except Error:
        pass
    else:
        assert len(rltrack.Api(root).run("p/r").history(["loss"], pandas=False)) == 20
    assert sorted(path.name for path in file.parent.iterdir()) in (["all.zip"], ["all.zip", "root"])
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    shutil.rmtree(file.parent)


# -- what machines and pages send --------------------------------------------------------------------


class Hub:
    """A server without accounts, in a process of its own.

    Args:
        url: its address.
        pid: its process.
        routes: method and path of all that take a body.
    """

    def __init__(self, url: str, pid: int, routes: list[tuple[str, str]]) -> None:
        self.client = httpx.Client(base_url=url, timeout=60)
        self.routes = routes
        self._pid = pid

    def most_memory(self) -> int:
        """The most bytes that it ever had."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.fixture(scope="module")
def hub(recorded: rltrack.api.Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    root = tmp_path_factory.mktemp("hub")
    shutil.copytree(recorded.folder, root / "p" / "r")
    app = create_hub(local(tmp_path_factory.mktemp("other"), accounts=False))
    routes = [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"GET", "HEAD"})
    ]
    for close in app.state.closing:
        close()
    command = [sys.executable, "-m", "rltrack", "server", "--dir", str(root), "--no-accounts"]
    environ = os.environ | {"RLTRACK_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environ
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().partition(" at ")[2].split()[0]
        hub = Hub(url, server.pid, routes)
        yield hub
        hub.client.close()
        server.terminate()


def path_of(route: str, text: str) -> str:
    names = {"project:project": "p", "run": "r", "path:path": f"files/{quote(text, safe='')}"}
    for name, value in names.items():
        route = route.replace(f"{{{name}}}", value)
    while "{" in route:
        before, _, rest = route.partition("{")
        route = before + (quote(text, safe="") or "x") + rest.partition("}")[2]
    return route


@FUZZED
@given(data=st.data(), body=JSON, text=st.text(max_size=30))
def test_no_question_is_a_fault_of_the_server(
    hub: Hub, data: st.DataObject, body: Any, text: str
) -> None:
    """Whatever is asked: it is answered, or refused with what was wrong."""
    method, route = data.draw(st.sampled_from(hub.routes))
    answer = hub.client.request(
        method,
        path_of(route, text.encode("utf-8", "replace").decode()),
        content=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code < 500, (method, route, body, answer.text)
    if answer.status_code >= 400:
        assert answer.json()["error"]


@FUZZED
@given(edits=EDITS)
def test_a_journal_that_was_harmed_is_read_as_far_as_it_can_be(
    recorded: rltrack.api.Run,
    hub: Hub,
    edits: list[tuple[float, int, bytes]],
) -> None:
    """A client may send any bytes: its run's page says what is damaged, and others are as before."""
    client = hub.client
    (segment,) = (recorded.folder / "journal").iterdir()
    at = time.time_ns()
    run, data = f"f{at}", edited(segment.read_bytes().rstrip(b"\0"), edits)
    place = f"/api/sync/p/{run}"
    claimed = client.post(place, json={"created_ns": at})
    assert claimed.status_code == 200
    client.post(f"{place}/journal/{segment.name}?offset=0", content=data)
    facts = {"id": run, "project": "p", "name": run, "created_ns": at, "state": "finished"}
    client.put(f"{place}/facts", json={"facts": json.dumps(facts), "journal": {}})

    for path in (f"/api/projects/p/runs/{run}", "/api/projects/p/digests"):
        assert client.get(path).status_code == 200, path
    panels = [{"key": "loss", "runs": [run, "r"]}]
    assert client.post("/api/projects/p/series", json={"panels": panels}).status_code == 200
    client.post("/api/projects/p/delete", json={"runs": [run]})


def test_a_body_that_unpacks_without_end_takes_no_memory(
    hub: Hub,
) -> None:
    client = hub.client
    client.post("/api/sync/p/bomb", json={"created_ns": 1})
    bomb = gzip.compress(bytes(64 * MAX_CHUNK_BYTES), 9)
    assert len(bomb) < MAX_CHUNK_BYTES
    before = hub.most_memory()
    answer = client.post(
        "/api/sync/p/bomb/journal/abc-000001.rlj?offset=0",
        content=bomb,
        headers={"content-encoding": "gzip"},
    )
    assert answer.status_code in (400, 413)
    assert hub.most_memory() - before < 8 * MAX_CHUNK_BYTES
