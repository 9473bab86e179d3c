"""The files that a run's rows refer to, and what became of each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rltrack.folder import RunFolder
from rltrack.store.columns import OBJECT, media_references
from rltrack.store.run import RunReader
from rltrack.store.series import axis_values

MediaState = Literal["pending", "ready", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One file that was logged."""

    key: str
    kind: str
    """Folder of such files: ``videos``."""
    step: int
    global_step: float | None
    """Where it stands among timesteps, if the run counts them."""
    time: float
    """When it was logged, in seconds since the epoch."""
    path: str
    """Relative to the run's media folder, with ``/``."""
    state: MediaState
    error: str | None
    facts: dict[str, Any]
    """What is known of the file: caption, fps, width, height, frames, bytes."""


def media_of(run: RunReader, keys: Sequence[str] | None = None) -> list[MediaItem]:
    """The files that rows of `run` refer to, in the order of its rows.

    Args:
        run: whose.
        keys: of these metrics only; by default of all.
    """
    with run.lock:
        rows = run.rows()
        found: list[tuple[int, str, dict[str, Any]]] = []
        for key in run.logged_keys() if keys is None else keys:
            points = run.points(key)
            if points is None or not points.column.has_media:
                continue
            for row, bits, kind in zip(
                points.row.tolist(), points.bits.tolist(), points.kinds.tolist(), strict=True
            ):
                value = points.column.objects[bits] if kind == OBJECT else None
                found += [(row, key, reference) for reference in media_references(value)]
        found.sort(key=lambda item: item[:2])
        there = _files_there(run.folder.media, [reference["path"] for _, _, reference in found])
        at = np.array([row for row, _, _ in found], np.int32)
        global_steps = axis_values(run, "global_step", at)
        return [
            _item(
                run, key, reference, int(rows.step[row]), int(rows.time_ns[row]), global_step, there
            )
            for (row, key, reference), global_step in zip(found, global_steps.tolist(), strict=True)
        ]


def _item(
    run: RunReader,
    key: str,
    reference: dict[str, Any],
    step: int,
    time_ns: int,
    global_step: float,
    there: Set[str],
) -> MediaItem:
    path: str = reference["path"]
    stored = run.stored(path)
    facts = {name: fact for name, fact in reference.items() if name not in ("_type", "path")}
    if stored is not None:
        facts |= stored.facts
    state, error = state_of(run, path, there)
    return MediaItem(
        key=key,
        kind=path.partition("/")[0],
        step=step,
        global_step=None if np.isnan(global_step) else global_step,
        time=time_ns / 1e9,
        path=path,
        state=state,
        error=error,
        facts=facts,
    )


def state_of(
    run: RunReader, path: str, there: Set[str] = frozenset()
) -> tuple[MediaState, str | None]:
    """What became of a file that a row refers to, and why it is not there.

    Args:
        run: as of its last refresh.
        path: relative to the run's media folder.
        there: paths of which it is known that the file is there.
    """
    stored = run.stored(path)
    if stored is not None and stored.error is not None:
        return "failed", stored.error
    is_elsewhere = f"media/{path}" in run.folder.elsewhere()
    if path in there or is_elsewhere or file_inside(run.folder.media, path) is not None:
        # A file arrives whole, by a rename, so it need not wait for its record.
        return "ready", None
    if stored is not None:
        return "lost", "its file was deleted, or has not been copied here"
    if run.state == "running":
        return "pending", None
    return "lost", "lost with the process that was to write it"


def _files_there(folder: Path, paths: Sequence[str]) -> set[str]:
    """Those of the paths that are surely files inside of `folder`; links are left out.

    Each folder is listed once: to ask for thousands of files one by one takes seconds.
    """
    wanted: dict[str, set[str]] = {}
    for path in paths:
        parent, _, name = path.rpartition("/")
        wanted.setdefault(parent, set()).add(name)
    there: set[str] = set()
    with contextlib.suppress(OSError, ValueError):  # there is no such folder yet; a NUL
        inside = folder.resolve()
        for parent, names in wanted.items():
            with contextlib.suppress(OSError, ValueError):
                place = (inside / parent).resolve()
                if not place.is_relative_to(inside):
                    continue
                with os.scandir(place) as entries:
                    there |= {
                        f"{parent}/{entry.name}" if parent else entry.name
                        for entry in entries
                        if entry.name in names and entry.is_file(follow_symlinks=False)
                    }
    return there


def media_file(folder: RunFolder, path: str) -> Path | None:
    """The file that a row refers to by `path`; None if there is none, or it lies elsewhere."""
    folder.fetch(f"media/{path}")
    return file_inside(folder.media, path)


def file_inside(folder: Path, path: str) -> Path | None:
    """The file of that path inside of `folder`; None if there is none, or it lies elsewhere."""
    try:
        inside = folder.resolve()
        file = (inside / path).resolve()
        return file if file.is_relative_to(inside) and file.is_file() else None
    except (OSError, ValueError):  # a NUL, a name too long
        return None
