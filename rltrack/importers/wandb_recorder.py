"""Writes what `.wandb` records say into a run: rows at their steps and times, files beside it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rltrack._run import Run
from rltrack.artifacts.artifact import Artifact
from rltrack.artifacts.names import safe_name
from rltrack.capture.terminal import Transcript
from rltrack.errors import Error
from rltrack.folder import RunFolder
from rltrack.importers.wandb_records import (
    Alerted,
    ArtifactLogged,
    Changed,
    Defined,
    Described,
    Ended,
    Environment,
    HistoryRow,
    NoPlace,
    Printed,
    Said,
    Stats,
)
from rltrack.journal.records import ConsoleLogged, Json, MediaStored, Row, RowFlag
from rltrack.store.media import file_inside

_MEDIA: Final = "media/"
#: What W&B adds to each row by itself; a run here has its own.
_ROW_KEYS: Final = frozenset({"_step", "_runtime", "_timestamp", "_wandb"})
_AGGREGATES: Final = frozenset({"min", "max", "mean", "best", "last", "first", "copy"})
_NOTE_LEVELS: Final = {"INFO": "info", "WARN": "warning", "ERROR": "error"}


class WandbRecorder:
    """Records what one or more `.wandb` files of a run say.

    Args:
        run: where to.
        folder: of the run.
        now: told the time of each record, in nanoseconds since the epoch.
    """

    def __init__(self, run: Run, folder: RunFolder, now: Callable[[int], None]) -> None:
        self.run = run
        self.folder = folder
        self.exit_code: int | None = None
        self.left_out: Counter[str] = Counter()
        """What had no place, and how often."""
        self.values = 0
        """How many were recorded."""
        self._now = now
        self._transcript = Transcript()
        self._printed_ns = 0
        self._latest: dict[str, Any] = {}
        self._summary: dict[str, Any] = {}
        self._copied: set[str] = set()
        self.artifacts: list[Artifact] = []
        """To be logged when the run is in its place."""
        self._artifacts: list[ArtifactLogged] = []

    def record(self, what: Said, source: Path) -> None:
        """Record one thing.

        Args:
            what: it.
            source: the folder of W&B's run, whose ``files/`` it may refer to.
        """
        if isinstance(what, HistoryRow):
            self._row(what, source)
        elif isinstance(what, Changed):
            self._changed(what)
        elif isinstance(what, Stats):
            values = {f"system.{name}": value for name, value in what.values.items()}
            step = max(0, (what.time_ns - round(self.run.start_time * 1e9)) // 10**9)
            flags = RowFlag.SYSTEM | RowFlag.POINT
            self.run.record(Row(step, what.time_ns, values, flags))
        elif isinstance(what, Printed):
            self._printed_ns = what.time_ns or self._printed_ns
            self._transcript.feed(what.stream, what.text)
        elif isinstance(what, Defined):
            self._define(what)
        elif isinstance(what, Described):
            self._describe(what)
        elif isinstance(what, Ended):
            self.exit_code = what.exit_code
        elif isinstance(what, Alerted):
            self.run.note(_NOTE_LEVELS.get(what.level, "info"), what.text, title=what.title)
        elif isinstance(what, ArtifactLogged):
            self._artifacts.append(what)
        elif isinstance(what, Environment):
            self.run.note_metadata(dict(what.facts))
        elif isinstance(what, NoPlace):
            self.left_out[what.what] += 1

    def finish(self, sources: list[Path]) -> None:
        """Record what only the whole says: the summary by hand, the console, artifacts, files."""
        for name, value in self._summary.items():
            if not name.startswith("_") and not self._is_logged(name, value):
                self.run.summary[name] = self._media(value, sources[-1])
        self._print(all_of_it=True)
        for what in self._artifacts:
            self._artifact(what)
        for source in sources:
            self._files(source)

    def _is_logged(self, name: str, value: Any) -> bool:
        """Whether a value of the summary is what the rows amount to, and nobody's own."""
        if name not in self._latest:
            return False
        is_sum = isinstance(value, dict) and not value.keys() - _AGGREGATES
        return (
            is_sum
            or "_type" in (value if isinstance(value, dict) else ())
            or _same(value, self._latest[name])
        )

    # -- rows ------------------------------------------------------------------------------

    def _row(self, row: HistoryRow, source: Path) -> None:
        time_s = row.values.get("_timestamp")
        values = {
            name: self._media(value, source)
            for name, value in row.values.items()
            if name not in _ROW_KEYS
        }
        self._latest |= {name: row.values[name] for name in values}
        if not values:
            return
        if isinstance(time_s, (int, float)) and time_s > 0:
            self._now(round(time_s * 1e9))
            values["_timestamp"] = time_s
        self.run.log(values, step=row.step)
        self.values += len(values) - ("_timestamp" in values)

    def _media(self, value: Any, source: Path) -> Any:
        """A value as a run here has it: files of it are copied, a list of files is one of ours."""
        if not isinstance(value, Mapping) or "_type" not in value:
            return value
        if value["_type"] == "table-file" and (table := self._table(value, source)) is not None:
            return table
        path = value.get("path")
        if isinstance(path, str):
            return {**value, "path": self._file(path, source)}
        names = value.get("filenames")
        if isinstance(names, list):
            captions = value.get("captions")
            items = []
            for at, name in enumerate(names):
                item = {"_type": "image-file", "path": self._file(str(name), source)}
                if isinstance(captions, list) and at < len(captions) and captions[at]:
                    item["caption"] = str(captions[at])
                items.append(item)
            return {"_type": value["_type"], "count": len(items), "items": items}
        for inner in value.values():
            if isinstance(inner, list) and inner and all(_is_file(one) for one in inner):
                items = [self._media(one, source) for one in inner]
                return {"_type": value["_type"], "count": len(items), "items": items}
        return value

    def _file(self, path: str, source: Path) -> str:
        """Copy a file of a row, once; where it is below the media of a run here."""
        inside = path.removeprefix(_MEDIA)
        if inside in self._copied:
            return inside
        self._copied.add(inside)
        found = file_inside(source / "files" / "media", inside)
        now = self._printed_ns or round(self.run.start_time * 1e9)
        if found is None:
            told = f"{path} is not beside the .wandb file"
            self.run.record(MediaStored(now, inside, error=told))
            self.left_out[told] += 1
            return inside
        target = self.folder.media / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, target)
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        facts: dict[str, Json] = {"sha256": digest, "bytes": target.stat().st_size}
        self.run.record(MediaStored(now, inside, facts))
        return inside

    def _table(self, value: Mapping[str, Any], source: Path) -> Any:
        """W&B's table of JSON as one of ours; None where it cannot be one."""
        path = str(value.get("path", ""))
        found = file_inside(source / "files" / "media", path.removeprefix(_MEDIA))
        if found is None:
            return None
        from rltrack.media.table import Table

        try:
            content = json.loads(found.read_text(encoding="utf-8"))
            columns = [str(name) for name in content["columns"]]
            return Table(columns=columns, data=content["data"], allow_mixed_types=True)
        except (ValueError, TypeError, KeyError, AttributeError, Error) as fault:
            self.left_out[f"{path} as a table ({fault}); its file is kept"] += 1
            return None

    # -- the rest --------------------------------------------------------------------------

    def _changed(self, what: Changed) -> None:
        if what.what == "preempting":
            self.run.mark_preempting()
        elif what.what == "summary":
            self._summary |= what.set
            for name in what.removed:
                self._summary.pop(name, None)
        else:
            self._configure(what.set)
            for name in what.removed:
                if name in self.run.config:
                    del self.run.config[name]

    def _configure(self, values: Mapping[str, Any]) -> None:
        found: dict[str, Any] = {}
        for name, value in values.items():
            if name != "_wandb":
                known = self.run.config.get(name)
                found[name] = _merged(known, value)
        self.run.config.update(found, allow_val_change=True)

    def _define(self, what: Defined) -> None:
        try:
            self.run.define_metric(
                what.name,
                step_metric=what.step_metric,
                step_sync=what.step_sync if what.step_metric else None,
                hidden=what.hidden or None,
                summary=what.summary,
                goal=what.goal,
            )
        except Error as refusal:
            self.left_out[f"a definition of {what.name!r}: {refusal}"] += 1

    def _describe(self, what: Described) -> None:
        self._configure(what.config)
        facts: dict[str, Any] = {"entity": what.entity, "host": what.host, "sweep": what.sweep_id}
        if what.git:
            facts["git"] = dict(what.git)
        self.run.note_metadata({name: value for name, value in facts.items() if value})

    def _print(self, *, all_of_it: bool) -> None:
        for change in self._transcript.take():
            text = "\n".join(change.lines)
            self.run.record(ConsoleLogged(self._printed_ns, change.stream, text, change.number))
        self._transcript.settled(all_of_them=all_of_it)

    def _artifact(self, what: ArtifactLogged) -> None:
        if what.type in ("run_table", "wandb-history", "code", "job"):
            return  # tables are logged as such, and code and history are beside the run
        artifact = Artifact(safe_name(what.name), what.type or "unspecified", what.description)
        artifact.metadata = what.metadata
        for path, local, reference in what.files:
            try:
                if reference:
                    artifact.add_reference(reference, name=path, checksum=False)
                elif local and Path(local).is_file():
                    artifact.add_file(local, name=path)
                else:
                    raise FileNotFoundError(local or path)
            except (Error, OSError) as refusal:
                self.left_out[f"artifact {what.name}: {refusal} is not there any more"] += 1
                return
        aliases = [one for one in what.aliases if one != "latest" and set(one).isdisjoint("/:")]
        artifact.aliases = [one for one in aliases if not one[1:].isdigit()]
        self.artifacts.append(artifact)

    def _files(self, source: Path) -> None:
        """Files beside the rows: W&B's own, and those that the user saved."""
        top = source / "files"
        for path in sorted(top.rglob("*")):
            inside = path.relative_to(top)
            if inside.parts[0] == "media" or not path.is_file():
                continue
            target = self.folder.files / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _merged(known: Any, changed: Any) -> Any:
    """A value that was changed; of a mapping, only some keys."""
    if not isinstance(known, Mapping) or not isinstance(changed, Mapping):
        return changed
    found = {name: value for name, value in changed.items() if name not in known}
    for name, value in known.items():
        found[name] = _merged(value, changed[name]) if name in changed else value
    return found


def _is_file(value: object) -> bool:
    return isinstance(value, Mapping) and "_type" in value and isinstance(value.get("path"), str)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one; NaN is itself."""
    return bool(one == other or (one != one and other != other))
