"""Changes of a run by somebody else than its training: its name, tags, config, summary, project.

An edit is a record in the run's journal, by a writer of its own, so that it stands beside a training
that goes on, two edits at once both survive, and the latest of a key counts. Then `run.json` is
made another file, which is how readers and catalogs of runs that have ended see it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rltrack._names import checked_project
from rltrack.errors import JournalError, StorageError, UsageError
from rltrack.folder import RunFolder, run_folder
from rltrack.journal.records import (
    ArtifactLinked,
    ConfigChanged,
    Json,
    Record,
    RunChanged,
    SummaryChanged,
)
from rltrack.journal.writer import JournalWriter
from rltrack.store.run import RunReader

if TYPE_CHECKING:
    from rltrack.artifacts.artifact import Artifact

#: Facts that may be edited, and what each must be.
FACTS: Final[dict[str, tuple[type, ...]]] = {
    "name": (str,),
    "notes": (str, type(None)),
    "group": (str, type(None)),
    "job_type": (str, type(None)),
    "tags": (list,),
}


def edit(
    folder: RunFolder,
    *,
    facts: Mapping[str, Any] | None = None,
    config: Mapping[str, Json] | None = None,
    summary: Mapping[str, Json] | None = None,
    removed_config: Sequence[str] = (),
    removed_summary: Sequence[str] = (),
) -> None:
    """Change what a run is called and the like; it may be live.

    Args:
        folder: of the run.
        facts: of `FACTS`, what changes.
        config: keys to set.
        summary: keys to set.
        removed_config: keys to remove.
        removed_summary: keys to remove.

    Raises:
        UsageError: a fact is unknown, or not what it may be; nothing was changed.
        StorageError: the run's folder cannot be written.
    """
    chosen = _checked(facts or {})
    now = time.time_ns()
    records: list[Record] = []
    if chosen:
        records.append(RunChanged(now, chosen))
    if config or removed_config:
        records.append(ConfigChanged(now, dict(config or {}), list(removed_config)))
    if summary or removed_summary:
        records.append(SummaryChanged(now, dict(summary or {}), list(removed_summary)))
    if records:
        _append(folder, records, chosen)


def link_artifact(
    folder: RunFolder,
    role: str,
    artifact: Artifact,
    aliases: Sequence[str],
    use_as: str | None = None,
) -> None:
    """Record that a run made or used a version of an artifact.

    Args:
        folder: of the run.
        role: ``logged`` or ``used``.
        artifact: it.
        aliases: that it got, or under which it was asked for.
        use_as: what it was used as.

    Raises:
        StorageError: the run's folder cannot be written.
    """
    link = ArtifactLinked(
        time.time_ns(),
        role,
        artifact.qualified_name,
        artifact.type,
        artifact.digest,
        list(aliases),
        use_as,
    )
    _append(folder, [link], {})


def _append(folder: RunFolder, records: Sequence[Record], changed: Mapping[str, Any]) -> None:
    try:
        # Not mapped: a mapped segment is a mebibyte, and this is a line.
        writer = JournalWriter(folder.journal, mapped=False, edits=True)
        for record in records:
            writer.write(record)
        writer.sync()
        writer.close()
        _renew_facts(folder, changed)
    except OSError as refusal:
        raise StorageError(f"{folder.path} cannot be changed: {refusal}") from refusal


def _checked(facts: Mapping[str, Any]) -> dict[str, Any]:
    chosen = dict(facts)
    if "tags" in chosen and not isinstance(chosen["tags"], (str, type(None))):
        chosen["tags"] = list(chosen["tags"])
    for name, value in chosen.items():
        if name not in FACTS:
            raise UsageError(f"a run has no {name!r} to change; there are {', '.join(FACTS)}")
        fits = isinstance(value, FACTS[name])
        if name == "tags" and fits:
            fits = all(isinstance(tag, str) and tag for tag in value)
        if not fits or value == "":
            raise UsageError(f"{name}={value!r} is not what it may be of a run")
    return chosen


def _renew_facts(folder: RunFolder, changed: Mapping[str, Any]) -> None:
    """Make `run.json` another file, with the same sign of life as before."""
    before = folder.run_json.stat()
    try:
        facts = folder.read_facts()
    except (JournalError, FileNotFoundError):
        facts = None
    # That of a run which goes on is its training's own, and is written again at its end.
    if facts is not None and facts.state != "running" and changed:
        folder.write_facts(dataclasses.replace(facts, **changed))
    os.utime(folder.run_json, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))


def move(root: Path, folder: RunFolder, to_project: str) -> RunFolder:
    """Put a run into another project.

    Returns:
        Its folder from now on.

    Raises:
        UsageError: the run goes on, or there is one of its id in that project.
        StorageError: the folder cannot be moved.
    """
    reader = RunReader(folder)
    reader.refresh()
    refuse_live(reader, "moved")
    target = run_folder(root, _checked_target(to_project, reader.project), reader.id)
    rename_new(folder.path, target.path)
    try:
        facts = target.read_facts()
        target.write_facts(dataclasses.replace(facts, project=to_project))
    except (JournalError, OSError):
        pass  # the folder says which project it is
    return target


def _checked_target(project: str, beside: str) -> str:
    """The name of a project; in a server's folder with the user or team in front."""
    entity, _, name = project.partition("/")
    if "/" in beside and name:
        checked_project(entity)
        checked_project(name)
        return project
    return checked_project(project)


def refuse_live(reader: RunReader, what: str) -> None:
    """Refuse what would pull the folder away from under a training.

    Raises:
        UsageError: the run goes on.
    """
    if reader.digest().state == "running":
        raise UsageError(
            f"run {reader.project}/{reader.id} goes on and cannot be {what}; "
            "`rltrack stop` ends it first"
        )


def rename_new(source: Path, target: Path) -> None:
    """Rename a folder to a name that nobody has.

    Raises:
        UsageError: somebody has it.
        StorageError: it cannot be renamed.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            raise UsageError(f"{target} is there already")
        os.rename(source, target)  # onto a folder with something in it, this fails
    except OSError as refusal:
        if isinstance(refusal, StorageError):
            raise
        raise StorageError(f"{source} cannot be moved to {target}: {refusal}") from refusal
