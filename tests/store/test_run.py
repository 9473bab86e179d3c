"""One run, as its reader sees it: while it is written, after it ended, and after it was killed."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rltrack
from rltrack.folder import RunFolder
from rltrack.journal.writer import JournalWriter
from rltrack.store.aggregate import CHUNK
from rltrack.store.history import table
from rltrack.store.run import RunReader
from rltrack.store.series import series

NAN = math.nan


def reader_of(run: rltrack.Run) -> RunReader:
    assert run.folder is not None
    return RunReader(RunFolder(run.folder))


def values_of(reader: RunReader, key: str) -> list[object]:
    reader.refresh()
    return [row[key] for row in table(reader).dicts() if key in row]


def test_a_row_is_there_as_soon_as_log_has_returned(root: Path) -> None:
    """A reader of a live run sees each row at its next look, and no row twice."""
    run = rltrack.init(project="p")
    reader = reader_of(run)
    for step in range(5):
        run.log({"loss": step / 2})

        assert values_of(reader, "loss") == [at / 2 for at in range(step + 1)]
    assert reader.state == "running"
    assert reader.refresh() is False


def test_values_come_back_as_what_they_were(root: Path) -> None:
    """Ints of 64 bits, bools, NaN and ±Inf, texts, lists, None; in one column, too."""
    logged = [2**62 + 1, 0.1, True, NAN, math.inf, -math.inf, "text", None, [1, 2.5], -(2**63)]
    with rltrack.init(project="p") as run:
        for value in logged:
            run.log({"mixed": value, "plain": 1})

    read = values_of(reader_of(run), "mixed")

    assert repr(read) == repr(logged)
    assert [type(value) for value in read] == [type(value) for value in logged]


def test_nan_and_infinities_are_points_of_a_series(root: Path) -> None:
    """A loss that became NaN is what one looks for; it must not be left out."""
    with rltrack.init(project="p") as run:
        for value in (1.0, NAN, math.inf, -math.inf, 2.0):
            run.log({"loss": value})

    found = series(reader_of(run), "loss")

    assert found is not None
    assert repr(found.y.tolist()) == repr([1.0, NAN, math.inf, -math.inf, 2.0])


def test_a_summary_set_by_hand_wins_and_a_removed_key_comes_back(root: Path) -> None:
    """What `run.summary` showed while training is what a reader shows."""
    with rltrack.init(project="p") as run:
        run.log({"best": 1, "gone": 1, "back": 1})
        run.summary["best"] = 100
        del run.summary["gone"]
        del run.summary["back"]
        run.log({"best": 2, "back": 2})
        shown = dict(run.summary)

    assert reader_of(run).digest().summary == shown == {"best": 100, "back": 2}


def test_config_facts_metadata_and_definitions_are_read(root: Path) -> None:
    """The last change of each counts."""
    with rltrack.init(project="p", config={"lr": 1, "drop": 1}, tags=["a"], group="g") as run:
        run.config.update({"lr": 2, "nested": {"x": NAN}}, allow_val_change=True)
        del run.config["drop"]
        run.name, run.notes, run.tags = "better", "because", ("b", "c")
        run.note_metadata({"gpu": "none", "cpu": 1})
        run.note_metadata({"cpu": 2})
        run.define_metric("train/*", step_metric="global_step")
        run.define_metric("train/epoch*", step_metric="epoch")
        run.define_metric("train/loss", step_metric="_step")
    reader = reader_of(run)
    digest = reader.digest()

    assert repr(digest.config) == repr({"lr": 2, "nested": {"x": NAN}})
    assert (digest.name, digest.notes, digest.tags, digest.group) == (
        "better",
        "because",
        ("b", "c"),
        "g",
    )
    assert reader.metadata() == {"gpu": "none", "cpu": 2}
    axes = {
        key: reader.default_axis(key) for key in ("train/x", "train/epochs", "train/loss", "eval")
    }
    assert axes == {
        "train/x": "global_step",
        "train/epochs": "epoch",
        "train/loss": "_step",
        "eval": "_step",
    }


@pytest.mark.parametrize(("exit_code", "state"), [(0, "finished"), (3, "failed")])
def test_an_end_is_what_the_journal_says(root: Path, exit_code: int, state: str) -> None:
    """Also where run.json could not be written any more and still says running."""
    run = rltrack.init(project="p")
    assert run.folder is not None
    running = (run.folder / "run.json").read_text()
    run.finish(exit_code)
    (run.folder / "run.json").write_text(running)
    reader = reader_of(run)

    assert reader.digest().state == state
    assert reader.digest().ended_at is not None
    assert reader.is_settled


def test_an_exception_is_told_beside_the_run(root: Path) -> None:
    """With the traceback: the terminal in which it was shown may be closed by now."""
    with pytest.raises(ZeroDivisionError), rltrack.init(project="p") as run:
        1 / 0  # noqa: B018
    reader = reader_of(run)

    assert reader.digest().state == "failed"
    assert "ZeroDivisionError" in reader.notes()[-1].message


def test_a_settled_run_costs_nothing_and_holds_no_file(root: Path) -> None:
    """A folder of a thousand runs would otherwise run out of file descriptors."""
    before = set(os.listdir("/proc/self/fd"))
    with rltrack.init(project="p") as run:
        run.log({"loss": 1})
    reader = reader_of(run)

    assert reader.refresh() is True
    assert reader.is_settled
    assert reader.refresh() is False
    # Fewer, where what an earlier test held has been collected meanwhile.
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_rows_that_were_given_back_are_read_again(root: Path) -> None:
    """Memory is bounded, and no answer changes for it."""
    with rltrack.init(project="p", config={"lr": 1}) as run:
        for step in range(100):
            run.log({"loss": step * 0.5})
    reader = reader_of(run)
    reader.refresh()
    digest, points = reader.digest(), values_of(reader, "loss")
    assert reader.nbytes > 0

    reader.release()

    assert reader.nbytes == 0
    assert reader.digest() == digest
    assert values_of(reader, "loss") == points
    assert reader.nbytes > 0


# -- crashes -------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys, rltrack
run = rltrack.init(project="p", id="killed", settings={"silent": True})
for step in range(1000):
    run.log({"loss": step / 2})
    print(step, flush=True)
    if step == 500:
        sys.stdin.read()
"""


