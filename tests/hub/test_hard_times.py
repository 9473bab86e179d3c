"""What a real server makes of hard times: it is killed, its disk is full, clocks are wrong."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from rltrack._credentials import Connection
from rltrack._names import folder_name
from rltrack.folder import RunFolder
from rltrack.store.run import RunReader
from rltrack.sync.client import Client, LaterError
from rltrack.sync.shipment import Shipment
from tests.hub.served import Served, served
from tests.hub.team import at
from tests.sync.conftest import Network, eventually
from tests.sync.test_shipment import folder_of, recorded, same_files, ship_all

SEGMENT = "abc-000001.rlj"
MACHINES = 6
PIECES = 60


@pytest.fixture
def server(root: Path, tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "hub") as server:
        yield server


# -- killed ----------------------------------------------------------------------------------------


@dataclass
class Machine:
    """Sends a run of random bytes, and keeps what the server acknowledged."""

    server: Served
    key: str
    name: str
    data: bytearray = field(default_factory=bytearray)
    size: int = 0
    """Acknowledged bytes of the journal."""
    beat: int = 0
    """The last acknowledged heartbeat."""
    files: dict[str, str] = field(default_factory=dict)
    """Acknowledged files by name, with their digests."""
    failure: BaseException | None = None

    @property
    def folder(self) -> Path:
        return self.server.team.root / folder_name("ann/p") / self.name

    def send(self) -> None:
        chance = random.Random(self.name)
        self.data += chance.randbytes(1000)
        with httpx.Client(
            base_url=self.server.team.url,
            headers={"authorization": f"Bearer {self.key}"},
            timeout=60,
        ) as client:
            for beat in range(1, PIECES):
                self.data += chance.randbytes(chance.randint(1, 100_000))
                content = chance.randbytes(chance.randint(1, 20_000))
                while True:
                    try:
                        self._send_once(client, beat, content)
                        break
                    except httpx.TransportError:
                        time.sleep(0.05)

    def _send_once(self, client: httpx.Client, beat: int, content: bytes) -> None:
        here = f"/api/sync/p/{self.name}"
        claimed = client.post(here, json={"created_ns": 1}).raise_for_status().json()
        there = claimed["journal"].get(SEGMENT, 0)
        assert there >= self.size, "bytes that were acknowledged are gone"
        for start in range(there, len(self.data), 30_000):
            piece = bytes(self.data[start : start + 30_000])
            answer = client.post(f"{here}/journal/{SEGMENT}?offset={start}", content=piece)
            self.size = answer.raise_for_status().json()["size"]
        facts = f'{{"id": "{self.name}", "created_ns": 1, "beat": {beat}}}'
        body = {"facts": facts, "journal": {SEGMENT: self.size}}
        client.put(f"{here}/facts", json=body).raise_for_status()
        self.beat = beat
        digest, name = hashlib.sha256(content).hexdigest(), f"files/{beat}"
        query = f"digest={digest}&size={len(content)}"
        client.put(f"{here}/files/{name}?{query}", content=content).raise_for_status()
        self.files[name] = digest

    def check(self) -> None:
        """What was acknowledged is there."""
        files = dict(self.files)
        size, beat = self.size, self.beat
        if size:
            there = (self.folder / "journal" / SEGMENT).read_bytes()
            assert len(there) >= size
            assert bytes(self.data[: len(there)]) == there
        if beat:
            told = (self.folder / "run.json").read_text()
            assert int(told.rpartition(":")[2].strip(" }")) >= beat
        for name, digest in files.items():
            assert hashlib.sha256((self.folder / name).read_bytes()).hexdigest() == digest


def test_what_was_acknowledged_is_there_after_kills_in_the_middle_of_uploads(
    server: Served,
) -> None:
    """Journals, facts, files, and what is in the database; nothing is torn or doubled."""
    key = server.team.key("ann", "admin")
    machines = [Machine(server, key, f"m{number}") for number in range(MACHINES)]

    def run(machine: Machine) -> None:
        try:
            machine.send()
        except BaseException as failure:
            machine.failure = failure
            raise

    threads = [threading.Thread(target=run, args=(machine,)) for machine in machines]
    for thread in threads:
        thread.start()
    made: list[str] = []
    for part in (1, 2, 3):
        with httpx.Client(base_url=server.team.url, timeout=60) as client:
            body = {"name": "k", "scope": "read"}
            headers = {"authorization": f"Bearer {key}"}
            answer = client.post("/api/account/keys", json=body, headers=headers)
            made.append(answer.raise_for_status().json()["id"])
        enough = part * MACHINES * PIECES // 4
        eventually(lambda enough=enough: _beats(machines) > enough)  # type: ignore[misc]
        server.tell(signal.SIGKILL)
        server.end()
        for machine in machines:
            machine.check()
        server.start()
    for thread in threads:
        thread.join()

    assert [machine.failure for machine in machines] == [None] * MACHINES
    for machine in machines:
        machine.check()
        assert (machine.folder / "journal" / SEGMENT).read_bytes() == bytes(machine.data)
        assert sorted(path.name for path in (machine.folder / "files").iterdir()) == sorted(
            str(beat) for beat in range(1, PIECES)
        )
    keys = server.team.program("ann", "admin").get("/api/account/keys").json()["keys"]
    assert set(made) <= {one["id"] for one in keys}


def _beats(machines: list[Machine]) -> int:
    assert [one.failure for one in machines if one.failure] == []
    return sum(one.beat for one in machines)


# -- a full disk -----------------------------------------------------------------------------------


@dataclass
class Disk:
    """Where a server's folder is.

    Args:
        server: it.
        fill: take all that is left.
        make_room: give it back.
    """

    server: Served
    fill: Callable[[], None]
    make_room: Callable[[], None]


@pytest.fixture(params=["tmpfs", "limit"])
def disk(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Iterator[Disk]:
    """A small one, where tests may mount it; and a limit of the process', which is met alike."""
    place = tmp_path / "hub"
    place.mkdir()
    if request.param == "limit":
        with served(place) as server:
            soft, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)

            def limit(size: int) -> None:
                resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, hard))

            yield Disk(server, lambda: limit(4096), lambda: limit(soft))
        return
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True
    )
    if mount.returncode:
        pytest.skip("tests may not mount a tmpfs here; the other disk shows the same")
    try:
        with served(place) as server:
            ballast = place / ".ballast"
            yield Disk(server, lambda: _fill(ballast), ballast.unlink)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(ballast: Path) -> None:
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
            file.flush()


