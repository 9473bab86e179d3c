"""How much the projects of a user or team take, and may take.

Bytes are counted as they come in, which is cheap and a little too much: what was sent twice
counts twice, and what was deleted still counts. So before somebody is refused, what lies there
is measured, at most once a minute for each.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import select, update

from rltrack._names import folder_name
from rltrack.artifacts.blobs import Blobs
from rltrack.artifacts.collection import collections, projects_with_artifacts
from rltrack.artifacts.manifest import read_manifest
from rltrack.errors import Error
from rltrack.hub.database import Database
from rltrack.hub.models import Entity
from rltrack.server.answers import Refusal

_KNOWN_S: Final = 5.0
_MEASURED_S: Final = 60.0

#: Bytes that the projects of a user or team take.
Measure = Callable[[str], int]


class Quotas:
    """Counts, and refuses what is too much.

    Args:
        database: where the counts are; each replica adds to them.
        default_bytes: what may be taken where nothing else is set; None: any amount.
        measure: how much is there; None: nobody can say, and the counts stand.
    """

    def __init__(
        self, database: Database, default_bytes: int | None, measure: Measure | None = None
    ) -> None:
        self._database = database
        self._default = default_bytes
        self._measure = measure
        self._lock = threading.Lock()
        self._pending: dict[str, int] = {}
        self._known: dict[str, tuple[float, int | None, int]] = {}
        self._measured: dict[str, float] = {}

    def check(self, entity: str) -> None:
        """Let something come in.

        Raises:
            Refusal: there is too much already.
        """
        quota, used = self._look(entity)
        if quota is None or used < quota:
            return
        if self._may_measure(entity):
            assert self._measure is not None
            self._set(entity, self._measure(entity))
            quota, used = self._look(entity)
        if quota is not None and used >= quota:
            raise Refusal(
                413,
                f"the projects of {entity} take {used} bytes of {quota}",
                "delete some, or ask an administrator for more; nothing is lost on your side",
            )

    def has_room(self, entity: str) -> bool:
        """Whether `check` would let it in without a look at the database; it takes no time."""
        known = self._known.get(entity)
        if known is None or known[0] <= time.monotonic():
            return False
        return known[1] is None or known[2] + self._pending.get(entity, 0) < known[1]

    def add(self, entity: str, size_bytes: int) -> None:
        """Something came in."""
        with self._lock:
            self._pending[entity] = self._pending.get(entity, 0) + size_bytes

    def flush(self) -> None:
        """Write what was counted into the database."""
        with self._lock:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            with self._database.write() as session:
                for name in sorted(pending):  # in one order, so that replicas do not wait in a ring
                    session.execute(
                        update(Entity)
                        .where(Entity.name == name)
                        .values(used_bytes=Entity.used_bytes + pending[name])
                    )
        except Refusal:
            for name, size in pending.items():
                self.add(name, size)
            raise

    def _look(self, entity: str) -> tuple[int | None, int]:
        at = time.monotonic()
        with self._lock:
            known = self._known.get(entity)
            pending = self._pending.get(entity, 0)
        if known is None or known[0] <= at:
            self.flush()
            pending = 0
            with self._database.read() as session:
                row = session.scalar(select(Entity).where(Entity.name == entity))
            quota, used = (row.quota_bytes, row.used_bytes) if row is not None else (None, 0)
            known = (at + _KNOWN_S, self._default if quota is None else quota, used)
            with self._lock:
                self._known[entity] = known
        return known[1], known[2] + pending

    def _may_measure(self, entity: str) -> bool:
        at = time.monotonic()
        with self._lock:
            if self._measure is None or self._measured.get(entity, -_MEASURED_S) > at - _MEASURED_S:
                return False
            self._measured[entity] = at
            return True

    def _set(self, entity: str, used: int) -> None:
        with self._lock:
            self._pending.pop(entity, None)
            self._known.pop(entity, None)
        with self._database.write() as session:
            session.execute(update(Entity).where(Entity.name == entity).values(used_bytes=used))


def measure_folder(root: Path) -> Measure:
    """Measures in a folder of projects: its runs, and each content of artifacts once."""

    def measure(entity: str) -> int:
        total = 0
        prefix = folder_name(f"{entity}/")
        for folder in root.glob(f"{prefix}*"):
            for where, _, names in os.walk(folder):
                for name in names:
                    try:
                        total += os.lstat(os.path.join(where, name)).st_size
                    except OSError:  # just deleted
                        continue
        contents: dict[str, int] = {}
        for project in projects_with_artifacts(root):
            if project.startswith(f"{entity}/"):
                for collection in collections(root, project):
                    for version in collection.versions():
                        try:
                            entries = read_manifest(Blobs(root), version.digest)
                        except Error:  # its contents are not there, and take nothing
                            continue
                        contents |= {
                            one.digest: one.size for one in entries.values() if one.is_blob
                        }
        return total + sum(contents.values())

    return measure
