"""`Run.save`: files of the user's, beside the run.

now     as it is at the call: cloned or copied
live    hard-linked, so that what is written into it is there at once; a file that is replaced
by another of its name is linked again, each second while the run goes on, and at its end
end     as it is when the run ends
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from rltrack.artifacts.blobs import clone
from rltrack.errors import UsageError

Policy = Literal["live", "now", "end"]
POLICIES: Final = ("live", "now", "end")


class SavedFiles:
    """The files that one run saves.

    Args:
        folder: the run's files.
        warn: told, once for each kind, of what cannot be kept.
    """

    def __init__(self, folder: Path, warn: Callable[[str, str], None]) -> None:
        self._folder = folder
        self._warn = warn
        self._followed: dict[Path, Path] = {}
        """Sources by where they are kept."""
        self._at_end: dict[Path, Path] = {}

    def save(self, pattern: str, base: Path | None, policy: Policy, *, is_glob: bool) -> list[str]:
        """Keep the files that fit a pattern.

        Returns:
            Where each of them is kept.
        """
        if "://" in pattern:
            self._warn(
                "save", f"save({pattern!r}): a file of another place; add_reference keeps it"
            )
            return []
        paths = sorted(glob.glob(pattern, recursive=True)) if is_glob else [pattern]
        kept: list[str] = []
        for path in map(Path, paths):
            if path.is_dir():
                inside = [Path(p) for p in sorted(glob.glob(f"{path}/**", recursive=True))]
                kept += [self._keep(p, base, policy) for p in inside if p.is_file()]
            elif path.is_file():
                kept.append(self._keep(path, base, policy))
        return [path for path in kept if path]

    def _keep(self, source: Path, base: Path | None, policy: Policy) -> str:
        source = source.absolute()
        if self._folder in source.parents:  # it was written there
            return str(source)
        target = self._folder / _inside(source, base)
        if policy == "end":
            self._at_end[target] = source
            return str(target)
        if policy == "live":
            self._followed[target] = source
        if not self._put(source, target, link=policy == "live"):
            return ""
        return str(target)

    def _put(self, source: Path, target: Path, *, link: bool) -> bool:
        part = target.with_name(f".{target.name[:100]}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            if not (link and _linked(source, part)):
                if not clone(source, part):
                    shutil.copyfile(source, part)
                shutil.copystat(source, part)
            os.replace(part, target)  # of two links to one file this does nothing, hence the rest
        except OSError as refusal:
            self._warn(f"save {source}", f"{source} cannot be kept: {refusal}")
            return False
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return True

    def refresh(self) -> None:
        """Link again what was replaced by another file, and copy again what could not be linked."""
        for target, source in list(self._followed.items()):
            try:
                now, kept = source.stat(), target.stat()
            except OSError:
                continue  # it was deleted: what is kept stays
            is_same = (now.st_dev, now.st_ino) == (kept.st_dev, kept.st_ino)
            is_equal = (now.st_size, now.st_mtime_ns) == (kept.st_size, kept.st_mtime_ns)
            if not is_same and not is_equal:
                self._put(source, target, link=True)

    def close(self) -> None:
        """The run ends: keep what was to be kept as it is now."""
        self.refresh()
        for target, source in self._at_end.items():
            if source.is_file():
                self._put(source, target, link=False)
            else:
                self._warn(f"save {source}", f"{source} was to be kept at the end, and is gone")
        # What is linked would go on changing with a file that a next run writes into.
        for target, source in self._followed.items():
            if target.exists() and os.path.exists(source) and os.path.samefile(source, target):
                self._put(source, target, link=False)
        self._followed.clear()
        self._at_end.clear()


def checked_policy(policy: object) -> Policy:
    """When a file is kept.

    Raises:
        UsageError: it is none of `POLICIES`.
    """
    if policy not in POLICIES:
        raise UsageError(f"policy={policy!r}: one of {', '.join(POLICIES)} was expected")
    return policy


def checked_base(pattern: str, base: str | os.PathLike[str] | None) -> Path | None:
    """The folder below which paths are kept as they are.

    Raises:
        UsageError: the pattern leads out of it.
    """
    if base is None:
        return None
    folder = Path(base).absolute()
    first = Path(os.path.normpath(Path(pattern).absolute()))
    if folder != first and folder not in first.parents:
        raise UsageError(f"save({pattern!r}, base_path={os.fspath(base)!r}): it is not below that")
    return folder


def _inside(source: Path, base: Path | None) -> Path:
    """Where a file is kept below the run's files: a path from here stays, of others the last folder."""
    source = Path(os.path.normpath(source))
    for folder in (base, Path.cwd()):
        if folder is not None and folder in source.parents:
            return source.relative_to(folder)
    return Path(source.parent.name) / source.name


def _linked(source: Path, part: Path) -> bool:
    try:
        os.link(os.path.realpath(source), part)
    except OSError:  # another file system, or one without links
        return False
    return True
