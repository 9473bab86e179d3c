"""The recorders of gymnasium, gym and SB3, listened to as they work.

A recorder's methods are wrapped on its class, so it does not matter when the object was made, nor
under which name its class was imported:

    start       it begins a film
    stop        it writes the film: afterwards the file is there
    step        a timestep: what the film's episode gave
    reset       an episode begins

Each wrapper calls the original first and last, with what it was given, and answers with what
that answered. A film that is stopped within a step waits for the step's reward; the episodes of
gymnasium 1.x end in films only at the next reset, those of 0.29 within the last step.

A class that lacks one of these methods is of a version that is not known here: it is told once,
and left alone.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Protocol

from rltrack.capture.patches import Patches, Wrap
from rltrack.hooks._gym_films import Film, Reel, first_seed, new_reel
from rltrack.hooks._gym_workers import wrap_vector_env


class Listener(Protocol):
    """Who is told of films."""

    def film(self, film: Film) -> None:
        """A film's file is there."""

    def unknown(self, what: str) -> None:
        """There is a recorder whose methods are not those that are known."""

    def fault(self, doing: str, fault: Exception) -> None:
        """Something of ours went wrong; the recorder is not touched by it."""


_listeners: list[Listener] = []
_reels: Final[weakref.WeakKeyDictionary[Any, Reel]] = weakref.WeakKeyDictionary()
#: Recorders of gym's older kind that belong to a wrapper, which is listened to itself.
_owned: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def listen(listener: Listener) -> None:
    """Tell `listener` of each film from now on."""
    _listeners.append(listener)
    if len(_listeners) == 1:
        _patches.apply()


def leave(listener: Listener) -> None:
    """Tell it no more; without any, the classes are what they were."""
    if listener in _listeners:
        _listeners.remove(listener)
        if not _listeners:
            _patches.undo()
            _reels.clear()


def listeners() -> list[Listener]:
    """Who is told."""
    return list(_listeners)


def films_in_progress() -> list[tuple[Film, list[Any]]]:
    """What is being filmed, with the frames so far."""
    found = []
    for recorder, reel in list(_reels.items()):
        frames = _frames(recorder)
        if reel.film is not None and frames and getattr(recorder, "recording", False):
            reel.film_ends(reel.film, recorder)
            found.append((reel.film, frames))
    return found


# -- the methods -------------------------------------------------------------------------------


def _reel(recorder: Any) -> Reel | None:
    """What is remembered of a recorder; None, and it was told, if that fails."""
    try:
        reel = _reels.get(recorder)
        if reel is None:
            reel = _reels[recorder] = new_reel(recorder)
        return reel
    except Exception as fault:  # the recorder's call must not fail for us
        _tell_fault("looking at a recorder", fault)
        return None


def _tell_fault(doing: str, fault: Exception) -> None:
    for listener in listeners():
        listener.fault(doing, fault)


def _attempt(doing: str, action: Callable[[], None]) -> None:
    try:
        action()
    except Exception as fault:
        _tell_fault(doing, fault)


def _wrap_step(step: Callable[..., Any]) -> Callable[..., Any]:
    def stepping(self: Any, *args: Any, **kwargs: Any) -> Any:
        reel = _reel(self) if _listeners else None
        if reel is None or reel.inside:
            return step(self, *args, **kwargs)
        reel.step_begins()
        try:
            result = step(self, *args, **kwargs)
            try:
                reel.step_ends(result)
            except Exception as fault:  # a step's answer may be anything
                _tell_fault("looking at a timestep", fault)
            return result
        finally:
            _release(reel)

    return stepping


def _wrap_reset(reset: Callable[..., Any]) -> Callable[..., Any]:
    def resetting(self: Any, *args: Any, **kwargs: Any) -> Any:
        reel = _reel(self) if _listeners else None
        if reel is None or reel.inside:
            return reset(self, *args, **kwargs)
        reel.inside = True
        seed = kwargs.get("seed", _seed_of_sb3(self))
        first = _resets_first(kwargs.get("options"))  # whose mask the env takes out
        try:
            answer = reset(self, *args, **kwargs)
            if first:
                _attempt("looking at a reset", lambda: reel.episode_begins(seed=first_seed(seed)))
            return answer
        finally:
            _release(reel)

    return resetting


def _resets_first(options: Any) -> bool:
    """Whether a reset is one of the first env, too; a vector env may be told which ones it resets."""
    mask = options.get("reset_mask") if isinstance(options, Mapping) else None
    return mask is None or bool(mask[0])


def _seed_of_sb3(recorder: Any) -> Any:
    """The seed that the first env of a VecEnv will be reset with."""
    while (inner := vars(recorder).get("venv")) is not None:
        recorder = inner
    seeds = vars(recorder).get("_seeds")
    return seeds[0] if isinstance(seeds, list) and seeds else None


