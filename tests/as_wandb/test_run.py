"""`rltrack run`: the program is what it is without it, but for what `wandb` means."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack.as_wandb
from rltrack.cli.run import split
from rltrack.errors import UsageError

FACTS = """
import json, sys
import wandb
print(json.dumps([sys.argv, sys.path[0], __name__, __file__, sys.executable, wandb.__file__]))
"""
SHIM = str(Path(rltrack.as_wandb.FOLDER, "wandb", "__init__.py"))


@pytest.mark.parametrize(
    ("typed", "ours", "program"),
    [
        (["train.py", "-m", "x", "--", "--dir"], [], ["train.py", "-m", "x", "--", "--dir"]),
        (["--dir", "d", "-m", "mod", "--dir", "e"], ["--dir", "d"], ["-m", "mod", "--dir", "e"]),
        (["--dir=d", "--", "sh", "-c", "x"], ["--dir=d"], ["--", "sh", "-c", "x"]),
        (["--help"], ["--help"], []),
        ([], [], []),
    ],
)
def test_what_stands_behind_the_program_is_the_programs(
    typed: list[str], ours: list[str], program: list[str]
) -> None:
    """Its options may have the names of ours."""
    assert split(typed) == (ours, program)


def test_a_script_sees_what_python_would_show_it(
    printed: Callable[..., Any], tmp_path: Path
) -> None:
    """Its arguments, its name, its folder first on the path, the same interpreter."""
    argv, first, name, file, executable, wandb = printed(FACTS, "--seed", "1", "--", "-m")

    assert argv == ["train.py", "--seed", "1", "--", "-m"]
    assert first == str(tmp_path)
    assert name == "__main__"
    assert file == str(tmp_path / "train.py")
    assert executable == sys.executable
    assert wandb == SHIM


def test_a_module_and_a_command_get_it_too(tmp_path: Path, root: Path) -> None:
    """As `python -m module` and a shell would start them."""
    (tmp_path / "train.py").write_text(FACTS)
    for arguments in (["-m", "train", "-x"], ["--", sys.executable, "-m", "train", "-x"]):
        done = subprocess.run(
            [sys.executable, "-m", "rltrack", "run", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        argv, first, name, *_, wandb = json.loads(done.stdout)
        assert argv == [str(tmp_path / "train.py"), "-x"]
        assert (first, name, wandb) == (str(tmp_path), "__main__", SHIM)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(7)", 7),
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_it_ends_as_the_program_ends(
    start: Callable[..., subprocess.CompletedProcess[str]], ending: str, code: int
) -> None:
    """A scheduler reads the code, and the signal."""
    done = start(f"import os, signal, sys, wandb\nwandb.init(project='p')\n{ending}")

    assert done.returncode == code
    (run,) = rltrack.Api().runs("p")
    assert run.state == {7: "failed", 3: "failed", 1: "failed"}.get(code, "crashed")


def test_a_signal_reaches_the_program_itself(tmp_path: Path, root: Path) -> None:
    """There is no process between the terminal and it."""
    (tmp_path / "train.py").write_text(
        "import os, time, wandb\nwandb.init(project='p')\n"
        "print(os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "rltrack", "run", "train.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert process.returncode == -signal.SIGINT
    (run,) = rltrack.Api().runs("p")
    assert run.state == "killed"


CHILDREN = """
import json, multiprocessing, subprocess, sys
LOOK = "import wandb; print(wandb.__file__)"
def look(_):
    import wandb
    return wandb.__file__
if __name__ == "__main__":
    found = [subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True).stdout.strip()]
    for method in ("spawn", "fork", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            found += pool.map(look, [0])
            pool.close()
            pool.join()
    print(json.dumps(found))
"""


def test_children_of_any_kind_get_it_too(printed: Callable[..., Any]) -> None:
    """Vector envs and launchers start further processes, and these log."""
    assert printed(CHILDREN) == [SHIM] * 4


def test_wrong_calls_are_told(tmp_path: Path, root: Path) -> None:
    """With what to type instead."""
    for arguments, told in (
        ([], "say what to run"),
        (["nothing.py"], "there is no file 'nothing.py'"),
        (["--", "no-such-program"], "'no-such-program' cannot be run"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "rltrack", "run", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert told in done.stderr


def test_the_variable_alone_is_enough_where_rltrack_is_installed(
    tmp_path: Path, root: Path
) -> None:
    """By a line that Python reads in site-packages as it starts."""
    name, package = "rltrack-as-wandb.pth", Path(rltrack.__file__).parent
    (line,) = (
        path for path in (package / "as_wandb" / name, package.parent / name) if path.exists()
    )
    site = tmp_path / "site"
    site.mkdir()
    (site / line.name).write_text(line.read_text())
    (site / "a.pth").write_text(f"{Path(rltrack.__file__).parents[1]}\n")
    look = f"import site; site.addsitedir({str(site)!r}); import wandb; print(wandb.__file__)"
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    for value, is_ours in (("1", True), ("0", False), ("", False)):
        done = subprocess.run(
            [sys.executable, "-c", look],
            env=bare | {"RLTRACK_AS_WANDB": value},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout.strip() == SHIM) is is_ours


def test_a_process_that_cannot_find_rltrack_gets_the_one_that_started_it(
    tmp_path: Path, root: Path
) -> None:
    """A child may have a search path of its own."""
    environ = rltrack.as_wandb.environment({"RLTRACK_DIR": str(root)})
    code = "import wandb; wandb.init(project='p')"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(rltrack.Api(root).runs("p")) == 1


def test_a_notebook_installs_it_before_wandb_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told if it is too late."""
    code = (
        "import sys, rltrack.as_wandb as r; r.install(); r.install(); import wandb; r.install();"
        "print(wandb.__file__, sys.path.count(r.FOLDER))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [SHIM, "1"]

    monkeypatch.setitem(sys.modules, "wandb", type(sys)("wandb"))
    with pytest.raises(UsageError, match="imported already"):
        rltrack.as_wandb.install()


JOB = """
set -e
wandb login --relogin 0123
wandb offline
python3 -m wandb status > /dev/null
wandb disabled
wandb online
wandb --version
wandb leet || echo "no $?"
"""


def test_the_commands_of_a_job_script_are_there(tmp_path: Path, root: Path) -> None:
    """What nobody needs here succeeds, so that the script goes on."""
    (tmp_path / "job.sh").write_text(JOB)
    done = subprocess.run(
        [sys.executable, "-m", "rltrack", "run", "--", "sh", "job.sh"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "no 2"
    assert "nothing to log in to" in done.stderr
    assert (tmp_path / "rltrack.toml").read_text().endswith('mode = "offline"\n')
