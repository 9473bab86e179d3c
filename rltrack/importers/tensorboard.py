"""A log folder of TensorBoard as runs: one for each folder that TensorBoard shows as a run.

The folders that `add_scalars` and `add_hparams` make below a writer's own are part of its run.

    first time   written in a hidden folder beside the projects, and moved into place when it
                 is whole: an import that is killed leaves no half a run
    again        nothing to do, or, where files have grown, what is new is added the same way

A run knows its folder again by its first event, wherever the folder has gone since; how far each
file was read is in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from rltrack.errors import NotFoundError
from rltrack.folder import RunFacts, RunFolder, run_folder
from rltrack.importers.recorded import Imported, Progress, staged_run
from rltrack.importers.staging import add_to, find, move_in_place, staging_folder
from rltrack.importers.tensorboard_events import (
    event_class,
    read_history,
    restart_step,
)
from rltrack.importers.tensorboard_recorder import EventRecorder, nanoseconds
from rltrack.importers.tensorboard_sources import Source, find_sources, identity, size_of
from rltrack.journal.process import this_process
from rltrack.store.run import RunReader

#: Key of the run's metadata that tells where it comes from, and how far that was read.
SOURCE_KEY: Final = "tensorboard_import"
TAG: Final = "tensorboard"
#: What `add_embedding` writes: files beside the events, for a plugin with no like in a run.
PROJECTOR_CONFIG: Final = "projector_config.pbtxt"
_REPORT_EVERY: Final = 2000


def import_tensorboard(
    logdir: Path, root: Path, project: str, *, progress: Progress = lambda done, total: None
) -> Iterator[Imported]:
    """Import all runs below a log folder, one after the other.

    Args:
        logdir: what ``tensorboard --logdir`` would be told.
        root: the folder of all projects.
        project: where new runs go; one that was imported before stays where it is.
        progress: told how many bytes of how many are read.

    Raises:
        NotFoundError: there is no such folder, or no event file in it.
        MissingExtraError: neither TensorBoard nor tensorboardX is installed.
    """
    event_class()
    if not logdir.is_dir():
        raise NotFoundError(f"there is no folder {logdir}; say what `tensorboard --logdir` shows")
    sources = find_sources(logdir.resolve())
    if not sources:
        raise NotFoundError(
            f"no event file below {logdir}; their names have 'tfevents' in them, as in "
            "events.out.tfevents.1700000000.host"
        )
    total = sum(size_of(file) for source in sources for file in source.all_files())
    done = 0
    for source in sources:
        size = sum(size_of(file) for file in source.all_files())
        yield _import_one(source, root, project, partial(_report, progress, done, total))
        done += size
        progress(done, total)


def _report(progress: Progress, before: int, total: int, read: int) -> None:
    progress(before + read, total)


# -- one run -----------------------------------------------------------------------------------


def _import_one(
    source: Source, root: Path, project: str, progress: Callable[[int], None]
) -> Imported:
    run_id, began_s = identity(source)
    known = find(root, run_id)
    if known is None:
        folder = run_folder(root, project, run_id)
        host, pid, process = this_process()
        facts = RunFacts(
            id=run_id,
            project=project,
            name=source.name,
            created_ns=nanoseconds(began_s) or 1,
            host=host,
            pid=pid,
            process=process,
            tags=[TAG],
        )
        config: dict[str, Any] = {}
    else:
        folder = known
        facts = folder.read_facts()
        reader = RunReader(folder)
        reader.refresh()
        source.go_on_from(dict(reader.metadata().get(SOURCE_KEY, {}).get("files", {})))
        config = reader.digest().config
    path = f"{facts.project}/{run_id}"
    if known is not None and all(file.offset >= size_of(file) for file in source.all_files()):
        return Imported(source.name, path, "there already", 0, ())
    before = source.offsets()
    with staging_folder(root) as staging:
        part, recorder, trouble = _record(source, staging, facts, config, progress)
        if known is None:
            move_in_place(part, folder)
            return Imported(source.name, path, "new", recorder.values, trouble)
        if source.offsets() == before:  # a torn tail, or damage: nothing that could be read
            return Imported(source.name, path, "there already", 0, trouble)
        add_to(folder, part, facts)
        return Imported(source.name, path, "grown", recorder.values, trouble)


def _record(
    source: Source,
    staging: Path,
    facts: RunFacts,
    config: Mapping[str, Any],
    progress: Callable[[int], None],
) -> tuple[RunFolder, EventRecorder, tuple[str, ...]]:
    """Write a run of what is not imported yet."""
    now_ns = [facts.ended_ns or facts.created_ns]
    part, run = staged_run(staging, facts, now_ns)
    try:
        run.config.update(config)  # so that hyperparameters find what is there already
        recorder = EventRecorder(run)
        trouble = _record_events(source, recorder, now_ns, progress)
        for told in trouble:
            run.warn(told, f"import of {source.folder}: {told}")
        run.note_metadata({SOURCE_KEY: {"folder": str(source.folder), "files": source.offsets()}})
    except BaseException as stop:
        run.end_with(stop)
        raise
    run.finish()
    return part, recorder, trouble


def _record_events(
    source: Source, recorder: EventRecorder, now_ns: list[int], progress: Callable[[int], None]
) -> tuple[str, ...]:
    count = 0
    trouble: list[str] = []
    for folder, files in source.files.items():
        recorder.names.know(str(folder))
        home = recorder.names.home(str(folder))
        has_past = any(file.offset for file in files)
        for event in read_history(files):
            if has_past and (step := restart_step(event)) is not None:
                trouble.append(f"a restart took back what was imported before, from step {step} on")
            try:
                recorder.record(event, home)
            except (ValueError, TypeError, LookupError) as fault:  # of a payload by another version
                recorder.left_out[f"{type(fault).__name__}: {fault}"] += 1
            now_ns[0] = max(now_ns[0], nanoseconds(event.wall_time) or 0)
            count += 1
            if count % _REPORT_EVERY == 0:
                progress(sum(source.offsets().values()))
        trouble += [f"{file.path.name}: {file.damage}" for file in files if file.damage]
        if (folder / PROJECTOR_CONFIG).exists():
            trouble.append(f"the embeddings that {PROJECTOR_CONFIG} names")
    left_out = (f"{what} ({times} x)" for what, times in recorder.left_out.items())
    return (*left_out, *trouble)
