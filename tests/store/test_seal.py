"""Sealing: a run reads the same from its columns as from its journal, whenever they were made."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rltrack
from rltrack.folder import RunFolder
from rltrack.server.frame import encode_panels
from rltrack.store.columns import OBJECT
from rltrack.store.history import table
from rltrack.store.manifest import MANIFEST, lease
from rltrack.store.panel import panel
from rltrack.store.project import Project
from rltrack.store.run import RunReader

NAN = math.nan
ROWS = 700


def answers(reader: RunReader) -> str:
    """All that a reader says of a run, exactly: NaN, the sign of zero and types are seen."""
    reader.refresh()
    digest = reader.digest()
    whole = table(reader).dicts()
    system = table(reader, stream="system").dicts()
    keys = reader.logged_keys()
    points = []
    for key in keys:
        found = reader.points(key)
        assert found is not None
        bits = np.where(found.kinds == OBJECT, 0, found.bits)
        points.append((key, found.row.tolist(), bits.tolist(), found.kinds.tolist()))
    charts = [
        encode_panels([(panel({"r": reader}, key, x=x, buckets=2, shown=shown), {})])
        for key in keys
        for x in ("_step", "_timestamp", "global_step")
        for shown in (None, (10.0, 600.0))
    ]
    return repr((digest, whole, system, keys, points, reader.metadata(), reader.notes(), charts))


def folder_of(run: rltrack.Run) -> RunFolder:
    assert run.folder is not None
    return RunFolder(run.folder)


def sealed(folder: RunFolder) -> RunReader:
    reader = RunReader(folder)
    assert reader.seal()
    return RunReader(folder)


def mixed_run(**arguments: Any) -> rltrack.Run:
    """A run with everything that rows can hold."""
    run = rltrack.init(project="p", config={"lr": 0.1}, **arguments)
    for step in range(ROWS):
        run.log({"loss": 1 / (step + 1), "count": step, "done": step % 7 == 0})
        if step % 3 == 0:
            run.log({"sparse": -0.0 if step % 2 else NAN}, step=step)
        if step % 50 == 0:
            run.log({"text": f"at {step}", "nested": {"a": [1, NAN], "ü": None}}, commit=False)
            run.log({"mixed": [2**62 + 1, 0.1, True, "x", math.inf][step // 50 % 5]})
        run.log_point({"episode/return": float(step), "global_step": step * 10}, step=step)
    run.summary["best"] = 3
    return run


def test_a_sealed_run_answers_as_its_journal_does(root: Path) -> None:
    """Digest, rows, types, order of keys, NaN, -0.0, ints beyond 2**53, texts and lists."""
    with mixed_run() as run:
        pass
    expected = answers(RunReader(folder_of(run)))

    reader = sealed(folder_of(run))
    assert answers(reader) == expected

    assert reader.is_sealed
    shutil.rmtree(folder_of(run).segments)
    assert answers(RunReader(folder_of(run))) == expected


def test_a_sealed_run_is_read_without_its_journal_being_replayed(root: Path) -> None:
    """Which is why a run of any length opens at once."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    sealed(folder)
    for file in folder.journal.iterdir():
        # What was read stays true, so its bytes are not looked at.
        data = bytearray(file.read_bytes())
        data[200:300] = bytes(100)
        file.write_bytes(data)

    assert len(table(RunReader(folder), ["loss"]).dicts()) == ROWS


