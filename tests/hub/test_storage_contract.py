"""What every storage of a hub promises, whatever it is made of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rltrack._names import folder_name
from rltrack.folder import RunFolder, run_folder
from rltrack.hub.storage import Storage
from rltrack.server.answers import Refusal

PROJECT, RUN, SEGMENT = "ann/cartpole", "r1", "0a1b2c3d-000001.rlj"
CREATED_NS = 1_700_000_000_000_000_000


def facts(created_ns: int = CREATED_NS, **more: object) -> bytes:
    said = {"id": RUN, "project": "cartpole", "name": "n", "created_ns": created_ns} | more
    return json.dumps(said).encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def folder(storage: Storage, run: str = RUN) -> RunFolder:
    """Where reading code finds a run."""
    storage.refresh(PROJECT)
    return run_folder(storage.root(), PROJECT, run)


def refused(status: int, call: Callable[..., object], *arguments: object) -> Refusal:
    with pytest.raises(Refusal) as raised:
        call(*arguments)
    assert raised.value.status == status, raised.value.error
    assert raised.value.hint
    return raised.value


# -- the journal -----------------------------------------------------------------------------------


def test_what_was_appended_is_there_byte_for_byte(storage: Storage) -> None:
    data = os.urandom(300_000)
    storage.claim(PROJECT, RUN, CREATED_NS)

    assert storage.sizes(PROJECT, RUN) == {}
    assert storage.append(PROJECT, RUN, SEGMENT, 0, data[:1000]) == 1000
    assert storage.append(PROJECT, RUN, SEGMENT, 1000, data[1000:]) == len(data)
    assert storage.sizes(PROJECT, RUN) == {SEGMENT: len(data)}
    storage.put_facts(PROJECT, RUN, facts(), {SEGMENT: len(data)})
    assert (folder(storage).journal / SEGMENT).read_bytes() == data


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 400),
    posts=st.lists(st.tuples(st.integers(0, 450), st.integers(0, 450)), max_size=12),
)
def test_posts_in_any_order_and_overlap_never_tear_the_segment(
    storage: Storage, size: int, posts: list[tuple[int, int]]
) -> None:
    """Each answer is the size that is there; a gap takes nothing; a repeat changes nothing."""
    data = bytes(n % 251 for n in range(size))
    run = os.urandom(6).hex()
    storage.claim(PROJECT, run, CREATED_NS)
    there = 0
    for offset, length in posts:
        piece = data[offset : offset + length]
        answered = storage.append(PROJECT, run, SEGMENT, offset, piece)
        if offset <= there:
            there = max(there, offset + len(piece))
        assert answered == there
        assert storage.sizes(PROJECT, run).get(SEGMENT, 0) == there
    storage.append(PROJECT, run, SEGMENT, there, data[there:])
    storage.put_facts(PROJECT, run, facts(), {SEGMENT: size})
    if size:
        assert (folder(storage, run).journal / SEGMENT).read_bytes() == data


def test_clients_that_send_the_same_bytes_at_once_make_one_copy(storage: Storage) -> None:
    """A shipper and `rltrack sync` beside it, or a folder that two machines share."""
    data = os.urandom(200_000)
    storage.claim(PROJECT, RUN, CREATED_NS)

    def send(step: int) -> None:
        at = 0
        while at < len(data):
            at = storage.append(PROJECT, RUN, SEGMENT, at, data[at : at + step])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, [7_000, 10_000, 13_000, 50_000]))

    storage.put_facts(PROJECT, RUN, facts(), {SEGMENT: len(data)})
    assert (folder(storage).journal / SEGMENT).read_bytes() == data


def test_writers_of_one_run_have_segments_of_their_own(storage: Storage) -> None:
    storage.claim(PROJECT, RUN, CREATED_NS)
    names = [f"writer{n}-{number:06d}.rlj" for n in range(4) for number in (1, 2)]

    def send(name: str) -> int:
        return storage.append(PROJECT, RUN, name, 0, name.encode() * 100)

    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(send, names))

    assert storage.sizes(PROJECT, RUN) == dict(zip(names, sizes, strict=True))


def test_other_bytes_at_the_same_place_are_refused(storage: Storage) -> None:
    """Never a mix of two runs: what is there stays."""
    storage.claim(PROJECT, RUN, CREATED_NS)
    storage.append(PROJECT, RUN, SEGMENT, 0, b"abcdef")

    refused(409, storage.append, PROJECT, RUN, SEGMENT, 3, b"dXfgh")

    assert storage.sizes(PROJECT, RUN) == {SEGMENT: 6}


# -- whose run it is -------------------------------------------------------------------------------


def test_another_run_of_the_same_id_is_refused_from_its_first_word(storage: Storage) -> None:
    storage.claim(PROJECT, RUN, CREATED_NS)
    storage.claim(PROJECT, RUN, CREATED_NS)

    told = refused(409, storage.claim, PROJECT, RUN, CREATED_NS + 1)
    assert RUN in told.error
    refused(409, storage.put_facts, PROJECT, RUN, facts(CREATED_NS + 1), {})
    storage.put_facts(PROJECT, RUN, facts(), {})
    refused(409, storage.claim, PROJECT, RUN, CREATED_NS + 1)
    refused(409, storage.put_facts, PROJECT, RUN, facts(CREATED_NS + 1), {})
    storage.claim("ben/cartpole", RUN, CREATED_NS + 1)


def test_of_two_claims_at_once_one_wins(storage: Storage) -> None:
    def claim(created_ns: int) -> bool:
        try:
            storage.claim(PROJECT, RUN, created_ns)
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(1, 9))) == 1


def test_a_run_that_nobody_claimed_takes_nothing(storage: Storage) -> None:
    """So one that is deleted while it is sent does not come back in pieces."""
    refused(404, storage.append, PROJECT, RUN, SEGMENT, 0, b"abc")
    refused(404, storage.put_facts, PROJECT, RUN, facts(), {})
    refused(404, storage.place_file, PROJECT, RUN, "media/a.png", digest(b""), 0)

    assert storage.sizes(PROJECT, RUN) == storage.files(PROJECT, RUN) == {}
    assert storage.stop_request(PROJECT, RUN) is None


# -- facts, heartbeat, stop ------------------------------------------------------------------------


def test_facts_come_after_the_journal_that_they_tell_of(storage: Storage) -> None:
    storage.claim(PROJECT, RUN, CREATED_NS)
    storage.append(PROJECT, RUN, SEGMENT, 0, b"abc")

    refused(409, storage.put_facts, PROJECT, RUN, facts(), {SEGMENT: 4})
    assert not folder(storage).run_json.exists()
    storage.put_facts(PROJECT, RUN, facts(state="finished"), {SEGMENT: 3})

    assert folder(storage).run_json.read_bytes() == facts(state="finished")
    assert folder(storage).read_facts().state == "finished"
    refused(400, storage.put_facts, PROJECT, RUN, b"no json", {})


def test_facts_that_are_sent_again_are_a_heartbeat(storage: Storage) -> None:
    """By the hub's own clock, whatever the client's says."""
    storage.claim(PROJECT, RUN, CREATED_NS)
    storage.put_facts(PROJECT, RUN, facts(), {})
    os.utime(folder(storage).run_json, (1, 1))

    storage.put_facts(PROJECT, RUN, facts(), {})

    assert folder(storage).run_json.stat().st_mtime > 1_600_000_000


def test_a_request_to_stop_is_there_until_it_was_heard(storage: Storage) -> None:
    storage.claim(PROJECT, RUN, CREATED_NS)
    storage.put_facts(PROJECT, RUN, facts(), {})
    assert storage.stop_request(PROJECT, RUN) is None

    storage.ask_to_stop(PROJECT, RUN, "ben")

    assert storage.stop_request(PROJECT, RUN) == "ben"
    storage.stop_heard(PROJECT, RUN)
    storage.stop_heard(PROJECT, RUN)
    assert storage.stop_request(PROJECT, RUN) is None


# -- files -----------------------------------------------------------------------------------------


def test_a_content_comes_in_pieces_and_gets_its_place(storage: Storage) -> None:
    data, path = os.urandom(100_000), "media/videos/eval_7_ab.mp4"
    storage.claim(PROJECT, RUN, CREATED_NS)

    assert storage.blob_missing(PROJECT, [digest(data)]) == {digest(data): 0}
    assert storage.blob_append(PROJECT, digest(data), len(data), 0, data[:60_000]) == 60_000
    assert storage.blob_append(PROJECT, digest(data), len(data), 70_000, data[70_000:]) == 60_000
    assert storage.blob_missing(PROJECT, [digest(data)]) == {digest(data): 60_000}
    assert not storage.place_file(PROJECT, RUN, path, digest(data), len(data))
    at = storage.blob_append(PROJECT, digest(data), len(data), 50_000, data[50_000:])

    assert at == len(data)
    assert storage.blob_missing(PROJECT, [digest(data)]) == {}
    for _ in range(2):
        assert storage.place_file(PROJECT, RUN, path, digest(data), len(data))
    assert storage.files(PROJECT, RUN) == {path: len(data)}
    storage.put_facts(PROJECT, RUN, facts(), {})
    assert (folder(storage).path / path).read_bytes() == data


def test_a_content_that_is_not_what_it_was_called_is_dropped(storage: Storage) -> None:
    storage.claim(PROJECT, RUN, CREATED_NS)
    wanted = digest(b"right")

    refused(422, storage.blob_append, PROJECT, wanted, 5, 0, b"wrong")

    assert storage.blob_missing(PROJECT, [wanted]) == {wanted: 0}
    assert storage.blob_append(PROJECT, wanted, 5, 0, b"right") == 5
    assert storage.place_file(PROJECT, RUN, "files/a.txt", wanted, 5)


def test_a_file_that_changed_is_replaced(storage: Storage) -> None:
    """`run.save(policy="live")`, and one that became empty."""
    storage.claim(PROJECT, RUN, CREATED_NS)
    storage.put_facts(PROJECT, RUN, facts(), {})
    for data in (b"one", b"two and more", b""):
        if data:
            storage.blob_append(PROJECT, digest(data), len(data), 0, data)
        assert storage.place_file(PROJECT, RUN, "files/a.txt", digest(data), len(data))
        assert (folder(storage).files / "a.txt").read_bytes() == data


def test_an_artifacts_content_is_known_by_its_digest(storage: Storage) -> None:
    data = b"weights"
    path = f"blobs/{digest(data)}"
    assert not storage.place_artifact(PROJECT, path, digest(data), len(data))
    storage.blob_append(PROJECT, digest(data), len(data), 0, data)

    for _ in range(2):
        assert storage.place_artifact(PROJECT, path, digest(data), len(data))
    storage.refresh(PROJECT)
    blobs = storage.root() / "artifacts" / "blobs"
    assert (blobs / digest(data)[:2] / digest(data)).read_bytes() == data
    refused(400, storage.place_artifact, PROJECT, f"blobs/{digest(b'')}", digest(data), 7)


def test_a_versions_number_is_given_once(storage: Storage) -> None:
    """Two machines that log an artifact of one name: the second gets the next number, each time."""
    for data, number in ((b"{1}", 0), (b"{1}", 0), (b"{2}", 1), (b"{2}", 1), (b"{3}", 2)):
        storage.blob_append(PROJECT, digest(data), len(data), 0, data)
        place = (PROJECT, "versions/model/v0.json", digest(data), len(data))
        assert storage.place_artifact(*place) == f"versions/model/v{number}.json"
    storage.refresh(PROJECT)
    folder = storage.root() / "artifacts" / folder_name(PROJECT) / "model"
    for number in range(3):
        assert (folder / f"v{number}.json").read_text() == f"{{{number + 1}}}"


# -- hostile names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *(
            "media",
            "/etc/passwd",
            "media/../../x",
            "media//x",
            "media/./x",
            "run.json",
            "segments/x",
        ),
        *("journal/a-000001.rlj", ".hub/x", "media/a\0b", "media/" + "x" * 300, "media/a\\b"),
        "files/" + "d/" * 40 + "x",
    ],
)
def test_a_file_goes_nowhere_but_among_a_runs_files(storage: Storage, path: str) -> None:
    storage.claim(PROJECT, RUN, CREATED_NS)
    storage.blob_append(PROJECT, digest(b"x"), 1, 0, b"x")

    refused(400, storage.place_file, PROJECT, RUN, path, digest(b"x"), 1)


@pytest.mark.parametrize(
    "segment", ["../a-000001.rlj", "a-1.rlj", "a-000001.txt", "a/b-000001.rlj", "-000001.rlj", ""]
)
def test_a_segment_has_a_segments_name(storage: Storage, segment: str) -> None:
    storage.claim(PROJECT, RUN, CREATED_NS)
    refused(400, storage.append, PROJECT, RUN, segment, 0, b"x")


@pytest.mark.parametrize("name", ["..", ".", "../../up", ".hub", "a/../../b", "%2e%2e"])
def test_names_of_projects_and_runs_stay_in_the_root(storage: Storage, name: str) -> None:
    """Each is escaped into one folder."""
    storage.claim(name, name, CREATED_NS)
    storage.put_facts(name, name, facts(), {})
    storage.refresh(name)
    assert (storage.root() / folder_name(name) / folder_name(name) / "run.json").exists()
    assert len(list(storage.root().resolve().parent.glob("up*"))) == 0


@pytest.mark.parametrize("bad", ["", "x", "A" * 64, "../" + "a" * 61, None])
def test_a_digest_is_one(storage: Storage, bad: str) -> None:
    refused(400, storage.blob_missing, PROJECT, [bad])
    refused(400, storage.blob_append, PROJECT, bad, 1, 0, b"x")


def test_a_project_cannot_take_the_place_of_the_artifacts(storage: Storage) -> None:
    for name in ("artifacts", "sweeps", "", " "):
        refused(400, storage.claim, name, RUN, CREATED_NS)