def _wrap_start(start: Callable[..., Any]) -> Callable[..., Any]:
    def starting(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = start(self, *args, **kwargs)
        reel = _reel(self) if _listeners else None
        if reel is not None and getattr(self, "recording", False):
            _attempt("looking at a film's beginning", lambda: _begin(reel, self))
        return answer

    return starting


def _begin(reel: Reel, recorder: Any) -> None:
    reel.film = _film_of(recorder)


def _wrap_stop(stop: Callable[..., Any]) -> Callable[..., Any]:
    def stopping(self: Any, *args: Any, **kwargs: Any) -> Any:
        reel = _reel(self) if _listeners else None
        film = None
        if reel is not None:
            try:
                film = _ending(reel, self)
            except Exception as fault:
                _tell_fault("looking at a film's end", fault)
        # If it raises, there is no film, and the user sees the recorder's own error.
        answer = stop(self, *args, **kwargs)
        if reel is not None and film is not None:
            reel.film = None
            reel.done.append(film)
            if not reel.inside:
                _release(reel)
        return answer

    return stopping


def _ending(reel: Reel, recorder: Any) -> Film | None:
    """The film that a recorder is about to write; None if it has nothing to write."""
    if not getattr(recorder, "recording", True) or not _frames(recorder):
        return None
    film = reel.film or _film_of(recorder)  # it may have begun before we listened
    reel.film_ends(film, recorder)
    return film


def _wrap_bare_stop(stop: Callable[..., Any]) -> Callable[..., Any]:
    """Of gym's older recorder, where somebody uses it without its wrapper."""
    wrapped = _wrap_stop(stop)

    def stopping(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self in _owned or getattr(self, "_closed", True):
            return stop(self, *args, **kwargs)
        return wrapped(self, *args, **kwargs)

    return stopping


def _release(reel: Reel) -> None:
    """Tell of what was finished within a call."""
    reel.inside = False
    done, reel.done = reel.done, []
    for film in done:
        for listener in listeners():
            _attempt("recording a film", lambda film=film, to=listener: to.film(film))  # type: ignore[misc]


def _film_of(recorder: Any) -> Film:
    """The film that a recorder is making: its file, name and frames a second."""
    inner = _inner(recorder)
    if inner is not recorder:
        _owned.add(inner)
    if hasattr(inner, "path"):
        path = inner.path
    elif "video_path" in vars(recorder):
        path = recorder.video_path
    else:
        path = os.path.join(recorder.video_folder, f"{recorder._video_name}.mp4")
    name = vars(recorder).get("name_prefix")
    if name is None:
        name = os.path.splitext(os.path.basename(path))[0]
    return Film(str(path), str(name), float(inner.frames_per_sec))


def _frames(recorder: Any) -> list[Any]:
    frames = getattr(_inner(recorder), "recorded_frames", None)
    return frames if isinstance(frames, list) else []


def _inner(recorder: Any) -> Any:
    """What holds the frames: the recorder, or before gymnasium 1.0 what it made for this film."""
    return vars(recorder).get("video_recorder") or recorder


# -- the classes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a recorder's methods are called; () if it has none such."""

    start: str
    stop: str
    step: str = "step"
    reset: str = "reset"

    def methods(self) -> dict[str, Wrap]:
        return {
            self.start: _wrap_start,
            self.stop: _wrap_stop,
            self.step: _wrap_step,
            self.reset: _wrap_reset,
        }


_NEW: Final = _Kind("start_recording", "stop_recording")
_OLD: Final = _Kind("start_video_recorder", "close_video_recorder")
_SB3: Final = _Kind("_start_recording", "_stop_recording", "step_wait")
_SB3_OLD: Final = _Kind("start_video_recorder", "close_video_recorder", "step_wait")

#: By module, the class of a recorder, and what its methods may be called.
_RECORDERS: Final[Mapping[str, tuple[str, tuple[_Kind, ...]]]] = {
    "gymnasium.wrappers.rendering": ("RecordVideo", (_NEW,)),
    "gymnasium.wrappers.vector.rendering": ("RecordVideo", (_NEW,)),
    "gymnasium.wrappers.record_video": ("RecordVideo", (_OLD,)),
    "gymnasium.experimental.wrappers.rendering": ("RecordVideoV0", (_NEW,)),
    "gym.wrappers.record_video": ("RecordVideo", (_OLD,)),
    "stable_baselines3.common.vec_env.vec_video_recorder": ("VecVideoRecorder", (_SB3, _SB3_OLD)),
}
#: gymnasium 1.0 and 1.1 have no such class in a module that later versions have.
_OPTIONAL: Final = frozenset({"gymnasium.wrappers.vector.rendering"})


def _recorder_methods(module: ModuleType) -> Mapping[type, Mapping[str, Wrap]]:
    name, kinds = _RECORDERS[module.__name__]
    owner = getattr(module, name, None)
    if owner is None and module.__name__ in _OPTIONAL:
        return {}
    for kind in kinds:
        methods = kind.methods()
        if isinstance(owner, type) and all(callable(getattr(owner, m, None)) for m in methods):
            return {owner: methods}
    _tell_unknown(module.__name__, name)
    return {}


def _bare_methods(module: ModuleType) -> Mapping[type, Mapping[str, Wrap]]:
    return {module.VideoRecorder: {"close": _wrap_bare_stop}}


def _check_known(module: ModuleType) -> Mapping[type, Mapping[str, Wrap]]:
    """A later version may keep its recorder where nobody here looks for it."""
    recorder = getattr(module, "RecordVideo", None)
    if getattr(recorder, "__module__", None) not in _RECORDERS:
        _tell_unknown(module.__name__, "RecordVideo")
    return {}


def _tell_unknown(module: str, name: str) -> None:
    package = module.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", "of an unknown version")
    for listener in listeners():
        listener.unknown(f"{name} of {package} {version}")


_patches: Final = Patches(
    {
        **dict.fromkeys(_RECORDERS, _recorder_methods),
        "gymnasium.wrappers": _check_known,
        "gymnasium.wrappers.monitoring.video_recorder": _bare_methods,
        "gym.wrappers.monitoring.video_recorder": _bare_methods,
        "gymnasium.vector.async_vector_env": lambda module: {
            module.AsyncVectorEnv: {"__init__": wrap_vector_env}
        },
        "gym.vector.async_vector_env": lambda module: {
            module.AsyncVectorEnv: {"__init__": wrap_vector_env}
        },
        "stable_baselines3.common.vec_env.subproc_vec_env": lambda module: {
            module.SubprocVecEnv: {"__init__": wrap_vector_env}
        },
    }
)
