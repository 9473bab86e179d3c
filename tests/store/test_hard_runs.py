"""Runs that are hard to read, from their journals and from their columns: what is promised holds."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rltrack
from rltrack.folder import RunFolder
from rltrack.journal.records import Row, RowFlag
from rltrack.journal.writer import JournalWriter
from rltrack.store.history import table
from rltrack.store.run import RunReader
from rltrack.store.series import series

#: Makes a reader of a run that has ended.
Read = Callable[[rltrack.Run], RunReader]


@pytest.fixture(params=["journal", "columns", "columns in many parts"])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Each way in which a run can be read."""

    def reader_of(run: rltrack.Run) -> RunReader:
        assert run.folder is not None
        folder = RunFolder(run.folder)
        if request.param == "journal":
            return RunReader(folder)
        if request.param == "columns in many parts":
            monkeypatch.setattr("rltrack.store.run.PART_VALUES", 64)
        sealing = RunReader(folder, may_seal=True)
        sealing.refresh()
        assert sealing.seal() or sealing.is_sealed
        found = RunReader(folder)
        found.refresh()
        assert found.is_sealed
        return found

    return reader_of


def values(reader: RunReader, key: str) -> list[object]:
    return [row[key] for row in table(reader, [key]).dicts()]


def test_ten_thousand_metrics_in_one_run(root: Path, read: Read) -> None:
    """Each is found by its name, and reading one does not need the others."""
    with rltrack.init(project="p") as run:
        for step in range(3):
            run.log({f"layer/{number}": number * step for number in range(10_000)})
    reader = read(run)

    assert len(reader.digest().metrics) == 10_000
    assert values(reader, "layer/7777") == [0, 7777, 15554]
    assert reader.digest().aggregates["layer/42"].mean == 42


def test_keys_of_any_length_and_script(root: Path, read: Read) -> None:
    """Five thousand characters, other scripts, emoji, and a lone half of a surrogate pair."""
    keys = ["x" * 5000, "損失/訓練", "🚀 reward", "a\x00b", "half \ud83d", " ", "\u00e9", "e\u0301"]
    with rltrack.init(project="p") as run:
        for step in range(5):
            run.log({key: step + at for at, key in enumerate(keys)})
    reader = read(run)

    assert set(reader.logged_keys()) == set(keys)
    for at, key in enumerate(keys):
        assert values(reader, key) == [step + at for step in range(5)]


def test_sparse_metrics_stand_where_they_were_logged(root: Path, read: Read) -> None:
    """One in a thousand rows has it, and one has it only once."""
    with rltrack.init(project="p") as run:
        for step in range(5000):
            row = {"dense": step}
            if step % 1000 == 999:
                row["sparse"] = -step
            if step == 3:
                row["once"] = 1
            run.log(row)
    reader = read(run)

    found = series(reader, "sparse")
    assert found is not None
    assert found.x.tolist() == [999, 1999, 2999, 3999, 4999]
    assert table(reader, ["once"]).dicts()[0]["_step"] == 3


def test_a_metric_may_change_its_type(root: Path, read: Read) -> None:
    """Each value stays what it was, and charts show those that are numbers."""
    logged = [1, 0.5, True, "diverged", None, 2**60, [1, 2], math.nan, -0.0, {"a": 1}]
    with rltrack.init(project="p") as run:
        for value in logged:
            run.log({"x": value, "y": 1} if not isinstance(value, dict) else {"x": 3, "y": 1})
    reader = read(run)

    expected = [*logged[:-1], 3]
    assert repr(values(reader, "x")) == repr(expected)
    found = series(reader, "x")
    assert found is not None
    assert len(found.y) == 7


def test_nan_and_infinity_come_back(root: Path, read: Read) -> None:
    """They are what a training that diverges logs."""
    logged = [1.0, math.nan, math.inf, -math.inf, 2.0] * 40
    with rltrack.init(project="p") as run:
        for value in logged:
            run.log({"loss": value})
    reader = read(run)

    assert repr(values(reader, "loss")) == repr(logged)
    found = reader.digest().aggregates["loss"]
    assert (found.count, found.nan, found.pos_inf, found.neg_inf) == (200, 40, 40, 40)
    assert (found.min, found.max, found.mean) == (1.0, 2.0, 1.5)


