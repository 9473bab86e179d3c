"""The protocol over HTTP: what a client says wrong, and what is harmed on the way."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rltrack.hub.folder_storage import FolderStorage
from rltrack.hub.receive import DIGEST_HEADER, routes
from rltrack.hub.storage import MAX_CHUNK_BYTES, digest_of

RUN = "/api/sync/p/r1"
SEGMENT = f"{RUN}/journal/0a1b2c3d-000001.rlj"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Asks the routes of an empty storage."""
    with TestClient(Starlette(routes=[*routes(FolderStorage(tmp_path))])) as client:
        yield client


def test_a_run_comes_in_and_says_where_it_is(client: TestClient, tmp_path: Path) -> None:
    claimed = client.post(RUN, json={"created_ns": 5}).json()
    assert claimed == {
        "project": "p",
        "page": "/p/p/r/r1",
        "journal": {},
        "files": {},
        "stop": None,
    }

    packed = gzip.compress(b"abc")
    headers = {"content-encoding": "gzip", DIGEST_HEADER: digest_of(b"abc")}
    assert client.post(f"{SEGMENT}?offset=0", content=packed, headers=headers).json() == {"size": 3}
    gap = client.post(f"{SEGMENT}?offset=9", content=b"x")
    assert (gap.status_code, gap.json()) == (409, {"size": 3})
    facts = json.dumps({"created_ns": 5})
    told = client.put(f"{RUN}/facts", json={"facts": facts, "journal": {Path(SEGMENT).name: 3}})
    assert told.json() == {"stop": None}
    assert (tmp_path / "p" / "r1" / "run.json").read_text() == facts

    where = f"{RUN}/files/media/a%20b.txt?digest={digest_of(b'hi')}&size=2"
    assert client.put(where).status_code == 409
    assert client.put(where, content=b"hi").json() == {"placed": True}
    assert client.post(RUN, json={"created_ns": 5}).json()["files"] == {"media/a b.txt": 2}


def test_a_request_to_stop_is_heard_with_the_heartbeat(client: TestClient, tmp_path: Path) -> None:
    client.post(RUN, json={"created_ns": 5})
    facts = {"facts": json.dumps({"created_ns": 5}), "journal": {}}
    FolderStorage(tmp_path).ask_to_stop("p", "r1", "ann")

    assert client.put(f"{RUN}/facts", json=facts).json() == {"stop": "ann"}
    assert client.delete(f"{RUN}/stop").status_code == 200
    assert client.put(f"{RUN}/facts", json=facts).json() == {"stop": None}


def test_a_body_that_was_harmed_is_asked_for_again(client: TestClient) -> None:
    client.post(RUN, json={"created_ns": 5})
    wrong = {DIGEST_HEADER: digest_of(b"abc")}

    assert client.post(f"{SEGMENT}?offset=0", content=b"abd", headers=wrong).status_code == 422
    for harmed in (b"no gzip", gzip.compress(b"abc" * 99)[:-4]):
        headers = {"content-encoding": "gzip"}
        answer = client.post(f"{SEGMENT}?offset=0", content=harmed, headers=headers)
        assert answer.status_code == 400
    assert client.post(RUN, json={"created_ns": 5}).json()["journal"] == {}


def test_a_small_body_that_unpacks_without_end_is_stopped(client: TestClient) -> None:
    client.post(RUN, json={"created_ns": 5})
    bomb = gzip.compress(bytes(MAX_CHUNK_BYTES + 1))
    headers = {"content-encoding": "gzip"}

    assert client.post(f"{SEGMENT}?offset=0", content=bomb, headers=headers).status_code == 413
    most = gzip.compress(bytes(MAX_CHUNK_BYTES))
    assert client.post(f"{SEGMENT}?offset=0", content=most, headers=headers).status_code == 200
    plain = bytes(MAX_CHUNK_BYTES + 1)
    assert client.post(f"{SEGMENT}?offset=0", content=plain).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", RUN, b"no json"),
        ("POST", RUN, b'{"created_ns": "1"}'),
        ("POST", RUN, b'{"created_ns": -1}'),
        ("POST", RUN, b"[" * 100_000),
        ("POST", "/api/sync/p/a%3Fb", b'{"created_ns": 1}'),
        ("POST", f"{SEGMENT}?offset=-1", b"x"),
        ("POST", f"{SEGMENT}?offset=" + "9" * 30, b"x"),
        ("POST", SEGMENT, b"x"),
        ("POST", f"{RUN}/journal/x.txt?offset=0", b"x"),
        ("PUT", f"{RUN}/facts", b'{"facts": 1, "journal": {}}'),
        ("PUT", f"{RUN}/facts", b'{"facts": "{}", "journal": {"a": true}}'),
        ("PUT", f"{RUN}/facts", b'{"facts": "[1]", "journal": {}}'),
        ("PUT", f"{RUN}/files/files/..%2F..%2Fx?size=0&digest={digest_of(b'')}", b""),
        ("PUT", f"{RUN}/files/files/x?size=1&digest=zz", b"x"),
        ("POST", f"/api/sync/p/blobs/{digest_of(b'x')}?offset=0&size=1", b"xy"),
        ("POST", "/api/sync/p/blobs/missing", b'{"digests": "x"}'),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    client: TestClient, method: str, path: str, body: bytes
) -> None:
    answer = client.request(method, path, content=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]
    assert answer.json()["hint"]