def test_a_killed_run_is_crashed_and_keeps_every_row(root: Path) -> None:
    """A real process that logs, is killed, and had been told of each row that it is there."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(501)]
    reader = RunReader(RunFolder(root / "p" / "killed"))
    reader.refresh()
    assert reader.digest().state == "running"

    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    reader.refresh()

    assert reader.digest().state == "crashed"
    assert reader.digest().ended_at is not None
    assert reader.is_settled
    assert values_of(reader, "loss") == [step / 2 for step in told]


def test_a_forked_child_keeps_the_run_going_and_its_rows_are_there(root: Path) -> None:
    """Two writers, one run: rows of one step that both named are one row."""
    run = rltrack.init(project="p")
    run.log({"parent": 1}, step=7)
    run.log({"alone": 1}, step=8)
    child = os.fork()
    if child == 0:
        run.log({"child": 2}, step=7)
        os._exit(0)
    os.waitpid(child, 0)
    reader = reader_of(run)
    reader.refresh()
    rows = [{k: v for k, v in row.items() if k[0] != "_"} for row in table(reader).dicts()]

    assert rows == [{"parent": 1, "child": 2}, {"alone": 1}]
    assert reader.digest().state == "running"  # one of the two processes lives
    run.finish()
    reader.refresh()
    assert reader.digest().state == "finished"
    assert reader.is_settled


def elsewhere(run: rltrack.Run) -> Path:
    """Make the run look as if a process on another machine wrote it."""
    assert run.folder is not None
    path = run.folder / "run.json"
    facts = json.loads(path.read_text()) | {"host": "another", "state": "running", "ended_ns": None}
    path.write_text(json.dumps(facts))
    for segment in (run.folder / "journal").iterdir():
        segment.unlink()
    return path


@pytest.mark.parametrize(("age_s", "state"), [(5, "running"), (59, "running"), (61, "crashed")])
def test_a_run_of_another_machine_lives_by_its_heartbeat(
    root: Path, age_s: int, state: str
) -> None:
    """Its process cannot be seen from here."""
    run = rltrack.init(project="p")
    run.finish()
    beat = elsewhere(run).stat().st_mtime
    reader = RunReader(reader_of(run).folder, now=lambda: beat + age_s)

    assert reader.digest().state == state


def test_a_run_of_another_machine_may_come_back(root: Path) -> None:
    """A network that was down for a minute is not a crash for ever."""
    run = rltrack.init(project="p")
    run.finish()
    path = elsewhere(run)
    now = path.stat().st_mtime + 100
    reader = RunReader(reader_of(run).folder, now=lambda: now)
    assert reader.digest().state == "crashed"
    assert reader.reopen_if_changed() is False

    os.utime(path, (now, now))

    assert reader.reopen_if_changed() is True
    assert reader.digest().state == "running"


def test_what_the_folder_says_after_the_end_is_taken(root: Path) -> None:
    """The process writes run.json once more behind the journal's last word."""
    run = rltrack.init(project="p")
    assert run.folder is not None
    running = (run.folder / "run.json").read_text()
    run.finish()
    lost = (run.folder / "run.json").read_text().replace('"lost_rows": 0', '"lost_rows": 3')
    (run.folder / "run.json").write_text(running)
    reader = reader_of(run)
    assert reader.digest().lost_rows == 0

    (run.folder / "run.json").write_text(lost)
    os.utime(run.folder / "run.json", (time.time() + 5, time.time() + 5))
    reader.reopen_if_changed()

    assert reader.digest().lost_rows == 3
    assert reader.digest().state == "finished"


