"""Two trainings with the same choices have the same config, and others do not."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.wrappers import TransformReward
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecNormalize

import rltrack
from rltrack.callbacks import SB3Callback
from rltrack.callbacks._sb3_env import env_facts
from rltrack.callbacks._sb3_hyperparameters import hyperparameters
from rltrack.journal.records import RunChanged


def config_of(model: BaseAlgorithm) -> dict[str, Any]:
    assert model.env is not None
    config = hyperparameters(model, env_facts(model.env), 1000)
    json.dumps(config)  # plain all the way down
    return config


def test_numbers_stay_numbers_and_none_stays_none() -> None:
    """W&B's callback makes "False", "None" and "FloatSchedule(ConstantSchedule(val=0.2))"."""
    config = config_of(PPO("MlpPolicy", "CartPole-v1", seed=3, device="cpu"))

    expected = {
        "algo": "PPO",
        "policy": "ActorCriticPolicy",
        "env_id": "CartPole-v1",
        "n_envs": 1,
        "total_timesteps": 1000,
        "seed": 3,
        "device": "cpu",
        "action_space": "Discrete(2)",
        "learning_rate": 0.0003,
        "clip_range": 0.2,
        "clip_range_vf": None,
        "normalize_advantage": True,
        "use_sde": False,
        "target_kl": None,
        "policy_kwargs": {},
    }
    assert {key: config[key] for key in expected} == expected
    assert all(type(config[key]) is type(value) for key, value in expected.items())


def test_no_counters_buffers_or_places_of_output() -> None:
    """They differ between two runs of one experiment, so the runs would not group."""
    config = config_of(PPO("MlpPolicy", "CartPole-v1", verbose=1, tensorboard_log="/tmp/x"))

    strange = {"num_timesteps", "start_time", "rollout_buffer", "env", "verbose", "tensorboard_log"}
    assert not strange & config.keys()
    assert not [key for key in config if key.startswith("_")]


def test_two_models_of_the_same_choices_have_equal_configs() -> None:
    """No address of an object, no state: equality is what makes seeds one experiment."""

    def make() -> dict[str, Any]:
        noise = NormalActionNoise(np.zeros(1), 0.1 * np.ones(1))
        return config_of(
            TD3(
                "MlpPolicy",
                "Pendulum-v1",
                action_noise=noise,
                learning_rate=lambda progress: 1e-3 * progress,
                policy_kwargs={"activation_fn": torch.nn.ELU, "optimizer_kwargs": {"eps": 1e-5}},
            )
        )

    assert make() == make()


def test_a_schedule_is_its_kind_its_fields_and_its_values() -> None:
    """Two lambdas have the same name, and nothing else to be told apart by."""
    config = config_of(
        PPO(
            "MlpPolicy",
            "CartPole-v1",
            device="cpu",
            learning_rate=lambda progress: 1e-3 * progress,
            clip_range=LinearSchedule(0.4, 0.2, 0.5),
        )
    )

    assert config["learning_rate"]["kind"].endswith("<lambda>")
    assert config["learning_rate"]["progress_remaining"] == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert config["learning_rate"]["values"] == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4, 0])
    clip = config["clip_range"]
    assert (clip["kind"], clip["start"], clip["end"]) == ("LinearSchedule", 0.4, 0.2)
    assert clip["values"] == pytest.approx([0.4, 0.3, 0.2, 0.2, 0.2])


def test_a_schedule_that_cannot_be_asked_now_does_no_harm() -> None:
    """It is the user's function."""

    def moody(progress: float) -> float:
        if progress < 0.6:
            raise RuntimeError("not yet")
        return 1e-3

    config = config_of(PPO("MlpPolicy", "CartPole-v1", device="cpu", learning_rate=moody))

    assert config["learning_rate"]["values"] == [1e-3, 1e-3, None, None, None]


def test_classes_functions_and_noise_by_name_and_number() -> None:
    """Nested arguments of the policy count as much as others."""
    noise = OrnsteinUhlenbeckActionNoise(np.zeros(1), np.ones(1), theta=0.2)
    config = config_of(
        SAC(
            "MlpPolicy",
            "Pendulum-v1",
            action_noise=noise,
            train_freq=(2, "episode"),
            policy_kwargs={
                "net_arch": {"pi": [8], "qf": [16, 16]},
                "activation_fn": functools.partial(torch.nn.LeakyReLU, negative_slope=0.2),
                "optimizer_class": torch.optim.AdamW,
            },
        )
    )

    assert config["train_freq"] == {"frequency": 2, "unit": "episode"}
    assert config["ent_coef"] == "auto"
    assert config["action_noise"] == {
        "kind": "OrnsteinUhlenbeckActionNoise",
        "theta": 0.2,
        "mu": [0.0],
        "sigma": [1.0],
        "dt": 0.01,
        "initial_noise": None,
    }
    assert config["policy_kwargs"]["net_arch"] == {"pi": [8], "qf": [16, 16]}
    assert config["policy_kwargs"]["activation_fn"] == {
        "kind": "torch.nn.modules.activation.LeakyReLU",
        "negative_slope": 0.2,
    }
    assert config["policy_kwargs"]["optimizer_class"] == "torch.optim.adamw.AdamW"
    assert config["replay_buffer_class"] == "stable_baselines3.common.buffers.ReplayBuffer"


