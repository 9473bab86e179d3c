"""The episodes of a run, and the videos of some of them, as the dashboard shows them.

An episode is a row with ``<name>/return`` and ``<name>/length``: `SB3Callback` and `EpisodeMonitor`
log such rows. A clip is a video with what is known of its episode: in the row of the episode, or
beside a video that was logged by itself, as ``eval/video_return`` is beside ``eval/video``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from rltrack.journal.definitions import STEP, TIMESTAMP
from rltrack.store.history import Table, table
from rltrack.store.media import MediaItem, media_of
from rltrack.store.run import RunReader

#: The newest so many are listed; distributions are of all.
MOST_EPISODES: Final = 20_000
_BINS: Final = 40
_GLOBAL_STEP: Final = "global_step"
#: What stands behind the key of a video that was logged by itself.
_BESIDE: Final = ("return", "length", "episode", "seed", "env")


def episodes_of(project: str, run: RunReader, name: str | None = None) -> dict[str, Any]:
    """The episodes of a run.

    Args:
        project: of the run.
        run: it, as of its last refresh.
        name: first part of the keys; by default ``episode``, or what there is.

    Returns:
        ``names``: all first parts; ``columns``: of the newest episodes, oldest first, null where a
        row has no value; ``total``; ``distributions`` of return and length over all; ``clips``.
    """
    logged = run.logged_keys("default")
    names = sorted(
        key.removesuffix("/return")
        for key in logged
        if key.endswith("/return") and f"{key.removesuffix('/return')}/length" in logged
    )
    chosen = name if name in names else "episode" if "episode" in names else next(iter(names), None)
    media = media_of(run)
    answer: dict[str, Any] = {
        "names": names,
        "name": chosen,
        "total": 0,
        "columns": {},
        "distributions": {},
        "clips": _lone_clips(project, run, media, f"{chosen}/video"),
    }
    if chosen is None:
        return answer
    keys = [key for key in logged if key.startswith(f"{chosen}/")] + [_GLOBAL_STEP]
    found = _episodes_only(table(run, keys), chosen)
    first = max(0, found.row_count - MOST_EPISODES)
    columns: dict[str, list[Any]] = {
        "step": found.columns[STEP].plain(first, found.row_count),
        "time": found.columns[TIMESTAMP].plain(first, found.row_count),
    }
    paths: dict[str, list[Any]] = {}
    for key in keys:
        if key not in found.columns:
            continue
        values = _with_nulls(found, key, first)
        short = key.removeprefix(f"{chosen}/")
        if short in ("video", "trace"):
            paths[short] = [_path(value) for value in values]
        elif all(value is None or isinstance(value, (bool, int, float, str)) for value in values):
            columns[short] = values
    by_path = {item.path: item for item in media}
    clips = []
    for row, path in enumerate(paths.get("video", ())):
        if path not in by_path:
            continue
        trace = by_path.get(paths["trace"][row]) if "trace" in paths else None
        told = {short: values[row] for short, values in columns.items()}
        clips.append(_clip(project, run.id, by_path[path], trace, told) | {"row": row})
    # A trace without a video can be read, too: the env may not draw.
    for row, path in enumerate(paths.get("trace", ())):
        lonely = "video" not in paths or paths["video"][row] not in by_path
        if path in by_path and lonely:
            told = {short: values[row] for short, values in columns.items()}
            clip = _clip(project, run.id, None, by_path[path], told)
            clips.append(clip | {"row": row, "key": f"{chosen}/trace"})
    clips.sort(key=lambda clip: clip["row"])
    return answer | {
        "total": found.row_count,
        "columns": columns,
        "distributions": {
            short: _distribution(found, f"{chosen}/{short}") for short in ("return", "length")
        },
        "clips": clips + answer["clips"],
    }


def _episodes_only(found: Table, name: str) -> Table:
    return found.take(found.columns[f"{name}/return"].present)


def _with_nulls(found: Table, key: str, first: int) -> list[Any]:
    column = found.columns[key]
    present = column.present[first:].tolist()
    values = column.plain(first, found.row_count)
    return [value if there else None for value, there in zip(values, present, strict=True)]


def _path(value: Any) -> str | None:
    return value.get("path") if isinstance(value, Mapping) else None


def _distribution(found: Table, key: str) -> dict[str, Any] | None:
    """Counts between edges; of what is not finite nothing is counted."""
    column = found.columns[key]
    values = np.asarray(column.values[column.present], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    whole = bool(np.all(values == np.round(values)))
    low, high = float(values.min()), float(values.max())
    # A bin of whole numbers has as many of them as the next: else it would show waves.
    step = math.ceil((high - low + 1) / _BINS) if whole else 0
    edges = np.arange(low - 0.5, high + step, step) if whole else np.linspace(low, high, _BINS + 1)
    if not whole and high == low:
        edges = np.array([low - 0.5, low + 0.5])
    counts, edges = np.histogram(values, edges)
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
    }


def _lone_clips(
    project: str, run: RunReader, media: list[MediaItem], but: str
) -> list[dict[str, Any]]:
    """Videos that were logged by themselves, with what stands beside them."""
    logged = run.logged_keys("default")
    items = [item for item in media if item.kind == "videos" and item.key != but]
    found: list[dict[str, Any]] = []
    for key in dict.fromkeys(item.key for item in items):
        beside = [f"{key}_{fact}" for fact in _BESIDE if f"{key}_{fact}" in logged]
        rows: dict[Any, dict[str, Any]] = {}
        if beside:
            for row in table(run, [key, *beside]).dicts():
                rows[_path(row.get(key))] = row
        for item in items:
            if item.key == key:
                row = rows.get(item.path, {})
                told = {fact: row.get(f"{key}_{fact}") for fact in _BESIDE}
                told["number"] = told.pop("episode")
                found.append(_clip(project, run.id, item, None, told) | {"row": None})
    return found


def _clip(
    project: str,
    run_id: str,
    video: MediaItem | None,
    trace: MediaItem | None,
    told: Mapping[str, Any],
) -> dict[str, Any]:
    item = video or trace
    assert item is not None
    facts = video.facts if video is not None else {}
    return {
        "key": item.key,
        "step": item.step,
        "global_step": item.global_step,
        "time": item.time,
        "url": _url(project, run_id, video),
        "state": item.state,
        "error": item.error,
        "trace": _url(project, run_id, trace),
        "caption": facts.get("caption"),
        **{name: facts.get(name) for name in ("fps", "frames", "width", "height")},
        **{name: told.get(name) for name in ("return", "length", "number", "seed", "env")},
    }


def _url(project: str, run_id: str, item: MediaItem | None) -> str | None:
    if item is None or item.state != "ready":
        return None
    place = f"/api/projects/{quote(project, safe='')}/runs/{quote(run_id, safe='')}"
    return f"{place}/media/{quote(item.path)}"