# -- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"format": 99, "id": "x"}', '{"id": "x"}', "\x00" * 100],
    ids=["empty", "cut", "list", "newer", "incomplete", "zeros"],
)
def test_a_damaged_run_json_hides_nothing_that_the_journal_says(root: Path, content: str) -> None:
    """The journal is the truth; run.json is what a listing reads first."""
    with rltrack.init(project="p", config={"lr": 1}) as run:
        run.log({"loss": 0.5})
    assert run.folder is not None
    (run.folder / "run.json").write_text(content)
    digest = reader_of(run).digest()

    assert digest.state == "finished"
    assert digest.config == {"lr": 1}
    assert digest.summary == {"loss": 0.5}
    assert digest.id == digest.name == run.id
    assert "run.json" in digest.damage[0]


@pytest.mark.parametrize(
    "fact", [{"created_ns": None}, {"tags": 3}, {"state": "eaten"}, {"name": 5}]
)
def test_facts_of_a_wrong_type_are_damage(root: Path, fact: dict[str, object]) -> None:
    """A run.json that was edited by hand must not break the list of runs."""
    with rltrack.init(project="p") as run:
        run.log({"loss": 0.5})
    assert run.folder is not None
    path = run.folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fact))
    digest = reader_of(run).digest()

    assert len(digest.damage) == 1
    assert digest.summary == {"loss": 0.5}


def test_damage_in_the_middle_is_told_and_read_past(root: Path) -> None:
    """Rows behind a broken one are still there."""
    with rltrack.init(project="p") as run:
        for step in range(100):
            run.log({"loss": float(step)})
    assert run.folder is not None
    (segment,) = (run.folder / "journal").iterdir()
    data = bytearray(segment.read_bytes())
    at = data.index(np.float64(50.0).tobytes())
    data[at] ^= 0xFF
    segment.write_bytes(data)
    reader = reader_of(run)

    assert values_of(reader, "loss") == [float(step) for step in range(100) if step != 50]
    assert len(reader.digest().damage) == 1


def test_a_million_rows_are_columns_in_one_piece(tmp_path: Path) -> None:
    """Rows of many kinds in turn are decoded together, not call by call; their order stays."""
    run = RunFolder(tmp_path / "p" / "r")
    writer = JournalWriter(run.journal)
    with writer.lock:
        for step in range(20_000):
            writer.write_row({"even" if step % 2 == 0 else "odd": step}, step, step, 0)
            writer.write_row({"both": step, "x": 0.5}, step, step, 2)
    writer.close()
    reader = RunReader(run)
    both, odd = series(reader, "both"), series(reader, "odd")

    assert both is not None
    assert odd is not None
    assert both.y.tolist() == both.x.tolist() == list(range(20_000))
    assert odd.x.tolist() == list(range(1, 20_000, 2))


def test_sums_of_a_live_run_are_those_of_its_journal_at_once(root: Path) -> None:
    """Whole chunks are summed up once; texts among the numbers, and rows that are late, or not."""
    run = rltrack.init(project="p", id="r")
    live = reader_of(run)
    for step in range(2 * CHUNK + 10):
        value = math.sin(step)
        run.log({"mixed": "text" if step % 50 == 3 else value, "plain": value}, step=step)
        if step in (10, 5000, CHUNK + 7, CHUNK + 2000, 2 * CHUNK + 3):
            live.refresh()
            assert live.digest().aggregates["plain"].count == step + 1
    live.refresh()
    whole = reader_of(run)
    whole.refresh()
    assert live.digest().aggregates == whole.digest().aggregates
    assert live.digest().aggregates["mixed"].count < live.digest().aggregates["plain"].count


def test_an_axis_of_points_that_share_a_step(root: Path) -> None:
    """Episodes that ended on one timestep are all there, and each has its own x."""
    with rltrack.init(project="p") as run:
        for episode in range(4):
            run.log_point({"episode/return": episode, "global_step": 10}, step=10)
            run.log({"loss": episode})
    found = series(reader_of(run), "episode/return", "global_step")

    assert found is not None
    assert found.x.tolist() == [10.0] * 4
    assert found.y.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_time_axes_are_seconds(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since the epoch, and since the run began."""
    with rltrack.init(project="p") as run:
        for age_s in (0, 10, 20):
            run.log({"loss": age_s, "_timestamp": run.start_time + age_s})
    reader = reader_of(run)
    stamped, run_time = series(reader, "loss", "_timestamp"), series(reader, "loss", "_runtime")

    assert stamped is not None
    assert run_time is not None
    assert stamped.x.tolist() == pytest.approx([run.start_time + age for age in (0, 10, 20)])
    assert run_time.x.tolist() == pytest.approx([0, 10, 20], abs=1e-3)
