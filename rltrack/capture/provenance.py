"""Where a run comes from: the command, the machine, the code, and what is installed.

What is known at once is recorded at once. The rest is looked up by a thread, the quickest first:

    git            commit, branch and remote; then ``files/diff.patch``, what differs from it
    machine        processors, memory, container, scheduler
    packages       ``files/requirements.txt``
    code           ``files/code/``, where it is asked for

A run that ends waits a moment for it, and no longer.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rltrack.capture.seeds import seeds
from rltrack.journal.process import host_name
from rltrack.journal.records import Json

if TYPE_CHECKING:
    from rltrack.capture.git import Git

#: How long the end of a run waits for what is not known yet.
_WAIT_S: Final = 0.04
#: Options whose values nobody else should see. Tokens of a tokenizer are none of them.
_SECRET_OPTION: Final = re.compile(
    r"-{0,2}([\w.-]*[_.-])?(password|passwd|secret|credentials?|api[_-]?key|access[_-]?key"
    r"|secret[_-]?key|(auth|access|api|hf|bearer|github|wandb)[_-]?token)|-{0,2}token",
    re.IGNORECASE,
)
_HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked up besides the facts that are known at once."""

    git: bool = True
    patch: bool = True
    packages: bool = True
    code: bool = False


class Provenance:
    """Records at once what is known at once, and the rest when it is known.

    Args:
        record: told facts by name, several times; later facts of a name replace earlier ones.
        folder: where the process is; the git checkout that it lies in is meant.
        files: the run's folder for files; None writes none.
        wanted: what is looked up.
        without: the folder of the runs, which is no part of the code.
        guesses: seeds that may have been set.
        named: facts that the user names otherwise than they are.
        notebook: the file of the notebook, where the user names it.
    """

    def __init__(
        self,
        record: Callable[[Mapping[str, Json]], None],
        folder: Path,
        *,
        files: Path | None = None,
        wanted: Wanted = Wanted(),
        without: Path | None = None,
        guesses: Callable[[], Iterable[object]] = tuple,
        named: Mapping[str, Json] | None = None,
        notebook: str | None = None,
    ) -> None:
        self._record = record
        self._folder = folder
        self._files = files
        self._wanted = wanted
        self._without = without
        self._guesses = guesses
        self._notebook = notebook
        self._seeds = seeds(guesses())
        self._git: Git | None = None
        self._given_up = False
        facts = process_facts() | dict(named or {})
        if notebook is not None:
            facts["notebook"] = notebook
        record(facts | {"seeds": self._seeds} if self._seeds else facts)
        self._thread = threading.Thread(target=self._run, name="rltrack-provenance", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for look in (self._look_at_machine, self._list_packages, self._save_code, self._ask_git):
            if self._given_up:
                return
            with contextlib.suppress(Exception):  # what cannot be known is not worth a warning
                look()

    def _tell(self, facts: Mapping[str, Json]) -> None:
        if not self._given_up:
            self._record(facts)

    def _look_at_machine(self) -> None:
        from rltrack.capture.cluster import cluster_facts

        self._tell(machine_facts() | cluster_facts() | self._checkout_facts())

    def _checkout_facts(self) -> dict[str, Json]:
        from rltrack.capture.git import commit_facts, find_checkout

        top = find_checkout(self._folder) if self._wanted.git else None
        return {} if top is None else {"git": commit_facts(top)}

    def _list_packages(self) -> None:
        if self._wanted.packages and self._files is not None:
            from rltrack.capture.packages import installed

            self._write("requirements.txt", "".join(f"{line}\n" for line in installed()).encode())

    def _save_code(self) -> None:
        if not self._wanted.code or self._files is None:
            return
        from rltrack.capture.code import copy_file, notebook_file, save_program
        from rltrack.capture.git import find_checkout

        saved = save_program(self._files / "code", find_checkout(self._folder))
        notebook = notebook_file(self._notebook)
        if notebook is not None and copy_file(notebook, self._files / "code" / notebook.name):
            saved = notebook.name
        if saved is not None:
            self._tell({"code_path": saved})

    def _ask_git(self) -> None:
        if not self._wanted.git:
            return
        from rltrack.capture.git import Git, commit_facts, find_checkout

        top = find_checkout(self._folder)
        if top is None:
            return
        facts = commit_facts(top)
        git = self._git = Git(top)
        commit = facts["commit"] = facts["commit"] or git.head()
        found = git.difference(str(commit) if commit else None, self._without)
        if found is None:
            return
        if not self._wanted.patch:
            self._tell({"git": facts | {"dirty": found.dirty}})
            return
        self._tell({"git": facts | found.facts()})
        if found.patch and self._files is not None:
            self._write("diff.patch", found.patch)

    def _write(self, name: str, content: bytes) -> None:
        """Make a file of the run; a reader sees all of it or nothing."""
        if self._given_up or self._files is None:
            return
        self._files.mkdir(parents=True, exist_ok=True)
        part = self._files / f".{name}.part"
        part.write_bytes(content)
        os.replace(part, self._files / name)

    def close(self) -> None:
        """Say what is known at the end, and give the thread a moment; a run must not wait longer."""
        if (now := seeds(self._guesses())) and (now := self._seeds | now) != self._seeds:
            self._record({"seeds": now})
        if self._wanted.code and self._files is not None:
            from rltrack.capture.code import save_session

            with contextlib.suppress(OSError):
                save_session(self._files / "code")
        self._thread.join(_WAIT_S)
        self._given_up = True
        if self._git is not None:
            self._git.stop()


def process_facts() -> dict[str, Json]:
    """The command line, the interpreter and the machine."""
    return {
        "command": [sys.executable, *without_secrets(sys.argv)],
        "program": sys.argv[0] if sys.argv else "",
        "folder": _current_folder(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "host": host_name(),
        "username": os.environ.get("USER") or os.environ.get("USERNAME"),
        "pid": os.getpid(),
        "cpu_count": os.cpu_count(),
    }


def machine_facts() -> dict[str, Json]:
    """What the program runs on."""
    from rltrack.capture import cgroup
    from rltrack.capture.system import source, usable_cpus

    total, _ = source().memory()
    limit = cgroup.memory()
    return {
        "cpu": {"name": source().processor(), "usable": usable_cpus()},
        "memory_bytes": total if limit is None else min(total, limit.limit_bytes),
        "os": _distribution(),
    }


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.platform()


def without_secrets(arguments: list[str]) -> list[str]:
    """A command line on which passwords and tokens are not shown."""
    shown: list[str] = []
    hides_next = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        is_secret = _SECRET_OPTION.fullmatch(name) is not None
        if hides_next and not argument.startswith("--"):
            shown.append(_HIDDEN)
        elif is_secret and equals:
            shown.append(f"{name}={_HIDDEN}")
        else:
            shown.append(re.sub(r"(://[^/\s:@]*:)[^/\s@]+@", rf"\1{_HIDDEN}@", argument))
        hides_next = is_secret and not equals and argument.startswith("-")
    return shown


def _current_folder() -> str | None:
    """Where the process is; None if somebody removed that."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
