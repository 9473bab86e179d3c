"""The shape of the code: which module may import which, and what `import rltrack` costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import rltrack

ROOT = Path(rltrack.__file__).parent.parent

#: Lowest first. A module imports its own layer or a lower one.
LAYERS = [
    {"errors", "_version", "_terminal"},
    {"extras", "settings", "_credentials"},
    {"journal", "folder", "_names"},
    {
        "media",
        "engine",
        "plot",
        "artifacts",
        "capture",
        "_config",
        "_config_file",
        "_summary",
        "_values",
        "_pulse",
        "_logged",
        "_end",
        "_identity",
        "_rows",
        "_device",
        "_display",
        "_trial",
    },
    {
        *("_run", "_lifecycle", "store", "_metrics", "_past", "_resume", "_lease", "_attach"),
        *("_alert", "_capture", "_code", "_keeping", "_saved"),
    },
    {"api", "sync"},
    {"sweeps", "importers", "stats"},
    {"_init", "_active", "_start", "_ranks", "server", "hub", "openapi"},
    {"__init__"},  # the public names
    {"cli", "as_wandb", "__main__", "demo"},  # `as_wandb` is all of it in W&B's words
]
HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}

#: A program such as a user's, and W&B's own callback: what in `rltrack/` uses callbacks.
PROGRAMS = {"demo", "as_wandb"}

#: What a callback or hook may import besides rltrack: its framework, and what that stands on.
FRAMEWORKS = {
    "sb3": {"stable_baselines3", "sb3_contrib", "gymnasium", "numpy", "torch", "cloudpickle"},
    "lightning": {"lightning", "lightning_utilities", "torch"},
    "huggingface": {"transformers"},
    "keras": {"keras"},
    "tensorboard": {"tensorboard", "numpy"},
    "watch": {"torch", "numpy"},
    "gym": {"gymnasium", "numpy"},
}


@dataclass(frozen=True)
class Import:
    """One imported module, and where."""

    file: Path
    line: int
    module: str
    only_for_types: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


def python_files(folder: str) -> list[Path]:
    """The modules of a folder; in an editable install, `callbacks` and `hooks` are links in `rltrack`."""
    return [
        path
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
        and not any(ROOT / folder / part in path.parents for part in ("callbacks", "hooks"))
    ]


def imports(file: Path) -> Iterator[Import]:
    """Every import of a module, those inside of functions among them."""

    def walk(node: ast.AST, only_for_types: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                yield from walk(statement, True)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, only_for_types)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                module = inner if is_module(inner) else node.module
                yield Import(file, node.lineno, module, only_for_types)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, only_for_types)

    yield from walk(ast.parse(file.read_text(encoding="utf-8")), False)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def part_of(module: str) -> str:
    """The name in `LAYERS` that `rltrack.a.b` falls under."""
    return module.split(".")[1] if "." in module else "__init__"


def own_part(file: Path) -> str:
    return file.relative_to(ROOT / "rltrack").parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "file", python_files("rltrack"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_module_imports_its_own_layer_or_a_lower_one(file: Path) -> None:
    """So that each can be read, and tested, with nothing but what is below it."""
    part = own_part(file)
    assert part in HEIGHT, f"{file.name} has no layer: name it in LAYERS"

    upward = [
        str(found)
        for found in imports(file)
        if found.module.split(".")[0] == "rltrack"
        and not found.only_for_types
        and part_of(found.module) not in ("callbacks", "hooks")
        and HEIGHT[part_of(found.module)] > HEIGHT[part]
    ]

    assert upward == []


@pytest.mark.parametrize(
    "file", python_files("rltrack"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_rltrack_knows_no_callback_and_no_hook(file: Path) -> None:
    """They are guests of frameworks that need not be there."""
    if own_part(file) in PROGRAMS:
        return
    guests = [
        str(found)
        for found in imports(file)
        if found.module.split(".")[:2] in (["rltrack", "callbacks"], ["rltrack", "hooks"])
    ]

    assert guests == []


@pytest.mark.parametrize(
    "file",
    [*python_files("callbacks"), *python_files("hooks")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_guest_imports_rltrack_and_one_framework(file: Path) -> None:
    """`sb3.py` and its `_sb3_*.py` are one guest; guests do not know of each other."""
    if file.name == "__init__.py":  # which names them all, and loads each when it is asked for
        guest, allowed = None, set[str]()
    else:
        guest = file.stem.removeprefix("_").split("_")[0]
        assert guest in FRAMEWORKS, f"{file.name} has no framework: name it in FRAMEWORKS"
        allowed = FRAMEWORKS[guest]

    foreign = []
    for found in imports(file):
        parts = found.module.split(".")
        if parts[0] == "rltrack":
            neighbour = parts[2] if parts[1:2] in (["callbacks"], ["hooks"]) and parts[2:] else None
            if guest and neighbour and neighbour.removeprefix("_").split("_")[0] != guest:
                foreign.append(str(found))
        elif parts[0] not in allowed | sys.stdlib_module_names:
            foreign.append(str(found))

    assert foreign == []


@pytest.mark.parametrize(
    "file",
    [path for folder in ("rltrack", "callbacks", "hooks") for path in python_files(folder)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_module_says_what_it_is(file: Path) -> None:
    """The first thing that a reader reads."""
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def in_a_fresh_process(code: str, cwd: Path) -> object:
    """What a program prints as JSON at its end."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


