"""The worker that turns logged media into files, away from the training.

    put      names the file, queues the media, and answers with the row's reference at once
    worker   encodes into a hidden part file, renames it, records `MediaStored`
    close    waits within a bound; what is still not done is recorded as an error

The worker is a daemon thread that lives while there is something to encode, so a run that
logs no media, or none at the moment, has no thread. After a fork the child has an empty queue
and a worker of its own: what was queued before is the parent's to write.

A reader may meet the `MediaStored` of a file before the row that refers to it: the worker can
be faster than the row.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rltrack._terminal import say
from rltrack.journal.records import Json, MediaStored
from rltrack.media.base import Media

QUEUE_BYTES: Final = 1 << 30
CLOSE_TIMEOUT_S: Final = 120.0
#: How long `close` waits before it says that it waits.
PATIENCE_S: Final = 1.0

_UNSAFE: Final = re.compile(r"[^0-9A-Za-z._+=-]")
#: A folder or file name may have 255 bytes; the leaf also carries step, random part and ending.
_MAX_PART: Final = 100
_MAX_FOLDERS: Final = 16


@dataclass(frozen=True, slots=True)
class _Job:
    path: str
    """Relative to the media folder, with ``/``."""
    media: Media


class MediaStore:
    """Writes the media of one run. `put` may be called from any thread.

    Args:
        folder: the run's media folder; made on the first file.
        record: told of each file that has arrived, or never will.
        clock: nanoseconds since the epoch.
        queue_bytes: how much memory may wait to be encoded. Beyond it `put` waits: it neither
            drops a video nor lets memory grow without end.
    """

    def __init__(
        self,
        folder: Path,
        record: Callable[[MediaStored], None],
        *,
        clock: Callable[[], int] = time.time_ns,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._folder = folder
        self._record = record
        self._clock = clock
        self._queue_bytes = queue_bytes
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._encoding: _Job | None = None
        self._held_bytes = 0
        self._worker: threading.Thread | None = None
        self._given_up = False
        self._told = False

    def put(self, key: str, step: int, media: Media) -> dict[str, Json]:
        """Have `media` written, and return what the row says of it.

        Waits only while the queue is full.

        Args:
            key: the metric under which it was logged; each ``/`` makes a folder.
            step: the row's step.
            media: it keeps its own copy of the data.
        """
        if os.getpid() != self._pid:
            self._begin()  # the lock may have been held, and the worker was alive, in the parent
        media.place(lambda part: self.put(key, step, part))
        path = f"{media.kind}/{_file_name(key, step, media.extension)}"
        with self._changed:
            self._changed.wait_for(lambda: self._fits(media.size_bytes))
            self._held_bytes += media.size_bytes
            self._waiting.append(_Job(path, media))
            if self._worker is None:
                self._start_worker()
        return {"_type": media.type_name, "path": path, **media.facts()}

    def _fits(self, size_bytes: int) -> bool:
        # One that is larger than the whole queue passes alone; waiting would not make it fit.
        return not self._held_bytes or self._held_bytes + size_bytes <= self._queue_bytes

    def _start_worker(self) -> None:
        worker = threading.Thread(target=self._work, name="rltrack-media", daemon=True)
        try:
            worker.start()
        except RuntimeError:
            return  # the interpreter is shutting down; `close` encodes what waits
        self._worker = worker

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._worker = None
                    self._changed.notify_all()
                    return
                self._encoding = job = self._waiting.popleft()
            stored = self._store(job)
            with self._changed:
                self._encoding = None
                self._held_bytes -= job.media.size_bytes
                # After `close` gave up, the journal already has this file as an error.
                if not self._given_up:
                    self._tell(stored)
                self._changed.notify_all()

    def _store(self, job: _Job) -> MediaStored:
        """Write one file. Whatever goes wrong is in the answer: training must not see it."""
        path = self._folder / job.path
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            facts = job.media.encode(part)
            facts |= {"sha256": _sha256(part), "bytes": part.stat().st_size}
            os.replace(part, path)
        except Exception as fault:  # an encoder may raise anything
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return MediaStored(self._clock(), job.path, error=str(fault) or repr(fault))
        return MediaStored(self._clock(), job.path, facts)

    def _tell(self, stored: MediaStored) -> None:
        if stored.error is not None and not self._told:
            self._told = True  # the others are in the run; a line for each would bury the terminal
            say(f"warning: {stored.path} could not be written: {stored.error}")
        try:
            self._record(stored)
        except Exception as refusal:  # the journal in strict mode: nobody above could catch it here
            say(f"warning: {stored.path} could not be recorded: {refusal}")

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Wait until all is written, `timeout_s` at most; Ctrl-C stops the waiting, too.

        What is not written by then is recorded as an error.
        """
        if os.getpid() != self._pid:
            return
        deadline = time.monotonic() + timeout_s
        try:
            if not self._wait(min(PATIENCE_S, timeout_s)):
                say(
                    f"waiting for {_count(self._unfinished())} to be written, "
                    f"{timeout_s:.0f} s at most; Ctrl-C leaves them out"
                )
                self._wait(deadline - time.monotonic())
            why = f"not written within {timeout_s:.0f} s after the run ended"
        except KeyboardInterrupt:
            why = "not written when the run was interrupted"
        with self._changed:
            left_out = self._unfinished()
            if not left_out:
                return
            self._given_up = True
            self._waiting.clear()
            say(f"warning: {_count(left_out)} left out: {why}")
            self._told = True
            for job in left_out:
                self._tell(MediaStored(self._clock(), job.path, error=why))

    def _wait(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do; whether that is so."""
        with self._changed:
            if self._waiting and self._worker is None:
                self._work()
            return self._changed.wait_for(lambda: not self._unfinished(), timeout_s)

    def _unfinished(self) -> list[_Job]:
        encoding = [self._encoding] if self._encoding else []
        return [*encoding, *self._waiting]


def _count(jobs: list[_Job]) -> str:
    """``1 video``, ``3 videos``, ``4 media files``."""
    kinds = {job.media.kind for job in jobs}
    what = kinds.pop() if len(kinds) == 1 else "media files"
    return f"{len(jobs)} {what.removesuffix('s') if len(jobs) == 1 else what}"


def _file_name(key: str, step: int, extension: str) -> str:
    """``eval/video`` as ``eval/video_20480_<random>.mp4``, which stays inside its folder."""
    *folders, leaf = [_UNSAFE.sub("_", part)[:_MAX_PART] for part in key.split("/")]
    # A leading dot would hide the file, or climb out of the folder.
    safe = ["_" + part.lstrip(".") if part[:1] in ("", ".") else part for part in folders]
    # 64 random bits: many values may be logged under one key and step, by many processes.
    name = f"{leaf.lstrip('.') or '_'}_{step}_{secrets.token_hex(8)}.{_UNSAFE.sub('_', extension)}"
    return "/".join([*safe[:_MAX_FOLDERS], name])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
