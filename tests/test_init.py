"""`init`: what it accepts, where it records, which run it returns, and how runs end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import rltrack
from rltrack.errors import StorageError
from rltrack.folder import RunFacts, RunFolder, run_folders
from rltrack.journal.process import is_alive
from rltrack.journal.records import Finished, Record, Row, WriterOpened

ReadRows = Callable[[Path], list[Row]]
ReadRecords = Callable[[Path], list[Record]]


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def folder(run: rltrack.Run) -> RunFolder:
    assert run.folder is not None
    return RunFolder(run.folder)


# -- arguments -----------------------------------------------------------------------------


def test_an_unknown_argument_is_a_type_error(root: Path) -> None:
    """As for any function of Python's."""
    with pytest.raises(TypeError, match="projekt"):
        rltrack.init(projekt="p")  # type: ignore[call-arg]
    assert not root.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"id": ""}, "Run ID cannot be empty"),
        ({"id": " a"}, "cannot start or end with whitespace"),
        ({"id": "a\n"}, "cannot start or end with whitespace"),
        *[({"id": f"a{c}b"}, "cannot contain") for c in ":;,#?/'"],
        ({"id": 5}, "must be text"),
        ({"id": "x" * 300}, "takes 300 bytes"),
        ({"id": "a\ud800"}, "no text"),
        *[({"project": f"a{c}b"}, "cannot contain") for c in "/\\#?%:"],
        ({"project": "p" * 129}, "128 are the most"),
        ({"project": ""}, "cannot be empty"),
        ({"project": "  "}, "cannot be empty"),
        ({"project": 5}, "must be text"),
        ({"mode": "onlin"}, "there are offline, online, disabled"),
        ({"mode": 5}, "there are"),
        ({"reinit": "maybe"}, "there are 'default'"),
        ({"name": 5}, "name=5 must be text"),
        ({"notes": 5}, "must be text"),
        ({"group": 5}, "must be text"),
        ({"job_type": []}, "must be text"),
        ({"dir": 5}, "must be text or a path"),
        ({"tags": 5}, "must be a list of texts"),
        ({"tags": [5]}, "1 to 64 characters"),
        ({"tags": [""]}, "1 to 64 characters"),
        ({"tags": ["x" * 65]}, "1 to 64 characters"),
        ({"settings": {"silnt": True}}, "no setting 'silnt'; there are"),
        ({"settings": {"silent": 1}}, "true or false"),
        ({"settings": 5}, "rltrack.Settings or a dict"),
        ({"config": "no-such-file.json"}, "cannot be read"),
    ],
    ids=repr,
)
def test_a_bad_argument_is_a_usage_error_in_plain_words(
    root: Path, arguments: dict[str, object], words: str
) -> None:
    """It is a `ValueError`, as W&B's is, without its address of a manual; and nothing was started."""
    with pytest.raises(rltrack.UsageError, match=words) as caught:
        rltrack.init(**{"project": "p", **arguments})  # type: ignore[arg-type]

    assert isinstance(caught.value, ValueError)
    assert "http" not in str(caught.value)
    assert rltrack.run is None
    assert not root.exists()


@pytest.mark.parametrize("config", [5, [1], [1, 2], {1: 2}, {"a": {}, None: 1}, b"x", print])
def test_a_config_that_is_none_starts_nothing(root: Path, config: object) -> None:
    """W&B leaves half a run folder behind."""
    with pytest.raises(TypeError, match="config"):
        rltrack.init(project="p", config=config)
    assert not root.exists()


def test_a_config_that_contains_itself_starts_nothing(root: Path) -> None:
    """The same, where it is found only on looking into it."""
    config: dict[str, object] = {}
    config["again"] = config

    with pytest.raises(TypeError, match="contains itself"):
        rltrack.init(project="p", config=config)
    assert not root.exists()


@pytest.mark.parametrize(
    "run_id", ["a b", "a%b", "ä", "A.", ".hidden", "a\\b", 'a"b', "x" * 200, "nul", "ü" * 100]
)
def test_an_id_that_is_allowed_has_a_folder_that_gives_it_back(root: Path, run_id: str) -> None:
    """Whatever the file system thinks of it."""
    run = rltrack.init(project="p", id=run_id)
    run.log({"a": 1.0})
    run.finish()

    (found,) = run_folders(root, "p")
    assert found.read_facts().id == run_id
    assert found.path.parent.parent == root