LOADED = """
import json, sys, threading
before = set(sys.modules)
{code}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)  # of a busy machine: what is still ending has ended then
foreign = sorted(loaded - set(sys.stdlib_module_names) - {{"rltrack"}})
print(json.dumps([foreign, [thread.name for thread in threading.enumerate()]]))
"""


@pytest.mark.parametrize(
    "code",
    [
        "import rltrack",
        "import rltrack; rltrack.init(project='p', mode='offline').finish()",
        """
import rltrack
with rltrack.init(project="p", config={"lr": 0.1, "net": {"size": (1, 2)}}, dir="runs") as run:
    run.log({"loss": 0.5, "n": 1})
    run.log({"text": "x", "nested": {"a": [1, 2]}}, step=7)
    run.summary["best"] = max(run.summary["loss"], 1)
""",
    ],
    ids=["import", "empty run", "run"],
)
def test_recording_loads_the_standard_library_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """And leaves no thread behind; with all that `init` records by default."""
    for name in ("RLTRACK_PROVENANCE", "RLTRACK_CONSOLE", "RLTRACK_DISABLE_STATS"):
        monkeypatch.delenv(name)

    assert in_a_fresh_process(LOADED.format(code=code), tmp_path) == [[], ["MainThread"]]


def test_importing_rltrack_touches_nothing(tmp_path: Path) -> None:
    """No file, no signal handler, no exit hook of Python's: importing is free of consequences."""
    code = """
import json, signal, sys, os
handlers = lambda: [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())]
state = lambda: [sys.exit is exit_before, sys.excepthook is hook_before, handlers()]
exit_before, hook_before = sys.exit, sys.excepthook
before = state()
import rltrack
print(json.dumps([state() == before, os.listdir(".")]))
"""

    assert in_a_fresh_process(code, tmp_path) == [True, []]


def test_all_is_what_is_exported(root: Path) -> None:
    """Each public name is listed, each listed name is there, some when they are first asked for."""
    exported = {
        name
        for name, value in vars(rltrack).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and str(getattr(value, "__module__", "")).startswith("rltrack")
    }
    later = {"run", "config", "summary", "__version__", *rltrack._LATER}

    assert exported | later == set(rltrack.__all__)
    assert rltrack.__all__ == sorted(rltrack.__all__)
    with rltrack.init(project="p", settings={"silent": True}):
        for name in rltrack.__all__:
            assert getattr(rltrack, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        rltrack.nonsense  # noqa: B018
