"""Whether a server bears a lab: live runs that all send, pages that are open, and what charts take.

    python tests/benchmarks/load.py [--runs 500] [--minutes 5] [--replicas 1]
    python tests/benchmarks/load.py --replicas 2 --shared       PostgreSQL and S3, both started here

Each run has 10 metrics and a row a second, which is sent at once, as `rltrack.sync` does; every five
seconds it says that it lives. A page is open meanwhile, and somebody asks for charts: of one run,
and of a metric of a hundred. Replicas stand behind nginx, where it is installed, or else behind a
relay of this script. At the end every row is counted, of every run.

Journals are written before, by rltrack's own writer, and sent by one process over plain sockets: a
generator that takes a core would measure itself. It still shares the machine with the servers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil

from rltrack.folder import RunFacts
from rltrack.hub.accounts import people
from rltrack.hub.config import HubConfig
from rltrack.hub.database import Database
from rltrack.journal import process
from rltrack.journal.writer import JournalWriter

PROJECT = quote("lab/load", safe="")
METRICS = tuple(f"train/metric{number}" for number in range(10))
BEAT_S = 5
P99_MS = 250.0


# -- what is sent ----------------------------------------------------------------------------------


@dataclass
class LiveRun:
    """A run's journal, and where each of its seconds ends in it."""

    id: str
    facts: RunFacts
    segment: str
    data: bytes
    ends: list[int]

    @property
    def base(self) -> str:
        """Its address."""
        return f"/api/sync/{PROJECT}/{self.id}"


def made_run(folder: Path, number: int, seconds: int) -> LiveRun:
    """A run of so many rows, as a training would write it."""
    run_id, now = f"live{number:04}", time.time_ns()
    writer = JournalWriter(folder / run_id, mapped=False)
    [segment] = (folder / run_id).iterdir()
    chance, ends = random.Random(number), []
    for step in range(seconds):
        values = {name: chance.gauss(step / 100, 1.0) for name in METRICS}
        with writer.lock:
            assert writer.write_row(values, step, now + step * 10**9, 1)
        ends.append(segment.stat().st_size)
    data = segment.read_bytes()
    writer.close()
    facts = RunFacts(
        id=run_id, project="load", name=f"run {number}", created_ns=now, host="load", process="p"
    )
    return LiveRun(run_id, facts, segment.name, data[: ends[-1]], ends)


class Connection:
    """One kept-alive connection of HTTP/1.1, which asks one thing at a time."""

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname
        self._host, self._port = parts.hostname, parts.port or 80
        self._fixed = f"host: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: bytes = b"", more: str = ""
    ) -> tuple[int, bytes]:
        """One request; OSError where the server is not there."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 24)
            reader, writer = self._streams
            writer.write(
                f"{method} {path} HTTP/1.1\r\n{self._fixed}{more}"
                f"content-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(None, 2)[1])
            if "transfer-encoding: chunked" in head:
                answer = b""
                while size := int((await reader.readline()).strip(), 16):
                    answer += (await reader.readexactly(size + 2))[:-2]
                await reader.readexactly(2)
            else:
                length = head.partition("content-length:")[2].split("\r\n")[0]
                answer = await reader.readexactly(int(length or 0))
        except (OSError, EOFError, asyncio.IncompleteReadError) as failure:
            self.close()
            raise OSError(str(failure)) from failure
        return status, answer

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def send(
    address: str, key: str, runs: list[LiveRun], seconds: int, start: float
) -> dict[str, object]:
    """All runs, each for so many seconds."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(32):
        free.put_nowait(Connection(address, key))
    late: list[float] = []
    took: list[float] = []
    again = 0

    async def ask(method: str, path: str, body: bytes, more: str = "") -> dict[str, object]:
        nonlocal again
        while True:
            connection = await free.get()
            begin = time.perf_counter()
            try:
                status, answer = await connection.ask(method, path, body, more)
            except OSError:
                status, answer = 503, b""
            finally:
                free.put_nowait(connection)
            if status == 200 or (status == 409 and b'"size"' in answer):
                took.append(time.perf_counter() - begin)
                said: dict[str, object] = json.loads(answer)
                return said
            assert status in (429, 500, 502, 503, 504, 507), (path, status, answer[:300])
            again += 1
            await asyncio.sleep(0.5)

    async def facts(run: LiveRun, size: int, state: str = "running") -> None:
        told = json.dumps(asdict(run.facts) | {"state": state})
        said = {"facts": told, "journal": {run.segment: size}}
        as_json = "content-type: application/json\r\n"
        await ask("PUT", f"{run.base}/facts", json.dumps(said).encode(), as_json)

    async def live(number: int, run: LiveRun) -> None:
        offset = 0
        body = json.dumps({"created_ns": run.facts.created_ns}).encode()
        await ask("POST", run.base, body, "content-type: application/json\r\n")
        await facts(run, 0)
        for second in range(seconds):
            at = start + second + number / len(runs)
            await asyncio.sleep(max(0.0, at - time.time()))
            while offset < run.ends[second]:
                piece = run.data[offset : run.ends[second]]
                path = f"{run.base}/journal/{run.segment}?offset={offset}"
                digest = f"x-rltrack-digest: {hashlib.sha256(piece).hexdigest()}\r\n"
                size = (await ask("POST", path, piece, digest))["size"]
                assert isinstance(size, int)
                offset = size
            late.append(time.time() - at)
            if second % BEAT_S == number % BEAT_S:
                await facts(run, offset)
        await facts(run, offset, "finished")

    await asyncio.gather(*(live(number, run) for number, run in enumerate(runs)))
    return {
        "took_ms": percentiles(took),
        "late_ms": percentiles(late),
        "requests": len(took),
        "again": again,
    }


