"""`Video`: frames as H.264 in an mp4, which every browser plays.

Frames go as raw bytes to an ffmpeg process (the one that imageio-ffmpeg brings, so none needs
to be installed), fed by the media worker: encoding takes a core for a moment, but not the GIL.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from rltrack.errors import MediaError, MissingExtraError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.base import Media

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    Frames: TypeAlias = npt.NDArray[Any] | torch.Tensor | Sequence[npt.NDArray[Any]]

DEFAULT_FPS: Final = 30.0
#: Containers that are taken as they are; browsers play the first three.
FILE_FORMATS: Final = ("mp4", "webm", "gif", "ogg", "ogv", "mov", "mkv", "avi")

_CHANNELS: Final = {1: "gray", 3: "rgb24", 4: "rgba"}
_CHUNK_BYTES: Final = 1 << 20


class Video(Media):
    """A video, of frames or from a file.

    Args:
        data_or_path: frames of one size, as an array of shape (T, H, W, C) or (T, C, H, W), or
            a list of T frames; C is 1 (gray), 3 (RGB) or 4 (RGBA, of which alpha is dropped).
            With one more axis in front, for example (B, T, C, H, W), the B clips are shown
            side by side. The values are uint8, other integers in 0..255, bools, or floats in
            [0, 1]. Or the path of a video file, which is stored as it is.
        caption: shown below the video.
        fps: frames a second, 30 by default; of a file it is the file's own.
        format: accepted for W&B's scripts (``gif``, ``mp4``, ``webm``, ``ogg``). Frames are
            always stored as mp4: a GIF takes ten times the space and the time.

    Raises:
        MediaError: the data is no video, or its axes can be read in two ways.
    """

    kind: ClassVar[str] = "videos"
    type_name: ClassVar[str] = "video-file"

    def __init__(
        self,
        data_or_path: Frames | str | os.PathLike[str],
        caption: str | None = None,
        fps: float | None = None,
        format: str | None = "mp4",
    ) -> None:
        if fps is not None and not (math.isfinite(fps) and fps > 0):
            raise MediaError(f"Video(fps={fps!r}): frames a second must be a number above 0")
        if format is not None and format not in FILE_FORMATS:
            raise MediaError(f"Video(format={format!r}): there are {', '.join(FILE_FORMATS)}")
        self._caption = caption
        self._fps = float(fps or DEFAULT_FPS)
        if isinstance(data_or_path, (str, os.PathLike)):
            path = Path(data_or_path)
            self._source: _File | Sequence[npt.NDArray[np.uint8]] = _File(path)
            self.extension = path.suffix[1:].lower()
            self.size_bytes = 0
        else:
            frames = _as_frames(data_or_path)
            self._source = list(frames)  # views of one block
            self.extension = "mp4"
            self.size_bytes = frames.nbytes

    @classmethod
    def taking_over(
        cls,
        frames: Sequence[npt.NDArray[np.uint8]],
        caption: str | None = None,
        fps: float | None = None,
    ) -> Video:
        """A video of frames that the caller gives up: they are not copied, so must not change.

        Args:
            frames: uint8 of one shape (H, W, C), each contiguous.
            caption: shown below the video.
            fps: frames a second, 30 by default.

        Raises:
            MediaError: they are not like that.
        """
        video = cls(list(frames[:1]), caption, fps)
        kinds = {(frame.shape, frame.dtype.name, frame.flags.c_contiguous) for frame in frames}
        if kinds != {(frames[0].shape, "uint8", True)}:
            raise MediaError(f"Video: frames are not all alike, uint8 and contiguous: {kinds}")
        video._source = frames
        video.size_bytes = sum(frame.nbytes for frame in frames)
        return video

    def facts(self) -> dict[str, Json]:
        """Caption, and of frames fps, count and size."""
        facts: dict[str, Json] = {}
        if self._caption is not None:
            facts["caption"] = self._caption
        if not isinstance(self._source, _File):
            height, width, _ = self._source[0].shape
            facts |= {"fps": self._fps, "frames": len(self._source)}
            facts |= {"width": width, "height": height}
        return facts

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file, and return fps, frame count and size.

        Raises:
            MissingExtraError: imageio-ffmpeg is not installed.
            MediaError: ffmpeg refused.
            OSError: the file cannot be written.
        """
        if isinstance(self._source, _File):
            self._source.copy_to(path)
            return _read_facts(path)
        _encode_h264(self._source, self._fps, path)
        return {name: fact for name, fact in self.facts().items() if name != "caption"}


