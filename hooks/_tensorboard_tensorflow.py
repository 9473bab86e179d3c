"""The writers of TensorFlow 2, which write in C++: there is no call to listen to.

So their event files are followed, those that this process begins after the run has; a writer
keeps what it has for two minutes, and at the end it is told to write it.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Iterator
from typing import Any, Final

from rltrack import Run
from rltrack.hooks._tensorboard_follow import Follower
from rltrack.importers.tensorboard_names import Names

#: ``events.out.tfevents.<second>.<host>.<pid>.<number>.v2``
_FILE: Final = re.compile(r"tfevents\.(\d+)\..*\.(\d+)\.\d+\.v2$")
_POLL_S: Final = 1.0


class TensorFlowWriters:
    """Follows the files of the writers that it is told of."""

    def __init__(self, run: Run, names: Names) -> None:
        self._run = run
        self._names = names
        self._since_s = int(run.start_time)
        self._folders: dict[str, None] = {}
        self._writers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._follower: Follower | None = None

    def add(self, writer: Any, folder: str) -> None:
        """A writer was made."""
        self._writers.add(writer)
        self._folders[folder] = None
        if self._follower is None:
            self._follower = Follower(
                self._run, self._names, "TensorFlow's event files", self._files, _POLL_S
            )

    def close(self) -> None:
        """Have the writers write what they keep, read it, and stop."""
        if self._follower is None:
            return
        for writer in list(self._writers):
            try:
                writer.flush()
            except Exception as fault:  # of a closed one, or one that belongs to a graph
                self._run.warn(
                    "tensorboard flush",
                    f"a writer of TensorFlow's could not be flushed, so its last values may be "
                    f"missing: {type(fault).__name__}: {fault}",
                )
        self._follower.close()

    def _files(self) -> Iterator[tuple[str, list[str]]]:
        for folder in list(self._folders):
            try:
                names = os.listdir(folder)
            except OSError:  # it is made with the first event
                continue
            yield folder, [os.path.join(folder, name) for name in names if self._is_ours(name)]

    def _is_ours(self, name: str) -> bool:
        found = _FILE.search(name)
        return found is not None and int(found[1]) >= self._since_s and int(found[2]) == os.getpid()


def folder_of(init_op_fn: Any) -> str | None:
    """Where a writer of TensorFlow's will write; None if this version does not say."""
    logdir: Any = getattr(init_op_fn, "keywords", {}).get("logdir")
    if hasattr(logdir, "numpy"):
        logdir = logdir.numpy()
    if isinstance(logdir, bytes):
        logdir = logdir.decode()
    return os.path.abspath(logdir) if isinstance(logdir, str) else None
