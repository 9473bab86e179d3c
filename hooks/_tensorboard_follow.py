"""Event files that others write, recorded while they grow.

A thread looks every second: at each event file from where it was read last, and for files and
folders that are new. What lies there at the first look is read with what
restarts took back left out. A restart that comes later cannot take back what the run has
already, which only appends: it is told once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from rltrack import Run
from rltrack.errors import RunFinishedError
from rltrack.importers.tensorboard_events import (
    AnyEvent,
    EventFile,
    is_event_file,
    read_history,
    restart_step,
)
from rltrack.importers.tensorboard_names import Names
from rltrack.importers.tensorboard_recorder import EventRecorder

#: The event files of each folder, at the moment.
FindFiles: TypeAlias = Callable[[], Iterable[tuple[str, list[str]]]]


def event_files_below(logdir: str) -> Iterator[tuple[str, list[str]]]:
    """Folders with event files, parents and elder ones first: these get the plain names.

    Args:
        logdir: it need not be there yet.
    """
    for folder, folders, names in os.walk(logdir, followlinks=True):
        folders.sort()
        yield folder, [os.path.join(folder, name) for name in names if is_event_file(name)]


#: How long `close` reads on: a process that writes without a pause would never let it end.
CLOSE_TIMEOUT_S: Final = 60.0


class _TooLateError(Exception):
    """What is left to read is not read any more."""


class Follower:
    """Follows event files.

    Args:
        run: where to record.
        names: what tags are called in it.
        where: what is followed, in words.
        find: finds the files; asked at every look.
        poll_s: from one look to the next.
    """

    def __init__(
        self,
        run: Run,
        names: Names,
        where: str,
        find: FindFiles,
        poll_s: float,
    ) -> None:
        self.run = run
        self.where = where
        self.recorder = EventRecorder(run, names)
        self._poll_s = poll_s
        self._find = find
        self._files: dict[str, EventFile] = {}
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._deadline_s = float("inf")
        self._thread = threading.Thread(
            target=self._follow, name="rltrack-tensorboard", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Read what is there, and stop."""
        if os.getpid() != self._pid:
            return  # a forked child has no such thread; the parent goes on
        self._deadline_s = time.monotonic() + CLOSE_TIMEOUT_S
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(self._poll_s if self._files else 0.05):
            self._look()
        while self._look() and time.monotonic() < self._deadline_s:  # until nothing more comes
            pass
        for what, count in self.recorder.left_out.items():
            self.run.warn(f"tensorboard {what}", f"left out of {self.where}: {what} ({count} x)")

    def _look(self) -> bool:
        """Read what is new; whether anything was."""
        before = self.recorder.values
        try:
            for folder, files in self._folders().items():
                self._read(folder, files)
        except RunFinishedError:
            return False
        except _TooLateError:
            self.run.warn(
                "tensorboard follow late",
                f"{self.where} could not be read to the end within {CLOSE_TIMEOUT_S:.0f} s; "
                "`rltrack import tensorboard` reads all of it, into a run of its own",
            )
            return False
        except Exception as fault:
            self.run.warn(
                f"tensorboard follow {type(fault).__name__}",
                f"following {self.where} met {type(fault).__name__}: {fault}; it goes on",
            )
            return False
        return self.recorder.values > before

    def _folders(self) -> dict[str, list[EventFile]]:
        """The event files of each folder, by name: in the order in which TensorBoard reads them."""
        found: dict[str, list[EventFile]] = {}
        for folder, paths in self._find():
            if paths:
                self.recorder.names.know(folder)
                found[folder] = [self._file(path) for path in sorted(paths)]
        return found

    def _file(self, path: str) -> EventFile:
        if path not in self._files:
            self._files[path] = EventFile(Path(path))
        return self._files[path]

    def _read(self, folder: str, files: list[EventFile]) -> None:
        for file in files:
            if file.was_replaced():
                self.run.warn(
                    f"tensorboard replaced {file.path}",
                    f"{file.path} was replaced while it was followed, as two writers of "
                    "tensorboardX do that start in the same second; what was read of it stays",
                )
        home = self.recorder.names.home(folder)
        first_look = all(file.offset == 0 for file in files)
        events = read_history(files) if first_look else _news(files)
        for event in events:
            if time.monotonic() > self._deadline_s:
                raise _TooLateError
            if not first_look and restart_step(event) is not None:
                self.recorder.tell_restart(folder, event.step)
            self.recorder.record(event, home)
        for file in files:
            if file.damage is not None:
                self.run.warn(
                    f"tensorboard damage {file.path}",
                    f"{file.path} cannot be read on: {file.damage}",
                )


def _news(files: list[EventFile]) -> Iterator[AnyEvent]:
    for file in files:
        yield from file.events()
