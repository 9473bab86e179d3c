"""What a journal can hold: one frozen dataclass for each kind of record."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Scalar: TypeAlias = float | int | bool
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


class Prepared(dict[str, Any]):
    """A value that is JSON already: it is kept as it is, without a look at each of its numbers."""

    text: str | None = None
    """What it is as JSON, where its maker knows: the same edges need not be written anew each time."""


class RowFlag(enum.IntFlag):
    """How a row takes part in reading."""

    NONE = 0
    #: The caller named the step: rows of any process with this step are one row.
    EXPLICIT = 1
    #: A row of its own, never merged: an episode, a TensorBoard event.
    POINT = 2
    #: A sample of the machine, not of the training.
    SYSTEM = 4


@dataclass(frozen=True, slots=True)
class Row:
    """Values that were logged together."""

    step: int
    time_ns: int
    values: Mapping[str, Json]
    flags: RowFlag = RowFlag.NONE


@dataclass(frozen=True, slots=True)
class WriterOpened:
    """A process began to write: who it is, so that a reader can tell whether it still lives."""

    time_ns: int
    host: str
    pid: int
    process: str
    """Boot, process namespace and start time: with `pid`, names a process for all time."""
    edits: bool | None = field(default=None, metadata={"added": True})
    """It only changes what the run is called and the like: whether it lives says nothing of the run."""


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """Top-level config keys that were set or removed."""

    time_ns: int
    set: Mapping[str, Json] = field(default_factory=dict)
    removed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SummaryChanged:
    """Summary keys that the user set by hand or removed."""

    time_ns: int
    set: Mapping[str, Json] = field(default_factory=dict)
    removed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RunChanged:
    """Facts about the run itself: name, notes, tags, group, job_type, metadata."""

    time_ns: int
    set: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class MetricDefined:
    """How metrics of a name (or of a ``prefix*``) are drawn and summed up."""

    time_ns: int
    name: str
    step_metric: str | None = None
    summary: str | None = None
    goal: str | None = None
    hidden: bool = False
    step_sync: bool | None = field(default=None, metadata={"added": True})
    """Whether a row without `step_metric` stands at the last value of it; None: yes."""


@dataclass(frozen=True, slots=True)
class MediaStored:
    """A file that a row refers to has arrived, or never will (`error`)."""

    time_ns: int
    path: str
    facts: Mapping[str, Json] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the user should see beside the run: a warning, a loss, an alert."""

    time_ns: int
    level: str
    message: str
    lost_rows: int = 0
    title: str | None = field(default=None, metadata={"added": True})
    """Of an alert; None: it is none."""


@dataclass(frozen=True, slots=True)
class ConsoleLogged:
    """Lines that a terminal shows of what the process printed.

    Lines are counted from 0, of both streams together, by each writer for itself. A line that is
    told again has changed, as that of a progress bar does; one that is `CONSOLE_REACH` lines or
    more before the last never does.
    """

    time_ns: int
    stream: str
    """``stdout`` or ``stderr``."""
    text: str
    """The lines, with a newline between one and the next."""
    line: int = 0
    """The number of the first of them."""


#: How many lines, counted from the end, may still change.
CONSOLE_REACH: Final = 64


@dataclass(frozen=True, slots=True)
class Resumed:
    """A further process goes on with the run: what was said of its end is past."""

    time_ns: int
    writers: Sequence[str] = ()
    """Those whose journals were there already."""
    step: int | None = None
    """Rows of theirs after this step are hidden; None hides none."""
    source: str | None = None
    """Of a fork: the ``project/id`` that these writers wrote."""


@dataclass(frozen=True, slots=True)
class ArtifactLinked:
    """The run made a version of an artifact, or used one."""

    time_ns: int
    role: str
    """``logged`` or ``used``."""
    artifact: str
    """``project/name:v3``."""
    type: str
    digest: str
    aliases: Sequence[str] = ()
    """That it got, or under which it was asked for."""
    use_as: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The run ended on purpose."""

    time_ns: int
    state: str
    exit_code: int
    traceback: str | None = None


Record: TypeAlias = (
    Row
    | WriterOpened
    | ConfigChanged
    | SummaryChanged
    | RunChanged
    | MetricDefined
    | MediaStored
    | Noted
    | Finished
    | Resumed
    | ConsoleLogged
    | ArtifactLinked
)
