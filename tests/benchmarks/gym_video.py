"""What filming one episode in twenty costs a training of PPO, and `EpisodeMonitor` a timestep.

    python tests/benchmarks/gym_video.py [--rounds 10] [--max-fps 24]

A round is one training of each kind, in a random order and with one seed, so the work is the
same and what else the machine does hits all alike: bare; with `EpisodeMonitor(video_every=20)`;
with gymnasium's own `RecordVideo` of the same episode. CartPole is kept from falling, so that
each episode has its 500 timesteps. A round gives each kind's time as a ratio to the bare one; printed
are the medians and the quartiles, and the fastest of each kind against the fastest bare one: noise
only adds time. A clock at the doors of ours says which part of `learn()` passes inside, mostly in the
env's own drawing; what it misses is the encoder, where it has to share the core.

The second table steps an env that does nothing, so that what is left is the wrappers' own time:
ours without video, gymnasium's `RecordEpisodeStatistics`, and an empty `gymnasium.Wrapper`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers import RecordEpisodeStatistics, RecordVideo, TimeLimit
from stable_baselines3 import PPO

import rltrack
from rltrack.hooks.gym import EpisodeMonitor

EPISODE = 500
TIMESTEPS = 20 * EPISODE
WALL_BOUND = 5.0  # per cent
STEP_BOUND_US = 2.0


class Upright(gym.Wrapper[Any, Any, Any, Any]):
    """CartPole that is set up again instead of falling, as if its policy were a good one."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated:
            cartpole: Any = self.env.unwrapped
            cartpole.state = (0.0, 0.0, 0.0, 0.0)
            cartpole.steps_beyond_terminated = None
        return observation, reward, False, truncated, info


def cartpole() -> gym.Env[Any, Any]:
    env = gym.make("CartPole-v1", render_mode="rgb_array", max_episode_steps=-1)
    return TimeLimit(Upright(env), EPISODE)


def is_filmed(episode: int) -> bool:
    """One in twenty, in the middle, so that its encoding falls into the training."""
    return episode % 20 == 8


def train(wrap: Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]) -> float:
    """Seconds of `learn()`."""
    model = PPO("MlpPolicy", wrap(cartpole()), n_steps=2000, batch_size=50, seed=0, device="cpu")
    start = time.perf_counter()
    model.learn(TIMESTEPS)
    return time.perf_counter() - start


class Timed(EpisodeMonitor):
    """A monitor with a clock at its doors; drawing is within."""

    inside_s = 0.0

    def _begin(self) -> None:
        start = time.perf_counter()
        super()._begin()
        Timed.inside_s += time.perf_counter() - start

    def _look_closer(self, *timestep: Any) -> None:
        start = time.perf_counter()
        super()._look_closer(*timestep)
        Timed.inside_s += time.perf_counter() - start


class Idle(gym.Env[Any, Any]):
    """An env that does nothing, in episodes of 500 timesteps."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (4,))
    action_space = gym.spaces.Discrete(2)
    _observation = np.zeros(4, np.float32)
    _timestep = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self._timestep = 0
        return self._observation, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._timestep += 1
        return self._observation, 1.0, self._timestep == EPISODE, False, {}


def step_us(env: gym.Env[Any, Any], steps: int = 100_000) -> float:
    """Microseconds of CPU a timestep, resets and rows included."""
    env.reset()
    start = time.process_time()
    for _ in range(steps):
        if env.step(0)[2]:
            env.reset()
    return (time.process_time() - start) / steps * 1e6


def main() -> None:
    """Run the rounds and print what they say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--max-fps", type=float, default=24.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as folder:
        run = rltrack.init(project="benchmark", dir=folder, settings={"silent": True})

        def monitored(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
            return EpisodeMonitor(env, run, video_trigger=is_filmed, max_fps=options.max_fps)

        def recorded(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
            return RecordVideo(env, str(Path(folder) / "films"), episode_trigger=is_filmed)

        kinds = {"bare": lambda env: env, "EpisodeMonitor": monitored, "RecordVideo": recorded}
        for wrap in kinds.values():
            train(wrap)  # imports, first allocations
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        order = random.Random(0)
        for _ in range(options.rounds):
            for kind in order.sample(list(kinds), len(kinds)):
                times[kind].append(train(kinds[kind]))
        print(f"PPO, {TIMESTEPS} timesteps, one episode of 20 filmed; bare: "
              f"{statistics.median(times['bare']):.2f} s")  # fmt: skip
        for kind in ("EpisodeMonitor", "RecordVideo"):
            pairs = zip(times[kind], times["bare"], strict=True)
            added = [100 * (with_it / without - 1) for with_it, without in pairs]
            low, middle, high = statistics.quantiles(added, n=4)
            fastest = 100 * (min(times[kind]) / min(times["bare"]) - 1)
            bound = f"   bound {WALL_BOUND:g} %" if kind == "EpisodeMonitor" else ""
            print(
                f"  {kind:24} {middle:+6.1f} %  [{low:+.1f}, {high:+.1f}]   fastest {fastest:+.1f} %{bound}"
            )

        learning_s = train(lambda env: Timed(env, run, video_trigger=is_filmed))
        share = 100 * Timed.inside_s / learning_s
        print(f"  {'of which it draws':24} {share:6.1f} %, by a clock at its doors")

        wrappers: dict[str, Callable[[Any], Any]] = {
            "gymnasium.Wrapper": gym.Wrapper,
            "EpisodeMonitor": lambda env: EpisodeMonitor(env, run),
            "RecordEpisodeStatistics": RecordEpisodeStatistics,
        }
        bare_us = min(step_us(Idle()) for _ in range(5))
        print("\nadded to a timestep, without video")
        for kind, put_around in wrappers.items():
            added_us = min(step_us(put_around(Idle())) for _ in range(5)) - bare_us
            bound = f"   bound {STEP_BOUND_US:g} µs" if kind == "EpisodeMonitor" else ""
            print(f"  {kind:24} {added_us:6.2f} µs{bound}")
        run.finish()


if __name__ == "__main__":
    main()
