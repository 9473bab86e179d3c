"""A private PostgreSQL, started by the tests as an ordinary user."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg


def find_programs() -> Path | None:
    """Where PostgreSQL's programs lie; Debian has them outside of the PATH."""
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return versions[-1].parent if versions else None


class Postgres:
    """Runs while the block lasts, on a Unix socket only, without syncing to disk."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not in pytest's folder: a path of a socket has 107 bytes at most, and root's is closed.
        self._folder = Path(tempfile.mkdtemp(prefix="rltrack-pg-", dir="/tmp"))
        self._numbers = itertools.count()

    def __enter__(self) -> Postgres:
        user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        if user:
            shutil.chown(self._folder, user)
        self._user = user
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", "rltrack", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        log = self._folder / "log"
        self._run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-D", self._folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, which is gone when the block ends."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
            yield self.url(name)
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        """The URL of one database."""
        return f"postgresql://rltrack@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            cwd=self._folder,
            user=pwd.getpwnam(self._user).pw_uid if self._user else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"
