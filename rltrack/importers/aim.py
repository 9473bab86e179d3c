"""Aim's repositories as runs, read through Aim's own library: its files are RocksDB's.

An experiment is a project. A sequence with a context keeps it in its name: `loss` with the context
``{"subset": "train"}`` becomes ``train/loss``. Aim stores points in no order; here they stand in
that of their times.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from rltrack import extras
from rltrack.errors import Error, NotFoundError
from rltrack.importers.recorded import Filler, Imported, Progress, Recorded, import_recorded
from rltrack.journal.records import Json, Row, RowFlag

#: Aim's word for the samples of the machine.
_SYSTEM: Final = "__system__"
#: Kinds of sequences, and what gives one of each.
_SEQUENCES: Final = {
    "metric": "get_metric",
    "images": "get_image_sequence",
    "audios": "get_audio_sequence",
    "texts": "get_text_sequence",
    "distributions": "get_distribution_sequence",
    "figures": "get_figure_sequence",
}


def import_aim(
    path: Path,
    root: Path,
    project: str | None = None,
    *,
    progress: Progress = lambda done, total: None,
) -> Iterator[Imported]:
    """Import the runs of a repository of Aim's.

    Args:
        path: of the folder that has ``.aim``, or of that.
        root: the folder of all projects.
        project: where new runs go; by default one for each experiment.
        progress: told how many of how many are read.

    Raises:
        NotFoundError: there is no such place, or no run in it.
        MissingExtraError: Aim is not installed.
    """
    aim = extras.require("aim", extra="aim")
    home = path.parent if path.name == ".aim" else path
    if not (home / ".aim").is_dir():
        raise NotFoundError(f"there is no .aim in {home}; say the folder of Aim's repository")
    logging.getLogger("aim").setLevel(logging.ERROR)
    repo = aim.Repo(str(home))
    runs = sorted(repo.iter_runs(), key=lambda run: (run.creation_time or 0, run.hash))
    if not runs:
        raise NotFoundError(f"the repository in {home} has no run that Aim can read")
    return import_recorded([_recorded(run, home, project) for run in runs], root, progress)


def _recorded(run: Any, home: Path, project: str | None) -> Recorded:
    return Recorded(
        tool="aim",
        source=str(home),
        id=str(run.hash),
        project=project or run.experiment or "default",
        name=str(run.name or run.hash),
        created_ns=round((run.creation_time or 0) * 1e9),
        notes=run.description or None,
        tags=[str(tag) for tag in run.tags],
        fill=partial(_fill, run=run),
    )


def _fill(filler: Filler, *, run: Any) -> Json:
    read = dict(filler.read or {})
    said = run.get(..., {}) or {}
    config = {key: value for key, value in said.items() if not str(key).startswith("__")}
    hyperparameters = config.pop("hparams", {})
    filler.configure(config)
    filler.configure(
        hyperparameters if isinstance(hyperparameters, Mapping) else {"hparams": hyperparameters}
    )
    if facts := said.get("__system_params"):
        filler.run.note_metadata({"aim": {"system": facts}})
    counts: dict[str, int] = {}
    points: list[tuple[float, int, str, Any]] = []
    for kind, found in run.collect_sequence_info(tuple(_SEQUENCES)).items():
        for about in found:
            name = _name(about["name"], about["context"])
            sequence = getattr(run, _SEQUENCES[kind])(about["name"], _context(about["context"]))
            new = _points(sequence)
            counts[f"{kind} {name}"] = len(new)
            for time_s, step, value in new[read.get(f"{kind} {name}", 0) :]:
                made = _value(kind, value, filler)
                if made is not None:
                    points.append((time_s, step, name, made))
    began_ns = round(filler.run.start_time * 1e9)
    for time_s, step, name, value in sorted(points, key=lambda point: point[:3]):
        time_ns = round(time_s * 1e9) or None
        if name.startswith(_SYSTEM):
            row = {f"system.{name.removeprefix(_SYSTEM)}": value}
            at = max(0, ((time_ns or began_ns) - began_ns) // 10**9)
            flags = RowFlag.SYSTEM | RowFlag.POINT
            filler.run.record(Row(at, time_ns or began_ns, row, flags))
        else:
            filler.row({name: value}, step, time_ns)
    if run.end_time:
        filler.at(round(run.end_time * 1e9))
    filler.exit_code = 0 if run.end_time else None
    return {**counts, "ended": bool(run.end_time)}


def _name(name: str, context: Mapping[str, Any]) -> str:
    if name.startswith(_SYSTEM):
        return name
    return "/".join([*(str(value) for _, value in sorted(context.items())), name])


def _context(context: Mapping[str, Any]) -> Any:
    return extras.require("aim.storage.context", extra="aim").Context(dict(context))


def _points(sequence: Any) -> list[tuple[float, int, Any]]:
    """Time in seconds, step and value of each point, in the order of their times."""
    if sequence is None:
        return []
    view = sequence.data.view(("step", "val", "time"))
    steps, columns = view.items_list()
    named = {name: values for (name, _), values in zip(view.columns, columns, strict=True)}
    # Of the older form, the index of a point is its step; of the newer one, it is a hash of that.
    steps = named.get("step", steps)
    times = [time or 0.0 for time in named.get("time", [0.0] * len(steps))]
    found = list(zip(times, map(int, steps), named["val"], strict=True))
    return sorted(found, key=lambda point: point[:2])


def _value(kind: str, value: Any, filler: Filler) -> Any:
    """A point's value as a run here has it; None where it has no place."""
    from rltrack.media.histogram import Histogram
    from rltrack.media.image import Image
    from rltrack.media.text import Text

    made: dict[str, Callable[[Any], Any]] = {
        "metric": float,
        "texts": lambda text: Text(str(text.data)),
        "images": lambda image: Image(image.to_pil_image(), caption=image.caption or None),
        "distributions": lambda one: Histogram(np_histogram=one.to_np_histogram()),
    }
    if isinstance(value, Iterable) and isinstance(value, (list, tuple)):
        if kind != "images":
            filler.left_out[f"lists of {kind}"] += 1
            return None
        return [made[kind](one) for one in value]
    if kind not in made:
        filler.left_out[kind] += 1
        return None
    try:
        return made[kind](value)
    except (Error, OSError, ValueError, TypeError, AttributeError) as fault:
        filler.left_out[f"{kind}: {fault}"] += 1
        return None