class _File:
    """A file of the user's, held open: it may be replaced or removed before it is copied."""

    def __init__(self, path: Path) -> None:
        if path.suffix[1:].lower() not in FILE_FORMATS:
            raise MediaError(
                f"Video({str(path)!r}): the name must end in one of {', '.join(FILE_FORMATS)}"
            )
        try:
            self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as refusal:
            raise MediaError(
                f"Video({str(path)!r}): the file cannot be read: {refusal.strerror}"
            ) from refusal
        weakref.finalize(self, os.close, self._fd)
        if not os.fstat(self._fd).st_size:
            raise MediaError(
                f"Video({str(path)!r}): the file is empty; is its recorder not closed yet?"
            )

    def copy_to(self, path: Path) -> None:
        offset = 0
        with path.open("wb") as copy:
            while chunk := os.pread(self._fd, _CHUNK_BYTES, offset):
                offset += copy.write(chunk)


# -- frames ------------------------------------------------------------------------------------


def _as_frames(data: Any) -> npt.NDArray[np.uint8]:
    """A copy of `data` as uint8 frames of shape (T, H, W, C).

    Raises:
        MediaError: it is none, or could be two things.
    """
    import numpy as np

    if isinstance(data, (list, tuple)):
        given, array = None, _stacked(data)
    else:
        if hasattr(data, "detach"):  # torch: away from the graph, and from the GPU
            data = data.detach().cpu()
        given = array = np.asarray(data)
    if array.ndim == 5:
        array = _tiled(array)
    if array.ndim != 4:
        raise MediaError(
            f"Video: the shape is {array.shape}, and 4 axes are asked for: (T, H, W, C) or "
            "(T, C, H, W); gray frames need a last axis of 1: frames[..., None]"
        )
    array = _channels_last(array)
    if not array.size:
        raise MediaError(f"Video: the shape is {array.shape}, which holds no pixel")
    frames = np.ascontiguousarray(_as_bytes(array))
    # A copy only where none was made on the way: a minute of video is a gigabyte.
    shared = given is not None and np.may_share_memory(frames, given)
    return frames.copy() if shared else frames


def _stacked(frames: Sequence[Any]) -> npt.NDArray[Any]:
    import numpy as np

    if not frames:
        raise MediaError("Video: the list holds no frame")
    arrays = [np.asarray(f.detach().cpu() if hasattr(f, "detach") else f) for f in frames]
    sizes = {array.shape for array in arrays}
    if len(sizes) > 1:
        raise MediaError(f"Video: frames of different shapes: {sorted(sizes)}")
    return np.stack(arrays)


def _channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    last, second = array.shape[3] in _CHANNELS, array.shape[1] in _CHANNELS
    if last == second:
        found = "both axes 1 and 3 could be the channels" if last else "no axis holds 1, 3 or 4"
        raise MediaError(
            f"Video: the shape is {array.shape}, and {found}: pass (T, H, W, C) or (T, C, H, W) "
            "with 1, 3 or 4 channels C"
        )
    return array if last else array.transpose(0, 2, 3, 1)


