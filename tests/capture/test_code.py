"""The code of a run, kept beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rltrack
from rltrack.capture.code import copy_code

from .conftest import RunProgram


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of code, and of what is none."""
    folder = tmp_path / "source"
    for name in (
        *("train.py", "pkg/net.py", "conf/base.yaml", "Dockerfile", "requirements-dev.txt"),
        *("notes.md", "weights.pt", ".git/config.py", "__pycache__/x.py", "venv/lib/x.py"),
        *("rltrack-runs/p/r/files/code/old.py", "node_modules/x/setup.py"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "venv" / "pyvenv.cfg").touch()
    return folder


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_log_code_keeps_code_and_makes_an_artifact_of_it(root: Path, source: Path) -> None:
    """Named as W&B's; and no library, no environment, no run."""
    with rltrack.init(project="p", id="r") as run:
        artifact = run.log_code(source)

    assert artifact is not None
    assert artifact.type == "code"
    assert artifact.name.startswith("source-p-")
    expected = {"train.py", "pkg/net.py", "conf/base.yaml", "Dockerfile", "requirements-dev.txt"}
    assert names(root / "p/r/files/code") == expected
    assert set(artifact.manifest.entries) == expected
    (logged,) = rltrack.Api(root).run("p/r").logged_artifacts()
    assert logged.type == "code"


def test_the_same_code_makes_no_new_version(root: Path, source: Path) -> None:
    """A hundred runs of a program have one."""
    for run_id in ("a", "b"):
        with rltrack.init(project="p", id=run_id) as run:
            artifact = run.log_code(source, name="mine")
            assert artifact is not None
            assert (artifact.name, artifact.version) == ("mine:v0", "v0")


def test_functions_choose_what_is_code(root: Path, source: Path) -> None:
    """Of the path, or of the path and the root; as with W&B."""
    with rltrack.init(project="p", id="r") as run:
        run.log_code(
            source,
            include_fn=lambda path: path.endswith((".md", ".py")),
            exclude_fn=lambda path, root: path.startswith(f"{root}/pkg"),
        )

    assert names(root / "p/r/files/code") == {"notes.md", "train.py"}


def test_a_folder_that_is_not_there_is_told(root: Path, tmp_path: Path) -> None:
    """It is the caller's mistake; a folder without code is none."""
    (tmp_path / "empty").mkdir()
    with rltrack.init(project="p") as run:
        with pytest.raises(rltrack.UsageError, match="there is no such folder"):
            run.log_code(tmp_path / "gone")
        assert run.log_code(tmp_path / "empty") is None


def test_a_disabled_run_keeps_no_code(source: Path) -> None:
    """And says nothing."""
    with rltrack.init(mode="disabled") as run:
        assert run.log_code("/nowhere") is None


def test_a_file_that_cannot_be_read_is_left_out(source: Path, tmp_path: Path) -> None:
    """The others are kept."""
    (source / "broken.py").symlink_to(tmp_path / "gone")

    copied = copy_code(source, tmp_path / "to")

    assert Path("train.py") in copied
    assert Path("broken.py") not in copied


def test_save_code_keeps_the_program(program: RunProgram) -> None:
    """Under its place in the checkout, if it is in one."""
    done = program(
        "with rltrack.init(save_code=True): time.sleep(0.3)", env={"RLTRACK_PROVENANCE": "true"}
    )

    assert done.run.metadata["code_path"] == "train.py"
    kept = done.run.folder / "files/code/train.py"
    assert kept.read_bytes() == (done.root.parent / "train.py").read_bytes()


def test_save_code_keeps_the_folder_that_is_named(program: RunProgram, source: Path) -> None:
    """By `code_dir`."""
    done = program("rltrack.init(save_code=True).finish()", env={"RLTRACK_CODE_DIR": str(source)})

    assert (done.run.folder / "files/code/pkg/net.py").exists()
    assert [one.type for one in done.run.logged_artifacts()] == ["code"]


def test_a_folder_that_is_named_wrongly_is_a_warning(program: RunProgram) -> None:
    """A setting must not keep a training from starting."""
    done = program(
        "rltrack.init(save_code=True).finish()",
        env={"RLTRACK_CODE_DIR": "/nowhere", "RLTRACK_SILENT": "false"},
    )

    assert done.status == 0
    assert "code is not recorded" in done.err


def test_cells_of_a_session_are_a_notebook(program: RunProgram) -> None:
    """Of IPython, where there is no file."""
    done = program(
        """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_cell("import rltrack\\nrun = rltrack.init(save_code=True)", store_history=True)
        shell.run_cell("run.log({'a': 1})", store_history=True)
        shell.run_cell("run.finish()", store_history=True)
        """,
        env={"RLTRACK_PROVENANCE": "true", "IPYTHONDIR": "ipython"},
    )

    kept = done.run.folder / "files/code/_session_history.ipynb"
    cells = json.loads(kept.read_text())["cells"]
    assert ["".join(cell["source"]) for cell in cells] == [
        "import rltrack\nrun = rltrack.init(save_code=True)",
        "run.log({'a': 1})",
        "run.finish()",
    ]
