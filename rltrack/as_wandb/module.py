"""What `rltrack run -m module` starts on Python 3.11, which tells of no exit of a module.

The module sees what ``python -m module`` would show it. On its way out, an exit is noted.
"""

from __future__ import annotations

import runpy
import sys
from types import ModuleType

from rltrack.capture import exit


def main() -> None:
    """Run the module that the command line names."""
    _, name, *arguments = sys.argv
    sys.argv[:] = ["-m", *arguments]
    sys.orig_argv[:] = [sys.executable, "-m", name, *arguments]
    sys.modules["__main__"] = ModuleType("__main__")  # a namespace without anything of ours
    try:
        runpy._run_module_as_main(name)  # type: ignore[attr-defined]
    except SystemExit as error:
        exit.note(error)
        raise


if __name__ == "__main__":
    main()
