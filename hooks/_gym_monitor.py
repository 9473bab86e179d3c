"""`EpisodeMonitor` and `VectorEpisodeMonitor`: wrappers that record each episode, and film some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

import rltrack
from rltrack.errors import NotInitializedError, RunFinishedError, UsageError
from rltrack.hooks._gym_episodes import (
    Choice,
    EpisodeWriter,
    FinishedEpisode,
    Recording,
    success_of,
)
from rltrack.hooks._gym_films import first_seed
from rltrack.hooks._gym_place import find_place
from rltrack.hooks._gym_workers import in_this_process

Keep = Literal["all", "best", "worst"] | Callable[[FinishedEpisode], bool]

_VectorWrapper: Any = getattr(gymnasium.vector, "VectorWrapper", None) or getattr(
    gymnasium.vector, "VectorEnvWrapper", None
)
#: Of versions that have no modes: before 1.0 envs were reset within the step.
_ONLY_MODE: Final = "NEXT_STEP" if hasattr(gymnasium.vector, "VectorWrapper") else "SAME_STEP"


def _find_run(run: rltrack.Run | None) -> rltrack.Run:
    run = run or rltrack.run
    if run is None:
        raise NotInitializedError("You must call rltrack.init() before EpisodeMonitor()")
    if run.state != "running":
        raise RunFinishedError(
            f"EpisodeMonitor: run {run.path} is {run.state}, so nothing can be recorded in it; "
            "start another with rltrack.init()"
        )
    return in_this_process(run)


class EpisodeMonitor(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Record each episode of an env as a row, and some of them as videos with a trace.

    A row has ``episode/return``, ``length``, ``time_s``, ``env``, ``terminated``, ``truncated``,
    ``number``, ``global_step``, and ``seed`` and ``success`` where they are known: the names that
    `SB3Callback` uses as well. Of an episode that was filmed it also has ``episode/video`` and
    ``episode/trace``: reward, action and more of each timestep; see `rltrack.media.trace`. Only
    filmed episodes are rendered, and encoding is done by another process.

        env = EpisodeMonitor(gymnasium.make("CartPole-v1", render_mode="rgb_array"), video_every=20)

    The env is not changed, and our faults never reach the training: they are one warning.

    Args:
        env: with ``render_mode="rgb_array"``, if episodes are to be filmed.
        run: where to record; by default the run that is going on. In a worker process it has to
            be given.
        name: first part of the keys, for example ``eval``.
        video_every: film each n-th episode, beginning with the first; 0 for none.
        video_every_timesteps: film the next episode after so many timesteps; 0 for none.
        video_trigger: film an episode if this says so, given its number.
        video_keep: which films are kept: ``all``; ``best`` or ``worst``: those of episodes that
            gave more, or less, than all that were filmed before; or a function of a
            `FinishedEpisode`. If none of the above is given, then each episode is filmed, which
            takes the time of rendering it.
        max_fps: frames a second of a video at most: of an env that has more, some are not drawn,
            since drawing is what filming costs. The trace has each timestep. None for all.
        info_keys: what of the env's info is in the row, as its last timestep has it, and in the
            trace.
        observations: have these in the trace, too.
        env_index: the env's place among those that step together; by default it is looked for.
        global_step: tells the timesteps so far over all envs; by default they are counted here,
            or the run's ``global_step`` is taken if it is more.

    Raises:
        NotInitializedError: there is no run.
        RunFinishedError: `run` is finished.
        UsageError: a choice is not what it may be, or `env` is a vector env.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        run: rltrack.Run | None = None,
        *,
        name: str = "episode",
        video_every: int = 0,
        video_every_timesteps: int = 0,
        video_trigger: Callable[[int], bool] | None = None,
        video_keep: Keep = "all",
        max_fps: float | None = 24.0,
        info_keys: Sequence[str] = (),
        observations: bool = False,
        env_index: int | None = None,
        global_step: Callable[[], int] | None = None,
    ) -> None:
        if isinstance(env, gymnasium.vector.VectorEnv):
            raise UsageError("EpisodeMonitor(env): this is a vector env: VectorEpisodeMonitor")
        super().__init__(env)
        self._writer = EpisodeWriter(
            _find_run(run),
            name=name,
            choice=Choice(video_every, video_every_timesteps, video_trigger, video_keep),
            fps=env.metadata.get("render_fps"),
            max_fps=max_fps,
            render_mode=env.render_mode,
            info_keys=info_keys,
            observations=observations,
            global_step=global_step,
        )
        self._index = env_index
        self._count = 1
        self._total: Any = 0.0
        self._length = 0
        self._timesteps = 0
        self._number = -1
        self._seed: int | None = None
        self._recording: Recording | None = None
        self._noted: dict[str, Any] = {}
        self._over = True

    def note(self, **values: Any) -> None:
        """Add to the trace what is known of the next timestep, as the value that is expected."""
        if self._recording is not None:
            self._noted.update(values)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env; an episode that had not ended is left out."""
        answer = self.env.reset(seed=seed, options=options)
        self._seed = first_seed(seed) if seed is not None else self._seed
        try:
            self._begin()
        except Exception as fault:
            self._writer.give_up(fault)
        return answer

    def _begin(self) -> None:
        if self._number < 0:
            place = find_place(self)
            self._count = place.count if place else 1
            if self._index is None:
                self._index = place.index if place else 0
        self._timesteps += self._length  # of an episode that was not ended
        self._total, self._length, self._over = 0.0, 0, False
        self._noted.clear()
        self._number, self._recording = self._writer.begin(
            self._timesteps * self._count, self.env.render
        )

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the env."""
        result = self.env.step(action)
        _, reward, terminated, truncated, _ = result
        try:
            self._total += reward
            self._length += 1
            if terminated or truncated or self._recording is not None:
                self._look_closer(action, result)
        except Exception as fault:  # a reward may be anything
            self._recording = None
            self._writer.give_up(fault)
        return result

    def _look_closer(self, action: Any, result: tuple[Any, Any, bool, bool, Any]) -> None:
        """The episode has ended, or is being filmed."""
        observation, reward, terminated, truncated, info = result
        over = bool(terminated or truncated)
        recording, self._recording = self._recording, None  # if it fails, then only once
        if recording is not None:
            recording.add(action, reward, observation, info, self._noted, last=over)
            self._noted.clear()
        if not over:
            self._recording = recording
            return
        self._timesteps += self._length
        length, self._length = self._length, 0
        if self._over:
            return  # stepped on without a reset
        self._over = True
        episode = FinishedEpisode(
            number=self._number,
            total_reward=float(self._total),
            length=length,
            terminated=bool(terminated),
            truncated=bool(truncated),
            env=self._index or 0,
            seed=self._seed,
            success=success_of(info),
            info=info,
        )
        self._writer.end(episode, recording, self._timesteps * self._count)


class VectorEpisodeMonitor(_VectorWrapper):  # type: ignore[misc]
    """Record each episode of each env of a vector env; see `EpisodeMonitor`.

    Episodes are numbered over all envs, and with ``video_every=20`` each 20th of all is filmed:
    only its env is rendered, where the vector env has its envs in this process. Envs that are
    reset within the step in which an episode ends (``SAME_STEP``) have no last frame to show.

    Args:
        env: a vector env, of any autoreset mode.
        run: see `EpisodeMonitor`, as for all others.
        name: see there.
        video_every: see there.
        video_every_timesteps: see there; the timesteps of all envs.
        video_trigger: see there.
        video_keep: see there.
        max_fps: see there.
        info_keys: see there.
        observations: see there.
        global_step: see there.

    Raises:
        NotInitializedError: there is no run.
        RunFinishedError: `run` is finished.
        UsageError: a choice is not what it may be, or `env` is no vector env.
    """

    def __init__(
        self,
        env: Any,
        run: rltrack.Run | None = None,
        *,
        name: str = "episode",
        video_every: int = 0,
        video_every_timesteps: int = 0,
        video_trigger: Callable[[int], bool] | None = None,
        video_keep: Keep = "all",
        max_fps: float | None = 24.0,
        info_keys: Sequence[str] = (),
        observations: bool = False,
        global_step: Callable[[], int] | None = None,
    ) -> None:
        if not isinstance(env, gymnasium.vector.VectorEnv):
            raise UsageError(f"VectorEpisodeMonitor(env): {type(env).__name__} is no vector env")
        super().__init__(env)
        metadata = getattr(env, "metadata", None) or {}
        self._writer = EpisodeWriter(
            _find_run(run),
            name=name,
            choice=Choice(video_every, video_every_timesteps, video_trigger, video_keep),
            fps=metadata.get("render_fps"),
            max_fps=max_fps,
            render_mode=env.render_mode,
            info_keys=info_keys,
            observations=observations,
            global_step=global_step,
        )
        mode = metadata.get("autoreset_mode")
        self._mode: str = getattr(mode, "name", _ONLY_MODE)
        count = env.num_envs
        self._totals: npt.NDArray[np.float64] = np.zeros(count)
        self._lengths: npt.NDArray[np.int64] = np.zeros(count, np.int64)
        self._numbers = [-1] * count
        self._seeds: list[int | None] = [None] * count
        self._recordings: dict[int, Recording] = {}
        self._over: list[int] = list(range(count))
        """Envs whose episode has ended, and the next not begun."""
        self._timesteps = 0
        self._noted: dict[str, Any] = {}

    def note(self, **values: Any) -> None:
        """Add to traces what is known of the next timestep, each with one item an env."""
        if self._recordings:
            self._noted.update(values)

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the envs, or those of ``options["reset_mask"]``; what had not ended is left out."""
        mask = options.get("reset_mask") if options else None
        chosen = list(range(self.num_envs)) if mask is None else np.flatnonzero(mask).tolist()
        answer = self.env.reset(seed=seed, options=options)
        try:
            if seed is not None:
                seeds = range(seed, seed + self.num_envs) if isinstance(seed, int) else seed
                self._seeds = list(seeds)
            for env in chosen:
                self._begin(env)
            self._over = [env for env in self._over if env not in chosen]
        except Exception as fault:
            self._writer.give_up(fault)
        return answer  # type: ignore[no-any-return]

    def _begin(self, env: int) -> None:
        self._totals[env] = 0.0
        self._lengths[env] = 0
        self._recordings.pop(env, None)
        number, recording = self._writer.begin(self._timesteps, lambda: self._render(env))
        self._numbers[env] = number
        if recording is not None:
            self._recordings[env] = recording

    def _render(self, env: int) -> Any:
        envs = getattr(self.env.unwrapped, "envs", None)
        if isinstance(envs, (list, tuple)):
            return envs[env].render()
        frames = self.env.render() if self.env.render_mode else None
        return None if frames is None else frames[env]

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the envs."""
        result = self.env.step(actions)
        _, rewards, terminated, truncated, _ = result
        try:
            self._totals += rewards
            self._lengths += 1
            self._timesteps += self.num_envs
            over = np.logical_or(terminated, truncated)
            if np.count_nonzero(over) or self._over or self._recordings:
                self._look_closer(actions, result, over)
        except Exception as fault:  # rewards may be anything
            self._recordings.clear()
            self._writer.give_up(fault)
        return result  # type: ignore[no-any-return]

    def _look_closer(self, actions: Any, result: Any, over: npt.NDArray[np.bool_]) -> None:
        """Episodes have ended, begin, or are being filmed."""
        observations, rewards, terminated, truncated, infos = result
        waiting, self._over = self._over, []
        for env in waiting:
            if self._mode == "NEXT_STEP":
                self._begin(env)  # this step was its reset
            else:
                self._over.append(env)  # nobody has reset it
        for env, recording in list(self._recordings.items()):
            if env in waiting:
                continue
            last = bool(over[env])
            info = _info_of(infos, env, last=last)
            recording.add(
                actions[env],
                rewards[env],
                _item(observations, env),
                info,
                {name: values[env] for name, values in self._noted.items()},
                last=last,
                visible=not (last and self._mode == "SAME_STEP"),
            )
        self._noted.clear()
        for env in np.flatnonzero(over).tolist():
            if env not in waiting:
                info = _info_of(infos, env, last=True)
                self._end(env, bool(terminated[env]), bool(truncated[env]), info)

    def _end(self, env: int, terminated: bool, truncated: bool, info: Mapping[str, Any]) -> None:
        episode = FinishedEpisode(
            number=self._numbers[env],
            total_reward=float(self._totals[env]),
            length=int(self._lengths[env]),
            terminated=terminated,
            truncated=truncated,
            env=env,
            seed=self._seeds[env],
            success=success_of(info),
            info=info,
        )
        self._writer.end(episode, self._recordings.pop(env, None), self._timesteps)
        if self._mode == "SAME_STEP":
            self._begin(env)
        else:
            self._over.append(env)


def _item(values: Any, env: int) -> Any:
    """Of a batch of observations, that of one env."""
    if isinstance(values, Mapping):
        return {name: _item(value, env) for name, value in values.items()}
    if isinstance(values, tuple):
        return tuple(_item(value, env) for value in values)
    return values[env]


def _info_of(infos: Mapping[str, Any], env: int, *, last: bool) -> Mapping[str, Any]:
    """The info of one env: gymnasium has an array for each key, with a mask of who has given it."""
    if last and (final := infos.get("final_info")) is not None:
        if isinstance(final, Mapping):
            return _info_of(final, env, last=False)
        return final[env] or {}  # before 1.0 a list of each env's own
    info = {}
    for key, values in infos.items():
        mask = infos.get(f"_{key}")
        if mask is not None and not key.startswith("_") and mask[env]:
            info[key] = _item(values, env)
    return info
