"""Videos and episodes of environments, recorded in a run.

    rltrack.init(monitor_gym=True)           each video that an existing recorder makes

    from rltrack.hooks.gym import monitor_gym
    with monitor_gym():                      the same, for a while

The recorders that are heard: gymnasium's `RecordVideo` of 0.29 and of 1.x, that for vector envs,
gym 0.26's, and SB3's `VecVideoRecorder`; made before or after, in this process or in the workers
of a vector env that is made afterwards. Each goes on as it would, and its files stay where they
are. A video becomes a row with

    videos/<prefix>            the video, at the recorder's frames a second
    videos/<prefix>_episode    the episode with which it begins, counted from 0
    videos/<prefix>_return     what that episode gave, if it ended
    videos/<prefix>_length     its timesteps
    videos/<prefix>_seed       with which its env was last seeded
    videos/<prefix>_env        its env's place among those that step together
    global_step                the run's own, or what the recorder counted: whichever is more

where ``<prefix>`` is the recorder's ``name_prefix``. Of a recorder that films many envs as one, the
episode is that of the first. What is still being filmed when the run finishes, or could not be encoded, is
recorded then.

    from rltrack.hooks.gym import EpisodeMonitor
    env = EpisodeMonitor(env, video_every=20)

records a row for each episode, with `SB3Callback`'s keys, and each 20th as a video with a trace.

Read `_gym_tap.py` first for the recorders of others, and `_gym_monitor.py` for ours.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import rltrack
from rltrack.errors import NotInitializedError, RunFinishedError
from rltrack.extras import require
from rltrack.hooks import _gym_tap as tap
from rltrack.hooks import _gym_workers as workers
from rltrack.hooks._gym_films import Film
from rltrack.hooks._gym_step import GLOBAL_STEP, GlobalStep

if TYPE_CHECKING:
    from rltrack.hooks._gym_episodes import FinishedEpisode
    from rltrack.hooks._gym_monitor import EpisodeMonitor, VectorEpisodeMonitor

__all__ = [
    "EpisodeMonitor",
    "FinishedEpisode",
    "GymMonitor",
    "VectorEpisodeMonitor",
    "monitor_gym",
]

#: What needs gymnasium, which `monitor_gym` does not.
_LATER: Final = {
    "EpisodeMonitor": "_gym_monitor",
    "FinishedEpisode": "_gym_episodes",
    "VectorEpisodeMonitor": "_gym_monitor",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        require("gymnasium", extra="gym")
        return getattr(importlib.import_module(f"rltrack.hooks.{_LATER[name]}"), name)
    raise AttributeError(f"module 'rltrack.hooks.gym' has no attribute {name!r}")


class GymMonitor:
    """Recorders that are listened to. Ends with its ``with`` block, by `close`, or with the run."""

    def __init__(self, run: rltrack.Run, *, listens: bool) -> None:
        self.run = run
        self._pid = os.getpid()
        self._here = run
        """The run as this process writes to it: a forked one has to be attached first."""
        self._step = GlobalStep(run)
        self._listens = listens
        if listens:
            workers.runs.append(run)
            tap.listen(self)
            run.on_finish(self.close)

    def close(self) -> None:
        """Stop; the classes that were listened to are what they were. May be called again."""
        if not self._listens:
            return
        self._listens = False
        if os.getpid() == self._pid:
            for film, frames in tap.films_in_progress():
                try:
                    video = rltrack.Video(list(frames), _caption(film), film.fps, axes="THWC")
                    self._log(film, video)
                except Exception as fault:
                    self.fault("recording what is being filmed", fault)
        tap.leave(self)
        workers.runs[:] = [run for run in workers.runs if run is not self.run]

    def __enter__(self) -> GymMonitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- what the tap tells ------------------------------------------------------------------

    def film(self, film: Film) -> None:
        """A film's file is there."""
        if os.path.getsize(film.path):
            self._log(film, rltrack.Video(film.path, _caption(film)))

    def unknown(self, what: str) -> None:
        """There is a recorder whose methods are not those that are known."""
        self._here.warn(
            f"monitor_gym {what}",
            f"monitor_gym: {what} is made differently from those that are known, so its videos "
            "are not recorded",
        )

    def fault(self, doing: str, fault: Exception) -> None:
        """Something of ours went wrong; the recorder is not touched by it.

        Raises:
            Exception: in strict mode, the fault.
        """
        if self._here.settings.strict:
            raise fault
        self._here.warn(
            f"monitor_gym {doing}",
            f"monitor_gym: {doing} failed, and training goes on: {type(fault).__name__}: {fault}",
        )

    # -- the run -----------------------------------------------------------------------------

    def _log(self, film: Film, video: rltrack.Video) -> None:
        run = self._run_here()
        if not _goes_on(run):
            return
        key = f"videos/{film.name}"
        row: dict[str, Any] = {key: video}
        episode = film.episode
        if episode is not None:
            if episode.number is not None:
                row[f"{key}_episode"] = episode.number
            if episode.outcome is not None:
                row[f"{key}_return"], row[f"{key}_length"] = episode.outcome
            if episode.seed is not None:
                row[f"{key}_seed"] = episode.seed
        row[f"{key}_env"] = film.place.index if film.place is not None else 0
        row[GLOBAL_STEP] = step = self._step.now(film.timesteps or 0)
        run.log_point(row, step=step)

    def _run_here(self) -> rltrack.Run:
        if os.getpid() != self._pid:
            # A worker that was forked without our knowing; its part of the run ends with it.
            self._here = workers.in_this_process(self.run)
            self._step = GlobalStep(self._here)
            self._pid = os.getpid()
        return self._here


def _goes_on(run: rltrack.Run) -> bool:
    """Whether a run can be written to; a worker is not told when its run is finished elsewhere."""
    if run.state != "running" or run.is_owner or run.run_folder is None:
        return run.state == "running"
    return run.run_folder.read_facts().state == "running"


def _caption(film: Film) -> str | None:
    episode = film.episode
    if episode is None or episode.number is None:
        return None
    if episode.outcome is None:
        return f"episode {episode.number}"
    total_reward, length = episode.outcome
    return f"episode {episode.number}: return {total_reward:g}, length {length}"


def monitor_gym(run: rltrack.Run | None = None) -> GymMonitor:
    """Record in a run the videos that gymnasium's and SB3's recorders make.

    Args:
        run: where to record; by default the run that is going on.

    Returns:
        What ends it. It ends with the run, too.

    Raises:
        NotInitializedError: there is no run.
        RunFinishedError: `run` is finished.
    """
    run = run or rltrack.run
    if run is None:
        raise NotInitializedError("You must call rltrack.init() before monitor_gym()")
    if run.state != "running":
        raise RunFinishedError(
            f"monitor_gym: run {run.path} is {run.state}, so nothing can be recorded in it; "
            "start another with rltrack.init()"
        )
    heard = any(isinstance(other, GymMonitor) and other.run is run for other in tap.listeners())
    if run.disabled or heard:
        return GymMonitor(run, listens=False)
    if not any(importlib.util.find_spec(name) for name in ("gymnasium", "gym")):
        run.warn(
            "gymnasium missing",
            "monitor_gym: neither gymnasium nor gym is installed, so there is nothing to record; "
            "type: pip install 'rltrack[gym]'",
        )
    return GymMonitor(run, listens=True)
