"""Which rows are one row, against a second definition that is slow and plain."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rltrack.folder import RunFolder
from rltrack.journal.records import Json, Row, RowFlag
from rltrack.journal.writer import JournalWriter
from rltrack.store.history import table
from rltrack.store.run import RunReader
from rltrack.store.series import series

KEYS = ("loss", "return", "global_step")


@dataclass(frozen=True)
class Logged:
    """One call: who, where, when, what."""

    writer: int
    row: Row


@dataclass
class Part:
    """One written row, with all that orders it."""

    step: int
    clock_ns: int
    writer: str
    sequence: int
    row: Row
    joined: set[int] = field(default_factory=set)


VALUES = st.dictionaries(
    st.sampled_from(KEYS),
    st.integers(-5, 5) | st.sampled_from([0.5, 1e300, True, None, "text", [1, 2.5]]),
    min_size=1,
)
FLAGS = st.sampled_from([RowFlag.NONE, RowFlag.EXPLICIT, RowFlag.POINT, RowFlag.SYSTEM])
LOGGED = st.builds(
    Logged,
    st.integers(0, 2),
    st.builds(Row, st.integers(-1, 3), st.integers(0, 6), VALUES, FLAGS),
)


@contextmanager
def written(calls: list[Logged], *, look_after: set[int]) -> Iterator[tuple[RunReader, list[Part]]]:
    """Write the calls with three real writers, while a reader looks now and then."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        run = RunFolder(Path(folder) / "project" / "run")
        writers = [stack.enter_context(closing(JournalWriter(run.journal))) for _ in range(3)]
        reader = RunReader(run)
        parts: list[Part] = []
        clock = [-1, -1, -1]
        for number, call in enumerate(calls):
            writer = writers[call.writer]
            clock[call.writer] = max(clock[call.writer], call.row.time_ns)
            parts.append(
                Part(call.row.step, clock[call.writer], writer.name, writer.rows, call.row)
            )
            row = call.row
            with writer.lock:
                if not writer.write_row(row.values, row.step, row.time_ns, row.flags):
                    writer.write(row)
            if number in look_after:
                reader.refresh()
        reader.refresh()
        yield reader, parts


def merged_slowly(parts: list[Part], *, system: bool) -> list[tuple[int, int, dict[str, Json]]]:
    """The docstrings of `RowFlag` and `Run.log`, word by word: step, time and values of each row."""
    ordered = [part for part in parts if bool(part.row.flags & RowFlag.SYSTEM) == system]
    ordered.sort(key=lambda part: (part.step, part.clock_ns, part.writer, part.sequence))
    groups = [{number} for number in range(len(ordered))]
    for one, first in enumerate(ordered):
        for two, second in enumerate(ordered):
            point = (first.row.flags | second.row.flags) & RowFlag.POINT
            both_named = first.row.flags & second.row.flags & RowFlag.EXPLICIT
            together = first.writer == second.writer or both_named
            if first.step == second.step and not point and together:
                joined = groups[one] | groups[two]
                for number in joined:
                    groups[number] = joined
    rows = []
    for last in sorted({max(group) for group in groups}):
        values: dict[str, Json] = {}
        for number in sorted(groups[last]):
            values |= ordered[number].row.values
        rows.append((ordered[last].step, ordered[last].row.time_ns, values))
    return rows


@settings(max_examples=150)
@given(st.lists(LOGGED, max_size=14), st.sets(st.integers(0, 13)))
def test_rows_are_merged_as_the_docstrings_say(calls: list[Logged], look_after: set[int]) -> None:
    """However the rows of three writers come in, and whenever a reader looks."""
    with written(calls, look_after=look_after) as (reader, parts):
        for stream, system in (("default", False), ("system", True)):
            found = table(reader, stream="system" if system else "default").dicts()
            times = reader.rows("system" if system else "default").time_ns.tolist()
            values = [{k: v for k, v in row.items() if k in KEYS} for row in found]
            read = list(zip([row["_step"] for row in found], times, values, strict=True))

            assert repr(read) == repr(
                [
                    (
                        step,
                        time_ns,
                        {
                            key: values[key]
                            for key in reader.logged_keys("system" if system else "default")
                            if key in values
                        },
                    )
                    for step, time_ns, values in merged_slowly(parts, system=system)
                ]
            ), stream


OVERWRITTEN = [
    Logged(0, Row(1, 0, {"global_step": 0})),
    Logged(0, Row(1, 0, {"global_step": None, "return": 0})),
]


@settings(max_examples=150)
@given(st.lists(LOGGED, max_size=14), st.sets(st.integers(0, 13)))
@example(OVERWRITTEN, set())
def test_an_axis_is_joined_by_row_and_else_by_step(
    calls: list[Logged], look_after: set[int]
) -> None:
    """A point stands at the value of its own row, else at the last one at its step or before."""
    with written(calls, look_after=look_after) as (reader, parts):
        rows = merged_slowly(parts, system=False)
        expected = []
        for step, _, values in rows:
            if not is_number(values.get("return")):
                continue
            x = values.get("global_step")
            if not is_number(x):
                before = [
                    other["global_step"]
                    for at, _, other in rows
                    if at <= step and is_number(other.get("global_step"))
                ]
                x = before[-1] if before else None
            if isinstance(x, (int, float)) and abs(x) <= 1e300:
                expected.append((float(x), float(values["return"])))  # type: ignore[arg-type]
        expected.sort(key=lambda point: point[0])

        found = series(reader, "return", "global_step")
        points = [] if found is None else list(zip(found.x.tolist(), found.y.tolist(), strict=True))

        assert points == expected


@settings(max_examples=100)
@given(st.lists(LOGGED, max_size=14), st.sets(st.integers(0, 13)))
def test_the_summary_is_the_last_value_in_the_order_of_writing(
    calls: list[Logged], look_after: set[int]
) -> None:
    """Not the value of the greatest step: a step may go back."""
    with written(calls, look_after=look_after) as (reader, parts):
        last: dict[str, Json] = {}
        for part in sorted(parts, key=lambda part: (part.clock_ns, part.writer, part.sequence)):
            if not part.row.flags & RowFlag.SYSTEM:
                last |= part.row.values

        assert repr(dict(sorted(reader.digest().summary.items()))) == repr(
            dict(sorted(last.items()))
        )


def is_number(value: Json) -> bool:
    """Whether a value has a place in a chart."""
    return isinstance(value, (bool, int, float))
