"""Episodes as rows: what an `EpisodeMonitor` knows of one that ends, and which are filmed.

An episode that is to be filmed has a `Recording` from its reset on: frames and a trace. All
others cost an addition a timestep. Whether a recording is kept is asked when its episode ends.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

import rltrack
from rltrack.errors import UsageError
from rltrack.extras import require
from rltrack.hooks._gym_step import GLOBAL_STEP, GlobalStep
from rltrack.media.base import Media
from rltrack.media.film import Film
from rltrack.media.trace import Trace
from rltrack.media.video import DEFAULT_FPS

#: What an env calls it when it has reached its goal.
_SUCCESS: Final = ("is_success", "success")


@dataclass(frozen=True, slots=True)
class FinishedEpisode:
    """An episode that has ended."""

    number: int
    """Counted from 0, in the order in which they began."""
    total_reward: float
    """Its return: the undiscounted sum of rewards."""
    length: int
    """Timesteps."""
    terminated: bool
    truncated: bool
    env: int
    """The env's place among those that step together."""
    seed: int | None
    """Of the env's last reset that had one."""
    success: bool | None
    """None where the env does not say."""
    info: Mapping[str, Any]
    """Of its last timestep."""


class Choice:
    """Which episodes are filmed, and which films are kept.

    Args:
        every: each n-th episode, beginning with the first; 0 for none.
        every_timesteps: the next episode after so many timesteps; 0 for none.
        trigger: asked with the number of each episode before it begins.
        keep: ``all``, or ``best`` or ``worst``: those that gave more, or less, than all that were
            filmed before; or a function that is asked with each filmed episode.

    Raises:
        UsageError: one of them is not what it may be.
    """

    def __init__(
        self,
        every: int,
        every_timesteps: int,
        trigger: Callable[[int], bool] | None,
        keep: Literal["all", "best", "worst"] | Callable[[FinishedEpisode], bool],
    ) -> None:
        if every < 0 or every_timesteps < 0:
            raise UsageError(
                f"EpisodeMonitor(video_every={every}, video_every_timesteps={every_timesteps}): "
                "0 or more"
            )
        if not callable(keep) and keep not in ("all", "best", "worst"):
            raise UsageError(
                f"EpisodeMonitor(video_keep={keep!r}): 'all', 'best', 'worst' or a function"
            )
        self._every = every
        self._every_timesteps = every_timesteps
        self._trigger = trigger
        self._keep = keep
        self._all = keep != "all" and not every and not every_timesteps and trigger is None
        self._next_timestep = 0
        self._best = -math.inf
        self._worst = math.inf

    @property
    def films(self) -> bool:
        """Whether any episode may be filmed."""
        return bool(self._all or self._every or self._every_timesteps or self._trigger)

    def begins(self, number: int, timesteps: int) -> bool:
        """Whether the episode that begins now is to be filmed."""
        if self._all or (self._every and number % self._every == 0):
            return True
        if self._every_timesteps and timesteps >= self._next_timestep:
            self._next_timestep = (timesteps // self._every_timesteps + 1) * self._every_timesteps
            return True
        return self._trigger is not None and bool(self._trigger(number))

    def keeps(self, episode: FinishedEpisode) -> bool:
        """Whether the film of an episode is kept."""
        best, worst = episode.total_reward > self._best, episode.total_reward < self._worst
        self._best = max(self._best, episode.total_reward)
        self._worst = min(self._worst, episode.total_reward)
        if callable(self._keep):
            return bool(self._keep(episode))
        return {"all": True, "best": best, "worst": worst}[self._keep]


class Recording:
    """Frames and trace of one episode.

    Args:
        render: gives a frame of shape (H, W, C); None for a trace without video.
        fps: frames a second of the film.
        stride: timesteps from one frame to the next.
        info_keys: what of an env's info is traced.
        observations: whether these are traced, too.
    """

    def __init__(
        self,
        render: Callable[[], Any] | None,
        fps: float,
        stride: int,
        info_keys: Sequence[str],
        observations: bool,
    ) -> None:
        self.render = render
        self._stride = stride
        self._info_keys = info_keys
        self._observations = observations
        self._film = Film(fps)
        self._drawn_after: list[int] = []
        self._columns: dict[str, list[Any]] = {"reward": [], "action": []}
        self._timesteps = 0
        self._first: npt.NDArray[np.uint8] | None = None
        self._reused = False
        self._shoot()

    def add(
        self,
        action: Any,
        reward: Any,
        observation: Any,
        info: Mapping[str, Any],
        noted: Mapping[str, Any],
        *,
        last: bool,
        visible: bool = True,
    ) -> None:
        """Add a timestep.

        Args:
            action: what was done.
            reward: what it gave.
            observation: what it led to.
            info: what the env told.
            noted: what else is known of it, as the value that was expected.
            last: whether the episode ended, which is always drawn.
            visible: whether the env still shows it; False if it was reset within the same step.
        """
        columns = {"reward": reward, "action": action, **noted}
        if self._observations:
            columns["observation"] = observation
        for key in self._info_keys:
            if key in info:
                columns[f"info/{key}"] = info[key]
        for name, value in columns.items():
            column = self._columns.setdefault(name, [None] * self._timesteps)
            # A copy: envs and policies give the same array again, with other content.
            column.append(np.array(value) if isinstance(value, np.ndarray) else value)
        self._timesteps += 1
        for column in self._columns.values():
            if len(column) < self._timesteps:
                column.append(None)
        if visible and (last or self._timesteps % self._stride == 0):
            self._shoot()

    def _shoot(self) -> None:
        if self.render is None:
            return
        frame = self.render()
        if isinstance(frame, list) and frame:  # render_mode="rgb_array_list"
            frame = frame[-1]
        if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.dtype != np.uint8:
            raise TypeError(f"render() gave {type(frame).__name__}, and no RGB frame")
        self._film.add(np.array(frame, order="C") if self._is_shared(frame) else frame)
        self._drawn_after.append(self._timesteps)

    def _is_shared(self, frame: npt.NDArray[np.uint8]) -> bool:
        """Whether a frame has to be copied; a copy of CartPole's takes a third of drawing it.

        Most envs give a new array each time. Those that draw into the same one again give the
        same address while the array before is held, so the first is held, and is copied.
        """
        owner = frame if frame.base is None else frame.base
        if not (isinstance(owner, np.ndarray) and owner.flags.owndata and frame.flags.c_contiguous):
            return True  # a view of a surface, which must not be held, or a turned one
        if self._first is None:
            self._first = frame
            return True
        last = self._film.last
        held = (self._first,) if last is None else (self._first, last)
        self._reused = self._reused or any(np.may_share_memory(frame, other) for other in held)
        return self._reused

    def media(self, caption: str) -> dict[str, Media]:
        """What is kept of it, once."""
        kept: dict[str, Media] = {"trace": Trace(self._columns, self._drawn_after)}
        if (video := self._film.video(caption)) is not None:
            kept["video"] = video
        return kept

    def discard(self) -> None:
        """It is not kept."""
        self._film.discard()


class EpisodeWriter:
    """Writes the rows of one monitor's episodes.

    Args:
        run: where to record.
        name: first part of the keys.
        choice: which episodes are filmed.
        fps: frames a second of the env; None if it does not say.
        max_fps: of a film at most; None for the env's own.
        render_mode: of the env.
        info_keys: what of an env's info is in the row of an episode, and in its trace.
        observations: whether these are in the trace.
        global_step: timesteps so far over all envs, of who counts them.
    """

    def __init__(
        self,
        run: rltrack.Run,
        *,
        name: str,
        choice: Choice,
        fps: float | None,
        max_fps: float | None,
        render_mode: str | None,
        info_keys: Sequence[str],
        observations: bool,
        global_step: Callable[[], int] | None,
    ) -> None:
        if max_fps is not None and not max_fps > 0:
            raise UsageError(f"EpisodeMonitor(max_fps={max_fps}): a number above 0, or None")
        self.run = run
        self._name = name
        self._choice = choice
        fps = float(fps or DEFAULT_FPS)
        self._stride = max(1, math.ceil(fps / max_fps)) if max_fps else 1
        self._fps = fps / self._stride
        self._info_keys = tuple(info_keys)
        self._observations = observations
        self._step = GlobalStep(run, global_step)
        self._started_s = time.time()
        self._begun = 0
        self._draws = choice.films and self._can_draw(render_mode)

    def checkpoint(self) -> dict[str, Any]:
        """What a further process needs to go on; `SB3Callback` asks, and calls `go_on` there."""
        return {"begun": self._begun, "elapsed_s": time.time() - self._started_s}

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Be what `checkpoint` told."""
        self._begun = state["begun"]
        self._started_s = time.time() - state["elapsed_s"]
        self._step.go_on()

    @property
    def records(self) -> bool:
        """Whether there is a run to write to."""
        return not self.run.disabled and self.run.state == "running"

    def _can_draw(self, render_mode: str | None) -> bool:
        if self.run.disabled:
            return False
        if render_mode not in ("rgb_array", "rgb_array_list"):
            self.run.warn(
                "EpisodeMonitor render_mode",
                f"EpisodeMonitor records no videos: the env's render_mode is {render_mode!r}; make "
                "it with render_mode='rgb_array'. Traces of the chosen episodes are recorded",
            )
            return False
        try:
            require("imageio_ffmpeg", extra="video")  # now, and not after an hour of training
        except ImportError as missing:
            self.run.warn("EpisodeMonitor ffmpeg", f"EpisodeMonitor records no videos: {missing}")
            return False
        return True

    # -- an episode ------------------------------------------------------------------------

    def begin(self, timesteps: int, render: Callable[[], Any]) -> tuple[int, Recording | None]:
        """An episode begins: its number, and a recording if it is to be filmed."""
        number = self._begun
        self._begun += 1
        if not self._choice.films or not self.records:
            return number, None
        recording = None
        try:
            if self._choice.begins(number, timesteps):
                draw = render if self._draws else None
                recording = Recording(
                    draw, self._fps, self._stride, self._info_keys, self._observations
                )
        except Exception as fault:  # an env's renderer, or the user's trigger
            self.give_up(fault)
        return number, recording

    def end(self, episode: FinishedEpisode, recording: Recording | None, timesteps: int) -> None:
        """An episode has ended, `timesteps` after the first began, over all envs."""
        if not self.records:
            if self.run.state != "running":
                self.run.warn(
                    "EpisodeMonitor finished",
                    f"EpisodeMonitor: run {self.run.path} is {self.run.state}, so further episodes "
                    "are not recorded",
                )
            return
        row = self._row(episode)
        if recording is not None:
            if self._keeps(episode):
                caption = (
                    f"episode {episode.number}: return {episode.total_reward:g}, "
                    f"length {episode.length}"
                )
                for what, media in recording.media(caption).items():
                    row[f"{self._name}/{what}"] = media
            else:
                recording.discard()
        row[GLOBAL_STEP] = step = self._step.now(timesteps)
        self.run.log_point(row, step=step)

    def _keeps(self, episode: FinishedEpisode) -> bool:
        try:
            return self._choice.keeps(episode)
        except Exception as fault:  # the user's function; the row is there without a film
            self.give_up(fault)
            return False

    def _row(self, episode: FinishedEpisode) -> dict[str, Any]:
        name = self._name
        row: dict[str, Any] = {
            f"{name}/return": episode.total_reward,
            f"{name}/length": episode.length,
            f"{name}/time_s": time.time() - self._started_s,
            f"{name}/env": episode.env,
            f"{name}/terminated": episode.terminated,
            f"{name}/truncated": episode.truncated,
            f"{name}/number": episode.number,
        }
        if episode.seed is not None:
            row[f"{name}/seed"] = episode.seed
        if episode.success is not None:
            row[f"{name}/success"] = episode.success
        for key in self._info_keys:
            if key in episode.info:
                row[f"{name}/{key}"] = episode.info[key]
        return row

    def give_up(self, fault: Exception) -> None:
        """Something of ours, or an env's renderer, failed: no more films, and training goes on.

        Raises:
            Exception: in strict mode, the fault.
        """
        if self.run.settings.strict:
            raise fault
        self._draws = False
        hint = ""
        if "mujoco" in sys.modules and "MUJOCO_GL" not in os.environ:
            hint = "; without a display, set MUJOCO_GL=egl before the env is made"
        self.run.warn(
            "EpisodeMonitor",
            "EpisodeMonitor: recording an episode failed, no more are filmed, and training goes "
            f"on: {type(fault).__name__}: {fault}{hint}",
        )


def success_of(info: Mapping[str, Any]) -> bool | None:
    """Whether the env says that it has reached its goal; None if it says nothing."""
    for key in _SUCCESS:
        if key in info:
            return bool(info[key])
    return None
