"""Runs of a server, read as if they were in a folder: `Api` over HTTP.

What a list shows of runs comes from the server as it is. Who looks into a run gets its journal, by
offset and only what is new, into a root in the user's cache folder; files come when they are opened.
From there on everything is read by the very code that reads any folder, so the answers are the same.

Nothing is written into a copy: changes are asked of the server.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rltrack._credentials import Connection
from rltrack._names import folder_name, name_of_folder
from rltrack.artifacts.collection import ARTIFACTS, projects_with_artifacts
from rltrack.artifacts.origin import ORIGINS
from rltrack.errors import NotFoundError, StorageError, UsageError
from rltrack.folder import RUN_JSON, RunFolder
from rltrack.store.aggregate import Aggregate
from rltrack.store.catalog import Known, cache_folder
from rltrack.store.project import Catalog, ListedRun, Project
from rltrack.store.run import RunDigest
from rltrack.sync.client import Client, LaterError, RefusedError, joined

#: What is so new is not asked for again: a loop over a thousand runs is a handful of questions.
FRESH_S: Final = 0.5
_LIVE_FRESH_S: Final = 0.25
#: Copies beyond it go, those that were looked into longest ago first.
MOST_BYTES: Final = int(os.environ.get("RLTRACK_COPIES_BYTES") or 20 << 30)
_SPARE_EACH_S: Final = 3600.0
_TUPLES: Final = tuple(
    field.name for field in dataclasses.fields(RunDigest) if str(field.type).startswith("tuple")
)


_servers: dict[tuple[int, Connection], Server] = {}


def server_of(connection: Connection) -> Server:
    """The one of this process: it keeps its connections for whoever asks next."""
    key = (os.getpid(), connection)  # a forked child must not use its parent's
    if key not in _servers:
        _servers[key] = Server(connection)
    return _servers[key]


class Server:
    """One server, and the copies of what was asked of it.

    Args:
        connection: the server, and the key.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.client = Client(connection)
        atexit.register(self.client.close)
        who = f"{connection.server} {connection.api_key or ''}"
        name = hashlib.sha256(who.encode()).hexdigest()[:20]
        self.root = cache_folder() / "servers" / name
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as refusal:
            raise StorageError(
                f"{self.root} cannot be written ({refusal.strerror}), and copies of the server's "
                "runs go there; choose another folder with RLTRACK_CACHE_DIR"
            ) from refusal
        ORIGINS[self.root] = self
        self._user = connection.user
        self._copies: dict[tuple[str, str], _RunCopy] = {}
        self._lock = threading.Lock()
        _spare(self.root)

    @property
    def address(self) -> str:
        """Of the server."""
        return self.connection.server

    @property
    def user(self) -> str:
        """Whose key it is; empty: the server has no accounts, or nobody has signed in."""
        if self._user is None:
            has_accounts = self.ask("GET", "/api/meta").get("accounts")
            told = self.ask("GET", "/api/account") if has_accounts else {}
            self._user = str(told.get("name") or "")
        return self._user

    def whole_name(self, project: str) -> str:
        """A project with its user or team in front."""
        return project if "/" in project or not self.user else f"{self.user}/{project}"

    def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """One question.

        Raises:
            NotFoundError: there is no such thing, or it is somebody else's.
            UsageError: the server refuses.
            StorageError: it cannot be reached.
        """
        with _told(self.address):
            return self.client.ask(method, path, **given)

    def fetch(self, path: str, target: Path, offset: int = 0) -> int:
        """Have a file here; see `Client.fetch`, and `ask` for what is raised."""
        with _told(self.address):
            return self.client.fetch(path, target, offset=offset)

    def copy_of(self, project: str, run_id: str) -> _RunCopy:
        """The copy of a run: one, whoever looks into it."""
        return self._copies.setdefault((project, run_id), _RunCopy(self, project, run_id))

    # -- artifacts: it is the `Origin` of what lies here --------------------------------------

    def copy_versions(self, project: str) -> None:
        """Have here what says which versions of artifacts a project has."""
        whole = self.whole_name(project)
        place = self.root / ARTIFACTS / folder_name(whole)
        with self._lock:
            stamp = place / ".as-of"
            since = stamp.read_text(encoding="ascii") if stamp.exists() else "0"
            told = self.ask(
                "GET", joined("api", "projects", whole, "versions"), query={"since": since}
            )
            names = set(told["names"])
            for path in [*place.rglob("*")] if place.exists() else []:
                name = path.relative_to(place).as_posix()
                if path.is_file() and not path.name.startswith(".") and name not in names:
                    path.unlink()
            for name, text in told["texts"].items():
                path = _inside(place, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                _replace(path, text)
            if place.exists():
                _replace(stamp, str(told["as_of"]))

    def fetch_blob(self, digest: str, target: Path) -> None:
        """See `Origin`; it is asked of each project of which there are versions here."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{digest}.part")
        for project in projects_with_artifacts(self.root):
            with contextlib.suppress(NotFoundError):
                there = part.stat().st_size if part.exists() else 0
                self.fetch(joined("api", "projects", project, "blobs", digest), part, there)
                with part.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found == digest:
                    os.replace(part, target)
                    return
                part.unlink()
        raise NotFoundError(f"{self.address} has no content {digest[:12]}… any more")

    def put_version_file(self, project: str, path: str, text: str) -> None:
        """See `Origin`."""
        data = text.encode()
        address = joined("api", "sync", project, "artifacts", "versions", *path.split("/"))
        digest = hashlib.sha256(data).hexdigest()
        self.ask("PUT", address, data=data, query={"digest": digest, "size": len(data)})

    def delete_version(self, project: str, name: str, number: int) -> None:
        """See `Origin`."""
        body = {"name": name, "versions": [f"v{number}"]}
        told = self.ask(
            "POST", joined("api", "projects", project, "artifacts", "delete"), json=body
        )
        _raise_failed(told)


class ServerCatalog(Catalog):
    """The projects of a server.

    Args:
        server: it.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server.root)
        self._server = server
        self._open: dict[str, ServerProject] = {}

    def named(self, name: str) -> str:
        """A project with its user or team in front."""
        return self._server.whole_name(name)

    def names(self) -> list[str]:
        """The projects that one sees, by name."""
        told = self._server.ask("GET", "/api/projects")["projects"]
        return sorted(str(one["name"]) for one in told)

    def project(self, name: str) -> Project:
        """One project.

        Raises:
            NotFoundError: there is none, or it is somebody else's.
        """
        whole = self._server.whole_name(name)
        if whole not in self._open:
            found = ServerProject(self._server, whole)
            found.refresh()
            self._open[whole] = found
        return self._open[whole]


