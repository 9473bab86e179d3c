"""`Film`: a video that is made frame by frame, of any length, in bounded memory.

    add      holds frames; once they are many, an encoder is fed with them while more come
    video    what is logged: the frames that are held, or the file that was encoded meanwhile
    discard  it is not wanted after all

Most episodes are short. Their frames wait until it is known whether they are wanted, and an
encoder starts only then. Those of a long one would fill the memory: theirs starts at once.

ffmpeg is fed through a socket: unlike a pipe it can be shut down, so that ffmpeg sees the end of
its input even where a child that was forked meanwhile holds a copy of our end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rltrack.errors import MediaError
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.video import Video, check_end, encoder_options, start_ffmpeg

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Frame = npt.NDArray[np.uint8]

#: What is held before an encoder starts, and what may wait for it while it works.
HELD_BYTES: Final = 256 << 20


class Film:
    """Frames of one size, which the caller gives up: they are not copied.

    Args:
        fps: frames a second.
        held_bytes: how much memory may wait; beyond it `add` waits for the encoder.
    """

    def __init__(self, fps: float, *, held_bytes: int = HELD_BYTES) -> None:
        self._fps = fps
        self._held_bytes = held_bytes
        self._frames: list[Frame] = []
        self._bytes = 0
        self._encoder: _Encoder | None = None

    def add(self, frame: Frame) -> None:
        """Add a frame: uint8, of shape (H, W, C), contiguous.

        Raises:
            MissingExtraError: an encoder is to be started, and imageio-ffmpeg is not installed.
            MediaError: it is not of the size of the others, or the encoder has failed.
        """
        if self._encoder is not None:
            self._encoder.put(frame)
            return
        self._frames.append(frame)
        self._bytes += frame.nbytes
        if self._bytes > self._held_bytes:
            self._encoder = _Encoder(frame.shape, self._fps, self._held_bytes)
            weakref.finalize(self, self._encoder.kill)
            for held in self._frames:
                self._encoder.put(held)
            self._frames = []

    @property
    def last(self) -> Frame | None:
        """The frame that was added last, where it is still held."""
        return self._frames[-1] if self._frames else None

    def video(self, caption: str | None) -> Media | None:
        """What is logged; None if there are no frames. To be called once, instead of `discard`."""
        if self._encoder is not None:
            return _EncodedFilm(self, self._encoder, caption)
        return Video.taking_over(self._frames, caption, self._fps) if self._frames else None

    def discard(self) -> None:
        """Let go of it all."""
        self._frames = []
        if self._encoder is not None:
            self._encoder.kill()


class _Encoder:
    """An ffmpeg, and the thread that feeds it."""

    def __init__(self, shape: tuple[int, ...], fps: float, held_bytes: int) -> None:
        self._shape, self.fps, self._most_bytes = shape, fps, held_bytes
        self.count = 0
        self._pid = os.getpid()
        file, name = tempfile.mkstemp(prefix="rltrack-film-", suffix=".mp4")
        os.close(file)
        self._path = Path(name)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as we do)
        self._socket, theirs = socket.socketpair()
        with theirs:
            options = encoder_options(shape, fps, self._path, "mp4")
            self._ffmpeg = start_ffmpeg(options, theirs, self._complaints)
        self._changed = threading.Condition()
        self._waiting: deque[Frame | None] = deque()
        self._bytes = 0
        self._broken = False
        self._thread = threading.Thread(target=self._feed, name="rltrack-film", daemon=True)
        self._thread.start()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self._shape[0], self._shape[1]

    def put(self, frame: Frame) -> None:
        """Have a frame encoded; waits while too many are."""
        if frame.shape != self._shape:
            raise MediaError(f"a frame of shape {frame.shape} among those of {self._shape}")
        with self._changed:
            self._changed.wait_for(lambda: self._bytes <= self._most_bytes or self._broken)
            if self._broken:
                check_end(self._ffmpeg, self._complaints)
                raise MediaError("ffmpeg ended before the film did")
            self._waiting.append(frame)
            self._bytes += frame.nbytes
            self.count += 1
            self._changed.notify_all()

    def _feed(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                frame = self._waiting.popleft()
            try:
                if frame is None:
                    self._socket.shutdown(socket.SHUT_WR)
                    return
                self._socket.sendall(frame.data)
            except OSError:  # ffmpeg has ended
                with self._changed:
                    self._broken = True
                    self._waiting.clear()
                    self._changed.notify_all()
                return
            with self._changed:
                self._bytes -= frame.nbytes
                self._changed.notify_all()

    def finish(self, path: Path) -> None:
        """Wait for the rest, and move the file.

        Raises:
            MediaError: ffmpeg has failed.
            OSError: the file cannot be moved.
        """
        self._end()
        try:
            check_end(self._ffmpeg, self._complaints)
            shutil.move(self._path, path)
        finally:
            self._close()

    def _end(self) -> None:
        with self._changed:
            self._waiting.append(None)
            self._changed.notify_all()
        self._thread.join()

    def kill(self) -> None:
        """End it, and leave nothing; does nothing if it is finished, or another process's."""
        if os.getpid() != self._pid or self._complaints.closed:
            return
        with contextlib.suppress(OSError):
            self._ffmpeg.kill()
        with self._changed:
            self._waiting.clear()
        self._end()
        self._ffmpeg.wait()
        self._close()

    def _close(self) -> None:
        self._path.unlink(missing_ok=True)
        self._socket.close()
        self._complaints.close()


class _EncodedFilm(Media):
    """The file of a film that was encoded while it was made."""

    kind = Video.kind
    type_name = Video.type_name
    extension = "mp4"

    def __init__(self, film: Film, encoder: _Encoder, caption: str | None) -> None:
        self._film = film  # whose end would be the encoder's
        self._encoder = encoder
        self._caption = caption
        self.size_bytes = 0  # what waits is counted, and bounded, by the encoder

    def facts(self) -> dict[str, Json]:
        """Caption, fps, count and size."""
        height, width = self._encoder.size
        facts: dict[str, Json] = {} if self._caption is None else {"caption": self._caption}
        facts |= {"layout": "THWC", "fps": self._encoder.fps, "frames": self._encoder.count}
        return facts | {"width": width, "height": height}

    def encode(self, path: Path) -> dict[str, Json]:
        """Wait until it is encoded, and put it in its place.

        Raises:
            MediaError: ffmpeg has failed.
            OSError: the file cannot be moved.
        """
        self._encoder.finish(path)
        return {name: fact for name, fact in self.facts().items() if name != "caption"}
