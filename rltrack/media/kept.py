"""Logged tables as artifacts: each once it is written, in the order in which they were logged.

Encoders work in parallel, and a table's file may be there before the media of its cells are, or
before that of the row before. So a table waits here for its files, and for those before it; a
thread that lives as long as there is something to do then has a version made of them.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rltrack.journal.records import MediaStored

#: Files of which it is known that they were written, before it is known whose they are.
_MOST_KNOWN: Final = 1 << 14

#: Has a version made: the key, files by name, and whether they come beside those of before.
Keep = Callable[[str, Mapping[str, Path], bool], None]


@dataclass(slots=True)
class _Logged:
    """A table that was logged."""

    key: str
    path: str
    media: Sequence[str]
    part: int | None
    waits_for: set[str]


class KeptTables:
    """Has versions made of tables. Its methods may be called from any thread.

    Args:
        folder: of the run's media.
        keep: called on a thread, for one table at a time.
    """

    def __init__(self, folder: Path, keep: Keep) -> None:
        self._folder = folder
        self._keep = keep
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a signal's handler may log in the middle of a call
        self._logged: deque[_Logged] = deque()
        self._written: OrderedDict[str, bool] = OrderedDict()
        self._thread: threading.Thread | None = None

    def logged(self, key: str, path: str, media: Sequence[str], part: int | None) -> None:
        """A table was logged.

        Args:
            key: under which.
            path: of its file, below `folder`.
            media: those of its cells, likewise.
            part: its number among those that are a table together; None if it is whole.
        """
        if os.getpid() != self._pid:
            self._begin()  # what was logged before is the parent's to keep
        with self._lock:
            waits_for = {one for one in (path, *media) if not self._is_written(one)}
            self._logged.append(_Logged(key, path, media, part, waits_for))
            self._go_on()

    def _is_written(self, path: str) -> bool:
        # A file appears whole; one that never will is known, unless that was long ago.
        return path in self._written or (self._folder / path).is_file()

    def stored(self, stored: MediaStored) -> None:
        """A file was written, or never will be."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._written[stored.path] = stored.error is None
            if len(self._written) > _MOST_KNOWN:
                self._written.popitem(last=False)
            for one in self._logged:
                one.waits_for.discard(stored.path)
            self._go_on()

    def _go_on(self) -> None:
        if self._thread is None and self._logged and not self._logged[0].waits_for:
            thread = threading.Thread(target=self._work, name="rltrack-tables", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # the interpreter is shutting down; `close` does what is left
            self._thread = thread

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._logged or self._logged[0].waits_for:
                    self._thread = None
                    return
                one = self._logged.popleft()
            files = self._files(one)
            if files:
                self._keep(one.key, files, one.part is not None)

    def _files(self, one: _Logged) -> dict[str, Path]:
        table = self._folder / one.path
        if not table.is_file():
            return {}
        name = "table.parquet" if one.part is None else f"{one.part}.table.parquet"
        media = {f"media/{path}": self._folder / path for path in one.media}
        return {name: table, **{name: path for name, path in media.items() if path.is_file()}}

    def close(self, timeout_s: float) -> None:
        """Wait until all are kept, `timeout_s` at most; all of their files are there, or never will be."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            for one in self._logged:
                one.waits_for.clear()
            self._go_on()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        elif self._logged:
            self._work()
