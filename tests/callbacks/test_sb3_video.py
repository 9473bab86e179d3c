"""Videos show the policy, and leave the training as it would have been."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecNormalize,
)

import rltrack
from rltrack.callbacks import SB3Callback
from rltrack.callbacks._sb3_video import prepare_rendering
from rltrack.journal.records import MediaStored

Read = Callable[[rltrack.Run], Any]


class Drawn(gym.Env[Any, Any]):
    """Four steps, of which each has a shade of its own; draws from every random source."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 12}  # noqa: RUF012 (gymnasium's way)
    observation_space = gym.spaces.Box(-10.0, 10.0, (2,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None, shade: int = 50) -> None:
        self.render_mode = render_mode
        self.shade = shade
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self._observation(), 1.5, self.steps == 4, False, {}

    def render(self) -> Any:
        return np.full((32, 32, 3), self.shade * self.steps, np.uint8)

    def _observation(self) -> Any:
        drawn = [np.random.normal(), torch.randn(1).item()]
        return np.asarray(drawn, np.float32)


gym.register("rltrack-test/Drawn-v0", entry_point=lambda **choices: Drawn(**choices))


def small_ppo(env: Any) -> PPO:
    return PPO(
        "MlpPolicy",
        env,
        n_steps=64,
        n_epochs=2,
        seed=0,
        device="cpu",
        policy_kwargs={"net_arch": [8]},
    )


MODELS: dict[str, tuple[Callable[[], BaseAlgorithm], int]] = {
    "PPO": (lambda: small_ppo(make_vec_env("rltrack-test/Drawn-v0", 2, seed=0)), 200),
    "DQN": (
        lambda: DQN(
            *("MlpPolicy", "rltrack-test/Drawn-v0"),
            policy_kwargs={"net_arch": [8]},
            learning_starts=20,
            seed=0,
        ),
        100,
    ),
    "SAC": (
        lambda: SAC(
            *("MlpPolicy", "Pendulum-v1"),
            policy_kwargs={"net_arch": [8]},
            learning_starts=20,
            seed=0,
            use_sde=True,
        ),
        60,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_the_same_bits_with_and_without_videos(name: str, run: rltrack.Run) -> None:
    """An experiment must not depend on whether somebody wants to see it."""
    make, timesteps = MODELS[name]

    plain = make().learn(timesteps)
    filmed = make().learn(timesteps, callback=SB3Callback(run, video_freq=25, video_length=10))

    assert run.summary["eval/video_length"] > 0
    ours, theirs = filmed.policy.state_dict(), plain.policy.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert filmed.policy.training == plain.policy.training


def test_a_video_is_the_whole_episode_with_its_return(run: rltrack.Run, recorded: Read) -> None:
    """The frame of the last state is the one that shows why an episode ended."""
    model = small_ppo(make_vec_env("rltrack-test/Drawn-v0", 2, env_kwargs={"shade": 60}))
    model.learn(128, callback=SB3Callback(run, video_freq=50))
    found = recorded(run)

    assert [row.step for row in found.videos] == [50, 100]
    for row in found.videos:
        assert row.values["eval/video_return"] == 6.0
        assert row.values["eval/video_length"] == 4
        assert row.values["global_step"] == row.step
        assert row.values["eval/video"]["fps"] == 12.0
        assert row.values["eval/video"]["caption"].startswith(f"{row.step} timesteps: return 6")
    stored = [record for record in found.records if isinstance(record, MediaStored)]
    assert [record.error for record in stored] == [None, None]
    assert [record.facts["frames"] for record in stored] == [5, 5]
    assert {record.path for record in stored} == {
        row.values["eval/video"]["path"] for row in found.videos
    }


def test_a_long_episode_is_cut(run: rltrack.Run, recorded: Read) -> None:
    """A robot that stands still for ever must not fill the memory."""
    small_ppo(gym.make("rltrack-test/Drawn-v0")).learn(
        64, callback=SB3Callback(run, video_freq=50, video_length=3)
    )

    [row] = recorded(run).videos
    assert row.values["eval/video_length"] == 3


def test_the_policy_sees_what_it_was_trained_on(run: rltrack.Run, recorded: Read) -> None:
    """Normalised and stacked observations, with the training's statistics, which stay as they are."""
    env = VecNormalize(VecFrameStack(make_vec_env("CartPole-v1", 2, seed=0), 3))
    model = small_ppo(env)
    means: list[Any] = []

    class Watch(SB3Callback):
        def _log_video(self, run: rltrack.Run) -> None:
            assert not isinstance(env.obs_rms, dict)
            means.append((env.obs_rms.mean.copy(), env.ret_rms.count))
            super()._log_video(run)
            assert env.training
            assert np.array_equal(env.obs_rms.mean, means[-1][0])
            assert env.ret_rms.count == means[-1][1]

    model.learn(128, callback=Watch(run, video_freq=50))
    found = recorded(run)

    assert found.warnings == []
    assert len(means) == len(found.videos) == 2


def test_an_env_that_cannot_be_made_again_is_told_once(run: rltrack.Run, recorded: Read) -> None:
    """With what to do about it; and the training goes on."""
    model = small_ppo(DummyVecEnv([lambda: Monitor(Drawn())]))
    model.learn(256, callback=SB3Callback(run, video_freq=50))
    found = recorded(run)

    assert model.num_timesteps == 256
    assert found.videos == []
    [warning] = found.warnings
    assert "was not made by gymnasium.make; pass video_env=" in warning


def test_video_env_is_filmed_where_the_training_env_cannot_be(
    run: rltrack.Run, recorded: Read
) -> None:
    """The way out that the warning names."""
    model = small_ppo(DummyVecEnv([lambda: Monitor(Drawn())]))
    model.learn(64, callback=SB3Callback(run, video_freq=50, video_env=lambda: Drawn("rgb_array")))

    assert len(recorded(run).videos) == 1


class Secretive(gym.Wrapper[Any, Any, Any, Any]):
    """A user's wrapper, which does not tell its arguments."""


class Unknown(VecEnvWrapper):
    """A user's wrapper of a VecEnv."""

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        return self.venv.step_wait()


def other_space() -> gym.Env[Any, Any]:
    return gym.make("CartPole-v1", render_mode="rgb_array")


def draws_nothing() -> gym.Env[Any, Any]:
    env = Drawn("rgb_array")
    env.render = lambda: None  # type: ignore[method-assign]
    return env


def fails() -> gym.Env[Any, Any]:
    raise RuntimeError("no such simulator")


def drawn() -> gym.Env[Any, Any]:
    return gym.make("rltrack-test/Drawn-v0")


@pytest.mark.parametrize(
    ("env", "video_env", "says"),
    [
        (lambda: Monitor(Secretive(drawn())), None, "how Secretive was put around the env"),
        (lambda: Unknown(DummyVecEnv([drawn])), None, "Unknown around the training's env"),
        (drawn, other_space, "Observation spaces do not match"),
        (drawn, draws_nothing, "gave NoneType, and no RGB frame"),
        (drawn, fails, "filming an episode .* RuntimeError: no such simulator"),
    ],
)
def test_each_reason_for_no_video_is_one_warning(
    run: rltrack.Run, recorded: Read, env: Any, video_env: Any, says: str
) -> None:
    """The user should know which, and the training should not care."""
    model = small_ppo(env())
    callback = SB3Callback(run, video_freq=20, video_env=video_env)
    model.learn(128, callback=callback)
    found = recorded(run)

    assert model.num_timesteps == 128
    assert found.videos == []
    assert len(found.warnings) == 1
    assert re.search(says, found.warnings[0])


def test_envs_in_other_processes_are_filmed_by_their_name(run: rltrack.Run, recorded: Read) -> None:
    """How a worker's env was made cannot be asked for, so the run says what the video shows."""
    env: VecEnv = SubprocVecEnv([lambda: Monitor(drawn())] * 2, start_method="fork")
    try:
        small_ppo(env).learn(128, callback=SB3Callback(run, video_freq=100))
    finally:
        env.close()
    found = recorded(run)

    assert len(found.videos) == 1
    [warning] = found.warnings
    assert "videos show rltrack-test/Drawn-v0 as gymnasium.make makes it" in warning


def test_mujoco_is_told_to_render_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its default fails there, with a message that names no display."""
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    prepare_rendering()
    assert "MUJOCO_GL" not in os.environ

    monkeypatch.delenv("DISPLAY")
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    prepare_rendering()
    assert os.environ["MUJOCO_GL"] == "osmesa"

    monkeypatch.delenv("MUJOCO_GL")
    prepare_rendering()
    assert os.environ["MUJOCO_GL"] == "egl"
