"""An episode of the policy as it is now, filmed in an env of its own.

The training must not notice: it has its own env, and the random states of Python, NumPy and
torch are put back, so that the weights are the same bits with and without videos.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import check_for_correct_spaces
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecEnv,
)

from rltrack.callbacks._sb3_env import EnvFacts
from rltrack.callbacks._sb3_twin import NoTwinError, dressed_like, made_again, masks, undisturbed

MakeEnv = Callable[[], "gymnasium.Env[Any, Any]"]

#: Each video begins with the same draw of the env, so that two differ by the policy.
SEED: Final = 2**20

_ADVICE: Final = "pass video_env=, a function that makes one with render_mode='rgb_array'"


class NoVideoError(Exception):
    """There can be no video; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Film:
    """One episode: its frames, of shape (H, W, C) each, and what came of it."""

    frames: list[npt.NDArray[np.uint8]]
    fps: float | None
    episode_return: float
    length: int
    """Timesteps."""


def film_episode(
    model: BaseAlgorithm, facts: EnvFacts, make_env: MakeEnv | None, max_steps: int
) -> Film:
    """Let the policy play one episode, without exploration.

    Args:
        model: its policy is asked, and left as it was.
        facts: of the env that the model is trained in.
        make_env: makes the env to film; by default it is made as the training's was.
        max_steps: where the film ends if the episode does not.

    Raises:
        NoVideoError: the env cannot be made again, or gives no frames.
    """
    assert model.env is not None
    with undisturbed(model), _drawn_in_memory():
        try:
            camera = _Camera(make_env() if make_env is not None else made_again(facts, "rgb_array"))
            env = dressed_like(model.env, DummyVecEnv([lambda: camera]))
        except NoTwinError as why:
            raise NoVideoError(f"{why}; {_ADVICE}") from why
        try:
            try:
                check_for_correct_spaces(env, model.observation_space, model.action_space)
            except ValueError as mismatch:
                raise NoVideoError(f"the env to film differs: {mismatch}; {_ADVICE}") from None
            _play(model, env, camera, max_steps)
        finally:
            env.close()
    fps = camera.metadata.get("render_fps")
    return Film(camera.frames, fps and float(fps), camera.episode_return, camera.length)


def _play(model: BaseAlgorithm, env: VecEnv, camera: _Camera, max_steps: int) -> None:
    env.seed(SEED)
    observation = env.reset()
    state = None
    starts = np.ones(1, bool)
    while not camera.over and camera.length < max_steps:
        actions, state = model.predict(
            observation,  # type: ignore[arg-type]  # VecEnvs also give tuples, which SB3 has no policy for
            state=state,
            episode_start=starts,
            deterministic=True,
            **masks(model, env),
        )
        observation, _, starts, _ = env.step(actions)


class _Camera(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps a frame of each state of the first episode, the last one too.

    It stands inside the VecEnv, which resets an env in the same step in which its episode ends.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.frames: list[npt.NDArray[np.uint8]] = []
        self.episode_return = 0.0
        self.length = 0
        self.over = False

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        answer = self.env.reset(**options)
        if not self.over:
            self._shoot()
        return answer

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.episode_return += float(reward)
        self.length += 1
        self.over = terminated or truncated
        self._shoot()
        return observation, reward, terminated, truncated, info

    def _shoot(self) -> None:
        frame = self.env.render()
        if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.dtype != np.uint8:
            raise NoVideoError(f"the env's render() gave {type(frame).__name__}, and no RGB frame")
        # A copy in row order: some envs draw into the same buffer again, or give a turned view.
        self.frames.append(np.array(frame, order="C"))


# -- the env -----------------------------------------------------------------------------------


def _is_headless() -> bool:
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "linux" and not any(map(os.environ.get, displays))


def prepare_rendering() -> None:
    """Have MuJoCo render without a display, where there is none: its default would fail."""
    if _is_headless() and "mujoco" not in sys.modules:
        os.environ.setdefault("MUJOCO_GL", "egl")


@contextmanager
def _drawn_in_memory() -> Iterator[None]:
    """Keep pygame from looking for a display that is not there, and from complaining of it."""
    driver = "SDL_VIDEODRIVER"
    if not _is_headless() or driver in os.environ:
        yield
        return
    os.environ[driver] = "dummy"
    try:
        yield
    finally:
        os.environ.pop(driver, None)