class ServerProject(Project):
    """The runs of a project on a server.

    Args:
        server: it.
        name: with the user or team in front.
    """

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(server.root, name)
        self._server = server
        self._since = 0
        self._asked_at = -FRESH_S

    def refresh(self) -> int:
        """Ask which runs changed since the last time."""
        with self.lock:
            told = self._server.ask(
                "GET",
                joined("api", "projects", self.name, "digests"),
                query={"since": self._since},
            )
            self._asked_at = time.monotonic()
            self._since = told["version"]
            if told["removed"] or told["digests"]:
                self._version += 1
            for run_id in told["removed"]:
                self.forget(run_id)
            for one in told["digests"]:
                self._take(_digest(one))
            return self._version

    def forget(self, run_id: str) -> None:
        """A run is gone."""
        for table in (self._runs, self._versions, self._revisions):
            table.pop(run_id, None)
        self._names.pop(folder_name(run_id), None)
        self._removed[run_id] = self._version

    def _take(self, digest: RunDigest) -> None:
        run = self._runs.get(digest.id)
        if run is None or not isinstance(run, ServerRun):
            run = ServerRun(self._server, self, digest)
            self._runs[run.id] = run
            self._names[run.name] = run.id
            self._removed.pop(run.id, None)
        run.take(digest)
        self._revisions[run.id] = run.revision
        self._versions[run.id] = self._version

    def keep_fresh(self) -> None:
        """Ask, unless that was done a moment ago."""
        if time.monotonic() - self._asked_at > FRESH_S:
            self.refresh()

    def get(self, run_id: str) -> ListedRun | None:
        """One run."""
        with self.lock:
            self.keep_fresh()
            if run_id not in self._runs:
                self.refresh()
            return self._runs.get(run_id)

    def sibling(self, name: str) -> Project:
        """Another project of the same server."""
        return ServerProject(self._server, self._server.whole_name(name))

    def have_artifact(self, name: str) -> str:
        """With the run's user or team in front; what says which versions there are is here then."""
        entity = self.name.rpartition("/")[0]
        project = name.partition(":")[0].rpartition("/")[0]
        if "/" not in project and entity:
            project, name = f"{entity}/{project}", f"{entity}/{name}"
        self._server.copy_versions(project)
        return name

    def _scan(self) -> None:
        self.keep_fresh()


