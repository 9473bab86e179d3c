"""What is written for TensorBoard, recorded in a run as well.

    rltrack.init(sync_tensorboard=True)      all that this process writes from now on

    from rltrack.hooks.tensorboard import sync_tensorboard
    with sync_tensorboard("runs/ppo"):       what it writes below a folder
        train()
    sync_tensorboard("runs/ppo", follow=True)    what other processes write, and have written

The writers of torch, TensorBoard and tensorboardX are heard as they take an event, whether they
were made before or after; the files of TensorFlow's, if made after, are read as they grow. What
was written before belongs to no run; ``follow=True`` reads it. All files stay what they are. Each value keeps its own step,
which is ``global_step`` in the run, and two values of one tag and step are two points. Numbers
are recorded as the caller gave them, in float64. `tensorboard_names.py` tells what a tag is
called where several folders have the same; hyperparameters become config.

Read `_tensorboard_tap.py` first; `_tensorboard_follow.py` is for the files of others. For those
of the past there is ``rltrack import tensorboard LOGDIR``.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Final
from weakref import WeakKeyDictionary

import rltrack
from rltrack.errors import NotInitializedError, RunFinishedError, UsageError
from rltrack.hooks import _tensorboard_tap as tap
from rltrack.hooks._tensorboard_follow import Follower, event_files_below
from rltrack.hooks._tensorboard_listener import RunListener
from rltrack.importers.tensorboard_events import event_class
from rltrack.importers.tensorboard_names import Names

__all__ = ["TensorBoardSync", "sync_tensorboard"]

_WRITERS: Final = ("tensorboard", "tensorboardX", "tensorflow")
#: One run may be told by several: a name has one meaning in it.
_names: Final[WeakKeyDictionary[rltrack.Run, Names]] = WeakKeyDictionary()


class TensorBoardSync:
    """A synchronisation that goes on. Ends with its ``with`` block, by `close`, or with the run."""

    def __init__(self, run: rltrack.Run, source: RunListener | Follower | None) -> None:
        self.run = run
        self._source = source
        if isinstance(source, RunListener):
            tap.listen(source)
        if source is not None:
            run.on_finish(self.close)

    def close(self) -> None:
        """Stop; the classes that were listened to are what they were. May be called again."""
        source, self._source = self._source, None
        if isinstance(source, RunListener):
            tap.leave(source)
        if source is not None:
            source.close()

    def __enter__(self) -> TensorBoardSync:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def sync_tensorboard(
    logdir: str | os.PathLike[str] | None = None,
    follow: bool = False,
    *,
    run: rltrack.Run | None = None,
    poll_s: float = 1.0,
) -> TensorBoardSync:
    """Record in a run what is written for TensorBoard.

    Args:
        logdir: only what is written below this folder; by default everything.
        follow: read the event files below `logdir`, those of other processes and of the past
            as well, and follow them as they grow. Without it, nothing is read: this process's
            own writers are heard.
        run: where to record; by default the run that is going on.
        poll_s: from one look at the files to the next.

    Returns:
        What ends it. It ends with the run, too.

    Raises:
        NotInitializedError: there is no run.
        RunFinishedError: `run` is finished.
        UsageError: there is no folder to follow.
        MissingExtraError: neither TensorBoard nor tensorboardX is installed to read files with.
    """
    run = run or rltrack.run
    if run is None:
        raise NotInitializedError("You must call rltrack.init() before sync_tensorboard()")
    if run.state != "running":
        raise RunFinishedError(
            f"sync_tensorboard: run {run.path} is {run.state}, so nothing can be recorded in it; "
            "start another with rltrack.init()"
        )
    folder = None if logdir is None else os.path.abspath(logdir)
    if follow and folder is None:
        raise UsageError("sync_tensorboard(follow=True): say which folder to follow, as logdir=")
    if run.disabled:
        return TensorBoardSync(run, None)
    names = _names.setdefault(run, Names())
    if follow:
        assert folder is not None
        event_class()
        return TensorBoardSync(
            run, Follower(run, names, folder, lambda: _unheard(run, folder), poll_s)
        )
    if any(
        isinstance(other, RunListener) and other.run is run and other.below in (None, folder)
        for other in tap.listeners()
    ):
        return TensorBoardSync(run, None)  # heard already: each event once
    if not any(importlib.util.find_spec(name) for name in _WRITERS):
        run.warn(
            "tensorboard missing",
            "sync_tensorboard: no TensorBoard writer is installed, so none can be heard; "
            "type: pip install 'rltrack[tensorboard]'",
        )
    return TensorBoardSync(run, RunListener(run, names, folder))


def hears(run: rltrack.Run) -> bool:
    """Whether all that this process writes for TensorBoard is recorded in a run."""
    return any(
        isinstance(listener, RunListener) and listener.run is run and listener.below is None
        for listener in tap.listeners()
    )


def _unheard(run: rltrack.Run, logdir: str) -> Iterator[tuple[str, list[str]]]:
    """Event files below a folder, but for those whose events `run` hears as they are written."""
    heard: set[str] = set()
    for listener in tap.listeners():
        if isinstance(listener, RunListener) and listener.run is run:
            heard |= listener.files
    for folder, paths in event_files_below(logdir):
        yield folder, [path for path in paths if os.path.realpath(path) not in heard]
