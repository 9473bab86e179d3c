"""A run in a further process: it writes there under a name of its own, into the same journal.

A run that is pickled is its folder and its facts, and where it arrives it is attached to: rows
go on from the step that it had, and its end there is not the run's end.
"""

from __future__ import annotations

import os
import sys
import weakref
from pathlib import Path

from rltrack._logged import plain_names
from rltrack._run import Run
from rltrack.folder import RunFacts, RunFolder
from rltrack.journal.null import Journal, NullJournal
from rltrack.settings import Settings

#: Runs of this process by folder, so that one that comes back is the one that went.
_here: weakref.WeakValueDictionary[tuple[int, Path], Run] = weakref.WeakValueDictionary()


def open_writer(run: Run) -> Journal:
    """A journal of this process's own in the run's folder.

    Raises:
        OSError: it cannot be written.
    """
    from rltrack.journal.writer import JournalWriter  # who only reads needs none

    folder = run.run_folder
    if folder is None:
        return NullJournal()
    _here[os.getpid(), folder.path] = run
    return JournalWriter(
        folder.journal,
        on_trouble=run.on_trouble,
        admit=plain_names,
        buffer_bytes=run.settings.buffer_bytes or 0,
    )


def attach(path: Path | None, facts: RunFacts, settings: Settings, step: int) -> Run:
    """The run of that folder, in this process.

    Args:
        path: the run's folder; None for one that records nothing.
        facts: of the run.
        settings: of the run.
        step: the index of its next row.
    """
    if path is None:
        return Run(facts, settings, open_writer, None, step=step)
    known = _here.get((os.getpid(), path))
    if known is not None:
        return known
    run = Run(facts, settings, open_writer, RunFolder(path), step=step, owner=False)
    _finish_with_process(run)
    return run


def _finish_with_process(run: Run) -> None:
    """Workers of `multiprocessing` leave without Python's exit hooks, but not without their own."""
    import atexit

    # Both keep it: a worker gets it again with every task, and must not begin a file for each.
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        util.Finalize(None, run.finish, exitpriority=10)
    atexit.register(run.finish)
