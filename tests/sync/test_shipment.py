"""A run comes to a server whole, and once, whatever happens on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import rltrack
from rltrack._credentials import Connection
from rltrack.folder import RunFolder
from rltrack.store.run import RunReader
from rltrack.sync.client import Client, LaterError, RefusedError
from rltrack.sync.shipment import Shipment
from rltrack.sync.shipper import Shipper
from tests.sync.conftest import Hub, Network


def recorded(rows: int = 100, *, finish: bool = True, **more: object) -> rltrack.Run:
    run = rltrack.init(project="p", mode="offline", settings={"silent": True}, **more)  # type: ignore[arg-type]
    for step in range(rows):
        run.log({"loss": 1.0 / (step + 1), "step": step})
    if finish:
        run.finish()
    return run


def folder_of(run: rltrack.Run) -> RunFolder:
    assert run.run_folder is not None
    return run.run_folder


def same_files(ours: RunFolder, theirs: RunFolder) -> None:
    """Each file of the run is there, byte for byte, and nothing besides."""
    for top in ("journal", "media", "files"):
        ours_there, there = tree(ours.path / top), tree(theirs.path / top)
        assert ours_there.keys() == there.keys()
        for name, data in ours_there.items():
            assert data == there[name], name
    assert ours.run_json.read_bytes() == theirs.run_json.read_bytes()


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def ship(folder: RunFolder, url: str, **more: str) -> Shipper:
    with Client(Connection(url, **more)) as client:
        shipper = Shipper(folder, client)
        shipper.send_what_is_there(patience_s=0)
        return shipper


def test_a_finished_run_comes_whole_and_once(root: Path, hub: Hub, tmp_path: Path) -> None:
    """As often as one likes; with media, saved files of any name and size, and empty ones."""
    run = recorded(finish=False)
    for name, size in (("model.zip", 3 << 20), ("empty", 0), ("a ü%2F'b.txt", 10)):
        (tmp_path / name).write_bytes(os.urandom(size))
        run.save(str(tmp_path / name).replace("[", "[[]"), base_path=tmp_path)
    run.log({"page": rltrack.Html("<p>hi</p>")})
    run.finish()

    first = ship(folder_of(run), hub.url)

    assert first.state.phase == "complete"
    assert first.shipment.project == "ann/p"
    assert first.state.url == f"{hub.url}/p/ann%2Fp/r/{run.id}"
    theirs = hub.run("ann/p", run.id)
    same_files(folder_of(run), theirs)
    before = {path: path.stat().st_mtime_ns for path in theirs.path.rglob("*.rlj")}
    assert ship(folder_of(run), hub.url).state.phase == "complete"
    assert before == {path: path.stat().st_mtime_ns for path in theirs.path.rglob("*.rlj")}
    reader = RunReader(theirs)
    reader.refresh()
    assert (reader.state, reader.digest().row_count) == ("finished", 101)
    assert [path.name for path in hub.root.iterdir() if path.name[0] != "."] == ["ann%2Fp"]


def test_a_run_that_goes_on_is_followed(root: Path, hub: Hub) -> None:
    """What was logged is there after the next step; its heartbeat, and its end."""
    run = recorded(10, finish=False)
    with Client(Connection(hub.url)) as client:
        shipment = Shipment(folder_of(run), client)
        reader = RunReader(hub.run("ann/p", run.id))
        for rows in (10, 30):
            shipment.advance()
            reader.refresh()
            assert (reader.state, reader.digest().row_count) == ("running", rows)
            assert not shipment.is_complete
            for step in range(20):
                run.log({"loss": 0.0, "step": step})
        run.finish()
        while shipment.advance():
            pass
    assert shipment.is_complete
    same_files(folder_of(run), hub.run("ann/p", run.id))


def test_a_resumed_run_and_later_edits_are_the_same_run(root: Path, hub: Hub) -> None:
    run = recorded(10)
    assert ship(folder_of(run), hub.url).state.phase == "complete"
    again = recorded(10, id=run.id, resume="must")
    rltrack.Api().run(f"p/{run.id}").name = "renamed"
    assert ship(folder_of(again), hub.url).state.phase == "complete"

    reader = RunReader(hub.run("ann/p", run.id))
    reader.refresh()
    assert (reader.digest().name, reader.digest().row_count) == ("renamed", 20)
    same_files(folder_of(run), hub.run("ann/p", run.id))


def test_another_run_of_its_id_is_refused_in_words(root: Path, hub: Hub, tmp_path: Path) -> None:
    ship(folder_of(recorded(id="same")), hub.url)
    other = recorded(id="same", dir=str(tmp_path / "other"))

    state = ship(folder_of(other), hub.url).state

    assert state.phase == "refused"
    assert "another run ann/p/same" in str(state.error)
    assert "id=" in str(state.error)


def test_a_run_that_was_deleted_there_does_not_come_back(root: Path, hub: Hub) -> None:
    from rltrack.store.trash import delete

    run = recorded(10, finish=False)
    with Client(Connection(hub.url)) as client:
        shipment = Shipment(folder_of(run), client)
        shipment.advance()
        delete(hub.root, hub.run("ann/p", run.id), force=True)
        run.log({"loss": 1.0})
        assert shipment.advance()  # the server has no such run: it is asked why
        with pytest.raises(RefusedError, match="deleted"):
            shipment.advance()
    assert not hub.run("ann/p", run.id).path.exists()


def ship_all(shipment: Shipment) -> None:
    while not shipment.is_complete:
        shipment.advance()


def test_a_network_that_is_cut_in_the_middle_costs_nothing(
    root: Path, hub: Hub, network: Network, tmp_path: Path
) -> None:
    """Of a large file, what came before is not sent again."""
    run = recorded(1000, finish=False)
    (tmp_path / "video.mp4").write_bytes(os.urandom(20 << 20))
    run.save(str(tmp_path / "video.mp4"), base_path=tmp_path)
    run.finish()
    with Client(Connection(network.url)) as client:
        shipment = Shipment(folder_of(run), client)
        for _ in range(4):
            network.cut_at = network.passed + (3 << 20)
            with pytest.raises(LaterError):
                ship_all(shipment)
            network.mend()
        ship_all(shipment)

    assert network.passed < 36 << 20
    same_files(folder_of(run), hub.run("ann/p", run.id))


def test_what_a_full_or_failing_server_refuses_is_kept_and_sent_later(root: Path, hub: Hub) -> None:
    run = recorded()
    with Client(Connection(hub.url)) as client:
        shipment = Shipment(folder_of(run), client)
        for status in (500, 503, 507, 429, 408):
            hub.broken.write_text(str(status))
            with pytest.raises(LaterError, match="out of order"):
                shipment.advance()
            assert not shipment.is_complete
        hub.broken.unlink()
        while shipment.advance():
            pass
    assert shipment.is_complete
    same_files(folder_of(run), hub.run("ann/p", run.id))


def test_artifacts_come_with_the_run_that_logged_them(root: Path, hub: Hub, tmp_path: Path) -> None:
    run = recorded(3, finish=False)
    (tmp_path / "weights").write_bytes(os.urandom(1 << 20))
    artifact = rltrack.Artifact("model", "model", metadata={"reward": 3})
    artifact.add_file(str(tmp_path / "weights"))
    run.log_artifact(artifact, aliases=["best"])
    run.finish()

    assert ship(folder_of(run), hub.url).state.phase == "complete"

    from rltrack.artifacts.artifact import find
    from rltrack.artifacts.collection import Collection

    version = Collection(hub.root, "ann/p", "model").get("best")
    assert (version.number, version.metadata) == (0, {"reward": 3})
    blobs = {path.name for path in (hub.root / "artifacts" / "blobs").glob("*/*")}
    assert blobs == {path.name for path in (root / "artifacts" / "blobs").glob("*/*")}
    reader = RunReader(hub.run("ann/p", run.id))
    reader.refresh()
    (link,) = reader.artifacts()
    assert (link.artifact, version.run) == ("ann/p/model:v0", f"ann/p/{run.id}")
    again = find(hub.root, link.artifact).download(str(tmp_path / "again"))
    assert Path(again, "weights").read_bytes() == (tmp_path / "weights").read_bytes()
    assert ship(folder_of(run), hub.url).state.error is None
