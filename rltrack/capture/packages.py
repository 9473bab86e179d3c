"""The installed packages, as lines for pip: read from the names of folders, so it takes milliseconds."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable

_FOLDER = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.(?:dist|egg)-info")


def installed(paths: Iterable[str] | None = None) -> list[str]:
    """One line for each package: ``name==version``, or where it was installed from.

    Args:
        paths: the folders in which Python looks for modules; of two versions the first counts.
    """
    found: dict[str, str] = {}
    for path in sys.path if paths is None else paths:
        for name, version, folder in _packages_in(path):
            plain = re.sub(r"[-_.]+", "-", name).lower()  # as PEP 503 compares them
            if plain not in found:
                found[plain] = _line(plain, version, folder)
    return [found[name] for name in sorted(found)]


def _packages_in(path: str) -> list[tuple[str, str, str]]:
    try:
        names = os.listdir(path or ".")
    except OSError:  # a zip, or a folder that is not there
        return []
    matches = [(match, name) for name in names if (match := _FOLDER.fullmatch(name))]
    return [(match["name"], match["version"], os.path.join(path, name)) for match, name in matches]


def _line(name: str, version: str, folder: str) -> str:
    """How pip would freeze it."""
    try:
        with open(os.path.join(folder, "direct_url.json"), encoding="utf-8") as file:
            origin = json.load(file)
    except (OSError, ValueError):
        return f"{name}=={version}"
    from rltrack.capture.git import without_credentials

    address = without_credentials(str(origin.get("url", "")))
    if repository := origin.get("vcs_info"):
        return f"{name} @ {repository.get('vcs')}+{address}@{repository.get('commit_id')}"
    if origin.get("dir_info", {}).get("editable"):
        return f"# editable: {name}=={version} @ {address}"
    return f"{name} @ {address}"
