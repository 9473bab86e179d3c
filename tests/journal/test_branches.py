"""Runs that were gone on with: whose rows are shown, and whose end counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rltrack.folder import RunFolder, run_folder
from rltrack.journal.branches import Cuts
from rltrack.journal.records import Finished, MetricDefined, Record, Resumed, Row, RowFlag
from rltrack.journal.writer import JournalWriter
from rltrack.store.run import RunReader


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = run_folder(tmp_path, "p", "r")
    found.path.mkdir(parents=True)
    return found


def write(folder: RunFolder, *records: Record) -> str:
    """Records by a writer of their own; its name."""
    writer = JournalWriter(folder.journal)
    for record in records:
        writer.write(record)
    writer.close()
    return writer.name


def steps(reader: RunReader, key: str = "a") -> list[tuple[int, float]]:
    points = reader.points(key)
    assert points is not None
    row, values = points.numbers()
    return list(zip(reader.rows().step[row].tolist(), values.tolist(), strict=True))


def rows(*values: float, start: int = 0, time_ns: int = 1) -> list[Row]:
    return [Row(start + at, time_ns + at, {"a": value}) for at, value in enumerate(values)]


@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from("abcd")),
            st.one_of(st.none(), st.integers(0, 9)),
        ),
        max_size=6,
    )
)
def test_the_least_step_that_anybody_went_back_to_counts(
    resumes: list[tuple[set[str], int | None]],
) -> None:
    """In whatever order the journals are read."""
    for order in (resumes, list(reversed(resumes))):
        cuts = Cuts()
        for writers, step in order:
            cuts.add(Resumed(0, sorted(writers), step))
        for writer in "abcd":
            said = [step for writers, step in resumes if step is not None and writer in writers]
            assert cuts.last_step(writer) == min(said, default=None)


def test_rows_behind_the_step_that_was_gone_back_to_are_hidden(folder: RunFolder) -> None:
    """And with them their values: the last, the greatest, the count."""
    first = write(folder, *rows(0.0, 1.0, 2.0, 99.0))
    write(folder, Resumed(10, [first], 1), *rows(5.0, 6.0, start=2, time_ns=20))

    reader = RunReader(folder)
    digest = reader.digest()

    assert steps(reader) == [(0, 0.0), (1, 1.0), (2, 5.0), (3, 6.0)]
    assert (digest.last_step, digest.row_count, digest.summary) == (3, 4, {"a": 6.0})
    assert digest.aggregates["a"].max == 6.0


def test_what_nobody_logged_again_is_gone_from_the_summary(folder: RunFolder) -> None:
    """Its last value is the last that is shown."""
    first = write(folder, *rows(0.0, 1.0, 2.0))
    write(folder, Resumed(10, [first], 1), Row(2, 20, {"b": 1.0}))

    assert RunReader(folder).digest().summary == {"a": 1.0, "b": 1.0}


def test_a_reader_that_was_there_before_sees_it_too(folder: RunFolder) -> None:
    """It had the hidden rows already."""
    first = write(folder, *rows(0.0, 1.0, 2.0))
    reader = RunReader(folder)
    reader._settled = False
    assert [step for step, _ in steps(reader)] == [0, 1, 2]

    second = write(folder, Resumed(10, [first], 0), *rows(7.0, start=1, time_ns=20))
    reader._settled = False
    reader.refresh()
    assert steps(reader) == [(0, 0.0), (1, 7.0)]

    write(folder, Resumed(30, [first, second], 0), *rows(8.0, start=1, time_ns=40))
    reader._settled = False
    reader.refresh()
    assert steps(reader) == [(0, 0.0), (1, 8.0)]


def test_columns_that_were_sealed_before_do_not_bring_them_back(folder: RunFolder) -> None:
    """The journal is the truth."""
    first = write(folder, *rows(0.0, 1.0, 2.0), Finished(5, "finished", 0))
    assert RunReader(folder).seal()
    write(
        folder, Resumed(10, [first], 0), *rows(7.0, start=1, time_ns=20), Finished(30, "failed", 1)
    )

    for _ in range(2):
        reader = RunReader(folder)
        assert steps(reader) == [(0, 0.0), (1, 7.0)]
        assert reader.digest().state == "failed"
        reader.seal()


def test_samples_of_the_machine_are_not_hidden(folder: RunFolder) -> None:
    """They are of the hours that passed, not of the steps."""
    first = write(folder, Row(5, 1, {"cpu": 1.0}, RowFlag.SYSTEM), *rows(0.0, 1.0))
    write(folder, Resumed(10, [first], 0))

    assert len(RunReader(folder).rows("system")) == 1


def test_an_end_does_not_count_once_a_further_process_went_on(folder: RunFolder) -> None:
    """Whatever the clocks of the two machines say, and in whatever order they are read."""
    first = write(folder, *rows(0.0), Finished(1000, "finished", 0))
    assert RunReader(folder).digest().state == "finished"
    second = write(folder, Resumed(5, [first]), Finished(6, "failed", 3))
    assert RunReader(folder).digest().state == "failed"
    write(folder, Resumed(4, [first, second]), Finished(5, "finished", 0))

    assert RunReader(folder).digest().state == "finished"


def test_a_field_that_came_later_is_not_written_where_it_says_nothing(folder: RunFolder) -> None:
    """So that what is written today is what was written before."""
    from rltrack.journal.format import encode

    assert b"step_sync" not in encode(MetricDefined(1, "a"))
    assert b"step_sync" in encode(MetricDefined(1, "a", step_sync=False))