def test_a_subclass_that_passes_the_rest_on_shows_both() -> None:
    """Users derive from PPO with *args and **kwargs."""

    class Mine(PPO):
        def __init__(self, *args: Any, trick: float = 0.5, **kwargs: Any) -> None:
            self.trick = trick
            super().__init__(*args, **kwargs)

    config = config_of(Mine("MlpPolicy", "CartPole-v1", device="cpu", trick=0.25))

    assert (config["algo"], config["trick"], config["gamma"]) == ("Mine", 0.25, 0.99)


def test_arguments_of_the_env_are_choices_too() -> None:
    """Another gravity is another experiment."""
    env = make_vec_env("Pendulum-v1", 2, env_kwargs={"g": 5.0, "render_mode": "rgb_array"})
    config = config_of(A2C("MlpPolicy", env, device="cpu"))

    assert config["env_kwargs"] == {"g": 5.0}
    assert config["n_envs"] == 2


def test_bounds_of_a_large_space_do_not_fill_the_config() -> None:
    """An image space of other bounds per pixel prints megabytes."""

    class Large(gym.Env[Any, Any]):
        observation_space = gym.spaces.Box(
            -np.arange(4000, dtype=np.float32), np.arange(4000, dtype=np.float32)
        )
        action_space = gym.spaces.Discrete(2)

        def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
            return np.zeros(4000, np.float32), {}

    config = config_of(DQN("MlpPolicy", Large(), buffer_size=10))

    assert config["env_id"] is None
    assert len(config["observation_space"]) <= 501
    assert "\n" not in config["observation_space"]


def test_the_users_own_config_wins(root: Any) -> None:
    """Whoever wrote it knows why."""
    run = rltrack.init(project="p", config={"gamma": "own", "seed": 7}, settings={"silent": True})
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, seed=1, device="cpu")
    model.learn(64, callback=SB3Callback(run))

    assert (run.config["gamma"], run.config["seed"]) == ("own", 7)
    assert run.config["gae_lambda"] == 0.95


def test_versions_and_the_env_are_kept_beside_the_run(
    run: rltrack.Run, recorded: Callable[[rltrack.Run], Any]
) -> None:
    """They explain a difference, but are no choice of the experiment."""
    env = VecNormalize(
        make_vec_env("CartPole-v1", 2, wrapper_class=lambda e: TransformReward(e, float)),
        clip_obs=5.0,
    )
    PPO("MlpPolicy", env, n_steps=32, device="cpu").learn(64, callback=SB3Callback(run))

    noted: Any = {}
    for record in recorded(run).records:
        if isinstance(record, RunChanged):
            noted |= record.set["metadata"]
    assert noted["packages"]["torch"] == torch.__version__
    assert noted["env"]["id"] == "CartPole-v1"
    assert noted["env"]["max_episode_steps"] == 500
    assert noted["env"]["num_envs"] == 2
    assert noted["env"]["action_space"] == "Discrete(2)"
    wrappers = {made["name"]: made.get("arguments") for made in noted["env"]["wrappers"]}
    assert list(wrappers)[:3] == ["TransformReward", "Monitor", "TimeLimit"]  # outermost first
    assert wrappers["TransformReward"] == {"func": "builtins.float"}
    assert wrappers["Monitor"]["allow_early_resets"] is True
    assert wrappers["TimeLimit"] == {"max_episode_steps": 500}
    normalize, dummy = noted["env"]["vec_env"]
    assert (normalize["name"], normalize["arguments"]["clip_obs"]) == ("VecNormalize", 5.0)
    assert dummy == {"name": "DummyVecEnv"}
    assert "packages" not in run.config


def test_hindsight_replay_is_named() -> None:
    """A replay buffer's class and arguments are choices."""

    class Goal(gym.Env[Any, Any]):
        observation_space = gym.spaces.Dict(
            {
                name: gym.spaces.Box(-1.0, 1.0, (2,))
                for name in ("observation", "achieved_goal", "desired_goal")
            }
        )
        action_space = gym.spaces.Discrete(2)

        def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
            return -np.linalg.norm(achieved - desired, axis=-1)

        def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
            return self.observation_space.sample(), {}

    model = DQN(
        "MultiInputPolicy",
        Goal(),
        buffer_size=100,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 2},
    )
    config = config_of(model)

    assert config["replay_buffer_class"].endswith("HerReplayBuffer")
    assert config["replay_buffer_kwargs"]["n_sampled_goal"] == 2
    assert not math.isnan(config["gamma"])