def test_a_full_disk_is_told_and_does_not_last(disk: Disk) -> None:
    """What cannot be kept is refused with 507, all else is answered; with room it goes on."""
    team = disk.server.team
    ann, connection = team.program("ann", "admin"), Connection(team.url, team.key("ann"))
    run = recorded(300)
    with Client(connection) as client:
        shipment = Shipment(folder_of(run), client)
        ship_all(shipment)
    more = recorded(300)
    data = random.Random(1).randbytes(100_000)
    ann.post("/api/sync/p/big", json={"created_ns": 1}).raise_for_status()

    disk.fill()
    for _ in range(3):
        refused = ann.post(f"/api/sync/p/big/journal/{SEGMENT}?offset=0", content=data)
        assert (refused.status_code, refused.json()["error"][:22]) == (
            507,
            "the server's disk is f",
        )
        assert ann.get("/healthz").status_code == 200
        assert ann.get(at("ann/p", "/runs")).status_code == 200
        panels = [{"key": "loss", "runs": [run.id]}]
        assert ann.post(at("ann/p", "/series"), json={"panels": panels}).status_code == 200
        for path, body in (
            ("/api/account/keys", {"name": "k", "scope": "read"}),
            (at("ann/p", "/short"), {"link": "/p/" + "x" * 10_000}),
        ):
            answer = ann.post(path, json=body)
            assert answer.status_code in (200, 409, 503, 507), answer.text
            assert answer.status_code == 200 or answer.json()["error"]
    assert ann.get("/readyz").status_code in (200, 503)
    with Client(connection) as client:
        shipment = Shipment(folder_of(more), client)
        with pytest.raises(LaterError, match="disk is full"):
            ship_all(shipment)
        disk.make_room()
        ship_all(shipment)

    same_files(folder_of(more), RunFolder(team.root / folder_name("ann/p") / more.id))
    kept = ann.post(f"/api/sync/p/big/journal/{SEGMENT}?offset=0", content=data)
    assert kept.json() == {"size": len(data)}
    assert ann.get("/readyz").status_code == 200
    assert ann.post("/api/account/keys", json={"name": "k", "scope": "read"}).status_code == 200


