"""Records in a run what the writers of this process are handed."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import numpy as np

from rltrack import Run, Video
from rltrack._values import config_value
from rltrack.errors import MediaError, RunFinishedError
from rltrack.hooks._tensorboard_tap import Given, VideoGiven
from rltrack.hooks._tensorboard_tensorflow import TensorFlowWriters, folder_of
from rltrack.importers.tensorboard_events import restart_step
from rltrack.importers.tensorboard_names import Names
from rltrack.importers.tensorboard_recorder import EventRecorder
from rltrack.importers.tensorboard_values import Choices, Found, LeftOut, Point
from rltrack.media.encoded import EncodedImage, EncodedVideo

_VIDEO_AXES = "NTCHW"


class RunListener:
    """Records events of the writers below a folder, or of all.

    Args:
        run: where to.
        names: what tags are called in it.
        below: a folder; events of writers elsewhere are left alone.
    """

    def __init__(self, run: Run, names: Names, below: str | None) -> None:
        self.run = run
        self.below = below
        self.recorder = EventRecorder(run, names)
        self.files: set[str] = set()
        """Event files of writers that were heard, so that nobody reads them as well."""
        self._last: tuple[Any, str, str | None] = (None, "", None)
        """The writer that was heard last, as most often of the next event, too; and its folder."""
        self._tensorflow = TensorFlowWriters(run, names)

    def heard(self, writer: Any, event: Any, given: Given) -> None:
        """Record an event; a fault of ours is one warning."""
        try:
            last = self._last  # read once: writers of several threads take turns
            if last[0] is not writer:
                last = self._turn_to(writer)
            _, logdir, folder = last
            if folder is None:
                return
            values = event.summary.value
            if len(values) == 1 and not given.told_runs:
                value = values[0]
                if value.HasField("simple_value"):
                    self._scalar(value, event, logdir, folder, given)
                    return
            self._any(event, folder, given)
        except RunFinishedError:
            pass  # on another thread, or in a fork, a moment before we leave
        except Exception as fault:
            self._survive("record an event", fault)

    def made(self, writer: Any, init_op_fn: Any) -> None:
        """Follow the files of a writer of TensorFlow's."""
        try:
            folder = folder_of(init_op_fn)
            if folder is None:
                raise TypeError("its folder is not where this version of TensorFlow had it")
            if self._is_ours(folder):
                self._tensorflow.add(writer, folder)
        except Exception as fault:
            self._survive("follow a writer of TensorFlow's", fault)

    def close(self) -> None:
        """Read to the end what is followed."""
        self._tensorflow.close()

    def _survive(self, what: str, fault: Exception) -> None:
        if self.run.settings.strict:
            raise fault
        self.run.warn(
            f"tensorboard {what} {type(fault).__name__}",
            f"sync_tensorboard could not {what}, and goes on: {type(fault).__name__}: {fault}",
        )

    def _turn_to(self, writer: Any) -> tuple[Any, str, str | None]:
        """The folder of a writer, None if it is not asked for; and its file is noted."""
        logdir = str(writer.get_logdir())
        folder: str | None = None
        if self._is_ours(path := _absolute(logdir)):
            folder = path
            self.recorder.names.know(folder)
            inner = getattr(writer, "_ev_writer", writer)  # in tensorboardX
            if file := getattr(inner, "_file_name", None):
                self.files.add(os.path.realpath(file))
        self._last = last = (writer, logdir, folder)
        return last

    def _is_ours(self, folder: str) -> bool:
        below = self.below
        return below is None or folder == below or folder.startswith(below + os.sep)

    def _scalar(self, value: Any, event: Any, logdir: str, folder: str, given: Given) -> None:
        """The one that has to be fast: a number."""
        tag = value.tag
        if laid := given.scalar:
            number = laid[0] if type(laid[0]) is float else exact(laid[0], value.simple_value)
        elif given.scalars is not None and (of := given.scalars.get(logdir)):
            tag, number = of[0], exact(of[1], value.simple_value)
        else:
            number = value.simple_value
        if given.hparams is not None:
            folder = _absolute(given.hparams.folder)
        self.recorder.point(tag, number, folder, event.step, event.wall_time)

    def _any(self, event: Any, folder: str, given: Given) -> None:
        if given.hparams is not None:
            folder = _absolute(given.hparams.folder)
        step = restart_step(event)
        if step is not None and self.recorder.has_values_of(folder):
            self.recorder.tell_restart(folder, step)
        told_elsewhere = any(run is self.run for run in given.told_runs)
        for found in self.recorder.found_in(event, folder):
            better = self._as_given(found, given)
            if told_elsewhere and not _is_picture(better):
                continue  # SB3Callback has it already, from SB3 itself
            if isinstance(better, LeftOut):
                self.run.warn(
                    f"tensorboard {better.why}",
                    f"TensorBoard's {better.tag} is left out: {better.why}",
                )
            self.recorder.take(better, folder, event.step, event.wall_time)

    def _as_given(self, found: Found, given: Given) -> Found:
        """What the caller gave, where the event has less."""
        if isinstance(found, Choices) and given.hparams is not None:
            return Choices(
                {key: config_value(value) for key, value in given.hparams.values.items()}
            )
        if isinstance(found, Point) and given.scalar and type(found.value) is float:
            return Point(found.tag, exact(given.scalar[0], found.value))
        if given.video is not None and (
            isinstance(found, LeftOut)
            or (isinstance(found, Point) and isinstance(found.value, (EncodedVideo, EncodedImage)))
        ):
            return self._video(found, given.video)
        return found

    def _video(self, found: Point | LeftOut, given: VideoGiven) -> Found:
        if importlib.util.find_spec("imageio_ffmpeg") is None:
            why = "an empty video, and without rltrack[video] there is nothing to encode it"
            return LeftOut(found.tag, why) if isinstance(found, LeftOut) else found
        try:
            return Point(found.tag, Video(_frames(given), fps=float(given.fps)))
        except MediaError as refusal:
            return LeftOut(found.tag, str(refusal)) if isinstance(found, LeftOut) else found


def _absolute(logdir: str) -> str:
    """One name for a folder, however it was written."""
    return logdir if "://" in logdir else os.path.abspath(logdir)


def exact(given: Any, number: float) -> float:
    """What `add_scalar` was given, of which an event holds the nearest float32.

    Args:
        given: a number, or an array or tensor of one element.
        number: as the event has it.
    """
    if type(given) is float:
        return given
    dtype = getattr(given, "dtype", None)
    if getattr(dtype, "itemsize", 8) <= 4 and "float" in str(dtype):
        return number  # the same; and a tensor of a GPU is not waited for again
    try:
        return float(given.item() if hasattr(given, "item") else given)
    except (TypeError, ValueError, OverflowError):
        return number


def _frames(given: VideoGiven) -> Any:
    """Frames of shape (N, T, C, H, W), with values as a video may have them."""
    frames = given.frames
    if hasattr(frames, "detach"):
        frames = frames.detach().cpu().numpy()
    frames = np.asarray(frames)
    if sorted(given.axes) == sorted(_VIDEO_AXES) and given.axes != _VIDEO_AXES:
        frames = frames.transpose([given.axes.index(axis) for axis in _VIDEO_AXES])
    # As the writers do with what is outside.
    return np.clip(frames, 0.0, 1.0) if frames.dtype.kind == "f" else frames


def _is_picture(found: Found) -> bool:
    return isinstance(found, Point) and isinstance(found.value, EncodedImage)
