"""What git knows of the code: the commit, and what differs from it, as a patch that git can apply.

Commit, branch and remote are read from git's own files, so they are known at once and without
git. What differs is asked of git, which may take a while.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rltrack.journal.records import Json

#: A patch is for a person, and for `git apply`; more than this is data.
PATCH_BYTES: Final = 10 << 20
UNTRACKED_FILE_BYTES: Final = 1 << 20
UNTRACKED_FILES: Final = 1000
#: What a repository without a commit differs from.
_EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
#: Files that often hold what nobody else should see.
_SECRET: Final = re.compile(
    r"(^|/)(\.env(\..*)?|\.netrc|\.pgpass|\.npmrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)"
    r"|[^/]*(secret|credential|password)[^/]*|[^/]*\.(pem|key|p12|pfx|jks|kdbx|keystore))$",
    re.IGNORECASE,
)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def find_checkout(folder: Path) -> Path | None:
    """The top of the git checkout that a folder lies in."""
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    return None


def commit_facts(top: Path) -> dict[str, Json]:
    """Commit, branch and remote of a checkout; what is not known is None."""
    own = _git_folder(top)
    common = _common_folder(own)
    head = _text(own / "HEAD")
    branch = head.removeprefix("ref: ") if head.startswith("ref: ") else None
    commit = head if branch is None else _commit_of(branch, own, common)
    remote = _remote(common)
    return {
        "commit": commit if _COMMIT.fullmatch(commit or "") else None,
        "branch": "HEAD" if branch is None else branch.removeprefix("refs/heads/"),
        "remote": None if remote is None else without_credentials(remote),
        "root": str(top),
    }


def _git_folder(top: Path) -> Path:
    """Where a checkout keeps what; a worktree and a submodule say where, in a file."""
    path = top / ".git"
    said = _text(path) if path.is_file() else ""
    return top / said.removeprefix("gitdir:").strip() if said.startswith("gitdir:") else path


def _common_folder(own: Path) -> Path:
    said = _text(own / "commondir")
    return own / said if said else own


def _commit_of(branch: str, own: Path, common: Path) -> str | None:
    for folder in (own, common):
        if text := _text(folder / branch):
            return text
    for line in _text(common / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == branch:
            return commit
    return None


def _remote(common: Path) -> str | None:
    """The address of `origin`, or else of the first remote."""
    found: dict[str, str] = {}
    section = ""
    for line in _text(common / "config").splitlines():
        line = line.strip()
        if line.startswith("["):
            match = re.fullmatch(r'\[remote "(.*)"\]', line)
            section = match[1] if match else ""
        elif section:
            key, _, value = line.partition("=")
            if key.strip().lower() == "url":
                found.setdefault(section, value.strip())
    return found.get("origin") or next(iter(found.values()), None)


def without_credentials(address: str) -> str:
    """A remote's address without user, password or token; ``git@host:path`` names nobody."""
    match = re.fullmatch(
        r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<who>[^/]*@)?(?P<rest>.*)", address, re.I
    )
    if match is None:
        return address
    kept = "git@" if match["scheme"].lower() == "ssh://" and match["who"] == "git@" else ""
    rest = re.sub(
        r"([?&][^=&]*(?:token|key|secret|password|auth)[^=&]*=)[^&]*",
        r"\1***",
        match["rest"],
        flags=re.I,
    )
    return f"{match['scheme']}{kept}{rest}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


# -- what differs --------------------------------------------------------------------------------


@dataclass(slots=True)
class Difference:
    """What differs from the commit."""

    patch: bytes = b""
    dirty: bool = False
    """Whether a tracked file does."""
    untracked: int = 0
    """New files that are in the patch."""
    left_out: list[str] = field(default_factory=list)
    """What is not in the patch, and why."""

    def facts(self) -> dict[str, Json]:
        """In words."""
        found: dict[str, Json] = {"dirty": self.dirty, "untracked": self.untracked}
        return found | ({"left_out": self.left_out} if self.left_out else {})


