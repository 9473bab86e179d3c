"""What a container or a scheduler lets this process have: limits of control groups, of both versions.

A group's limit holds for all groups below it, so the least one on the way up counts. Inside of a
container the own group is often the root of what is mounted, whatever its name says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Above it, version 1 means "none".
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the group whose limit is the tightest."""

    limit_bytes: int
    folder: Path
    version: int

    def used_bytes(self) -> int | None:
        """What is used and cannot simply be dropped, as `docker stats` counts it."""
        name = "memory.current" if self.version == 2 else "memory.usage_in_bytes"
        used = _number(self.folder / name)
        if used is None:
            return None
        cache = "inactive_file" if self.version == 2 else "total_inactive_file"
        return max(0, used - _statistic(self.folder / "memory.stat", cache))


def memory(
    own: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")
) -> Memory | None:
    """The limit of memory; None without one."""
    found = []
    for version, folder in _folders("memory", own, mounted):
        name = "memory.max" if version == 2 else "memory.limit_in_bytes"
        limit = _number(folder / name)
        if limit is not None and limit < _NO_LIMIT:
            found.append(Memory(limit, folder, version))
    return min(found, key=lambda one: one.limit_bytes, default=None)


def cpu_limit(
    own: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")
) -> float | None:
    """How many processors' worth of time may be used; None without a limit."""
    found = []
    for version, folder in _folders("cpu", own, mounted):
        if version == 2:
            quota, _, period = _text(folder / "cpu.max").partition(" ")
        else:
            quota = _text(folder / "cpu.cfs_quota_us")
            period = _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(quota) and int(period):
            found.append(int(quota) / int(period))
    return min(found, default=None)


def _folders(controller: str, own: Path, mounted: Path) -> Iterator[tuple[int, Path]]:
    """The groups of this process, the own one first, up to the root."""
    for line in _text(own).splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            version, roots = 2, (mounted, mounted / "unified")
        elif controller in names.split(","):
            version, roots = 1, (mounted / controller, mounted / names)
        else:
            continue
        for root in roots:
            group = root / path.strip("/")
            seen = [group, *group.parents]
            for folder in seen[: seen.index(root) + 1] if root in seen else [root]:
                if os.path.isdir(folder):
                    yield version, folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _statistic(path: Path, name: str) -> int:
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0