# -- a network that goes away ------------------------------------------------------------------------


def test_a_network_that_is_cut_and_mended_is_as_if_it_had_stayed(
    server: Served, tmp_path: Path
) -> None:
    """For a machine that sends, a program that reads, and a page that listens."""
    team = server.team
    run = recorded(500, finish=False)
    (tmp_path / "video.mp4").write_bytes(os.urandom(4 << 20))
    run.save(str(tmp_path / "video.mp4"), base_path=tmp_path)
    run.finish()
    network = Network(server.port)
    network.mend()
    try:
        with Client(Connection(network.url, team.key("ann"))) as client:
            shipment = Shipment(folder_of(run), client)
            network.cut_at = network.passed + (1 << 20)
            with pytest.raises(LaterError):
                ship_all(shipment)
            network.mend()
            ship_all(shipment)
        same_files(folder_of(run), RunFolder(team.root / folder_name("ann/p") / run.id))

        headers = {"authorization": f"Bearer {team.key('ann')}"}
        with httpx.Client(base_url=network.url, headers=headers, timeout=60) as page:
            with page.stream("GET", at("ann/p", "/changes")) as stream:
                lines = stream.iter_lines()
                assert next(lines) == "event: change"
                network.cut()
                with pytest.raises(httpx.TransportError):
                    list(lines)
            with pytest.raises(httpx.TransportError):
                page.get(at("ann/p", "/runs"))
            network.mend()
            assert [one["id"] for one in page.get(at("ann/p", "/runs")).json()["runs"]] == [run.id]
            with page.stream("GET", at("ann/p", "/changes")) as stream:
                assert next(stream.iter_lines()) == "event: change"
    finally:
        network.cut()


# -- clocks ----------------------------------------------------------------------------------------

#: Another machine, whose clock is wrong: a run that goes on until it is told to end.
WRONG_CLOCK = """
import os, sys, time
there = os.uname()
os.uname = lambda: os.uname_result((there[0], "far", *there[2:]))
off_s, real, real_ns = float(sys.argv[1]) * 86400, time.time, time.time_ns
time.time = lambda: real() + off_s
time.time_ns = lambda: real_ns() + int(off_s * 1e9)
import rltrack
run = rltrack.init(project="p", id="r", mode="offline", settings={"silent": True})
run.log({"loss": 1.0})
print("logged", flush=True)
sys.stdin.readline()
run.finish()
"""


@pytest.mark.parametrize("days", [-2, 2])
def test_a_clock_two_days_off_changes_no_state(root: Path, server: Served, days: int) -> None:
    """The run goes on while its machine is heard of, and is crashed a minute after that ends."""
    machine = server.team.open.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", WRONG_CLOCK, str(days)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    assert machine.stdout is not None
    assert machine.stdout.readline() == "logged\n"
    ours = RunFolder(root / "p" / "r")
    theirs = RunFolder(server.team.root / folder_name("ann/p") / "r")
    ann = server.team.program("ann")

    def told() -> dict[str, Any]:
        found: dict[str, Any] = ann.get(at("ann/p", "/runs/r")).json()
        return found

    with Client(Connection(server.team.url, server.team.key("ann"))) as client:
        shipment = Shipment(ours, client)
        shipment.advance()
        assert told()["state"] == "running"
        assert abs(told()["created_at"] - time.time() - days * 86400) < 3600
        silent = time.time() + 61  # by the server's clock: as if it were heard of no more
        reader = RunReader(theirs, now=lambda: silent)
        reader.refresh()
        assert reader.state == "crashed"
        shipment.advance()
        assert told()["state"] == "running"
        machine.communicate("end\n")
        ship_all(shipment)
    assert told()["state"] == "finished"
    assert told()["duration_s"] < 3600