class Git:
    """Asks git about a checkout; `stop` ends what is being asked.

    Args:
        top: of the checkout.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def stop(self) -> None:
        """End the processes that were started; their answers are none."""
        self._stopped = True
        for process in list(self._processes):
            with contextlib.suppress(OSError):
                process.kill()

    def head(self) -> str | None:
        """The commit, where git keeps it in a way of its own (a reftable)."""
        answer = self._answer(self._start("rev-parse", "--verify", "-q", "HEAD"), 200)
        return answer.decode("ascii", "replace").strip() if answer else None

    def difference(self, commit: str | None, without: Path | None = None) -> Difference | None:
        """What differs from a commit, with the text of new files; None if git does not answer.

        Args:
            commit: what it is compared with; None where nothing was committed.
            without: a folder that is no part of the code: that of the runs.
        """
        listing = self._start("ls-files", "--others", "--exclude-standard", "-z")
        changes = self._start(
            *("-c", "core.quotePath=false", "diff", "--binary", "--no-color", "--no-ext-diff"),
            *("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", commit or _EMPTY_TREE),
        )
        names, patch = self._answer(listing, PATCH_BYTES), self._answer(changes, PATCH_BYTES)
        if names is None or patch is None:
            return None
        found = Difference(patch, dirty=bool(patch))
        if len(patch) > PATCH_BYTES:
            found.patch = b""
            found.left_out.append(f"changes of tracked files: more than {PATCH_BYTES >> 20} MiB")
        whole = names[: names.rfind(b"\0") + 1]
        self._add_untracked(found, whole.decode("utf-8", "surrogateescape").split("\0"), without)
        return found

    def _add_untracked(self, found: Difference, names: list[str], without: Path | None) -> None:
        pieces, size = [found.patch], len(found.patch)
        for name in sorted(filter(None, names)):
            path = self._top / name
            if without is not None and without in path.parents:
                continue
            if self._stopped:
                break
            if found.untracked >= UNTRACKED_FILES or size > PATCH_BYTES:
                found.left_out.append(f"{name} and what follows: too much")
                break
            text, why_not = _untracked_text(path, name)
            if text is None:
                found.left_out.append(f"{name}: {why_not}")
                continue
            piece = _as_new_file(name, text, executable=os.access(path, os.X_OK))
            pieces.append(piece)
            size += len(piece)
            found.untracked += 1
        found.patch = b"".join(pieces)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes] | None:
        if self._stopped:
            return None
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=self._top,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Never ask for a password, never take the lock of a user's own git command.
                env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
            )
        except OSError:  # there is no git
            return None
        self._processes.append(process)
        return process

    def _answer(self, process: subprocess.Popen[bytes] | None, most: int) -> bytes | None:
        """What git printed, a little more than `most` bytes of it; None if it failed."""
        if process is None or process.stdout is None:
            return None
        with process:
            answer = process.stdout.read(most + 1)
            if len(answer) > most:
                process.kill()
        self._processes.remove(process)
        return answer if process.returncode == 0 or len(answer) > most else None


def _untracked_text(path: Path, name: str) -> tuple[bytes | None, str]:
    """The content of a new file, if it is text for everybody's eyes; or None, and why not."""
    if re.search(r'[\x00-\x1f"\\]', name) or not _is_unicode(name):
        return None, "its name needs quotes"
    if _SECRET.search(name):
        return None, "its name speaks of secrets"
    try:
        if path.is_symlink() or not path.is_file():
            return None, "it is no plain file"
        if (size := path.stat().st_size) > UNTRACKED_FILE_BYTES:
            return None, f"it has {size:,} bytes"
        content = path.read_bytes()
        content.decode("utf-8")
    except OSError as refusal:
        return None, str(refusal.strerror)
    except UnicodeDecodeError:
        return None, "it is no text"
    return (None, "it is no text") if b"\0" in content else (content, "")


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _as_new_file(name: str, content: bytes, *, executable: bool) -> bytes:
    """The part of a patch that makes a file, as git writes it."""
    mode = "100755" if executable else "100644"
    head = f"diff --git a/{name} b/{name}\nnew file mode {mode}\n"
    if not content:
        return f"{head}index 0000000..e69de29\n".encode()
    lines = content.split(b"\n")
    ends_well = not lines[-1]
    if ends_well:
        lines.pop()
    # Behind a name with a blank git puts a tab, so that nothing is taken for its end.
    tab = "\t" if " " in name else ""
    count = "" if len(lines) == 1 else f",{len(lines)}"
    head += f"--- /dev/null\n+++ b/{name}{tab}\n@@ -0,0 +1{count} @@\n"
    body = b"".join(b"+" + line + b"\n" for line in lines)
    return head.encode() + body + (b"" if ends_well else b"\\ No newline at end of file\n")
