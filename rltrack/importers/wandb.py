"""W&B's offline folders as runs: one for each run id, whatever number of files it has.

    first time   written in a hidden folder beside the projects, and moved into place when it is
                 whole: an import that is killed leaves no half a run
    again        nothing to do, or, where a file has grown or another process went on with the run,
                 what is new is added

A run knows its files again by their names; how many records of each were read is in its metadata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from rltrack._names import checked_project
from rltrack.errors import NotFoundError
from rltrack.folder import RunFacts, RunFolder, run_folder
from rltrack.importers.protobuf import ProtobufError
from rltrack.importers.recorded import Imported, Progress, known_run, staged_run
from rltrack.importers.staging import add_to, move_in_place, staging_folder
from rltrack.importers.wandb_log import WandbLog
from rltrack.importers.wandb_recorder import WandbRecorder
from rltrack.importers.wandb_records import Described, said
from rltrack.journal.process import this_process
from rltrack.store.edit import link_artifact
from rltrack.store.run import RunReader

#: Key of the run's metadata that tells where it comes from, and how far that was read.
SOURCE_KEY: Final = "wandb_import"
DEFAULT_PROJECT: Final = "uncategorized"
_FILE: Final = re.compile(r"run-(?P<id>.+)\.wandb")
_REPORT_EVERY: Final = 2000


@dataclass(slots=True)
class _Source:
    """The files of one run."""

    run_id: str
    about: Described | None
    files: list[Path] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files)


def import_wandb(
    path: Path,
    root: Path,
    project: str | None = None,
    *,
    progress: Progress = lambda done, total: None,
) -> Iterator[Imported]:
    """Import all runs of W&B's at a place, one after the other.

    Args:
        path: a `.wandb` file, a run's folder, or any folder above, as ``./wandb``.
        root: the folder of all projects.
        project: where new runs go; by default the project of W&B's run.
        progress: told how many bytes of how many are read.

    Raises:
        NotFoundError: there is no such place, or no `.wandb` file in it.
        ArchiveError: a file is none of W&B's.
    """
    if not path.exists():
        raise NotFoundError(f"there is no {path}; say W&B's folder, which is mostly ./wandb")
    sources = _sources(path)
    if not sources:
        raise NotFoundError(
            f"no .wandb file in {path}; W&B's folders have them as offline-run-…/run-….wandb"
        )
    total = sum(source.size for source in sources)
    done = 0
    for source in sources:
        yield _import_one(source, root, project, partial(_report, progress, done, total))
        done += source.size
        progress(done, total)


def _report(progress: Progress, before: int, total: int, read: int) -> None:
    progress(before + read, total)


def _sources(path: Path) -> list[_Source]:
    """The runs of a place, in the order of their first files."""
    files = [path] if path.is_file() else sorted(path.rglob("*.wandb"))
    seen: set[Path] = set()
    found: dict[str, _Source] = {}
    for file in files:
        real = file.resolve()
        if real in seen or not real.is_file():
            continue  # `latest-run` is a link to one of them
        seen.add(real)
        about = _about(real)
        named = _FILE.fullmatch(real.name)
        run_id = about.run_id if about and about.run_id else named["id"] if named else real.stem
        source = found.setdefault(run_id, _Source(run_id, about))
        source.about = source.about or about
        source.files.append(real)
    for source in found.values():
        source.files.sort(key=lambda file: (file.parent.name, file.name))
    return list(found.values())


def _about(file: Path) -> Described | None:
    """What the run is; near the beginning of its file."""
    for number, payload in enumerate(WandbLog(file).records()):
        try:
            found = said(payload)
        except (ProtobufError, ValueError):
            continue
        if isinstance(found, Described):
            return found
        if number > 1000:
            break
    return None


# -- one run -----------------------------------------------------------------------------------


def _import_one(
    source: _Source, root: Path, project: str | None, progress: Callable[[int], None]
) -> Imported:
    about = source.about
    known, run_id = known_run(root, source.run_id, SOURCE_KEY, "wandb")
    read: dict[str, int] = {}
    config: dict[str, Any] = {}
    if known is None:
        folder = run_folder(root, _project_of(about, project), run_id)
        facts = _facts_of(source, folder, run_id, project)
    else:
        folder, facts = known, known.read_facts()
        reader = RunReader(folder)
        reader.refresh()
        read = dict(reader.metadata()[SOURCE_KEY].get("records", {}))
        config = reader.digest().config
    path = f"{facts.project}/{run_id}"
    with staging_folder(root) as staging:
        part, recorder, counts, trouble = _record(source, staging, facts, config, read, progress)
        name = about.name if about and about.name else source.run_id
        if known is None:
            move_in_place(part, folder)
        elif counts == read:
            return Imported(name, path, "there already", 0, trouble)
        else:
            add_to(folder, part, facts)
        for artifact in recorder.artifacts:
            artifact.log_into(root, facts.project, run=path)
            link_artifact(folder, "logged", artifact, artifact.aliases)
        outcome: Literal["new", "grown"] = "new" if known is None else "grown"
        return Imported(name, path, outcome, recorder.values, trouble)


def _project_of(about: Described | None, project: str | None) -> str:
    if project is not None:
        return checked_project(project)
    return checked_project(about.project if about and about.project else DEFAULT_PROJECT)


def _facts_of(source: _Source, folder: RunFolder, run_id: str, project: str | None) -> RunFacts:
    about = source.about
    host, pid, process = this_process()
    return RunFacts(
        id=run_id,
        project=_project_of(about, project),
        name=(about.name if about else "") or source.run_id,
        created_ns=(about.start_ns if about else 0) or source.files[0].stat().st_mtime_ns,
        host=host,
        pid=pid,
        process=process,
        group=(about.group if about else "") or None,
        job_type=(about.job_type if about else "") or None,
        notes=(about.notes if about else "") or None,
        tags=about.tags if about else [],
    )


def _record(
    source: _Source,
    staging: Path,
    facts: RunFacts,
    config: dict[str, Any],
    read: dict[str, int],
    progress: Callable[[int], None],
) -> tuple[RunFolder, WandbRecorder, dict[str, int], tuple[str, ...]]:
    """Write a run of what is not imported yet."""
    # Behind the end that an earlier import wrote: of two ends, the later is the run's.
    now_ns = [(facts.ended_ns + 1) if facts.ended_ns else facts.created_ns]

    def tell_time(time_ns: int) -> None:
        now_ns[0] = max(now_ns[0], time_ns)

    part, run = staged_run(staging, facts, now_ns)
    try:
        run.config.update(config)
        recorder = WandbRecorder(run, part, tell_time)
        counts, trouble = _record_files(source, recorder, read, progress)
        recorder.finish([file.parent for file in source.files])
        trouble += [f"{what} ({times} x)" for what, times in recorder.left_out.items()]
        for told in trouble:
            run.warn(told, f"import of {source.files[0].parent}: {told}")
        folder = str(source.files[0].parent)
        run.note_metadata({SOURCE_KEY: {"folder": folder, "records": counts}})
    except BaseException as stop:
        run.end_with(stop)
        raise
    if recorder.exit_code is None:
        run.end_as_crashed()
    else:
        run.finish(recorder.exit_code)
    return part, recorder, counts, tuple(trouble)


def _record_files(
    source: _Source,
    recorder: WandbRecorder,
    read: dict[str, int],
    progress: Callable[[int], None],
) -> tuple[dict[str, int], list[str]]:
    counts: dict[str, int] = {}
    trouble: list[str] = []
    seen_bytes = 0
    for file in source.files:
        name = f"{file.parent.name}/{file.name}"
        log = WandbLog(file)
        count = 0
        for payload in log.records():
            count += 1
            if count <= read.get(name, 0):
                continue
            try:
                found = said(payload)
            except (ProtobufError, ValueError, RecursionError) as fault:
                recorder.left_out[f"a record of {name}: {fault}"] += 1
                continue
            if found is not None:
                recorder.record(found, file.parent)
            if count % _REPORT_EVERY == 0:
                progress(min(seen_bytes + count * 200, source.size))
        counts[name] = count
        seen_bytes += file.stat().st_size
        trouble += [f"{name}: {told}" for told in log.damage]
    return counts, trouble
