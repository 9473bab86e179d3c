"""`Video`: frames as H.264 in an mp4, which every browser plays; as a GIF or WebM on request.

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
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from rltrack.errors import MediaError, MissingExtraError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import UserFile
from rltrack.media.pixels import (
    as_array,
    as_bytes,
    channels_last,
    check_pixels,
    copied,
    grid_size,
    tiled,
    video_layout,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    Frames: TypeAlias = npt.NDArray[Any] | torch.Tensor | Sequence[npt.NDArray[Any]]

DEFAULT_FPS: Final = 30.0
#: Containers that are taken as they are; browsers play the first three.
FILE_FORMATS: Final = ("mp4", "webm", "gif", "ogg", "ogv", "mov", "mkv", "avi")

_PIXEL_FORMATS: Final = {1: "gray", 3: "rgb24", 4: "rgba"}
#: H.264 at 4:2:0 wants even sizes. Colours are marked as BT.709, or players guess by size.
_EVEN: Final = "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv"
_BT709: Final = (
    *("-vf", _EVEN, "-pix_fmt", "yuv420p"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
)
#: How frames are encoded, by the ending of the file.
_ENCODERS: Final = {
    "mp4": (
        *_BT709,
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "25", "-threads", "1"),
        *("-movflags", "+faststart", "-f", "mp4"),
    ),
    "webm": (
        *_BT709,
        *("-c:v", "libvpx-vp9", "-crf", "34", "-b:v", "0", "-threads", "1"),
        *("-deadline", "realtime", "-cpu-used", "8", "-f", "webm"),
    ),
    # A palette of the video's own: that of the format turns a sky into stripes.
    "gif": (
        *("-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse"),
        *("-loop", "0", "-f", "gif"),
    ),
}


class Video(Media):
    """A video, of frames or from a file.

    Args:
        data_or_path: frames of one size, as an array of shape (T, H, W, C) or (T, C, H, W), or
            a list of T frames; C is 1 (gray), 3 (RGB) or 4 (RGBA, of which alpha is dropped).
            With one more axis in front, for example (B, T, C, H, W), the B clips are shown
            side by side. The values are as for `Image`. Or the path of a video file, which is
            stored as it is.
        caption: shown below the video.
        fps: frames a second, 30 by default; of a file it is the file's own.
        format: of frames, ``mp4`` (the default), ``webm`` or ``gif``, which takes ten times the
            space and the time. W&B's ``ogg`` is stored as WebM.
        axes: what the axes of the array are, where its shape leaves two ways to read it:
            ``THW``, ``THWC``, ``TCHW``, ``BTHWC`` or ``BTCHW``.

    Raises:
        MediaError: the data is no video, or its axes can be read in two ways.
    """

    immutable = True
    kind: ClassVar[str] = "videos"
    type_name: ClassVar[str] = "video-file"

    def __init__(
        self,
        data_or_path: Frames | str | os.PathLike[str],
        caption: str | None = None,
        fps: float | None = None,
        format: str | None = None,
        *,
        axes: str | None = None,
    ) -> None:
        if fps is not None and not (math.isfinite(fps) and fps > 0):
            raise MediaError(f"Video(fps={fps!r}): frames a second must be a number above 0")
        if format is not None and format not in (*_ENCODERS, "ogg"):
            raise MediaError(f"Video(format={format!r}): there are {', '.join(_ENCODERS)}")
        self._caption = caption
        self._fps = float(fps or DEFAULT_FPS)
        self._source: UserFile | _Array | _Given
        if isinstance(data_or_path, (str, os.PathLike)):
            self._source = UserFile(data_or_path, FILE_FORMATS, "Video")
            self.extension = self._source.format
            self.size_bytes = 0  # it stays on the disk until it is copied
        else:
            self._source = _Array(data_or_path, axes)
            self.extension = "webm" if format == "ogg" else format or "mp4"
            self.size_bytes = self._source.size_bytes

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
        video = cls(list(frames[:1]), caption, fps, axes="THWC")
        kinds = {(frame.shape, frame.dtype.name, frame.flags.c_contiguous) for frame in frames}
        if kinds != {(frames[0].shape, "uint8", True)}:
            raise MediaError(f"Video: frames are not all alike, uint8 and contiguous: {kinds}")
        video._source = _Given(frames)
        video.size_bytes = sum(frame.nbytes for frame in frames)
        return video

    def facts(self) -> dict[str, Json]:
        """Caption, and of frames layout, fps, count and size."""
        facts: dict[str, Json] = {"format": self.extension}
        if self._caption is not None:
            facts["caption"] = self._caption
        if not isinstance(self._source, UserFile):
            count, height, width = self._source.size
            facts |= {"layout": self._source.layout, "fps": self._fps, "frames": count}
            facts |= {"width": width, "height": height}
        return facts

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file, and return fps, frame count, size and what was done to the values.

        Raises:
            MissingExtraError: imageio-ffmpeg is not installed.
            MediaError: ffmpeg refused.
            OSError: the file cannot be written.
        """
        if isinstance(self._source, UserFile):
            self._source.copy_to(path)
            return _read_facts(path)
        frames, told = self._source.frames()
        _encode(frames, self._fps, path, self.extension)
        count, height, width = self._source.size
        return {"fps": self._fps, "frames": count, "width": width, "height": height, **told}