def test_an_id_that_is_there_already_is_an_error(root: Path, read_rows: ReadRows) -> None:
    """W&B begins to overwrite the old run."""
    first = rltrack.init(project="p", id="same")
    first.log({"a": 1.0})
    first.finish()

    with pytest.raises(rltrack.UsageError, match="is there already"):
        rltrack.init(project="p", id="same")
    assert len(read_rows(folder(first).journal)) == 1
    rltrack.init(project="other", id="same")


def test_one_text_is_one_tag(root: Path) -> None:
    """W&B makes a tag of each letter."""
    assert rltrack.init(project="p", tags="abc").tags == ("abc",)


def test_a_run_has_a_name_and_an_id_of_its_own(root: Path) -> None:
    """Offline, too, W&B's is None."""
    runs = [rltrack.init(project="p", reinit="create_new") for _ in range(3)]

    assert len({run.id for run in runs}) == len({run.name for run in runs}) == 3
    assert [run.name.rpartition("-")[2] for run in runs] == ["1", "2", "3"]


def test_the_users_seed_changes_neither_id_nor_random_numbers(root: Path) -> None:
    """Two runs of one seed must not be one run, nor a tracker change what a seed means."""
    import random

    ids = []
    for _ in range(2):
        random.seed(0)
        run = rltrack.init(project="p", reinit=True)
        ids.append((run.id, random.random()))

    assert ids[0][0] != ids[1][0]
    assert ids[0][1] == ids[1][1]


def test_arguments_of_the_cloud_are_accepted_and_told_once(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old scripts go on working."""
    rltrack.init(project="p", entity="me", magic=True, anonymous="allow", force=False)

    assert sum("has no meaning and is ignored" in line for line in told(capsys)) == 1


def test_what_was_given_is_in_the_run_and_in_its_file(root: Path) -> None:
    """A listing reads no journal."""
    run = rltrack.init(
        "p",
        id="i",
        name="n",
        config={"lr": 0.1},
        group="g",
        job_type="j",
        notes="why",
        tags=["t", "t", "u"],
    )

    facts = folder(run).read_facts()
    expected = RunFacts(
        id="i",
        project="p",
        name="n",
        created_ns=facts.created_ns,
        host=facts.host,
        pid=os.getpid(),
        process=facts.process,
        group="g",
        job_type="j",
        notes="why",
        tags=["t", "u"],
    )
    assert facts == expected
    assert (run.id, run.project, run.name, run.path, run.group, run.job_type) == (
        "i",
        "p",
        "n",
        "p/i",
        "g",
        "j",
    )
    assert (run.notes, run.tags, run.state) == ("why", ("t", "u"), "running")
    assert is_alive(facts.host, facts.pid, facts.process) is True


def test_the_project_is_by_default_the_git_checkout(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found from any folder inside; elsewhere the runs have none."""
    inside = tmp_path / "my-repo" / "src"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert rltrack.init(reinit=True).project == "uncategorized"
    (tmp_path / "my-repo" / ".git").mkdir()

    assert rltrack.init(reinit=True).project == "my-repo"


# -- which run -----------------------------------------------------------------------------


def test_a_second_init_returns_the_first_run_and_names_what_it_dropped(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """W&B drops the arguments, the config among them, without a word on which."""
    first = rltrack.init(project="p")
    told(capsys)

    again = rltrack.init(project="q", config={"lr": 1}, name="n", tags=["t"], job_type="j")

    assert again is first
    assert dict(first.config) == {}
    (line,) = told(capsys)
    assert line.endswith("ignored: project, name, config, job_type, tags")


@pytest.mark.parametrize("reinit", [True, "finish_previous"])
def test_reinit_finishes_the_run_before(root: Path, reinit: bool) -> None:
    """For loops over seeds in one process."""
    first = rltrack.init(project="p")
    second = rltrack.init(project="p", reinit=reinit)

    assert second is not first
    assert (first.state, second.state) == ("finished", "running")
    assert rltrack.run is second


def test_create_new_starts_a_run_beside_the_other(root: Path, read_rows: ReadRows) -> None:
    """The module's functions go on meaning the first."""
    first = rltrack.init(project="p")
    second = rltrack.init(project="p", reinit="create_new")

    rltrack.log({"a": 1.0})
    second.log({"b": 1.0})

    assert rltrack.run is first
    assert [row.values for row in read_rows(folder(first).journal)] == [{"a": 1.0}]
    assert [row.values for row in read_rows(folder(second).journal)] == [{"b": 1.0}]


def test_a_disabled_run_is_never_returned_for_one_that_records(root: Path) -> None:
    """A notebook that tried something first would record nothing, silently."""
    disabled = rltrack.init(project="p", mode="disabled")
    another = rltrack.init(project="p", mode="disabled")
    real = rltrack.init(project="p")

    assert another is not disabled
    assert not real.disabled
    assert rltrack.run is real
    assert rltrack.init(project="p", mode="disabled").disabled


def test_a_finished_run_is_not_returned(root: Path) -> None:
    """Finished in whatever way."""
    with rltrack.init(project="p") as first:
        pass

    assert rltrack.run is None
    assert rltrack.init(project="p") is not first


# -- where ---------------------------------------------------------------------------------


def test_a_root_that_cannot_be_written_is_replaced_by_the_temporary_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    read_rows: ReadRows,
) -> None:
    """A training on a read-only home must not end before it began.

    Root may write anywhere, so here a file is in the place of the folder.
    """
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))

    run = rltrack.init(project="p", dir=tmp_path / "file", settings={"quiet": True})
    run.log({"a": 1.0})

    (warning,) = told(capsys)
    assert "cannot be written (Not a directory); recording in" in warning
    assert folder(run).path.is_relative_to(tmp_path / "temp" / "rltrack-runs")
    assert len(read_rows(folder(run).journal)) == 1


