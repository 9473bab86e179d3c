"""What the server says of projects, runs and media, as JSON that every browser reads."""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from rltrack._values import finite
from rltrack.journal.definitions import STEP
from rltrack.store.charts import drawn
from rltrack.store.media import MediaItem, media_of
from rltrack.store.project import ListedRun, Project, ProjectOverview
from rltrack.store.run import RunReader

_WORTH_COMPRESSING_BYTES: Final = 1024
#: What an `OSError` says of a full disk, a quota or a limit of the process.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LARGEST: Final = sys.float_info.max
_FACTS: Final = ("caption", "fps", "width", "height", "frames", "bytes")
#: Those that some media have.
_MORE_FACTS: Final = (
    *("format", "layout", "boxes", "classes", "sample_rate", "channels", "duration_s"),
    *("points", "nodes", "edges", "pictures", "clips", "not_finite", "clipped"),
)


class Refusal(Exception):
    """A request that cannot be answered: what was asked and found, and what to do next."""

    def __init__(
        self, status: int, error: str, hint: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.headers = headers or {}
        self.status = status
        self.error = error
        self.hint = hint


def json_answer(request: Request, body: object, status: int = 200) -> Response:
    """JSON without NaN and Infinity tokens, compressed where that is wanted and worth it."""
    data = _encoded(body)
    headers = {"cache-control": "no-store"}
    if len(data) >= _WORTH_COMPRESSING_BYTES:
        headers["vary"] = "accept-encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            data = gzip.compress(data, compresslevel=1, mtime=0)
    return Response(data, status, headers, "application/json")


def version_of(request: Request) -> int:
    """The version after which changes are asked for; -1: all is.

    Raises:
        Refusal: it is no number.
    """
    text = request.query_params.get("since")
    if text is None:
        return -1
    try:
        return int(text)
    except ValueError:
        raise Refusal(400, f"since={text[:40]!r} is no number", "leave it out to get all") from None


def full_disk(fault: object) -> Refusal:
    """What is answered when there is no space left."""
    return Refusal(
        507,
        f"the server's disk is full ({fault})",
        "machines keep what they have, and send it when there is space again",
    )


def is_number(value: object) -> bool:
    """Whether something that was sent is a finite number; JSON has ints that no float holds."""
    return isinstance(value, int | float) and type(value) is not bool and abs(value) <= _LARGEST


def _encoded(body: object) -> bytes:
    write = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    try:
        return write(body).encode()
    except ValueError:  # to look at each value before costs more than all else of an answer
        return write(finite(body)).encode()


def describe_project(project: ProjectOverview) -> dict[str, Any]:
    """One line of the list of projects."""
    return {
        "name": project.name,
        "run_count": project.run_count,
        "states": project.states,
        "last_activity": project.last_activity,
    }


def describe_run(project: Project, run: ListedRun | RunReader) -> dict[str, Any]:
    """One line of the list of runs."""
    digest = run.digest()
    end = digest.ended_at if digest.ended_at is not None else time.time()
    return {
        "id": digest.id,
        "name": digest.name,
        "state": digest.state,
        "created_at": digest.created_at,
        "ended_at": digest.ended_at,
        "duration_s": max(0.0, end - digest.created_at),
        "heartbeat_at": digest.heartbeat_at,
        "host": digest.host,
        "group": digest.group,
        "job_type": digest.job_type,
        "sweep": digest.sweep,
        "tags": digest.tags,
        "notes": digest.notes,
        "slot": project.slot(run.id),
        "last_step": digest.last_step,
        "row_count": digest.row_count,
        "incomplete": digest.lost_rows,
        "damage": digest.damage,
        "config": digest.config,
        "summary": digest.summary,
        "metrics": digest.metrics,
    }


def describe_whole_run(project: Project, run: RunReader) -> dict[str, Any]:
    """One run, with all that its page shows."""
    digest = run.digest()
    return describe_run(project, run) | {
        "metadata": run.metadata(),
        "axes": {key: digest.axes.get(key, STEP) for key in digest.metrics},
        "hidden": digest.hidden,
        "system_metrics": sorted(run.logged_keys("system")),
        "files": files_of(run.folder.files),
        "media": describe_media(project, run, keys_of_objects(run)),
        "events": [
            {
                "time": note.time_ns / 1e9,
                "level": "info" if note.level == "info" else "warning",
                "message": note.message,
            }
            for note in run.notes()
        ],
    }


def describe_media(
    project: Project, run: RunReader, keys: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The files that a run has logged, each with its address, in the order of its rows.

    Args:
        project: of the run.
        run: whose.
        keys: under these alone; by default under any.
    """
    return [
        _describe_media(project.root, project.name, run.id, item) for item in media_of(run, keys)
    ]


def keys_of_objects(run: RunReader) -> list[str]:
    """The keys that hold more than numbers, as far as that is known without reading any points.

    A run may have ten thousand keys of numbers, and to read them all takes minutes. A key that
    holds both is found by its last value.
    """
    digest = run.digest()
    numbers = digest.aggregates
    return [
        key
        for key in run.logged_keys()
        if key not in numbers or isinstance(digest.summary.get(key), (dict, list))
    ]


def files_of(folder: Path) -> list[dict[str, Any]]:
    """The files that a run saved, by path: name with ``/``, size and time of the last change."""
    found = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        with contextlib.suppress(OSError):  # it was just removed
            if path.is_file():
                facts = path.stat()
                name = path.relative_to(folder).as_posix()
                found.append({"path": name, "bytes": facts.st_size, "time": facts.st_mtime})
    return found


def _describe_media(root: Path, project: str, run_id: str, item: MediaItem) -> dict[str, Any]:
    place = f"/api/projects/{quote(project, safe='')}/runs/{quote(run_id, safe='')}"
    return {
        "key": item.key,
        "kind": item.kind,
        "step": item.step,
        "global_step": item.global_step,
        "time": item.time,
        "url": f"{place}/media/{quote(item.path)}" if item.state == "ready" else None,
        "state": item.state,
        "error": item.error,
        # How a chart is drawn: of its table, which is the file, or of those of several runs.
        "chart": drawn(root, item.facts["chart"]) if "chart" in item.facts else None,
        **{name: item.facts.get(name) for name in _FACTS},
        **{name: item.facts[name] for name in _MORE_FACTS if name in item.facts},
        **_mask_urls(f"{place}/media", item),
    }


def _mask_urls(place: str, item: MediaItem) -> dict[str, Any]:
    """The masks of a picture, each with its address."""
    masks = item.facts.get("masks")
    if not isinstance(masks, dict):
        return {}
    return {
        "masks": {
            name: {**mask, "url": f"{place}/{quote(mask['path'])}"}
            for name, mask in masks.items()
            if isinstance(mask, dict) and isinstance(mask.get("path"), str)
        }
    }
