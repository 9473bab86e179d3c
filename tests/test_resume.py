"""Going on with runs: resumed, rewound, forked, each by one process at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.folder import RunFolder, run_folder
from rltrack.journal.records import Record, Resumed, Row

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


def init(**arguments: Any) -> rltrack.Run:
    return rltrack.init(project="p", settings={"quiet": True}, **arguments)


def program(text: str) -> str:
    return "import os, sys, time, rltrack\n" + textwrap.dedent(text)


def in_a_process(root: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the user's."""
    return subprocess.run(
        [sys.executable, "-c", program(text)],
        env=os.environ | {"RLTRACK_DIR": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def history(root: Path, run_id: str) -> list[dict[str, Any]]:
    rows = rltrack.Api(root).run(f"p/{run_id}").history(pandas=False)
    return [{k: v for k, v in row.items() if k not in ("_timestamp", "_runtime")} for row in rows]


@pytest.fixture
def crashed(root: Path) -> str:
    """The id of a run that was killed after three rows."""
    done = in_a_process(
        root,
        """
        run = rltrack.init(project="p", id="crashed", name="old", tags=["a"], notes="why",
                           config={"lr": 0.1, "net": {"size": 64}}, group="g")
        run.define_metric("train/*", step_metric="global_step")
        run.define_metric("train/loss", summary="min,mean")
        for step in range(3):
            run.log({"train/loss": 3.0 - step, "global_step": 10 * step})
        run.log_point({"episode": 1.0}, step=500)
        run.summary["best"] = 7
        run.tags = ["a", "b"]
        os.kill(os.getpid(), 9)
        """,
    )
    assert done.returncode == -9, done.stderr
    assert rltrack.Api(root).run("p/crashed").state == "crashed"
    return "crashed"


# -- resume --------------------------------------------------------------------------------


def test_a_resumed_run_is_what_it_was(root: Path, crashed: str) -> None:
    """Config, summary, name, tags, notes, definitions and the step."""
    run = init(id=crashed, resume="allow")

    assert (run.step, run.starting_step, run.resumed, run.state) == (3, 3, True, "running")
    assert (run.name, run.notes, run.tags, run.group) == ("old", "why", ("a", "b"), "g")
    assert dict(run.config) == {"lr": 0.1, "net": {"size": 64}}
    assert dict(run.summary) == {
        "train/loss.min": 1.0,
        "train/loss.mean": 2.0,
        "global_step": 20,
        "episode": 1.0,
        "best": 7,
    }
    run.log({"train/loss": 0.0})
    run.finish()

    found = rltrack.Api(root).run(f"p/{crashed}")
    assert (found.state, found.name, found.tags) == ("finished", "old", ("a", "b"))
    assert found.summary == dict(run.summary)
    assert found.summary["train/loss.min"] == 0.0
    assert found.summary["train/loss.mean"] == 1.5
    assert [row["_step"] for row in history(root, crashed)] == [0, 1, 2, 3, 500]


def test_new_config_counts_over_the_old_and_given_facts_replace(root: Path, crashed: str) -> None:
    """A resumed training may have another learning rate; what is not given stays."""
    run = init(id=crashed, resume="must", config={"lr": 0.5, "new": 1}, tags=["c"], name="new")
    run.finish()

    found = rltrack.Api(root).run(f"p/{crashed}")
    assert found.config == {"lr": 0.5, "net": {"size": 64}, "new": 1}
    assert (found.name, found.tags, found.notes, found.group) == ("new", ("c",), "why", "g")


def test_a_resumed_run_is_running_again(root: Path) -> None:
    """For every reader, also of one that had finished; and it is what it comes to at last."""
    first = init(id="r")
    first.finish(exit_code=1)
    api = rltrack.Api(root)
    assert api.run("p/r").state == "failed"

    second = init(id="r", resume="allow")
    end = time.monotonic() + 10
    while api.run("p/r").state != "running":  # runs that are over are looked at once a second
        assert time.monotonic() < end
    assert rltrack.Api(root).run("p/r").state == "running"
    second.finish()

    assert api.run("p/r").state == "finished"
    assert rltrack.Api(root).run("p/r").state == "finished"


def test_resume_by_the_environment(
    root: Path, crashed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a job script that is started again does it."""
    monkeypatch.setenv("WANDB_RUN_ID", crashed)
    monkeypatch.setenv("WANDB_RESUME", "allow")

    assert init().step == 3


def test_allow_creates_what_is_not_there(root: Path) -> None:
    """The first start of a job is the same command as the second."""
    run = init(id="new", resume="allow")

    assert (run.id, run.resumed, run.step) == ("new", False, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"id": "nothing", "resume": "must"}, "there is no run 'nothing' of project 'p'"),
        ({"resume": "must"}, "say which run"),
        ({"id": "there", "resume": "never"}, "is there already"),
        ({"id": "there"}, "go on with it by resume='allow'"),
        ({"resume": "perhaps"}, "there are allow, must, never, auto"),
        ({"resume_from": "there"}, "must have the form <run>\\?<metric>=<numeric_value>"),
        ({"resume_from": "there?loss=5"}, "the metric is _step"),
        ({"resume_from": "there?_step=-1"}, "must have the form"),
        ({"resume_from": "nothing?_step=1"}, "there is no run 'nothing'"),
        ({"fork_from": "nothing?_step=1"}, "there is no run 'nothing'"),
        ({"resume_from": "there?_step=1", "id": "other"}, "leave id= out"),
        ({"fork_from": "there?_step=1", "id": "there"}, "use resume_from"),
        ({"fork_from": "there?_step=1", "resume_from": "there?_step=1"}, "do not go together"),
        ({"resume_from": "there?_step=1", "resume": "allow"}, "do not go together"),
        ({"mode": "shared", "resume": "allow"}, "do not go together"),
    ],
    ids=repr,
)
def test_what_cannot_be_gone_on_with_is_told(
    root: Path, arguments: dict[str, Any], words: str
) -> None:
    """And nothing is started, nor changed."""
    init(id="there").finish()
    before = sorted(root.rglob("*"))

    with pytest.raises(rltrack.UsageError, match=words):
        init(**arguments)
    assert rltrack.run is None
    assert sorted(root.rglob("*")) == before


def test_must_does_not_return_another_run_that_goes_on(root: Path) -> None:
    """Its rows would go where nobody looks for them."""
    init(id="there").finish()
    init()

    with pytest.raises(rltrack.UsageError, match="resume='must'"):
        init(id="there", resume="must")


def test_auto_goes_on_after_a_crash_and_begins_anew_after_an_end(root: Path) -> None:
    """The id is kept beside the runs, until one finishes."""
    text = """
        run = rltrack.init(project="p", resume="auto", settings={"silent": True})
        run.log({"a": 1.0})
        print(run.id, run.step)
        sys.stdout.flush()
        if sys.argv[-1] == "-c": os.kill(os.getpid(), 9)
        """
    ids = [in_a_process(root, text).stdout.split() for _ in range(2)]
    assert ids[0][0] == ids[1][0]
    assert [step for _, step in ids] == ["1", "2"]

    run = init(resume=True)
    assert (run.id, run.step) == (ids[0][0], 2)
    run.finish()
    assert init(resume=True).id != ids[0][0]


def test_a_run_that_goes_on_is_not_gone_on_with(root: Path) -> None:
    """By this process or by another; the error says by whom, and what to do."""
    run = init(id="busy")

    with pytest.raises(rltrack.UsageError, match=f"is being written by process {os.getpid()}"):
        init(id="busy", resume="allow", reinit="create_new")
    done = in_a_process(root, "rltrack.init(project='p', id='busy', resume='allow')")
    assert done.returncode == 1
    assert "rltrack stop busy" in done.stderr
    run.log({"a": 1.0})
    run.finish()
    assert init(id="busy", resume="allow").step == 1


def test_of_two_processes_that_resume_at_once_one_does(root: Path, crashed: str) -> None:
    """The other gets an error, and no row of anybody's is lost."""
    text = program(
        f"""
        while not os.path.exists({str(root / "go")!r}): pass
        run = rltrack.init(project="p", id={crashed!r}, resume="must", settings={{"silent": True}})
        run.log({{"who": os.getpid()}})
        time.sleep(1)
        """
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", text],
            env=os.environ | {"RLTRACK_DIR": str(root)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    time.sleep(1.0)
    (root / "go").touch()
    errors = [process.communicate(timeout=60)[1] for process in processes]

    codes = sorted(process.returncode for process in processes)
    assert codes == [0, 1, 1, 1], errors
    assert sum("is being written by" in error for error in errors) == 3
    assert [row["_step"] for row in history(root, crashed)] == [0, 1, 2, 3, 500]
    assert not list(run_folder(root, "p", crashed).path.glob("lease-*"))


def test_a_lease_of_a_process_that_was_killed_is_taken_over(root: Path, crashed: str) -> None:
    """It was killed while it went on with the run."""
    text = f"""
        rltrack.init(project="p", id={crashed!r}, resume="must").log({{"a": 1}})
        os.kill(os.getpid(), 9)
        """
    in_a_process(root, text)
    path = run_folder(root, "p", crashed).path
    assert [lease.name for lease in path.glob("lease-*")] == ["lease-1"]

    run = init(id=crashed, resume="must")
    assert run.step == 4
    assert [lease.name for lease in path.glob("lease-*")] == ["lease-2"]
    run.finish()
    assert not list(path.glob("lease-*"))


def test_a_lease_of_another_host_counts_as_long_as_it_shows_life(root: Path) -> None:
    """Its process cannot be seen from here."""
    init(id="r").finish()
    path = run_folder(root, "p", "r").path
    lease = path / "lease-1"
    lease.write_text(json.dumps({"host": "elsewhere", "pid": 1, "process": "x/1"}))

    with pytest.raises(rltrack.UsageError, match="process 1 on elsewhere"):
        init(id="r", resume="allow")
    for file in (lease, path / "run.json"):
        os.utime(file, (time.time() - 120, time.time() - 120))
    assert init(id="r", resume="allow").resumed


def test_a_request_to_stop_is_meant_for_the_process_that_was_there(root: Path) -> None:
    """It died before it looked."""
    run = init(id="r")
    run.finish()
    assert run.folder is not None
    RunFolder(run.folder).ask_to_stop()

    resumed = init(id="r", resume="allow")
    time.sleep(1.3)
    resumed.finish()
    assert resumed.state == "finished"


def test_a_run_that_cannot_be_written_is_not_begun_elsewhere(root: Path, crashed: str) -> None:
    """A new run of that id in the temporary folder would be another run."""
    path = run_folder(root, "p", crashed).path
    in_the_way = path / "lease-1"
    in_the_way.mkdir()  # root may write anywhere, so something else keeps it from being written

    with pytest.raises(rltrack.Error):
        init(id=crashed, resume="must")
    assert rltrack.run is None


# -- rewind --------------------------------------------------------------------------------


def test_a_rewound_run_hides_what_came_after_and_keeps_it(
    root: Path, crashed: str, read_rows: ReadRows, read_records: ReadRecords
) -> None:
    """`resume_from="id?_step=1"`: the next row is 2; the journal still has the old one."""
    run = init(resume_from=f"{crashed}?_step=1")
    assert (run.id, run.step) == (crashed, 2)
    assert run.summary["train/loss.min"] == 2.0
    assert "episode" not in run.summary
    run.log({"train/loss": 9.0})
    run.finish()

    assert [(row["_step"], row["train/loss"]) for row in history(root, crashed)] == [
        (0, 3.0),
        (1, 2.0),
        (2, 9.0),
    ]
    assert rltrack.Api(root).run(f"p/{crashed}").summary == dict(run.summary)
    journal = run_folder(root, "p", crashed).journal
    assert len(read_rows(journal)) == 5
    (resumed,) = (record for record in read_records(journal) if isinstance(record, Resumed))
    assert resumed.step == 1


def test_a_run_that_goes_on_may_be_rewound_then(root: Path, crashed: str) -> None:
    """As `resume_from` does, for who learns the step only later; rows of this process stay."""
    run = init(id=crashed, resume="must")
    run.log_point({"train/loss": 8.0}, step=7)
    run.rewind(1)
    run.log({"train/loss": 9.0})

    assert run.summary["train/loss.min"] == 2.0
    assert "episode" not in run.summary
    run.finish()
    assert [(row["_step"], row["train/loss"]) for row in history(root, crashed)] == [
        (0, 3.0),
        (1, 2.0),
        (2, 9.0),
        (7, 8.0),
    ]
    assert rltrack.Api(root).run(f"p/{crashed}").summary == dict(run.summary)


def test_a_run_that_begins_has_nothing_to_rewind(root: Path) -> None:
    """Its own rows are not hidden."""
    run = init(id="r")
    run.log({"loss": 1.0}, step=5)
    run.rewind(0)
    run.finish()

    assert [row["_step"] for row in history(root, "r")] == [5]


def test_a_run_may_be_rewound_again(root: Path) -> None:
    """Further back, and to what the first rewinding wrote."""
    run = init(id="r")
    for step in range(6):
        run.log({"a": float(step)})
    run.finish()
    for back, value in ((4, 100.0), (5, 200.0), (1, 300.0)):
        run = init(resume_from=f"r?_step={back}")
        assert run.step == back + 1
        run.log({"a": value})
        run.finish()

    assert [(row["_step"], row["a"]) for row in history(root, "r")] == [
        (0, 0.0),
        (1, 1.0),
        (2, 300.0),
    ]


# -- fork ----------------------------------------------------------------------------------


def test_a_fork_has_the_history_up_to_its_step_and_goes_on_alone(root: Path, crashed: str) -> None:
    """Neither run changes what the other has."""
    fork = init(fork_from=f"{crashed}?_step=1", id="fork", config={"lr": 0.9})
    assert (fork.step, fork.config["lr"], fork.config["net"]["size"]) == (2, 0.9, 64)
    fork.log({"train/loss": 9.0})
    fork.finish()

    assert [row["train/loss"] for row in history(root, "fork")] == [3.0, 2.0, 9.0]
    assert [row.get("train/loss") for row in history(root, crashed)] == [3.0, 2.0, 1.0, None]
    api = rltrack.Api(root)
    assert api.run("p/fork").state == "finished"
    assert api.run(f"p/{crashed}").state == "crashed"
    assert api.run("p/fork").name != "old"
    assert api.run("p/fork").config == {"lr": 0.9, "net": {"size": 64}}
    assert api.run("p/fork").summary == dict(fork.summary)
    assert api.run("p/fork").metadata["forked_from"] == {"run": f"p/{crashed}", "step": 1}


def test_a_fork_of_a_run_that_goes_on_is_of_what_it_was(root: Path) -> None:
    """What the source logs later, at whatever step, is its own."""
    source = init(id="source")
    for step in range(3):
        source.log({"a": float(step)})
    fork = init(fork_from="source?_step=2", id="fork", reinit="create_new")
    source.log({"a": 77.0}, step=0)
    source.config["later"] = True
    fork.log({"a": 5.0})
    fork.finish()
    source.finish()

    assert [row["a"] for row in history(root, "fork")] == [0.0, 1.0, 2.0, 5.0]
    assert rltrack.Api(root).run("p/fork").config == {}
    assert [row["a"] for row in history(root, "source")] == [77.0, 1.0, 2.0]


def test_a_fork_lives_without_its_source(root: Path, crashed: str) -> None:
    """Removing a run takes nothing from another."""
    import shutil

    init(fork_from=f"{crashed}?_step=1", id="fork").finish()
    shutil.rmtree(run_folder(root, "p", crashed).path)

    assert [row["train/loss"] for row in history(root, "fork")] == [3.0, 2.0]


def test_branches_that_were_left_can_be_seen(root: Path) -> None:
    """`rltrack history --branches`: nothing that was logged is out of reach."""
    run = init(id="r")
    for step in range(3):
        run.log({"a": float(step)})
    run.finish()
    run = init(resume_from="r?_step=0")
    run.log({"a": 9.0})
    run.finish()

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "rltrack",
            "history",
            "r",
            "--branches",
            "--json",
            "--dir",
            str(root),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert [row["a"] for row in first["rows"]] == [0.0, 1.0, 2.0]
    assert (first["shown_up_to"], first["row_count"]) == (0, 3)
    assert [row["a"] for row in second["rows"]] == [9.0]
    assert second["shown_up_to"] is None


def rltrack_history(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rltrack", "history", "--dir", str(root), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_history_prints_rows_and_branches_for_people(root: Path) -> None:
    """Columns as they were logged; of many rows the last ones."""
    run = init(id="r")
    assert "has no rows yet" in rltrack_history(root, "r")
    for step in range(60):
        run.log({"a": float(step), "text": "x"})
    run.finish()
    init(resume_from="r?_step=0").finish()

    header, row = rltrack_history(root, "r").splitlines()
    assert header.split() == ["_step", "_runtime", "a", "text"]
    assert row.split()[0::2] == ["0", "0"]
    assert "up to step 0" in rltrack_history(root, "r", "--branches")
    (found,) = json.loads(rltrack_history(root, "r", "--json", "--keys", "a"))
    assert found["a"] == 0.0

    run = init(id="long")
    for step in range(60):
        run.log({"a": float(step)})
    run.finish()
    assert "the last 50 of 60 rows" in rltrack_history(root, "long")
