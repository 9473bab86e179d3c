"""What a record of a `.wandb` file says: W&B's messages by the numbers of their fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from rltrack.importers.protobuf import Message

#: Fields of `Record`, which has one of them.
_HISTORY, _SUMMARY, _OUTPUT, _CONFIG, _STATS, _ARTIFACT = 2, 3, 4, 5, 7, 8
_TENSORBOARD, _ALERT, _METRIC, _OUTPUT_RAW, _RUN, _EXIT = 9, 10, 12, 13, 17, 18
_PREEMPTING, _USE_ARTIFACT, _ENVIRONMENT = 23, 25, 26
_AGGREGATES: Final = {
    1: "min",
    2: "max",
    3: "mean",
    4: "best",
    5: "last",
    6: "none",
    7: "copy",
    8: "first",
}


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row of metrics."""

    step: int | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Changed:
    """Keys of the config or the summary that were set and removed."""

    what: str
    """``config`` or ``summary``."""
    set: Mapping[str, Any]
    removed: list[str]


@dataclass(frozen=True, slots=True)
class Printed:
    """Text that was printed."""

    stream: str
    time_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Stats:
    """A sample of the machine."""

    time_ns: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Defined:
    """`define_metric`."""

    name: str
    step_metric: str | None
    step_sync: bool
    hidden: bool
    summary: str | None
    goal: str | None


@dataclass(frozen=True, slots=True)
class Described:
    """What the run is."""

    run_id: str
    project: str
    entity: str
    name: str
    group: str
    job_type: str
    notes: str
    tags: list[str]
    host: str
    sweep_id: str
    start_ns: int
    config: Mapping[str, Any]
    git: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """The run's end."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class Alerted:
    """`alert`."""

    title: str
    text: str
    level: str


@dataclass(frozen=True, slots=True)
class ArtifactLogged:
    """A version of an artifact that the run made."""

    name: str
    type: str
    description: str
    metadata: Mapping[str, Any]
    aliases: list[str]
    files: list[tuple[str, str, str]]
    """Path, where the file is on the disk that recorded it, and reference."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where it ran."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NoPlace:
    """What a run here has no place for."""

    what: str


Said: TypeAlias = (
    HistoryRow
    | Changed
    | Printed
    | Stats
    | Defined
    | Described
    | Ended
    | Alerted
    | ArtifactLogged
    | Environment
    | NoPlace
)


def said(payload: bytes) -> Said | None:
    """What a record says; None for one that says nothing to a reader.

    Raises:
        ProtobufError: it is no record.
        ValueError: a value of it is no JSON.
    """
    record = Message(payload)
    for number, read in _READERS.items():
        if number in record:
            found: Said = read(record.message(number))
            return found
    if _PREEMPTING in record:
        return Changed("preempting", {}, [])
    return None


def _items(items: list[Message]) -> dict[str, Any]:
    """Values by key; a nested key makes nested mappings."""
    found: dict[str, Any] = {}
    for item in items:
        *above, last = item.texts(2) or [item.text(1)]
        place = found
        for key in above:
            inner = place.get(key)
            place[key] = place = inner if isinstance(inner, dict) else {}
        if last:
            place[last] = json.loads(item.raw(16) or b"null")
    return found


def _history(message: Message) -> HistoryRow:
    values = _items(message.messages(1))
    step = message.message(2).integer(1) if 2 in message else values.get("_step")
    return HistoryRow(step if isinstance(step, int) else None, values)


def _changed(what: str, message: Message) -> Changed:
    removed = [".".join(one.texts(2)) or one.text(1) for one in message.messages(2)]
    return Changed(what, _items(message.messages(1)), removed)


def _time_ns(message: Message) -> int:
    return message.integer(1) * 10**9 + message.number(2)


def _printed(message: Message) -> Printed:
    stream = "stdout" if message.number(1) else "stderr"
    return Printed(stream, _time_ns(message.message(2)), message.text(3))


def _stats(message: Message) -> Stats:
    values = {}
    for item in message.messages(3):
        value = json.loads(item.raw(16) or b"null")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            values[item.text(1)] = float(value)
    return Stats(_time_ns(message.message(2)), values)


def _defined(message: Message) -> Defined:
    options, summary = message.message(6), message.message(7)
    chosen = [name for number, name in _AGGREGATES.items() if summary.number(number)]
    return Defined(
        message.text(1) or message.text(2),
        message.text(4) or None,
        bool(options.number(1)),
        bool(options.number(2)),
        ",".join(chosen) or None,
        {1: "minimize", 2: "maximize"}.get(message.number(8)),
    )


def _described(message: Message) -> Described:
    git = message.message(21)
    facts = {"remote": git.text(1), "commit": git.text(2)}
    return Described(
        message.text(1),
        message.text(3),
        message.text(2),
        message.text(8),
        message.text(6),
        message.text(7),
        message.text(9),
        message.texts(10),
        message.text(13),
        message.text(12),
        _time_ns(message.message(17)),
        _changed("config", message.message(4)).set,
        {name: value for name, value in facts.items() if value},
    )


def _ended(message: Message) -> Ended:
    return Ended(message.integer(1))


def _alerted(message: Message) -> Alerted:
    return Alerted(message.text(1), message.text(2), message.text(3) or "INFO")


def _artifact(message: Message) -> ArtifactLogged:
    try:
        metadata = json.loads(message.raw(8) or b"{}")
    except ValueError:
        metadata = {}
    files = [
        (entry.text(1), entry.text(6), entry.text(3)) for entry in message.message(12).messages(4)
    ]
    return ArtifactLogged(
        message.text(5),
        message.text(4),
        message.text(7),
        metadata if isinstance(metadata, dict) else {},
        message.texts(11),
        files,
    )


def _environment(message: Message) -> Environment:
    texts = {
        "system": 1,
        "python": 2,
        "program": 6,
        "host": 12,
        "username": 13,
        "executable": 14,
        "gpu": 18,
    }
    facts: dict[str, Any] = {name: message.text(n) for name, n in texts.items() if message.text(n)}
    if arguments := message.texts(5):
        facts["args"] = arguments
    if cores := message.number(17):
        facts["cpu_count"] = cores
    return Environment(facts)


def _tensorboard(message: Message) -> NoPlace:
    folder = message.text(1)
    return NoPlace(
        f"event files of TensorBoard in {folder}: `rltrack import tensorboard {folder}` reads them"
    )


def _used(message: Message) -> NoPlace:
    return NoPlace(f"that it used artifact {message.text(3) or message.text(1)}")


_READERS: Final[Mapping[int, Any]] = {
    _HISTORY: _history,
    _SUMMARY: lambda message: _changed("summary", message),
    _OUTPUT: _printed,
    _CONFIG: lambda message: _changed("config", message),
    _STATS: _stats,
    _ARTIFACT: _artifact,
    _TENSORBOARD: _tensorboard,
    _ALERT: _alerted,
    _METRIC: _defined,
    _OUTPUT_RAW: _printed,
    _RUN: _described,
    _EXIT: _ended,
    _USE_ARTIFACT: _used,
    _ENVIRONMENT: _environment,
}
