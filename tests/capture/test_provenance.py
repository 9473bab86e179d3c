"""Where a run comes from."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rltrack
from rltrack.capture.cluster import cluster_facts
from rltrack.capture.git import Git, commit_facts, find_checkout, without_credentials
from rltrack.capture.packages import installed
from rltrack.capture.provenance import without_secrets
from rltrack.capture.seeds import seeds
from rltrack.journal.process import host_name

from .conftest import RunProgram

ON = {"RLTRACK_PROVENANCE": "true"}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("print(1)\n")
    git(folder, "add", "train.py")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_run_knows_its_command_its_machine_and_its_commit(checkout: Path, tmp_path: Path) -> None:
    """A result without the code that gave it cannot be repeated."""
    script = (
        "import rltrack, sys, time\n"
        "with rltrack.init(project='p', dir=sys.argv[1]) as run:\n"
        "    run.log({'a': 1}); time.sleep(0.5)\n"
    )
    (checkout / "train.py").write_text(script)
    root = tmp_path / "runs"

    subprocess.run(
        [sys.executable, "train.py", str(root)],
        cwd=checkout,
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "RLTRACK_PROVENANCE": "true", "HOME": str(tmp_path)},
    )

    (run,) = rltrack.Api(root).runs("p")
    assert run.metadata["command"] == [sys.executable, "train.py", str(root)]
    assert run.metadata["host"] == host_name()
    assert run.metadata["git"]["commit"] == git(checkout, "rev-parse", "HEAD")
    assert run.metadata["git"]["branch"] == "main"
    assert run.metadata["git"]["dirty"] is True


def test_a_clean_checkout_is_not_dirty(checkout: Path) -> None:
    """Only then is the commit the code that ran."""
    found = Git(checkout).difference(git(checkout, "rev-parse", "HEAD"))

    assert found is not None
    assert found.facts() == {"dirty": False, "untracked": 0}
    assert found.patch == b""


def test_outside_of_git_nothing_is_said_of_it(tmp_path: Path) -> None:
    """An empty answer, not a wrong one."""
    assert find_checkout(tmp_path) is None


# -- what differs from the commit ----------------------------------------------------------


def applied(checkout: Path, patch: bytes, to: Path) -> None:
    """A clean clone of the commit, with the patch."""
    git(checkout.parent, "clone", "-q", str(checkout), str(to))
    subprocess.run(["git", "apply", "--binary", "-"], cwd=to, input=patch, check=True)


def files_of(folder: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), os.access(path, os.X_OK))
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def difference(checkout: Path, without: Path | None = None) -> tuple[bytes, dict[str, object]]:
    found = Git(checkout).difference(git(checkout, "rev-parse", "HEAD"), without)
    assert found is not None
    return found.patch, dict(found.facts())


def test_the_patch_makes_the_code_that_ran_of_the_commit(checkout: Path, tmp_path: Path) -> None:
    """W&B's has no file that is new, and so does not run."""
    for name in ("gone.py", "moved.py", "data.bin", "staged.py"):
        (checkout / name).write_bytes(bytes(range(256)) if name == "data.bin" else b"a = 1\n" * 9)
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "second")
    (checkout / "train.py").write_text("print(2)")
    (checkout / "gone.py").unlink()
    git(checkout, "mv", "moved.py", "to here.py")
    (checkout / "data.bin").write_bytes(bytes(reversed(range(256))))
    (checkout / "staged.py").write_text("staged = True\n")
    git(checkout, "add", "staged.py")
    new = checkout / "new folder" / "größe b.py"
    new.parent.mkdir()
    new.write_bytes(b"one\r\n\x0c\n\ttwo without end")
    (checkout / "empty.py").touch()
    (checkout / "script.sh").write_text("#!/bin/sh\n")
    (checkout / "script.sh").chmod(0o755)

    patch, facts = difference(checkout)
    applied(checkout, patch, tmp_path / "clone")

    assert files_of(tmp_path / "clone") == files_of(checkout)
    assert facts == {"dirty": True, "untracked": 3}


@pytest.mark.parametrize(
    "content",
    ["", "\n", "a", "a\n", "\n\n", "-- \n+++ b/x\n", "a\r\n\r", "\\ No newline", "é\u2028x"],
)
def test_a_new_file_is_the_same_to_the_byte(checkout: Path, tmp_path: Path, content: str) -> None:
    """Whatever its lines look like."""
    (checkout / "new.txt").write_bytes(content.encode())

    patch, _ = difference(checkout)
    applied(checkout, patch, tmp_path / "clone")

    assert files_of(tmp_path / "clone") == files_of(checkout)


