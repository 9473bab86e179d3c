"""Every episode of every env is a row: none merged, none made up, none lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RecordEpisodeStatistics, TransformReward
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecMonitor,
    VecNormalize,
)

import rltrack
from rltrack.callbacks import SB3Callback

Read = Callable[[rltrack.Run], Any]


class Steady(gym.Env[Any, Any]):
    """Episodes of a fixed length, a reward of 0.5 a step, and a success at the end."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (2,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, length: int = 10, *, truncates: bool = False) -> None:
        self.episode_length = length
        self.truncates = truncates
        self.steps = 0

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=options.get("seed"))
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        over = self.steps >= self.episode_length
        info = {"is_success": True} if over else {}
        ends = (False, over) if self.truncates else (over, False)
        return np.zeros(2, np.float32), 0.5, *ends, info


def train(run: rltrack.Run, env: VecEnv, timesteps: int) -> PPO:
    model = PPO("MlpPolicy", env, n_steps=16, n_epochs=1, batch_size=16, device="cpu", seed=0)
    return model.learn(timesteps, callback=SB3Callback(run))


def test_envs_that_end_on_the_same_step_each_have_their_row(
    run: rltrack.Run, recorded: Read
) -> None:
    """W&B's TensorBoard sync keeps 244 of 250 episodes: equal tag and step are merged."""
    train(run, DummyVecEnv([lambda: Monitor(Steady(10))] * 4), 160)
    found = recorded(run)

    assert [(row.step, row.values["episode/env"]) for row in found.episodes] == [
        (step, env) for step in (40, 80, 120, 160) for env in range(4)
    ]
    for row in found.episodes:
        assert row.values["episode/return"] == 5.0
        assert row.values["episode/length"] == 10
        assert row.values["episode/time_s"] > 0
        assert row.values["episode/truncated"] is False
        assert row.values["episode/success"] is True
        assert row.values["global_step"] == row.step


def test_truncated_episodes_say_so(run: rltrack.Run, recorded: Read) -> None:
    """Time was up, which is neither success nor failure."""
    train(run, DummyVecEnv([lambda: Monitor(Steady(10, truncates=True))]), 16)

    [episode] = recorded(run).episodes
    assert episode.values["episode/truncated"] is True


MONITORS: dict[str, Callable[[], VecEnv]] = {
    "no monitor at all": lambda: DummyVecEnv([lambda: Steady(10), lambda: Steady(7)]),
    "one env of two has one": lambda: DummyVecEnv([lambda: Monitor(Steady(10)), lambda: Steady(7)]),
    "Monitor": lambda: DummyVecEnv([lambda: Monitor(Steady(10)), lambda: Monitor(Steady(7))]),
    "VecMonitor": lambda: VecMonitor(DummyVecEnv([lambda: Steady(10), lambda: Steady(7)])),
    "gymnasium's statistics": lambda: DummyVecEnv(
        [lambda: RecordEpisodeStatistics(Steady(10)), lambda: RecordEpisodeStatistics(Steady(7))]
    ),
    "none, and normalised rewards": lambda: VecNormalize(
        DummyVecEnv([lambda: Steady(10), lambda: Steady(7)])
    ),
    "VecMonitor around normalised rewards": lambda: VecNormalize(
        VecMonitor(DummyVecEnv([lambda: Steady(10), lambda: Steady(7)]))
    ),
}


@pytest.mark.parametrize("monitor", MONITORS)
def test_returns_are_the_same_whoever_counts(
    run: rltrack.Run, recorded: Read, monitor: str
) -> None:
    """SB3 itself reports nothing at all where an env has no monitor."""
    train(run, MONITORS[monitor](), 64)
    found = recorded(run)

    seen = [
        (r.step, r.values["episode/env"], r.values["episode/return"], r.values["episode/length"])
        for r in found.episodes
    ]
    first = [(20 * n, 0, 5.0, 10) for n in (1, 2, 3)]
    second = [(14 * n, 1, 3.5, 7) for n in (1, 2, 3, 4)]
    assert sorted(seen) == sorted(first + second)
    assert found.warnings == []
    for row in found.episodes:
        assert type(row.values["episode/return"]) is float
        assert type(row.values["episode/length"]) is int


class LosesALife(gym.Wrapper[Any, Any, Any, Any]):
    """Says done every third step, as Atari's EpisodicLifeEnv does, outside the monitor."""

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        inner = self.env.env  # type: ignore[attr-defined]
        if inner.steps in (0, inner.episode_length):
            return self.env.reset(**options)
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        lost = self.env.env.steps % 3 == 0  # type: ignore[attr-defined]
        return observation, reward, terminated or lost, truncated, info


def test_a_lost_life_is_no_episode(run: rltrack.Run, recorded: Read) -> None:
    """The monitor inside knows when the game is over; done alone does not."""
    train(run, DummyVecEnv([lambda: LosesALife(Monitor(Steady(10)))]), 32)

    assert [row.values["episode/length"] for row in recorded(run).episodes] == [10, 10, 10]


def test_keywords_of_the_monitor_are_in_the_row(run: rltrack.Run, recorded: Read) -> None:
    """Users name them so that they are recorded."""
    train(run, DummyVecEnv([lambda: Monitor(Steady(10), info_keywords=("is_success",))]), 16)

    [episode] = recorded(run).episodes
    assert episode.values["episode/is_success"] is True


def test_half_an_episode_is_not_lost_between_two_trainings(
    run: rltrack.Run, recorded: Read
) -> None:
    """learn(reset_num_timesteps=False) goes on in the middle of it."""
    model = PPO("MlpPolicy", DummyVecEnv([lambda: Steady(10)]), n_steps=8, batch_size=8, seed=0)
    callback = SB3Callback(run)
    model.learn(8, callback=callback)
    model.learn(8, callback=callback, reset_num_timesteps=False)

    [episode] = recorded(run).episodes
    assert (episode.step, episode.values["episode/length"]) == (10, 10)


def test_envs_in_other_processes(run: rltrack.Run, recorded: Read) -> None:
    """A worker that is asked for a spec with a lambda in it dies, and takes the training along."""

    def make() -> gym.Env[Any, Any]:
        return Monitor(TransformReward(gym.make("CartPole-v1"), lambda reward: 2 * float(reward)))

    env = SubprocVecEnv([make, make], start_method="fork")
    try:
        train(run, env, 256)
    finally:
        env.close()
    found = recorded(run)

    assert {row.values["episode/env"] for row in found.episodes} == {0, 1}
    for row in found.episodes:
        assert row.values["episode/return"] == 2.0 * row.values["episode/length"]
    assert run.config["env_id"] == "CartPole-v1"
    assert run.config["n_envs"] == 2
    assert found.warnings == []