def test_a_clock_that_goes_back_changes_no_order(root: Path, read: Read) -> None:
    """Rows stand in the order of writing, with the times that the clock said."""
    with rltrack.init(project="p") as run:
        for at in range(200):
            run.log_point({"x": at}, step=at // 2, time_ns=10**18 - at * 10**9)
    reader = read(run)

    assert values(reader, "x") == list(range(200))
    found = series(reader, "x", "_timestamp")
    assert found is not None
    assert np.all(np.diff(found.x) >= 0)
    assert found.y.tolist() == list(range(199, -1, -1))


def test_two_writers_of_one_run(root: Path, read: Read) -> None:
    """Rows with a step that both named are one row; others stand side by side."""
    run = rltrack.init(project="p")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from rltrack.journal.records import Row, RowFlag\n"
        "from rltrack.journal.writer import JournalWriter\n"
        "writer = JournalWriter(Path(sys.argv[1]))\n"
        "for step in range(100):\n"
        "    writer.write(Row(step, time.time_ns(), {'theirs': step}, RowFlag.EXPLICIT))\n"
        "writer.close()\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(RunFolder(run.folder or Path()).journal)], check=True
    )
    for step in range(100):
        run.log({"ours": -step}, step=step)
    run.finish()
    reader = read(run)

    rows = table(reader).dicts()
    assert len(rows) == 100
    assert all(row["ours"] == -row["_step"] and row["theirs"] == row["_step"] for row in rows)


def test_a_damaged_middle_of_the_journal_costs_its_rows_and_is_told(root: Path, read: Read) -> None:
    """The rest is read, and the loss is told and counted, also once columns were made."""
    with rltrack.init(project="p", settings={"provenance": False}) as run:
        for step in range(1000):
            run.log({"x": float(step)})
    assert run.folder is not None
    (file,) = RunFolder(run.folder).journal.iterdir()
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 100] = bytes(range(100, 200))
    file.write_bytes(data)
    reader = read(run)

    found = values(reader, "x")
    assert 990 <= len(found) < 1000
    assert found[0] == 0.0
    assert found[-1] == 999.0
    assert any("fail their checksum and are lost" in told for told in reader.digest().damage)


def test_a_folder_that_disappears_is_no_fault(root: Path, read: Read) -> None:
    """Somebody deletes a run while its page is open."""
    with rltrack.init(project="p") as run:
        for step in range(200):
            run.log({"x": step})
    reader = read(run)
    expected = reader.digest()
    assert run.folder is not None
    shutil.rmtree(run.folder)

    reader.refresh()
    assert reader.digest() == expected


def test_a_journal_of_many_segments_and_a_resumed_run(root: Path, read: Read) -> None:
    """The rows of the second process stand behind those of the first, whatever their names."""
    run = rltrack.init(project="p")
    for step in range(300):
        run.log({"x": step})
    run.finish()
    assert run.folder is not None
    journal = RunFolder(run.folder).journal
    for part in range(1, 4):
        code = (
            "import sys, time; from pathlib import Path\n"
            "from rltrack.journal.records import Row\n"
            "from rltrack.journal.writer import JournalWriter\n"
            "writer = JournalWriter(Path(sys.argv[1]), segment_bytes=4096)\n"
            f"for step in range({part * 300}, {part * 300 + 300}):\n"
            "    writer.write(Row(step, time.time_ns(), {'x': step}))\n"
            "writer.close()\n"
        )
        subprocess.run([sys.executable, "-c", code, str(journal)], check=True)
    reader = read(run)

    assert values(reader, "x") == list(range(1200))
    assert reader.digest().row_count == 1200


def test_a_live_writer_beside_its_columns(root: Path) -> None:
    """What was sealed and what is in memory read as one, up to the row that was just logged."""
    run = rltrack.init(project="p")
    assert run.folder is not None
    writer = JournalWriter(RunFolder(run.folder).journal)
    reader = RunReader(RunFolder(run.folder), may_seal=True)
    for step in range(500):
        run.log({"ours": step}, step=step)
        writer.write(Row(step, step, {"theirs": step}, RowFlag.EXPLICIT))
        reader.refresh()
        if step % 100 == 50:
            reader.ask(lambda content: None)
            from rltrack.store.seal import seal

            seal(reader.ask(lambda content: content), final=False)
            reader = RunReader(RunFolder(run.folder), may_seal=True)
        rows = table(reader, ["ours", "theirs"]).dicts()
        assert len(rows) == step + 1
        assert rows[-1]["ours"] == rows[-1]["theirs"] == step
    writer.close()
    run.finish()
