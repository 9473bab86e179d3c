"""Every event that this process hands to a TensorBoard writer, as it is handed over.

All writers of torch, TensorBoard, tensorboardX and those who build on them end in one of two
`EventFileWriter.add_event`, so that is where we listen, and where alone something is recorded:
nothing can be recorded twice. The calls above it (`add_scalar` and its kin) only lay down
what they were given, for the event that they are about to make: there a float64 has become a
float32, and a video may have become nothing.

    add_scalar(0.1)                     lays down 0.1
        EventFileWriter.add_event       the writer's own, first: what it refuses is not recorded
            listeners                   are told the event, and what was laid down

TensorFlow's own writers are in C++: of these we hear that they are made, and follow their files.

All of this happens on the caller's thread. What was laid down is the thread's own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from rltrack.hooks._tensorboard_patch import Patches, Targets


class VideoGiven(NamedTuple):
    """The arguments of `add_video`."""

    frames: Any
    fps: float
    axes: str


class HparamsGiven(NamedTuple):
    """The arguments of `add_hparams`, and the folder of the writer that was called."""

    folder: str
    values: Mapping[str, Any]


class Given(threading.local):
    """What the calls above the event were given, on this thread."""

    event: Any = None
    """The event that a writer is about to take: an outer wrapper of ours tells it."""
    scalar: tuple[Any, ...] = ()
    scalars: Mapping[str, tuple[str, Any]] | None = None
    """Of `add_scalars`, by the folder in which each goes: its name and value."""
    video: VideoGiven | None = None
    hparams: HparamsGiven | None = None
    told_runs: tuple[Any, ...] = ()
    """Runs that a callback of ours tells the same in another way."""


class Listener(Protocol):
    """Who wants to be told."""

    def heard(self, writer: Any, event: Any, given: Given) -> None:
        """A writer has taken an event. Must not raise, or the training would see it."""

    def made(self, writer: Any, init_op_fn: Any) -> None:
        """TensorFlow has made a writer, whose events nobody hears. Must not raise."""


#: In the place of the event, while listeners are told of one.
_TELLING: Final = object()

_given: Final = Given()
_lock: Final = threading.Lock()
#: Replaced, never changed: it is read without the lock.
_listeners: tuple[Listener, ...] = ()


def listeners() -> tuple[Listener, ...]:
    """Those that are told at the moment."""
    return _listeners


def listen(listener: Listener) -> None:
    """Tell `listener` every event from now on."""
    global _listeners
    with _lock:
        if not _listeners:
            _patches.apply()
        _listeners = (*_listeners, listener)


def leave(listener: Listener) -> None:
    """Tell `listener` no more; after the last one, the classes are what they were."""
    global _listeners
    with _lock:
        if listener not in _listeners:
            return
        _listeners = tuple(other for other in _listeners if other is not listener)
        if not _listeners:
            _patches.undo()


# -- the event ---------------------------------------------------------------------------------


def _telling_listeners(original: Callable[..., Any]) -> Callable[..., Any]:
    def add_event(writer: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
        given = _given
        outer = given.event
        # Somebody may have wrapped an older wrapper of ours: then the outer one tells. And who
        # writes for TensorBoard from within our telling is not told of.
        if not _listeners or outer is event or outer is _TELLING:
            return original(writer, event, *args, **kwargs)
        given.event = event
        closed = getattr(writer, "_closed", False)  # tensorboardX drops events then, in silence
        try:
            answer = original(writer, event, *args, **kwargs)
            if not closed:
                given.event = _TELLING
                for listener in _listeners:
                    listener.heard(writer, event, given)
        finally:
            given.event = outer
        return answer

    return add_event


def _telling_of_the_writer(original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(writer: Any, create_fn: Any, init_op_fn: Any, *args: Any, **kwargs: Any) -> None:
        original(writer, create_fn, init_op_fn, *args, **kwargs)
        for listener in _listeners:
            listener.made(writer, init_op_fn)

    return __init__


# -- the calls above it ------------------------------------------------------------------------


def _laying_down(
    name: str, what: Callable[..., Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps a method so that what it was given lies in ``_given.<name>`` while it runs."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def method(writer: Any, *args: Any, **kwargs: Any) -> Any:
            if not _listeners:
                return original(writer, *args, **kwargs)
            outer = getattr(_given, name)
            try:
                laid = what(writer, *args, **kwargs)
            except Exception:  # called as it cannot be: the original will say so
                laid = outer
            setattr(_given, name, laid)
            try:
                return original(writer, *args, **kwargs)
            finally:
                setattr(_given, name, outer)

        return method

    return wrap


def _laying_down_scalar(original: Callable[..., Any]) -> Callable[..., Any]:
    """`_laying_down` for `add_scalar`, by hand: it is called so often that 0.3 µs count."""

    def add_scalar(writer: Any, *args: Any, **kwargs: Any) -> Any:
        if not _listeners:
            return original(writer, *args, **kwargs)
        given = _given
        outer = given.scalar
        given.scalar = args[1:2] or (kwargs.get("scalar_value"),)
        try:
            return original(writer, *args, **kwargs)
        finally:
            given.scalar = outer

    return add_scalar


def _scalars(
    writer: Any, main_tag: str, tag_scalar_dict: Mapping[str, Any], *_: Any, **__: Any
) -> Mapping[str, tuple[str, Any]]:
    folder = _folder_of(writer)
    group = main_tag.replace("/", "_")
    by_folder: dict[str, tuple[str, Any]] = {}
    for key, value in tag_scalar_dict.items():
        # As torch and as tensorboardX name them.
        by_folder[f"{folder}/{group}_{key}"] = (f"{main_tag}/{key}", value)
        by_folder[os.path.join(folder, main_tag, key)] = (f"{main_tag}/{key}", value)
    return by_folder


def _video(
    writer: Any,
    tag: str,
    vid_tensor: Any,
    global_step: Any = None,
    fps: float = 4,
    walltime: Any = None,
    dataformats: str = "NTCHW",
) -> VideoGiven:
    return VideoGiven(vid_tensor, fps, dataformats.upper())


def _hparams(writer: Any, hparam_dict: Mapping[str, Any], *_: Any, **__: Any) -> HparamsGiven:
    return HparamsGiven(_folder_of(writer), dict(hparam_dict))


def _folder_of(writer: Any) -> str:
    """Where a SummaryWriter writes: torch calls it `log_dir`, tensorboardX `logdir`."""
    return str(getattr(writer, "log_dir", None) or writer.logdir)


def _told_runs(logger: Any, *_: Any, **__: Any) -> tuple[Any, ...]:
    """The runs that `SB3Callback` writes an SB3 logger's dump to, by a format of its own."""
    return tuple(
        output.run
        for output in logger.output_formats
        if type(output).__module__.startswith("rltrack.callbacks.")
    )


_SUMMARY_WRITER: Final = {
    "SummaryWriter": {
        "add_scalar": _laying_down_scalar,
        "add_scalars": _laying_down("scalars", _scalars),
        "add_video": _laying_down("video", _video),
        "add_hparams": _laying_down("hparams", _hparams),
    }
}
_EVENT_FILE_WRITER: Final = {"EventFileWriter": {"add_event": _telling_listeners}}
_TARGETS: Final[Targets] = {
    "tensorboard.summary.writer.event_file_writer": _EVENT_FILE_WRITER,
    "tensorboardX.event_file_writer": _EVENT_FILE_WRITER,
    "torch.utils.tensorboard.writer": _SUMMARY_WRITER,
    "tensorboardX.writer": _SUMMARY_WRITER,
    "tensorflow.python.ops.summary_ops_v2": {
        "_ResourceSummaryWriter": {"__init__": _telling_of_the_writer}
    },
    "stable_baselines3.common.logger": {"Logger": {"dump": _laying_down("told_runs", _told_runs)}},
}
_patches: Final = Patches(_TARGETS)
