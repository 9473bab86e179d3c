"""What agents do through the server: the steps of a ledger, on the server's own folder."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rltrack.errors import NotFoundError, StorageError, UsageError
from rltrack.server.answers import Refusal
from rltrack.sweeps.board import FolderBoard
from rltrack.sweeps.folder import SweepFolder, find_folder, make_folder
from rltrack.sweeps.given import add_prior, check_update, read_prior
from rltrack.sweeps.schema import read_config
from rltrack.sweeps.source import parse

_NAME: Final = re.compile(r"[\w-][\w.-]{0,250}")
_MOST_TEXT: Final = 1 << 20


def make(root: Path, project: str, body: Any) -> dict[str, Any]:
    """Make a sweep of a project.

    Raises:
        Refusal: its config has mistakes.
    """
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise Refusal(400, "text must be the config", "send it as YAML or JSON")
    sweep_id = body.get("id")
    if not (sweep_id is None or (isinstance(sweep_id, str) and _NAME.fullmatch(sweep_id))):
        raise Refusal(400, f"id={sweep_id!r}", "letters, digits, dots, dashes and underscores")
    runs = body.get("prior_runs", [])
    if not isinstance(runs, list) or not all(isinstance(one, str) for one in runs):
        raise Refusal(400, f"prior_runs={runs!r}", "a list of ids")
    try:
        config = read_config(parse(text, "the sweep"), "the sweep")
        prior = read_prior(root, project, runs, config)
        folder = make_folder(root, project, text, sweep_id)
        add_prior(folder, prior)
        return {"id": folder.id}
    except UsageError as mistake:
        raise Refusal(400, str(mistake), "mend the config") from None


def find(root: Path, project: str | None, sweep_id: str) -> SweepFolder:
    """A sweep of a project, or of any.

    Raises:
        NotFoundError: there is none; nothing is said of other projects.
    """
    told = f"no sweep {sweep_id!r}" + (f" in project {project!r}" if project else "")
    try:
        folder = find_folder(root, sweep_id)
    except NotFoundError:
        raise NotFoundError(told) from None
    if project is not None and folder.facts().project != project:
        raise NotFoundError(told)
    return folder


def step(folder: SweepFolder, body: Any) -> dict[str, Any]:
    """One step; each may be asked for twice, as an answer may be lost.

    Raises:
        Refusal: it is none, or cannot be done.
    """
    asked = body if isinstance(body, dict) else {}
    what = str(asked.get("do"))
    known = _STEPS.get(what)
    if known is None:
        raise Refusal(400, f"do={what!r}", f"one of {', '.join(_STEPS)}")
    try:
        return known(folder, FolderBoard(folder.path), asked)
    except (StorageError, OSError) as fault:
        raise Refusal(409, f"the sweep cannot be written: {fault}", "look at its folder") from None


def _place(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": folder.text(), "facts": dataclasses.asdict(folder.facts())}


def _join(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    name = _name(asked)
    if math.isinf(board.beat_s(name)):
        board.join(name)
        board.leave(name)
    return {}


def _append(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    data = asked.get("data")
    if not isinstance(data, str) or not data.endswith("\n"):
        raise Refusal(400, "data must be whole lines", "send text that ends a line")
    board.append_at(_name(asked), _count(asked, "at"), data.encode())
    return {}


def _beat(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    board.beat(_name(asked))
    return {}


def _beat_s(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    age_s = board.beat_s(_name(asked))
    return {"age_s": None if math.isinf(age_s) else age_s}


def _news(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    known, closed = asked.get("known", {}), asked.get("closed", [])
    if (
        not isinstance(known, dict)
        or not isinstance(closed, list)
        or any(type(offset) is not int or offset < 0 for offset in known.values())
    ):
        raise Refusal(400, "known must be offsets by log, closed a list", "see sweeps/board.py")
    # Whole lines, so that no letter is cut.
    found = {
        name: new[: new.rfind(b"\n") + 1].decode("utf-8", "replace")
        for name, new in board.news(known, {str(name) for name in closed}).items()
    }
    return {"news": {name: text for name, text in found.items() if text}}


def _take(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    number, attempt, name = _count(asked, "number"), _count(asked, "attempt"), _name(asked)
    taken = board.take(number, attempt, name)
    if not taken:  # unless it is the same request once more
        claim = board.claimant(number, attempt)
        taken = claim is not None and claim[0] == name
    return {"taken": taken}


def _update(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    text = asked.get("text")
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise Refusal(400, "text must be the config", "send it as YAML or JSON")
    try:
        check_update(folder, text)
    except UsageError as mistake:
        raise Refusal(400, str(mistake), "mend the config") from None
    folder.replace_text(text)
    return {}


def _last(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"attempt": board.last_claim(_count(asked, "number"))}


def _claimant(folder: SweepFolder, board: FolderBoard, asked: Mapping[str, Any]) -> dict[str, Any]:
    claim = board.claimant(_count(asked, "number"), _count(asked, "attempt"))
    return {"name": None, "age_s": 0.0} if claim is None else {"name": claim[0], "age_s": claim[1]}


_STEPS: Final = {
    "place": _place,
    "join": _join,
    "append": _append,
    "beat": _beat,
    "beat_s": _beat_s,
    "news": _news,
    "take": _take,
    "last_claim": _last,
    "claimant": _claimant,
    "update": _update,
}


def _name(asked: Mapping[str, Any]) -> str:
    name = asked.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refusal(400, f"name={name!r}", "the name of an agent's log")
    return name


def _count(asked: Mapping[str, Any], key: str) -> int:
    number = asked.get(key)
    if type(number) is not int or not -(1 << 40) < number < 1 << 40:
        raise Refusal(400, f"{key}={number!r}", "it must be a whole number")
    return number
