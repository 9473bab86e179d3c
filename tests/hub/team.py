"""A server with people: who they are, and how each asks."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import httpx
from argon2 import PasswordHasher

import rltrack
from rltrack._names import folder_name
from rltrack.hub.accounts import people
from rltrack.hub.app import create_hub
from rltrack.hub.config import HubConfig
from rltrack.hub.database import Database
from rltrack.hub.models import Member, Role, Scope
from rltrack.server.run import Background

PASSWORD = "correct horse battery"
#: As the server would keep it, but made, and therefore checked, in no time.
KEPT = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass
class Team:
    """A server; ann owns the team lab, max is a member, vic a viewer, otto is in no team."""

    url: str
    root: Path
    database: Database
    open: ExitStack

    def client(self, **headers: str) -> httpx.Client:
        """Somebody who has not signed in."""
        client = httpx.Client(base_url=self.url, timeout=30, headers=headers)
        return self.open.enter_context(client)

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Client:
        """A browser of a user."""
        client = self.client()
        answer = client.post("/api/login", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return client

    def key(self, user: str, scope: Scope = "write", project: str | None = None) -> str:
        """A new API key of a user."""
        with self.database.write() as session:
            user_id = people.user_named(session, user).id
            _, key = people.add_key(
                session, user_id, "test", scope, now=time.time(), project=project
            )
        return key

    def program(
        self, user: str, scope: Scope = "write", project: str | None = None
    ) -> httpx.Client:
        """A program with a new API key."""
        return self.client(authorization=f"Bearer {self.key(user, scope, project)}")


def at(project: str, rest: str = "") -> str:
    """The address of something of a project."""
    return f"/api/projects/{quote(project, safe='')}{rest}"


def record(root: Path, project: str, run_id: str, loss: float = 0.5) -> None:
    """A run of a project of a server."""
    run = rltrack.init(project="recorded", id=run_id, dir=str(root / ".recording"))
    run.log({"loss": loss})
    run.log({"page": rltrack.Html(f"<script>{loss}</script>")})
    note = root / ".recording" / "note.html"
    note.write_text("<script>1</script>")
    run.save(str(note), base_path=str(note.parent), policy="now")
    run.finish()
    target = root / folder_name(project)
    target.mkdir(parents=True, exist_ok=True)
    recorded = root / ".recording" / "recorded" / run_id
    facts = (recorded / "run.json").read_text()
    (recorded / "run.json").write_text(facts.replace('"recorded"', f'"{project}"'))
    recorded.rename(target / run_id)


@contextmanager
def team_at(config: HubConfig) -> Iterator[Team]:
    """A running server with people."""
    app = create_hub(config)
    database: Database = app.state.database
    add_people(database)
    with Background(config.root, port=0, app=app) as server, ExitStack() as open:
        yield Team(server.url, config.root, database, open)


@contextmanager
def process_at(root: Path) -> Iterator[Team]:
    """The same in a process of its own: it outlives the test that came first to it."""
    config = local(root)
    with Database(config.database_url) as database, ExitStack() as open:
        add_people(database)
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        command = [sys.executable, "-m", "rltrack", "server", "--dir", str(root)]
        with subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL) as server:
            team = Team(f"http://127.0.0.1:{port}", root, database, open)
            try:
                _wait_for(team.url)
                yield team
            finally:
                server.terminate()


def _wait_for(url: str) -> None:
    end = time.monotonic() + 60.0
    while True:
        try:
            httpx.get(url)
            return
        except httpx.HTTPError:
            assert time.monotonic() < end, f"no server at {url}"
            time.sleep(0.05)


def add_people(database: Database) -> None:
    """Those of `Team`."""
    now = time.time()
    with database.write() as session:
        users = {
            name: people.add_user(session, name, None, now=now, is_admin=name == "root1")
            for name in ("ann", "max", "vic", "otto", "root1")
        }
        for user in users.values():
            user.password = KEPT
        lab = people.add_entity(session, "lab", "team", now=now)
        roles: dict[str, Role] = {"ann": "owner", "max": "member", "vic": "viewer"}
        for name, role in roles.items():
            session.add(Member(team=lab.id, user=users[name].id, role=role))


def local(root: Path, **changes: object) -> HubConfig:
    """The settings of a server on this machine."""
    return replace(HubConfig(root=root), **changes)  # type: ignore[arg-type]
