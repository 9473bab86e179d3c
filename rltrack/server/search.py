"""What one box finds, in all projects at once: runs, metrics, artifacts, projects.

Ten thousand runs are searched with each key that is pressed, so what is searched of a run is one
text, made when the run has changed; and folders are looked at once in a while, not each time.
"""

from __future__ import annotations

import heapq
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rltrack.errors import NotFoundError
from rltrack.server.artifacts import list_collections
from rltrack.server.sight import Sight, lists
from rltrack.store.project import Catalog, Project
from rltrack.store.run import RunDigest

MOST: Final = 50
LOOK_S: Final = 2.0
_LONGEST_VALUE: Final = 200
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Line:
    """What is searched of a run, in lower case."""

    run: RunDigest
    name: str
    text: str
    """Name, id, tags, and `key=value` of its config, each on a line of its own."""


@dataclass(slots=True)
class _Index:
    """Of one project, as of a version of it."""

    project: Project | None = None
    version: int = -1
    lines: dict[str, _Line] = field(default_factory=dict)
    metrics: list[str] | None = None
    """None: nobody has asked since runs have changed."""
    artifacts: list[dict[str, Any]] = field(default_factory=list)


class Search:
    """Searches the projects of a root. Any thread may ask.

    Args:
        catalog: of the root.
        look_s: folders are looked at this often at most, in seconds.
    """

    def __init__(self, catalog: Catalog, *, look_s: float = LOOK_S) -> None:
        self._catalog = catalog
        self._look_s = look_s
        self._lock = threading.Lock()
        self._indexes: dict[str, _Index] = {}
        self._looked_at = -math.inf

    def find(self, text: str, sight: Sight, near: str | None, limit: int = MOST) -> dict[str, Any]:
        """What fits, best first.

        Args:
            text: words that must all be in the name, the id, the tags or the config of a run, the
                latter as `lr=3e-4`; or letters of a name, in order. With none, the newest runs.
            sight: what the one who asks sees.
            near: a project: its runs come before equal ones of others, and of it alone there are
                metrics and artifacts.
            limit: of each kind.
        """
        words = [_plain(word) for word in text.lower().split()]
        with self._lock:
            self._look()
            indexes = {name: one for name, one in self._indexes.items() if lists(sight, name)}
            runs = _runs(indexes, sight, words, near, limit)
            here = indexes.get(near or "")
            if here is None or near is None or sight.runs_of(near) is not None:
                here = _Index()  # of a project of which one sees some runs, only these
            elif here.metrics is None and here.project is not None:
                here.metrics = [one.key for one in here.project.metrics()]
            metrics = _texts(here.metrics or [], words, limit)
            named = {one["name"]: one for one in here.artifacts}
            artifacts = [named[name] for name in _texts(list(named), words, limit)]
            projects = _texts(list(indexes), words, limit)
        return {"runs": runs, "metrics": metrics, "artifacts": artifacts, "projects": projects}

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self._look_s:
            return
        names = self._catalog.names()
        for gone in self._indexes.keys() - set(names):
            del self._indexes[gone]
        for name in names:
            try:
                project = self._catalog.project(name)
            except NotFoundError:
                continue  # removed meanwhile
            self._take(project, self._indexes.setdefault(name, _Index(project)))
        self._looked_at = time.monotonic()

    def _take(self, project: Project, index: _Index) -> None:
        project.refresh()
        version, changed, removed = project.changed_since(index.version)
        index.artifacts = [
            {"name": one["name"], "type": one["type"]}
            for one in list_collections(project.root, project.name)
        ]
        if version == index.version:
            return
        for run_id in removed:
            index.lines.pop(run_id, None)
        for run in changed:
            index.lines[run.id] = _line_of(run.digest())
        index.metrics = None
        index.version = version


def _line_of(run: RunDigest) -> _Line:
    name = run.name.lower()
    config = (f"{key}={_value(value)}" for key, value in _leaves(run.config))
    return _Line(run, name, "\n".join([name, run.id, *run.tags, *config]).lower())


def _leaves(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _value(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    return str(value)[:_LONGEST_VALUE].replace("\n", " ")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _plain(word: str) -> str:
    """`lr=3e-4` as configs have it: `lr=0.0003`."""
    key, equals, value = word.rpartition("=")
    if value.isdigit() or not _NUMBER.fullmatch(value):
        return word
    return key + equals + _number(float(value))


# -- what fits -------------------------------------------------------------------------------------


def _runs(
    indexes: dict[str, _Index], sight: Sight, words: list[str], near: str | None, limit: int
) -> list[dict[str, Any]]:
    found: list[tuple[int, float, str, _Line]] = []
    for project, index in indexes.items():
        seen = sight.runs_of(project)
        lines: Iterable[_Line] = index.lines.values()
        if seen is not None:
            lines = [line for line in lines if line.run.id in seen]
        fitting = [line for line in lines if all(word in line.text for word in words)]
        home = 3 if project == near else 0
        found += [
            (home + _rank(line, words), line.run.created_at, project, line) for line in fitting
        ]
        if words and not fitting:
            is_like = _letters(words)
            found += [
                (home - 50, line.run.created_at, project, line)
                for line in lines
                if is_like(line.name)
            ]
    best = heapq.nlargest(limit, found, key=lambda one: one[:2])
    return [_told(project, line, words) for _, _, project, line in best]


def _rank(line: _Line, words: list[str]) -> int:
    """How well the words fit; those in the name count most."""
    rank = 0
    for word in words:
        at = line.name.find(word)
        if at == 0:
            rank += 60 if len(word) == len(line.name) else 40
        elif at > 0:
            rank += 20 if line.name[at - 1].isalnum() else 30
        elif line.run.id.lower().startswith(word):
            rank += 35
        elif f"\n{word}" in line.text:
            rank += 10
    return rank


def _told(project: str, line: _Line, words: list[str]) -> dict[str, Any]:
    run = line.run
    parts = line.text.split("\n")[1:]
    # Why a run was found of which the name does not say so.
    outside = [word for word in words if word not in line.name]
    why = [next((part for part in parts if word in part), "") for word in outside]
    return {
        "project": project,
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "created_at": run.created_at,
        "why": list(dict.fromkeys(part for part in why if part)),
    }


def _texts(texts: list[str], words: list[str], limit: int) -> list[str]:
    """The shortest that fit come first: the words are most of them."""
    low = {text: text.lower() for text in texts}
    fitting = [text for text in texts if all(word in low[text] for word in words)]
    if words and not fitting:
        is_like = _letters(words)
        fitting = [text for text in texts if is_like(low[text])]
    if not words:
        return fitting[:limit]
    return heapq.nsmallest(limit, fitting, key=lambda text: (len(text), text))


def _letters(words: list[str]) -> Callable[[str], bool]:
    """Whether the letters are in a text, in order."""
    pattern = re.compile(".*?".join(map(re.escape, "".join(words))), re.DOTALL)
    return lambda text: pattern.search(text) is not None