values = st.one_of(
    st.floats().map(lambda value: NAN if math.isnan(value) else value),  # one NaN is like another
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(max_size=5),
    st.none(),
    st.lists(st.integers(0, 3), max_size=2),
)
logged = st.lists(
    st.tuples(
        st.sampled_from(["log", "step", "point", "open"]),
        st.integers(-3, 12),
        st.dictionaries(st.sampled_from(["a", "b", "c/d", "ü"]), values, min_size=1, max_size=3),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(logged=logged, part_values=st.integers(1, 30), ascending=st.booleans())
def test_however_a_run_was_logged_and_cut_it_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    logged: list[tuple[str, int, dict[str, Any]]],
    part_values: int,
    ascending: bool,
) -> None:
    """Sealed while it was written, in parts of any size, with rows that go back or join others."""
    root = tmp_path_factory.mktemp("runs")
    monkeypatch.setattr("rltrack.store.run.PART_VALUES", part_values)
    run = rltrack.init(project="p", dir=str(root), settings={"silent": True}, reinit="create_new")
    folder = folder_of(run)
    live = RunReader(folder, may_seal=True)
    for at, (how, step, row) in enumerate(logged):
        step = step + at if ascending else step
        if how == "log":
            run.log(row)
        elif how == "open":
            run.log(row, commit=False)
        elif how == "point":
            run.log_point(row, step=step)
        else:
            run.log(row, step=step)
        if at % 3 == 0:
            live.refresh()
    plain = answers(RunReader(folder))
    assert answers(live) == plain or live.refresh() or answers(live) == answers(RunReader(folder))
    run.finish()

    copy = root / "p" / "copy"
    shutil.copytree(folder.path, copy)
    shutil.rmtree(copy / "segments", ignore_errors=True)
    expected = answers(RunReader(RunFolder(copy))).replace("'copy'", f"'{run.id}'")
    live.refresh()
    live.seal()
    assert answers(live) == expected
    assert answers(RunReader(folder)) == expected


SEALER = """
import sys
from pathlib import Path
import rltrack.store.run as run_module
from rltrack.folder import RunFolder
run_module.PART_VALUES = 500
import pyarrow.parquet
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    reader = run_module.RunReader(RunFolder(Path(sys.argv[1])), may_seal=True)
    reader.refresh()
    reader.seal()
"""


def start_sealer(folder: Path, times: int = 1) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SEALER, str(folder), str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_sealer_that_is_killed_anywhere_leaves_a_run_that_reads_the_same(root: Path) -> None:
    """Files count once the manifest names them, and the next sealer removes those that do not."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    expected = answers(RunReader(folder))
    for trial in range(12):
        if trial % 4 == 0:
            shutil.rmtree(folder.segments, ignore_errors=True)
        process = start_sealer(folder.path)
        let_go(process)
        time.sleep(0.004 * trial)
        process.send_signal(signal.SIGKILL)
        process.communicate()

        assert answers(RunReader(folder)) == expected

    reader = RunReader(folder)
    assert reader.seal() or reader.is_sealed
    assert answers(RunReader(folder)) == expected
    manifest = RunReader(folder).ask(lambda content: content.manifest)
    assert manifest is not None
    assert {path.name for path in folder.segments.iterdir()} == {MANIFEST, *manifest.files}


def test_of_two_sealers_one_wins_and_the_other_only_reads(root: Path) -> None:
    """Both end, and the run reads the same."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    expected = answers(RunReader(folder))
    processes = [start_sealer(folder.path, times=5) for _ in range(3)]
    for process in processes:
        let_go(process)
    for process in processes:
        assert process.communicate(timeout=60)[0] == ""
        assert process.returncode == 0

    assert answers(RunReader(folder)) == expected
    assert RunReader(folder).seal() is False


def test_nobody_seals_while_another_holds_the_lease(root: Path) -> None:
    """And a lease whose process has died is taken over."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    with lease(folder.segments) as got, lease(folder.segments) as again:
        assert got
        assert not again
        assert RunReader(folder).seal() is False
    process = start_sealer(folder.path)
    (folder.segments / ".lease").write_text(
        json.dumps({"host": os.uname().nodename, "pid": process.pid, "process": "gone"})
    )
    process.kill()
    process.communicate()

    assert RunReader(folder).seal()


def test_a_lease_of_another_host_counts_for_a_minute(root: Path) -> None:
    """Its process cannot be seen; it touches the lease as long as it writes."""
    root.mkdir()
    path = root / ".lease"
    path.write_text('{"host": "elsewhere", "pid": 1, "process": "x"}')
    with lease(root) as got:
        assert not got
    with lease(root, now=lambda: time.time() + 61) as got:
        assert got
    assert not path.exists()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "flipped": lambda data: (
        data[: len(data) // 2]
        + bytes(byte ^ 0xFF for byte in data[len(data) // 2 : len(data) // 2 + 8])
        + data[len(data) // 2 + 8 :]
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "pattern",
    ["history-0*.parquet", "history-rows-*", "*.index", "overview-*", "records-*", MANIFEST],
)
def test_a_damaged_segment_is_told_and_made_again(
    root: Path, caplog: pytest.LogCaptureFixture, pattern: str, damage: str
) -> None:
    """The journal has all of it, so nothing is lost and no answer is another."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    expected = answers(RunReader(folder))
    sealed(folder)
    (file,) = folder.segments.glob(pattern)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    caplog.clear()

    assert answers(RunReader(folder)) == expected

    assert any(file.name in record.getMessage() for record in caplog.records), caplog.records
    again = RunReader(folder)
    answers(again)
    assert again.seal()
    caplog.clear()
    reader = RunReader(folder)
    assert answers(reader) == expected
    assert reader.is_sealed
    assert not caplog.records


def write_in_another_process(folder: RunFolder, step: int, row: dict[str, Any]) -> None:
    """A row of a writer of its own, whose process has ended."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from rltrack.journal.records import Row, RowFlag\n"
        "from rltrack.journal.writer import JournalWriter\n"
        f"writer = JournalWriter(Path({str(folder.journal)!r}))\n"
        f"writer.write(Row({step}, time.time_ns(), {row!r}, RowFlag.EXPLICIT))\n"
        "writer.close()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_that_is_resumed_goes_on_behind_its_segments(root: Path) -> None:
    """What a second process writes later is read; what is sealed stays sealed."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    reader = sealed(folder)
    before = reader.digest().row_count
    write_in_another_process(folder, ROWS + 100, {"loss": 7.0})

    again = RunReader(folder)
    assert again.digest().row_count == before + 1
    assert again.digest().summary["loss"] == 7.0
    assert table(again, ["loss"]).dicts()[-1]["loss"] == 7.0
    again.seal()
    assert again.is_sealed
    plain = answers(RunReader(folder))
    shutil.rmtree(folder.segments)
    assert answers(RunReader(folder)) == plain


def test_a_row_that_goes_back_behind_the_segments_is_not_lost(root: Path) -> None:
    """Then all is read from the journal again."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    sealed(folder)
    write_in_another_process(folder, 5, {"late": 7.0})

    again = RunReader(folder)
    plain = answers(again)
    assert table(again, ["late"]).dicts()[0]["_step"] == 5
    assert again.seal()
    assert answers(RunReader(folder)) == plain
    shutil.rmtree(folder.segments)
    assert answers(RunReader(folder)) == plain


def test_segments_of_another_run_in_the_same_folder_are_not_taken(root: Path) -> None:
    """A run that was deleted and made anew under its id."""
    with mixed_run(id="same") as run:
        pass
    folder = folder_of(run)
    sealed(folder)
    kept = folder.path.parent / "kept"
    shutil.move(folder.segments, kept)
    shutil.rmtree(folder.path)
    with rltrack.init(project="p", id="same") as again:
        again.log({"other": 1})
    shutil.move(kept, folder.segments)

    assert RunReader(folder).logged_keys() == ["other"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_read_all_the_same(root: Path) -> None:
    """Colleagues' runs are read, and not sealed."""
    with mixed_run() as run:
        pass
    folder = folder_of(run)
    folder.path.chmod(0o500)
    try:
        assert RunReader(folder).seal() is False
    finally:
        folder.path.chmod(0o700)


def test_a_million_rows_that_are_still_written_are_read_with_bounded_memory(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are sealed while the run goes on, and each row is seen at once."""
    monkeypatch.setattr("rltrack.store.run.PART_VALUES", 100_000)
    run = rltrack.init(project="p")
    reader = RunReader(folder_of(run), may_seal=True)
    for step in range(1_000_000):
        run.log({"loss": step / 2})
        if step % 100_000 == 5:
            reader.refresh()
            assert reader.ask(lambda content: content.value_count) <= 250_000
            points = reader.points("loss")
            assert points is not None
            assert len(points) == step + 1
            assert points.numbers()[1][-1] == step / 2
    run.finish()
    reader.refresh()
    reader.seal()
    found = RunReader(folder_of(run))
    points = found.points("loss")
    assert points is not None
    assert np.array_equal(points.numbers()[1], np.arange(1_000_000) / 2)
    assert found.is_sealed


def test_runs_that_go_on_are_sealed_where_they_hold_too_much(root: Path) -> None:
    """Those first that nobody looks at; what is read of them stays the same, and goes on."""
    runs = [rltrack.init(project="p", id=name, reinit="create_new") for name in "ab"]
    project = Project(root, "p", memory_bytes=400_000)
    for first, end in ((0, 20_000), (20_000, 20_010), (20_010, 40_000)):
        for step in range(first, end):
            for run in runs:
                run.log({"loss": math.sin(step), "other": step}, step=step)
        project.refresh()
        found = project.find([run.id for run in runs])
        for run in runs:
            reader = found[run.id]
            assert reader is not None
            assert answers(reader) == answers(RunReader(folder_of(run)))
        assert all((folder_of(run).segments / MANIFEST).is_file() for run in runs)
        project.refresh()
        assert sum(run.nbytes for run in project.runs()) < 400_000
    for run in runs:
        run.finish()