class ServerRun(ListedRun):
    """A run on a server.

    Args:
        server: it.
        project: of the run.
        digest: what the server says of it.
    """

    __slots__ = ("_project", "_read_revision", "_server")
    is_copy = True

    def __init__(self, server: Server, project: ServerProject, digest: RunDigest) -> None:
        path = os.path.join(server.root, folder_name(project.name), folder_name(digest.id))
        super().__init__(
            path, folder_name(digest.id), Known((0, 0, 0), digest), project._open_reader
        )
        self._server = server
        self._project = project
        self._read_revision = 0

    def take(self, digest: RunDigest) -> None:
        """It changed."""
        self._known = Known((0, 0, 0), digest)
        self.revision += 1

    @property
    def folder(self) -> RunFolder:
        """Its copy."""
        return CopiedFolder(Path(self._path), self._server.copy_of(self._project.name, self.id))

    @property
    def url(self) -> str:
        """The address of its page."""
        return self._server.address + joined("p", self._project.name, "r", self.id)

    def open(self) -> Any:
        """The reader of its copy."""
        self._project.keep_fresh()
        reader = super().open()
        if self._read_revision != self.revision:
            self._read_revision = self.revision
            reader.reopen_if_changed()
        return reader

    def look(self, *, again: bool) -> Known | None:
        """See whether anything changed."""
        self._project.keep_fresh()
        return None

    def digest(self) -> RunDigest:
        """What the server says of it."""
        assert self._known is not None
        return self._known.digest

    @property
    def created_at(self) -> float:
        """When the run began, in seconds since the epoch."""
        return self.digest().created_at

    @property
    def heartbeat_at(self) -> float:
        """When it last gave a sign of life, by the server's clock."""
        return self.digest().heartbeat_at

    def peek(self) -> tuple[Any, float]:
        """State and last sign of life."""
        digest = self.digest()
        return digest.state, digest.ended_at or digest.heartbeat_at

    # -- changes ---------------------------------------------------------------------------

    def edit(self, **changes: Any) -> None:
        """See `ListedRun.edit`."""
        told = self._ask("edit", {"changes": [{"run": self.id, **changes}]})
        _raise_failed(told)

    def ask_to_stop(self) -> None:
        """See `ListedRun.ask_to_stop`."""
        _raise_failed(self._ask("stop", {"runs": [self.id]}))

    def move_to(self, project: Project) -> None:
        """See `ListedRun.move_to`."""
        _raise_failed(self._ask("move", {"runs": [self.id], "to": project.name}))

    def trash(self, root: Path, *, force: bool, forever: bool) -> int:
        """See `ListedRun.trash`."""
        if forever or force:
            raise UsageError(
                "a server's runs go into its trash, and only once they have ended; its own "
                "`rltrack rm --forever` frees the space"
            )
        _raise_failed(self._ask("delete", {"runs": [self.id]}))
        self._project.forget(self.id)
        shutil.rmtree(self._path, ignore_errors=True)
        return 0

    def _ask(self, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        told = self._server.ask(
            "POST", joined("api", "projects", self._project.name, what), json=body
        )
        with contextlib.suppress(NotFoundError):  # with the last of its runs a project is gone
            self._project.refresh()
        return told


class _RunCopy:
    """The copy of one run, and how far it has come. Any number of threads and processes may pull."""

    def __init__(self, server: Server, project: str, run_id: str) -> None:
        self._server = server
        self._address = ("api", "projects", project, "runs", run_id)
        self._lock = threading.RLock()
        self._pulled_at = -_LIVE_FRESH_S
        self.files: dict[str, int] = {}

    def pull(self, folder: Path) -> None:
        """Have what the server has of the journal; files are listed only."""
        with self._lock:
            if time.monotonic() - self._pulled_at < _LIVE_FRESH_S:
                return
            told = self._server.ask("GET", joined(*self._address, "parts"))
            journal = folder / "journal"
            self._make_room(folder, told)
            for segment, size in sorted(told["journal"].items()):
                path = _inside(journal, segment)
                there = path.stat().st_size if path.exists() else 0
                if there < size:
                    self._server.fetch(joined(*self._address, "journal", segment), path, there)
            self.files = dict(told["files"])
            facts = folder / RUN_JSON
            if not facts.exists() or facts.read_text(encoding="utf-8") != told["facts"]:
                _replace(facts, told["facts"])
            beat = time.time() - float(told["age_s"])
            if abs(facts.stat().st_mtime - beat) > 1e-3:
                os.utime(facts, (beat, beat))
            self._pulled_at = time.monotonic()

    def _make_room(self, folder: Path, told: Mapping[str, Any]) -> None:
        """A run of this id that was another, or lost bytes, is begun again."""
        journal = folder / "journal"
        if journal.exists() and any(
            path.stat().st_size > told["journal"].get(path.name, 0) for path in journal.iterdir()
        ):
            shutil.rmtree(folder)
        journal.mkdir(parents=True, exist_ok=True)

    def fetch(self, folder: Path, name: str) -> None:
        """Have a file."""
        with self._lock:
            if name not in self.files:
                return
            path = _inside(folder, name)
            size = self.files[name]
            if path.exists() and path.stat().st_size == size:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            there = part.stat().st_size if part.exists() else 0
            kind, _, rest = name.partition("/")
            address = (
                joined(*self._address, kind)
                + "/"
                + "/".join(joined(one)[1:] for one in rest.split("/"))
            )
            self._server.fetch(address, part, there if there < size else 0)
            os.replace(part, path)


@dataclasses.dataclass(frozen=True, slots=True)
class CopiedFolder(RunFolder):
    """The copy of a run; see `RunFolder` for what is asked of it."""

    copy: _RunCopy

    @property
    def project(self) -> str:
        """The name of the project, without whose it is."""
        return name_of_folder(self.path.parent.name).rpartition("/")[2]

    def catch_up(self) -> None:
        """Have what is new of the journal."""
        self.copy.pull(self.path)

    def elsewhere(self) -> Mapping[str, int]:
        """All files that the server has."""
        return self.copy.files

    def fetch(self, path: str) -> None:
        """Have a file."""
        self.copy.fetch(self.path, path)


@contextlib.contextmanager
def _told(address: str) -> Any:
    """What a server's refusals are to those who read."""
    try:
        yield
    except LaterError as fault:
        raise StorageError(
            f"{fault}; see that it runs and that this machine reaches it, or read a folder with "
            "--dir or RLTRACK_DIR"
        ) from fault
    except RefusedError as refusal:
        if refusal.status == 404:
            raise NotFoundError(str(refusal)) from refusal
        raise UsageError(str(refusal)) from refusal


def _digest(told: dict[str, Any]) -> RunDigest:
    known = {field.name for field in dataclasses.fields(RunDigest)}
    values = {name: value for name, value in told.items() if name in known}
    values |= {name: tuple(values[name]) for name in _TUPLES if name in values}
    values["aggregates"] = {key: Aggregate(**one) for key, one in told["aggregates"].items()}
    return RunDigest(**values)


def _raise_failed(told: Mapping[str, Any]) -> None:
    for one in told.get("failed", ()):
        raise UsageError(str(one["error"]))


def _inside(folder: Path, name: str) -> Path:
    """A place in a folder; a server does not choose places elsewhere."""
    path = folder.joinpath(*name.split("/"))
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise StorageError(f"the server names a file {name!r}, which is no place in a folder")
    return path


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _spare(root: Path, clock: Callable[[], float] = time.time) -> None:
    """Give back the space of copies that nobody looked into for long; at most once an hour."""
    stamp = root / ".spared"
    with contextlib.suppress(OSError):
        if stamp.exists() and clock() - stamp.stat().st_mtime < _SPARE_EACH_S:
            return
        stamp.touch()
        copies = [path.parent for path in root.glob(f"*/*/{RUN_JSON}")]
        sizes = {
            path: sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
            for path in copies
        }
        total = sum(sizes.values())
        for path in sorted(copies, key=lambda path: path.stat().st_atime):
            if total <= MOST_BYTES:
                return
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]