# -- what is read meanwhile ------------------------------------------------------------------------


async def read(
    address: str, key: str, run_ids: list[str], start: float, until: float
) -> dict[str, object]:
    """A page that is open, and charts that are asked for."""
    connection, page = Connection(address, key), Connection(address, key)
    as_json, project = "content-type: application/json\r\n", f"/api/projects/{PROJECT}"
    took: dict[str, list[float]] = {"one run": [], "100 runs": [], "list": []}
    chance = random.Random(0)

    async def timed(kind: str, on: Connection, method: str, path: str, body: bytes = b"") -> bytes:
        begin = time.perf_counter()
        try:
            status, answer = await on.ask(method, path, body, as_json)
        except OSError:
            return b""
        assert status in (200, 502, 503), (path, status, answer[:300])
        if status == 200:
            took[kind].append((time.perf_counter() - begin) * 1000)
        return answer

    async def charts() -> None:
        while time.time() < until:
            some = chance.sample(run_ids, min(100, len(run_ids)))
            panels = [{"key": key, "runs": some[:1]} for key in METRICS]
            await timed(
                "one run", connection, "POST", f"{project}/series", _json({"panels": panels})
            )
            await asyncio.sleep(0.25)
            panels = [{"key": chance.choice(METRICS), "runs": some}]
            await timed(
                "100 runs", connection, "POST", f"{project}/series", _json({"panels": panels})
            )
            await asyncio.sleep(0.25)

    async def open_page() -> None:
        version = ""
        while time.time() < until:
            answer = await timed("list", page, "GET", f"{project}/runs{version}")
            if answer:
                version = f"?since={json.loads(answer)['version']}"
            await asyncio.sleep(1.0)

    await asyncio.sleep(max(0.0, start + 2 - time.time()))
    await asyncio.gather(charts(), open_page())
    return {kind: percentiles(times, 1.0) for kind, times in took.items()}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def percentiles(times: list[float], scale: float = 1000.0) -> dict[str, float]:
    """The middle, the last hundredth, and the worst, in milliseconds."""
    if len(times) < 2:
        return {}
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50": cuts[49] * scale, "p99": cuts[98] * scale, "most": max(times) * scale}


# -- the servers -----------------------------------------------------------------------------------


class Replica:
    """One `rltrack server`."""

    def __init__(self, root: Path, flags: list[str], profile: Path | None) -> None:
        before = ["-m", "cProfile", "-o", str(profile)] if profile else []
        self.process = subprocess.Popen(
            [
                sys.executable,
                *before,
                "-m",
                "rltrack",
                "server",
                "--dir",
                str(root),
                "--port",
                "0",
                *flags,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().partition(" at ")[2].split()[0]
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def memory(self) -> int:
        """What it holds now, in bytes."""
        held: int = psutil.Process(self.process.pid).memory_info().rss
        return held

    def cpu_s(self) -> float:
        """What it has used of a core."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        """End it as a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@contextlib.contextmanager
def proxy(replicas: list[Replica], folder: Path) -> Iterator[str]:
    """One address for all: nginx by turns, or a relay that gives each connection to the next."""
    if len(replicas) == 1:
        yield replicas[0].url
        return
    program = shutil.which("nginx")
    assert program, "nginx is missing (Debian: nginx-light); or measure one replica"
    port = _free_port()
    servers = "".join(f"server {urlsplit(one.url).netloc};" for one in replicas)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/p;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"upstream rltrack {{ {servers} keepalive 64; }}\n"
        f"server {{ listen 127.0.0.1:{port}; client_max_body_size 20m; location / {{\n"
        "proxy_pass http://rltrack; proxy_http_version 1.1; proxy_set_header Connection '';\n"
        "proxy_set_header Host $http_host; proxy_buffering off; } } }\n"
    )
    with open(folder / "nginx.out", "w") as out:
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(folder / "nginx.conf")], stdout=out, stderr=out
        )
    try:
        time.sleep(0.5)
        assert process.poll() is None, (folder / "nginx.out").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def make_key(database_url: str) -> str:
    """A user, and a key that may write."""
    with Database(database_url) as database, database.write() as session:
        user = people.add_user(session, "lab", None, now=time.time(), is_admin=False)
        return people.add_key(session, user.id, "load", "write", now=time.time())[1]


