"""What is built is what is needed: in a wheel, in an sdist, and with no Node on the machine."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
IMPORTS = (
    "import rltrack, rltrack.callbacks, rltrack.hooks, pathlib\n"
    "print(rltrack.__file__)\n"
    "with rltrack.init(project='p', settings={'quiet': True}) as run: run.log({'a': 1})\n"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what git tracks, so that no build touches the checkout."""
    copy = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    yield copy
    shutil.rmtree(copy)


def build(kind: str, source: Path, target: Path, *, path: str | None = None) -> tuple[Path, str]:
    """Build a wheel or an sdist by the backend itself, and return it with what was printed."""
    environment = os.environ | ({"PATH": path} if path is not None else {})
    code = f"import hatchling.build as b; print(b.build_{kind}({str(target)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split()[-1], done.stderr


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def run_installed(wheel: Path, folder: Path) -> Path:
    """Unpack a wheel, as pip does with one of pure Python, and run a program against it alone."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


def test_a_wheel_built_from_the_sdist_has_the_page_and_both_top_level_folders(
    source: Path, tmp_path: Path, missing: Callable[[str, str], NoReturn]
) -> None:
    """That is the way to the index: whoever builds from the sdist may have no Node."""
    if shutil.which("npm") is None:
        missing("npm", "Node.js 20 or newer")
    sdist, _ = build("sdist", source, tmp_path)
    shutil.unpack_archive(sdist, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()

    wheel, _ = build("wheel", unpacked, tmp_path, path="")

    held = names(wheel)
    assert {"rltrack/callbacks/__init__.py", "rltrack/hooks/__init__.py"} <= held
    assert {"rltrack/server/static/index.html", "rltrack/py.typed"} <= held
    assert {"rltrack-as-wandb.pth", "rltrack/as_wandb/path/wandb/__init__.py"} <= held
    assert [name for name in held if name.endswith("wandb-0.31.0.dist-info/METADATA")]
    assert not [name for name in held if name.startswith(("callbacks/", "hooks/", "tests/"))]
    assert not [name for name in held if "node_modules" in name or name.endswith(".svelte")]
    assert run_installed(wheel, tmp_path).is_relative_to(tmp_path / "site")


def test_without_node_a_wheel_says_so_and_lacks_only_the_page(source: Path, tmp_path: Path) -> None:
    """A cluster's login node has no Node, and needs none to record."""
    shutil.rmtree(source / "rltrack" / "server" / "static", ignore_errors=True)

    wheel, printed = build("wheel", source, tmp_path, path="")

    assert "npm not found" in printed
    assert "rltrack/callbacks/__init__.py" in names(wheel)
    assert not [name for name in names(wheel) if "static" in name]
    assert run_installed(wheel, tmp_path).is_relative_to(tmp_path / "site")


def test_an_editable_install_serves_callbacks_and_hooks_under_their_public_names() -> None:
    """The tests themselves run in one, or against a wheel; both must have them."""
    import rltrack.callbacks
    import rltrack.hooks

    assert rltrack.callbacks.__doc__
    assert rltrack.hooks.__doc__
