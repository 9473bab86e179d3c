"""`Run.log_code`: the code of a folder, in the run's files and as an artifact."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rltrack.artifacts.artifact import Artifact
from rltrack.artifacts.names import safe_name
from rltrack.capture.code import copy_code, is_code, nothing
from rltrack.errors import UsageError

if TYPE_CHECKING:
    from rltrack._keeping import Keeping


def log_code(
    run: Keeping,
    root: str | os.PathLike[str],
    name: str | None,
    include_fn: Callable[..., bool] | None,
    exclude_fn: Callable[..., bool] | None,
) -> Artifact | None:
    """See `Run.log_code`.

    Raises:
        UsageError: there is no such folder.
    """
    if run.run_folder is None:  # which accepts every call
        return None
    folder = Path(root).absolute()
    if not folder.is_dir():
        raise UsageError(f"log_code(root={os.fspath(root)!r}): there is no such folder")
    code = run.run_folder.files / "code"
    copied = copy_code(
        folder,
        code,
        include_fn=include_fn or is_code,
        exclude_fn=exclude_fn or nothing,
        without=run.run_folder.path.parent.parent,
    )
    if not copied:
        return None
    run.note_metadata({"code": {"root": str(folder), "files": len(copied)}})
    program = Path(sys.argv[0] if sys.argv else "").stem or "python"
    artifact = Artifact(name or safe_name(f"source-{run.project}-{program}"), type="code")
    for relative in copied:  # what else lies there is the program's own, or of another call
        artifact.add_file(code / relative, name=relative.as_posix())
    return run.log_artifact(artifact)