def test_without_any_folder_init_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one moment at which an exception is better than a training without a record."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))

    with pytest.raises(
        StorageError, match=r"choose another folder with init\(dir=…\) or RLTRACK_DIR"
    ):
        rltrack.init(project="p", dir=tmp_path / "file")
    with pytest.raises(OSError, match="can be written"):
        rltrack.init(project="p", dir="/proc/none")
    assert rltrack.run is None


def test_a_disk_that_is_full_from_the_start_is_replaced_too(tmp_path: Path) -> None:
    """Its folder can be made, and the journal not: nothing of the attempt is left."""
    done = script(
        tmp_path,
        """
        import os
        def on_a_full_disk(real):
            def call(fd, *rest):
                if "/full/p/" in os.readlink(f"/proc/self/fd/{fd}"):
                    raise OSError(28, "No space left on device")
                return real(fd, *rest)
            return call
        os.posix_fallocate = on_a_full_disk(os.posix_fallocate)
        os.pwrite = on_a_full_disk(os.pwrite)
        run = rltrack.init(project="p", dir="full")
        run.log({"a": 1.0})
        print(run.folder)
        """,
        TMPDIR=str(tmp_path),
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(str(tmp_path / "rltrack-runs"))
    assert list((tmp_path / "full" / "p").iterdir()) == []


def test_a_current_folder_that_is_gone_is_no_error(root: Path, tmp_path: Path) -> None:
    """A job script removed its scratch folder."""
    done = script(
        tmp_path,
        f"""
        import os
        os.mkdir("scratch")
        os.chdir("scratch")
        os.rmdir(os.getcwd())
        os.environ.pop("RLTRACK_PROVENANCE", None)
        run = rltrack.init(dir={str(root)!r})
        print(run.project)
        """,
    )

    assert (done.returncode, done.stdout) == (0, "uncategorized\n"), done.stderr


# -- how a process ends --------------------------------------------------------------------


def script(cwd: Path, text: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the user's, as a file."""
    file = cwd / "train.py"
    file.write_text("import sys, rltrack\n" + textwrap.dedent(text))
    return subprocess.run(
        [sys.executable, str(file)],
        cwd=cwd,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("ending", "state", "exit_code", "status"),
    [
        ("pass", "finished", 0, 0),
        ("run.finish()", "finished", 0, 0),
        ("sys.exit(0)", "finished", 0, 0),
        ("sys.exit()", "finished", 0, 0),
        ("sys.exit(3)", "failed", 3, 3),
        ("sys.exit('something is wrong')", "failed", 1, 1),
        ("1 / 0", "failed", 1, 1),
        ("raise KeyboardInterrupt", "killed", 255, -signal.SIGINT),
    ],
)
def test_the_end_of_a_script_is_the_end_of_its_run(
    root: Path,
    tmp_path: Path,
    read_records: ReadRecords,
    read_rows: ReadRows,
    ending: str,
    state: str,
    exit_code: int,
    status: int,
) -> None:
    """In the journal and in run.json; what the shell sees is as without rltrack."""
    done = script(tmp_path, f"run = rltrack.init(project='p')\nrun.log({{'a': 1.0}})\n{ending}\n")

    assert done.returncode == status, done.stderr
    assert done.stderr.count("Traceback") == (ending in ("1 / 0", "raise KeyboardInterrupt"))
    (run,) = run_folders(root, "p")
    facts = run.read_facts()
    assert (facts.state, facts.exit_code) == (state, exit_code)
    (end,) = (record for record in read_records(run.journal) if isinstance(record, Finished))
    assert (end.state, end.exit_code) == (state, exit_code)
    assert ("ZeroDivisionError" in (end.traceback or "")) == (ending == "1 / 0")
    assert len(read_rows(run.journal)) == 1


@pytest.mark.parametrize(
    ("ending", "state", "exit_code"),
    [
        ("pass", "finished", 0),
        ("sys.exit(0)", "finished", 0),
        ("raise SystemExit", "finished", 0),
        ("sys.exit(4)", "failed", 4),
        ("raise SystemExit(4)", "failed", 4),
        ("sys.exit('text')", "failed", 1),
        ("1 / 0", "failed", 1),
        ("raise KeyboardInterrupt", "killed", 255),
    ],
)
def test_the_end_of_a_block_is_the_end_of_its_run(
    root: Path, tmp_path: Path, ending: str, state: str, exit_code: int
) -> None:
    """`sys.exit(0)` in a block is no failure; a traceback is printed once."""
    done = script(tmp_path, f"with rltrack.init(project='p') as run:\n    {ending}\n")

    (run,) = run_folders(root, "p")
    facts = run.read_facts()
    assert (facts.state, facts.exit_code) == (state, exit_code)
    assert done.stderr.count("Traceback") == (ending in ("1 / 0", "raise KeyboardInterrupt"))


def test_all_runs_of_a_script_end_with_it(root: Path, tmp_path: Path) -> None:
    """Those beside the current one, too."""
    done = script(
        tmp_path,
        """
        runs = [rltrack.init(project="p", reinit="create_new") for _ in range(3)]
        runs[1].finish()
        sys.exit(2)
        """,
    )

    assert done.returncode == 2
    states = sorted(run.read_facts().state for run in run_folders(root, "p"))
    assert states == ["failed", "failed", "finished"]


def test_ctrl_c_ends_a_script_as_ever(root: Path, tmp_path: Path, read_rows: ReadRows) -> None:
    """The run says that it was killed, with all of its rows."""
    file = tmp_path / "train.py"
    file.write_text(
        "import rltrack, time\n"
        "run = rltrack.init(project='p', settings={'silent': True})\n"
        "run.log({'a': 1.0})\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, str(file)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == -signal.SIGINT
    assert errors.count(b"Traceback") == 1
    (run,) = run_folders(root, "p")
    assert run.read_facts().state == "killed"
    assert len(read_rows(run.journal)) == 1


@pytest.mark.parametrize("death", ["os.kill(os.getpid(), 9)", "os._exit(0)"])
def test_a_process_that_is_gone_has_its_rows_and_no_end(
    root: Path, tmp_path: Path, read_rows: ReadRows, read_records: ReadRecords, death: str
) -> None:
    """No exit hook runs: that it is dead can be seen from outside."""
    script(
        tmp_path,
        f"import os\nrun = rltrack.init(project='p')\n"
        f"for step in range(100): run.log({{'a': step, 'text': 'x'}})\n{death}\n",
    )

    (run,) = run_folders(root, "p")
    facts = run.read_facts()
    assert facts.state == "running"
    assert is_alive(facts.host, facts.pid, facts.process) is False
    assert len(read_rows(run.journal)) == 100
    records = read_records(run.journal)
    assert not any(isinstance(record, Finished) for record in records)
    (opened,) = (record for record in records if isinstance(record, WriterOpened))
    assert (opened.pid, opened.process) == (facts.pid, facts.process)


def test_sys_exit_is_pythons_again_when_no_run_goes_on(root: Path) -> None:
    """Nothing of the user's is patched for good."""
    before = sys.exit

    with rltrack.init(project="p"):
        pass
    assert rltrack.run is None

    assert sys.exit is before


def test_a_closed_terminal_is_no_error(root: Path, tmp_path: Path) -> None:
    """A daemon has no stderr."""
    done = script(
        tmp_path,
        """
        sys.stderr.close()
        run = rltrack.init(project="p")
        run.log({"a": object(), "b": 1})
        sys.stderr = None
        run.log({"c": object(), "b": 1})
        run.finish()
        print(run.state)
        """,
    )

    assert (done.returncode, done.stdout) == (0, "finished\n")