def apart(work: Callable[[], Awaitable[dict[str, object]]], to: Path) -> int:
    """Do it in a process of its own; what it answers is in the file."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            to.write_text(json.dumps(asyncio.run(work())))  # type: ignore[arg-type]
            status = 0
        except BaseException as failure:
            print(f"{to.name}: {failure!r}", file=sys.stderr)
        finally:
            os._exit(status)
    return pid


def main() -> None:
    """Measure, and print."""
    process.host_name = lambda: "trainer"  # runs of this machine would be looked up in /proc
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--database", help="instead of SQLite")
    parser.add_argument("--store", help="s3://bucket/prefix, instead of the folder")
    parser.add_argument("--store-endpoint")
    parser.add_argument("--shared", action="store_true", help="start PostgreSQL and an S3 server")
    parser.add_argument("--profile", type=Path, help="write the first replica's cProfile there")
    options = parser.parse_args()
    seconds = round(options.minutes * 60)

    with ExitStack() as open:
        folder = Path(open.enter_context(tempfile.TemporaryDirectory(prefix="rltrack-load-")))
        if options.shared:
            from tests.benchmarks.load_backends import shared

            options.database, options.store, options.store_endpoint = open.enter_context(shared())
        print(f"{options.runs} runs × {len(METRICS)} metrics × 1 row/s for {seconds} s")
        runs = [made_run(folder / "made", number, seconds) for number in range(options.runs)]
        flags = [
            part
            for flag in ("database", "store", "store_endpoint")
            if (value := getattr(options, flag))
            for part in (f"--{flag.replace('_', '-')}", value)
        ]
        root = folder / "root"
        key = make_key(HubConfig(root=root, database=options.database).database_url)
        replicas: list[Replica] = []
        for number in range(options.replicas):
            profile = options.profile if number == 0 else None
            replicas.append(Replica(root, [*flags, "--requests-per-s", "100000"], profile))
            open.callback(replicas[-1].stop)
        address = open.enter_context(proxy(replicas, folder))
        begin, ids = time.time(), [run.id for run in runs]
        start = begin + 3 + len(runs) / 50  # until then all have said who they are
        until = start + seconds
        cpu = [replica.cpu_s() for replica in replicas]
        pids = [
            apart(lambda: send(address, key, runs, seconds, start), folder / "sent"),
            apart(lambda: read(address, key, ids, start, until), folder / "read"),
        ]
        memory: list[list[int]] = []
        waiting = set(pids)
        while waiting:
            time.sleep(2)
            memory.append([replica.memory() for replica in replicas])
            for pid in [*waiting]:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    waiting.discard(pid)
                    if status != 0:
                        for other in waiting:
                            os.kill(other, signal.SIGTERM)
                        raise SystemExit("it failed, see above")
        took_s = time.time() - begin
        report(folder, took_s, memory, [r.cpu_s() - c for r, c in zip(replicas, cpu, strict=True)])
        count_all(address, key, {run.id: seconds for run in runs})


def report(folder: Path, took_s: float, memory: list[list[int]], cpu: list[float]) -> None:
    """What was seen, as a table."""
    sent = json.loads((folder / "sent").read_text())
    seen = json.loads((folder / "read").read_text())
    print(f"took {took_s:.0f} s; {sent['requests']} requests sent, {sent['again']} of them again")
    print(f"{'ms':32}{'p50':>9}{'p99':>9}{'most':>9}")
    rows = {"a request of a machine": sent["took_ms"], "a row is durable after": sent["late_ms"]}
    for kind, times in {
        **rows,
        **{f"chart of {k}" if k != "list" else "runs that changed": v for k, v in seen.items()},
    }.items():
        bound = f"   ≤ {P99_MS:.0f} at p99" if kind.startswith("chart") else ""
        if times:
            print(f"{kind:32}{times['p50']:9.1f}{times['p99']:9.1f}{times['most']:9.1f}{bound}")
    for number, held in enumerate(zip(*memory, strict=True)):
        marks = [held[len(held) * part // 5] >> 20 for part in range(5)] + [held[-1] >> 20]
        told = " → ".join(map(str, marks))
        print(f"replica {number}: MiB over time {told}; {cpu[number] / took_s:.0%} of a core")


def count_all(address: str, key: str, expected: dict[str, int]) -> None:
    """Every row, of every run."""

    async def look() -> None:
        connection = Connection(address, key)
        status, answer = await connection.ask("GET", f"/api/projects/{PROJECT}/runs")
        assert status == 200, answer[:300]
        found = {run["id"]: run for run in json.loads(answer)["runs"]}
        lost = sum(rows - found[run]["row_count"] for run, rows in expected.items())
        damaged = sum(bool(run["damage"]) for run in found.values())
        print(f"rows sent {sum(expected.values())}, lost {lost}; runs with damage {damaged}")

    asyncio.run(look())


if __name__ == "__main__":
    main()