def _as_bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Values 0..255; uint8 is returned as it is."""
    import numpy as np

    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise MediaError(f"Video: pixels are uint8 or floats in [0, 1], not {array.dtype}")
    low, high = float(array.min()), float(array.max())
    most = 1.0 if array.dtype.kind == "f" else 255.0
    if not (low >= 0.0 and high <= most):  # NaN fails this, too
        raise MediaError(
            f"Video: {array.dtype} pixels must lie in [0, {most:g}], and these are in "
            f"[{low:g}, {high:g}]; scale them, or pass uint8"
        )
    if array.dtype.kind == "f":
        array = np.rint(array * np.float32(255.0))
    return array.astype(np.uint8)


def _tiled(clips: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Clips of shape (B, T, …) as one of shape (T, rows·H, columns·W, C), as square as may be."""
    import numpy as np

    frames = np.stack([_channels_last(clip) for clip in clips])
    count, length, height, width, channels = frames.shape
    columns = math.isqrt(max(count - 1, 0)) + 1
    rows = -(-count // columns)
    black = np.zeros((rows * columns - count, *frames.shape[1:]), frames.dtype)
    grid = np.concatenate([frames, black]).reshape(rows, columns, length, height, width, channels)
    return grid.transpose(2, 0, 3, 1, 4, 5).reshape(
        length, rows * height, columns * width, channels
    )


# -- ffmpeg ------------------------------------------------------------------------------------


def _encode_h264(frames: Sequence[npt.NDArray[np.uint8]], fps: float, path: Path) -> None:
    height, width, channels = frames[0].shape
    # H.264 at 4:2:0 wants even sizes. Colours are marked as BT.709, or players guess by size.
    filters = "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv"
    command = [
        *("-f", "rawvideo", "-pix_fmt", _CHANNELS[channels]),
        *("-s", f"{width}x{height}", "-r", f"{fps:.6g}", "-i", "-"),
        # The count ends the encoding: a child that was forked meanwhile holds our end of the
        # pipe open, so that ffmpeg might never see the end of its input.
        *("-frames:v", str(len(frames)), "-vf", filters, "-pix_fmt", "yuv420p"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "25", "-threads", "1"),
        *("-movflags", "+faststart", "-f", "mp4", "-y", str(path)),
    ]
    with tempfile.TemporaryFile() as complaints:
        ffmpeg = subprocess.Popen(
            [_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            # Ctrl-C is for the training: the video that is being written then is finished.
            start_new_session=True,
        )
        _be_modest(ffmpeg.pid)
        assert ffmpeg.stdin is not None
        try:
            for frame in frames:
                ffmpeg.stdin.write(frame.data)
            ffmpeg.stdin.close()
        except BrokenPipeError:  # it has ended early, and says why below
            with contextlib.suppress(OSError):
                ffmpeg.stdin.close()
        if code := ffmpeg.wait():
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()
            raise MediaError(f"ffmpeg ended with {code}: {said or 'it said nothing'}")


def _ffmpeg() -> str:
    executable = require("imageio_ffmpeg", extra="video").get_ffmpeg_exe()
    assert isinstance(executable, str)
    return executable


def _be_modest(pid: int) -> None:
    """Let the training go first where cores are few."""
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):  # it has ended already, or it is not allowed here
            os.setpriority(os.PRIO_PROCESS, pid, 10)


def _read_facts(path: Path) -> dict[str, Json]:
    """What ffmpeg finds in a video file; nothing where it cannot read it, or is not there."""
    copy = ["-i", str(path), "-map", "0:v:0", "-c", "copy", "-f", "null", "-"]
    try:
        told = subprocess.run(
            [_ffmpeg(), "-nostdin", "-hide_banner", *copy], capture_output=True, timeout=60
        ).stderr.decode(errors="replace")
    except (MissingExtraError, OSError, RuntimeError, subprocess.TimeoutExpired):
        return {}
    # "Stream #0:0: Video: h264 (High), yuv420p, 64x40 [SAR 1:1 DAR 8:5], 11 kb/s, 25 fps, …"
    stream = re.search(r"Video:.*?\b(\d{2,5})x(\d{2,5})\b.*?\b([\d.]+) fps", told)
    frames = re.findall(r"frame=\s*(\d+)", told)
    if stream is None or not frames:
        return {}
    width, height, fps = stream.groups()
    return {
        "fps": float(fps),
        "frames": int(frames[-1]),
        "width": int(width),
        "height": int(height),
    }