def test_what_nobody_should_see_is_not_in_the_patch(checkout: Path, tmp_path: Path) -> None:
    """Nor what is no code; each is named, with the reason."""
    (checkout / ".gitignore").write_text("ignored/\n")
    git(checkout, "add", ".gitignore")
    git(checkout, "commit", "-q", "-m", "ignore")
    for name in (".env", "deploy/id_rsa", "my_secrets.yaml", "server.pem", "ignored/x.py"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text("hunter2")
    (checkout / "weights.pt").write_bytes(b"\0" * 100)
    (checkout / "large.csv").write_text("hunter2\n" * 200_000)
    (checkout / "link.py").symlink_to("/etc/passwd")
    runs = checkout / "rltrack-runs"
    (runs / "p").mkdir(parents=True)
    (runs / "p" / "run.json").write_text("hunter2")

    patch, facts = difference(checkout, runs)

    assert patch == b""
    assert facts == {
        "dirty": False,
        "untracked": 0,
        "left_out": [
            ".env: its name speaks of secrets",
            "deploy/id_rsa: its name speaks of secrets",
            "large.csv: it has 1,600,000 bytes",
            "link.py: it is no plain file",
            "my_secrets.yaml: its name speaks of secrets",
            "server.pem: its name speaks of secrets",
            "weights.pt: it is no text",
        ],
    }


def test_a_repository_without_a_commit_has_all_in_its_patch(tmp_path: Path) -> None:
    """The first training is often before the first commit."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "train.py").write_text("print(1)\n")
    git(tmp_path, "add", "train.py")
    (tmp_path / "new.py").write_text("print(2)\n")

    assert commit_facts(tmp_path)["commit"] is None
    found = Git(tmp_path).difference(None)

    assert found is not None
    assert b"+print(1)" in found.patch
    assert b"+print(2)" in found.patch


def test_the_commit_is_found_however_git_keeps_it(checkout: Path, tmp_path: Path) -> None:
    """Packed, detached, in a worktree, in a submodule: and without a process."""
    commit = git(checkout, "rev-parse", "HEAD")
    git(checkout, "pack-refs", "--all")
    assert commit_facts(checkout)["commit"] == commit
    git(checkout, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = commit_facts(tmp_path / "side")
    assert (side["commit"], side["branch"]) == (commit, "side")
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(checkout), "sub")
    assert commit_facts(outer / "sub")["commit"] == commit
    assert commit_facts(outer / "sub")["remote"] == str(checkout)
    git(checkout, "checkout", "-q", "--detach")
    assert (commit_facts(checkout)["commit"], commit_facts(checkout)["branch"]) == (commit, "HEAD")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:token@github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://token@github.com/a/b", "https://github.com/a/b"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("ssh://git@host/a", "ssh://git@host/a"),
        ("https://host/a?private_token=x&b=1", "https://host/a?private_token=***&b=1"),
        ("/srv/git/a.git", "/srv/git/a.git"),
    ],
)
def test_an_address_tells_no_password(address: str, shown: str) -> None:
    """A remote often has a token in it."""
    assert without_credentials(address) == shown


def test_a_git_that_hangs_keeps_nobody_waiting(program: RunProgram, tmp_path: Path) -> None:
    """On a slow disk it takes minutes to look for new files; it is ended with the run."""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "git").write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec sleep 60\n")
    (fake / "git").chmod(0o755)
    git(tmp_path, "init", "-q")

    done = program(
        """
        with rltrack.init() as run:
            while not os.path.exists("pids"):
                time.sleep(0.01)
            begun = time.monotonic()
        print(time.monotonic() - begun)
        """,
        env=ON | {"PATH": f"{fake}:{os.environ['PATH']}"},
    )

    assert float(done.out) < 10
    assert "git" in done.run.metadata
    end = time.monotonic() + 10
    for pid in (tmp_path / "pids").read_text().split():
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < end
            time.sleep(0.01)


def test_settings_say_what_is_not_looked_up(program: RunProgram, tmp_path: Path) -> None:
    """Each alone."""
    git(tmp_path, "init", "-q")
    (tmp_path / "new.py").write_text("x = 1\n")
    done = program(
        """
        for name in ("disable_git", "disable_code", "none"):
            settings = {"save_requirements": name == "none", "save_code": True}
            with rltrack.init(id=name, settings=settings | {name: True} if name != "none" else settings):
                time.sleep(0.7)
        """,
        env=ON,
    )
    api = rltrack.Api(done.root)
    files = {run.id: {file.name for file in run.files()} for run in api.runs("p")}

    assert files == {
        "disable_git": {"code/train.py"},
        "disable_code": set(),
        "none": {"code/train.py", "diff.patch", "requirements.txt"},
    }
    assert "git" not in api.run("p/disable_git").metadata
    assert "untracked" not in api.run("p/disable_code").metadata["git"]
    assert "dirty" in api.run("p/disable_code").metadata["git"]


def test_a_user_may_name_things_otherwise(program: RunProgram) -> None:
    """By the settings of W&B."""
    done = program(
        "rltrack.init().finish()",
        env=ON
        | {"WANDB_HOST": "cluster", "WANDB_USERNAME": "me", "WANDB_PROGRAM": "a.py"}
        | {"WANDB_NOTEBOOK_NAME": "b.ipynb"},
    )

    found = done.run.metadata
    assert [found[name] for name in ("host", "username", "program", "notebook")] == [
        *("cluster", "me", "a.py", "b.ipynb")
    ]


# -- packages, seeds, clusters, command lines ----------------------------------------------


def test_packages_are_listed_as_pip_would_install_them(tmp_path: Path) -> None:
    """With where they are from; of two versions the first on the path counts."""
    for folder, origin in (
        ("torch-2.1.0+cu118.dist-info", None),
        ("My_Package-1.0.dist-info", '{"url": "file:///src/mine", "dir_info": {"editable": true}}'),
        (
            "tool-0.1.dist-info",
            '{"url": "https://u:p@host/tool", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
        ),
        ("broken-1.0.dist-info", "{"),
        ("no_version.dist-info", None),
    ):
        (tmp_path / "one" / folder).mkdir(parents=True)
        if origin is not None:
            (tmp_path / "one" / folder / "direct_url.json").write_text(origin)
    (tmp_path / "two" / "torch-1.0.dist-info").mkdir(parents=True)

    assert installed([str(tmp_path / name) for name in ("one", "two", "gone")]) == [
        "broken==1.0",
        "# editable: my-package==1.0 @ file:///src/mine",
        "tool @ git+https://host/tool@abc",
        "torch==2.1.0+cu118",
    ]


def test_the_list_of_packages_is_that_of_pip() -> None:
    """For what lies in this environment."""
    from importlib.metadata import distributions

    def plain(name: str) -> str:
        return name.lower().replace("_", "-").replace(".", "-")

    theirs = {f"{plain(d.name)}=={d.version}" for d in distributions() if d.name}
    ours = {
        f"{plain(name)}=={version}"
        for name, equals, version in (line.partition("==") for line in installed())
        if equals and not name.startswith("#")
    }
    assert len(ours) > 20
    assert ours <= theirs


def test_seeds_are_known_until_a_number_is_drawn() -> None:
    """PyTorch says its own; those of NumPy and Python are tried."""
    import numpy as np
    import torch

    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    try:
        random.seed(7)
        np.random.seed(11)
        torch.manual_seed(13)
        assert seeds([7]) == {"random": 7, "numpy": 11, "torch": 13}
        random.seed(13)  # one seed for all is what most have
        assert seeds()["random"] == 13
        before = random.getstate()
        np.random.rand()
        random.random()
        assert seeds([7, 11, 13]) == {"torch": 13}
        random.setstate(before)
        seeds([7, 13])
        assert random.getstate() == before
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])


def test_seeds_of_a_program_are_recorded_when_they_are_set(program: RunProgram) -> None:
    """Before the run, or after it began; by what the config calls so."""
    done = program(
        """
        import random
        with rltrack.init(config={"env": {"seed": 5}}) as run:
            random.seed(5)
        """,
        env=ON,
    )

    assert done.run.metadata["seeds"]["random"] == 5


def test_a_cluster_is_known_by_names_that_hold_no_secrets(tmp_path: Path) -> None:
    """Of the environment nothing else is recorded."""
    (tmp_path / ".dockerenv").touch()
    environ = {
        "SLURM_JOB_ID": "42",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_JWT": "secret",
        "RANK": "1",
        "WORLD_SIZE": "8",
        "WANDB_DOCKER": "me/image:1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "HOSTNAME": "pod-7",
    }

    found = cluster_facts(environ, tmp_path)

    assert found == {
        "slurm": {"job_id": "42", "array_task_id": "3"},
        "torchrun": {"rank": "1", "world_size": "8"},
        "kubernetes": {"pod_name": "pod-7"},
        "container": {"kind": "docker", "image": "me/image:1"},
    }
    assert cluster_facts({}, tmp_path / "elsewhere") == {}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--lr", "1e-3", "--seed=3"], ["--lr", "1e-3", "--seed=3"]),
        (["--api-key", "x", "--lr", "1"], ["--api-key", "***", "--lr", "1"]),
        (["--hf_token=x", "password=x"], ["--hf_token=***", "password=***"]),
        (["--tokenizer", "gpt2", "--num-tokens=5"], ["--tokenizer", "gpt2", "--num-tokens=5"]),
        (["--db", "postgres://me:x@host/db"], ["--db", "postgres://me:***@host/db"]),
        (["--token", "--lr", "1"], ["--token", "--lr", "1"]),
    ],
)
def test_a_command_line_tells_no_password(arguments: list[str], shown: list[str]) -> None:
    """And all else."""
    assert without_secrets(arguments) == shown