# -- frames ------------------------------------------------------------------------------------


class _Array:
    """Frames of an array, turned into bytes when they are written."""

    def __init__(self, data: Any, axes: str | None) -> None:
        if isinstance(data, (list, tuple)):
            array = _stacked(data)
            axes = axes or ("THW" if array.ndim == 3 else None)  # a list of gray frames
        else:
            array = copied(data)
        self.layout = video_layout(array.shape, axes)
        check_pixels(array, "Video")
        self._array: npt.NDArray[Any] = array
        self.size_bytes = array.nbytes
        count, height, width = (array.shape[self.layout.index(axis)] for axis in "THW")
        if "B" in self.layout:
            rows, columns = grid_size(array.shape[0])
            height, width = rows * height, columns * width
        self.size = (count, height, width)

    def frames(self) -> tuple[Sequence[npt.NDArray[np.uint8]], dict[str, Json]]:
        import numpy as np

        pixels, told = as_bytes(channels_last(self._array, self.layout))
        if "B" in self.layout:
            told["clips"] = len(pixels)
            pixels = tiled(pixels)
        return list(np.ascontiguousarray(pixels)), told


class _Given:
    """Frames that are ready to be encoded."""

    layout = "THWC"

    def __init__(self, frames: Sequence[npt.NDArray[np.uint8]]) -> None:
        self._frames = frames
        height, width, _ = frames[0].shape
        self.size = (len(frames), height, width)

    def frames(self) -> tuple[Sequence[npt.NDArray[np.uint8]], dict[str, Json]]:
        return self._frames, {}


def _stacked(frames: Sequence[Any]) -> npt.NDArray[Any]:
    """Frames of one size as one array, which is a copy."""
    import numpy as np

    if not frames:
        raise MediaError("Video: the list holds no frame")
    arrays = [as_array(frame) for frame in frames]
    sizes = {array.shape for array in arrays}
    if len(sizes) > 1:
        raise MediaError(f"Video: frames of different shapes: {sorted(sizes)}")
    return np.stack(arrays)


# -- ffmpeg ------------------------------------------------------------------------------------


def _encode(
    frames: Sequence[npt.NDArray[np.uint8]], fps: float, path: Path, extension: str
) -> None:
    # The count ends the encoding: a child that was forked meanwhile holds our end of the
    # pipe open, so that ffmpeg might never see the end of its input.
    count = ("-frames:v", str(len(frames)))
    with tempfile.TemporaryFile() as complaints:
        command = encoder_options(frames[0].shape, fps, path, extension, count)
        ffmpeg = start_ffmpeg(command, subprocess.PIPE, complaints)
        assert ffmpeg.stdin is not None
        try:
            for frame in frames:
                ffmpeg.stdin.write(frame.data)
            ffmpeg.stdin.close()
        except BrokenPipeError:  # it has ended early, and says why below
            with contextlib.suppress(OSError):
                ffmpeg.stdin.close()
        check_end(ffmpeg, complaints)


def encoder_options(
    shape: Sequence[int], fps: float, path: Path, extension: str, count: Sequence[str] = ()
) -> list[str]:
    """How ffmpeg is asked to encode frames of shape (H, W, C) that it reads as bytes."""
    height, width, channels = shape
    return [
        *("-f", "rawvideo", "-pix_fmt", _PIXEL_FORMATS[channels]),
        *("-s", f"{width}x{height}", "-r", f"{fps:.6g}", "-i", "-"),
        *(*count, *_ENCODERS[extension], "-y", str(path)),
    ]


def start_ffmpeg(
    options: Sequence[str], stdin: Any, complaints: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start ffmpeg, with what `subprocess` takes as `stdin`.

    Raises:
        MissingExtraError: imageio-ffmpeg is not installed.
    """
    ffmpeg = subprocess.Popen(
        [_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", *options],
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
        # Ctrl-C is for the training: the video that is being written then is finished.
        start_new_session=True,
    )
    _be_modest(ffmpeg.pid)
    return ffmpeg


def check_end(ffmpeg: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    """Wait until it has ended.

    Raises:
        MediaError: it failed; with what it said.
    """
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


def read_frames(path: Path) -> npt.NDArray[np.uint8]:
    """The frames of a video file as RGB, of shape (T, H, W, 3).

    Raises:
        MissingExtraError: imageio-ffmpeg is not installed.
        MediaError: ffmpeg cannot read it.
    """
    import numpy as np

    _ffmpeg()  # which says what is missing, where `_read_facts` says nothing
    facts: Any = _read_facts(path)
    raw = ["-map", "0:v:0", "-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-"]
    command = [_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", "-i", str(path), *raw]
    done = subprocess.run(command, capture_output=True)
    if done.returncode or not facts:
        said = done.stderr.decode(errors="replace").strip()
        raise MediaError(f"{path.name} cannot be read as a video: {said or 'it has no frame'}")
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, facts["height"], facts["width"], 3)


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
