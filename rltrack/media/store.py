"""The workers that turn logged media into files, away from the training.

    put      names the file, queues the media, and answers with the row's reference at once
    worker   encodes into a hidden part file, renames it, records `MediaStored`
    close    waits within a bound; what is still not done is recorded as an error

Workers are daemon threads: one that feeds an ffmpeg process waits most of the time, so there are
a few of them, and a picture need not wait for a video. They begin with the first media and end
when there has been none for a while, so a run that logs no media has no thread. After a fork the
child has an empty queue and workers of its own: what was queued before is the parent's to write.

Content is stored once. The same object logged again is the same reference; another of equal bytes
is a file of its own name and, by a hard link, of the same blocks on the disk: so a reader meets
one kind of reference, and may delete one file without taking the other.

A reader may meet the `MediaStored` of a file before the row that refers to it: a worker can be
faster than the row.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import re
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rltrack._terminal import say
from rltrack.journal.records import Json, MediaStored
from rltrack.media.base import Media

Overflow = Literal["block", "drop"]

QUEUE_BYTES: Final = 1 << 30
CLOSE_TIMEOUT_S: Final = 120.0
#: How long `close` or a full queue waits before it says that it waits.
PATIENCE_S: Final = 1.0
#: How long a worker stays without work: to start a thread costs more than to queue a picture.
LINGER_S: Final = 10.0

#: Numbers in the names of files have 64 bits.
_NUMBERS: Final = (1 << 64) - 1
_UNSAFE: Final = re.compile(r"[^0-9A-Za-z._+=-]")
#: A folder or file name may have 255 bytes; the leaf also carries step, random part and ending.
_MAX_PART: Final = 100
_MAX_FOLDERS: Final = 16
#: Of so many files it is known whether the next has the same bytes; each takes 200 bytes.
_MAX_KNOWN: Final = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
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
        queue_bytes: how much memory may wait to be encoded.
        overflow: what `put` does beyond it: ``block`` waits, so that neither a video is lost nor
            memory grows without end; ``drop`` leaves the new one out, and counts it.
        workers: how many encode at a time; by default half of the cores, 2 to 4.
        warn: told of a fault by its kind and in words; those of a kind may be told once.
    """

    def __init__(
        self,
        folder: Path,
        record: Callable[[MediaStored], None],
        *,
        clock: Callable[[], int] = time.time_ns,
        queue_bytes: int = QUEUE_BYTES,
        overflow: Overflow = "block",
        workers: int | None = None,
        warn: Callable[[str, str], None] = lambda kind, message: say(f"warning: {message}"),
    ) -> None:
        self._folder = folder
        self._record = record
        self._clock = clock
        self._queue_bytes = queue_bytes
        self._overflow = overflow
        self._most_workers = workers or max(2, min(4, (os.cpu_count() or 1) // 2))
        self._warn = warn
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        # Many values may be logged under one key and step, by many processes: each of these
        # counts from a number of its own.
        self._numbers = itertools.count(secrets.randbits(64))
        lock = threading.RLock()  # a signal's handler may log in the middle of a `put`
        self._changed = threading.Condition(lock)
        self._work_came = threading.Condition(lock)
        self._publishing = threading.Lock()
        self._waiting: deque[_Job] = deque()
        self._encoding: list[_Job] = []
        self._held_bytes = 0
        self._workers = 0
        self._idle = 0
        self._dropped = 0
        self._closing = False
        self._given_up = False
        self._told: set[str] = set()
        self._placed: weakref.WeakKeyDictionary[Media, dict[str, Json]] = (
            weakref.WeakKeyDictionary()
        )
        self._known: dict[tuple[str, str], Path] = {}

    def put(self, key: str, step: int, media: Media) -> dict[str, Json]:
        """Have `media` written, and return what the row says of it.

        Waits only while the queue is full.

        Args:
            key: the metric under which it was logged; each ``/`` makes a folder.
            step: the row's step.
            media: it keeps its own copy of the data.
        """
        if os.getpid() != self._pid:
            self._begin()  # the lock may have been held, and workers were alive, in the parent
        if media.immutable and (placed := self._placed.get(media)) is not None:
            return dict(placed)
        media.place(lambda part: self.put(key, step, part))
        path = f"{media.kind}/{self._file_name(key, step, media.extension)}"
        reference = {"_type": media.type_name, "path": path, **media.facts()}
        with self._changed:
            if self._wait_for_room(media.size_bytes):
                self._closing = False
                self._held_bytes += media.size_bytes
                self._waiting.append(_Job(path, media))
                self._call_worker()
                if media.immutable:
                    self._placed[media] = reference
                return dict(reference)
        self._drop(path)
        return reference

    def _file_name(self, key: str, step: int, extension: str) -> str:
        """``eval/video`` as ``eval/video_20480_<number>.mp4``, which stays inside its folder."""
        number = next(self._numbers) & _NUMBERS
        return f"{_safe(key)}_{step}_{number:016x}.{_UNSAFE.sub('_', extension)}"

    def _wait_for_room(self, size_bytes: int) -> bool:
        """Whether there is room for so much more, now or after a while."""
        if self._fits(size_bytes):
            return True
        if self._overflow == "drop":
            return False
        if not self._changed.wait_for(lambda: self._fits(size_bytes), PATIENCE_S):
            self._tell(
                "queue",
                f"log waits: {_size(self._held_bytes)} of media wait to be encoded; log fewer or "
                "smaller ones, or choose Settings(media_overflow='drop') or more media_queue_bytes",
            )
            self._changed.wait_for(lambda: self._fits(size_bytes))
        return True

    def _fits(self, size_bytes: int) -> bool:
        # One that is larger than the whole queue passes alone; waiting would not make it fit.
        return not self._held_bytes or self._held_bytes + size_bytes <= self._queue_bytes

    def _drop(self, path: str) -> None:
        self._dropped += 1
        why = f"dropped: {_size(self._held_bytes)} of media were waiting to be encoded"
        self._tell("drop", f"{path} is {why}; so may be others, which are counted at the end")
        self._report(MediaStored(self._clock(), path, error=why))

    def _call_worker(self) -> None:
        if self._idle >= len(self._waiting):
            self._work_came.notify()
        elif self._workers < self._most_workers:
            worker = threading.Thread(target=self._work, name="rltrack-media", daemon=True)
            # The interpreter may be shutting down; then `close` encodes what waits.
            with contextlib.suppress(RuntimeError):
                worker.start()
                self._workers += 1

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            self._encode(job)

    def _next_job(self) -> _Job | None:
        """What to encode next; None if there has been nothing for a while."""
        with self._changed:
            if not self._waiting and not self._closing:
                self._idle += 1
                self._work_came.wait_for(lambda: self._waiting or self._closing, LINGER_S)
                self._idle -= 1
            if not self._waiting:
                self._workers -= 1
                self._changed.notify_all()
                return None
            job = self._waiting.popleft()
            self._encoding.append(job)
            return job

    def _encode(self, job: _Job) -> None:
        stored = self._store(job)
        with self._changed:
            self._encoding.remove(job)
            self._held_bytes -= job.media.size_bytes
            # After `close` gave up, the journal already has this file as an error.
            if not self._given_up:
                if stored.error is not None:
                    self._tell("failed", f"{stored.path} could not be written: {stored.error}")
                self._report(stored)
            self._changed.notify_all()

    def _store(self, job: _Job) -> MediaStored:
        """Write one file. Whatever goes wrong is in the answer: training must not see it."""
        path = self._folder / job.path
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            facts = job.media.encode(part)
            digest = _sha256(part)
            facts |= {"sha256": digest, "bytes": part.stat().st_size}
            self._publish(part, path, digest)
        except Exception as fault:  # an encoder may raise anything
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return MediaStored(self._clock(), job.path, error=str(fault) or repr(fault))
        return MediaStored(self._clock(), job.path, facts)

    def _publish(self, part: Path, path: Path, digest: str) -> None:
        """Have the whole file appear under its name, with the blocks of an equal one if there is."""
        with self._publishing:  # or two workers could each be the first
            known = self._known.get((digest, path.suffix))
            if known is not None:
                # Where links are refused, or the first was deleted: a file of its own.
                with contextlib.suppress(OSError):
                    os.link(known, path)
                    part.unlink()
                    return
            os.replace(part, path)
            if len(self._known) < _MAX_KNOWN:
                self._known[digest, path.suffix] = path

    def _report(self, stored: MediaStored) -> None:
        try:
            self._record(stored)
        except Exception as refusal:  # the journal in strict mode: nobody above could catch it here
            self._tell("record", f"{stored.path} could not be recorded: {refusal}")

    def _tell(self, kind: str, message: str) -> None:
        """Warn once of a kind: the rest is in the run, and a line for each would bury the terminal."""
        if kind not in self._told:
            self._told.add(kind)
            self._warn(f"media {kind}", message)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Wait until all is written, `timeout_s` at most; Ctrl-C stops the waiting, too.

        What is not written by then is recorded as an error.
        """
        if os.getpid() != self._pid:
            return
        deadline = time.monotonic() + timeout_s
        why = f"not written within {timeout_s:.0f} s after the run ended"
        with self._changed:
            self._closing = True
            self._work_came.notify_all()
        try:
            if not self._wait(min(PATIENCE_S, timeout_s)):
                say(
                    f"waiting for {_count(self._unfinished())} to be written, "
                    f"{timeout_s:.0f} s at most; Ctrl-C leaves them out"
                )
                self._wait(deadline - time.monotonic())
        except KeyboardInterrupt:
            why = "not written when the run was interrupted"
        with self._changed:
            if left_out := self._unfinished():
                self._given_up = True
                self._waiting.clear()
                self._warn("media left out", f"{_count(left_out)} left out: {why}")
                self._told.add("failed")
                for job in left_out:
                    self._report(MediaStored(self._clock(), job.path, error=why))
        if self._dropped:
            self._warn(
                "media dropped",
                f"{self._dropped} media were dropped, since more than {_size(self._queue_bytes)} "
                "waited to be encoded",
            )
            self._dropped = 0

    def _wait(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do and no worker is left; whether that is so."""
        with self._changed:
            if self._waiting and not self._workers:
                self._workers += 1
                self._work()
            return self._changed.wait_for(
                lambda: not self._unfinished() and not self._workers, timeout_s
            )

    def _unfinished(self) -> list[_Job]:
        return [*self._encoding, *self._waiting]


def _size(count: int) -> str:
    """A number of bytes: ``1.0 GiB``."""
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 29 else f"{count / (1 << 20):.1f} MiB"


def _count(jobs: list[_Job]) -> str:
    """``1 video``, ``3 videos``, ``4 media files``."""
    kinds = {job.media.kind for job in jobs}
    what = kinds.pop() if len(kinds) == 1 else "media files"
    return f"{len(jobs)} {what.removesuffix('s') if len(jobs) == 1 else what}"


@functools.lru_cache(256)
def _safe(key: str) -> str:
    """A key as a path that leads into no other folder."""
    *folders, leaf = [_UNSAFE.sub("_", part)[:_MAX_PART] for part in key.split("/")]
    # A leading dot would hide the file, or climb out of the folder.
    safe = ["_" + part.lstrip(".") if part[:1] in ("", ".") else part for part in folders]
    return "/".join([*safe[:_MAX_FOLDERS], leaf.lstrip(".") or "_"])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
