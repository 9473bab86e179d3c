"""What `pip install` does beyond copying Python files.

It builds the dashboard with npm and, for `-e`, links the top-level `callbacks/` and `hooks/`
into the package, where the wheel puts them.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NO_NODE = (
    "rltrack: npm not found, so the dashboard was not built and `rltrack ui` has no page; "
    "install Node.js 20 or newer and reinstall. All else works."
)
NPM_FAILED = (
    "rltrack: the dashboard could not be built ({failure}); it needs Node.js 20.19 or newer and "
    "the npm registry. Without npm on the PATH, rltrack installs without its page."
)


class BuildHook(BuildHookInterface[Any]):
    """Called by hatchling before it makes a wheel, an sdist or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the dashboard; `version` is "editable" or "standard"."""
        root = Path(self.root)
        if version == "editable":
            for name in ("callbacks", "hooks"):
                link(root / "rltrack" / name, root / name)
        if not (root / "PKG-INFO").exists():  # an sdist carries the built dashboard
            source, target = root / "rltrack" / "dashboard", root / "rltrack" / "server" / "static"
            try:
                build_dashboard(source, target)
            except subprocess.CalledProcessError as failure:
                if version != "editable":  # a wheel without its page must not be made unnoticed
                    raise SystemExit(NPM_FAILED.format(failure=failure)) from failure
                print(NPM_FAILED.format(failure=failure), file=sys.stderr)


def build_dashboard(source: Path, target: Path) -> None:
    """Run npm, unless what it would make is there already.

    Raises:
        subprocess.CalledProcessError: npm failed, and printed why.
    """
    stamp = target / ".built-from"
    wanted = fingerprint(source)
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        print(NO_NODE, file=sys.stderr)
        return
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        subprocess.run([npm, *arguments], cwd=source, check=True)
    stamp.write_text(wanted, encoding="ascii")


def fingerprint(folder: Path) -> str:
    """A digest of the front end's sources."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "node_modules" not in path.relative_to(folder).parts:
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def link(at: Path, to: Path) -> None:
    """A relative symlink, or on Windows a directory junction, which needs no privilege."""
    if at.exists():
        return
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(to), str(at))
    else:
        at.symlink_to(Path("..", to.name), target_is_directory=True)
